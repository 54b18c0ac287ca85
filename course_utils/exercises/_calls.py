"""Whether an answer can be called as it will be."""

from inspect import signature
from typing import Any

from torch import nn

from ._findings import Finding


def not_called(answer: Any, args: tuple, called: str) -> Finding | None:
    """Why an answer cannot be called as it will be, None if it can."""
    if isinstance(answer, nn.Module):
        return Finding("called", "called", {"called": called})
    if not callable(answer):
        return Finding("no function", "no function", {"value": answer, "called": called})
    try:
        signature(answer).bind(*args)
    except TypeError as error:
        tried = f"{called.partition('(')[0]}({', '.join(map(repr, args))})"
        return Finding("arguments", "arguments", {"called": tried, "error": str(error)})
    except ValueError:  # of a function written in C nothing is known
        return None
    return None
