"""The tracer never shows a number that PyTorch would not bear out: networks as students write them.

Each forward is a function of the module and its input. It runs really, too, and both must agree
(`against_pytorch.check`).
"""

# ruff: noqa: ARG005  forwards of one form, whether or not they use all they get

import math
import random

import pytest
import torch
from against_pytorch import check, net
from torch import nn
from torch.nn import functional as F

from layerwise import trace
from layerwise.tracing import building

# Operands made in forward on the CPU, most of them in first place, for x of 2×5×6. What they give
# goes through a Linear of 6 features: if the tracer loses sight of it, MACs are missing.
OPERANDS = {
    "noise": lambda m, x: torch.randn(x.shape) * 0.1 + x,
    "noise in a statement": lambda m, x: torch.rand(2, 5, 6).add_(x),
    "dropout of the book": lambda m, x: (torch.rand(x.shape) > 0.5).float() * x / (1.0 - 0.5),
    "eye": lambda m, x: torch.eye(5, 6) + x,
    "eye @": lambda m, x: torch.eye(5) @ x,
    "maximum": lambda m, x: torch.maximum(torch.zeros(x.shape), x),
    "minimum": lambda m, x: torch.minimum(torch.ones(2, 5, 6), x),
    "max of two": lambda m, x: torch.max(torch.zeros(1), x),
    "where on a mask": lambda m, x: torch.where(torch.ones(5, 6) > 0, x, torch.zeros(())),
    "where on x": lambda m, x: torch.where(x > 0.5, torch.zeros(6), x),
    "arange": lambda m, x: torch.arange(6) + x,
    "arange / constant": lambda m, x: torch.arange(60.0).view(2, 5, 6) / 60 * x,
    "full": lambda m, x: torch.full((2, 5, 6), 2.0) * x,
    "linspace": lambda m, x: torch.linspace(0, 1, 60).reshape(2, 5, 6) - x,
    "tensor of a list": lambda m, x: torch.tensor([0.1, 0.2, 0.3, 0.4, 0.5, 0.6]) * x,
    "a number": lambda m, x: torch.tensor(2.0) * x,
    "a square root": lambda m, x: x / torch.sqrt(torch.tensor(6.0)),
    "mean and std": lambda m, x: (x - torch.tensor([0.5] * 6)) / torch.tensor([0.2] * 6),
    "python numbers": lambda m, x: 1 - 2 ** (x / math.sqrt(6)),
    "new_zeros": lambda m, x: x.new_zeros(6) + x,
    "new_tensor": lambda m, x: x.new_tensor([1.0]) * x,
    "new_full": lambda m, x: x.new_full((5, 6), 0.5) - x,
    "on x's device": lambda m, x: torch.ones(6, device=x.device) * x,
    "on the CPU": lambda m, x: torch.ones(6, device="cpu") * x,
    "to(x)": lambda m, x: torch.zeros(6, dtype=torch.float64).to(x) + x,
    "type_as": lambda m, x: torch.arange(6).type_as(x) * x,
    "zeros_like": lambda m, x: torch.zeros_like(x) + x,
    "randn_like": lambda m, x: torch.randn_like(x) * x,
    "bernoulli": lambda m, x: torch.bernoulli(torch.full(x.shape, 0.5)) * x,
    "normal": lambda m, x: torch.normal(0.0, 0.1, (2, 5, 6)) + x,
    "one_hot": lambda m, x: F.one_hot(torch.arange(5), 6).float() + x,
    "one_hot of x": lambda m, x: F.one_hot(x.argmax(dim=-1), 6).float(),
    "softmax of zeros": lambda m, x: torch.softmax(torch.zeros(5, 5), dim=-1) @ x,
    "tril": lambda m, x: torch.tril(torch.ones(5, 5)) @ x,
    "causal mask": lambda m, x: (
        (x @ x.transpose(1, 2)).masked_fill(torch.tril(torch.ones(5, 5)) == 0, -1e9).softmax(-1) @ x
    ),
    "matmul": lambda m, x: torch.matmul(torch.ones(2, 5, 5), x),
    "bmm": lambda m, x: torch.bmm(torch.ones(2, 3, 5), x),
    "mm": lambda m, x: torch.mm(torch.ones(3, 10), x.reshape(10, 6)),
    "addmm": lambda m, x: torch.addmm(torch.zeros(6), x.reshape(10, 6), torch.ones(6, 6)),
    "baddbmm": lambda m, x: torch.baddbmm(torch.zeros(2, 3, 6), torch.ones(2, 3, 5), x),
    "einsum": lambda m, x: torch.einsum("qt,btc->bqc", torch.ones(4, 5), x),
    "tensordot": lambda m, x: torch.tensordot(torch.ones(3, 5), x, dims=([1], [1])),
    "cat": lambda m, x: torch.cat([torch.zeros(2, 1, 6), x], dim=1),
    "cat of an expanded token": lambda m, x: torch.cat(
        (torch.ones(1, 1, 6).expand(2, -1, -1), x), 1
    ),
    "stack": lambda m, x: torch.stack([torch.ones(2, 5, 6), x]),
    "hstack": lambda m, x: torch.hstack([torch.zeros(2, 2, 6), x]),
    "outer": lambda m, x: torch.outer(torch.arange(3.0), x.mean((0, 1))),
    "lerp": lambda m, x: torch.lerp(torch.zeros(2, 5, 6), x, 0.5),
    "torch.add": lambda m, x: torch.add(torch.ones(2, 5, 6), x, alpha=2),
    "torch.sub": lambda m, x: torch.sub(torch.ones(x.shape), x),
    "pow": lambda m, x: torch.pow(torch.full(x.shape, 2.0), x),
    "layer on a constant": lambda m, x: m.fc(torch.ones(1, 6)) + x,
    "layer on noise": lambda m, x: m.fc(torch.randn(2, 5, 6)) * x,
    "position embedding first": lambda m, x: m.embedding(torch.arange(5)) + x,
    "weight of a parameter first": lambda m, x: m.scale * torch.ones(5, 6) + x,
    "functional linear": lambda m, x: (
        F.linear(torch.eye(6), m.fc.weight) @ x.transpose(1, 2)[:, :, :1].expand(-1, -1, 6)
    ),
    "functional conv": lambda m, x: F.conv1d(torch.ones(2, 5, 8), torch.ones(5, 5, 3)) + x,
    "fixed kernel": lambda m, x: F.conv1d(x, torch.ones(5, 1, 3) / 3, padding=1, groups=5),
    "cdist": lambda m, x: torch.cdist(torch.zeros(2, 6, 6), x).transpose(1, 2),
    "sinusoids": lambda m, x: torch.sin(torch.arange(5.0)[:, None] * torch.arange(6.0)) + x,
    "meshgrid": lambda m, x: (
        torch.stack(torch.meshgrid(torch.arange(5.0), torch.arange(6.0), indexing="ij")).sum(0) + x
    ),
    "reparametrization": lambda m, x: m.fc(x) + torch.randn(2, 5, 6) * torch.exp(0.5 * m.fc(x)),
}


