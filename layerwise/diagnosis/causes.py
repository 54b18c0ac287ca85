"""What one run says about its failure, or about what is hardly meant: the first check that holds.

Which of the student's choices lies behind it, `attribution` and `repairs` try.
"""

from dataclasses import replace

from layerwise.tracing.records import Outcome

from .branch_errors import BRANCH_CHECKS
from .breakdown import Breakdown, Case, Run
from .findings import Cause, Finding
from .layer_arguments import impossible_setting, quotient
from .ownership import kept_iterator
from .python_errors import mistake, nothing_returned, rejected
from .shape_errors import SHAPE_CHECKS, combined
from .warning_signs import WARNING_SIGNS


def find(case: Case, outcome: Outcome) -> Finding | None:
    """The finding for the outcome of `building.run`; None if there is nothing to say."""
    case = replace(case, ran=outcome.net, made=outcome.made)
    if outcome.failure is None:
        run = Run(case, outcome.trace)
        return next((found for sign in WARNING_SIGNS if (found := sign(run)) is not None), None)
    b = Breakdown(case, outcome.trace, outcome.failure)
    if outcome.failure.error == "TraceError":  # PyTorch may run it, but it cannot be watched
        return kept_iterator(b) or b.finding(Cause.CODE, "message")
    if outcome.failure.stage == "input":
        return b.finding(Cause.INPUT, "input")
    return _unbuilt(b) if outcome.failure.stage == "build" else _broken(b)


def _broken(b: Breakdown) -> Finding:
    """The forward failed."""
    stated = b.failure.error == "ShapeError"
    checks = [nothing_returned, impossible_setting, *([] if stated else [mistake])]
    for check in (*checks, *SHAPE_CHECKS, *BRANCH_CHECKS, combined):
        found = check(b)
        if found is not None:
            return found
    if stated:
        return b.finding(Cause.SETTING, "stated", "", *b.numbers)
    unknown = b.finding(Cause.UNKNOWN, "unknown layer" if b.failure.path else "unknown")
    return rejected(b) or unknown


def _unbuilt(b: Breakdown) -> Finding:
    """The builder itself failed, in the constructor of a layer or elsewhere."""
    failure = b.failure
    if failure.layer and failure.facts.get("mistake") == "":
        return impossible_setting(b) or quotient(b) or b.finding(Cause.SETTING, "unmade")
    kind = Cause.SETTING if failure.error in ("TypeError", "ValueError") else Cause.UNKNOWN
    return mistake(b) or rejected(b) or b.finding(kind, "message")
