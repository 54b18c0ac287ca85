"""The arithmetic of shapes: one small function per operation, its formula, and its error.

Shapes are tuples of ints, batch first. Nothing here touches a tensor. A rule gives the
shape that PyTorch gives and raises where PyTorch raises; `tests/test_rules.py` proves both
on random operations. Formulas: PyTorch documentation of the operation of the same name;
for convolution also Dumoulin and Visin, "A guide to convolution arithmetic" (2016), §2-4.
"""

from collections.abc import Sequence
from math import prod

Shape = tuple[int, ...]
PerAxis = int | Sequence[int]  # one number for every axis, or one for each


class ShapeError(RuntimeError):
    """An operation cannot be applied to these shapes.

    `expected` and `got` are the two numbers (or shapes) that disagree, where there are two.
    """

    def __init__(self, message: str, expected: object = None, got: object = None) -> None:
        super().__init__(message)
        self.expected = expected
        self.got = got


def times(shape: Sequence[int]) -> str:
    """(96, 54, 54) -> "96×54×54"."""
    return "×".join(map(str, shape))


def per_axis(value: PerAxis, axes: int, name: str, low: int) -> Shape:
    """One int per spatial axis, each at least `low`; an int or a 1-tuple serves every axis."""
    if (
        type(value) is tuple
        and len(value) == axes
        and all(type(n) is int and n >= low for n in value)
    ):
        return value
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    if len(values) == 1:
        values = values * axes
    if len(values) != axes:
        raise ShapeError(f"{name} has {len(values)} numbers for {axes} axes", axes, len(values))
    for number in values:
        if isinstance(number, bool) or not hasattr(number, "__index__"):
            raise ShapeError(f"{name} must be a whole number, not {number!r}", "int", number)
        if number < low:
            raise ShapeError(f"{name} must be at least {low}, not {number}", low, number)
    return tuple(int(number) for number in values)


