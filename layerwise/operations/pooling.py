"""Max and average pooling, and pooling to a fixed size."""

from functools import partial

from torch import Tensor

from .axis_sentences import axis_sentences
from .kinds import Kind
from .registry import Applied, Effect, declare
from .shapes import PerAxis, ShapeError, per_axis, times
from .window import Window, adaptive_window, fitted, span, spatial

_LOWEST = {"kernel_size": 1, "stride": 1, "dilation": 1, "padding": 0, "output_size": 0}


def _window_sentence(pooled: str, step: Applied) -> str:
    lead = f"The {pooled} of each {times(step.settings['kernel_size'])} window, channel by channel."
    return " ".join([lead, *axis_sentences(step)])


def _adaptive_sentence(pooled: str, step: Applied) -> str:
    size = times(step.settings["output_size"])
    return f"The {pooled} over each part of the map: {size} remain of each channel."


def _pooling_effect(
    axes: int,
    input: Tensor,
    kernel_size: PerAxis,
    stride: PerAxis | None,
    padding: PerAxis,
    dilation: PerAxis,
    ceil_mode: bool,
) -> Effect:
    kernel = per_axis(kernel_size, axes, "kernel_size", 1)
    op = f"Pool{axes}d"
    strides = kernel if stride is None or stride == [] else per_axis(stride, axes, "stride", 1)
    paddings = per_axis(padding, axes, "padding", 0)
    dilations = per_axis(dilation, axes, "dilation", 1)
    for k, p in zip(kernel, paddings, strict=True):
        if p > k // 2:
            raise ShapeError(f"{op}: padding {p} is over half the window", k // 2, p)
    lead, image = spatial(tuple(input.shape), axes, op)
    if lead[-1] == 0:
        raise ShapeError(f"{op} needs at least one channel", 1, 0)
    columns = zip(image, kernel, strides, paddings, dilations, strict=True)
    shape = (*lead, *[fitted(op, *numbers, ceil_mode) for numbers in columns])
    settings = {
        "kernel_size": kernel,
        "stride": strides,
        "padding": paddings,
        "dilation": dilations,
        "ceil_mode": ceil_mode,
    }
    return Effect(shape, 0, Window(span(kernel, dilations), strides), settings)


def _max(
    axes: int,
    input: Tensor,
    kernel_size: PerAxis,
    stride: PerAxis | None = None,
    padding: PerAxis = 0,
    dilation: PerAxis = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Effect:
    if return_indices:
        return NotImplemented
    return _pooling_effect(axes, input, kernel_size, stride, padding, dilation, ceil_mode)


def _avg(
    axes: int,
    input: Tensor,
    kernel_size: PerAxis,
    stride: PerAxis | None = None,
    padding: PerAxis = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Effect:
    if divisor_override == 0:
        raise ShapeError("divisor_override must not be 0", "not 0", 0)
    kernel = per_axis(kernel_size, axes, "kernel_size", 1)
    if axes == 3 and any(n < k for n, k in zip(input.shape[-3:], kernel, strict=False)):
        # PyTorch looks at the image without its padding here, and only here
        raise ShapeError(f"AvgPool3d: {tuple(input.shape)} is smaller than {kernel_size}")
    made = _pooling_effect(axes, input, kernel, stride, padding, 1, ceil_mode)
    divisor = {"count_include_pad": count_include_pad, "divisor_override": divisor_override}
    return made._replace(settings={**made.settings, **divisor})


def _adaptive(
    axes: int, input: Tensor, output_size: PerAxis, return_indices: bool = False
) -> Effect:
    if return_indices or input.dim() > axes + 2:
        return NotImplemented  # with more axes PyTorch takes the mean where 1 pixel is asked for
    asked = output_size if isinstance(output_size, (tuple, list)) else [output_size] * axes
    lead, image = spatial(tuple(input.shape), axes, f"AdaptivePool{axes}d")
    wanted = [n if want is None else want for want, n in zip(asked, image, strict=True)]
    out = per_axis(wanted, axes, "output_size", 0)
    return Effect((*lead, *out), 0, adaptive_window(image, out), {"output_size": out})


for _rule, _stem, _sentence in (
    (_max, "max_pool", partial(_window_sentence, "largest number")),
    (_avg, "avg_pool", partial(_window_sentence, "average")),
    (_adaptive, "adaptive_max_pool", partial(_adaptive_sentence, "maximum")),
    (_adaptive, "adaptive_avg_pool", partial(_adaptive_sentence, "average")),
):
    for _axes in (1, 2, 3):
        _function = f"{_stem}{_axes}d"
        declare(
            _function, Kind.POOLING, rule=partial(_rule, _axes), sentence=_sentence, limits=_LOWEST
        )
