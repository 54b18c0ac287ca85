"""The picture: complete, well formed, nothing on anything else, for networks of every kind."""

import base64
import random
from functools import cache
from itertools import combinations, pairwise
from xml.etree import ElementTree as ET

import draw_images
import pytest
import torch
import torchvision
from gallery import inception, two_basic_blocks
from torch import nn
from torch.nn import functional as F

from course_utils import nets
from layerwise import trace
from layerwise.diagram.box_sizes import LINE, box_size, text_width
from layerwise.diagram.drawing import default_unfolded, draw, svg
from layerwise.diagram.graph import Item, View, keeps_shape, title
from layerwise.diagram.layout import HEADER, MARGIN, layout
from layerwise.diagram.repeats import MOST_BOXES, foldable
from layerwise.diagram.scene import Box
from layerwise.tracing.building import run
from layerwise.tracing.module_tree import levels, outline
from layerwise.views.comparison import Status, compare
from layerwise.views.merged_tree import merged

IMAGE = (1, 1, 224, 224)
SVG = "{http://www.w3.org/2000/svg}"


class UNet(nn.Module):
    """Two levels down and up, each with a long skip to a concat."""

    def __init__(self):
        super().__init__()
        self.down1, self.down2 = self.convs(1, 8), self.convs(8, 16)
        self.bottom = self.convs(16, 32)
        self.up2, self.up1 = nn.ConvTranspose2d(32, 16, 2, 2), nn.ConvTranspose2d(16, 8, 2, 2)
        self.merge2, self.merge1 = self.convs(32, 16), self.convs(16, 8)
        self.out = nn.Conv2d(8, 2, 1)

    @staticmethod
    def convs(channels, out):
        first = nn.Conv2d(channels, out, 3, padding=1)
        return nn.Sequential(first, nn.ReLU(), nn.Conv2d(out, out, 3, padding=1), nn.ReLU())

    def forward(self, x):
        a = self.down1(x)
        b = self.down2(F.max_pool2d(a, 2))
        c = self.bottom(F.max_pool2d(b, 2))
        y = self.merge2(torch.cat([b, self.up2(c)], dim=1))
        y = self.merge1(torch.cat([a, self.up1(y)], dim=1))
        return self.out(y)


class Tangle(nn.Module):
    """A random network: each of its maps reads one to four of all that were before."""

    def __init__(self, seed):
        super().__init__()
        choose = random.Random(seed)  # noqa: S311  no secret
        self.plan, self.reads = [], []
        for number in range(choose.randint(4, 14)):
            self.plan.append(choose.choice(["conv", "relu", "add", "cat", "block"]))
            count = 1 if self.plan[-1] in ("conv", "relu", "block") else choose.randint(2, 4)
            recent = max(0, number + 1 - choose.choice([2, 4, 30]))
            self.reads.append([choose.randint(recent, number) for _ in range(count)])
        self.conv = nn.ModuleList([nn.LazyConv2d(4, 3, padding=1) for _ in self.plan])
        self.block = nn.ModuleList([Split(seed % 2) for _ in self.plan])

    def forward(self, x):
        made = [x]
        for i, (op, reads) in enumerate(zip(self.plan, self.reads, strict=True)):
            given = [made[n] for n in reads]
            if op == "add":
                made.append(sum(given[1:], start=given[0]))
            elif op == "cat":
                made.append(self.conv[i](torch.cat(given, dim=1)))
            elif op == "block":
                made.append(self.block[i](given[0]))
            else:
                made.append(F.relu(given[0]) if op == "relu" else self.conv[i](given[0]))
        return made[-1]


class Split(nn.Module):
    """Two branches, and with `skip` the input as well, that are added."""

    def __init__(self, skip):
        super().__init__()
        self.left = nn.Sequential(nn.Conv2d(4, 4, 1), nn.ReLU(), nn.Conv2d(4, 4, 1))
        self.right, self.skip = nn.Conv2d(4, 4, 1), skip

    def forward(self, x):
        y = self.left(x) + self.right(x)
        return y + x if self.skip else y


def dense_block():
    return torchvision.models.densenet._DenseBlock(5, 8, 4, 8, 0.0)


def vit():
    return torchvision.models.vit_b_16(weights=None)


def mobilenet():
    return torchvision.models.mobilenet_v3_small(weights=None)


