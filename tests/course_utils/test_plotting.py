import itertools
from base64 import b64decode
from io import BytesIO

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
import torch
from PIL import Image
from torch import nn

from course_utils import plotting
from course_utils.plotting import (
    plot_confusion,
    plot_costs,
    plot_lines,
    plot_runs,
    show,
    show_images,
    use_style,
)
from course_utils.training import History
from layerwise import trace

mpl.use("Agg")
KINDS = {"plain": [[3.0, 2.0], [3.0, 2.2]], "residual": [[2.0, 1.0]]}


@pytest.fixture(autouse=True)
def style():
    with mpl.rc_context():
        use_style()
        yield
    plt.close("all")


@pytest.fixture
def shown(monkeypatch):
    """What a notebook is given: (figure, its alternative text)."""
    found = []

    def display(thing, metadata=None):
        if metadata:
            found.append((thing, metadata["image/png"]["alt"]))

    monkeypatch.setattr("IPython.display.display", display)
    return found


def names(ax):
    """Name -> (colour, box on the canvas), of what is written beside the lines."""
    ax.figure.canvas.draw()
    return {t.get_text(): (t.get_color(), t.get_window_extent()) for t in ax.texts}


def test_lines_of_one_kind_look_alike_and_the_kinds_differ_without_colour(shown):
    plot_lines(KINDS, xlabel="epoch", ylabel="training loss")
    (ax,) = shown[0][0].axes
    looks = [(x.get_color(), x.get_linestyle(), x.get_marker()) for x in ax.lines]
    assert looks[0] == looks[1] != looks[2]
    assert looks[0][1:] != looks[2][1:]
    assert {name: colour for name, (colour, _) in names(ax).items()} == {
        "plain": looks[0][0],
        "residual": looks[2][0],
    }
    assert not ax.get_legend()


def test_the_figure_describes_itself(shown):
    plot_lines(KINDS, xlabel="epoch", ylabel="training loss")
    assert shown[0][1] == (
        "training loss by epoch: plain, 2 lines that end at 2 to 2.2; "
        "residual, 1 line that ends at 1."
    )
    assert not plt.get_fignums()  # shown once, not a second time at the end of the cell


@pytest.mark.parametrize("logarithmic", [False, True])
def test_names_stand_beside_their_lines_and_apart(logarithmic):
    _, ax = plt.subplots()
    ends = {"a": 1.0, "b": 1.01, "c": 0.99, "d": 100.0}
    plot_lines({name: [[1.0, end]] for name, end in ends.items()}, ax, logarithmic=logarithmic)
    boxes = {name: box for name, (_, box) in names(ax).items()}
    for one, other in itertools.combinations(boxes.values(), 2):
        assert not one.overlaps(other)
    centres = {name: (box.y0 + box.y1) / 2 for name, box in boxes.items()}
    assert sorted(centres, key=centres.get) == ["c", "a", "b", "d"]
    for name in ("a", "d"):  # the middle of the three, and the one that is alone
        assert centres[name] == pytest.approx(ax.transData.transform((2, ends[name]))[1], abs=8)
    assert all(box.x0 > ax.transData.transform((2, 1))[0] for box in boxes.values())


def test_places_move_only_as_far_as_needed():
    assert plotting._apart([0.0, 5.0], 1.0) == [0.0, 5.0]
    assert plotting._apart([5.0, 5.0], 1.0) == [4.5, 5.5]
    assert plotting._apart([0.5, 0.0, 9.0], 1.0) == [0.75, -0.25, 9.0]
    moved = plotting._apart([3.0, 2.9, 3.1, 1.9], 1.0)
    assert min(b - a for a, b in itertools.pairwise(sorted(moved))) == pytest.approx(1, abs=1e-3)
    assert sum(moved) == pytest.approx(3.0 + 2.9 + 3.1 + 1.9)  # about where they were
    assert sorted(range(4), key=moved.__getitem__) == [3, 1, 0, 2]


def test_runs_are_drawn_by_their_measure(shown):
    run = History(train_loss=[2.0, 1.0], train_acc=[0.3, 0.6], test_acc=[0.2, 0.5])
    plot_runs({"ReLU": [run]})
    plot_runs({"ReLU": [run]}, "train_loss")
    first, second = (figure.axes[0] for figure, _ in shown)
    assert first.lines[0].get_ydata().tolist() == [0.2, 0.5]
    assert first.get_ylim() == (0, 1) and first.get_ylabel() == "test accuracy"
    assert second.lines[0].get_ydata().tolist() == [2.0, 1.0]
    assert second.get_ylabel() == "training loss"


def test_panels_of_ones_own_are_shown_together(shown):
    _, (left, right) = plt.subplots(1, 2)
    plot_lines(KINDS, left, title="left")
    plot_lines({"ReLU": [[1.0]]}, right, title="right")
    assert not shown
    show()
    assert "left. " in shown[0][1] and "right. " in shown[0][1] and "ReLU" in shown[0][1]
    plt.subplots()
    show("A photograph of a flower.")
    assert shown[1][1] == "A photograph of a flower."


