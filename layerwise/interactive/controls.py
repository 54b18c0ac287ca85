"""The sliders and menus of the lab, made from the short forms of `ipywidgets.interact`."""

import difflib
import inspect
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from numbers import Real
from typing import TypeAlias

import ipywidgets as ui

from layerwise.operations.shapes import Shape

from .history import Setting
from .words import Words, shown

Control: TypeAlias = ui.ValueWidget | ui.fixed  # `fixed` is a choice without a slider
EMPTY = inspect.Parameter.empty
INPUT_SIZE = "input_size"  # the one control that changes the input and not the network
OWN = ("presets", "image", "tasks")  # keywords of the lab itself


def make(build: Callable, input_shape: Shape, forms: Mapping[str, object]) -> dict[str, Control]:
    """One control for each form, set to the builder's own default where it can be reached.

    `input_size` starts from the last axis of `input_shape`.

    Raises TypeError where a control is no parameter of the builder or a parameter has neither
    default nor control, and ValueError where a short form cannot be understood.
    """
    parameters = inspect.signature(build).parameters
    _check_names(build, parameters, forms)
    controls: dict[str, Control] = {}
    defaults = {INPUT_SIZE: input_shape[-1]} if input_shape else {}
    defaults |= {p.name: p.default for p in parameters.values() if p.default is not EMPTY}
    for name, form in forms.items():
        controls[name] = _widget(name, form, defaults.get(name, EMPTY))
    width = max((len(label(name)) for name in forms), default=0)
    for name, widget in controls.items():
        if isinstance(widget, ui.fixed):
            continue
        widget.description = label(name)
        widget.add_class(f"lab-control-{name}")
        widget.tooltip = ""  # else the browser shows "null"
        if isinstance(widget, ui.SelectionSlider):
            widget.add_class(f"lab-choice-{name}")
        widget.style.description_width = f"{0.55 * width + 0.5:.1f}em"
        widget.layout.width, widget.layout.height, widget.layout.margin = "auto", "28px", "1px 2px"
    return controls


def label(name: str) -> str:
    """`kernel_size` -> "kernel size"."""
    return name.replace("_", " ")


def values(widget: Control) -> list:
    """Every value that a control can take, in order."""
    if isinstance(widget, ui.Checkbox):
        return [False, True]
    if isinstance(widget, (ui.IntSlider, ui.FloatSlider)):
        count = round((widget.max - widget.min) / widget.step + 1e-9)
        steps = [widget.min + i * widget.step for i in range(count + 1)]
        if isinstance(widget, ui.FloatSlider):
            steps = [round(step, 10) for step in steps]
        return [step for step in steps if step <= widget.max]
    if not hasattr(widget, "options"):
        return [widget.value]
    options = [pair[1] for pair in widget._options_full]  # noqa: SLF001  ipywidgets has no public name for it
    if isinstance(widget, ui.SelectionRangeSlider):
        return list(itertools.combinations_with_replacement(options, 2))
    if isinstance(widget, ui.SelectMultiple):  # of all sets, those of one, and the present
        return list(dict.fromkeys([*((option,) for option in options), widget.value]))
    return options


def nearest(widget: Control, typed: str) -> object | None:
    """The value of a slider that is nearest to a typed number; None where no number is typed."""
    try:
        number = float(typed.replace(",", ""))
    except ValueError:
        return None
    return min(values(widget), key=lambda value: abs(value - number))


def presets(
    controls: Mapping[str, Control], given: Mapping[str, Setting], words: Words
) -> Mapping[str, Setting]:
    """The presets as whole settings; what one does not name is that of the start.

    Raises TypeError where they are no settings by name, and ValueError where no control has such a
    name or such a value.
    """
    if not isinstance(given, Mapping) or not all(isinstance(s, Mapping) for s in given.values()):
        form = '{"as in the paper": dict(channels=96)}'
        raise TypeError(f"presets are settings by name, such as {form}, not {given!r:.60}")
    start = {name: control.value for name, control in controls.items()}
    found = {}
    for preset, setting in given.items():
        meant = {name: words.meant(name, value) for name, value in setting.items()}
        for name, value in meant.items():
            if name not in controls or value not in values(controls[name]):
                raise ValueError(
                    f"the preset {preset!r} cannot be reached: no control has {name}={value!r:.60}"
                )
        found[preset] = start | meant
    return found


def states(controls: Mapping[str, Control]) -> Iterator[dict]:
    """Every combination of values, the last control changing fastest."""
    for combination in itertools.product(*map(values, controls.values())):
        yield dict(zip(controls, combination, strict=True))


def watch(controls: Mapping[str, Control], react: Callable[[object], None]) -> None:
    """Call `react` whenever one of these has another value."""
    for control in controls.values():
        control.observe(react, "value")


def unwatch(controls: Mapping[str, Control], react: Callable[[object], None]) -> None:
    """Take that back, where it was so."""
    for control in controls.values():
        with suppress(ValueError):
            control.unobserve(react, "value")


def _check_names(build: Callable, parameters: Mapping, forms: Mapping) -> None:
    name = getattr(build, "__name__", "the builder")
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    for control in forms:
        if control in parameters or takes_any or control == INPUT_SIZE:
            continue
        near = difflib.get_close_matches(control, parameters, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"it has: {', '.join(parameters)}"
        raise TypeError(f"{name} has no parameter {control!r}; {hint}")
    for parameter in parameters.values():
        fixed = parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
        if parameter.default is EMPTY and not fixed and parameter.name not in forms:
            if parameter.name in OWN:
                raise TypeError(
                    f"{name} needs a value for {parameter.name!r}, a word of the lab itself: "
                    "give it a default, or another name"
                )
            raise TypeError(
                f"{name} needs a value for {parameter.name!r}: give it a default, or give the lab "
                f"a control for it, such as {parameter.name}=(1, 8)"
            )


def _widget(name: str, form: object, default: object) -> Control:
    if isinstance(form, ui.ValueWidget):
        return form
    if isinstance(form, (dict, list, range)):
        return _choice(name, form, default)
    try:
        widget = ui.interactive.widget_from_abbrev(form, default)
    except (TypeError, ValueError) as problem:
        raise ValueError(f"the control {name}={form!r} cannot be made: {problem}") from problem
    if widget is None:
        raise ValueError(
            f"the control {name}={form!r} is not understood: give (low, high) for a slider, a list "
            "or a dict of choices, or True or False for a box to tick"
        )
    return widget


def _choice(name: str, form: Mapping | Sequence, default: object) -> ui.ValueWidget:
    """A slider for numbers that go up, a menu for all else."""
    options = list(form.items()) if isinstance(form, dict) else [(shown(v), v) for v in form]
    if not options:
        raise ValueError(f"the control {name} has no choices")
    found = [value for _, value in options]
    if any(value is None for value in found):  # a menu shows it as nothing chosen
        raise ValueError(
            f"the control {name} cannot offer None: give another value for it, such as 0 or "
            '"none", and let the builder read that as None'
        )
    start = next((value for value in found if _plain(value) == _plain(default)), found[0])
    numbers = all(isinstance(v, Real) and not isinstance(v, bool) for v in found)
    rising = numbers and len(found) > 1 and found == sorted(found)
    kind = ui.SelectionSlider if rising and not isinstance(form, dict) else ui.Dropdown
    return kind(options=options, value=start)


def _plain(value: object) -> object:
    """What two values that are the same have in common: lists are tuples, True is not 1."""
    if isinstance(value, (tuple, list)):
        return [_plain(part) for part in value]
    return (type(value), value) if isinstance(value, bool) else value