def resnet18():
    return torchvision.models.resnet18(weights=None)


NETWORKS = {
    "lenet": (nets.lenet, (1, 1, 28, 28)),
    "alexnet": (nets.alexnet, (1, 1, 224, 224)),
    "vgg": (nets.vgg, (1, 1, 224, 224)),
    "nin": (nets.nin, (1, 1, 224, 224)),
    "googlenet": (nets.googlenet, (1, 1, 96, 96)),
    "resnet18": (resnet18, (1, 3, 224, 224)),
    "basic_blocks": (two_basic_blocks, (128, 64, 28, 28)),
    "dense_block": (dense_block, (2, 8, 16, 16)),
    "unet": (UNet, (1, 1, 64, 64)),
    "vit": (vit, (1, 3, 224, 224)),
    "mobilenet": (mobilenet, (1, 3, 96, 96)),
    **{f"tangle{seed}": (lambda seed=seed: Tangle(seed), (1, 4, 16, 16)) for seed in range(16)},
}
FOLDS = ("none", "default", "all")


def tree(t):
    return foldable(outline(t))


@cache
def traced(name):
    build, shape = NETWORKS[name]
    with torch.device("meta"):
        return trace(build().eval(), shape)


def blocks(t):
    return [block for level in levels(tree(t)) for block in level]


def unfolded(t, fold):
    if fold == "default":
        return default_unfolded(tree(t))
    return [block.id for block in blocks(t)] if fold == "all" else []


@cache
def scene(name, fold):
    t = traced(name)
    return layout(tree(t), unfolded(t, fold))


def every(*, folds=FOLDS):
    return pytest.mark.parametrize(("name", "fold"), [(n, f) for n in NETWORKS for f in folds])


# ------------------------------------------------------------------- what is shown


@every()
def test_every_step_is_in_one_box(name, fold):
    shown = View(tree(traced(name)), unfolded(traced(name), fold))
    found = [step.index for item in shown.items for step in item.steps if step.op != "Identity"]
    wanted = [step.index for step in traced(name).steps if step.op != "Identity"]
    assert sorted(found) == wanted


@pytest.mark.parametrize("name", NETWORKS)
def test_every_feature_map_has_a_box_of_its_own_when_all_is_unfolded(name):
    boxes = scene(name, "all").boxes
    assert not [box for box in boxes if box.item.kind == "block"]
    for box in boxes:
        assert all(keeps_shape(step) for step in box.item.steps[1:])
    changing = [step for step in traced(name).steps if not keeps_shape(step)]
    firsts = sorted((box.item.steps[0] for box in boxes[1:]), key=lambda step: step.index)
    assert [step for step in firsts if not keeps_shape(step)] == changing


def test_alexnet_shows_its_twelve_maps_and_names_what_follows_them():
    boxes = scene("alexnet", "default").boxes
    titles = [box.title for box in boxes]
    assert titles == (
        "1×224×224 96×54×54 96×26×26 256×26×26 256×12×12 384×12×12 384×12×12 256×12×12 "
        "256×5×5 6,400 4,096 4,096 10"
    ).split(" ")
    assert boxes[1].lines == ["Conv2d", "11×11 /4", "ReLU"]
    assert boxes[-2].lines == ["Linear", "ReLU", "Dropout"]


@every()
def test_sources_of_boxes_are_those_of_their_steps(name, fold):
    shown = View(tree(traced(name)), unfolded(traced(name), fold))
    home = {step.index: item.number for item in shown.items for step in item.steps} | {-1: 0}
    for step in traced(name).steps:  # an Identity stands where its source stands
        if step.op == "Identity" and step.index not in home:
            home[step.index] = home[step.sources[0]]
    for item in shown.items:
        wanted = {home[source] for step in item.steps for source in step.sources}
        assert shown.sources[item.number] == sorted(wanted - {item.number})


def test_a_normalization_that_a_shortcut_passes_by_is_not_drawn_into_the_map():
    class Forked(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.norm = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4)

        def forward(self, x):
            y = self.conv(x)
            return self.norm(y) + y

    boxes = layout(tree(trace(Forked(), (2, 1, 8, 8))), []).boxes
    assert [box.item.kind for box in boxes] == ["input", "map", "slab", "join"]


# ------------------------------------------------------------------------- places


