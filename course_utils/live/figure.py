"""The picture in a notebook page, alive: facts under the pointer, blocks that unfold.

What the browser does stands in `figure.js`, what it looks like in `figure.css`.
"""

from pathlib import Path

import anywidget
import traitlets

from course_utils.diagram import default_unfolded, svg
from course_utils.outline import outline
from course_utils.tracing import Trace

_HERE = Path(__file__).parent


class Figure(anywidget.AnyWidget):
    """Shows `svg` (as `diagram.svg` makes it); a click on a block changes `unfolded`.

    Whoever owns the figure observes `unfolded` and answers with a new `svg`.
    """

    _esm = _HERE / "figure.js"
    _css = _HERE / "figure.css"

    svg = traitlets.Unicode().tag(sync=True)
    unfolded = traitlets.List(traitlets.Unicode()).tag(sync=True)

    @classmethod
    def of(cls, t: Trace, **marks: object) -> "Figure":
        """A figure of one trace that redraws itself; `marks` are those of `diagram.svg`."""
        start = default_unfolded(outline(t))
        figure = cls(svg=svg(t, start, **marks), unfolded=start)
        figure.observe(
            lambda change: setattr(figure, "svg", svg(t, change["new"], **marks)), "unfolded"
        )
        return figure
