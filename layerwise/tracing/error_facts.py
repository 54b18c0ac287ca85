"""What an exception and the frames behind it know, read once, as data for a diagnosis.

"mistake" names a mistake of Python's that is known, "" for others; the functions below say what
each adds. Besides: "own": whether the student's own code raised it; "raised": whether it did so
by a `raise` or `assert`; "function": the innermost function of theirs; "none": whether None
stands where it must not; "quotient": whether a division made a float of a whole number.
"""

import builtins
import dis
import inspect
import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from types import FrameType, ModuleType
from typing import Any

from torch import Tensor, nn

from layerwise.operations.kinds import Merge
from layerwise.operations.registry import find

from . import source_lines
from .module_tree import is_layer

Facts = dict[str, Any]

_CALLS = re.compile(
    r"missing \d+ required|takes .* positional|unexpected keyword|multiple values|positional-only"
)
_ODD = re.compile(r"^\w+\(\): argument '\w+' (?:\(position \d+\) )?must be Tensor, not (\w+)")
_KEYWORD = re.compile(r"^(\w+)(\.__init__)?\(\) got an unexpected keyword argument '(\w+)'")


def read(error: Exception, build: Callable | None = None) -> Facts:
    """The facts of an error; `build` is the builder that it came out of, if one did."""
    trail = source_lines.frames(error)
    place = source_lines.innermost(error)
    frame = trail[-1][0]
    own = source_lines.theirs(frame.f_code)
    return {
        "own": own,
        "raised": own and bool(str(error)) and _raises(error),
        "function": place[0].co_qualname.rpartition("<locals>.")[2] if place else "",
        "none": "NoneType" in str(error),
        "mistake": "",
        "quotient": isinstance(error, TypeError) and "float" in str(error) and _divides(error),
    } | _mistake(error, frame, build)


def _mistake(error: Exception, frame: FrameType, build: Callable | None) -> Facts:
    """What is known of the mistake, {} if it is none that is known. `frame` is the innermost."""
    if isinstance(error, RecursionError):
        return {"mistake": "recursion"}
    if isinstance(error, NameError):
        return _name(error, frame)
    if isinstance(error, AttributeError):
        return _super(error) or _attribute(error)
    if isinstance(error, NotImplementedError) and frame.f_code is nn.Module.forward.__code__:
        return {"mistake": "no forward", "owner": type(frame.f_locals["self"]).__name__}
    if not isinstance(error, TypeError):
        return {}
    return (
        _no_layer(error, frame)
        or _called(error, frame)
        or _unlisted(error)
        or _operand(error)
        or _arguments(error, build)
    )


def _divides(error: Exception) -> bool:
    line = source_lines.last_line(error)
    return line is not None and "/" in line.text.replace("//", "")


def _raises(error: Exception) -> bool:
    """Whether its innermost frame stopped at a `raise` or `assert`."""
    trail: Any = error.__traceback__
    while trail.tb_next is not None:
        trail = trail.tb_next
    return trail.tb_frame.f_code.co_code[trail.tb_lasti] == dis.opmap["RAISE_VARARGS"]


def _name(error: NameError, frame: FrameType) -> Facts:
    """A name that is not there. "known": those that are; "on_self": whether self has it."""
    if not error.name:
        return {}
    return {
        "mistake": "unbound" if isinstance(error, UnboundLocalError) else "name",
        "name": error.name,
        "known": tuple({*dir(builtins), *frame.f_locals, *frame.f_globals}),
        "on_self": hasattr(frame.f_locals.get("self"), error.name),
    }


def _super(error: AttributeError) -> Facts:
    """`super().__init__()` was forgotten: nn.Module then has no place for layers."""
    early = "before Module.__init__() call" in str(error)
    if not early and error.name not in vars(nn.Module()):
        return {}
    owner = _owner(error)
    return {"mistake": "no super", "owner": type(owner).__name__} if owner is not None else {}


def _owner(error: Exception) -> nn.Module | None:
    """The innermost module in whose method the error passed."""
    owners = (frame.f_locals.get("self") for frame, _ in reversed(source_lines.frames(error)))
    return next((owner for owner in owners if isinstance(owner, nn.Module)), None)


def _attribute(error: AttributeError) -> Facts:
    """An attribute that is not there.

    "owner": class of the object; "known": the attributes that it has; "local": whether a variable
    or argument of its `__init__` has the name.
    """
    if error.name is None:
        return {}
    sought = error.obj
    kind = type(sought)
    if _comma(sought) or (isinstance(sought, (tuple, list, dict)) and hasattr(Tensor, error.name)):
        return {"mistake": "no tensor"} | value(error, sought)
    if isinstance(sought, nn.Module) and (misspelt := misspelt_init(kind)):
        return {"mistake": "init", "owner": kind.__name__, "name": misspelt}
    known = {n for n in dir(sought) if not n.startswith("_")}
    if isinstance(sought, nn.Module):
        known -= set(dir(nn.Module)) - {n for n, _ in sought.named_children()}
    init = getattr(kind.__init__, "__code__", None) if isinstance(sought, nn.Module) else None
    return {
        "mistake": "attribute",
        "name": error.name,
        "owner": sought.__name__ if isinstance(sought, ModuleType) else kind.__name__,
        "known": tuple(known),
        "local": bool(init and error.name in init.co_varnames + init.co_cellvars),
    }


def misspelt_init(kind: type) -> str:
    """The method that was meant to be `__init__`, "" if there is none or an `__init__`."""
    if "__init__" in vars(kind) or not issubclass(kind, nn.Module):
        return ""
    methods = [name for name, value in vars(kind).items() if inspect.isfunction(value)]
    close = get_close_matches("__init__", methods, n=1, cutoff=0.6)
    return close[0] if close else ""