def rectangle(thing):
    x, y, width, height = thing.area
    return x, y, x + width, y + height


def overlap(a, b):
    return min(a[2], b[2]) - max(a[0], b[0]) > 0.01 and min(a[3], b[3]) - max(a[1], b[1]) > 0.01


def inside(a, b):
    return a[0] >= b[0] and a[1] >= b[1] and a[2] <= b[2] and a[3] <= b[3]


@every()
def test_nothing_overlaps(name, fold):
    s = scene(name, fold)
    for one, other in combinations(map(rectangle, s.boxes), 2):
        assert not overlap(one, other)
    for group in s.groups:
        frame = rectangle(group)
        head = (frame[0], frame[1], frame[2], frame[1] + HEADER - 2)
        numbers = {step.index for step in group.block.steps}
        for thing in s.things:
            if thing is group:
                continue
            steps = thing.item.steps if isinstance(thing, Box) else thing.block.steps
            within = bool(steps) and {step.index for step in steps} <= numbers
            holds = not isinstance(thing, Box) and numbers < {step.index for step in steps}
            assert holds or inside(rectangle(thing), frame) == within
            assert holds or within or not overlap(rectangle(thing), frame)
            assert holds or not overlap(rectangle(thing), head)


@every()
def test_words_and_boxes_are_within_the_canvas(name, fold):
    s = scene(name, fold)
    canvas = (MARGIN / 2, MARGIN / 2, s.width - MARGIN / 2, s.height - MARGIN / 2)
    for thing in s.things:
        assert inside(rectangle(thing), canvas)
    for box in s.boxes:
        assert all(text_width(line) <= box.area.width for line in (*box.lines, box.title))
        low = box.middle + box.size.height / 2 + LINE * len(box.lines)
        assert low <= box.area.y + box.area.height
    for group in s.groups:
        assert text_width(title(group.block)) + 20 <= group.area.width
    points = [point for wire in s.wires for point in wire.points]
    assert all(0 <= x <= s.width and 0 <= y <= s.height for x, y in points)


def drawn(wire):
    """Points along a wire as it is drawn: straight lines, and curves as cubic Béziers."""
    for (x, y), (a, b) in pairwise(wire.points):
        for i in range(33):
            u = i / 32
            if a == x or b == y or wire.turns:
                yield x + u * (a - x), y + u * (b - y)
            else:
                across = 3 * u * (1 - u) / 2 + u**3  # both controls are half way
                yield x + (a - x) * across, y + (b - y) * (3 * u * u - 2 * u**3)


@every()
def test_no_wire_runs_through_a_box_that_it_does_not_join(name, fold):
    s = scene(name, fold)
    homes = {box.item.number: rectangle(box) for box in s.boxes}
    for wire in s.wires:
        own = {wire.source, wire.target}
        others = [r for number, r in homes.items() if number not in own]
        for x, y in drawn(wire):
            assert not any(a + 0.1 < x < c - 0.1 and b + 0.1 < y < d - 0.1 for a, b, c, d in others)


def touches(wire, point):
    """Whether a point lies on a wire: on one of its corners, or on a level part of it."""
    x, y = point
    for (a, b), (c, d) in pairwise(wire.points):
        level = abs(b - d) < 0.01 and abs(y - b) < 0.01
        if level and min(a, c) - 0.01 <= x <= max(a, c) + 0.01:
            return True
    return any(abs(a - x) < 0.01 and abs(b - y) < 0.01 for a, b in wire.points)


def reached(s, source):
    """The boxes to which unbroken lines lead from the box `source`."""
    box = next(box for box in s.boxes if box.item.number == source)
    pieces = [wire for wire in s.wires if wire.source == source]
    right = box.left + box.size.length + box.size.right
    live = [
        wire
        for wire in pieces
        if box.left <= wire.points[0][0] <= right + 0.01
        and abs(wire.points[0][1] - box.middle) < 0.01
    ]
    rest = [wire for wire in pieces if wire not in live]
    while True:
        found = [w for w in rest if any(touches(known, w.points[0]) for known in live)]
        if not found:
            assert not rest, "a piece of a wire that hangs in the air"
            return {wire.target: wire for wire in live if wire.target is not None}
        live += found
        rest = [wire for wire in rest if wire not in found]


