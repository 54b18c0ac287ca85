"""Where PyTorch refuses a type, a layout or an argument, so does the trace; else neither does."""

# ruff: noqa: ARG005, PLW0108  forwards of one form, whether or not they use all they get

import pytest
import torch
from against_pytorch import check, net, of
from torch import nn
from torch.nn import functional as F

from layerwise import trace

IMAGE, WORDS, ROW = (2, 4, 6, 6), (2, 5, 6), (4, 6)
F16, BF16, F32, F64 = torch.float16, torch.bfloat16, torch.float32, torch.float64
U8, I32, I64, BOOL, C64 = torch.uint8, torch.int32, torch.int64, torch.bool, torch.complex64


def toolbox(forward):
    """A network with one layer of each kind, of which the forward uses some."""
    return net(
        forward,
        conv=nn.Conv2d(4, 4, 3, padding=1),
        deconv=nn.ConvTranspose2d(4, 4, 2, 2),
        bn=nn.BatchNorm2d(4),
        norm=nn.LayerNorm(6),
        group=nn.GroupNorm(2, 4),
        instance=nn.InstanceNorm2d(4, affine=True),
        fc=nn.Linear(6, 6),
        half=nn.Linear(6, 6).half(),
        double=nn.Linear(6, 6).double(),
        embedding=nn.Embedding(5, 6),
        rnn=nn.GRU(6, 6, batch_first=True),
        lstm=nn.LSTM(6, 6, batch_first=True),
        mha=nn.MultiheadAttention(6, 2, batch_first=True),
        prelu=nn.PReLU(4),
        bilinear=nn.Bilinear(6, 6, 3),
    )


LAYERS_ON_TYPES = {
    "conv": (lambda m, x: m.conv(x), IMAGE, (U8, I64, F64, F16, BF16, BOOL, C64, F32)),
    "deconv": (lambda m, x: m.deconv(x), IMAGE, (U8, F64, F16)),
    "batch norm": (lambda m, x: m.bn(x), IMAGE, (U8, I64, F64, F16, BF16)),
    "batch norm, eval": (lambda m, x: m.bn.eval()(x), IMAGE, (U8, F64, BF16)),
    "group norm": (lambda m, x: m.group(x), IMAGE, (U8, F64, F16)),
    "instance norm": (lambda m, x: m.instance(x), IMAGE, (U8, F64)),
    "layer norm": (lambda m, x: m.norm(x), WORDS, (U8, I64, F64, BF16)),
    "linear": (lambda m, x: m.fc(x), ROW, (U8, I64, F64, F16, BF16, BOOL)),
    "embedding": (lambda m, x: m.embedding(x), ROW, (U8, I32, I64, F32, BOOL)),
    "prelu": (lambda m, x: m.prelu(x), IMAGE, (U8, F64, F16)),
    "gru": (lambda m, x: m.rnn(x), WORDS, (I64, F64, F16)),
    "lstm": (lambda m, x: m.lstm(x), WORDS, (I64, F64)),
    "attention": (lambda m, x: m.mha(x, x, x), WORDS, (I64, F64)),
    "bilinear": (lambda m, x: m.bilinear(x, x), ROW, (I64, F64)),
    "max pool": (lambda m, x: F.max_pool2d(x, 2), IMAGE, (U8, I64, F64)),
    "average pool": (lambda m, x: F.avg_pool2d(x, 2), IMAGE, (U8, I64, F64)),
    "adaptive pool": (lambda m, x: F.adaptive_avg_pool2d(x, 1), IMAGE, (U8, I64, F16)),
    "relu": (lambda m, x: F.relu(x), ROW, (U8, I64, BOOL)),
    "sigmoid": (lambda m, x: m.fc(x.sigmoid()), ROW, (U8, I64, BOOL)),
    "gelu": (lambda m, x: F.gelu(x), ROW, (F64, F16)),
    "elu": (lambda m, x: F.elu(x), ROW, (I64,)),
    "leaky relu": (lambda m, x: F.leaky_relu(x), ROW, (I64,)),
    "softmax": (lambda m, x: F.softmax(x, 1), ROW, (F64, F16)),
    "mean": (lambda m, x: x.mean(1), ROW, (U8, I64, BOOL)),
    "std": (lambda m, x: x.std(1), ROW, (I64,)),
    "sum": (lambda m, x: x.sum(1), ROW, (U8, I64, BOOL)),
    "norm": (lambda m, x: F.normalize(x), ROW, (I64,)),
    "dropout": (lambda m, x: F.dropout(x, 0.5), ROW, (U8, I64)),
    "matmul": (lambda m, x: x @ x.transpose(0, 1), ROW, (U8, I64)),
    "interpolate": (lambda m, x: F.interpolate(x, scale_factor=2), IMAGE, (U8, F16)),
    "divided image": (lambda m, x: m.conv(x / 255), IMAGE, (U8, I64, F64)),
    "float image": (lambda m, x: m.conv(x.float()), IMAGE, (U8, I64, F64, F16, BOOL)),
    "to the weight": (lambda m, x: m.conv(x.to(m.conv.weight.dtype)), IMAGE, (U8, F64)),
    "scaled": (lambda m, x: m.fc(x * 1.0), ROW, (U8, I64, F64)),
    "complement": (lambda m, x: m.fc((1 - x).float()), ROW, (U8, BOOL)),
    "negated": (lambda m, x: -x, ROW, (U8, I64, BOOL)),
    "abs": (lambda m, x: x.abs(), ROW, (I64, C64)),
    "clamp": (lambda m, x: x.clamp(0, 1), ROW, (I64,)),
    "in place": (lambda m, x: x.add_(0.5), ROW, (U8, I64)),
    "added in place": (lambda m, x: x.clone().add_(torch.ones(6)), ROW, (U8, I64, F16)),
    "half layer": (lambda m, x: m.half(x), ROW, (F16, F32, F64)),
    "half behind float": (lambda m, x: m.half(m.fc(x)), ROW, (F32,)),
    "half behind a cast": (lambda m, x: m.half(m.fc(x).half()), ROW, (F32,)),
    "float behind half": (lambda m, x: m.fc(m.half(x)), ROW, (F16,)),
    "double behind float": (lambda m, x: m.double(m.fc(x)), ROW, (F32,)),
    "double behind a cast": (lambda m, x: m.double(m.fc(x).double()), ROW, (F32,)),
}


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        pytest.param(name, dtype, id=f"{name}-{str(dtype).removeprefix('torch.')}")
        for name, (_, _, dtypes) in LAYERS_ON_TYPES.items()
        for dtype in dtypes
    ],
)
def test_an_input_of_another_type(name, dtype):
    forward, shape, _ = LAYERS_ON_TYPES[name]
    check(toolbox(forward), of(shape, dtype))


