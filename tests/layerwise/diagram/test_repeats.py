"""What repeats in a long forward is one block, which unfolds."""

import pytest
import torch
from test_boxes import Does
from torch import nn

from layerwise import draw, trace
from layerwise.diagram import repeats
from layerwise.diagram.drawing import default_unfolded, svg
from layerwise.diagram.graph import View
from layerwise.diagram.repeats import MOST_BOXES, foldable
from layerwise.tracing.module_tree import levels, outline

CELL = {"inner": nn.Linear(8, 8), "outer": nn.Linear(8, 8)}


def loop(rounds):
    """A network whose forward does two layers and an add again and again."""

    def forward(net, x):
        for _ in range(rounds):
            x = x + net.outer(net.inner(x).relu())
        return x

    return trace(Does(forward, **CELL), (1, 8))


def folded(t, opened=()):
    return View(foldable(outline(t)), opened)


def test_rounds_of_a_loop_are_one_block_with_a_block_for_each():
    whole = folded(loop(40))
    assert [item.id for item in whole.items] == ["@input", "@0-159"]
    assert whole.items[1].block.call.kind == "40 × 4 steps" and len(whole.items[1].steps) == 160
    rounds = folded(loop(40), ["@0-159"]).items
    assert [item.block.call.kind for item in rounds[1:]] == [f"round {i + 1}" for i in range(40)]
    inside = folded(loop(40), ["@0-159", "@4-7"])
    assert [item.kind for item in inside.items[2:5]] == ["map", "map", "join"]
    assert inside.sources[4] == [1, 3]  # the round before, and its own layers


def test_what_can_be_read_is_not_foldable():
    count = (MOST_BOXES - 1) // 3
    assert len(folded(loop(count)).items) == 3 * count + 1
    t = loop(count)
    assert foldable(outline(t)) == outline(t)


def test_rounds_are_alike_only_if_they_do_the_same_to_the_same_shapes():
    def forward(net, x):
        for i in range(60):
            x = net.inner(x) if i % 2 else net.wide(torch.cat([x, x[..., :2]], -1))
        return net.outer(x)

    t = trace(Does(forward, wide=nn.Linear(10, 8), **CELL), (1, 8))
    kinds = [item.block and item.block.call.kind for item in folded(t).items]
    assert kinds == [None, "30 × 4 steps", None]
    layers = [nn.Linear(8 + i, 9 + i) for i in range(MOST_BOXES + 9)]
    assert len(folded(trace(nn.Sequential(*layers), (1, 8))).items) == len(layers) + 1


def test_one_layer_again_and_again_is_named():
    block = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8))
    t = trace(nn.Sequential(*[block] * 40), (1, 8))
    whole = folded(t)
    assert whole.items[1].block.call.kind == "40 × Sequential"
    assert len(folded(t, [whole.items[1].id]).items) == 41


def test_a_first_round_that_lacks_something_stands_before_the_run():
    def forward(net, x):
        y = net.inner(x)
        for _ in range(40):
            y = net.outer(y + net.inner(x))
        return y

    items = folded(trace(Does(forward, **CELL), (1, 8))).items
    assert [item.id for item in items] == ["@input", "@0", "@1-120"]


def test_a_picture_leaves_what_repeats_folded_until_it_is_asked_for():
    t = loop(100)
    assert default_unfolded(outline(t)) == []
    half = [nn.Linear(8, 9), *[nn.Linear(9, 9)] * 14, nn.Linear(9, 8)]
    assert default_unfolded(outline(trace(nn.Sequential(*half, *half), (1, 8)))) == []
    assert len(svg(t)) < 10_000
    assert "40 × Sequential" not in draw(loop(40)).svg and "40 × 4 steps" in draw(loop(40)).svg
    assert '"@4-7" tabindex' in draw(loop(40), unfold=["@0-159"]).svg


def test_to_unfold_a_block_inside_unfolds_what_repeats_around_it():
    block = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8))
    picture = draw(nn.Sequential(*[block] * 40), (1, 8), unfold="7")
    assert picture.unfolded[0] == "7" and len(picture.unfolded) == 2
    assert 'data-id="7"' in picture.svg and "unfolded; output" in picture.svg
    other = nn.Sequential(*[nn.Linear(8, 8) for _ in range(3)])
    both = draw(nn.Sequential(*[block] * 40, *[other] * 40), (1, 8), unfold="47")
    assert both.unfolded == ("47", "@80-199")


@pytest.mark.parametrize("depth", [2, 3])
def test_what_repeats_within_a_round_is_foldable_too(depth):
    def forward(net, x):
        for _ in range(10 ** (depth - 1)):
            for _ in range(40):
                x = net.inner(x)
            x = net.outer(x.tanh().cumsum(-1))
        return x

    tree = foldable(outline(trace(Does(forward, **CELL), (1, 8))))
    ids = [block.id for level in levels(tree) for block in level]
    assert len(ids) == len(set(ids))
    assert "40 × Linear" in {block.call.kind for level in levels(tree) for block in level}


def test_runs_of_one_length_are_gathered_at_once_and_as_one_by_one(monkeypatch):
    def forward(net, x):
        for i in range(40):  # a run of four, and each time something else
            for _ in range(4):
                x = net.inner(x)
            x = net.outer(x[..., : i % 3 + 1].repeat(1, 9)[..., :8].roll(i) if i % 2 else x)
        return x

    whole = outline(trace(Does(forward, **CELL), (1, 8)))
    passes, search, apart = [], repeats._longest_runs, repeats._apart
    monkeypatch.setattr(repeats, "_longest_runs", lambda parts: passes.append(1) or search(parts))
    at_once = foldable(whole)
    few = len(passes)
    monkeypatch.setattr(repeats, "_apart", lambda runs: apart(runs)[:1])
    assert foldable(whole) == at_once
    assert few < len(passes) - few  # 7 against 13
