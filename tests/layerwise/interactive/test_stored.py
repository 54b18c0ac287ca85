"""The output that a notebook's file keeps, beside the live page."""

import IPython.display
import pytest

from layerwise.interactive.stored import VIEW, StoredOutput


@pytest.fixture
def displayed(monkeypatch):
    """What was displayed, and what was updated, in order."""
    found = []
    for name in ("display", "update_display"):
        heard = lambda bundle, raw, display_id=None, name=name: found.append(  # noqa: E731
            (name, bundle, raw, display_id)
        )
        monkeypatch.setattr(IPython.display, name, heard)
    return found


def test_the_live_page_comes_first_and_behind_it_what_is_stored(displayed):
    output = StoredOutput()
    assert output.shown is False
    output.show("model", "<p>state</p>", "state")
    assert output.shown is True
    (_, live, _, no_name), (_, stored, _, name) = displayed
    view = {"version_major": 2, "version_minor": 0, "model_id": "model"}
    assert live == {VIEW: view, "text/html": "", "text/plain": ""} and no_name is None
    assert name and stored["text/plain"] == "state"
    style, _, rest = stored["text/html"].partition("</style>")
    assert rest == '\n<div class="lab-stored">\n<p>state</p>\n</div>'
    assert style.count(".jp-OutputArea-child") == 4 and "{ display: none }" in style


def test_another_state_is_stored_under_the_same_name_and_the_same_state_is_not(displayed):
    output = StoredOutput()
    output.show("model", "one", "1")
    output.update("one", "1")
    assert len(displayed) == 2
    output.update("two", "2")
    output.update("two", "2")
    (kind, bundle, raw, name) = displayed[-1]
    assert len(displayed) == 3 and (kind, raw, name) == ("update_display", True, displayed[1][3])
    assert bundle["text/plain"] == "2" and "\ntwo\n" in bundle["text/html"]
