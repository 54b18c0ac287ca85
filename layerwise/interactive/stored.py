"""What a notebook's file keeps of a lab: an output of its own, hidden while the live page lives.

In one output the view of a widget outranks HTML, and a notebook opened again has no widgets: it
would say "model not found", and nothing else.
"""

from uuid import uuid4

VIEW = "application/vnd.jupyter.widget-view+json"
# Of the two outputs, one shows. Where a notebook is not trusted this is removed, and no view shows.
_ONE_OF_TWO = """<style>
.jp-OutputArea-child:has(.course-lab) + .jp-OutputArea-child:has(.lab-stored),
.jp-OutputArea-child:not(:has(.course-lab)):has(+ .jp-OutputArea-child .lab-stored)
{ display: none }
</style>"""


class StoredOutput:
    """The stored output of one lab, which may be on show in several cells."""

    def __init__(self) -> None:
        self._id = uuid4().hex
        self._html: str | None = None  # what is stored now

    @property
    def shown(self) -> bool:
        """Whether there is anything to update."""
        return self._html is not None

    def show(self, model_id: str, html: str, text: str) -> None:
        """Display the live page, and behind it what is stored."""
        from IPython.display import display

        self._html = html
        view = {"version_major": 2, "version_minor": 0, "model_id": model_id}
        display({VIEW: view, "text/html": "", "text/plain": ""}, raw=True)
        display(_bundle(html, text), raw=True, display_id=self._id)

    def update(self, html: str, text: str) -> None:
        """Store another state, wherever the lab is on show; the same state changes no notebook."""
        from IPython.display import update_display

        if html != self._html:
            self._html = html
            update_display(_bundle(html, text), raw=True, display_id=self._id)


def _bundle(html: str, text: str) -> dict[str, str]:
    wrapped = f'{_ONE_OF_TWO}\n<div class="lab-stored">\n{html}\n</div>'
    return {"text/html": wrapped, "text/plain": text}
