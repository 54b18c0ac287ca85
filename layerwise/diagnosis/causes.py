"""What a run says about its failure: the kind of cause, the two numbers, the step behind it.

What stands here needs one run. Which of the student's choices lies behind it, `repairs` tries.
"""

from collections.abc import Callable

from torch import nn

from layerwise.operations.shapes import ShapeError, times
from layerwise.tracing.meta_copy import TraceError
from layerwise.tracing.records import Step, Trace

from . import layer_arguments as settings
from . import python_errors as mistakes
from . import source_lines as places
from .branch_errors import MEETINGS
from .breakdown import INPUT, Finding, Story, capital, image, many
from .shape_errors import CLASHES

Net = Callable[[], nn.Module]  # the network once more, for what a trace does not hold


def find(
    trace: Trace | None, error: Exception | None, build: Callable, rebuild: Net
) -> Finding | None:
    """The finding for the outcome of `building.run`; None if there is nothing to say."""
    if error is None:
        return _warning(trace, rebuild)
    if trace is None:
        return _unbuilt(error, build)
    story = Story(trace, error)
    found = mistakes.nothing_returned(story) or _bad_setting(story) or mistakes.no_tensor(story)
    if found is None and not isinstance(error, ShapeError):
        found = mistakes.mistake(error, build)
    for clash in (*CLASHES, *MEETINGS):
        found = found or clash(story)
    if found is None and isinstance(error, ShapeError):
        found = _stated(story)
    return found or mistakes.rejected(error) or honest(error)


def _unbuilt(error: Exception, build: Callable) -> Finding:
    """The builder itself failed, in the constructor of a layer or elsewhere."""
    made = settings.construction(error)
    if made is not None and not isinstance(error, RecursionError):
        return _unmade(error, *made)
    if isinstance(error, TraceError):
        return Finding("your code", "", _message(error) + ".", line=places.first_line(build))
    found = mistakes.mistake(error, build) or mistakes.rejected(error)
    if found is not None:
        return found
    kind = "PyTorch"
    if isinstance(error, (TypeError, ValueError)):
        kind = "input" if places.ours(error) else "setting"
    return Finding(kind, "", capital(_message(error)) + ".")


def _unmade(error: Exception, kind: str, arguments: dict) -> Finding:
    """A layer of class `kind` refuses its settings."""
    if "is not a Module" in str(error):
        return mistakes.no_layer(error, kind)
    bad, line = settings.fault(kind, arguments), places.last_line(error)
    if bad is None:
        headline = f"{kind} cannot have these settings: {_message(error)}."
        return Finding("setting", "", headline, line=line)
    headline = f"{kind} cannot have {bad.name}={settings.shown(bad.value)}: it must be {bad.must}."
    return Finding(bad.kind, "", headline, "", bad.expected, bad.value, line=line)


def _bad_setting(story: Story) -> Finding | None:
    bad = settings.fault(story.layer_kind, story.settings)
    if bad is None:
        return None
    headline = (
        f"{story.layer} cannot have {bad.name}={settings.shown(bad.value)}: it must be {bad.must}."
    )
    return story.finding(bad.kind, headline, "", bad.expected, bad.value)


def _stated(story: Story) -> Finding:
    """A rule of `rules` that says all there is to say."""
    text = getattr(story.error, "sentence", str(story.error))
    return story.finding("setting", f"{story.place}: {text}.", "", *story.numbers)


def honest(error: Exception) -> Finding:
    """PyTorch's own message, where none of the causes is known."""
    net = getattr(error, "net", None)
    path = error.path if net else ""
    where = f"Layer {path} ({type(net.get_submodule(path)).__name__}): " if path else ""
    headline = f"{where}PyTorch says: {_message(error)}."
    return Finding("PyTorch", path, headline, line=places.last_line(error))


def _message(error: Exception) -> str:
    text = str(error.args[0] if isinstance(error, KeyError) and error.args else error)
    return text.strip().split("\n")[0].rstrip(".!") or type(error).__name__


