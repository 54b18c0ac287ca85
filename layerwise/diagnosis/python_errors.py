"""Errors of Python in the student's own code, in plain words: a misspelt name, no `return`."""

import ast
import builtins
import inspect
import re
from collections.abc import Callable
from difflib import get_close_matches
from textwrap import dedent

from torch import nn

from layerwise.tracing.building import NotANetworkError

from . import source_lines as places
from .breakdown import Finding, Story

KIND = "your code"
_IMPORTS = {
    "F": "from torch.nn import functional as F",
    "nn": "from torch import nn",
    "torch": "import torch",
    "np": "import numpy as np",
    "math": "import math",
}
_CALLS = re.compile(
    r"missing \d+ required|takes .* positional|unexpected keyword|multiple values|positional-only"
)
# PyTorch's two messages; the second lists all arguments, then the signatures.
_NOT_A_TENSOR = re.compile(
    r"must be Tensor, not (\w+)|arguments - got \((\w+)\b.*?\* \(Tensor input", re.DOTALL
)
_RESULTS = ("tuple", "list", "dict", "OrderedDict")
_VALUES = ("int", "float", "bool", "str", "ndarray", "Size")


def mistake(error: Exception, build: Callable) -> Finding | None:
    """The finding for an error that Python, not a shape, brought about; None for others."""
    if isinstance(error, NotANetworkError):
        return _finding(error, str(error) + ".", line=places.first_line(build))
    for explain in _EXPLANATIONS:
        text = explain(error, build)
        if text:
            return _finding(error, text)
    frames = places.frames(error)
    if frames and places.theirs(frames[-1][0].f_code):
        return _finding(error, f"{type(error).__name__}: {_first(error)}.")
    return None


def no_tensor(story: Story) -> Finding | None:
    """A layer gets something else than a tensor: a tuple of results, a layer not yet called."""
    match = _NOT_A_TENSOR.search(str(story.error))
    kind = match and (match[1] or match[2])
    if kind in (None, "Tensor", "Parameter") or "argument 'weight'" in str(story.error):
        return None
    if kind == "NoneType":
        headline = f"{story.layer} gets None where a tensor is due."
        return story.finding(KIND, headline, "What comes before returns nothing.", "Tensor", "None")
    cause = f"The {kind} itself is passed on, not its result: call it, layer(x)."
    if kind in _RESULTS:
        cause = f"What comes before has several results, a {kind}: take one of them."
    elif kind in _VALUES:
        cause = f"What comes before makes a value of Python's own, of type {kind}."
    headline = f"{story.layer} gets a {kind} where a tensor is due."
    return story.finding(KIND, headline, cause, "Tensor", kind)


def rejected(error: Exception) -> Finding | None:
    """An operation, called by the student's own code, that PyTorch refuses to do."""
    if places.last_line(error) is None:
        return None
    told = f"there is no {error}" if isinstance(error, KeyError) else _first(error)
    return _finding(error, f"PyTorch refuses this call: {told}.")


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
    """The forward of the whole network runs, and its output is None, or at least no tensor."""
    kind, line = type(net).__name__, places.first_line(type(net).forward)
    headline = f"The forward of {kind} returns nothing."
    cause = f"{kind}.forward has no `return` at its end, so the output of the network is None."
    if _has_return(type(net).forward):
        headline = f"The forward of {kind} returns no tensor."
        cause = (
            f"What {kind}.forward returns is something else: "
            "a layer that was not called, or nothing where an `if` does not hold."
        )
    return Finding(KIND, "", headline, cause, "a tensor", None, works=True, line=line)


def _has_return(function: Callable) -> bool:
    """Whether its source returns a value anywhere."""
    try:
        tree = ast.parse(dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return False
    return any(isinstance(part, ast.Return) and part.value for part in ast.walk(tree))


def no_layer(error: Exception, kind: str) -> Finding:
    """A container of layers was given something else."""
    given = _first(error).split(" is not a Module")[0].split(".")[-1]
    hint = f"{given} is none"
    layers = {name.lower(): name for name in dir(nn) if name[0].isupper()}
    if given == "dict" and kind == "Sequential":
        hint = "it got a dict: write Sequential(*layers.values())"
    elif given in ("list", "tuple", "generator"):
        hint = f"it got a {given}: write {kind}(*layers)"
    elif hasattr(nn, given):
        hint = f"{given} is a class: write nn.{given}()"
    elif given.replace("_", "") in layers:
        hint = f"{given} is a function: write nn.{layers[given.replace('_', '')]}()"
    return _finding(error, f"{kind} takes layers, and {hint}.")


def _finding(error: Exception, headline: str, line: places.Line | None = None) -> Finding:
    net = getattr(error, "net", None)
    where = error.path if net else ""  # an ImportError has another path
    line = line or places.last_line(error)
    if net and not line:
        line = places.first_line(type(net.get_submodule(where)).forward)
    cause = f"It happens in the forward of layer {where}." if where else ""
    return Finding(KIND, where, headline, cause, line=line)


def _name(error: Exception, _: Callable) -> str:
    if not isinstance(error, NameError) or not error.name:
        return ""
    if isinstance(error, UnboundLocalError):
        return f"The variable {error.name} is read before it has a value."
    if error.name in _IMPORTS:
        return f"The name {error.name} is not defined: write `{_IMPORTS[error.name]}` at the top."
    frame = places.frames(error)[-1][0]
    if hasattr(frame.f_locals.get("self"), error.name):
        return f"The name {error.name} is not defined. Is self.{error.name} meant?"
    known = {*dir(builtins), *frame.f_locals, *frame.f_globals}
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
    found = re.search(r"Module \[(\w+)\]", str(error))
    kind = found[1] if found else "The network"
    if kind in ("ModuleList", "ModuleDict"):
        return f"{kind} only holds layers: call them one after the other, or use nn.Sequential."
    return f"{kind} has no method called forward."


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
    found = re.search(r"'(\w+)' object has no attribute '(_\w+)'", text)
    if found and found[2] in vars(nn.Module()):
        return f"{found[1]}.__init__ must call super().__init__() before it sets up layers."
    if "before Module.__init__() call" not in text:
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


def _none_called(error: Exception, _: Callable) -> str:
    if not isinstance(error, TypeError) or "'NoneType' object is not callable" not in str(error):
        return ""
    owner = places.frames(error)[-1][0].f_locals.get("self")
    if not isinstance(owner, nn.Sequential):
        return "What is called here is None, not a layer."
    places_of = vars(owner)["_modules"]  # named_children leaves a None out
    empty = next(name for name in places_of if places_of[name] is None)
    return f"Place {empty} of a Sequential is None. Has the function that makes it no `return`?"


def _recursion(error: Exception, _: Callable) -> str:
    found = places.innermost(error) if isinstance(error, RecursionError) else None
    if found is None:
        return ""
    return f"{found[0].co_qualname.rpartition('<locals>.')[2]} calls itself without end."


def _call(error: Exception, _: Callable) -> str:
    if not isinstance(error, TypeError) or not _CALLS.search(str(error)):
        return ""
    return f"Wrong arguments: {_first(error)}."


_EXPLANATIONS = (
    _recursion,
    _name,
    _initialization,
    _attribute,
    _no_forward,
    _none_called,
    _choice,
    _keyword,
    _call,
)


def _first(error: Exception) -> str:
    """The first line of a message, without PyTorch's list of everything else it could take."""
    text = str(error).strip().split("\n")[0].split(", but expected one of")[0]
    return text.rstrip(".!: ") or "it has no message"