# PyTorch's meta kernels take these types, its kernels for the CPU do not.
ONLY_ON_META = {
    "softmax of int": (lambda x: F.softmax(x, 1), ROW, I64),
    "softmax of bool": (lambda x: F.softmax(x, 1), ROW, BOOL),
    "gelu of int": (lambda x: F.gelu(x), ROW, I64),
    "silu of int": (lambda x: F.silu(x), ROW, I64),
    "hardswish of int": (lambda x: F.hardswish(x), ROW, I64),
    "max pool of bool": (lambda x: F.max_pool2d(x, 2), IMAGE, BOOL),
    "average pool of bool": (lambda x: F.avg_pool2d(x, 2), IMAGE, BOOL),
    "bilinear image of int": (
        lambda x: F.interpolate(x, scale_factor=2, mode="bilinear"),
        IMAGE,
        I64,
    ),
    "matmul of bool": (lambda x: x @ x.T, ROW, BOOL),
    "abs of bool": (lambda x: x.abs(), ROW, BOOL),
    "clamp of complex": (lambda x: x.clamp(0, 1), ROW, C64),
    "bits of float": (lambda x: x & 1, ROW, F32),
}


@pytest.mark.parametrize("name", ONLY_ON_META)
def test_a_type_that_no_kernel_for_the_cpu_takes(name):
    function, shape, dtype = ONLY_ON_META[name]
    check(net(lambda self, x: function(x)), of(shape, dtype))


