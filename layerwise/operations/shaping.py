"""The same numbers in another shape or order, and what is left of an axis."""

from collections.abc import Sequence
from math import prod

from torch import Tensor

from .kinds import Kind
from .registry import POINTWISE, Applied, Effect, declare, operation
from .shapes import Shape, ShapeError, axis, times
from .window import Window


def _row(step: Applied) -> str:
    shape = step.inputs[0][1:]
    if not shape:
        return "Lays out what is flat already."
    if step.output[1:] != (prod(shape),):
        return "Makes one axis of several."
    count = f"{' · '.join(map(str, shape))} = {prod(shape):,}" if len(shape) > 1 else str(shape[0])
    return f"Lays the {count} numbers of each image in one row."


@operation("flatten", Kind.SHAPING, sentence=_row)
def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Effect:
    """Make axes `start_dim` to `end_dim`, both included, one."""
    shape = tuple(input.shape)
    start, end = axis(start_dim, len(shape)), axis(end_dim, len(shape))
    if start > end:
        raise ShapeError(f"flatten: axis {start} comes after axis {end}", end, start)
    if not shape:
        return Effect((1,), window=None)
    joined = (*shape[:start], prod(shape[start : end + 1]), *shape[end + 1 :])
    return Effect(joined, window=None)


def _check_target(shape: Shape, target: Shape) -> None:
    """Raise where the numbers cannot be laid out as `target`, in which one axis may be -1."""
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


@operation("view reshape", Kind.SHAPING, view=True, sentence="Lays the same numbers out anew.")
def reshape(input: Tensor, *shape: object) -> Effect:
    """Raise where the numbers cannot be laid out; whether memory allows it, PyTorch decides."""
    target = shape[0] if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape
    sizes = tuple(n for n in target if isinstance(n, int))
    if target and len(sizes) == len(target):
        _check_target(tuple(input.shape), sizes)
    return NotImplemented


def _reduced(
    input: Tensor,
    dim: int | Sequence[int] | None = None,
    keepdim: bool = False,
    dtype: object = None,
) -> Effect:
    """Reduce over `dim` (None or empty: all axes)."""
    shape = tuple(input.shape)
    dims = (dim,) if isinstance(dim, int) else tuple(dim or range(len(shape)))
    gone = [axis(d, len(shape)) for d in dims]
    if len(set(gone)) != len(gone):
        raise ShapeError(f"an axis appears twice in {dims}")
    out = tuple(1 if i in gone else n for i, n in enumerate(shape) if keepdim or i not in gone)
    window: Window | str | None = None
    if keepdim and len(shape) > 2 and out[2:] == (1,) * (len(shape) - 2):
        window = Window(shape[2:], shape[2:])
    if keepdim and out[2:] == shape[2:]:
        window = POINTWISE
    return Effect(out, 0, window, {"dim": dim})


operation("mean", Kind.REDUCTION, sentence="The average over these axes.")(_reduced)
operation("sum", Kind.REDUCTION, sentence="The sum over these axes.")(_reduced)
declare("amax amin max min argmax argmin std var norm prod logsumexp median all any",
        Kind.REDUCTION, sentence="One number in place of many along an axis.")  # fmt: skip
declare("cumsum", Kind.OTHER, sentence="Adds to each number all that stand before it on an axis.")


@operation("pad", Kind.PADDING,
           sentence="Puts a border of zeros, or of copied numbers, around the map.")  # fmt: skip
def pad(
    input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> Effect:
    """Pairs (before, after) from the last axis backwards; negative amounts crop."""
    if mode != "constant":
        return NotImplemented
    shape, amounts = tuple(input.shape), tuple(pad)
    if len(amounts) % 2 or len(amounts) > 2 * len(shape):
        message = f"{len(amounts)} pad amounts for {len(shape)} axes: two per axis"
        raise ShapeError(message, 2 * len(shape), len(amounts))
    out = list(shape)
    for i in range(len(amounts) // 2):
        before, after = amounts[2 * i], amounts[2 * i + 1]
        if out[-1 - i] + min(before, 0) + min(after, 0) < 0:
            message = f"padding {amounts} crops more than {times(shape)} holds"
            raise ShapeError(message, out[-1 - i], before + after)
        out[-1 - i] += before + after
    return Effect(tuple(out), settings={"pad": amounts})


declare("permute transpose swapaxes swapdims movedim moveaxis t T mT H adjoint", Kind.SHAPING,
        view=True, sentence="Puts the axes in another order.")  # fmt: skip
declare("unsqueeze squeeze unflatten expand expand_as view_as view_as_real view_as_complex",
        Kind.SHAPING, view=True, sentence="Adds, removes or repeats axes.")  # fmt: skip
declare("getitem select narrow chunk split tensor_split unbind diagonal", Kind.SHAPING,
        view=True, sentence="Takes a part of it.")  # fmt: skip
declare("detach contiguous clone data real imag alias", Kind.SHAPING, view=True,
        sentence="The same numbers once more. The shape stays.")  # fmt: skip
declare("roll flip fliplr flipud rot90 channel_shuffle native_channel_shuffle", Kind.SHAPING,
        sentence="Moves the numbers to other places of the map. The shape stays.")  # fmt: skip
declare("repeat tile repeat_interleave", Kind.SHAPING, sentence="Repeats the numbers.")
declare("pixel_shuffle", Kind.SHAPING,
        sentence="Channels become pixels: each group of channels fills a larger map.")  # fmt: skip
declare("pixel_unshuffle", Kind.SHAPING, sentence="Pixels become channels of a smaller map.")
declare("gather scatter scatter_add index_select take masked_fill index_add index_put setitem "
        "masked_scatter index_copy index_fill", Kind.SHAPING,
        sentence="Reads or writes the places that an index or a mask names.")  # fmt: skip
declare("to cpu cuda float half double bfloat16 long int bool type type_as", Kind.SHAPING,
        sentence="The same numbers in another type or place. The shape stays.")  # fmt: skip
declare("unfold", Kind.SHAPING, sentence="Lays out every window of the map.")