@pytest.mark.parametrize("name", OPERANDS)
def test_an_operand_made_in_forward(name):
    def forward(self, x):
        return self.out(torch.relu(OPERANDS[name](self, x)))

    network = net(
        forward,
        fc=nn.Linear(6, 6),
        embedding=nn.Embedding(5, 6),
        scale=nn.Parameter(torch.ones(1)),
        out=nn.Linear(6, 4),
    )
    assert check(network, (2, 5, 6)).by_path["out"][0].macs > 0


def book_mlp():
    """The dropout MLP of the book, section 5.6."""

    def forward(self, x):
        h = self.lin2(self.drop(torch.relu(self.lin1(x.reshape(x.shape[0], -1)))))
        return self.lin3(self.drop(torch.relu(h)))

    def drop(x):
        mask = (torch.rand(x.shape) > 0.5).float()
        return mask * x / (1.0 - 0.5)

    layers = {"lin1": nn.Linear(16, 8), "lin2": nn.Linear(8, 8), "lin3": nn.Linear(8, 3)}
    return net(forward, drop=drop, **layers)


def rnn_from_scratch(self, x):
    h = torch.zeros(x.shape[0], 6)
    outputs = []
    for t in range(x.shape[1]):
        h = torch.tanh(torch.matmul(h, self.w_hh) + torch.matmul(x[:, t], self.w_xh))
        outputs.append(h)
    return self.out(torch.stack(outputs, 1))


