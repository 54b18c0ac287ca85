"""The buttons under the controls: what they are called, what they send, and which are dead."""

import re

from layerwise.interactive import toolbar

EVERY = {"undo": True, "redo": True, "reset": True, "pin": True}


def html(*, ways=EVERY, pinned=False, preset="", presets=()):
    return toolbar.html(ways, pinned=pinned, preset=preset, presets=presets, line="made.set(a=1)")


def buttons(shown):
    """What each button sends -> its words and whether it is dead."""
    found = re.findall(r'<button data-send="(\w+)"([^>]*)>([^<]*)</button>', shown)
    return {sent: (words, "aria-disabled" in told) for sent, told, words in found}


def test_each_button_has_its_words_and_is_dead_where_it_leads_nowhere():
    words = {"undo": "Undo", "redo": "Redo", "reset": "Reset", "pin": "Pin"}
    assert buttons(html()) == {sent: (word, False) for sent, word in words.items()}
    for dead in EVERY:
        shown = buttons(html(ways={**EVERY, dead: False}))
        assert [sent for sent, (_, off) in shown.items() if off] == [dead]


def test_what_is_pinned_can_be_unpinned_also_while_the_network_is_broken():
    assert buttons(html(ways={**EVERY, "pin": False}, pinned=True))["pin"] == ("Unpin", False)


def test_the_line_that_restores_can_be_copied():
    told = '<button data-copy="made.set(a=1)" title="Copy the line made.set(a=1)">Copy setting'
    assert told in html()


def test_the_menu_has_the_presets_and_a_dash_for_none_of_them():
    assert "<select" not in html()
    names = ["as in the paper", "a < b"]
    options = r'<option value="([^"]*)"( selected="")?>([^<]*)</option>'
    assert re.findall(options, html(presets=names)) == [
        ("", ' selected=""', "–"),
        ("as in the paper", "", "as in the paper"),
        ("a &lt; b", "", "a &lt; b"),
    ]
    assert re.findall(options, html(presets=names, preset="a < b"))[2][1] == ' selected=""'
