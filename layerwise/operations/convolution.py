"""Convolutions and transposed convolutions over any number of axes."""

from math import prod

from torch import Tensor

from .axis_sentences import axis_sentences
from .kinds import Kind
from .registry import Applied, Effect, MemoryFormat, operation
from .shapes import PerAxis, Shape, ShapeError, per_axis
from .window import Window, fitted, same_padding, span, spatial

_LOWEST = {
    **dict.fromkeys("in_channels out_channels kernel_size stride dilation groups".split(), 1),
    **dict.fromkeys(("padding", "output_padding"), 0),
}


def _filters(step: Applied) -> str:
    s = step.settings
    reads = s["in_channels"] // s.get("groups", 1)
    lead = f"{s['out_channels']} filters, each over {reads} channel{'s' if reads > 1 else ''}."
    return " ".join([lead, *axis_sentences(step)])


@operation("conv1d conv2d conv3d", Kind.CONVOLUTION, sentence=_filters, limits=_LOWEST,
           memory_format=MemoryFormat.CHANNELS_LAST)  # fmt: skip
def convolution(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: PerAxis = 1,
    padding: PerAxis | str = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
) -> Effect:
    """Raise where channels, groups, dimensions or sizes do not fit; weight (out, in/groups, *k)."""
    w = tuple(weight.shape)
    axes = len(w) - 2
    op, kernel = f"Conv{axes}d", per_axis(w[2:], axes, "kernel_size", 1)
    strides = per_axis(stride, axes, "stride", 1)
    dilations = per_axis(dilation, axes, "dilation", 1)
    lead, image = spatial(tuple(input.shape), axes, op)
    _check_channels(lead[-1], w, groups, op)
    _check_bias(bias, w[0], op)
    if padding == "same":
        if set(strides) != {1}:
            raise ShapeError('padding="same" is possible only with stride 1', 1, max(strides))
        paddings, out = same_padding(kernel, dilations)[0], image
    else:
        paddings = per_axis(0 if padding == "valid" else padding, axes, "padding", 0)
        columns = zip(image, kernel, strides, paddings, dilations, strict=True)
        out = tuple([fitted(op, *numbers) for numbers in columns])
    shape = (*lead[:-1], w[0], *out)
    settings = {
        "in_channels": w[1] * groups,
        "out_channels": w[0],
        "kernel_size": kernel,
        "stride": strides,
        "padding": paddings,
        "dilation": dilations,
        "groups": groups,
        "bias": bias is not None,
    }
    return Effect(
        shape, prod(shape) * prod(w[1:]), Window(span(kernel, dilations), strides), settings
    )


@operation("conv_transpose1d conv_transpose2d conv_transpose3d", Kind.TRANSPOSED_CONVOLUTION,
           sentence=_filters, limits=_LOWEST,
           memory_format=MemoryFormat.CHANNELS_LAST)  # fmt: skip
def transposed(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: PerAxis = 1,
    padding: PerAxis = 0,
    output_padding: PerAxis = 0,
    groups: int = 1,
    dilation: PerAxis = 1,
) -> Effect:
    """Each axis: (n - 1)s - 2p + d(k - 1) + q + 1; `weight` is (in, out / groups, *k)."""
    x, w = tuple(input.shape), tuple(weight.shape)
    axes = len(w) - 2
    op = f"ConvTranspose{axes}d"
    lead, image = spatial(x, axes, op)
    strides = per_axis(stride, axes, "stride", 1)
    paddings = per_axis(padding, axes, "padding", 0)
    if groups < 1 or w[0] % groups or lead[-1] != w[0]:
        raise ShapeError(
            f"{op} expects {w[0]} input channels, but {lead[-1]} arrive", w[0], lead[-1]
        )
    _check_bias(bias, w[1] * groups, op)
    extra = per_axis(output_padding, axes, "output_padding", 0)
    dilations = per_axis(dilation, axes, "dilation", 1)
    columns = zip(image, w[2:], strides, paddings, extra, dilations, strict=True)
    shape = (*lead[:-1], w[1] * groups, *[_grown(*numbers) for numbers in columns])
    least = min(shape[-axes:])
    if least == 0:
        return NotImplemented  # some of PyTorch's kernels take it
    if least < 0:
        raise ShapeError(f"{op} makes a feature map of {shape[-axes:]} pixels", 1, least)
    settings = {
        "in_channels": w[0],
        "out_channels": w[1] * groups,
        "groups": groups,
        "kernel_size": w[2:],
        "stride": strides,
        "padding": paddings,
        "bias": bias is not None,
    }
    return Effect(shape, prod(x) * prod(w[1:]), None, settings)


def _grown(n: int, k: int, s: int, p: int, q: int, d: int) -> int:
    if q >= s and q >= d:
        raise ShapeError(
            f"output_padding {q} must be smaller than stride {s} or dilation {d}", max(s, d) - 1, q
        )
    return (n - 1) * s - 2 * p + d * (k - 1) + q + 1


def _check_channels(channels: int, weight: Shape, groups: int, op: str) -> None:
    if groups < 1 or weight[0] % groups or weight[0] < groups:
        raise ShapeError(
            f"{op}: {weight[0]} output channels do not divide into {groups} groups",
            f"a multiple of {groups}",
            weight[0],
        )
    if channels != weight[1] * groups:
        expected = weight[1] * groups
        raise ShapeError(
            f"{op} expects {expected} input channels, but {channels} arrive", expected, channels
        )


def _check_bias(bias: Tensor | None, outputs: int, op: str) -> None:
    if bias is not None and bias.shape != (outputs,):
        shape = tuple(bias.shape)
        raise ShapeError(f"{op} has a bias of {shape} for {outputs} outputs", outputs, shape)