# Types that meet in forward, for a float x of 4×6.
MIXED = {
    "double constant, conv": lambda m, x: m.conv(
        torch.ones(1, dtype=F64) * x.expand(2, 4, 4, 6) + torch.zeros(6, dtype=F64)
    ),
    "double constant, linear": lambda m, x: m.fc(x + torch.ones(6, dtype=F64)),
    "double constant first": lambda m, x: m.fc(torch.ones(4, 6, dtype=F64) * x),
    "double number": lambda m, x: m.fc(x * torch.tensor(2.0, dtype=F64)),
    "double number of one axis": lambda m, x: m.fc(x * torch.tensor([2.0], dtype=F64)),
    "double mask": lambda m, x: m.fc((torch.rand(4, 6, dtype=F64) > 0.5).double() * x),
    "int constant": lambda m, x: m.fc(x + torch.arange(6)),
    "half constant": lambda m, x: m.fc(x + torch.ones(6, dtype=F16)),
    "half constant first": lambda m, x: m.fc(torch.ones(4, 6, dtype=F16) * x),
    "mask": lambda m, x: m.fc(x * (x > 0)),
    "long": lambda m, x: m.fc(x.long()),
    "long and back": lambda m, x: m.fc(x.long().float()),
    "int": lambda m, x: m.fc(x.int()),
    "argmax": lambda m, x: m.fc(x.argmax(0)),
    "comparison": lambda m, x: m.fc(x > 0),
    "one_hot": lambda m, x: m.fc(F.one_hot(x.argmax(1), 6)),
    "one_hot, float": lambda m, x: m.fc(F.one_hot(x.argmax(1), 6).float()),
    "embedding of long": lambda m, x: m.fc(m.embedding(x.long())),
    "embedding of float": lambda m, x: m.embedding(x),
    "sum promotes": lambda m, x: m.fc(x + x.double()),
    "sum promotes, cast back": lambda m, x: m.fc((x + x.double()).float()),
    "half and bfloat promote": lambda m, x: m.fc(x.half() + x.bfloat16()),
    "cat promotes": lambda m, x: m.fc(torch.cat([x, x.double()])),
    "cat of ints and floats": lambda m, x: m.fc(torch.cat([torch.zeros(4, 6, dtype=I64), x])),
    "stack promotes": lambda m, x: m.fc(torch.stack([x, x.double()])),
    "where promotes": lambda m, x: m.fc(torch.where(x > 0, x, x.double())),
    "where with a number": lambda m, x: m.fc(torch.where(x > 0, x, 0.0)),
    "maximum promotes": lambda m, x: m.fc(torch.maximum(torch.zeros(4, 6, dtype=F64), x)),
    "matmul": lambda m, x: x @ torch.ones(6, 3, dtype=F64),
    "matmul first": lambda m, x: torch.eye(4, dtype=F64) @ x,
    "mm with half": lambda m, x: torch.mm(x, torch.ones(6, 3).half()),
    "bmm": lambda m, x: torch.bmm(x[None], torch.ones(1, 6, 3, dtype=F64)),
    "addmm": lambda m, x: torch.addmm(torch.zeros(3, dtype=F64), x, torch.ones(6, 3)),
    "einsum": lambda m, x: torch.einsum("bi,ij->bj", x, torch.ones(6, 3, dtype=F64)),
    "functional linear": lambda m, x: F.linear(x, m.double.weight),
    "functional conv": lambda m, x: F.conv1d(x, torch.ones(3, 4, 3, dtype=F64)),
    "bias of another type": lambda m, x: F.linear(x, m.fc.weight, m.double.bias),
    "lerp": lambda m, x: torch.lerp(x, x.double(), 0.5),
    "attention": lambda m, x: F.scaled_dot_product_attention(x[None], x[None].half(), x[None]),
    "in place, narrower": lambda m, x: x.half().add_(x),
    "in place, wider": lambda m, x: x.double().add_(x),
    "in place, into ints": lambda m, x: x.long().add_(x),
    "copied": lambda m, x: torch.zeros(4, 6, dtype=F64).copy_(x),
    "set by an index": lambda m, x: _set(x, 0, x[1].double()),
    "set by a mask": lambda m, x: _set(x, x > 0.5, x.double()[x > 0.5]),
    "set by a list": lambda m, x: _set(x, [0, 1], x.double()[[2, 3]]),
    "set by a slice": lambda m, x: _set(x, slice(0, 2), x.double()[2:]),
    "index_put of another type": lambda m, x: x.clone().index_put_((torch.arange(4),), x.double()),
    "scatter of another type": lambda m, x: torch.zeros(4, 6).scatter_(
        1, torch.zeros(4, 1, dtype=I64), x.double()
    ),
    "index of floats": lambda m, x: x[torch.zeros(2)],
    "gather by int32": lambda m, x: x.gather(1, torch.zeros(4, 2, dtype=I32)),
    "masked_fill by floats": lambda m, x: x.masked_fill(torch.ones(4, 6), 0.0),
    "cross entropy": lambda m, x: F.cross_entropy(x, x.argmax(1)),
    "cross entropy of ints": lambda m, x: F.cross_entropy(x, torch.zeros(4, dtype=I32)),
    "rounded": lambda m, x: m.fc(x.round().to(torch.int8)),
    "complex": lambda m, x: m.fc(torch.fft.fft(x)),
    "absolute of complex": lambda m, x: m.fc(torch.fft.fft(x).abs()),
    "double default": lambda m, x: m.fc(x + torch.from_numpy(x.new_ones(6).double().numpy())),
}


