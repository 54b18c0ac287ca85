"""Attention and recurrent networks, whose arithmetic PyTorch's own kernels know."""

from .kinds import Kind
from .registry import declare

declare(
    "scaled_dot_product_attention multi_head_attention_forward _native_multi_head_attention",
    Kind.PRODUCT,
    symbol="×",
    sentence="Attention: each position reads a weighted average of all positions.",
)
declare(
    "lstm gru rnn_tanh rnn_relu lstm_cell gru_cell rnn_tanh_cell rnn_relu_cell",
    Kind.RECURRENT,
    sentence="Goes through the sequence step by step, and carries a state along.",
)
