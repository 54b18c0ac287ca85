"""What a diagnosis finds, as data; `sentences` makes English of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from layerwise.tracing.records import SourceLine


class Cause(StrEnum):
    """The classes of causes; the value is what `Diagnosis.kind` says."""

    BATCH = "batch"
    BATCH_NORM = "batch norm"
    BRANCHES = "branches"
    CHANNELS = "channels"
    CODE = "your code"
    DIMENSIONS = "dimensions"
    GROUPS = "groups"
    UNKNOWN = "PyTorch"  # no cause is known: PyTorch's own message
    IN_FEATURES = "in_features"
    INPUT = "input"
    LAYER_NORM = "layer norm"
    MATMUL = "matmul"
    RESHAPE = "reshape"
    SETTING = "setting"
    SHORTCUT = "shortcut"
    SHRUNK = "shrunk away"
    SILENT_BROADCAST = "silent broadcast"
    TYPE = "type"
    # what PyTorch runs, though it is hardly meant
    DROPOUT = "dropout"
    IN_PLACE = "in place"
    LINEAR_ON_MAPS = "linear on maps"
    SHARED = "shared"
    SOFTMAX = "softmax"
    UNUSED = "unused"


@dataclass(frozen=True)
class Finding:
    """What ended a run, or is hardly meant in a run that came to its end."""

    kind: Cause
    what: str  # which sentence says what fails: a key of `texts.HEADLINES`
    why: str = ""  # which says why, of `texts.CAUSES`; "" where the run alone does not show it
    layer: str = ""  # path of the first layer that fails, "" for the net's own forward
    expected: Any = None  # the two numbers, shapes or values that disagree
    got: Any = None
    maker: int | None = None  # the step that made what does not fit; -1: the input
    works: bool = False  # PyTorch runs it all the same
    settled: bool = False  # the code itself is at fault: no choice is to blame, none repairs it
    line: SourceLine | None = None
    details: Mapping[str, Any] = field(default_factory=dict)  # what else the sentences tell


def warning(
    kind: Cause,
    what: str,
    path: str,
    expected: object = None,
    got: object = None,
    maker: int | None = None,
    /,
    line: SourceLine | None = None,
    settled: bool = False,
    why: str = "",
    **details: object,
) -> Finding:
    """A finding about what PyTorch runs all the same; `why` has the key of `what` as a rule."""
    about = (kind, what, why or what, path, expected, got, maker)
    return Finding(*about, works=True, settled=settled, line=line, details=details)
