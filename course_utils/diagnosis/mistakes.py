"""Errors of Python in the student's own code, in plain words: a misspelt name, no `return`."""

import builtins
import inspect
import re
from collections.abc import Callable
from difflib import get_close_matches

from torch import nn

from course_utils.building import NotANetworkError

from . import places
from .story import Finding, Story

KIND = "your code"
_IMPORTS = {
    "F": "from torch.nn import functional as F",
    "nn": "from torch import nn",
    "torch": "import torch",
    "np": "import numpy as np",
    "math": "import math",
}
_CALLS = re.compile(r"missing \d+ required|takes .* positional|unexpected keyword|multiple values")


def mistake(error: Exception, build: Callable) -> Finding | None:
    """The finding for an error that Python, not a shape, brought about; None for others."""
    if isinstance(error, NotANetworkError):
        return _finding(error, str(error) + ".", line=places.first_line(build))
    for explain in (_name, _initialization, _attribute, _no_forward, _choice, _keyword, _call):
        text = explain(error, build)
        if text:
            return _finding(error, text)
    frames = places.frames(error)
    if frames and places.theirs(frames[-1][0].f_code):
        return _finding(error, f"{type(error).__name__}: {_first(error)}.")
    return None


def no_tensor(story: Story) -> Finding | None:
    """A layer gets something else than a tensor: a tuple of results, a layer not yet called."""
    match = re.search(r"must be Tensor, not (\w+)", str(story.error))
    if not match or match[1] == "NoneType":
        return None
    cause = f"The {match[1]} itself is passed on, not its result: call it, layer(x)."
    if match[1] in ("tuple", "list"):
        cause = f"What comes before has several results, a {match[1]}: take one of them."
    headline = f"{story.layer} gets a {match[1]} where a tensor is due."
    return story.finding(KIND, headline, cause, "Tensor", match[1])


def rejected(error: Exception) -> Finding | None:
    """An operation, called by the student's own code, that PyTorch refuses to do."""
    if places.last_line(error) is None:
        return None
    if isinstance(error, RecursionError):
        return _finding(error, "A forward calls itself without end.")
    return _finding(error, f"PyTorch refuses this call: {_first(error)}.")


def nothing_returned(story: Story) -> Finding | None:
    """A forward without `return` gives None to the next layer."""
    if "NoneType" not in str(story.error):
        return None
    failing = {story.path, *(story.path.rsplit(".", n)[0] for n in range(1, 9)), ""}
    calls = list(story.trace.calls)
    while calls and calls[-1].path in failing and not calls[-1].output:
        failing.discard(calls.pop().path)
    silent = next((call for call in reversed(calls) if not call.output), None)
    if silent is None or story.net is None:
        return None
    module = story.net.get_submodule(silent.path)
    headline = f"The forward of block {silent.path} ({silent.kind}) returns nothing."
    cause = f"{silent.kind}.forward has no `return` at its end, so {story.place} gets None."
    line = places.first_line(type(module).forward)
    return Finding(KIND, silent.path, headline, cause, "a tensor", None, line=line)


def returns_none(net: nn.Module) -> Finding:
    """The forward of the whole network has no `return`: it runs, and its output is None."""
    kind = type(net).__name__
    return Finding(
        KIND,
        "",
        f"The forward of {kind} returns nothing.",
        f"{kind}.forward has no `return` at its end, so the output of the network is None.",
        "a tensor",
        None,
        works=True,
        line=places.first_line(type(net).forward),
    )


def no_layer(error: Exception, kind: str) -> Finding:
    """A container of layers was given something else."""
    given = _first(error).split(" is not a Module")[0].split(".")[-1]
    hint = f"{given} is none"
    if given in ("list", "tuple", "generator"):
        hint = f"it got a {given}: write {kind}(*layers)"
    elif hasattr(nn, given):
        hint = f"{given} is a class: write nn.{given}()"
    return _finding(error, f"{kind} takes layers, and {hint}.")


