"""How the lessons draw: each kind of line has its colour, dash and marker, and its name beside it.

A figure that is made here describes itself in words, for those who cannot see it. `show` takes a
description for a figure of your own.
"""

import sys
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from io import BytesIO
from itertools import cycle, pairwise, zip_longest
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from PIL import Image

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from torch import Tensor

    from course_utils.training import History
    from layerwise import Trace

# Okabe and Ito's colours, which colour-blind readers can tell apart too.
BLUE, ORANGE, GREEN, PINK, GREY = "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#7f7f7f"
STYLES = ((BLUE, "o-"), (ORANGE, "s--"), (GREEN, "^-."), (PINK, "D:"), (GREY, "v-"))
GREYS = {"cmap": "gray", "vmin": 0, "vmax": 1}
MEASURES = {
    "train_loss": "training loss",
    "train_acc": "training accuracy",
    "test_acc": "test accuracy",
}
FEW = 4_000  # colours: a figure has fewer, one with photographs more
FOR_SCREEN_READERS = "position:absolute;width:1px;height:1px;overflow:hidden"


def use_style() -> None:
    """Figures from here on: sharp, no frame, and room made for what is written beside the lines."""
    look: dict[Any, Any] = {
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlesize": "medium",
    }
    size = {"figure.figsize": (6, 3), "figure.dpi": 100, "figure.constrained_layout.use": True}
    plt.rcParams.update(look | size | {"lines.markersize": 3})
    if "IPython" in sys.modules and (shell := sys.modules["IPython"].get_ipython()) is not None:
        from matplotlib_inline.backend_inline import set_matplotlib_formats

        set_matplotlib_formats("retina")
        shell.display_formatter.formatters["image/png"].for_type(Figure, _small_png)


def show(alt: str = "") -> None:
    """Show the current figure, and `alt` to those who cannot see it.

    Without `alt`, its panels are described by the functions here that drew them.
    """
    from IPython.display import HTML, display

    figure = plt.gcf()
    panels = (f"{ax.get_title()}. {ax.get_label()}".lstrip(". ") for ax in figure.axes)
    told = alt or " ".join(panels)
    display(figure, metadata={"image/png": {"alt": told}})  # read by exports, not by JupyterLab
    display(HTML(f'<p style="{FOR_SCREEN_READERS}">Figure: {escape(told)}</p>'))
    plt.close(figure)


def plot_lines(
    kinds: Mapping[str, Iterable[Sequence[float]]],
    ax: "Axes | None" = None,
    *,
    logarithmic: bool = False,
    **axes: Any,
) -> None:
    """Draw a line for each sequence of numbers; those of one kind look alike, its name beside them.

    `axes` is for `ax.set`: xlabel, ylabel, ylim. Places on the x axis are counted from 1.
    Shows the figure unless it is drawn into an `ax` of yours.
    """
    panel = plt.subplots()[1] if ax is None else ax
    panel.set_yscale("log" if logarithmic else "linear")
    ends, told = {}, []
    for (name, lines), (colour, style) in zip(kinds.items(), cycle(STYLES), strict=False):
        drawn = [line for line in lines if len(line)]
        for line in drawn:
            look: dict[str, Any] = {
                "color": colour,
                "markevery": 1 + len(line) // 12,
                "label": name,
            }
            panel.plot(range(1, len(line) + 1), line, style, **look)
        if drawn:
            last = [float(line[-1]) for line in drawn]
            ends[name] = max(map(len, drawn)), sum(last) / len(last), colour
            told.append(f"{name}, {_told(last)}")
    panel.set_xlim(0.5, 0.5 + max((x for x, _, _ in ends.values()), default=1))
    panel.set(**axes)
    panel.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    _write_at_the_ends(panel, ends)
    axes_told = " by ".join(filter(None, (panel.get_ylabel(), panel.get_xlabel())))
    panel.set_label(f"{axes_told}: {'; '.join(told)}.")
    if ax is None:
        show()


def plot_runs(
    kinds: Mapping[str, Iterable["History"]],
    measure: str = "test_acc",
    ax: "Axes | None" = None,
    **axes: Any,
) -> None:
    """Draw what `fit` saw, a line for each run: "test_acc", "train_acc" or "train_loss"."""
    lines = {name: [getattr(run, measure) for run in runs] for name, runs in kinds.items()}
    limits = {"ylim": (0, 1)} if measure.endswith("acc") else {}
    plot_lines(lines, ax, **{"xlabel": "epoch", "ylabel": MEASURES[measure]} | limits | axes)


def plot_costs(trace: "Trace", parts: Mapping[str, str] | None = None) -> None:
    """Draw the share of the parameters, and of the MACs, that each part of a network has.

    `parts`: a name for each submodule's path, such as {"conv 1": "0"}; all that have parameters
    or MACs, by their paths, unless given.
    """
    groups: dict[str, list] = {}
    for step in trace.steps:
        groups.setdefault(step.path.split(".")[0], []).append(step)
    paths = [path for path, steps in groups.items() if any(s.params or s.macs for s in steps)]
    named = parts or {path: path for path in paths}
    _, panel = plt.subplots(figsize=(6.5, 0.6 + 0.42 * len(named)))
    told = []
    for what, shift, colour, hatch in (("params", -0.2, BLUE, ""), ("macs", 0.2, ORANGE, "////")):
        total, word = getattr(trace, what), "parameters" if what == "params" else "MACs"
        shares = [100 * sum(getattr(s, what) for s in groups[p]) / total for p in named.values()]
        places = [place + shift for place in range(len(named))]
        panel.barh(places, shares, 0.38, color=colour, hatch=hatch, edgecolor="white")
        for place, share in zip(places, shares, strict=True):
            most = share == max(shares)
            text = f"{share:.1f} % of the {word}" if most else f"{share:.1f}"
            weight, ink = ("bold", colour) if most else ("normal", "black")
            panel.text(share + 0.7, place, text, va="center", fontsize=8, weight=weight, color=ink)
        each = [f"{name} {share:.1f} %" for name, share in zip(named, shares, strict=True)]
        told.append(f"{word}: {', '.join(each)}")
    panel.set(yticks=range(len(named)), yticklabels=named, xlabel="% of the network's total")
    panel.invert_yaxis()
    panel.set_label(f"Bars, a pair for each part. Share of the {'; share of the '.join(told)}.")
    show()


