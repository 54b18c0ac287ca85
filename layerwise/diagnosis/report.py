"""Why a network does not work: the layer, the two numbers that disagree, the cause, the repairs.

`causes` reads the failure from the trace, `mistakes` reads the student's own code, `repairs`
looks for settings that work. This module puts what they find into words.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from html import escape
from textwrap import wrap

from torch import nn

from layerwise.operations.shapes import Shape
from layerwise.tracing.building import Builder, run
from layerwise.tracing.records import Trace

from .attribution import choice_to_blame, difference
from .breakdown import Finding
from .repairs import Search

WIDTH = 90
SHOWN = 4  # repairs in the text
_BOX = "border-left: 4px solid #d55e00; padding: 4px 12px; margin: 4px 0; max-width: 60em"
_PART = "margin: 4px 0"
_LINE = "font-family: monospace; white-space: pre-wrap; margin: 4px 0"


class Diagnosis:
    """What is wrong with one setting of a builder, and what to do about it."""

    def __init__(self, finding: Finding, search: Search) -> None:
        self._finding, self._search = finding, search
        self.kind = finding.kind  # class of the cause: "in_features", "shrunk away", …
        self.layer = finding.layer  # path of the first layer that fails, "" for the net's own
        self.expected, self.got = finding.expected, finding.got
        self.headline = finding.headline  # what fails, with the two numbers
        self.detail = finding.cause  # the layer behind it, also where a choice is the cause
        self.works = finding.works  # PyTorch runs it all the same
        self.line = finding.line  # (file or cell, line number, source) of the student's own code

    @cached_property
    def cause(self) -> str:
        """One sentence that names the earlier choice or layer that made it so."""
        return self._blamed or self.detail or self._unblamed()

    def _unblamed(self) -> str:
        if self.kind == "your code":
            where = "the line above" if self.line else "the code"
            return f"It comes from {where}, not from a choice that was changed."
        if self._search.turned:
            return "Putting the choices back to their defaults does not help."
        return "No choice was changed: it fails with the defaults of the function."

    @cached_property
    def _blamed(self) -> str:
        return choice_to_blame(self._search)

    @cached_property
    def repairs(self) -> list[dict]:
        """Settings that work, each verified by a trace, nearest first; [] if none is near."""
        assert self.cause  # found first, so that neither depends on which one is asked for
        return self._search.repairs()

    def __str__(self) -> str:
        parts = [self.headline, *self._place(), *self._why(), self._advice()]
        return "\n".join(line for part in parts if part for line in _wrapped(part))

    __repr__ = __str__  # a notebook shows the last value of a cell by its repr

    def html(self) -> str:
        """The explanation without the repairs, as a fragment that needs no style sheet."""
        parts = [f'<div style="{_PART}"><b>{escape(self.headline)}</b></div>']
        parts += [f'<div style="{_LINE}">{escape(line)}</div>' for line in self._place()]
        parts += [f'<div style="{_PART}">{escape(text)}</div>' for text in self._why()]
        return f'<div style="{_BOX}">{"".join(parts)}</div>'

    def _place(self) -> list[str]:
        return [f"  {self.line[0]}, line {self.line[1]}:  {self.line[2]}"] if self.line else []

    def _why(self) -> list[str]:
        """The layer behind it, and the choice behind the layer."""
        told = self.detail.split(" makes ")[0].lower() in self.cause.lower()
        if told and self.kind in ("in_features", "channels", "silent broadcast"):
            return [self.cause]
        return [text for text in dict.fromkeys((self.detail, self.cause)) if text]

    def _advice(self) -> str:
        if self.repairs:
            return f"Works with {', or '.join(map(self._told, self.repairs[:SHOWN]))}."
        if self.kind == "your code" and not self._blamed:
            return ""
        return "No setting near this one works."

    def _told(self, repair: Mapping) -> str:
        now = {**self._search.defaults, **self._search.choices}
        pairs = [difference(name, now.get(name), value) for name, value in repair.items()]
        return " and ".join(mended for old, mended in pairs if old != mended)


def diagnose(build: Builder, input_shape: Shape, /, **choices: object) -> Diagnosis | None:
    """Explain why `build(**choices)` fails on `input_shape`; None if it works.

    A choice called `input_size` sets the rows and columns of the input.
    Raises TypeError where `build` cannot be called or `input_shape` is no shape.
    """
    if not callable(build) or isinstance(build, nn.Module):
        raise TypeError(f"diagnose needs a function that builds a network, not {build!r:.60}")
    if not isinstance(input_shape, (tuple, list)):
        raise TypeError(
            f"input_shape is a shape, such as (1, 1, 224, 224), not {input_shape!r:.60}"
        )
    trace, error = run(build, tuple(input_shape), choices)
    return explained(build, tuple(input_shape), choices, trace, error)


def explained(
    build: Builder,
    input_shape: Shape,
    choices: Mapping,
    trace: Trace | None,
    error: Exception | None,
    allowed: Mapping[str, Sequence] | None = None,
) -> Diagnosis | None:
    """The diagnosis of what `building.run` gave; None if there is nothing to explain.

    With `allowed`, the values that each choice can take, repairs come from these alone.
    """
    search = Search(build, tuple(input_shape), choices, allowed)
    finding = search.judge(choices, trace, error)
    return None if finding is None else Diagnosis(finding, search)


def _wrapped(text: str) -> list[str]:
    indent = " " * (len(text) - len(text.lstrip()))
    return wrap(text, WIDTH, subsequent_indent=indent) or [""]