def cell(self, x):
    h = torch.zeros(x.size(0), 6)
    for step in x.unbind(1):
        h = self.cell(step, h)
    return self.out(h)


def lstm_cell(self, x):
    state = torch.zeros(x.size(0), 6), torch.zeros(x.size(0), 6)
    for t in range(x.size(1)):
        state = self.cell(x[:, t], state)
    return self.out(state[0])


def with_first_state(self, x):
    outputs, _ = self.rnn(x, torch.zeros(1, 2, 6))
    return self.out(outputs)


def class_token(self, x):
    x = torch.cat((self.token.expand(x.shape[0], -1, -1), x), 1) + self.position
    return self.out(x[:, 0])


RECURRENT = {
    "book's MLP": book_mlp,
    "RNN from scratch": lambda: net(
        rnn_from_scratch,
        w_hh=nn.Parameter(torch.rand(6, 6)),
        w_xh=nn.Parameter(torch.rand(4, 6)),
        out=nn.Linear(6, 2),
    ),
    "RNNCell": lambda: net(cell, cell=nn.RNNCell(4, 6), out=nn.Linear(6, 2)),
    "GRUCell": lambda: net(cell, cell=nn.GRUCell(4, 6), out=nn.Linear(6, 2)),
    "LSTMCell": lambda: net(lstm_cell, cell=nn.LSTMCell(4, 6), out=nn.Linear(6, 2)),
    "GRU with a state": lambda: net(
        with_first_state, rnn=nn.GRU(4, 6, batch_first=True), out=nn.Linear(6, 2)
    ),
    "RNN with a state": lambda: net(
        with_first_state, rnn=nn.RNN(4, 6, batch_first=True), out=nn.Linear(6, 2)
    ),
    "class token": lambda: net(
        class_token,
        token=nn.Parameter(torch.zeros(1, 1, 4)),
        position=nn.Parameter(torch.zeros(1, 5, 4)),
        out=nn.Linear(4, 2),
    ),
}


@pytest.mark.parametrize("name", RECURRENT)
def test_a_state_or_mask_made_in_forward(name):
    check(RECURRENT[name](), (2, 4, 4))


LAZY = {
    "Linear": (lambda m, x: m.fc(F.relu(m.fc(x))), {"fc": nn.LazyLinear}, (6,), (2, 6)),
    "Linear, wrong again": (
        lambda m, x: m.fc(F.relu(m.fc(x))),
        {"fc": nn.LazyLinear},
        (6,),
        (2, 8),
    ),
    "Linear in a loop": (
        lambda m, x: [x := m.fc(x) for _ in range(3)][-1],
        {"fc": nn.LazyLinear},
        (6,),
        (2, 6),
    ),
    "Conv1d": (lambda m, x: m.fc(m.fc(x)), {"fc": nn.LazyConv1d}, (3, 3), (2, 3, 9)),
    "Conv2d": (lambda m, x: m.fc(m.fc(x)), {"fc": nn.LazyConv2d}, (3, 3), (2, 3, 9, 9)),
    "Conv2d, wrong again": (
        lambda m, x: m.fc(m.fc(x)),
        {"fc": nn.LazyConv2d},
        (4, 3),
        (2, 3, 9, 9),
    ),
    "ConvTranspose2d": (
        lambda m, x: m.fc(m.fc(x)),
        {"fc": nn.LazyConvTranspose2d},
        (3, 2),
        (2, 3, 4, 4),
    ),
    "BatchNorm1d": (lambda m, x: m.fc(m.fc(x)), {"fc": nn.LazyBatchNorm1d}, (), (4, 3)),
    "BatchNorm2d": (
        lambda m, x: m.fc(F.relu(m.fc(x))),
        {"fc": nn.LazyBatchNorm2d},
        (),
        (2, 3, 4, 4),
    ),
    "InstanceNorm2d": (
        lambda m, x: m.fc(m.fc(x)),
        {"fc": lambda: nn.LazyInstanceNorm2d(affine=True)},
        (),
        (2, 3, 4, 4),
    ),
}