def show_images(
    images: Iterable["Tensor"],
    titles: Iterable[str] = (),
    *,
    columns: int = 8,
    signed: bool = False,
    inches: float = 1.2,
    alt: str = "",
) -> None:
    """Draw images or maps in a grid: each rows × columns, or 1 or 3 × rows × columns.

    Grey and colour images are in [0, 1]. `signed` maps share one scale, with white for 0, red
    above it and blue below. Each is `inches` wide. Describe in `alt` what there is to see.
    """
    drawn = [
        image.detach().cpu().movedim(0, -1).squeeze(-1).numpy()
        for image in map(_with_channel, images)
    ]
    rows, columns = -(-len(drawn) // columns), min(columns, len(drawn))
    _, axes = plt.subplots(
        rows, columns, figsize=(inches * columns, (inches + 0.2) * rows), squeeze=False
    )
    most = max(abs(image).max() for image in drawn) or 1
    look = {"cmap": "RdBu_r", "vmin": -most, "vmax": most} if signed else GREYS
    for ax in axes.flat:
        ax.axis("off")
    for ax, image, title in zip_longest(axes.flat, drawn, titles):
        if image is not None:
            ax.imshow(image, interpolation="nearest", **look)
            ax.set_title(title or "", fontsize=8)
    show(alt or f"{len(drawn)} images.")


def plot_confusion(counts: Sequence[Sequence[int]], classes: Sequence[str]) -> None:
    """Draw how often each class (a row) was taken for each (a column), and write the counts."""
    _, ax = plt.subplots(figsize=(6, 4.4))
    shares = [[count / max(sum(row), 1) for count in row] for row in counts]
    ax.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for i, row in enumerate(counts):
        for j, count in enumerate(row):
            ink = "white" if shares[i][j] > 0.5 else "black"
            ax.text(j, i, str(count), ha="center", va="center", fontsize=7, color=ink)
    places = range(len(classes))
    ax.set(yticks=places, yticklabels=classes, xlabel="answer", ylabel="true class")
    ax.set_xticks(places, classes, rotation=45, ha="right")
    pairs = [(counts[i][j], i, j) for i in places for j in places if i != j]
    worst = [f"{classes[i]} as {classes[j]}, {n} times" for n, i, j in sorted(pairs)[:-4:-1]]
    right = [f"{name} {counts[i][i]}" for i, name in enumerate(classes)]
    ax.set_label(f"Right: {', '.join(right)}. The commonest mistakes: {'; '.join(worst)}.")
    show()


def _small_png(figure: Figure) -> "tuple[str, dict[str, int]] | None":
    """The figure with twice the pixels, in base64, and its size on the page.

    256 colours of its own are a third of the bytes, and nobody sees that they are not all.
    """
    from IPython.core.pylabtools import retina_figure

    if (made := retina_figure(figure)) is None:
        return None
    picture = Image.open(BytesIO(made[0])).convert("RGB")
    if picture.getcolors(FEW):
        picture = picture.quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    packed = BytesIO()
    picture.save(packed, "PNG", optimize=True)
    return b64encode(packed.getvalue()).decode("ascii"), made[1]


def _with_channel(image: "Tensor") -> "Tensor":
    return image if image.ndim == 3 else image[None]


def _told(last: list[float]) -> str:
    if len(last) == 1:
        return f"1 line that ends at {last[0]:.2g}"
    return f"{len(last)} lines that end at {min(last):.2g} to {max(last):.2g}"


def _write_at_the_ends(ax: "Axes", ends: Mapping[str, tuple[float, float, str]]) -> None:
    """Write each name beside the end (x, y) of its lines, apart from the others."""
    ax.get_ylim()  # brings the limits up to date
    gap = 1.3 * plt.rcParams["font.size"] / 72 * ax.figure.dpi / ax.get_window_extent().height
    to_share = (ax.transData + ax.transAxes.inverted()).transform
    heights = [to_share((x, y))[1] for x, y, _ in ends.values()]
    where: dict[str, Any] = {
        "xycoords": ax.get_xaxis_transform(),
        "textcoords": "offset points",
        "va": "center",
    }
    for (name, (x, _, colour)), height in zip(ends.items(), _apart(heights, gap), strict=True):
        ax.annotate(name, (x, height), (8, 0), color=colour, fontweight="bold", **where)


def _apart(places: Sequence[float], gap: float) -> list[float]:
    """The places, in their order, moved little until neighbours are `gap` from each other."""
    moved, order = list(places), sorted(range(len(places)), key=places.__getitem__)
    for _ in range(100):
        for below, above in pairwise(order):
            push = max(0, gap - (moved[above] - moved[below])) / 2
            moved[below], moved[above] = moved[below] - push, moved[above] + push
    return moved
