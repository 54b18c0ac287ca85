"""What each PyTorch operation does to a shape: its name -> output shape, MACs, window.

Every function here takes the arguments of the PyTorch function of the same name and returns
an `Effect`, from shapes alone. MACs are multiply-accumulates, for the whole batch: half of
what `torch.utils.flop_counter` counts. Biases, normalization and activations count none.
"""

from math import prod
from typing import NamedTuple

from . import rules
from .window import Window, adaptive_window

POINTWISE = "pointwise"  # each output pixel sees the same input pixel; the field is unchanged


class Effect(NamedTuple):
    """What an operation does: output shape, MACs, window on the pixels, and its settings.

    `window` is a Window, POINTWISE, or None where pixels lose their place.
    """

    shape: rules.Shape
    macs: int = 0
    window: Window | str | None = POINTWISE
    settings: dict = {}  # noqa: RUF012  (a NamedTuple default; never changed)


def _shape(tensor) -> rules.Shape:
    return tuple(tensor.shape)


def _axes(value, axes: int) -> rules.Shape:
    if type(value) is tuple and len(value) == axes:
        return value
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    return values * axes if len(values) == 1 else values


def _convolution(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1) -> Effect:
    x, w = _shape(input), _shape(weight)
    shape = rules.conv(x, w, stride, padding, dilation, groups)
    axes, kernel = len(w) - 2, w[2:]
    stride, dilation = _axes(stride, axes), _axes(dilation, axes)
    if isinstance(padding, str):
        padding = rules.same_padding(kernel, dilation)[0] if padding == "same" else 0
    padding = _axes(padding, axes)
    span = tuple([d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)])
    return Effect(
        shape,
        prod(shape) * prod(w[1:]),
        Window(span, stride),
        {
            "in_channels": w[1] * groups,
            "out_channels": w[0],
            "kernel_size": kernel,
            "stride": stride,
            "padding": padding,
            "dilation": dilation,
            "groups": groups,
            "bias": bias is not None,
        },
    )


def _transposed(
    input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1
) -> Effect:
    x, w = _shape(input), _shape(weight)
    shape = rules.conv_transpose(x, w, stride, padding, output_padding, groups, dilation)
    axes = len(w) - 2
    return Effect(
        shape,
        prod(x) * prod(w[1:]),
        None,
        {
            "in_channels": w[0],
            "out_channels": w[1] * groups,
            "kernel_size": w[2:],
            "stride": _axes(stride, axes),
            "padding": _axes(padding, axes),
            "bias": bias is not None,
        },
    )


def _pooling(axes: int, input, kernel_size, stride, padding, dilation, ceil_mode) -> Effect:
    shape = rules.pool(_shape(input), axes, kernel_size, stride, padding, dilation, ceil_mode)
    kernel = _axes(kernel_size, axes)
    stride = kernel if stride is None or stride == [] else _axes(stride, axes)
    dilation = _axes(dilation, axes)
    span = tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True))
    return Effect(
        shape,
        0,
        Window(span, stride),
        {
            "kernel_size": kernel,
            "stride": stride,
            "padding": _axes(padding, axes),
            "dilation": dilation,
            "ceil_mode": ceil_mode,
        },
    )


def _max_pool(axes: int):
    def effect(
        input,
        kernel_size,
        stride=None,
        padding=0,
        dilation=1,
        ceil_mode=False,
        return_indices=False,
    ):
        if return_indices:
            return NotImplemented
        return _pooling(axes, input, kernel_size, stride, padding, dilation, ceil_mode)

    return effect


def _avg_pool(axes: int):
    def effect(
        input,
        kernel_size,
        stride=None,
        padding=0,
        ceil_mode=False,
        count_include_pad=True,
        divisor_override=None,
    ):
        if axes == 3 and any(
            n < k for n, k in zip(input.shape[-3:], _axes(kernel_size, 3), strict=True)
        ):  # PyTorch looks at the image without its padding here, and only here
            raise rules.ShapeError(f"AvgPool3d: {_shape(input)} is smaller than {kernel_size}")
        return _pooling(axes, input, kernel_size, stride, padding, 1, ceil_mode)

    return effect


def _adaptive_pool(axes: int):
    def effect(input, output_size, return_indices=False):
        if return_indices:
            return NotImplemented
        x = _shape(input)
        shape = rules.adaptive_pool(x, axes, output_size)
        return Effect(
            shape, 0, adaptive_window(x[-axes:], shape[-axes:]), {"output_size": shape[-axes:]}
        )

    return effect


def _linear(input, weight, bias=None) -> Effect:
    if weight.dim() != 2:
        return NotImplemented
    x, w = _shape(input), _shape(weight)
    shape = rules.linear(x, w)
    return Effect(
        shape,
        prod(shape) * w[1],
        None,
        {"in_features": w[1], "out_features": w[0], "bias": bias is not None},
    )


def _matmul(input, other) -> Effect:
    a, b = _shape(input), _shape(other)
    shape = rules.matmul(a, b)
    return Effect(shape, prod(shape) * a[-1], None)


def _pointwise(input, *args, **kwargs) -> Effect:
    return Effect(_shape(input))


