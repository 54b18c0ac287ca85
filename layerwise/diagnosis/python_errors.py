"""Errors of Python in the student's own code, from the facts that the failure holds."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from torch import nn

from layerwise.tracing import source_lines

from .breakdown import Breakdown
from .findings import Cause, Finding

_IMPORTS = {
    "F": "from torch.nn import functional as F",
    "nn": "from torch import nn",
    "torch": "import torch",
    "np": "import numpy as np",
    "math": "import math",
}
_WHYS = {"init": "init", "unlisted": "unlisted", "class called": "class given"}


def mistake(b: Breakdown) -> Finding | None:
    """A mistake of Python's that is known by its kind, or any other in the student's own line."""
    failure, facts = b.failure, b.failure.facts
    what = str(facts.get("mistake", ""))
    if failure.error == "NotANetworkError":
        return b.finding(Cause.CODE, "message")
    if what in _BY_MISTAKE:
        return _BY_MISTAKE[what](b)
    if what and not (what == "called" and not facts["names"]):
        return _known(b, what)
    if failure.stage == "build" and facts.get("raised"):
        return Finding(Cause.SETTING, "message")
    if facts.get("own") or facts.get("quotient"):
        why = "divide" if facts.get("quotient") else _where(b)
        return b.finding(Cause.CODE, "own", why, error=failure.error)
    return None


def _where(b: Breakdown) -> str:
    return "in forward" if b.failure.path else ""


def _known(b: Breakdown, what: str) -> Finding:
    facts = b.failure.facts
    details = {**facts, "near": _near(facts)}
    why = _WHYS.get(what) or _where(b)
    if what == "name" and facts["name"] in _IMPORTS:
        what, details["near"] = "import", _IMPORTS[facts["name"]]
    elif what == "attribute" and facts["owner"] == "NoneType":
        what = "attribute of None"
    elif what == "attribute" and facts["local"]:
        why, details["near"] = "local", ""
    elif what == "none called" and facts["empty"]:
        what, details["empty"] = "empty place", facts["empty"][0]
    elif what == "keyword" and facts["choice"]:
        what = "choice"
    elif what == "called":
        why, details["name"] = "comma", facts["names"][0]
    return b.finding(Cause.CODE, what, why, **details)


def _no_forward(b: Breakdown) -> Finding:
    """A container that only holds layers is called, or the student's forward is misspelt."""
    path, owner = b.failure.path, b.failure.facts["owner"]
    if owner in ("ModuleList", "ModuleDict"):
        return b.finding(Cause.CODE, "holds layers", _where(b), owner=owner)
    kind = type(b.case.net.get_submodule(path))
    close = get_close_matches("forward", vars(kind), n=1, cutoff=0.7)
    if not close:
        return b.finding(Cause.CODE, "no forward", _where(b), owner=owner)
    details = {"owner": owner, "near": close[0]}
    line = source_lines.first_line(vars(kind)[close[0]])
    return Finding(Cause.CODE, "misspelt forward", layer=path, line=line, details=details)


def _near(facts: Mapping[str, Any]) -> str:
    """The known name that is closest to the one that is not there, "" if none is close."""
    name = facts.get("name")
    if facts.get("on_self"):
        return f"self.{name}"
    others = sorted(set(facts.get("known", ())) - {name})
    close = [other for other in others if other.lower() == str(name).lower()]
    close += get_close_matches(str(name), others, n=1, cutoff=0.6)
    return close[0] if close else ""


def _no_tensor(b: Breakdown) -> Finding:
    """A layer gets something else than a tensor: a tuple of results, a layer not yet called."""
    facts = b.failure.facts
    kind, comma = str(facts["kind"]), facts["comma"]
    if facts["none"]:
        return b.finding(Cause.CODE, "none given", "none given", "Tensor", "None")
    why = "several given" if facts["of"] == "several" else "value given"
    if comma is not None:
        why = "comma" if comma else "a comma"
    elif facts["of"] in ("class", "layer", "function"):
        why = f"{facts['of']} given"
    called = facts["called"]
    return b.finding(Cause.CODE, "no tensor", why, "Tensor", kind, called=called, name=comma)


def _no_layer(b: Breakdown) -> Finding:
    """A container of layers was given something else."""
    facts = b.failure.facts
    kind, of, comma = str(facts["kind"]), facts["of"], facts["comma"]
    layers = {name.lower(): name for name in dir(nn) if name[0].isupper()}
    layer = layers.get(kind.replace("_", "").lower(), "")
    what = "value"
    if kind in ("dict", "OrderedDict") and facts["owner"] == "Sequential":
        what = "dict"
    elif of in ("several", "class") or (of == "function" and layer):
        what = of
    why = "" if comma is None else "comma" if comma else "a comma"
    return b.finding(
        Cause.CODE, "value in container" if why else f"{what} in container", why,
        owner=facts["owner"], given=f"a {kind}" if why else kind, called=facts["called"],
        layer=layer, name=comma,
    )  # fmt: skip


_BY_MISTAKE = {"no tensor": _no_tensor, "no layer": _no_layer, "no forward": _no_forward}


def nothing_returned(b: Breakdown) -> Finding | None:
    """A forward without `return` gives None to the next layer."""
    path, trace = b.failure.path, b.trace
    if trace is None or not b.failure.facts.get("none"):
        return None
    calls = [call for call in trace.calls if call.path and not call.output]
    ended = [call for call in calls if not f"{path}.".startswith(f"{call.path}.")]
    if not ended:
        return None
    silent = ended[-1]
    line = source_lines.first_line(type(b.case.net.get_submodule(silent.path)).forward)
    about = (Cause.CODE, "returns nothing", "returns nothing", silent.path, "a tensor")
    return Finding(*about, line=line, details={"owner": silent.kind})


def rejected(b: Breakdown) -> Finding | None:
    """An operation, called by the student's own code, that PyTorch refuses to do."""
    if not b.failure.facts.get("function"):
        return None
    return b.finding(Cause.CODE, "rejected", _where(b))