def _warning(trace: Trace, rebuild: Net) -> Finding | None:
    """What PyTorch does without a word although it is hardly meant."""
    story = Story(trace)
    for step in trace.steps:
        if _broadcasts(step) and not _is_meant(story, step):
            return _silent_broadcast(story, step)
    if trace.calls and not trace.calls[-1].output and not _scalar(trace):
        return mistakes.returns_none(rebuild())
    if any(_unowned(step) for step in trace.steps):
        return _unregistered(rebuild())
    return _mixed_batch(story)


def _broadcasts(step: Step) -> bool:
    return step.op in ("add", "sub") and len(step.inputs) == 2 and step.inputs[0] != step.inputs[1]


def _is_meant(story: Story, step: Step) -> bool:
    """Whether an `unsqueeze` or `[:, :, None, None]` gave one of the two its axes of 1."""
    makers = [story.steps[i] for i in step.sources if i != INPUT]
    return any(m.inputs and len(m.output) > len(m.inputs[0]) for m in makers)


def _silent_broadcast(story: Story, step: Step) -> Finding:
    a, b = step.inputs
    m, n = next(((m, n) for m, n in zip(a, b, strict=False) if m != n), (len(a), len(b)))
    small = min(a, b, key=len) if len(a) != len(b) else (b if n == 1 else a)
    where = f"block {step.path}" if step.path else "the forward"
    headline = (
        f"The {step.op} in {where} joins two shapes, {times(a)} and {times(b)}: it runs, because "
        f"PyTorch repeats {times(small)} to fit."
    )
    source = step.sources[1 if small == b else 0]
    cause = f"{story.what(source)} makes {times(small)}; a shortcut needs two equal shapes."
    return Finding("silent broadcast", step.path, headline, capital(cause), m, n, works=True)


def _scalar(trace: Trace) -> bool:
    return any(step.output == () for step in trace.steps if step.op != "unused")


def _unowned(step: Step) -> bool:
    """A convolution or Linear without parameters of the network: it may stand in a plain list."""
    return step.op in ("conv2d", "conv1d", "linear") and step.params == 0


def _unregistered(net: nn.Module) -> Finding | None:
    for path, module in net.named_modules():
        for name, value in vars(module).items():
            parts = value.values() if type(value) is dict else value
            if name.startswith("_") or not isinstance(value, (list, tuple, dict)):
                continue
            layers = [part for part in parts if isinstance(part, nn.Module)]
            if layers:
                return _in_a_list(path, name, module, layers)
    return None


def _in_a_list(path: str, name: str, owner: nn.Module, layers: list) -> Finding:
    missing = sum(p.numel() for layer in layers for p in layer.parameters())
    headline = (
        f"The network does not know of {many(len(layers), 'layer')} in self.{name}: "
        f"{many(missing, 'parameter')} would not be trained."
    )
    is_dict = isinstance(vars(owner)[name], dict)
    plain, right = ("dict", "ModuleDict({...})") if is_dict else ("list", "ModuleList([...])")
    cause = f"{type(owner).__name__} keeps them in a plain {plain}: write self.{name} = nn.{right}."
    line = places.first_line(type(owner).__init__)
    return Finding("your code", path, headline, cause, missing, 0, works=True, line=line)


def _mixed_batch(story: Story) -> Finding | None:
    """A flatten or view that lays several images in one row."""
    t = story.trace
    batch = t.inputs[0][:1] if t.inputs else ()
    if not t.calls or t.output[:1] == batch or not batch or len(t.inputs[0]) < 3:
        return None
    for step in t.steps:
        before = step.inputs[0] if step.inputs else ()
        flat = step.op in ("Flatten", "flatten", "view", "reshape") and len(step.output) <= 2
        if flat and len(before) == len(t.inputs[0]) and before[:1] == batch != step.output[:1]:
            return _mixing(story, step, batch[0])
    return None


def _mixing(story: Story, step: Step, batch: int) -> Finding:
    headline = (
        f"{capital(story.what(step.index))} makes {times(step.output)} out of "
        f"{times(step.inputs[0])}: a row no longer belongs to one image."
    )
    cause = f"The batch is {batch}, and {batch} rows of {image((1, *step.inputs[0][1:]))} numbers "
    cause += "were due: nn.Flatten() keeps the batch."
    return Finding("batch", step.path, headline, cause, batch, step.output[0], works=True)
