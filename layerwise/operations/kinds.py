"""What an operation is: every view and every diagnosis asks for this, not for a name."""

from enum import Enum


class Kind(Enum):
    """The kinds of operation that a network is made of."""

    CONVOLUTION = "convolution"
    TRANSPOSED_CONVOLUTION = "transposed convolution"
    POOLING = "pooling"
    NORMALIZATION = "normalization"
    ACTIVATION = "activation"
    DROPOUT = "dropout"
    LINEAR = "linear"
    MERGE = "merge"  # number by number, or one behind the other: see `Merge`
    PRODUCT = "product"  # of matrices: matmul, einsum, attention
    SHAPING = "shaping"  # the same numbers, in another shape or order
    PADDING = "padding"
    RESIZING = "resizing"
    REDUCTION = "reduction"
    EMBEDDING = "embedding"
    RECURRENT = "recurrent"
    IDENTITY = "identity"  # a module that passes its input on
    OTHER = "other"

    @property
    def merges(self) -> bool:
        """Whether operations of this kind are where branches of a network meet."""
        return self in (Kind.MERGE, Kind.PRODUCT)


class Merge(Enum):
    """How an operation of the kind MERGE joins what branches of a network made."""

    ADD = "add"  # and subtract: where a shortcut meets its block
    CONCAT = "concat"
    MULTIPLY = "multiply"  # number by number: where a gate meets its map