@every()
def test_an_unbroken_line_leads_along_every_edge_and_no_other(name, fold):
    s = scene(name, fold)
    faces = {box.item.number: box for box in s.boxes}
    for source in faces:
        ends = reached(s, source)
        wanted = {n for n, given in enumerate(s.view.sources) if source in given}
        assert set(ends) == wanted
        for target, wire in ends.items():
            box, (x, y) = faces[target], wire.points[-1]
            assert x == pytest.approx(box.left)
            assert abs(y - box.middle) <= box.size.height / 2


def test_wires_that_end_at_one_box_end_apart():
    s = scene("dense_block", "all")
    last = [wire.points[-1] for wire in s.wires if wire.target == s.boxes[-1].item.number]
    assert len(last) == len(set(last)) == 6


# -------------------------------------------------------------------------- sizes


def size(*shape):
    return box_size(Item(0, "map", "@0", (1, *shape)))


def test_height_follows_rows_and_length_channels():
    rows = [size(64, n, 16).height for n in (1, 2, 7, 14, 28, 56, 112, 224)]
    channels = [size(n, 16, 16).length for n in (3, 6, 16, 64, 96, 256, 1024, 2048)]
    features = [size(n).height for n in (2, 10, 84, 400, 4096, 25088)]
    for sizes in (rows, channels, features):
        assert sizes == sorted(sizes) and len(set(sizes)) == len(sizes)
    assert size(64, 224, 16).height == pytest.approx(2 * size(64, 56, 16).height)
    assert size(256, 9, 9).length == pytest.approx(2 * size(64, 9, 9).length)
    assert size(4096).height == pytest.approx(2 * size(64).height)


def test_a_wide_network_goes_on_in_further_rows():
    assert all(scene(name, "all").width < 1050 for name in NETWORKS)
    tops = [box.middle for box in scene("vgg", "default").boxes]
    assert len(set(tops)) > 1


# ------------------------------------------------------------------------ folding


@pytest.mark.parametrize("name", NETWORKS)
def test_every_block_unfolds_and_folds_again(name):
    t = traced(name)
    everything = [block.id for block in blocks(t)]
    assert len(set(everything)) == len(everything)
    for block in blocks(t)[:40]:
        outer = [b.id for b in blocks(t) if set(b.steps) > set(block.steps)]
        closed = layout(tree(t), outer)
        assert block.id in [box.item.id for box in closed.boxes]
        opened = layout(tree(t), [*outer, block.id])
        assert block.id in [group.block.id for group in opened.groups]
        assert block.id not in [box.item.id for box in opened.boxes]
        assert len(opened.boxes) > len(closed.boxes)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_picture_that_chooses_for_itself_is_readable(name):
    t = traced(name)
    shown = scene(name, "default")
    assert len(shown.boxes) <= max(MOST_BOXES, len(scene(name, "none").boxes))
    assert svg(t) == svg(t, default_unfolded(tree(t)))


def test_the_default_opens_one_block_of_a_kind_that_does_not_fit_as_a_whole():
    chosen = default_unfolded(tree(traced("resnet18")))
    assert chosen == ["layer1", "layer2", "layer3", "layer4", "layer1.0"]


def test_a_module_that_runs_twice_has_two_blocks():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.part = nn.Sequential(nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1))

        def forward(self, x):
            return self.part(self.part(x))

    t = trace(Twice(), (1, 4, 8, 8))
    s = layout(tree(t), ["part#2"])
    assert [box.item.id for box in s.boxes] == ["@input", "part", "@2", "@3"]


# -------------------------------------------------------------- skips and concats


def test_the_shortcut_of_a_residual_block_is_an_arc_past_its_convolutions():
    s = scene("basic_blocks", "all")
    joins = [box for box in s.boxes if box.item.kind == "join"]
    assert [box.item.steps[0].op for box in joins] == ["add", "add"]
    for join in joins:
        arcs = [w for w in s.wires if w.skips and w.target == join.item.number]
        assert len(arcs) == 1
        maps = [box for box in s.boxes if box.item.kind == "map"]
        before = [box for box in maps if box.area.x < join.area.x][-2:]
        assert arcs[0].points[0][1] < min(box.area.y for box in before)


