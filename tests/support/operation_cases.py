"""Random uses of every operation of the registry, on real tensors: what the proofs run.

`CASES` holds for each name a function that draws `(function, args, kwargs)`. Tensors lie in
memory in any order of their axes, and now and then hold another type of number.
"""

import operator
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

Draw = Callable[[st.SearchStrategy], Any]
Case = Callable[[Draw], tuple[Callable, tuple, dict]]
SMALL, SIZE = st.integers(1, 4), st.integers(1, 9)
TYPES = [torch.float32] * 9 + [torch.float64, torch.int64, torch.uint8]
WHOLE = [torch.int64] * 5 + [torch.uint8, torch.bool, torch.float32]
BITWISE = "bitwise_and", "bitwise_or", "bitwise_xor", "and", "or", "xor"


def tensor(draw: Draw, shape: tuple[int, ...], plain: bool = False, types: list = TYPES) -> Tensor:
    """A tensor of this shape, its axes in any order in memory."""
    kind = torch.float32 if plain else draw(st.sampled_from(types))
    order = draw(st.permutations(range(len(shape)))) if draw(st.booleans()) else range(len(shape))
    made = torch.ones([shape[axis] for axis in order], dtype=kind)
    return made.permute([list(order).index(axis) for axis in range(len(shape))])


def shape(draw: Draw, least: int = 0, most: int = 4) -> tuple[int, ...]:
    return tuple(draw(st.lists(st.integers(1, 3), min_size=least, max_size=most)))


def numbers(low: int, high: int, axes: int) -> st.SearchStrategy:
    """An int, or one per axis: the two ways PyTorch takes a setting."""
    one = st.integers(low, high)
    return one | st.tuples(*[one] * axes)


def setting(draw: Draw, low: int, high: int, axes: int) -> Any:
    """A setting that PyTorch may take, and now and then one below the lowest."""
    usual, wrong = numbers(low, high, axes), numbers(low - 1, high, axes)
    return draw(draw(st.sampled_from([st.just(low), usual, usual, usual, usual, wrong])))


def image(draw: Draw, axes: int, channels: int | None = None) -> Tensor:
    channels = channels or draw(SMALL)
    lead = draw(st.sampled_from([(2, channels), (2, channels), (channels,), (1, 2, channels)]))
    return tensor(draw, (*lead, *draw(st.tuples(*[SIZE] * axes))))


# -- families


