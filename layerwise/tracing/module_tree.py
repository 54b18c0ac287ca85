"""A trace as a tree: blocks that hold blocks and steps, in the order in which they ran.

The layer table and the picture of the lab both fold and unfold this tree.
"""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

from torch import nn

from .records import Call, Step, Trace


def is_layer(module: nn.Module) -> bool:
    """Whether a module is one of PyTorch's own layers, and no block with a forward of its own."""
    return type(module).__module__.startswith("torch.nn.modules")


@dataclass(frozen=True)
class Block:
    """One run of a submodule that did more than one thing; `id` tells its runs apart."""

    id: str  # its path, "" for the whole net; with "#2" behind it at its second run
    call: Call
    parts: "tuple[Block | Step, ...]"

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """Every step inside, also in inner blocks, in order."""
        nested = [part.steps if isinstance(part, Block) else (part,) for part in self.parts]
        return tuple(step for steps in nested for step in steps)

    @cached_property
    def params(self) -> int:
        """Parameters that the steps inside are the first to use."""
        return sum(step.params for step in self.steps)

    @cached_property
    def macs(self) -> int:
        """Multiply-accumulates of the steps inside, for the whole input batch."""
        return sum(step.macs for step in self.steps)


def outline(t: Trace) -> Block:
    """The tree of a trace, also of one that broke off.

    A submodule that did one thing is that thing; one that did nothing is left out.
    """
    finished: list[tuple[int, Block | Step]] = []  # first step, and what has no parent yet
    runs: Counter[str] = Counter()
    taken = 0
    for call in t.calls:
        finished += enumerate(t.steps[taken : call.stop], start=taken)
        taken = max(taken, call.stop)
        inside = []
        while finished and finished[-1][0] >= call.start:
            inside.append(finished.pop()[1])
        if len(inside) == 1 and call.output:
            finished.append((call.start, inside[0]))
        elif inside:
            runs[call.path] += 1
            again = f"#{runs[call.path]}" if runs[call.path] > 1 else ""
            finished.append((call.start, Block(call.path + again, call, tuple(reversed(inside)))))
    parts = [part for _, part in finished]
    if len(parts) == 1 and isinstance(parts[0], Block) and parts[0].id == "":
        parts = list(parts[0].parts)
    whole = Call("", t.name, t.inputs, t.calls[-1].output if t.calls else (), 0, len(t.steps))
    return Block("", whole, (*parts, *t.steps[taken:]))


def levels(tree: Block) -> list[list[Block]]:
    """The blocks inside, which can be folded and unfolded: level by level, the outermost first."""
    found, level = [], [tree]
    while level := [part for block in level for part in block.parts if isinstance(part, Block)]:
        found.append(level)
    return found