def _dropout(input, p=0.5, training=True, inplace=False) -> Effect:
    if not 0 <= p <= 1:
        raise rules.ShapeError(f"dropout's p is a probability from 0 to 1, not {p}", "0 to 1", p)
    return Effect(_shape(input), settings={"p": p, "training": training})


def _softmax(input, dim=None, *args, **kwargs) -> Effect:
    if not isinstance(dim, int):
        return NotImplemented
    rules.axis(dim, input.dim())
    return Effect(_shape(input), window=None, settings={"dim": dim})


def _binary(input, other, *args, **kwargs) -> Effect:
    shapes = [_shape(t) if hasattr(t, "shape") else () for t in (input, other)]
    return Effect(rules.broadcast(*shapes))


def _cat(tensors, dim=0) -> Effect:
    shape = rules.cat([_shape(tensor) for tensor in tensors], dim)
    dim = rules.axis(dim, len(shape))
    return Effect(
        shape, window=POINTWISE if dim < max(len(shape) - 2, 1) else None, settings={"dim": dim}
    )


def _stack(tensors, dim=0) -> Effect:
    return Effect(
        rules.stack([_shape(tensor) for tensor in tensors], dim), window=None, settings={"dim": dim}
    )


def _flatten(input, start_dim=0, end_dim=-1) -> Effect:
    return Effect(rules.flatten(_shape(input), start_dim, end_dim), window=None)


def _reduction(input, dim=None, keepdim=False, dtype=None) -> Effect:
    x = _shape(input)
    shape = rules.reduce(x, dim, keepdim)
    pooled = keepdim and len(x) > 2 and shape[2:] == (1,) * (len(x) - 2)
    window = Window(x[2:], x[2:]) if pooled else None
    if keepdim and shape[2:] == x[2:]:
        window = POINTWISE
    return Effect(shape, 0, window, {"dim": dim})


def _batch_norm(
    input,
    running_mean=None,
    running_var=None,
    weight=None,
    bias=None,
    training=False,
    momentum=0.1,
    eps=1e-5,
) -> Effect:
    known = next((t for t in (running_mean, running_var, weight, bias) if t is not None), None)
    channels = None if known is None else known.numel()
    shape = rules.batch_norm(_shape(input), channels, training)
    return Effect(shape, settings={"channels": shape[1], "training": training, "eps": eps})


def _layer_norm(input, normalized_shape, *args, **kwargs) -> Effect:
    normalized = tuple(normalized_shape)
    window = POINTWISE if len(normalized) < 2 and input.dim() != 4 else None
    return Effect(
        rules.layer_norm(_shape(input), normalized),
        window=window,
        settings={"normalized_shape": normalized},
    )


def _group_norm(input, num_groups, *args, **kwargs) -> Effect:
    return Effect(
        rules.group_norm(_shape(input), num_groups), window=None, settings={"groups": num_groups}
    )


def _pad(input, pad, mode="constant", value=None) -> Effect:
    if mode != "constant":
        return NotImplemented
    return Effect(rules.pad(_shape(input), tuple(pad)), settings={"pad": tuple(pad)})


def check_reshape(input, *shape) -> None:
    """Raise ShapeError where `input` cannot be viewed as `shape`; dtypes are left alone."""
    target = shape[0] if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape
    if target and all(isinstance(n, int) for n in target):
        rules.reshape(_shape(input), tuple(target))


_SAME_SHAPE = """relu hardtanh relu6 sigmoid tanh gelu silu hardswish hardsigmoid leaky_relu elu
    selu celu mish softplus softsign logsigmoid prelu abs exp log sqrt rsqrt square neg
    reciprocal clamp clip erf sin cos local_response_norm alpha_dropout
    fill zero uniform normal bernoulli trunc_normal copy""".split()
_BROADCAST = """add sub rsub mul multiply div true_divide rdiv pow rpow maximum
    minimum""".split()

EFFECTS = {
    **dict.fromkeys(_SAME_SHAPE, _pointwise),
    **dict.fromkeys(_BROADCAST, _binary),
    **{f"conv{n}d": _convolution for n in (1, 2, 3)},
    **{f"conv_transpose{n}d": _transposed for n in (1, 2, 3)},
    **{f"max_pool{n}d": _max_pool(n) for n in (1, 2, 3)},
    **{f"avg_pool{n}d": _avg_pool(n) for n in (1, 2, 3)},
    **{
        f"adaptive_{kind}_pool{n}d": _adaptive_pool(n) for kind in ("avg", "max") for n in (1, 2, 3)
    },
    **dict.fromkeys(("dropout", "dropout1d", "dropout2d", "dropout3d"), _dropout),
    **dict.fromkeys(("softmax", "log_softmax"), _softmax),
    **dict.fromkeys(("cat", "concat", "concatenate"), _cat),
    **dict.fromkeys(("mean", "sum"), _reduction),
    **dict.fromkeys(("matmul", "bmm", "mm"), _matmul),
    "stack": _stack,
    "linear": _linear,
    "flatten": _flatten,
    "batch_norm": _batch_norm,
    "layer_norm": _layer_norm,
    "group_norm": _group_norm,
    "pad": _pad,
}