@pytest.mark.parametrize("name", LAZY)
def test_a_lazy_layer_called_twice(name):
    forward, layers, args, shape = LAZY[name]
    check(net(forward, **{key: kind(*args) for key, kind in layers.items()}), shape)


def test_a_lazy_layer_under_two_names_and_in_a_block_that_runs_twice():
    fc = nn.LazyLinear(5)
    check(nn.Sequential(fc, nn.ReLU(), nn.Linear(5, 7), fc.__class__(5)), (2, 5))
    check(nn.Sequential(fc, nn.ReLU(), fc), (2, 5))
    block = nn.Sequential(nn.LazyConv2d(3, 3, padding=1), nn.LazyBatchNorm2d(), nn.ReLU())
    check(net(lambda self, x: self.block(self.block(x)), block=block), (2, 3, 4, 4))


def columns(self, x):
    out = torch.zeros(x.shape[0], x.shape[1], 6)
    for t in range(x.shape[1]):
        out[:, t] = self.fc(x[:, t])
    return self.out(out)


def last_axis(self, x):
    out = torch.empty(2, 6, 2)
    h = self.fc(x.mean(1))
    out[..., 0] = h
    out[..., 1] = -h
    return self.out(out.flatten(1)[:, :6])


def added_slices(self, x):
    total = torch.zeros(2, 6)
    for t in range(x.shape[1]):
        total[:, :] += self.fc(x[:, t])
    return self.out(total)


def added_whole(self, x):
    total = torch.zeros(2, 6)
    for t in range(x.shape[1]):
        total += self.fc(x[:, t])
    return self.out(total)


def copied(self, x):
    out = torch.empty(2, 4, 6)
    out.copy_(self.fc(x))
    return self.out(out)


def copied_into_a_slice(self, x):
    out = x.new_zeros(2, 4, 12)
    out[..., 6:].copy_(self.fc(x))
    return self.out(out[..., 6:])


def listed(self, x):
    return self.out(torch.stack([self.fc(step) for step in x.unbind(1)], dim=1))


def masked(self, x):
    h = self.fc(x)
    h[h > 0.5] = 0
    return self.out(h)


def mask_of_ones(self, x):
    out = torch.zeros(2, 4, 6)
    out[torch.ones(2, 4) > 0] = self.fc(x).reshape(8, 6)
    return self.out(out)


def scattered(self, x):
    index = torch.arange(4).view(1, 4, 1).expand(2, 4, 6)
    return self.out(torch.zeros(2, 4, 6).scatter_(1, index, self.fc(x)))


def scatter_added(self, x):
    index = torch.zeros(2, 4, 6, dtype=torch.long)
    return self.out(torch.zeros(2, 1, 6).scatter_add_(1, index, self.fc(x)))


def index_copied(self, x):
    return self.out(torch.zeros(2, 4, 6).index_copy_(1, torch.arange(4), self.fc(x)))


def index_put(self, x):
    out = torch.zeros(4, 2, 6)
    out.index_put_((torch.arange(4),), self.fc(x).transpose(0, 1))
    return self.out(out)