def test_branches_lie_one_above_another_in_their_order_and_meet_at_the_concat():
    s = layout(tree(trace(inception(), (1, 192, 28, 28))), [])
    cat = s.boxes[-1]
    assert cat.item.kind == "cat" and len(s.view.sources[cat.item.number]) == 4
    ends = [box for box in s.boxes if box.item.number in s.view.sources[cat.item.number]]
    heights = [box.middle for box in sorted(ends, key=lambda box: box.item.number)]
    assert heights == sorted(set(heights)) and len(heights) == 4


def test_a_concat_shows_the_shares_of_its_branches():
    text = svg(trace(inception(), (1, 192, 28, 28)))
    seams = ET.fromstring(text).find(f".//{SVG}path[@class='seams']")  # noqa: S314  ours
    assert seams.get("d").count("M") == 3


def test_the_long_skips_of_a_unet_are_nested():
    s = scene("unet", "none")
    assert sum(box.item.kind == "cat" for box in s.boxes) == 2
    assert any(wire.skips for wire in s.wires)


# ---------------------------------------------------------------------------- SVG


@every(folds=("default",))
def test_the_svg_is_well_formed_named_and_large_enough_to_read(name, fold):
    for card in (False, True):
        text = svg(traced(name), unfolded(traced(name), fold), card=card)
        root = ET.fromstring(text)  # noqa: S314  our own text
        assert root.find(f"{SVG}title").text == root.get("aria-label")
        sizes = [float(e.get("font-size")) for e in root.iter() if e.get("font-size")]
        assert min(sizes) >= 11
        assert ("var(" in text) != card
        found = [e for e in root.iter(f"{SVG}g") if "box" in e.get("class", "").split()]
        names = [e.get("data-id") for e in found]
        assert len(set(names)) == len(names) == len(scene(name, fold).things)
        assert [e.get("tabindex") for e in found] == ["0"] + ["-1"] * (len(found) - 1)
        assert all(e.get("aria-label") for e in found)


def test_a_box_carries_the_facts_of_its_tooltip():
    root = ET.fromstring(svg(traced("alexnet")))  # noqa: S314  our own text
    conv = root.find(f".//{SVG}g[@data-id='@0']")
    assert conv.get("data-operation") == "Conv2d 11×11, stride 4, padding 1, then ReLU"
    assert conv.get("data-shape") == "1×96×54×54"
    assert conv.get("data-parameters") == "11,712"
    assert conv.get("data-macs") == "33,872,256"
    assert conv.get("data-receptive-field") == "11×11"
    assert conv.get("role") == "img"


def test_blocks_are_buttons_that_say_whether_they_are_open():
    root = ET.fromstring(svg(traced("resnet18"), ["layer1"]))  # noqa: S314  our own text
    states = {
        e.get("data-id"): e.get("aria-expanded")
        for e in root.iter(f"{SVG}g")
        if e.get("role") == "button"
    }
    assert states["layer1"] == "true" and states["layer1.0"] == states["layer2"] == "false"
    assert "layer2.0" not in states


def test_the_same_network_gives_the_same_bytes():
    build, shape = NETWORKS["googlenet"]
    assert svg(trace(build().eval(), shape)) == svg(traced("googlenet"))
    names = unfolded(traced("googlenet"), "all")
    assert svg(traced("googlenet"), names) == svg(traced("googlenet"), [*names[::-1], "nothing"])


def drawn_box(text, name):
    """The group of one box in a picture."""
    return ET.fromstring(text).find(f".//{SVG}g[@data-id='{name}']")  # noqa: S314  our own text


def test_each_box_bears_the_sign_of_what_became_of_it():
    statuses = {1: Status.OWN, 2: Status.DOWNSTREAM, 3: Status.NEW, 4: Status.NEW}
    text = svg(traced("alexnet"), statuses=statuses)
    marks = {
        name: [e.text for e in drawn_box(text, name).iter() if e.get("class") == "mark"]
        for name in ("@input", "@0", "@2", "@3", "@5")
    }  # step 1 is the ReLU of the first convolution, step 4 that of the second
    assert marks == {"@input": [], "@0": ["≠"], "@2": ["↓"], "@3": ["+"], "@5": []}
    assert drawn_box(text, "@0").get("aria-label").endswith(", own numbers changed")
    strokes = {
        name: drawn_box(text, name).find(f"{SVG}g").attrib for name in ("@0", "@2", "@3", "@5")
    }
    looks = [(s["stroke-width"], s.get("stroke-dasharray")) for s in strokes.values()]
    assert len(set(looks)) == 4  # told apart without their colours
    legend = ET.fromstring(text).find(f".//{SVG}g[@class='scale']")  # noqa: S314  our own text
    assert "≠ own numbers changed" in "".join(legend.itertext())
    assert "grey" not in "".join(legend.itertext())


