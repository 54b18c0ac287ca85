"""The English of the checks: a finding's facts become a message. No logic reads it."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ._findings import Finding
from ._steps import Part, Place

RIGHT = "Right."
NOT_ATTEMPTED = "Not attempted yet: write your answer in place of `...`, then run both cells again."
_ORDINALS = ("", "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")
_WHERE = {
    "train": "in training mode",
    "eval": "in eval mode",
    "gradient": "in the gradient that reaches the input",
    "dropout": "in training mode",
}
_PROBED = {  # where a layer's numbers differ, and where to look
    "at the start": "With what numbers do its parameters start?",
    "train": "In training mode they are normalized by the batch, times gamma, plus beta.",
    "gradient": "The gradient runs through the batch's mean and variance too: is one detached?",
    "fresh eval": "In eval mode a layer never trained has a mean of 0 and a variance of 1.",
    "eval": "In eval mode, after training, they are normalized by the moving averages. How do "
    "these move?",
    "eval again": "In eval mode they must not depend on what was looked at before.",
    "eval with gradients": "In eval mode they must not depend on whether gradients are on.",
    "restored": "A saved and restored layer has to give what it gave before.",
    "held gradients": "The moving averages hold on to the gradient of the batches they saw.",
}


def tell(finding: Finding) -> str:
    """The message of a finding."""
    text = _TEMPLATES[finding.kind](finding.facts)
    case = finding.facts.get("case")
    if case is None:
        return text
    called = f"{finding.facts['called']}({', '.join(map(_value, case.args))})"
    shape = "×".join(map(str, case.shape))
    return f"{text}\nTried with {called} and an input of {shape}."


def _value(value: object) -> str:
    if isinstance(value, (tuple, list)):
        return f"({', '.join(map(_value, value))})"
    return getattr(value, "__name__", str(value))


# ------------------------------------------------------------------------------ names of the parts


def ordinal(number: int) -> str:
    """3 -> "third"."""
    return _ORDINALS[number] if number < len(_ORDINALS) else f"{number}th"


def size(pair: object) -> str:
    """(3, 3) -> "3×3"; 2 -> "2"."""
    if isinstance(pair, Sequence) and not isinstance(pair, str):
        return "×".join(map(str, pair))
    return str(pair)


def named(place: Place) -> str:
    """A step of the answer: "your second convolution (3×3, 8 → 8 channels)"."""
    number = f"{ordinal(place.number)} " if place.of > 1 else ""
    return f"your {number}{place.part.thing}{_told(place.part)}"


def _told(part: Part) -> str:
    s = part.settings
    if "in_channels" in s:
        return f" ({size(s['kernel_size'])}, {s['in_channels']} → {s['out_channels']} channels)"
    if "in_features" in s:
        return f" ({s['in_features']} → {s['out_features']})"
    if "kernel_size" in s:
        return f" ({size(s['kernel_size'])}, stride {_one(s['stride'])})"
    return ""


def _one(value: object) -> str:
    """(2, 2) -> "2", for settings of which both axes are nearly always the same."""
    if isinstance(value, tuple) and len(set(value)) == 1:
        return str(value[0])
    return size(value)


def _first(text: str) -> str:
    return text[:1].upper() + text[1:]


# ------------------------------------------------------------------------------------- templates


def _missing(facts: Mapping) -> str:
    if facts["after"] and facts["before"]:
        where = f"between {named(facts['after'])} and {named(facts['before'])}"
    elif facts["after"]:
        where = f"after {named(facts['after'])}"
    elif facts["before"]:
        where = f"before {named(facts['before'])}"
    else:
        return "Your network has no step at all: what you return hands its input on."
    has = "none" if not facts["has"] else facts["has"]
    count = f"yours has {has}, {facts['needs']} asked for"
    return _first(f"{where}, {_article(facts['thing'])} is missing ({count}).")


def _extra(facts: Mapping) -> str:
    follows = f"; it follows {named(facts['after'])}" if facts["after"] else ", at the beginning"
    return _first(f"{named(facts['place'])} is one step too many{follows}.")


def _moved(facts: Mapping) -> str:
    where = f"after {named(facts['after'])}" if facts["after"] else "at the beginning"
    return _first(
        f"{named(facts['place'])} stands in the wrong place: it comes {where}. "
        "Compare the order of your steps with what is asked."
    )


def _other(facts: Mapping) -> str:
    what = {"activation": "an activation of another kind", "pooling": "a pooling of another kind"}
    what["merge"] = "another way to join the branches"
    wanted = what.get(facts["kind"], "another step")
    return _first(f"{named(facts['place'])} stands where {wanted} is asked for.")


def _setting(facts: Mapping) -> str:
    place, setting, value = facts["place"], facts["setting"], facts["value"]
    arrives, made, wanted = facts["sizes"]
    if setting == "bias":
        has = "has a bias" if value else "has no bias"
        why = ", and one is asked for"
        if value and facts["next"] == "batch norm":
            why = ": batch norm after it subtracts the mean, and the bias with it"
        elif value:
            why = ", and none is asked for"
        return _first(f"{named(place)} {has}{why}.")
    text = f"Look at the {setting} of {named(place)}: it is {_one(value)}."
    if made != wanted and len(made) == len(wanted) == 2:
        text += f" So {size(arrives)} maps become {size(made)}; they should become {size(wanted)}."
    return text


def _diagnosis(facts: Mapping) -> str:
    line = facts["line"]
    shown = f"\n    line {line.number}: {line.text.strip()}" if line and line.text.strip() else ""
    detail = f"\n{facts['detail']}" if facts["detail"] else ""
    return f"{facts['headline']}{shown}{detail}"


def _stops(facts: Mapping) -> str:
    line = f"\n    {facts['line']}" if facts["line"] else ""
    return f"Your code stops with {facts['error']}: {facts['message'] or 'no message'}.{line}"


def _endless(facts: Mapping) -> str:
    line = f" It was at `{facts['line']}`." if facts["line"] else ""
    return (
        f"After {facts['seconds']:g} seconds your code was still running.{line} "
        "Does a loop never end? Does what it tests change inside it?"
    )


def _memory(facts: Mapping) -> str:
    line = f" at `{facts['line']}`" if facts["line"] else ""
    return f"Your code asks for more memory than it may have{line}. Which number is too large?"


def _called(facts: Mapping) -> str:
    return (
        "You handed over what your function returned. Hand over the function itself, without "
        f"brackets: the check calls it as {facts['called']}."
    )


def _no_function(facts: Mapping) -> str:
    kind = type(facts["value"]).__name__
    return f"This is {_article(kind)}; what is asked for is called as {facts['called']}."


def _arguments(facts: Mapping) -> str:
    return f"It cannot be called as {facts['called']}: {facts['error']}."


def _unused(facts: Mapping) -> str:
    names = " and ".join(facts["layers"])
    return f"The forward never uses {names}."


def _params(facts: Mapping) -> str:
    more = "more" if facts["params"] > facts["asked"] else "fewer"
    return (
        f"Your steps are as asked, but the network has {facts['params']:,} parameters, which is "
        f"{more} than they need. Is a layer used twice, or made and not used?"
    )


def _values(facts: Mapping) -> str:
    if facts["where"] == "input":
        return (
            "Your forward changes its input in place, and other layers may still need it. Which "
            "operation writes into the tensor that came in?"
        )
    if facts.get("probed"):
        return f"Other numbers come out than are asked for. {_PROBED[facts['where']]}"
    where = _WHERE[facts["where"]]
    return (
        f"Shapes and steps are as asked, but with the same weights other numbers come out {where}. "
        "Follow the numbers: what is multiplied, added or handed on that should not be?"
    )


def _no_number(facts: Mapping) -> str:
    wanted = "one number is" if facts["count"] == 1 else f"{facts['count']} numbers are"
    return f"{wanted.capitalize()} asked for, and this is {facts['value']!r}."


def _count(facts: Mapping) -> str:
    return f"You give {_many(facts['given'], 'number')}; {facts['asked']} are asked for."


def _another(facts: Mapping) -> str:
    if facts["count"] == 1:
        return f"It is not {_plain(facts['value'])}. Count again."
    return f"Look at the {facts['what']}: it is not {_plain(facts['value'])}."


def _call(facts: Mapping) -> str:
    args = ", ".join(map(_value, facts["args"]))
    given, asked = facts["value"], facts["asked"]
    return f"For ({args}) it returns {given!r}, and it should be {asked!r}."


def _nothing(facts: Mapping) -> str:
    return f"{facts['called']} returns nothing: is a `return` missing?"


def _no_tensor(facts: Mapping) -> str:
    return f"{facts['called']} returns {_article(facts['value'])}, not one tensor."


def _no_network(facts: Mapping) -> str:
    return f"It returns {_article(facts['value'])}, not a network: nn.Sequential(*layers) is one."


def _shape(facts: Mapping) -> str:
    return (
        f"With {facts['told']} the result has shape {size(facts['shape'])}; it should be "
        f"{size(facts['asked'])}."
    )


def _unlike(facts: Mapping) -> str:
    return (
        f"With {facts['told']} the shape is right, and the numbers are others. Try it on a tensor "
        "small enough to work out by hand, step by step."
    )


def _goal_shape(facts: Mapping) -> str:
    return f"For each image {size(facts['shape'])} comes out, and ten logits are asked for."


def _goal_end(facts: Mapping) -> str:
    return f"Your network ends with {facts['thing']}. The loss takes the logits as they are."


def _goal_params(facts: Mapping) -> str:
    return (
        f"Your network has {facts['params']:,} parameters; at most {facts['most']:,} are allowed. "
        "Which layer has most of them?"
    )


def _goal_macs(facts: Mapping) -> str:
    return (
        f"An image takes {facts['macs']:,} MACs; at most {facts['most']:,} are allowed. Which "
        "layer takes most, and how large are its maps?"
    )


def _goal_accuracy(facts: Mapping) -> str:
    text = f"In its best epoch {facts['best']:.1%} of the test images are right, not yet "
    text += f"{facts['goal']:.0%}; in the last epoch {facts['train']:.1%} of the training images."
    if not facts["convolution"]:
        return f"{text} It has no convolution: what would sharing weights save?"
    if facts["train"] < facts["goal"]:
        return f"{text} It does not fit the training images either: is it too small, or too slow?"
    return f"{text} It fits the training images better: what helps against overfitting?"


def _plain(number: float) -> str:
    whole = math.isfinite(number) and number == int(number)
    return f"{int(number):,}" if whole else f"{number:g}"


def _many(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _article(noun: str) -> str:
    return f"an {noun}" if noun[:1] in "aeiou" else f"a {noun}"


def _said(facts: Mapping) -> str:
    return str(facts["text"])


_TEMPLATES: dict[str, Any] = {
    "missing": _missing,
    "extra": _extra,
    "moved": _moved,
    "other": _other,
    "setting": _setting,
    "diagnosis": _diagnosis,
    "stops": _stops,
    "endless": _endless,
    "memory": _memory,
    "called": _called,
    "no function": _no_function,
    "arguments": _arguments,
    "unused": _unused,
    "params": _params,
    "values": _values,
    "said": _said,
    "no number": _no_number,
    "count": _count,
    "number": _another,
    "call": _call,
    "nothing": _nothing,
    "goal shape": _goal_shape,
    "goal end": _goal_end,
    "goal params": _goal_params,
    "goal macs": _goal_macs,
    "goal accuracy": _goal_accuracy,
    "no tensor": _no_tensor,
    "no network": _no_network,
    "shape": _shape,
    "unlike": _unlike,
}
