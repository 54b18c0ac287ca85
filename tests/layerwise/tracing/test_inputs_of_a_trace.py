"""What `trace` takes: shapes, types, tensors, dicts and lists of them, by place and by keyword."""

# ruff: noqa: ARG005  forwards of one form, whether or not they use all they get

import enum
import re

import numpy as np
import pytest
import torch
from against_pytorch import check, net, of
from torch import nn

from layerwise import TraceError, trace


def by_dict(self, batch):
    return self.a(batch["a"]) + self.b(self.embedding(batch["b"])).sum(1)


def by_list(self, parts):
    return self.a(parts[0]) + self.c(parts[1])


def by_both(self, x, parts, *, scale, words=None):
    y = self.a(x) + self.c(parts["list"][0]) * scale
    return y if words is None else y + self.b(self.embedding(words)).sum(1)


def reader(forward):
    layers = {"a": nn.Linear(3, 2), "b": nn.Linear(5, 2), "c": nn.Linear(4, 2)}
    return net(forward, embedding=nn.Embedding(9, 5), **layers)


WORDS = ((1, 4), torch.int64)
INPUTS = {
    "shape": (lambda s, x: s.a(x), [(1, 3)], {}),
    "list of ints": (lambda s, x: s.a(x), [[1, 3]], {}),
    "torch.Size": (lambda s, x: s.a(x), [torch.Size([1, 3])], {}),
    "shape and type": (lambda s, x: s.embedding(x), [WORDS], {}),
    "shape and wrong type": (lambda s, x: s.a(x), [((1, 3), torch.int64)], {}),
    "tensor": (lambda s, x: s.embedding(x), [of((1, 4), torch.int64)], {}),
    "number": (lambda s, x: s.a.weight * x, [()], {}),
    "nothing": (lambda s: s.a(torch.ones(1, 3)), [], {}),
    "keyword": (lambda s, x: s.a(x), [], {"x": (1, 3)}),
    "keyword of a type": (lambda s, *, x: s.embedding(x), [], {"x": WORDS}),
    "keywords": (lambda s, x, y: s.a(x) + s.c(y), [], {"x": (1, 3), "y": (1, 4)}),
    "both": (lambda s, x, y=None: s.a(x) + s.c(y), [(1, 3)], {"y": (1, 4)}),
    "two": (lambda s, x, y: s.a(x) + s.c(y), [(1, 3), (1, 4)], {}),
    "two of two types": (lambda s, x, y: s.a(x) + s.b(s.embedding(y)).sum(1), [(1, 3), WORDS], {}),
    "any number": (lambda s, *xs: s.a(xs[0]) + s.c(xs[1]), [(1, 3), (1, 4)], {}),
    "any keywords": (lambda s, **xs: s.a(xs["x"]) + s.c(xs["y"]), [], {"x": (1, 3), "y": (1, 4)}),
    "dict": (by_dict, [{"a": (1, 3), "b": WORDS}], {}),
    "dict of tensors": (by_dict, [{"a": torch.rand(1, 3), "b": of((1, 4), torch.int64)}], {}),
    "dict by keyword": (by_dict, [], {"batch": {"a": (1, 3), "b": WORDS}}),
    "list": (by_list, [[(1, 3), (1, 4)]], {}),
    "list of one": (lambda s, xs: s.a(xs[0]), [[(1, 3)]], {}),
    "list of a tensor and a shape": (by_list, [[torch.rand(1, 3), (1, 4)]], {}),
    "list of types": (lambda s, xs: s.embedding(xs[1]), [[(1, 3), WORDS]], {}),
    "list by keyword": (by_list, [], {"parts": [(1, 3), (1, 4)]}),
    "all": (by_both, [(1, 3), {"list": [(1, 4)]}], {"scale": (1, 1), "words": WORDS}),
    "too many": (lambda s, x: s.a(x), [(1, 3), (1, 4)], {}),
    "too few": (lambda s, x, y: s.a(x), [(1, 3)], {}),
    "unknown keyword": (lambda s, x: s.a(x), [(1, 3)], {"z": (1, 4)}),
    "twice": (lambda s, x: s.a(x), [(1, 3)], {"x": (1, 3)}),
}


@pytest.mark.parametrize("name", INPUTS)
def test_inputs(name):
    forward, inputs, keywords = INPUTS[name]
    check(reader(forward), *inputs, **keywords)


