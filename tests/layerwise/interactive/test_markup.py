"""HTML of a live page, and the same as a notebook's file keeps it."""

from layerwise.interactive import markup

BOLD = markup._LOOKS["lab-note"]


def test_an_element_carries_looks_and_attributes_as_text():
    made = markup.element("td", "note cell", "a <b>c</b>", data_send="x<1", tabindex="0")
    told = '<td class="lab-note lab-cell" data-send="x&lt;1" tabindex="0">'
    assert made == f"{told}a <b>c</b></td>"
    assert markup.element("p", "", "words") == "<p>words</p>"


def test_of_a_button_the_words_are_stored_and_of_one_that_copies_nothing():
    copies = markup.element("button", "", "Copy", data_copy="net()", title="Copy this line")
    sends = markup.element("button", "", "stride = 2", data_send="repair:1.0")
    assert markup.stored(f"<p>net() {copies}Works: {sends}</p>") == "<p>net() Works: stride = 2</p>"


def test_a_look_is_stored_in_its_element_and_what_asks_a_page_is_not():
    live = markup.element("p", "note unknown", "words", data_steps="3", tabindex="-1")
    assert markup.stored(live) == f'<p style="{BOLD}">words</p>'
    assert markup.stored(markup.element("p", "unknown", "words")) == "<p>words</p>"