def index_added(self, x):
    return self.out(torch.zeros(2, 2, 6).index_add_(1, torch.tensor([0, 1, 0, 1]), self.fc(x)))


def by_a_list(self, x):
    out = torch.zeros(2, 4, 6)
    out[:, [0, 2]] = self.fc(x)[:, [1, 3]]
    return self.out(out)


def into_the_input(self, x):
    y = self.fc(x)
    y[:, 0] = 0
    y[:, 1:] *= 2
    return self.out(y)


def through_a_view(self, x):
    out = torch.zeros(2, 24)
    out.view(2, 4, 6).add_(self.fc(x))
    return self.out(out.view(2, 4, 6))


def out_argument(self, x):
    out = torch.empty(2, 4, 6)
    torch.mul(self.fc(x), 2, out=out)
    return self.out(out)


def too_wide(self, x):
    out = torch.zeros(2, 4, 5)
    out[:, 0] = self.fc(x[:, 0])
    return out


def past_the_end(self, x):
    out = torch.zeros(2, 3, 6)
    for t in range(x.shape[1]):
        out[:, t] = self.fc(x[:, t])
    return out


FILLING = [
    columns,
    last_axis,
    added_slices,
    added_whole,
    copied,
    copied_into_a_slice,
    listed,
    masked,
    mask_of_ones,
    scattered,
    scatter_added,
    index_copied,
    index_put,
    index_added,
    by_a_list,
    into_the_input,
    through_a_view,
    out_argument,
    too_wide,
    past_the_end,
]


@pytest.mark.parametrize("forward", FILLING, ids=lambda forward: forward.__name__)
def test_filling_a_tensor_made_before(forward):
    t = check(net(forward, fc=nn.Linear(5, 6), out=nn.Linear(6, 2)), (2, 4, 5))
    assert t is None or "out" in t.by_path


DRAWS = {
    "alpha dropout": lambda m, x: x + F.alpha_dropout(torch.ones(5, 6), training=True),
    "gumbel softmax": lambda m, x: x + F.gumbel_softmax(torch.ones(5, 6)),
    "dropout of rows": lambda m, x: x + F.dropout1d(torch.ones(2, 5, 6)),
    "attention": lambda m, x: x + F.scaled_dot_product_attention(
        *[torch.ones(2, 5, 6)] * 3, dropout_p=0.5),
}  # fmt: skip


@pytest.mark.parametrize("name", DRAWS)
def test_what_a_forward_draws_for_its_own_tensors_is_not_drawn_from_everybodys_stream(name):
    before = torch.get_rng_state()
    trace(net(DRAWS[name]), (2, 5, 6))
    assert torch.equal(before, torch.get_rng_state())


def test_a_run_for_real_inside_a_try_leaves_the_random_states_as_they_were():
    def drawing(m, x):
        own = random.random()  # noqa: S311  no secret
        return x * own * torch.rand(1) if x.sum() > 0 else m

    before, pythons = torch.get_rng_state(), random.getstate()
    outcome = building.run(lambda: net(drawing), (2, 3), {})
    assert outcome.failure is None and "for real" in outcome.trace.note
    assert torch.equal(before, torch.get_rng_state()) and random.getstate() == pythons


def test_an_operation_in_place_may_be_called_by_keyword():
    check(net(lambda m, x: torch.relu_(input=x * 1)), (2, 3))


def test_a_recurrent_layer_on_a_packed_sequence():
    def forward(self, x):
        packed = nn.utils.rnn.pack_padded_sequence(x, [5, 3], batch_first=True)
        return self.gru(packed)[1]

    t = trace(net(forward, gru=nn.GRU(6, 4, batch_first=True)), (2, 5, 6))
    assert t.output == (1, 2, 4) and "for real" in t.note


def test_the_types_that_autocast_makes_are_followed():
    def forward(self, x):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            x = self.a(x)
        return self.b(x)

    check(net(forward, a=nn.Linear(4, 4), b=nn.Linear(4, 2)), (2, 4))