LINEAR = nn.Linear(3, 2)
BAD = {
    "nothing": (LINEAR, (), "shape"),
    "array": (LINEAR, (np.zeros((50, 3)),), "shape"),
    "number": (LINEAR, (3,), "shape"),
    "none": (LINEAR, (None,), "shape"),
    "string": (LINEAR, ("1, 3",), "shape"),
    "long string": (LINEAR, ("x" * 5000,), "shape"),
    "negative": (LINEAR, ((-1, 3),), "shape|-1"),
    "floats": (LINEAR, ((1.0, 3.0),), "shape|whole"),
    "one float": (LINEAR, ((1, 3.0),), "shape|whole"),
    "bool": (LINEAR, ((True, 3),), "shape|whole"),
    "a bool": (LINEAR, (True,), "shape"),
    "junk": (LINEAR, ([(1, 3), "x"],), "shape"),
    "deep junk": (LINEAR, ({"a": [{"b": (1, "x")}]},), "shape"),
    "tensors and junk": (LINEAR, ([torch.zeros(90, 90), object()],), "shape"),
    "a list of arrays": (LINEAR, ([np.zeros((90, 90))],), "shape"),
    "type as a string": (LINEAR, (((1, 3), "float32"),), r"torch\.|dtype"),
    "python's type": (LINEAR, (((1, 3), int),), r"torch\.|dtype"),
    "type first": (LINEAR, ((torch.int64, (1, 3)),), "shape"),
    "type alone": (LINEAR, (torch.int64,), "shape"),
    "a set": (LINEAR, ({1, 3},), "shape"),
    "a range": (LINEAR, (range(3),), "shape"),
    "builder": (lambda: LINEAR, ((1, 3),), r"\(\)|call"),
    "class": (nn.Linear, ((1, 3),), r"nn\.Module"),
    "string for a net": ("lenet", ((1, 3),), r"nn\.Module"),
    "list of layers": ([LINEAR], ((1, 3),), r"nn\."),
    "tensor for a net": (torch.zeros(90, 90), ((1, 3),), r"nn\.Module"),
    "swapped": ((1, 3), (LINEAR,), r"nn\.Module"),
    "function of torch": (torch.relu, ((1, 3),), r"nn\.Module"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_input_is_refused_in_one_sentence(name):
    network, inputs, word = BAD[name]
    keywords = inputs if isinstance(inputs, dict) else {}
    with pytest.raises((TypeError, TraceError)) as caught:
        trace(network, *(() if keywords else inputs), **keywords)
    message = str(caught.value)
    assert re.search(word, message, re.IGNORECASE), message
    assert len(message) < 300 and "\n" not in message
    assert "tensor(" not in message and "array(" not in message


def test_a_network_in_double_precision_takes_a_shape():
    assert trace(nn.Linear(3, 2).double(), (1, 3)).output == (1, 2)
    assert trace(nn.Conv2d(3, 2, 1).half(), (1, 3, 4, 4)).output == (1, 2, 4, 4)


def test_parameters_that_the_run_does_not_use_are_no_steps():
    spare = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    network = net(lambda self, x: self.fc(x), fc=nn.Linear(4, 3), spare=spare)
    network.scale = nn.Parameter(torch.ones(5))
    t = trace(network, (2, 4))
    assert [step.path for step in t.steps] == ["fc"]
    assert sum(t.unused.values()) == 9 + 4 + 5 and "fc" not in t.unused
    assert all(path == "" or path.split(".")[0] in ("spare", "scale") for path in t.unused)
    assert not trace(nn.Linear(4, 3), (2, 4)).unused


def test_a_step_says_what_kind_it_is():
    def forward(self, x):
        y = self.pool(torch.relu(self.bn(self.conv(x))))
        return self.fc((torch.cat([y, y], 1) + 1).flatten(1))

    layers = {"conv": nn.Conv2d(3, 4, 3), "bn": nn.BatchNorm2d(4), "pool": nn.MaxPool2d(2)}
    t = trace(net(forward, **layers, fc=nn.Linear(32, 2)), (1, 3, 6, 6))
    kinds = {step.op: step.kind for step in t.steps}
    assert all(isinstance(kind, enum.Enum) for kind in kinds.values())
    assert {op: kinds[op].name.lower() for op in kinds if op != "add"} == {
        "Conv2d": "convolution",
        "BatchNorm2d": "normalization",
        "relu": "activation",
        "MaxPool2d": "pooling",
        "cat": "merge",
        "flatten": "shaping",
        "Linear": "linear",
    }


@pytest.mark.parametrize("shape", [(2, -4), (2, 4.0), (True, 4)])
def test_a_size_that_is_none_is_named_with_its_shape(shape):
    with pytest.raises(TypeError, match=re.escape(f"not {shape}: sizes are whole numbers")):
        trace(LINEAR, shape)