def _set(x, index, value):
    y = x.clone()
    y[index] = value
    return y


@pytest.mark.parametrize("name", MIXED)
def test_types_that_meet_in_forward(name):
    check(toolbox(MIXED[name]), ROW, may_say=name == "double default")


def channels_last(x):
    return x.contiguous(memory_format=torch.channels_last)


# What stands before `.view(2, -1)`, for an image of 2×4×6×6. PyTorch allows some, refuses others.
BEFORE_VIEW = {
    "nothing": lambda m, x: x,
    "transpose": lambda m, x: x.transpose(1, 2),
    "permute": lambda m, x: x.permute(0, 2, 3, 1),
    "permute twice": lambda m, x: x.permute(0, 2, 3, 1).permute(0, 3, 1, 2),
    "permute, contiguous": lambda m, x: x.permute(0, 2, 3, 1).contiguous(),
    "permute, clone": lambda m, x: x.permute(0, 2, 3, 1).clone(),
    "permute, clone in order": lambda m, x: x.permute(0, 2, 3, 1).clone(
        memory_format=torch.contiguous_format
    ),
    "permute, relu": lambda m, x: F.relu(x.permute(0, 2, 3, 1)),
    "permute, gelu": lambda m, x: F.gelu(x.permute(0, 2, 3, 1)),
    "permute, in place": lambda m, x: x.clone().permute(0, 2, 3, 1).mul_(2),
    "permute, times 2": lambda m, x: x.permute(0, 2, 3, 1) * 2,
    "permute, 1 /": lambda m, x: 1 / x.permute(0, 2, 3, 1),
    "permute, cast": lambda m, x: x.permute(0, 2, 3, 1).double(),
    "permute, zeros_like": lambda m, x: x + torch.zeros_like(x.permute(0, 2, 1, 3)),
    "permute, dropout": lambda m, x: F.dropout(x.permute(0, 2, 3, 1), 0.5),
    "permute, dropout, eval": lambda m, x: F.dropout(x.permute(0, 2, 3, 1), 0.5, training=False),
    "permute, softmax": lambda m, x: x.permute(0, 2, 3, 1).softmax(-1),
    "permute, layer norm": lambda m, x: m.norm(x.permute(0, 2, 1, 3)),
    "permute, linear": lambda m, x: m.fc(x.permute(0, 2, 1, 3)),
    "transpose, linear": lambda m, x: m.fc(x[:, 0].transpose(1, 2)),
    "transpose, linear, transpose": lambda m, x: m.fc(x[:, 0]).transpose(1, 2),
    "transpose, linear without bias": lambda m, x: F.linear(x[:, 0].mT, m.fc.weight),
    "permute, conv": lambda m, x: m.conv(x.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)),
    "permute, conv, permute": lambda m, x: m.conv(
        x.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
    ).permute(0, 2, 3, 1),
    "rows and columns, conv": lambda m, x: m.conv(x.transpose(2, 3)),
    "channels last": lambda m, x: channels_last(x),
    "channels last, contiguous": lambda m, x: channels_last(x).contiguous(),
    "channels last, conv": lambda m, x: m.conv(channels_last(x)),
    "channels last, conv, permute": lambda m, x: m.conv(channels_last(x)).permute(0, 2, 3, 1),
    "channels last weight": lambda m, x: F.conv2d(x, channels_last(m.conv.weight)),
    "channels last, batch norm": lambda m, x: m.bn(channels_last(x)),
    "channels last, group norm": lambda m, x: m.group(channels_last(x)),
    "channels last, max pool": lambda m, x: F.max_pool2d(channels_last(x), 2),
    "channels last, average pool": lambda m, x: F.avg_pool2d(channels_last(x), 2),
    "channels last, adaptive pool": lambda m, x: F.adaptive_avg_pool2d(channels_last(x), 2),
    "channels last, global pool": lambda m, x: F.adaptive_avg_pool2d(channels_last(x), 1),
    "channels last, mean": lambda m, x: channels_last(x).mean(1, keepdim=True),
    "channels last, mean of all": lambda m, x: channels_last(x).mean((2, 3), keepdim=True),
    "channels last, pad": lambda m, x: F.pad(channels_last(x), (1, 1, 1, 1)),
    "channels last, reflect": lambda m, x: F.pad(channels_last(x), (1, 1, 1, 1), "reflect"),
    "channels last, interpolate": lambda m, x: F.interpolate(channels_last(x), scale_factor=2),
    "channels last, bilinear": lambda m, x: F.interpolate(
        channels_last(x), scale_factor=2, mode="bilinear"
    ),
    "channels last, shuffle": lambda m, x: F.pixel_shuffle(channels_last(x), 2),
    "channels last, cat": lambda m, x: torch.cat([channels_last(x)] * 2, 1),
    "channels last, cat with plain": lambda m, x: torch.cat([channels_last(x), x], 1),
    "channels last + plain": lambda m, x: channels_last(x) + x,
    "plain + channels last": lambda m, x: x + channels_last(x),
    "channels last + channel": lambda m, x: channels_last(x) + torch.ones(4, 1, 1),
    "pixel shuffle": lambda m, x: F.pixel_shuffle(x, 2),
    "pixel unshuffle": lambda m, x: F.pixel_unshuffle(x, 2),
    "channel shuffle": lambda m, x: F.channel_shuffle(x, 2),
    "shuffle by hand": lambda m, x: x.view(2, 2, 2, 6, 6).transpose(1, 2),
    "adaptive pool of a transpose": lambda m, x: F.adaptive_avg_pool2d(x.transpose(2, 3), 2),
    "matmul with a transpose": lambda m, x: x @ x.transpose(2, 3),
    "matmul of a transpose": lambda m, x: x.transpose(2, 3) @ x,
    "matmul, transpose": lambda m, x: (x @ x).transpose(1, 2),
    "bmm of a transpose": lambda m, x: torch.bmm(x[:, 0].mT, x[:, 1]),
    "attention by hand": lambda m, x: ((x @ x.mT).softmax(-1) @ x).transpose(1, 2),
    "attention": lambda m, x: F.scaled_dot_product_attention(x, x, x).transpose(1, 2),
    "einsum": lambda m, x: torch.einsum("bcij->bijc", x),
    "einsum, product": lambda m, x: torch.einsum("bcij,bckj->bcik", x, x),
    "einsum, product permuted": lambda m, x: torch.einsum("bcij,bckj->bikc", x, x),
    "expand": lambda m, x: x[:, :1].expand(2, 4, 6, 6),
    "expand, relu": lambda m, x: F.relu(x[:, :1].expand(2, 4, 6, 6)),
    "expand, contiguous": lambda m, x: x[:, :1].expand(2, 4, 6, 6).contiguous(),
    "repeat": lambda m, x: x.permute(0, 2, 3, 1).repeat(1, 2, 1, 1),
    "chunk of channels": lambda m, x: x.chunk(2, 1)[1],
    "chunk of rows": lambda m, x: x.chunk(2, 2)[0],
    "chunk of rows, relu": lambda m, x: F.relu(x.chunk(2, 2)[0]),
    "chunk of rows, conv": lambda m, x: m.conv(x.chunk(2, 2)[0]),
    "split, cat": lambda m, x: torch.cat(x.split(2, 1)[::-1], 1),
    "cat of permuted": lambda m, x: torch.cat([x.permute(0, 2, 1, 3)] * 2, 1),
    "stack": lambda m, x: torch.stack(x.unbind(1), 3),
    "stack, transpose": lambda m, x: torch.stack([x, x]).transpose(0, 1),
    "every second row": lambda m, x: x[:, :, ::2],
    "by a list": lambda m, x: x[:, [0, 2]],
    "by a list of columns": lambda m, x: x[..., [0, 2]],
    "by two lists": lambda m, x: x[:, :, [0, 1], [0, 1]],
    "permuted by a list": lambda m, x: x.permute(0, 2, 3, 1)[:, [0, 2]],
    "index_select": lambda m, x: x.permute(0, 2, 3, 1).index_select(1, torch.arange(2)),
    "gather": lambda m, x: x.mT.gather(1, torch.zeros(2, 2, 6, 6, dtype=I64)),
    "flip": lambda m, x: x.permute(0, 2, 3, 1).flip(1),
    "roll": lambda m, x: x.permute(0, 2, 3, 1).roll(1, 1),
    "sum": lambda m, x: x.permute(0, 2, 3, 1).sum(1),
    "sort": lambda m, x: x.mT.sort(1)[0],
    "unfold": lambda m, x: x.unfold(2, 2, 2),
    "unfolded patches": lambda m, x: F.unfold(x, 2, stride=2).transpose(1, 2),
    "gru": lambda m, x: m.rnn(x[:, 0])[0][:, -1],
    "attention module": lambda m, x: m.mha(x[:, 0], x[:, 1], x[:, 2], need_weights=False)[0],
    "squeezed": lambda m, x: x[:, :1].squeeze(1).unsqueeze(3),
    "flatten, unflatten": lambda m, x: x.flatten(2).transpose(1, 2).unflatten(1, (6, 6)),
    "where": lambda m, x: torch.where(x.mT > 0, x.mT, x.mT),
    "masked fill": lambda m, x: x.mT.masked_fill(torch.ones(6, 6) > 2, 0),
    "clamp": lambda m, x: x.mT.clamp(0, 1),
}


