"""The picture in a notebook page, alive: facts under the pointer, blocks that unfold.

What the browser does stands in `figure.js`, what it looks like in `figure.css`.
"""

from pathlib import Path

import anywidget
import traitlets

_HERE = Path(__file__).parent


class Figure(anywidget.AnyWidget):
    """Shows `svg` (as `diagram.svg` makes it); a click on a block changes `unfolded`.

    Whoever owns the figure observes `unfolded` and answers with a new `svg`.
    """

    _esm = _HERE / "figure.js"
    _css = _HERE / "figure.css"

    svg = traitlets.Unicode().tag(sync=True)
    unfolded = traitlets.List(traitlets.Unicode()).tag(sync=True)
