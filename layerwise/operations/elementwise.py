"""Activations, dropout, softmax and other operations that take numbers one by one."""

from functools import partial

from torch import Tensor

from .kinds import Kind
from .registry import Applied, Effect, MemoryFormat, declare, operation
from .shapes import ShapeError, axis

_STAYS = "The shape stays."


def _each(input: Tensor, *args: object, **kwargs: object) -> Effect:
    """Take each number by itself: the shape stays."""
    if (args or kwargs) and any(isinstance(v, Tensor) for v in (*args, *kwargs.values())):
        return NotImplemented
    return Effect(tuple(input.shape))


_ACTIVATIONS = {  # name -> title in prose, sentence
    "relu": ("ReLU", "Negative numbers become 0."),
    "sigmoid": ("Sigmoid", "Squeezes each number into 0 to 1."),
    "tanh": ("Tanh", "Squeezes each number into -1 to 1."),
    "relu6": ("ReLU6", "Numbers below 0 become 0, those above 6 become 6."),
    "hardtanh": ("", "Cuts each number off at a lowest and a highest value."),
    "hardsigmoid": ("", "Squeezes each number into 0 to 1, in straight lines."),
    "hardswish": ("", "Multiplies each number by its hard sigmoid."),
    "leaky_relu": ("", "Negative numbers shrink."),
    "gelu": (
        "GELU",
        "A smooth ReLU: multiplies each number by the share of a bell curve below it.",
    ),
    "silu": ("SiLU", "Multiplies each number by its sigmoid."),
    "mish": ("", "Multiplies each number by the tanh of its softplus."),
    "elu": ("ELU", "Negative numbers bend towards -1."),
    "selu": ("SELU", "Negative numbers bend towards a limit; all are scaled."),
    "celu": ("CELU", "Negative numbers bend towards a limit."),
    "softplus": ("", "A smooth ReLU."),
    "softsign": ("", "Squeezes each number into -1 to 1."),
    "logsigmoid": ("", "The logarithm of the sigmoid."),
}
for _name, (_title, _sentence) in _ACTIVATIONS.items():
    declare(
        _name,
        Kind.ACTIVATION,
        rule=_each,
        title=_title,
        sentence=f"{_sentence} {_STAYS}",
        memory_format=MemoryFormat.KERNEL if _name == "logsigmoid" else MemoryFormat.PRESERVE,
    )
for _names, _sentence in (
    ("abs exp log sqrt rsqrt square neg reciprocal erf sin cos log1p expm1 sign floor ceil round",
     "Takes a function of each number."),
    ("fill zero uniform normal bernoulli", "Writes other numbers into it."),
):  # fmt: skip
    declare(_names, Kind.OTHER, rule=_each, sentence=f"{_sentence} {_STAYS}",
            memory_format=MemoryFormat.PRESERVE)  # fmt: skip
declare("copy", Kind.OTHER, sentence=f"Writes the numbers of another tensor into it. {_STAYS}")


@operation("clamp clip", Kind.OTHER, memory_format=MemoryFormat.PRESERVE,
           sentence=f"Cuts each number off at a lowest and a highest value. {_STAYS}")  # fmt: skip
def clamp(input: Tensor, min: object = None, max: object = None) -> Effect:
    """Cut off at two numbers, of which one may be missing."""
    return NotImplemented if min is None and max is None else _each(input, min, max)


declare("threshold rrelu hardshrink softshrink tanhshrink", Kind.ACTIVATION,
        sentence=f"Bends or cuts off each number. {_STAYS}")  # fmt: skip


@operation("prelu", Kind.ACTIVATION, title="PReLU",
           sentence=f"Negative numbers are multiplied by a learned slope. {_STAYS}")  # fmt: skip
def prelu(input: Tensor, weight: Tensor) -> Effect:
    """One slope for all, or one for each channel (axis 1)."""
    channels = input.shape[1] if input.dim() > 1 else 1
    if weight.dim() > 1 or (weight.numel() != 1 and weight.numel() != channels):
        raise ShapeError(
            f"PReLU has {weight.numel()} slopes for {channels} channels", weight.numel(), channels
        )
    return Effect(tuple(input.shape))


def _dropped(step: Applied) -> str:
    share = step.settings.get("p", 0.5)
    if step.settings.get("training"):
        return f"Training: sets numbers to 0 with probability {share}. {_STAYS}"
    return f"Does nothing in eval mode. {_STAYS}"


@operation("dropout alpha_dropout", Kind.DROPOUT, sentence=_dropped,
           memory_format=MemoryFormat.PRESERVE)  # fmt: skip
def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Effect:
    """Raise for a `p` that is no probability."""
    if not 0 <= p <= 1:
        raise ShapeError(f"dropout's p is a probability from 0 to 1, not {p}", "0 to 1", p)
    return Effect(tuple(input.shape), settings={"p": p, "training": training})


def _dropped_channels(
    axes: tuple[int, ...],
    input: Tensor,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
) -> Effect:
    effect = dropout(input, p, training)
    return effect if input.dim() in axes else NotImplemented


for _name, _axes in {"dropout1d": (2, 3), "dropout2d": (3, 4), "dropout3d": (4, 5),
                     "feature_alpha_dropout": (2, 3, 4, 5)}.items():  # fmt: skip
    declare(_name, Kind.DROPOUT, rule=partial(_dropped_channels, _axes), sentence=_dropped,
            memory_format=MemoryFormat.PRESERVE)  # fmt: skip


@operation(
    "log_softmax",
    Kind.ACTIVATION,
    sentence=f"Turns scores into the logarithms of shares that sum to 1. {_STAYS}",
)
@operation("softmax softmin", Kind.ACTIVATION,
           sentence=f"Turns scores into shares that sum to 1. {_STAYS}")  # fmt: skip
def softmax(input: Tensor, dim: int | None = None, *args: object, **kwargs: object) -> Effect:
    """Normalize along `dim`."""
    if not isinstance(dim, int):
        return NotImplemented
    return Effect(tuple(input.shape), window=None, settings={"dim": axis(dim, input.dim())})


declare("glu", Kind.ACTIVATION, sentence="One half of the channels gates the other half.")