@pytest.mark.parametrize("name", BEFORE_VIEW)
def test_view_behind(name):
    def forward(self, x):
        return BEFORE_VIEW[name](self, x).view(2, -1) * 2

    check(toolbox(forward), IMAGE)


def test_a_layout_that_comes_in_from_outside_or_lies_in_the_weights():
    def forward(self, x):
        return self.conv(x).view(2, -1)

    check(toolbox(forward), channels_last(torch.rand(IMAGE)))
    check(toolbox(forward).to(memory_format=torch.channels_last), IMAGE)
    check(toolbox(lambda self, x: x.view(2, -1)), torch.rand(2, 6, 5).transpose(1, 2))
    check(toolbox(lambda self, x: x.reshape(2, -1)), torch.rand(2, 6, 5).transpose(1, 2))


def module(kind, *args, **kwargs):
    layer = kind(*args, **kwargs)
    return lambda x: layer(x)


# Arguments at the border of what PyTorch takes. It is the judge of each.
REFUSALS = {
    "PReLU(3) on 8 channels": (lambda x: F.prelu(x, torch.ones(3)), (2, 8, 4)),
    "PReLU(8) on 8 channels": (lambda x: F.prelu(x, torch.ones(8)), (2, 8, 4)),
    "PReLU(3) on a vector": (lambda x: F.prelu(x, torch.ones(3)), (3,)),
    "bmm of unequal batches": (lambda x: torch.bmm(x, torch.ones(3, 4, 5)), (2, 6, 4)),
    "bmm of one batch": (lambda x: torch.bmm(x, torch.ones(1, 4, 5)), (2, 6, 4)),
    "bmm of 2-D": (lambda x: torch.bmm(x, x.T), (2, 6)),
    "bmm of wrong sizes": (lambda x: torch.bmm(x, x), (2, 6, 4)),
    "mm of 3-D": (lambda x: torch.mm(x, x.mT), (2, 6, 4)),
    "mm of a vector": (lambda x: torch.mm(x, x[0]), (4, 4)),
    "mv": (lambda x: torch.mv(x, torch.ones(4)), (3, 4)),
    "dot of 2-D": (lambda x: torch.dot(x, x), (3, 4)),
    "matmul of a number": (lambda x: x @ torch.tensor(2.0), (3, 4)),
    "matmul, broadcast": (lambda x: x @ torch.ones(5, 1, 4, 3), (2, 6, 4)),
    "matmul, no broadcast": (lambda x: x @ torch.ones(3, 4, 3), (2, 6, 4)),
    "addmm with a wrong bias": (lambda x: torch.addmm(torch.ones(4), x, torch.ones(6, 5)), (2, 6)),
    "baddbmm of unequal batches": (lambda x: torch.baddbmm(x, x, torch.ones(3, 4, 4)), (2, 4, 4)),
    "t of 3-D": (lambda x: x.t(), (2, 3, 4)),
    "LocalResponseNorm on 2-D": (module(nn.LocalResponseNorm, 2), (2, 6)),
    "LocalResponseNorm on 3-D": (module(nn.LocalResponseNorm, 2), (2, 6, 4)),
    "LocalResponseNorm on 4-D": (module(nn.LocalResponseNorm, 3), (2, 6, 4, 4)),
    "InstanceNorm1d on 4-D": (module(nn.InstanceNorm1d, 6), (2, 6, 4, 4)),
    "InstanceNorm2d of one pixel": (module(nn.InstanceNorm2d, 6), (2, 6, 1, 1)),
    "GroupNorm of uneven groups": (lambda x: F.group_norm(x, 4), (2, 6, 4)),
    "GroupNorm on a vector": (lambda x: F.group_norm(x, 1), (6,)),
    "LayerNorm of wrong size": (module(nn.LayerNorm, (6, 4)), (2, 6, 5)),
    "RMSNorm": (module(nn.RMSNorm, 4), (2, 6, 4)),
    "clamp with a wrong tensor": (lambda x: x.clamp(min=torch.zeros(3)), (2, 6)),
    "clamp with a tensor": (lambda x: x.clamp(min=torch.zeros(6)), (2, 6)),
    "clamp with a wider tensor": (lambda x: x.clamp(max=torch.zeros(5, 2, 6)), (2, 6)),
    "clamp of nothing": (lambda x: x.clamp(), (2, 6)),
    "alpha_dropout(p=2)": (lambda x: F.alpha_dropout(x, p=2), (2, 6)),
    "alpha_dropout(p=2), eval": (lambda x: F.alpha_dropout(x, p=2, training=False), (2, 6)),
    "dropout(p=-0.1)": (lambda x: F.dropout(x, p=-0.1), (2, 6)),
    "dropout(p=1)": (lambda x: F.dropout(x, p=1), (2, 6)),
    "dropout2d(p=2)": (lambda x: F.dropout2d(x, p=2), (2, 3, 4, 4)),
    "feature_alpha_dropout(p=2)": (lambda x: F.feature_alpha_dropout(x, p=2.0), (2, 3, 4)),
    "GLU of an odd axis": (lambda x: F.glu(x), (2, 5)),
    "GLU of an even axis": (lambda x: F.glu(x, dim=1), (2, 6, 3)),
    "softmax of a missing axis": (lambda x: x.softmax(3), (2, 6)),
    "argmax of a missing axis": (lambda x: x.argmax(2), (2, 6)),
    "sum of an axis twice": (lambda x: x.sum((0, 0)), (2, 6)),
    "transpose of a missing axis": (lambda x: x.transpose(1, 2), (2, 6)),
    "permute of too few": (lambda x: x.permute(1, 0), (2, 6, 4)),
    "squeeze of a long axis": (lambda x: x.squeeze(1), (2, 6)),
    "unflatten, wrong": (lambda x: x.unflatten(1, (4, 2)), (2, 6)),
    "expand of a long axis": (lambda x: x.expand(4, 6), (2, 6)),
    "select past the end": (lambda x: x[:, 6], (2, 6)),
    "narrow past the end": (lambda x: x.narrow(1, 4, 3), (2, 6)),
    "index past the end": (lambda x: x[:, [0, 6]], (2, 6)),
    "split of wrong sizes": (lambda x: x.split([2, 3], 1)[0], (2, 6)),
    "cat of nothing": (lambda x: torch.cat([]), (2, 6)),
    "cat of other rows": (lambda x: torch.cat([x, x[:1]], 1), (2, 6)),
    "cat of other ranks": (lambda x: torch.cat([x, x[0]]), (2, 6)),
    "cat with an empty tensor": (lambda x: torch.cat([x, torch.tensor([])]), (2, 6)),
    "stack of other sizes": (lambda x: torch.stack([x[0], x[1, 1:]]), (2, 6)),
    "pixel_shuffle of 6 channels": (lambda x: F.pixel_shuffle(x, 2), (2, 6, 4, 4)),
    "pixel_unshuffle of 5 rows": (lambda x: F.pixel_unshuffle(x, 2), (2, 6, 5, 4)),
    "channel_shuffle, uneven": (lambda x: F.channel_shuffle(x, 4), (2, 6, 4, 4)),
    "reflect too far": (lambda x: F.pad(x, (4, 4), mode="reflect"), (2, 6, 4)),
    "circular too far": (lambda x: F.pad(x, (5, 0), mode="circular"), (2, 6, 4)),
    "negative pad": (lambda x: F.pad(x, (-3, -3)), (2, 6, 4)),
    "pad of odd length": (lambda x: F.pad(x, (1, 1, 1)), (2, 6, 4)),
    "fold of wrong blocks": (lambda x: F.fold(x, (4, 4), 2), (2, 8, 5)),
    "interpolate in a wrong mode": (lambda x: F.interpolate(x, 8, mode="bilinear"), (2, 6, 4)),
    "grid_sample of other batches": (
        lambda x: F.grid_sample(x, torch.zeros(3, 2, 2, 2)),
        (2, 3, 4, 4),
    ),
    "einsum of wrong sizes": (lambda x: torch.einsum("ij,jk->ik", x, x), (2, 6)),
    "attention of wrong heads": (module(nn.MultiheadAttention, 6, 2), (3, 2, 5)),
    "attention of other keys": (
        lambda x: F.scaled_dot_product_attention(x, x[..., 1:], x),
        (2, 3, 4, 6),
    ),
    "max_pool padding too large": (lambda x: F.max_pool2d(x, 2, padding=2), (2, 3, 6, 6)),
    "max_pool stride 0": (lambda x: F.max_pool2d(x, 2, stride=0), (2, 3, 6, 6)),
    "avg_pool divisor 0": (lambda x: F.avg_pool2d(x, 2, divisor_override=0), (2, 3, 6, 6)),
    "adaptive pool of 5-D": (lambda x: F.adaptive_avg_pool2d(x, 1), (1, 2, 3, 4, 4)),
    "Conv2d on 5-D": (lambda x: F.conv2d(x, torch.ones(2, 3, 1, 1)), (1, 2, 3, 4, 4)),
    "conv bias of wrong size": (
        lambda x: F.conv1d(x, torch.ones(2, 3, 1), torch.ones(3)),
        (1, 3, 5),
    ),
    "linear bias of wrong size": (lambda x: F.linear(x, torch.ones(4, 6), torch.ones(3)), (2, 6)),
    "linear bias of one": (lambda x: F.linear(x, torch.ones(4, 6), torch.ones(1)), (2, 6)),
    "linear of a number": (lambda x: F.linear(x, torch.ones(4, 6)), ()),
    "linear by a vector": (lambda x: F.linear(x, torch.ones(6)), (2, 6)),
    "batch_norm of wrong channels": (
        lambda x: F.batch_norm(x, torch.zeros(3), torch.ones(3)),
        (2, 6, 4),
    ),
    "batch_norm of wrong variance": (
        lambda x: F.batch_norm(x, torch.zeros(6), torch.ones(5)),
        (2, 6, 4),
    ),
    "in place, too wide": (lambda x: x[:, :1].clone().add_(x), (2, 6)),
    "masked_fill of a wrong mask": (lambda x: x.masked_fill(torch.ones(5) > 0, 0), (2, 6)),
    "where of wrong shapes": (lambda x: torch.where(x > 0, x, torch.zeros(5)), (2, 6)),
    "lerp of wrong shapes": (lambda x: torch.lerp(x, torch.zeros(5), 0.5), (2, 6)),
    "copy_ of a wrong shape": (lambda x: torch.zeros(5).copy_(x), (2, 6)),
    "Softsign": (module(nn.Softsign), (2, 6)),
    "roll of three axes": (lambda x: x.roll((1, 1), (0, 1, 1)), (2, 6)),
    "roll": (lambda x: x.roll(2, 1), (2, 6)),
    "stack of vectors": (lambda x: torch.stack([x, x]), (6,)),
    "an empty batch": (lambda x: F.max_pool2d(x, 2), (0, 3, 4, 4)),
    "no channels": (lambda x: F.max_pool2d(x, 2), (2, 0, 4, 4)),
    "cosine_similarity": (lambda x: F.cosine_similarity(x, torch.ones(5)), (2, 6)),
    "bilinear of other rows": (lambda x: F.bilinear(x, x[:1], torch.ones(3, 6, 6)), (2, 6)),
    "one_hot of floats": (lambda x: F.one_hot(x, 3), (2, 6)),
    "topk of too many": (lambda x: x.topk(7)[0], (2, 6)),
    "unfold too large": (lambda x: F.unfold(x, 5), (2, 3, 4, 4)),
    "cumsum of a missing axis": (lambda x: x.cumsum(2), (2, 6)),
    "diagonal": (lambda x: torch.diagonal(x), (6,)),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_an_argument_at_the_border(name):
    function, shape = REFUSALS[name]
    check(net(lambda self, x: function(x)), shape)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float64, torch.int64, torch.float16])
def test_types_are_told_apart_also_where_a_kernel_would_have_too_much_to_do(dtype):
    stem = nn.Conv2d(3, 64, 7, 2, 3)
    with pytest.raises(RuntimeError):
        trace(stem, ((128, 3, 224, 224), dtype))
    with pytest.raises(RuntimeError):
        trace(nn.Linear(4096, 4096), ((512, 4096), dtype))
    with pytest.raises(RuntimeError):
        trace(nn.MultiheadAttention(512, 8), *[((300, 8, 512), dtype)] * 3)


def test_channels_last_by_a_cast_keeps_its_layout():
    def forward(self, x):
        return self.conv(x.to(memory_format=torch.channels_last)).view(2, -1)

    check(net(forward, conv=nn.Conv2d(3, 4, 3)), (2, 3, 8, 8))