def _finding(error: Exception, headline: str, line: places.Line | None = None) -> Finding:
    line = line or places.last_line(error)
    where = error.path if hasattr(error, "net") else ""  # an ImportError has another path
    cause = f"It happens in the forward of layer {where}." if where else ""
    return Finding(KIND, where, headline, cause, line=line)


def _name(error: Exception, _: Callable) -> str:
    if not isinstance(error, NameError) or not error.name:
        return ""
    if isinstance(error, UnboundLocalError):
        return f"The variable {error.name} is read before it has a value."
    if error.name in _IMPORTS:
        return f"The name {error.name} is not defined: write `{_IMPORTS[error.name]}` at the top."
    known = {*dir(builtins)}
    for frame, _ in places.frames(error)[-1:]:
        known |= {*frame.f_locals, *frame.f_globals}
    return f"The name {error.name} is not defined.{_near(error.name, known)}"


def _attribute(error: Exception, _: Callable) -> str:
    match = re.search(r"'([\w.]+)'.* has no attribute '(\w+)'", str(error))
    if not isinstance(error, AttributeError) or not match:
        return ""
    kind, name = match.groups()
    if kind == "NoneType":
        return f"None has no .{name}: something before it returned nothing."
    frame = places.frames(error)[-1][0]
    owner = error.obj if error.obj is not None else frame.f_locals.get("self")
    known = {n for n in dir(owner) if not n.startswith("_")}
    if isinstance(owner, nn.Module):
        known -= set(dir(nn.Module)) - {n for n, _ in owner.named_children()}
    return f"{kind} has no .{name}.{_near(name, known)}"


def _no_forward(error: Exception, _: Callable) -> str:
    if not isinstance(error, NotImplementedError) or '"forward"' not in str(error):
        return ""
    kind = re.search(r"Module \[(\w+)\]", str(error))
    return f"{kind[1] if kind else 'The network'} has no method called forward."


def _choice(error: Exception, build: Callable) -> str:
    """A choice whose name the builder does not know."""
    match = re.search(r"^(\w+)\(\) got an unexpected keyword argument '(\w+)'", str(error))
    if not isinstance(error, TypeError) or not match or match[1] != getattr(build, "__name__", ""):
        return ""
    return f"{match[1]} has no choice called {match[2]}.{_near(match[2], _parameters(build))}"


def _parameters(build: Callable) -> set[str]:
    return set(inspect.signature(build).parameters)


def _near(name: str, known: set[str]) -> str:
    known = sorted(known - {name})
    close = [other for other in known if other.lower() == name.lower()]
    close += get_close_matches(name, known, n=1, cutoff=0.6)
    return f" Is {close[0]} meant?" if close else ""


def _initialization(error: Exception, _: Callable) -> str:
    """`super().__init__()` was forgotten: nn.Module then has no place for layers."""
    text = str(error)
    if "before Module.__init__() call" not in text and "'_modules'" not in text:
        return ""
    frame = next((f for f, _ in reversed(places.frames(error)) if "self" in f.f_locals), None)
    kind = type(frame.f_locals["self"]).__name__ if frame else "The class"
    return f"{kind}.__init__ must call super().__init__() before it sets up layers."


def _keyword(error: Exception, _: Callable) -> str:
    """A setting whose name a layer of torch does not know."""
    found = re.search(
        r"^(\w+)\.__init__\(\) got an unexpected keyword argument '(\w+)'", str(error)
    )
    kind = getattr(nn, found[1], None) if found else None
    if kind is None:
        return ""
    return f"{found[1]} has no setting called {found[2]}.{_near(found[2], _parameters(kind))}"


def _call(error: Exception, _: Callable) -> str:
    if not isinstance(error, TypeError) or not _CALLS.search(str(error)):
        return ""
    return f"Wrong arguments: {_first(error)}."


def _first(error: Exception) -> str:
    """The first line of a message, without PyTorch's list of everything else it could take."""
    text = str(error).strip().split("\n")[0].split(", but expected one of")[0]
    return text.rstrip(".!: ") or "it has no message"
