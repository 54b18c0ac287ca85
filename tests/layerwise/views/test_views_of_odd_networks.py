"""Every view of unusual networks: none crashes, none leaves a gap where a shape should be."""

# ruff: noqa: ARG001, ARG005, PLW0108, ICN001, S314  forwards of one form, whether or not they use all they get

import contextlib
import io
import re
from xml.etree import ElementTree

import pytest
import torch
from against_pytorch import net, of
from torch import nn
from torch.nn import functional as F

from layerwise import TraceError, draw, explain, print_shapes, table, trace

torch.set_num_threads(1)


def told(network, *inputs, **keywords):
    """What `explain` prints."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        explain(network, *inputs, **keywords)
    return out.getvalue()


def gate(self, x):
    weights = torch.sigmoid(self.up(F.relu(self.down(x.mean((2, 3))))))
    return x * weights[:, :, None, None]


def attention(self, x):
    q, k, v = self.q(x), self.k(x), self.v(x)
    return torch.softmax(q @ k.transpose(1, 2) / 2.0, dim=-1) @ v


def highway(self, x):
    t = torch.sigmoid(self.down(x))
    return t * self.up(x) + (1 - t) * x


def called_with_keywords(self, x):
    return self.block(image=self.block(image=x), scale=2.0)


def keyword_block():
    return net(
        lambda self, image, scale=1.0: self.fc(F.relu(self.fc(image))) * scale, fc=nn.Linear(4, 4)
    )


def mixed_call(self, x):
    return self.attention(x, key=x, value=x, need_weights=False)[0]


def se_gate():
    return net(gate, down=nn.Linear(4, 2), up=nn.Linear(2, 4))


def attention_net():
    return net(attention, q=nn.Linear(4, 4), k=nn.Linear(4, 4), v=nn.Linear(4, 4))


def fc(forward):
    return net(forward, fc=nn.Linear(4, 4))


ODD = {
    "stack of vectors": (lambda: net(lambda m, x: torch.stack([x, x * 2])), [(5,)]),
    "stack of vectors, dim 1": (lambda: net(lambda m, x: torch.stack([x, x * 2], 1)), [(5,)]),
    "stack of vectors, dim -1": (lambda: net(lambda m, x: torch.stack((x, x), dim=-1)), [(5,)]),
    "stack of two values": (lambda: net(lambda m, x: torch.stack([x[:, 0], x[:, 1]], 1)), [(4, 3)]),
    "stack of numbers": (lambda: net(lambda m, x: torch.stack([x.sum(), x.mean()])), [(2, 5)]),
    "stack of rows": (lambda: net(lambda m, x: torch.stack(x.unbind(0), 1)), [(2, 5)]),
    "stack of images": (lambda: net(lambda m, x: torch.stack([x, x], 2)), [(1, 3, 4, 4)]),
    "flatten of a vector": (lambda: net(lambda m, x: torch.flatten(x)), [(5,)]),
    "flatten of a number": (lambda: net(lambda m, x: torch.flatten(x)), [()]),
    "flatten of all": (lambda: net(lambda m, x: torch.flatten(x)), [(2, 3, 4)]),
    "Flatten(0)": (lambda: nn.Sequential(nn.Flatten(0), nn.Linear(6, 2)), [(2, 3)]),
    "unflatten": (lambda: nn.Sequential(nn.Unflatten(1, (2, 3))), [(2, 6)]),
    "no input": (lambda: fc(lambda m: m.fc(torch.ones(2, 4))), []),
    "no input, a generator": (
        lambda: net(lambda m: m.up(torch.randn(2, 3, 4, 4)), up=nn.ConvTranspose2d(3, 2, 2, 2)),
        [],
    ),
    "no input, a parameter": (lambda: net(lambda m: m.w * 2, w=nn.Parameter(torch.ones(3))), []),
    "a number comes out": (lambda: fc(lambda m, x: m.fc(x).mean()), [(2, 4)]),
    "a loss comes out": (lambda: fc(lambda m, x: F.mse_loss(m.fc(x), x)), [(2, 4)]),
    "a number goes in": (lambda: net(lambda m, x: m.w * x, w=nn.Parameter(torch.ones(3))), [()]),
    "a vector goes in": (lambda: fc(lambda m, x: m.fc(x)), [(4,)]),
    "one number all the way": (lambda: net(lambda m, x: torch.sin(x) + 1), [()]),
    "a tuple": (lambda: fc(lambda m, x: (m.fc(x), x.sum())), [(2, 4)]),
    "a dict": (lambda: fc(lambda m, x: {"out": m.fc(x), "aux": [x, x + 1]}), [(2, 4)]),
    "a list of maps": (lambda: fc(lambda m, x: [m.fc(x), m.fc(x)[:, :2]]), [(2, 4)]),
    "nothing happens": (lambda: net(lambda m, x: x), [(2, 4)]),
    "an empty Sequential": (lambda: nn.Sequential(), [(2, 4)]),
    "Identity": (lambda: nn.Identity(), [(2, 4)]),
    "an empty batch": (lambda: nn.Sequential(nn.Linear(4, 2), nn.ReLU()), [(0, 4)]),
    "complex": (lambda: net(lambda m, x: torch.fft.ifft(torch.fft.fft(x) * 2).real), [(2, 4)]),
    "complex comes in": (lambda: net(lambda m, x: (x * 2).abs()), [of((2, 4), torch.complex64)]),
    "spectrum": (lambda: net(lambda m, x: torch.fft.rfft2(x).abs()), [(1, 3, 8, 8)]),
    "cat of three axes": (lambda: net(lambda m, x: torch.cat([x, x, x], -1)), [(2, 3, 4)]),
    "cat of vectors": (lambda: net(lambda m, x: torch.cat([x, x])), [(4,)]),
    "cat of one": (lambda: net(lambda m, x: torch.cat([x], 1)), [(2, 4)]),
    "cat by keywords": (lambda: net(lambda m, x: torch.cat(tensors=[x, x], dim=1)), [(2, 4)]),
    "cat with a constant": (
        lambda: net(lambda m, x: torch.cat([x, torch.ones(2, 1)], 1)),
        [(2, 4)],
    ),
    "cat like quantized": (
        lambda: net(lambda m, x: m.f.cat([x, x], 1), f=torch.ao.nn.quantized.FloatFunctional()),
        [(2, 4, 3, 3)],
    ),
    "add like quantized": (
        lambda: net(lambda m, x: m.f.add(x, x), f=torch.ao.nn.quantized.FloatFunctional()),
        [(2, 4, 3, 3)],
    ),
    "hstack": (lambda: net(lambda m, x: torch.hstack([x, x])), [(2, 4)]),
    "a dict comes in": (
        lambda: fc(lambda m, batch: m.fc(batch["a"]) + batch["b"].float()),
        [{"a": (2, 4), "b": ((2, 4), torch.int64)}],
    ),
    "a list comes in": (lambda: fc(lambda m, xs: m.fc(xs[0]) + xs[1]), [[(2, 4), (2, 4)]]),
    "a type comes in": (lambda: nn.Embedding(5, 4), [((2, 3), torch.int64)]),
    "called with keywords": (lambda: net(called_with_keywords, block=keyword_block()), [(2, 4)]),
    "layer by keyword": (lambda: fc(lambda m, x: m.fc(input=x)), [(2, 4)]),
    "attention by keywords": (
        lambda: net(mixed_call, attention=nn.MultiheadAttention(4, 2, batch_first=True)),
        [(2, 3, 4)],
    ),
    "gate": (se_gate, [(1, 4, 6, 6)]),
    "attention": (attention_net, [(2, 3, 4)]),
    "einsum": (lambda: net(lambda m, x: torch.einsum("bij,bkj->bik", x, x)), [(2, 3, 4)]),
    "sdpa": (lambda: net(lambda m, x: F.scaled_dot_product_attention(x, x, x)), [(2, 2, 3, 4)]),
    "LSTM": (
        lambda: net(lambda m, x: m.rnn(x)[0], rnn=nn.LSTM(4, 5, batch_first=True)),
        [(2, 3, 4)],
    ),
    "Transformer": (lambda: nn.TransformerEncoderLayer(4, 2, 8, batch_first=True), [(2, 3, 4)]),
    "1-D maps": (
        lambda: nn.Sequential(nn.Conv1d(3, 4, 3), nn.MaxPool1d(2), nn.Flatten()),
        [(2, 3, 9)],
    ),
    "3-D maps": (
        lambda: nn.Sequential(nn.Conv3d(3, 4, 3), nn.AdaptiveAvgPool3d(1)),
        [(1, 3, 5, 5, 5)],
    ),
    "an image without a batch": (lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()), [(3, 6, 6)]),
    "six axes": (lambda: net(lambda m, x: (x + 1).sum(-1)), [(1, 2, 1, 2, 1, 2)]),
    "chunks": (lambda: net(lambda m, x: x.chunk(2, 1)[0] * x.chunk(2, 1)[1]), [(2, 4, 3, 3)]),
    "topk": (lambda: net(lambda m, x: x.topk(2)), [(2, 4)]),
    "argmax": (lambda: fc(lambda m, x: m.fc(x).argmax(1)), [(2, 4)]),
    "comparison": (lambda: net(lambda m, x: (x > 0) & (x < 1)), [(2, 4)]),
    "filling": (
        lambda: fc(lambda m, x: torch.zeros(2, 3, 4).copy_(m.fc(x)[:, None]) * 2),
        [(2, 4)],
    ),
    "reads values": (lambda: fc(lambda m, x: m.fc(x) if x.sum() > -1 else x), [(2, 4)]),
    "odd names": (
        lambda: nn.Sequential(nn.ModuleDict({'<b> & "é"': nn.ReLU()})['<b> & "é"']),
        [(2, 4)],
    ),
}

# A shape that is missing leaves one of these behind: "where  came in", "4×3 → ,", "input  (".
GAP = re.compile(
    r"where\s+came|input\s+[.,]|input  |input *\(\)|, input\s*$|→\s*([.,]|$)"
    r"|and\s+[.,]|:\s*(→|[.,])|None",
    re.MULTILINE,
)


@pytest.mark.parametrize("name", ODD)
def test_explain_leaves_no_gap(name):
    build, inputs = ODD[name]
    text = told(build(), *inputs)
    assert text.strip() and not GAP.search(text), f"{GAP.search(text)}\n{text}"
    assert all(len(line) <= 120 for line in text.splitlines())


@pytest.mark.parametrize("name", ODD)
def test_table_and_print_shapes(name, capsys):
    build, inputs = ODD[name]
    for shown in (
        table(build(), *inputs),
        table(trace(build(), *inputs)),
        table(build(), *inputs, depth=1),
    ):
        assert "total" in str(shown) and not GAP.search(str(shown).splitlines()[0]), shown
        assert shown._repr_html_().count("<tr") >= 2
    print_shapes(build(), *inputs)
    lines = capsys.readouterr().out.splitlines()
    assert all("output shape:" in line and "torch.Size([" in line for line in lines)


@pytest.mark.parametrize("name", ODD)
def test_draw(name):
    build, inputs = ODD[name]
    t = trace(build(), *inputs)
    for drawing in (draw(t), draw(t, unfold=True), draw(t, unfold=False)):
        ElementTree.fromstring(drawing.svg)  # well formed
        assert "<img" in drawing._repr_html_() and len(drawing.svg) < 100_000
        assert not re.search(r"\bnan\b|\binf\b|None", drawing.svg)


def same_line(self, x):
    for _ in range(300):
        x = x + 1
    return x


def pairs(self, x):
    for _ in range(150):
        x = torch.relu(x) * 0.9
    return x


def recurrent(self, x):
    h = x[:, 0]
    for _ in range(60):
        h = torch.tanh(h @ self.w + x[:, 0]) * 2 - h
    return h


def one_layer(self, x):
    for _ in range(100):
        x = F.relu(self.conv(x)) + x
    return x


def branching(self, x):
    outputs = []
    for _ in range(100):
        x = torch.sin(x)
        outputs.append(x.mean(1))
    return torch.stack(outputs)


LONG = {
    "one operation": (lambda: net(same_line), (2, 4)),
    "one operation on maps": (lambda: net(same_line), (1, 3, 32, 32)),
    "pairs": (lambda: net(pairs), (1, 3, 16, 16)),
    "recurrent": (lambda: net(recurrent, w=nn.Parameter(torch.ones(4, 4))), (2, 3, 4)),
    "one layer again": (lambda: net(one_layer, conv=nn.Conv2d(3, 3, 3, padding=1)), (1, 3, 8, 8)),
    "branches": (lambda: net(branching), (2, 4)),
    "functional MLP": (
        lambda: net(
            lambda m, x: [x := F.linear(x, m.w) for _ in range(300)][-1],
            w=nn.Parameter(torch.ones(4, 4)),
        ),
        (2, 4),
    ),
}


@pytest.mark.parametrize("name", LONG)
def test_what_repeats_in_a_long_forward_is_folded(name):
    build, shape = LONG[name]
    t = trace(build(), shape)
    assert len(draw(t).svg.encode()) < 150_000
    ElementTree.fromstring(draw(t).svg)
    assert len(t.steps) >= 200


@pytest.mark.parametrize(
    ("network", "shape"),
    [
        (nn.Linear(10, 5), (10,)),
        (nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()), (3, 16, 16)),
        (nn.Sequential(nn.Conv1d(7, 4, 3)), (7, 12)),
        (nn.Sequential(nn.MaxPool2d(2)), (5, 8, 8)),
        (nn.LSTM(4, 3), (9, 4)),
    ],
    ids=["Linear", "Conv2d", "Conv1d", "MaxPool2d", "LSTM"],
)
def test_an_input_without_a_batch_is_not_called_a_batch(network, shape):
    for text in (
        str(table(network, shape)),
        table(network, shape)._repr_html_(),
        told(network, shape),
    ):
        assert f"batch of {shape[0]}" not in text


def test_a_batch_is_called_one():
    assert "batch of 8" in str(table(nn.Linear(10, 5), (8, 10)))
    assert "batch of 8" in told(nn.Sequential(nn.Conv2d(3, 4, 3)), (8, 3, 16, 16))


@pytest.mark.parametrize(
    "view", [table, draw, explain, print_shapes], ids=lambda view: view.__name__
)
@pytest.mark.parametrize(
    ("network", "inputs"),
    [
        (nn.Linear(10, 5), ()),
        (nn.Sequential(nn.Conv2d(1, 2, 3)), ()),
        (lambda: nn.Linear(10, 5), ((2, 10),)),
        (nn.Linear, ((2, 10),)),
        (nn.Linear(10, 5), (torch.zeros(60, 60).tolist(),)),
        (nn.Linear(10, 5), ("2, 10",)),
    ],
    ids=["no shape", "no shape for a Sequential", "builder", "class", "nested numbers", "string"],
)
def test_a_view_without_a_network_or_shape_says_what_to_write(view, network, inputs):
    with pytest.raises((TypeError, TraceError)) as caught:
        view(network, *inputs)
    message = str(caught.value)
    assert len(message) < 300 and "\n" not in message and "positional argument" not in message
    assert re.search(r"shape|nn\.Module", message)


def test_a_trace_with_shapes_is_refused():
    t = trace(nn.Linear(10, 5), (2, 10))
    for view in (table, draw):
        with pytest.raises(TypeError):
            view(t, (2, 10))


BRANCHED = {
    "gate": (se_gate, (1, 4, 6, 6)),
    "attention": (attention_net, (2, 3, 4)),
    "highway": (lambda: net(highway, down=nn.Linear(4, 4), up=nn.Linear(4, 4)), (2, 4)),
    "product": (lambda: net(lambda m, x: torch.sin(x) * torch.cos(x)), (2, 4)),
    "maximum": (lambda: net(lambda m, x: torch.maximum(x * 2, x + 1)), (2, 4)),
    "difference": (lambda: net(lambda m, x: x - x.mean(1, keepdim=True)), (2, 4)),
    "stack": (lambda: net(lambda m, x: torch.stack([x * 2, x + 1])), (2, 4)),
    "bmm": (lambda: net(lambda m, x: torch.bmm(x * 2, x + 1)), (2, 3, 3)),
    "einsum": (lambda: net(lambda m, x: torch.einsum("bij,bjk->bik", x * 2, x + 1)), (2, 3, 3)),
    "where": (lambda: net(lambda m, x: torch.where(x > 0, x * 2, x + 1)), (2, 4)),
    "sdpa": (lambda: net(lambda m, x: F.scaled_dot_product_attention(x * 2, x + 1, x)), (2, 3, 4)),
    "hstack": (lambda: net(lambda m, x: torch.hstack([x * 2, x + 1])), (2, 4)),
    "in place": (lambda: net(lambda m, x: (x * 2).mul_(x + 1)), (2, 4)),
    "add": (lambda: net(lambda m, x: torch.relu(x) + x), (2, 4)),
    "cat": (lambda: net(lambda m, x: torch.cat([x * 2, x + 1], 1)), (2, 4)),
}


@pytest.mark.parametrize("name", BRANCHED)
def test_branches_that_meet_are_not_called_one_path(name):
    build, shape = BRANCHED[name]
    assert "no branches" not in told(build(), shape)


def test_a_chain_is_called_one_path():
    assert "One path, no branches." in told(nn.Sequential(nn.Linear(4, 4), nn.ReLU()), (2, 4))
    assert "One path, no branches." in told(net(lambda m, x: torch.ones(4) - x * 2), (2, 4))


# Operations and a word of the field that their sentence cannot do without.
SENTENCES = {
    "einsum": (lambda x: torch.einsum("bij,bkj->bik", x, x), (2, 3, 4), r"sum|product"),
    "attention": (
        lambda x: F.scaled_dot_product_attention(x, x, x),
        (2, 3, 4),
        r"quer|weight|key|attend",
    ),
    "PixelShuffle": (nn.PixelShuffle(2), (1, 8, 3, 3), r"channel"),
    "PixelUnshuffle": (nn.PixelUnshuffle(2), (1, 2, 4, 4), r"channel"),
    "roll": (lambda x: x.roll(1, 2), (1, 3, 4, 4), r"shift|roll|moved?|end"),
    "Softsign": (nn.Softsign(), (2, 4), r"-1|−1"),
    "LSTM": (nn.LSTM(4, 5), (3, 2, 4), r"state|gate|step"),
    "GRU": (nn.GRU(4, 5), (3, 2, 4), r"state|gate|step"),
    "RNN": (nn.RNN(4, 5), (3, 2, 4), r"state|step"),
    "Embedding": (nn.Embedding(5, 4), ((2, 3), torch.int64), r"vector|row|table|look"),
    "matmul": (lambda x: x @ x.mT, (2, 3, 4), r"product|multipl"),
    "bmm": (lambda x: torch.bmm(x, x.mT), (2, 3, 4), r"product|multipl"),
    "transpose": (lambda x: x.transpose(1, 2), (2, 3, 4), r"swap|order|exchang"),
    "permute": (lambda x: x.permute(0, 2, 1), (2, 3, 4), r"order|axes"),
    "reshape": (lambda x: x.reshape(2, 12), (2, 3, 4), r"number|order|row"),
    "mean": (lambda x: x.mean(2), (2, 3, 4), r"mean|average"),
    "sum": (lambda x: x.sum(1), (2, 3, 4), r"sum|add"),
    "chunk": (lambda x: x.chunk(2, 1)[0], (2, 4, 3), r"part|piece|cut|split"),
    "stack": (lambda x: torch.stack([x, x]), (2, 4), r"axis|stack"),
    "pad": (lambda x: F.pad(x, (1, 1)), (2, 4), r"0|zero|pad|border"),
    "Upsample": (nn.Upsample(scale_factor=2), (1, 3, 4, 4), r"row|larg|pixel|time|size"),
    "LayerNorm": (nn.LayerNorm(4), (2, 3, 4), r"normaliz"),
    "GroupNorm": (nn.GroupNorm(2, 4), (2, 4, 3, 3), r"normaliz"),
    "GELU": (nn.GELU(), (2, 4), r"smooth|negative|0|relu"),
    "SiLU": (nn.SiLU(), (2, 4), r"sigmoid|smooth|negative"),
    "PReLU": (nn.PReLU(), (2, 4), r"negative|slope"),
    "LeakyReLU": (nn.LeakyReLU(), (2, 4), r"negative|slope"),
    "GLU": (nn.GLU(1), (2, 4), r"half|gate|sigmoid"),
}


@pytest.mark.parametrize("name", SENTENCES)
def test_an_operation_is_explained_by_more_than_its_shape(name):
    function, shape, word = SENTENCES[name]
    network = function if isinstance(function, nn.Module) else net(lambda m, x: function(x))
    text = " ".join(told(network, shape).split())
    said = text[text.index("→") :].split("In all:")[0]
    assert re.search(word, re.sub(r"The shape (changes|stays)\.", "", said), re.IGNORECASE), text