def convolution(axes: int, draw: Draw) -> tuple:
    groups = draw(st.sampled_from([1, 1, 1, 2, 3]))
    channels = draw(SMALL) * draw(st.sampled_from([groups, groups, groups, 1]))
    reads = draw(st.sampled_from([max(channels // groups, 1)] * 5 + [draw(SMALL)]))
    outputs = draw(SMALL) * draw(st.sampled_from([groups, groups, groups, 1]))
    weight = torch.ones(outputs, reads, *draw(st.tuples(*[st.integers(1, 4)] * axes)))
    bias = torch.ones(draw(st.sampled_from([outputs] * 5 + [3]))) if draw(st.booleans()) else None
    words = draw(st.sampled_from(["same", "valid"]))
    padding = draw(st.sampled_from([setting(draw, 0, 3, axes)] * 3 + [words]))
    settings = (setting(draw, 1, 4, axes), padding, setting(draw, 1, 3, axes), groups)
    return getattr(F, f"conv{axes}d"), (image(draw, axes, channels), weight, bias, *settings), {}


def transposed(axes: int, draw: Draw) -> tuple:
    weight = torch.ones(draw(SMALL), draw(SMALL), *draw(st.tuples(*[st.integers(1, 4)] * axes)))
    channels = draw(st.sampled_from([None, weight.shape[0], weight.shape[0]]))
    x = image(draw, axes, channels)
    added = draw(st.sampled_from([0, 0, setting(draw, 0, 3, axes)]))
    settings = (setting(draw, 1, 3, axes), setting(draw, 0, 2, axes), added, 1)
    settings = (*settings, draw(numbers(1, 2, axes)))  # 0 is taken by one of PyTorch's kernels only
    return getattr(F, f"conv_transpose{axes}d"), (x, weight, None, *settings), {}


def pooling(kind: str, axes: int, draw: Draw) -> tuple:
    stride = draw(st.sampled_from([None, setting(draw, 1, 4, axes)]))
    args = [image(draw, axes), setting(draw, 1, 4, axes), stride]
    args.append(draw(st.sampled_from([0, setting(draw, 0, 2, axes)])))
    if kind == "max":
        args.append(draw(st.sampled_from([1, setting(draw, 1, 3, axes)])))
    return getattr(F, f"{kind}_pool{axes}d"), tuple(args), {"ceil_mode": draw(st.booleans())}


def adaptive(kind: str, axes: int, draw: Draw) -> tuple:
    kept = st.none() if axes > 1 else st.nothing()  # the 1-d forms know no None
    wanted = draw(st.integers(1, 6) | st.tuples(*[kept | st.integers(1, 6)] * axes))
    return getattr(F, f"adaptive_{kind}_pool{axes}d"), (image(draw, axes), wanted), {}


def linear(draw: Draw) -> tuple:
    outputs, x = draw(SMALL), tensor(draw, shape(draw, 1))
    inputs = x.shape[-1] if draw(st.booleans()) else draw(SMALL)
    bias = torch.ones(outputs) if draw(st.booleans()) else None
    return F.linear, (x, torch.ones(outputs, inputs), bias), {}


def embedding(draw: Draw) -> tuple:
    kind = draw(st.sampled_from([torch.int64, torch.int32, torch.float32]))
    return F.embedding, (torch.zeros(shape(draw), dtype=kind), torch.ones(5, draw(SMALL))), {}


def product(name: str, least: int, most: int, draw: Draw) -> tuple:
    a = shape(draw, least, most)
    b = shape(draw, least, most)
    if draw(st.booleans()) and len(a) > 1:  # one that fits
        b = (*a[:-2], a[-1], draw(SMALL))
    return getattr(torch, name), (tensor(draw, a), tensor(draw, b)), {}


_OPERATORS = {"and": operator.and_, "or": operator.or_, "xor": operator.xor, "mod": operator.mod}


def binary(name: str, draw: Draw) -> tuple:
    types = WHOLE if name in BITWISE else TYPES
    a = shape(draw)
    b = draw(st.sampled_from([a, a[1:], shape(draw), (1,) * len(a)]))
    other = draw(st.sampled_from([2.0, 3, 3])) if draw(st.booleans()) else None
    if other is None or name in ("maximum", "minimum"):
        other = tensor(draw, b, types=types)
    function = {"rdiv": lambda x, y: y / x, "rpow": lambda x, y: y**x}.get(name)
    function = function or _OPERATORS.get(name) or getattr(torch, name)
    return function, (tensor(draw, a, types=types), other), {}


def joined(name: str, draw: Draw) -> tuple:
    first = shape(draw, 0, 4)
    parts = [tensor(draw, first) for _ in range(draw(SMALL))]
    if draw(st.booleans()):
        parts.append(tensor(draw, shape(draw, 0, 4)))
    given = (
        (parts, draw(st.integers(-5, 4))) if name[-5:] != "stack" or name == "stack" else (parts,)
    )
    return getattr(torch, name), given, {}


def unary(function: Callable, draw: Draw, types: list = TYPES) -> tuple:
    return function, (tensor(draw, shape(draw), types=types),), {}


def with_axis(function: Callable, draw: Draw) -> tuple:
    return function, (tensor(draw, shape(draw, 1)), draw(st.integers(-5, 4))), {}


def reduced(name: str, draw: Draw) -> tuple:
    dims = draw(st.integers(-5, 4) | st.tuples(st.integers(-4, 3), st.integers(-4, 3)) | st.none())
    return getattr(torch, name), (tensor(draw, shape(draw)), dims, draw(st.booleans())), {}


def dropped(name: str, draw: Draw) -> tuple:
    p, training = draw(st.sampled_from([-0.5, 0.0, 0.5, 1.0, 2.0])), draw(st.booleans())
    least = {"dropout1d": 2, "dropout2d": 3, "dropout3d": 4}.get(name, 0)
    return getattr(F, name), (tensor(draw, shape(draw, least, 5), plain=True), p, training), {}


def normalized(draw: Draw) -> tuple:
    x, training = tensor(draw, shape(draw, 0, 5)), draw(st.booleans())
    channels = x.shape[1] if x.dim() > 1 and draw(st.booleans()) else draw(SMALL)
    stats = (torch.zeros(channels), torch.ones(channels)) if draw(st.booleans()) else (None, None)
    weights = (torch.ones(channels), torch.ones(channels)) if draw(st.booleans()) else (None, None)
    return F.batch_norm, (x, *stats, *weights, training), {}


def by_layers(name: str, draw: Draw) -> tuple:
    x = tensor(draw, shape(draw, 1))
    last = tuple(x.shape[-draw(st.integers(1, 2)) :]) if draw(st.booleans()) else (draw(SMALL),)
    weight = torch.ones(last) if draw(st.booleans()) else None
    return getattr(F, name), (x, last, weight), {}


def by_groups(draw: Draw) -> tuple:
    x = tensor(draw, shape(draw, 0, 5))
    weight = torch.ones(x.shape[1]) if x.dim() > 1 and draw(st.booleans()) else None
    return F.group_norm, (x, draw(SMALL), weight), {}


def sloped(draw: Draw) -> tuple:
    return F.prelu, (tensor(draw, shape(draw), plain=True), torch.ones(draw(SMALL))), {}


def padded(draw: Draw) -> tuple:
    amounts = draw(st.lists(st.integers(-2, 3), min_size=1, max_size=8))
    mode = draw(st.sampled_from(["constant"] * 4 + ["reflect", "replicate", "circular"]))
    return F.pad, (tensor(draw, shape(draw)), amounts, mode), {}


def laid_out(name: str, draw: Draw) -> tuple:
    x = tensor(draw, shape(draw))
    target = draw(st.lists(st.integers(-2, 6), max_size=3))
    if draw(st.booleans()):
        target = draw(st.sampled_from([[-1], [x.numel()], [1, -1], [-1, 1], list(x.shape)]))
    return getattr(Tensor, name), (x, *target), {}


def indexed(draw: Draw) -> tuple:
    places = st.integers(-3, 3) | st.just(slice(None)) | st.just(slice(0, None, 2)) | st.just(None)
    key = draw(places | st.lists(places, max_size=4).map(tuple) | st.just(Ellipsis))
    return operator.getitem, (tensor(draw, shape(draw)), key), {}


def written(draw: Draw) -> tuple:
    function, (x, key), _ = indexed(draw)
    part = draw(st.sampled_from([x, x.clone()])).clone()
    try:
        value = torch.ones(function(part, key).shape, dtype=x.dtype)
    except (IndexError, TypeError):
        value = torch.ones((), dtype=x.dtype)
    extra = draw(st.sampled_from([value, value, torch.ones(7)]))

    def assign(target: Tensor, given: Tensor) -> Tensor:
        target[key] = given
        return target

    return assign, (x, extra), {}


def attended(draw: Draw) -> tuple:
    queries, keys = draw(SMALL), draw(SMALL)
    args = [tensor(draw, (2, 2, n, 4), plain=True) for n in (queries, keys, keys)]
    return F.scaled_dot_product_attention, tuple(args), {}


def _windows(name: str, *args: object) -> Case:
    return lambda draw: (getattr(F, name), (tensor(draw, (2, 4, 6, 6), plain=True), *args), {})


def _module(net: nn.Module, *shapes: tuple[int, ...], function: Callable | None = None) -> Case:
    """A layer whose operation has no short call of its own."""
    return lambda draw: (function or net, tuple(tensor(draw, s, plain=True) for s in shapes), {})


def _inplace(name: str, *args: object) -> Case:
    def case(draw: Draw) -> tuple:
        return (lambda x: getattr(x * 1, name)(*args)), (tensor(draw, shape(draw)),), {}

    return case


def _free(function: Callable, *shapes: tuple[int, ...], **kwargs: object) -> Case:
    return lambda draw: (function, tuple(tensor(draw, s, plain=True) for s in shapes), kwargs)


_IDS = torch.zeros(2, 3, dtype=torch.int64)
_MASK = torch.tensor([[True, False, True]])


def function(name: str) -> Callable:
    """The function of PyTorch that has this name."""
    for home in (F, torch, Tensor):
        if hasattr(home, name):
            return getattr(home, name)
    raise AttributeError(name)


CASES: dict[str, Case] = {}
for _n in (1, 2, 3):
    CASES[f"conv{_n}d"] = partial(convolution, _n)
    CASES[f"conv_transpose{_n}d"] = partial(transposed, _n)
    for _kind in ("max", "avg"):
        CASES[f"{_kind}_pool{_n}d"] = partial(pooling, _kind, _n)
        CASES[f"adaptive_{_kind}_pool{_n}d"] = partial(adaptive, _kind, _n)
for _name in "add sub subtract rsub mul multiply div true_divide divide rdiv pow rpow maximum minimum".split():
    CASES[_name] = partial(binary, _name)
for _name in "cat concat concatenate stack hstack vstack dstack column_stack".split():
    CASES[_name] = partial(joined, _name)
for _name in """relu sigmoid tanh relu6 hardtanh hardsigmoid hardswish leaky_relu gelu silu mish elu
    selu celu softplus softsign logsigmoid abs exp log sqrt rsqrt square neg reciprocal erf sin cos
    log1p expm1 sign floor ceil round rrelu hardshrink softshrink tanhshrink clone contiguous detach
    fliplr flipud data real t T mT normalize alias""".split():
    CASES[_name] = partial(
        unary,
        getattr(Tensor, _name)
        if _name in ("contiguous", "detach", "t")
        else (lambda x, n=_name: getattr(x, n))
        if _name in ("data", "real", "T", "mT")
        else torch.ops.aten.alias
        if _name == "alias"
        else function(_name),
    )
for _name in "mean sum amax amin std var logsumexp".split():
    CASES[_name] = partial(reduced, _name)
for _name in "softmax log_softmax softmin max min argmax argmin prod median cumsum all any unbind unsqueeze squeeze roll".split():
    CASES[_name] = partial(with_axis, function(_name))
for (
    _name
) in """dropout dropout1d dropout2d dropout3d alpha_dropout feature_alpha_dropout""".split():
    CASES[_name] = partial(dropped, _name)
for _name in "cpu float half double bfloat16 long int bool".split():
    CASES[_name] = partial(unary, getattr(Tensor, _name))
for _name in ("layer_norm", "rms_norm"):
    CASES[_name] = partial(by_layers, _name)
for _name in ("view", "reshape"):
    CASES[_name] = partial(laid_out, _name)
for _name, _args in {
    "fill": (2.0,),
    "zero": (),
    "uniform": (),
    "normal": (),
    "bernoulli": (),
    "copy": (torch.ones(()),),
}.items():
    CASES[_name] = _inplace(f"{_name}_", *_args)
for _name in "permute movedim moveaxis transpose swapaxes swapdims".split():
    CASES[_name] = lambda draw, n=_name: (
        getattr(torch, n),
        (
            tensor(draw, shape(draw, 2, 3)),
            *(
                [draw(st.permutations(range(3)))]
                if n == "permute"
                else [draw(st.integers(-3, 2)), draw(st.integers(-3, 2))]
            ),
        ),
        {},
    )
CASES |= {
    "linear": linear,
    "embedding": embedding,
    "matmul": partial(product, "matmul", 0, 4),
    "bmm": partial(product, "bmm", 2, 3),
    "mm": partial(product, "mm", 1, 3),
    "batch_norm": normalized,
    "group_norm": by_groups,
    "prelu": sloped,
    "pad": padded,
    "getitem": indexed,
    "setitem": written,
    "flatten": lambda draw: (
        torch.flatten,
        (tensor(draw, shape(draw)), draw(st.integers(-5, 4)), draw(st.integers(-5, 4))),
        {},
    ),
    "clamp": lambda draw: (
        torch.clamp,
        (tensor(draw, shape(draw)), 0, draw(st.sampled_from([None, 6.0, 1]))),
        {},
    ),
    "local_response_norm": lambda draw: (
        F.local_response_norm,
        (tensor(draw, shape(draw, 1, 5), plain=True), draw(SMALL)),
        {},
    ),
    "bilinear": _free(F.bilinear, (2, 3), (2, 4), (5, 3, 4)),
    "embedding_bag": lambda _: (F.embedding_bag, (_IDS, torch.ones(5, 4)), {"mode": "sum"}),
    "einsum": lambda draw: (
        partial(torch.einsum, "bij,bjk->bik"),
        (tensor(draw, (2, 3, 4)), tensor(draw, (2, draw(st.integers(3, 4)), 5))),
        {},
    ),
    "tensordot": _free(torch.tensordot, (2, 3, 4), (4, 5), dims=1),
    "chain_matmul": _free(torch.chain_matmul, (2, 3), (3, 4), (4, 5)),
    "addmm": _free(torch.addmm, (2, 4), (2, 3), (3, 4)),
    "addbmm": _free(torch.addbmm, (2, 4), (5, 2, 3), (5, 3, 4)),
    "baddbmm": _free(torch.baddbmm, (5, 2, 4), (5, 2, 3), (5, 3, 4)),
    "addmv": _free(torch.addmv, (2,), (2, 3), (3,)),
    "mv": _free(torch.mv, (2, 3), (3,)),
    "dot": _free(torch.dot, (3,), (3,)),
    "outer": _free(torch.outer, (3,), (4,)),
    "ger": _free(torch.ger, (3,), (4,)),
    "inner": _free(torch.inner, (2, 3), (4, 3)),
    "kron": _free(torch.kron, (2, 3), (2, 2)),
    "where": lambda draw: (
        lambda x, y: torch.where(x > 0, x, y),
        (tensor(draw, shape(draw)), tensor(draw, shape(draw))),
        {},
    ),
    "addcmul": _free(torch.addcmul, (2, 3), (2, 3), (3,)),
    "addcdiv": _free(torch.addcdiv, (2, 3), (2, 3), (3,)),
    "lerp": _free(torch.lerp, (2, 3), (2, 3), weight=0.5),
    "clip": lambda draw: (torch.clip, (tensor(draw, shape(draw)), 0, 1), {}),
    "threshold": lambda draw: (F.threshold, (tensor(draw, shape(draw)), 0.1, 20), {}),
    "glu": lambda draw: (F.glu, (tensor(draw, shape(draw, 1)), draw(st.integers(-3, 2))), {}),
    "norm": lambda draw: (torch.norm, (tensor(draw, shape(draw, 1), plain=True),), {}),
    "H": lambda draw: ((lambda x: x.H), (tensor(draw, shape(draw, 1, 3)),), {}),
    "adjoint": lambda draw: (torch.adjoint, (tensor(draw, shape(draw, 1, 3)),), {}),
    "unflatten": lambda draw: (
        torch.unflatten,
        (tensor(draw, (2, 6)), 1, draw(st.sampled_from([(2, 3), (4, 2), (-1, 2)]))),
        {},
    ),
    "expand": lambda draw: (Tensor.expand, (tensor(draw, (1, 3)), draw(SMALL), 3), {}),
    "expand_as": lambda draw: (Tensor.expand_as, (tensor(draw, (1, 3)), torch.ones(4, 3)), {}),
    "view_as": lambda draw: (Tensor.view_as, (tensor(draw, (2, 3)), torch.ones(3, 2)), {}),
    "view_as_real": lambda _: (torch.view_as_real, (torch.ones(2, dtype=torch.complex64),), {}),
    "view_as_complex": _free(torch.view_as_complex, (3, 2)),
    "imag": lambda _: (torch.imag, (torch.ones(2, dtype=torch.complex64),), {}),
    "select": lambda draw: (torch.select, (tensor(draw, (2, 3)), draw(st.integers(-3, 2)), 1), {}),
    "narrow": lambda draw: (
        torch.narrow,
        (tensor(draw, (2, 5)), 1, 1, draw(st.integers(0, 6))),
        {},
    ),
    "unfold": lambda draw: (F.unfold, (tensor(draw, (2, 3, 6, 6), plain=True), draw(SMALL)), {}),
    "chunk": lambda draw: (torch.chunk, (tensor(draw, shape(draw, 1)), draw(SMALL), -1), {}),
    "split": lambda draw: (torch.split, (tensor(draw, shape(draw, 1)), draw(SMALL), -1), {}),
    "tensor_split": lambda draw: (torch.tensor_split, (tensor(draw, (5, 2)), draw(SMALL)), {}),
    "diagonal": lambda draw: (torch.diagonal, (tensor(draw, shape(draw, 1)),), {}),
    "flip": lambda draw: (
        torch.flip,
        (tensor(draw, shape(draw, 1)), (draw(st.integers(-3, 2)),)),
        {},
    ),
    "rot90": lambda draw: (torch.rot90, (tensor(draw, shape(draw, 1)),), {}),
    "channel_shuffle": lambda draw: (
        F.channel_shuffle,
        (tensor(draw, (2, 6, 4, 4), plain=True), draw(SMALL)),
        {},
    ),
    "native_channel_shuffle": lambda draw: (
        torch.native_channel_shuffle,
        (tensor(draw, (2, 6, 4, 4), plain=True), draw(st.sampled_from([1, 2, 3]))),
        {},
    ),
    "repeat": lambda draw: (Tensor.repeat, (tensor(draw, shape(draw, 1, 2)), draw(SMALL), 2), {}),
    "repeat_interleave": lambda draw: (
        torch.repeat_interleave,
        (tensor(draw, (2, 3)), 2, draw(st.integers(-3, 2))),
        {},
    ),
    "tile": lambda draw: (torch.tile, (tensor(draw, shape(draw)), (2, 1)), {}),
    "pixel_shuffle": lambda draw: (F.pixel_shuffle, (tensor(draw, (2, 8, 3, 3)), draw(SMALL)), {}),
    "pixel_unshuffle": lambda draw: (
        F.pixel_unshuffle,
        (tensor(draw, (2, 2, 6, 6)), draw(SMALL)),
        {},
    ),
    "gather": lambda draw: (
        torch.gather,
        (tensor(draw, (2, 3)), draw(st.integers(-3, 2)), _IDS),
        {},
    ),
    "scatter": lambda draw: (torch.scatter, (tensor(draw, (2, 3), True), 1, _IDS, 2.0), {}),
    "scatter_add": lambda draw: (
        torch.scatter_add,
        (tensor(draw, (2, 3), True), 1, _IDS, torch.ones(2, 3)),
        {},
    ),
    "index_select": lambda draw: (
        torch.index_select,
        (tensor(draw, (2, 3)), draw(st.integers(-3, 2)), _IDS[0]),
        {},
    ),
    "take": lambda draw: (torch.take, (tensor(draw, (2, 3)), _IDS), {}),
    "masked_fill": lambda draw: (torch.masked_fill, (tensor(draw, (2, 3)), _MASK, 1), {}),
    "masked_scatter": lambda draw: (
        torch.masked_scatter,
        (tensor(draw, (2, 3), True), _MASK, torch.ones(6)),
        {},
    ),
    "index_add": lambda draw: (
        torch.index_add,
        (tensor(draw, (2, 3), True), 1, torch.tensor([0, 2]), torch.ones(2, 2)),
        {},
    ),
    "index_copy": lambda draw: (
        torch.index_copy,
        (tensor(draw, (2, 3), True), 1, torch.tensor([0, 2]), torch.ones(2, 2)),
        {},
    ),
    "index_fill": lambda draw: (
        torch.index_fill,
        (tensor(draw, (2, 3)), 1, torch.tensor([0]), 1),
        {},
    ),
    "index_put": lambda draw: (
        torch.index_put,
        (tensor(draw, (2, 3), True), (torch.tensor([0]),), torch.ones(3)),
        {},
    ),
    "to": lambda draw: (Tensor.to, (tensor(draw, shape(draw)), draw(st.sampled_from(TYPES))), {}),
    "cuda": lambda draw: (Tensor.float, (tensor(draw, shape(draw)),), {}),  # there may be none
    "type": lambda draw: (Tensor.type, (tensor(draw, shape(draw)), torch.float64), {}),
    "type_as": lambda draw: (Tensor.type_as, (tensor(draw, shape(draw)), torch.ones(1)), {}),
    "scaled_dot_product_attention": attended,
    "multi_head_attention_forward": _free(
        nn.MultiheadAttention(4, 2, batch_first=True), (2, 3, 4), (2, 3, 4), (2, 3, 4)
    ),
    "_native_multi_head_attention": _free(
        nn.MultiheadAttention(4, 2, batch_first=True).eval().requires_grad_(False),
        (2, 3, 4),
        (2, 3, 4),
        (2, 3, 4),
    ),
    "lstm": _free(nn.LSTM(3, 4), (5, 2, 3)),
    "gru": _free(nn.GRU(3, 4), (5, 2, 3)),
    "rnn_tanh": _free(nn.RNN(3, 4), (5, 2, 3)),
    "rnn_relu": _free(nn.RNN(3, 4, nonlinearity="relu"), (5, 2, 3)),
    "lstm_cell": _free(nn.LSTMCell(3, 4), (2, 3)),
    "gru_cell": _free(nn.GRUCell(3, 4), (2, 3)),
    "rnn_tanh_cell": _free(nn.RNNCell(3, 4), (2, 3)),
    "rnn_relu_cell": _free(nn.RNNCell(3, 4, nonlinearity="relu"), (2, 3)),
    "identity": _free(nn.Identity(), (2, 3)),
    "interpolate": lambda draw: (
        F.interpolate,
        (tensor(draw, (2, 3, 4, 4), plain=True),),
        {"scale_factor": 2, "mode": draw(st.sampled_from(["nearest", "bilinear"]))},
    ),
    "upsample": lambda draw: (F.upsample, (tensor(draw, (2, 3, 4, 4), plain=True), (6, 6)), {}),
    "grid_sample": lambda draw: (
        F.grid_sample,
        (tensor(draw, (2, 3, 4, 4), plain=True), torch.zeros(2, 5, 5, 2)),
        {"align_corners": False},
    ),
    "affine_grid": lambda draw: (
        F.affine_grid,
        (tensor(draw, (2, 2, 3), plain=True), (2, 3, 4, 4)),
        {"align_corners": False},
    ),
    "instance_norm": lambda draw: (
        F.instance_norm,
        (tensor(draw, shape(draw, 2), plain=True),),
        {},
    ),
    "lp_pool1d": _free(F.lp_pool1d, (2, 3, 8), norm_type=2, kernel_size=2),
    "lp_pool2d": _windows("lp_pool2d", 2, 3),
    "fractional_max_pool2d": _windows("fractional_max_pool2d", 2, 3),
    "max_unpool2d": lambda draw: (
        F.max_unpool2d,
        (tensor(draw, (2, 3, 2, 2), plain=True), torch.zeros(2, 3, 2, 2, dtype=torch.int64), 2),
        {},
    ),
    "fold": lambda draw: (F.fold, (tensor(draw, (2, 12, 4), plain=True), (4, 4), 2), {"stride": 2}),
    "one_hot": lambda _: (F.one_hot, (_IDS, 4), {}),
    "cross_entropy": lambda draw: (F.cross_entropy, (tensor(draw, (2, 3), True), _IDS[:, 0]), {}),
    "nll_loss": lambda draw: (F.nll_loss, (tensor(draw, (2, 3), True), _IDS[:, 0]), {}),
    "cdist": _free(torch.cdist, (2, 3), (4, 3)),
    "cosine_similarity": _free(F.cosine_similarity, (2, 3), (2, 3)),
    "pairwise_distance": _free(F.pairwise_distance, (2, 3), (2, 3)),
}
for _name in "mse_loss l1_loss binary_cross_entropy kl_div huber_loss binary_cross_entropy_with_logits smooth_l1_loss".split():
    CASES[_name] = _free(function(_name), (2, 3), (2, 3))
for _name in """bitwise_and bitwise_or bitwise_xor logical_and logical_or eq ne lt le gt ge
    floor_divide remainder fmod and or xor mod""".split():
    CASES[_name] = partial(binary, _name)
for _name in "logical_not isnan isinf isfinite".split():
    CASES[_name] = partial(unary, function(_name))
CASES["bitwise_not"] = partial(unary, torch.bitwise_not, types=WHOLE)
CASES["invert"] = partial(unary, operator.invert, types=WHOLE)
