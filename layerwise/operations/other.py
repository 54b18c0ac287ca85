"""What is no family of its own; PyTorch's own kernels know its arithmetic."""

from .kinds import Kind
from .registry import declare

_LOSSES = """cross_entropy nll_loss mse_loss l1_loss smooth_l1_loss huber_loss kl_div
    binary_cross_entropy binary_cross_entropy_with_logits"""
_COMPARISONS = """eq ne lt le gt ge and or xor invert bitwise_and bitwise_or bitwise_xor bitwise_not
    logical_and logical_or logical_not isnan isinf isfinite floor_divide remainder fmod mod"""

for _kind, _names, _sentence in (
    (Kind.IDENTITY, "identity",
     "Has no layer in it: passes its input on unchanged. The shape stays."),
    (Kind.RECURRENT, "lstm gru rnn_tanh rnn_relu lstm_cell gru_cell rnn_tanh_cell rnn_relu_cell",
     "Goes through the sequence step by step, and carries a state along."),
    (Kind.RESIZING, "interpolate upsample grid_sample affine_grid",
     "Makes a map of another size out of the pixels around each place."),
    (Kind.RESIZING, "fold", "Lays patches back into a map and adds them up."),
    (Kind.NORMALIZATION, "normalize", "Scales each vector to length 1."),
    (Kind.NORMALIZATION, "instance_norm",
     "Normalizes each channel of each image by itself. The shape stays."),
    (Kind.NORMALIZATION, "rms_norm",
     "Divides each position by its own root mean square. The shape stays."),
    (Kind.POOLING, "lp_pool1d lp_pool2d fractional_max_pool2d max_unpool2d",
     "Pools each window, channel by channel."),
    (Kind.EMBEDDING, "one_hot", "A 1 in the place of the index, 0 elsewhere."),
    (Kind.REDUCTION, _LOSSES, "Compares with what is right: one number, the loss."),
    (Kind.PRODUCT, "cdist cosine_similarity pairwise_distance", "Compares vectors with vectors."),
    (Kind.OTHER, _COMPARISONS, "Compares or combines number by number."),
):  # fmt: skip
    declare(_names, _kind, sentence=_sentence)