def test_costs_are_shares_of_the_whole(shown):
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 10))
    t = trace(net, (1, 1, 8, 8))
    plot_costs(t, {"conv": "0", "linear": "3"})
    plot_costs(t)
    figure, alt = shown[0]
    widths = [bar.get_width() for bar in figure.axes[0].patches]
    conv, linear = t.steps[0], t.steps[-1]
    shares = (
        conv.params / t.params,
        linear.params / t.params,
        conv.macs / t.macs,
        linear.macs / t.macs,
    )
    assert widths == pytest.approx([100 * share for share in shares])
    assert f"parameters: conv {widths[0]:.1f} %, linear {widths[1]:.1f} %" in alt
    assert [tick.get_text() for tick in shown[1][0].axes[0].get_yticklabels()] == ["0", "3"]
    written = [text.get_text() for text in figure.axes[0].texts]
    assert written[1] == f"{widths[1]:.1f} % of the parameters"  # at the longest bar of a kind
    assert written[0] == f"{widths[0]:.1f}"


def test_images_of_every_form_are_drawn_in_a_grid(shown):
    images = [torch.rand(4, 6), torch.rand(1, 4, 6), torch.rand(3, 4, 6)]
    show_images(images, ["a", "b"], columns=2, alt="Three.")
    ((figure, told),) = shown
    shapes = [ax.images[0].get_array().shape if ax.images else None for ax in figure.axes]
    assert shapes == [(4, 6), (4, 6), (4, 6, 3), None] and told == "Three."
    assert [ax.get_title() for ax in figure.axes] == ["a", "b", "", ""]


def test_signed_maps_share_one_scale(shown):
    show_images([torch.full((2, 2), -3.0), torch.ones(2, 2)], signed=True)
    show_images([torch.zeros(2, 2)], signed=True)
    assert [ax.images[0].get_clim() for ax in shown[0][0].axes] == [(-3, 3), (-3, 3)]
    assert shown[1][0].axes[0].images[0].get_clim() == (-1, 1)


def test_confusion_is_shown_and_told(shown):
    plot_confusion([[8, 2, 0], [0, 9, 1], [5, 0, 5]], ["cat", "dog", "ship"])
    ((figure, told),) = shown
    assert [text.get_text() for text in figure.axes[0].texts] == list("820091505")
    assert figure.axes[0].images[0].get_array()[2].tolist() == [0.5, 0, 0.5]
    inks = [text.get_color() for text in figure.axes[0].texts]
    assert (inks[0], inks[1], inks[6]) == ("white", "black", "black")  # of 0.8, 0.2 and 0.5
    assert "cat 8, dog 9, ship 5" in told
    assert "ship as cat, 5 times; cat as dog, 2 times; dog as ship, 1 times" in told


def test_a_notebook_keeps_the_description():
    """As IPython makes it of a figure: the PNG's metadata holds the text and the size."""
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.capture import capture_output
    from matplotlib_inline.backend_inline import set_matplotlib_formats

    InteractiveShell.instance()
    set_matplotlib_formats("retina")
    with capture_output() as captured:
        plot_lines({"a < b": [[1.0]]}, xlabel="epoch", ylabel="loss")
    output, hidden = captured.outputs
    assert "Figure: loss by epoch: a &lt; b, 1 line" in hidden.data["text/html"]
    assert "position:absolute;width:1px;height:1px" in hidden.data["text/html"]
    assert output.data["image/png"]
    assert output.metadata["image/png"]["alt"].startswith("loss by epoch: a < b")
    assert output.metadata["image/png"]["width"] < 900


@pytest.mark.parametrize(("photographs", "mode"), [(False, "P"), (True, "RGB")])
def test_a_figure_has_a_palette_and_a_photograph_keeps_its_colours(photographs, mode):
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.capture import capture_output

    InteractiveShell.instance()
    use_style()
    with capture_output() as captured:
        if photographs:
            show_images([torch.rand(3, 96, 96)])
        else:
            plot_lines(KINDS)
    output = captured.outputs[0]
    picture = Image.open(BytesIO(b64decode(output.data["image/png"])))
    assert picture.mode == mode
    assert picture.width // 2 == output.metadata["image/png"]["width"]


def test_style_makes_no_notebook_where_there_is_none():
    import ipykernel  # noqa: F401  what imports it is not yet a kernel
    from IPython import get_ipython

    use_style()
    assert get_ipython() is None


def test_history_is_drawn_into_an_ax():
    _, ax = plt.subplots()
    History([2.0, 1.0], [0.3, 0.6], [0.2, 0.5]).plot(ax)
    assert set(names(ax)) == {"train loss", "train acc", "test acc"}


def test_torch_numbers_may_be_drawn(shown):
    plot_lines({"a": torch.ones(2, 3)}, ylabel="size")
    assert "a, 2 lines that end at 1 to 1" in shown[0][1]
