"""What a step and a trace tell of themselves."""

import torch
from torch import nn

from layerwise import trace
from layerwise.operations.kinds import Kind
from layerwise.tracing.records import Step


def traced(forward, *shapes):
    return trace(type("Net", (nn.Module,), {"forward": forward})(), *shapes)


def test_branches_meet_where_different_steps_are_merged_and_nowhere_else():
    def forward(_, x):
        a, b = x.relu(), x.sigmoid()
        return torch.cat([a + b, a + a, (a * 2) @ b], dim=0)

    t = traced(forward, (4, 4))
    met = [(step.op, step.merges) for step in t.steps]
    assert met == [
        ("relu", False), ("sigmoid", False), ("add", True),
        ("add", False),  # a tensor with itself
        ("mul", False), ("matmul", True), ("cat", True),
    ]  # fmt: skip


def test_an_operation_that_no_entry_knows_is_of_no_kind():
    unknown = Step(0, "", "mystery", "mystery", Kind.OTHER, ((1, 2),), (1, 2))
    assert (unknown.operation.name, unknown.operation.kind) == ("mystery", Kind.OTHER)
    assert unknown.merge is None and not unknown.merges


def test_a_trace_says_what_came_in():
    two = traced(lambda _, x, y: x + y, (1, 2), (3, 1))
    assert repr(two) == "Trace of Net, input 1×2 and 3×1: 1 steps, 0 parameters, 0 MACs"
    assert repr(traced(lambda _: torch.ones(2))).startswith("Trace of Net, input none: ")