def test_a_box_that_stands_for_a_block_bears_the_sign_of_the_block():
    def net(ones):
        return nn.Sequential(nn.Conv2d(4, 4, 3), nn.ReLU(), *[nn.Conv2d(4, 4, 1)] * ones)

    def signs(ones):
        now = outline(trace(nn.Sequential(net(ones), nn.MaxPool2d(2)), (1, 4, 8, 8)))
        whole, statuses = merged(compare(before, now), now)
        text = svg(whole, ["0"], statuses=statuses)
        named = ((e.get("data-id"), e.get("data-status")) for e in ET.fromstring(text).iter())  # noqa: S314
        return {name: status for name, status in named if status}

    before = outline(trace(nn.Sequential(net(2), nn.MaxPool2d(2)), (1, 4, 8, 8)))
    assert signs(1) == {"0": "own numbers changed"}
    assert signs(0) == {"@0": "own numbers changed"}  # of a block that is one box
    assert signs(2) == {}


def broken_picture(start, now, shape):
    """The picture of a network beside that of its start, as the lab draws it; and its scene."""
    seen, failure = run(lambda: nn.Sequential(*now), shape, {})
    before = outline(trace(nn.Sequential(*start), shape))
    whole, statuses = merged(compare(before, outline(seen), failure), outline(seen))
    text = svg(whole, [], statuses=statuses, failed="<b>\nand there")
    blocks = [block.id for level in levels(whole) for block in level]
    return text, layout(foldable(whole), blocks, statuses, "it breaks")


def test_an_add_that_broke_has_both_arms_and_the_sign_of_an_add():
    class Add(nn.Module):
        def __init__(self, stride):
            super().__init__()
            self.a, self.b = nn.Conv2d(4, 4, 3, stride, 1), nn.Conv2d(4, 4, 1)

        def forward(self, x):
            return F.relu(self.a(x) + self.b(x))

    text, s = broken_picture([Add(1), Split(1)], [Add(2), Split(1)], (1, 4, 8, 8))
    box = drawn_box(text, "@broken")
    assert box.find(f".//{SVG}circle") is not None
    assert [e.text for e in box.iter(f"{SVG}text")][:2] == ["+", "<b>"]
    ring = next(box for box in s.boxes if box.item.kind == "broken")
    arms = s.view.sources[ring.item.number]
    assert [s.view.items[n].steps[0].path for n in arms] == ["0.a", "0.b"]
    assert all(ring.item.number in reached(s, n) for n in arms)
    assert drawn_box(text, "0") is not None and drawn_box(text, "0").get("aria-expanded") == "true"
    assert drawn_box(text, "1").get("aria-expanded") == "false"
    assert drawn_box(text, "1").get("aria-label").endswith("not reached")
    assert drawn_box(text, "1").get("data-parameters") is None
    assert drawn_box(text, "0").get("data-parameters") == "incomplete"


def test_a_concat_that_broke_has_a_card_for_each_arm():
    class Cat(nn.Module):
        def __init__(self, stride):
            super().__init__()
            self.arms = nn.ModuleList([nn.Conv2d(4, 4, 3, s, 1) for s in (1, stride, 1, 1)])

        def forward(self, x):
            return torch.cat([arm(x) for arm in self.arms], 1)

    text, s = broken_picture([Cat(1), nn.ReLU()], [Cat(2), nn.ReLU()], (1, 4, 8, 8))
    assert drawn_box(text, "@broken").find(f".//{SVG}path").get("d").count("M") == 3
    broken = next(box for box in s.boxes if box.item.kind == "broken")
    assert len(s.view.sources[broken.item.number]) == 4


