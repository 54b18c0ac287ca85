"""Whether there is an answer at all, or only the stub of the notebook."""

import dis
from types import CodeType, FunctionType
from typing import Any

from torch import nn

_NAMES = {"super", "__init__", "NotImplementedError"}
_WORK = (
    *("BINARY", "BUILD", "COMPARE", "DELETE", "FOR", "IMPORT", "JUMP", "POP_JUMP"),
    *("PUSH_EXC", "STORE", "UNARY", "YIELD"),
)


def is_attempted(answer: Any) -> bool:
    """False for `...`, None, and functions and classes in whose bodies nothing stands."""
    if answer is None or answer is Ellipsis:
        return False
    if isinstance(answer, str):
        return answer.strip() not in {"", "..."}
    if isinstance(answer, (tuple, list)):
        return any(map(is_attempted, answer))
    if isinstance(answer, type) and not _BASES.issuperset(answer.__mro__[1:]):
        return True  # a class that goes on from another one than a stub does
    functions = list(_functions(answer))
    if functions:
        return not all(is_stub(function.__code__) for function in functions)
    return not (isinstance(answer, type) and not vars(answer).keys() - _BARE)


_BASES = frozenset({nn.Module, object})


class _Bare:
    pass


_BARE = vars(_Bare).keys() | {"__firstlineno__", "__static_attributes__"}


def _functions(answer: Any) -> list[FunctionType]:
    if isinstance(answer, FunctionType):
        return [answer]
    if isinstance(answer, type):
        return [value for value in vars(answer).values() if isinstance(value, FunctionType)]
    return []


def is_stub(code: CodeType) -> bool:
    """Whether a body holds no more than `...`, pass, a docstring, NotImplementedError, super()."""
    if set(code.co_names) - _NAMES:
        return False
    before = None
    for step in dis.get_instructions(code):
        if step.opname.startswith(_WORK) or _reads(step, code):
            return False
        if step.opname == "RETURN_CONST" and step.argval not in (None, ...):
            return False
        if step.opname == "RETURN_VALUE" and not _nothing(before):
            return False
        before = step
    return True


def _reads(step: dis.Instruction, code: CodeType) -> bool:
    """Whether it reads an argument, other than the `self` of `super().__init__()`."""
    names = step.argval if isinstance(step.argval, tuple) else (step.argval,)
    return step.opname.startswith("LOAD_FAST") and set(names) != {*code.co_varnames[:1]}


def _nothing(step: dis.Instruction | None) -> bool:
    return step is not None and step.opname == "LOAD_CONST" and step.argval in (None, ...)