def window_size(
    size: int,
    kernel: int,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
    ceil_mode: bool = False,
) -> int:
    """Positions of a sliding window: floor((n + 2p - d(k - 1) - 1) / s) + 1.

    With `ceil_mode` the division rounds up, but a window may not start in the right padding.
    The result is below 1 when the window does not fit.
    """
    room = size + 2 * padding - dilation * (kernel - 1) - 1
    if not ceil_mode:
        return room // stride + 1
    count = -(-room // stride) + 1
    return count - 1 if (count - 1) * stride >= size + padding else count


def window_formula(size: int, kernel: int, stride: int, padding: int, dilation: int = 1) -> str:
    """The same formula with its numbers: "floor((224 + 2·1 - 11) / 4) + 1"."""
    extent = str(kernel) if dilation == 1 else f"({dilation}·({kernel} - 1) + 1)"
    return f"floor(({size} + 2·{padding} - {extent}) / {stride}) + 1"


def _spatial(shape: Shape, axes: int, op: str) -> tuple[Shape, Shape]:
    """Split a batched or unbatched feature map into (leading axes, spatial axes)."""
    if len(shape) not in (axes + 1, axes + 2):
        raise ShapeError(
            f"{op} needs an input of {axes + 2} dimensions (batch, channels and "
            f"{axes} spatial), but {len(shape)} arrive: {times(shape)}",
            axes + 2,
            len(shape),
        )
    if 0 in shape[-axes:]:
        raise ShapeError(f"{op} needs at least one pixel, but {times(shape)} arrives", 1, 0)
    return shape[:-axes], shape[-axes:]


def _fit(
    op: str,
    size: int,
    kernel: int,
    stride: int,
    padding: int,
    dilation: int,
    ceil_mode: bool = False,
) -> int:
    count = window_size(size, kernel, stride, padding, dilation, ceil_mode)
    if count < 1:
        extent, padded = dilation * (kernel - 1) + 1, size + 2 * padding
        raise ShapeError(
            f"{op} needs at least {extent} pixels for its window of {kernel}, but {padded} "
            f"arrive ({size} + 2·{padding} of padding): "
            f"{window_formula(size, kernel, stride, padding, dilation)} = {count}",
            extent,
            padded,
        )
    return count


def same_padding(kernel: Shape, dilation: Shape) -> tuple[Shape, Shape]:
    """Zeros that `padding="same"` adds (before, after) each axis: d(k - 1) in all."""
    total = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    return tuple(t // 2 for t in total), tuple(t - t // 2 for t in total)


def _channels(channels: int, weight: Shape, groups: int, op: str) -> None:
    if groups < 1 or weight[0] % groups or weight[0] < groups:
        raise ShapeError(
            f"{op}: {weight[0]} output channels do not divide into {groups} groups",
            f"a multiple of {groups}",
            weight[0],
        )
    if channels != weight[1] * groups:
        raise ShapeError(
            f"{op} expects {weight[1] * groups} input channels, but {channels} arrive",
            weight[1] * groups,
            channels,
        )


def conv(
    shape: Shape,
    weight: Shape,
    stride: PerAxis = 1,
    padding: PerAxis | str = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
) -> Shape:
    """Convolution of any number of axes; `weight` is (out, in / groups, *kernel).

    Raises ShapeError where channels, groups, dimensions or sizes do not fit.
    """
    axes = len(weight) - 2
    op, kernel = f"Conv{axes}d", per_axis(weight[2:], axes, "kernel_size", 1)
    stride = per_axis(stride, axes, "stride", 1)
    dilation = per_axis(dilation, axes, "dilation", 1)
    lead, sizes = _spatial(shape, axes, op)
    _channels(lead[-1], weight, groups, op)
    if padding == "same":
        if set(stride) != {1}:
            raise ShapeError('padding="same" is possible only with stride 1', 1, max(stride))
        return (*lead[:-1], weight[0], *sizes)
    padding = per_axis(0 if padding == "valid" else padding, axes, "padding", 0)
    out = [
        _fit(op, *numbers) for numbers in zip(sizes, kernel, stride, padding, dilation, strict=True)
    ]
    return (*lead[:-1], weight[0], *out)


def conv_transpose(
    shape: Shape,
    weight: Shape,
    stride: PerAxis = 1,
    padding: PerAxis = 0,
    output_padding: PerAxis = 0,
    groups: int = 1,
    dilation: PerAxis = 1,
) -> Shape:
    """Transposed convolution, (n - 1)s - 2p + d(k - 1) + q + 1; `weight` is (in, out / groups, *k).

    Raises ShapeError where channels, dimensions or sizes do not fit.
    """
    axes = len(weight) - 2
    op, kernel = f"ConvTranspose{axes}d", per_axis(weight[2:], axes, "kernel_size", 1)
    lead, sizes = _spatial(shape, axes, op)
    stride = per_axis(stride, axes, "stride", 1)
    padding = per_axis(padding, axes, "padding", 0)
    extra = per_axis(output_padding, axes, "output_padding", 0)
    dilation = per_axis(dilation, axes, "dilation", 1)
    if groups < 1 or weight[0] % groups or lead[-1] != weight[0]:
        raise ShapeError(
            f"{op} expects {weight[0]} input channels, but {lead[-1]} arrive", weight[0], lead[-1]
        )
    out = []
    for n, k, s, p, q, d in zip(sizes, kernel, stride, padding, extra, dilation, strict=True):
        if q >= s and q >= d:
            raise ShapeError(
                f"output_padding {q} must be smaller than stride {s} or dilation {d}",
                max(s, d) - 1,
                q,
            )
        out.append((n - 1) * s - 2 * p + d * (k - 1) + q + 1)
    if min(out) < 1:
        raise ShapeError(f"{op} makes a feature map of {times(out)}", 1, min(out))
    return (*lead[:-1], weight[1] * groups, *out)


def pool(
    shape: Shape,
    axes: int,
    kernel: PerAxis,
    stride: PerAxis | None = None,
    padding: PerAxis = 0,
    dilation: PerAxis = 1,
    ceil_mode: bool = False,
) -> Shape:
    """Max or average pooling; `stride=None` means the kernel size.

    Raises ShapeError where dimensions or sizes do not fit, or padding exceeds half the window.
    """
    kernel = per_axis(kernel, axes, "kernel_size", 1)
    op = f"Pool{axes}d"
    stride = kernel if stride is None or stride == [] else per_axis(stride, axes, "stride", 1)
    padding = per_axis(padding, axes, "padding", 0)
    dilation = per_axis(dilation, axes, "dilation", 1)
    for k, p in zip(kernel, padding, strict=True):
        if p > k // 2:
            raise ShapeError(f"{op}: padding {p} is over half the window", k // 2, p)
    lead, sizes = _spatial(shape, axes, op)
    out = [
        _fit(op, *numbers, ceil_mode)
        for numbers in zip(sizes, kernel, stride, padding, dilation, strict=True)
    ]
    return (*lead, *out)


def adaptive_pool(shape: Shape, axes: int, output_size: int | Sequence[int | None]) -> Shape:
    """Pooling to a fixed output size; None keeps the size of that axis."""
    lead, sizes = _spatial(shape, axes, f"AdaptivePool{axes}d")
    wanted = output_size if isinstance(output_size, (tuple, list)) else [output_size] * axes
    filled = [size if want is None else want for want, size in zip(wanted, sizes, strict=True)]
    return (*lead, *per_axis(filled, axes, "output_size", 0))


def linear(shape: Shape, weight: Shape) -> Shape:
    """Fully connected layer on the last axis; `weight` is (out_features, in_features)."""
    if not shape or shape[-1] != weight[1]:
        arrive = shape[-1] if shape else 0
        hint = (
            f"; the input {times(shape)} is not flattened"
            if len(shape) > 2 and prod(shape[1:]) == weight[1]
            else ""
        )
        raise ShapeError(
            f"Linear expects {weight[1]:,} features, but {arrive:,} arrive{hint}", weight[1], arrive
        )
    return (*shape[:-1], weight[0])


def broadcast(a: Shape, b: Shape) -> Shape:
    """The shape of an elementwise operation: axes match from the right, or one of them is 1."""
    width = max(len(a), len(b))
    left, right = (1,) * (width - len(a)) + a, (1,) * (width - len(b)) + b
    for m, n in zip(left, right, strict=True):
        if m != n and 1 not in (m, n):
            raise ShapeError(
                f"shapes {times(a)} and {times(b)} cannot be combined: {m} against {n}", m, n
            )
    return tuple(n if m == 1 else m for m, n in zip(left, right, strict=True))


def matmul(a: Shape, b: Shape) -> Shape:
    """Matrix product over the last two axes; leading axes broadcast."""
    if not a or not b:
        raise ShapeError("matmul needs at least one axis on each side")
    inner = b[-2] if len(b) > 1 else b[-1]
    if a[-1] != inner:
        raise ShapeError(
            f"matmul: {times(a)} has {a[-1]} columns, {times(b)} has {inner} rows", inner, a[-1]
        )
    rows, columns = a[-2:-1], b[-1:] if len(b) > 1 else ()
    return (*broadcast(a[:-2], b[:-2]), *rows, *columns)


def axis(dim: int, ndim: int) -> int:
    """A possibly negative axis number as one of 0 .. ndim - 1; raises ShapeError outside."""
    if not -max(ndim, 1) <= dim < max(ndim, 1):
        raise ShapeError(f"there is no axis {dim} in a tensor of {ndim} dimensions", ndim, dim)
    return dim % max(ndim, 1)


def cat(shapes: Sequence[Shape], dim: int = 0) -> Shape:
    """Concatenation: every axis but `dim` must agree."""
    shapes = [shape for shape in shapes if shape != (0,)] or list(shapes[:1])
    if not shapes:
        raise ShapeError("cat needs at least one tensor", 1, 0)
    first, dim = shapes[0], axis(dim, len(shapes[0]))
    for number, shape in enumerate(shapes[1:], start=2):
        if len(shape) != len(first):
            raise ShapeError(
                f"cat: branch 1 is {times(first)}, branch {number} is {times(shape)}",
                len(first),
                len(shape),
            )
        for i, (m, n) in enumerate(zip(first, shape, strict=True)):
            if i != dim and m != n:
                raise ShapeError(
                    f"cat along axis {dim}: branch 1 is {times(first)}, branch "
                    f"{number} is {times(shape)}; axis {i} has {m} against {n}",
                    m,
                    n,
                )
    return (*first[:dim], sum(shape[dim] for shape in shapes), *first[dim + 1 :])


def stack(shapes: Sequence[Shape], dim: int = 0) -> Shape:
    """Stacking along a new axis: every shape must be the same."""
    first = shapes[0]
    for shape in shapes[1:]:
        if shape != first:
            raise ShapeError(f"stack: {times(first)} against {times(shape)}", first, shape)
    dim = axis(dim, len(first) + 1)
    return (*first[:dim], len(shapes), *first[dim:])


def flatten(shape: Shape, start: int = 0, end: int = -1) -> Shape:
    """Axes `start` to `end`, both included, become one."""
    start, end = axis(start, len(shape)), axis(end, len(shape))
    if start > end:
        raise ShapeError(f"flatten: axis {start} comes after axis {end}", end, start)
    return (*shape[:start], prod(shape[start : end + 1]), *shape[end + 1 :])


def reshape(shape: Shape, target: Shape) -> Shape:
    """The same elements in another shape; one axis of `target` may be -1."""
    count, known = prod(shape), prod(n for n in target if n != -1)
    unknown = sum(n == -1 for n in target)
    if unknown > 1 or any(n < -1 for n in target):
        raise ShapeError(f"{target} is not a shape: at most one axis may be -1")
    if (unknown and (known == 0 or count % known)) or (not unknown and known != count):
        raise ShapeError(
            f"{times(shape)} holds {count:,} numbers, which cannot be laid out as {target}",
            known,
            count,
        )
    return tuple(count // known if n == -1 else n for n in target)


def reduce(shape: Shape, dims: PerAxis | None = None, keepdim: bool = False) -> Shape:
    """Mean, sum or maximum over `dims` (None or empty: all of them)."""
    dims = (dims,) if isinstance(dims, int) else tuple(dims or range(len(shape)))
    gone = [axis(dim, len(shape)) for dim in dims]
    if len(set(gone)) != len(gone):
        raise ShapeError(f"an axis appears twice in {dims}")
    return tuple(1 if i in gone else n for i, n in enumerate(shape) if keepdim or i not in gone)


def batch_norm(shape: Shape, channels: int | None, training: bool) -> Shape:
    """Normalization of each channel (axis 1) over the batch and all positions.

    Raises ShapeError where channels differ, or in training with one value per channel, whose
    variance would be zero.
    """
    if len(shape) < 2:
        raise ShapeError(
            f"batch norm needs a batch and channels, but {times(shape)} arrives", 2, len(shape)
        )
    if channels is not None and shape[1] != channels:
        raise ShapeError(
            f"batch norm expects {channels} channels, but {shape[1]} arrive", channels, shape[1]
        )
    if training and shape[1] and prod(shape) // shape[1] == 1:
        raise ShapeError(
            "batch norm in training mode needs more than one value per channel, "
            f"but {times(shape)} holds one: use a larger batch or input, or call "
            "net.eval()",
            2,
            1,
        )
    return shape


def layer_norm(shape: Shape, normalized: Shape) -> Shape:
    """Normalization over the last axes, which must be `normalized`."""
    if not normalized or shape[-len(normalized) :] != normalized:
        raise ShapeError(
            f"layer norm expects the last axes to be {times(normalized)}, but "
            f"{times(shape)} arrives",
            normalized,
            shape[-len(normalized) :],
        )
    return shape


def group_norm(shape: Shape, groups: int) -> Shape:
    """Normalization of groups of channels, each over its channels and all positions."""
    channels = shape[1] if len(shape) > 1 else 0
    if groups < 1 or not channels or channels % groups:
        raise ShapeError(
            f"{channels} channels do not divide into {groups} groups",
            f"a multiple of {groups}",
            channels,
        )
    if prod(shape) // groups == 1:
        raise ShapeError(
            f"group norm needs more than one value per group, but {times(shape)} "
            f"holds one in each of {groups}",
            2,
            1,
        )
    return shape


def pad(shape: Shape, amounts: Sequence[int]) -> Shape:
    """Constant padding: pairs (before, after) from the last axis backwards; negative crops."""
    if len(amounts) % 2 or len(amounts) > 2 * len(shape):
        raise ShapeError(
            f"{len(amounts)} pad amounts for {len(shape)} axes: two per axis",
            2 * len(shape),
            len(amounts),
        )
    out = list(shape)
    for i in range(len(amounts) // 2):
        before, after = amounts[2 * i], amounts[2 * i + 1]
        if out[-1 - i] + min(before, 0) + min(after, 0) < 0:
            raise ShapeError(
                f"padding {tuple(amounts)} crops more than {times(shape)} holds",
                out[-1 - i],
                before + after,
            )
        out[-1 - i] += before + after
    return tuple(out)
