"""What is no family of its own."""

from .kinds import Kind
from .registry import declare

declare("identity", Kind.IDENTITY, sentence="Has no layer in it: passes its input on unchanged. "
        "The shape stays.")  # fmt: skip
declare("interpolate upsample grid_sample affine_grid", Kind.RESIZING,
        sentence="Makes a map of another size out of the pixels around each place.")  # fmt: skip
declare("normalize", Kind.NORMALIZATION, sentence="Scales each vector to length 1.")
declare("instance_norm", Kind.NORMALIZATION,
        sentence="Normalizes each channel of each image by itself. The shape stays.")  # fmt: skip
declare("rms_norm", Kind.NORMALIZATION,
        sentence="Divides each position by its own root mean square. The shape stays.")  # fmt: skip
declare("lp_pool1d lp_pool2d fractional_max_pool2d max_unpool2d", Kind.POOLING,
        sentence="Pools each window, channel by channel.")  # fmt: skip
declare("fold", Kind.RESIZING, sentence="Lays patches back into a map and adds them up.")
declare(
    "one_hot",
    Kind.EMBEDDING,
    sentence="A 1 in the place of the index, 0 elsewhere.",
)
declare("cross_entropy nll_loss mse_loss l1_loss binary_cross_entropy kl_div huber_loss "
        "binary_cross_entropy_with_logits smooth_l1_loss", Kind.REDUCTION,
        sentence="Compares with what is right: one number, the loss.")  # fmt: skip
declare("cdist cosine_similarity pairwise_distance", Kind.PRODUCT,
        sentence="Compares vectors with vectors.")  # fmt: skip
declare("and or xor invert bitwise_and bitwise_or bitwise_xor bitwise_not logical_and logical_or "
        "logical_not eq ne lt le gt ge isnan isinf isfinite floor_divide remainder fmod mod",
        Kind.OTHER, sentence="Compares or combines number by number.")  # fmt: skip