def _no_layer(error: TypeError, frame: FrameType) -> Facts:
    """A container was given what is no layer; see `value`. "owner": class of the container."""
    if frame.f_code.co_name != "add_module":
        return {}
    given = frame.f_locals.get("module")
    if given is None or isinstance(given, nn.Module):
        return {}
    owner = type(frame.f_locals["self"]).__name__
    return {"mistake": "no layer", "owner": owner} | value(error, given)


def _called(error: TypeError, frame: FrameType) -> Facts:
    """What was called cannot be.

    "empty": places of a Sequential that hold None; "names": those in the line that stand for a
    layer with a comma behind it.
    """
    if not str(error).endswith("object is not callable"):
        return {}
    owner = frame.f_locals.get("self")
    if "NoneType" in str(error):
        held = vars(owner)["_modules"] if isinstance(owner, nn.Sequential) else {}
        return {"mistake": "none called", "empty": tuple(n for n in held if held[n] is None)}
    return {"mistake": "called", "kind": str(error).split("'")[1], "names": _commas(error)}


def _commas(error: Exception) -> tuple[str, ...]:
    """The names in the line of the error that stand for a tuple of one layer or tensor."""
    line = source_lines.last_line(error)
    frames = [frame for frame, _ in source_lines.frames(error) if source_lines.theirs(frame.f_code)]
    if line is None or not frames:
        return ()
    owner = frames[-1].f_locals.get("self")
    names = {**getattr(owner, "__dict__", {}), **frames[-1].f_locals}
    text = set(re.findall(r"\w+", line.text))
    return tuple(name for name, held in names.items() if _comma(held) and name in text)


def _comma(given: object) -> bool:
    """Whether it is a tuple of one, as a comma at the end of a line makes it."""
    return (
        isinstance(given, tuple) and len(given) == 1 and isinstance(given[0], (nn.Module, Tensor))
    )


def _unlisted(error: TypeError) -> Facts:
    """`torch.cat(a, b)`, without the list. "callee": the function."""
    callee = str(error).partition("()")[0]
    entry = find(callee)
    joins = entry is not None and entry.merge is Merge.CONCAT
    return {"mistake": "unlisted", "callee": callee} if joins else {}


def _operand(error: TypeError) -> Facts:
    """What stands in the place of a tensor, where its class alone is told; see `value`."""
    found, commas = _ODD.match(str(error)), _commas(error)
    kind = "tuple" if commas else found[1] if found else ""
    of = "several" if kind in ("tuple", "list", "dict") else "value"
    facts = {"mistake": "no tensor", "kind": kind, "of": of, "called": kind}
    return {**facts, "comma": commas[0] if commas else None} if kind else {}


def _arguments(error: TypeError, build: Callable | None) -> Facts:
    """A call with wrong arguments. "callee" and "name": an unknown keyword; "known": the others."""
    if not _CALLS.search(str(error)):
        return {}
    owner = _owner(error)
    if owner is not None and (misspelt := misspelt_init(type(owner))):
        return {"mistake": "init", "owner": type(owner).__name__, "name": misspelt}
    found = _KEYWORD.search(str(error))
    if found is None:
        for held in vars(owner).values() if owner is not None else ():
            if isinstance(held, type) and str(error).startswith(f"{held.__qualname__}.__init__()"):
                return {"mistake": "class called", "called": held.__name__}
        return {"mistake": "call"}
    callee = getattr(nn, found[1], None) if found[2] else build
    if callee is None or getattr(callee, "__name__", "") != found[1]:
        return {"mistake": "call"}
    return {
        "mistake": "keyword",
        "callee": found[1],
        "choice": not found[2],
        "name": found[3],
        "known": tuple(inspect.signature(callee).parameters),
    }


def value(error: Exception, given: object) -> Facts:
    """What stands in the place of a tensor or a layer.

    "kind": its class; "of": "class", "function", "layer", "several" or "value"; "called": how it
    is written; "comma": None, or the name of the variable that a comma made a tuple ("" if none).
    """
    kind = type(given).__name__
    facts: Facts = {"kind": kind, "of": "value", "called": kind, "comma": None}
    if isinstance(given, type):
        facts |= {"of": "class", "called": _spelt(given), "kind": given.__name__}
    elif isinstance(given, nn.Module):
        facts["of"] = "layer"
        if is_layer(given) and any(isinstance(v, Tensor) for v in vars(given).values()):
            facts |= {"of": "class", "called": _spelt(type(given))}  # nn.ReLU(x)
    elif inspect.isroutine(given):
        facts |= {"of": "function", "called": given.__name__, "kind": given.__name__}
    elif isinstance(given, (tuple, list, Mapping)) or inspect.isgenerator(given):
        facts["of"] = "several"
        if isinstance(given, tuple):  # also what max(dim=1) returns
            facts["kind"] = "tuple"
        facts["comma"] = _variable(error, given) if _comma(given) else None
    return facts


def _spelt(kind: type) -> str:
    known = getattr(nn, kind.__name__, None)
    return f"nn.{kind.__name__}" if known is kind else kind.__name__


def _variable(error: Exception, given: object) -> str:
    """The name under which the student's own code knows a value, "" if it has none."""
    for frame, _ in reversed(source_lines.frames(error)):
        if source_lines.theirs(frame.f_code):
            attributes = getattr(frame.f_locals.get("self"), "__dict__", {})
            for lead, names in (("", frame.f_locals), ("self.", attributes)):
                for name, held in names.items():
                    if held is given:
                        return lead + name
    return ""