@pytest.mark.parametrize("size", [10, 60, 100, 190])
def test_what_was_not_reached_stands_in_its_place(size):
    with torch.device("meta"):
        layers = list(nets.alexnet())
    start = outline(trace(nn.Sequential(*layers), IMAGE))
    seen, failure = run(lambda: nn.Sequential(*layers), (1, 1, size, size), {})
    whole, statuses = merged(compare(start, outline(seen), failure), outline(seen))
    boxes = [box.item for box in layout(foldable(whole), [], statuses, "it breaks").boxes]
    wanted = [box.item for box in layout(foldable(start), []).boxes]
    assert [item.steps[:1] and item.steps[0].path for item in boxes] == [
        item.steps[:1] and item.steps[0].path for item in wanted
    ]
    kinds = [item.status for item in boxes]
    at = kinds.index(Status.FAILED)
    assert set(kinds[at + 1 :]) == {Status.UNREACHED} and Status.UNREACHED not in kinds[:at]
    text = svg(whole, statuses=statuses, failed="<b> & more")
    assert "&lt;b&gt; &amp;" in text and "grey not reached" in text
    greyed = [e for e in ET.fromstring(text).iter(f"{SVG}g") if e.get("opacity")]  # noqa: S314
    assert len(greyed) == kinds.count(Status.UNREACHED)


def test_a_picture_is_as_wide_as_there_is_room():
    t = traced("vgg")
    pictures = [ET.fromstring(svg(t, width=width)) for width in (640, 940, 2000)]  # noqa: S314
    widths, heights = ([float(p.get(side)) for p in pictures] for side in ("width", "height"))
    assert widths[0] <= 640 < widths[1] <= 940 < widths[2] <= 2000
    assert heights == sorted(heights, reverse=True)
    assert svg(t, width=964) == svg(t)


def test_an_input_that_never_meets_a_layer_is_a_picture_too():
    t = trace(nn.Identity(), (1, 3, 8, 8))
    assert [box.item.kind for box in layout(tree(t), []).boxes] == ["input"]
    ET.fromstring(svg(t))  # noqa: S314  our own text


def test_several_inputs_share_a_box_that_names_them():
    t = trace(nn.Bilinear(4, 5, 6), (2, 4), (2, 5))
    root = ET.fromstring(svg(t))  # noqa: S314  our own text
    box = root.find(f".//{SVG}g[@data-id='@input']")
    assert box.get("aria-label") == "input 2×4 and 2×5"
    assert "2 inputs" in [text.text for text in box.iter(f"{SVG}text")]


# --------------------------------------------------------------------------- draw


def test_draw_takes_a_network_or_a_trace_and_saves(tmp_path):
    picture = draw(nets.lenet(), (1, 1, 28, 28))
    assert picture.svg == draw(trace(nets.lenet(), (1, 1, 28, 28))).svg
    assert repr(picture) == "Drawing of Sequential, input 1×1×28×28, 61,706 parameters"
    picture.save(tmp_path / "lenet.svg")
    assert (tmp_path / "lenet.svg").read_bytes().decode() == picture.svg
    html = picture._repr_html_()
    assert html.startswith('<img src="data:image/svg+xml;base64,')
    data = html.partition("base64,")[2].partition('"')[0]
    assert base64.b64decode(data).decode() == picture.svg
    assert 'alt="Sequential, input 1×1×28×28, 61,706 parameters"' in html


@pytest.mark.parametrize("room", range(400, 900, 20))
def test_a_picture_is_no_wider_than_it_may_be(room):
    root = ET.fromstring(svg(traced("resnet18"), ["layer1"], width=room))  # noqa: S314  our own
    assert float(root.get("viewBox").split()[2]) <= room


def test_draw_unfolds_what_it_is_told_to():
    t = traced("resnet18")
    assert draw(t, unfold=True).unfolded == tuple(block.id for block in blocks(t))
    assert draw(t, unfold=False).unfolded == ()
    assert draw(t, unfold=["layer3"]).unfolded == draw(t, unfold="layer3").unfolded == ("layer3",)
    with pytest.raises(KeyError, match="has no block 'layer9'"):
        draw(t, unfold=["layer9"])
    with pytest.raises(TypeError, match="draw\\(trace\\) takes no others"):
        draw(t, (1, 3, 224, 224))


def test_the_images_of_the_lessons_are_what_the_networks_give(monkeypatch):
    monkeypatch.setattr("sys.argv", ["draw_images.py", "--check"])
    assert draw_images.main() == 0
