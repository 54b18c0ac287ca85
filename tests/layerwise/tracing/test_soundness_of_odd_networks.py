"""A trace leaves the network and the process alone, whatever the network is made of."""

# ruff: noqa: ARG005, PLW0108, PLC3002, PT017, S311, NPY002  forwards of one form, whether or not they use all they get

import gc
import random
import sys
import threading
from collections import Counter, defaultdict, deque
from functools import partial
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest
import torch
from against_pytorch import check, net, state, surroundings
from torch import nn
from torch.nn import functional as F

from layerwise import TraceError, trace

SHAPE = (4, 3, 6, 6)


class Behind(nn.Module):
    """A convolution and a batch norm, registered, but reached in another way than by name."""

    def __init__(self, way):
        super().__init__()
        self.conv, self.bn = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)
        self.block = way(self)

    def run(self, x, scale=1):
        return self.bn(self.conv(x)) * scale

    def forward(self, x):
        return F.relu(self.block(x))


def by_closure(net):
    conv, bn = net.conv, net.bn

    def block(x):
        return bn(conv(x))

    return block


def by_default_argument(net):
    def block(x, conv=net.conv, *, bn=net.bn):
        return bn(conv(x))

    return block


def by_object(net):
    class Holder:
        def __init__(self, *layers):
            self.layers = layers

        def __call__(self, x):
            for layer in self.layers:
                x = layer(x)
            return x

    return Holder(net.conv, net.bn)


def by_nested_closure(net):
    def outer(layer):
        return lambda x: layer(x)

    conv, bn = outer(net.conv), outer(net.bn)
    return lambda x: bn(conv(x))


WAYS = {
    "lambda of self": lambda net: lambda x: net.bn(net.conv(x)),
    "closure": by_closure,
    "nested closure": by_nested_closure,
    "default argument": by_default_argument,
    "partial of a method": lambda net: partial(net.run, scale=2),
    "partial of a function": lambda net: partial(
        lambda layers, x: layers[1](layers[0](x)), [net.conv, net.bn]
    ),
    "bound method": lambda net: net.run,
    "forward of a layer": lambda net: nn.Sequential(net.conv, net.bn).forward,
    "object": by_object,
    "list of lambdas": lambda net: (lambda steps: lambda x: steps[1](steps[0](x)))(
        [lambda x: net.conv(x), lambda x: net.bn(x)]
    ),
    "dict": lambda net: partial(
        lambda table, x: table["bn"](table["conv"](x)), vars(net)["_modules"]
    ),
    "calls by __call__": lambda net: lambda x: net.bn.__call__(net.conv.forward(x)),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("mode", ["train", "eval"])
def test_registered_layers_behind(way, mode):
    network = Behind(WAYS[way]).train(mode == "train")
    t = check(network, SHAPE)
    assert sum(step.params for step in t.steps) == t.params == 112 + 8
    assert not t.unused


GLOBAL = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))


def global_function(x):
    return GLOBAL(x)


class WithClassAttribute(nn.Module):
    layer = nn.BatchNorm2d(3)

    def forward(self, x):
        return self.layer(x)


def outside(kind):
    """A network and the layer that it uses without registering it."""
    layer = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    made = {
        "global": lambda: net(lambda self, x: GLOBAL(x)),
        "global function": lambda: net(lambda self, x: global_function(x)),
        "closure": lambda: net(lambda self, x: layer(x)),
        "lambda attribute": lambda: net(lambda self, x: self.f(x), f=lambda x: layer(x)),
        "dict attribute": lambda: net(lambda self, x: self.table["a"](x), table={"a": layer}),
        "list attribute": lambda: net(lambda self, x: self.layers[0](x), layers=[layer]),
        "nested": lambda: net(lambda self, x: self.t["a"][0][1](x), t={"a": [(1, layer)]}),
        "default argument": lambda: net(lambda self, x, layer=layer: layer(x)),
        "class attribute": WithClassAttribute,
        "partial": lambda: net(
            lambda self, x: self.f(x=x), f=partial(lambda layer, x: layer(x), layer)
        ),
        "object": lambda: net(lambda self, x: self.o.layer(x), o=SimpleNamespace(layer=layer)),
        "a dict with a lock": lambda: net(
            lambda self, x: self.table["a"](x), table={"a": layer, "lock": threading.Lock()}
        ),
    }[kind]()
    return made, [layer, GLOBAL, WithClassAttribute.layer]


@pytest.mark.parametrize(
    "kind",
    [
        "global",
        "global function",
        "closure",
        "lambda attribute",
        "dict attribute",
        "list attribute",
        "nested",
        "default argument",
        "class attribute",
        "partial",
        "object",
        "a dict with a lock",
    ],
)
def test_layers_that_are_not_registered(kind):
    network, watch = outside(kind)
    check(network, SHAPE, watch=watch)


def grows(attribute, change):
    def forward(self, x):
        change(self, x)
        return self.fc(x)

    return net(forward, fc=nn.Linear(4, 3), kept=attribute)


def consumed():
    yield from range(3)


KEPT = {
    "list": ([], lambda m, x: m.kept.append(x)),
    "list of shapes": ([(1, 2)], lambda m, x: m.kept.append(tuple(x.shape))),
    "dict": ({}, lambda m, x: m.kept.update(x=x)),
    "nested": ({"a": [1]}, lambda m, x: m.kept["a"].append(2)),
    "tuple of lists": (([], []), lambda m, x: m.kept[0].append(1)),
    "set": ({1}, lambda m, x: m.kept.add(2)),
    "deque": (deque([1]), lambda m, x: m.kept.append(2)),
    "counter": (Counter(), lambda m, x: m.kept.update("a")),
    "defaultdict": (defaultdict(list), lambda m, x: m.kept["a"].append(x)),
    "namespace": (SimpleNamespace(n=0), lambda m, x: setattr(m.kept, "n", m.kept.n + 1)),
    "array": (np.zeros(3), lambda m, x: m.kept.__iadd__(1)),
    "number": (0, lambda m, x: setattr(m, "kept", m.kept + 1)),
    "tensor": (torch.zeros(4), lambda m, x: setattr(m, "kept", m.kept + x.mean(0))),
    "tensor in place": (torch.zeros(4), lambda m, x: m.kept.add_(x.mean(0))),
    "tensor in a list": ([torch.zeros(4)], lambda m, x: m.kept[0].mul_(0.9)),
    "tensor by index": (torch.zeros(4), lambda m, x: m.kept.__setitem__(0, 5.0)),
    "counter tensor": (torch.zeros((), dtype=torch.long), lambda m, x: m.kept.add_(1)),
    "new attribute": (None, lambda m, x: setattr(m, "features", x)),
    "mode": (None, lambda m, x: m.eval()),
    "weight": (None, lambda m, x: m.fc.weight.data.mul_(2)),
    "weight, replaced": (None, lambda m, x: setattr(m.fc.weight, "data", m.fc.weight.data + 1)),
    "hook": (None, lambda m, x: m.fc.register_forward_hook(lambda *_: None)),
    "lock and count": (
        {"lock": threading.Lock(), "calls": 0},
        lambda m, x: m.kept.update(calls=m.kept["calls"] + 1),
    ),
    "lock and list": ([threading.Lock(), []], lambda m, x: m.kept[1].append(1)),
    "lock, used": (threading.Lock(), lambda m, x: m.kept.__enter__() and m.kept.release()),
    "thread": (threading.Thread(), lambda m, x: None),
    "thread and count": ({"t": threading.Thread(), "n": [0]}, lambda m, x: m.kept["n"].append(1)),
    "module": (np, lambda m, x: None),
    "generator, not used": (consumed(), lambda m, x: None),
    "random generator": (random.Random(1), lambda m, x: m.kept.random()),
    "torch generator": (
        torch.Generator().manual_seed(1),
        lambda m, x: torch.rand(2, generator=m.kept),
    ),
    "torch's stream": (None, lambda m, x: torch.rand(2)),
    "torch's seed": (None, lambda m, x: torch.manual_seed(0)),
    "python's stream": (None, lambda m, x: random.random()),
    "numpy's stream": (None, lambda m, x: np.random.rand()),
}


@pytest.mark.parametrize("name", KEPT)
def test_what_a_forward_changes_stays_as_it_was(name):
    check(grows(*KEPT[name]), (2, 4))


def test_an_open_file_and_a_generator_are_left_where_they_are(tmp_path):
    with (tmp_path / "log").open("w+") as file:
        check(grows(file, lambda m, x: None), (2, 4))
        check(grows({"log": file, "n": []}, lambda m, x: m.kept["n"].append(1)), (2, 4))
        assert file.tell() == 0
    numbers = consumed()
    try:
        trace(grows(numbers, lambda m, x: next(m.kept)), (2, 4))
    except TraceError as error:  # the only other way to leave it alone
        assert str(error).strip()
    assert next(numbers) == 0


def plain():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 2))


def compiled_in_place():
    network = plain()
    network.compile()
    return network


def with_compiled_part(wrap):
    inner = plain()
    return nn.Sequential(wrap(inner[:2]), inner[2], wrap(inner[3]))


def compiled_part_in_place():
    network = plain()
    network[0].compile()
    network[3].compile()
    return network


def compiled_method():
    network = plain()
    network.forward = torch.compile(network.forward)
    return network


WRAPPED = {
    "torch.compile": lambda: torch.compile(plain()),
    "compile()": compiled_in_place,
    "compiled parts": lambda: with_compiled_part(torch.compile),
    "parts, compile()": compiled_part_in_place,
    "compiled forward": compiled_method,
    "compiled lambda": lambda: net(
        lambda self, x: self.run(x), inner=(inner := plain()), run=torch.compile(lambda x: inner(x))
    ),
    "script": lambda: torch.jit.script(plain()),
    "script of parts": lambda: with_compiled_part(torch.jit.script),
    "jit.trace of a part": lambda: nn.Sequential(
        torch.jit.trace((inner := plain())[0], torch.zeros(SHAPE)), *inner[1:]
    ),
    "fx": lambda: torch.fx.symbolic_trace(plain()),
    "fx of parts": lambda: with_compiled_part(torch.fx.symbolic_trace),
    "DataParallel": lambda: nn.DataParallel(plain()),
    "swa": lambda: torch.optim.swa_utils.AveragedModel(plain()),
    "spectral norm": lambda: nn.Sequential(
        nn.utils.parametrizations.spectral_norm(nn.Conv2d(3, 4, 3)), *plain()[1:]
    ),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", WRAPPED)
def test_a_wrapped_network_is_seen_through_or_refused_by_name(name):
    network = WRAPPED[name]()
    before, world = state(network), surroundings()
    try:
        t = trace(network, SHAPE)
    except TraceError as error:
        assert any(word in str(error) for word in ("compile", "TorchScript", "ScriptModule"))
        t = None
    assert state(network) == before, "the network was changed"
    assert surroundings() == world, "something process-wide was changed"
    expected = trace(plain(), SHAPE)
    assert t is None or t.output == expected.output == (4, 2)
    assert t is None or (t.params, t.macs) == (expected.params, expected.macs)


def test_what_is_compiled_is_traced_as_it_was_written():
    def refuse(*_):
        raise AssertionError("a trace compiles nothing")

    network = plain()
    network.forward = torch.compile(network.forward, backend=refuse)
    assert trace(network, SHAPE).steps == trace(plain(), SHAPE).steps


def test_a_function_that_holds_a_method_of_the_network_runs_that_of_the_copy():
    network = plain()
    whole = network.forward
    network.forward = lambda x: whole(x)
    assert trace(network, SHAPE).steps == trace(plain(), SHAPE).steps


def test_dynamic_quantization_is_right_or_refused():
    network = net(lambda self, x: self.fc(self.quant(x)), quant=nn.Identity(), fc=nn.Linear(4, 3))
    network.fc = torch.ao.nn.quantized.dynamic.Linear(4, 3)
    try:
        assert trace(network, (2, 4)).output == (2, 3)
    except (TraceError, RuntimeError) as error:
        assert str(error).strip()


def repeated(network, found):
    for _ in range(60):
        t = trace(network, SHAPE)
        found.append((t.output, t.params, t.macs, [step.op for step in t.steps]))


def drawn(numbers):
    torch.manual_seed(3)
    for _ in range(6000):
        numbers.append(torch.rand(1).item())


def test_threads_that_trace_at_once_disturb_nothing():
    networks = [Behind(lambda net: net.run), nn.Sequential(*plain(), nn.Dropout())]
    alone = [[], []]
    for network, found in zip(networks, alone, strict=True):
        repeated(network, found)
    expected, numbers, results = [], [], [[], []]
    drawn(expected)
    world, interval = surroundings()[3:], sys.getswitchinterval()
    threads = [
        threading.Thread(target=repeated, args=pair) for pair in zip(networks, results, strict=True)
    ]
    threads.append(threading.Thread(target=drawn, args=(numbers,)))
    sys.setswitchinterval(1e-5)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    after = surroundings()[3:]
    gc.enable()  # also where the assertion fails: other tests go on in this process
    assert after == world, "something process-wide was changed"
    assert numbers == expected, "another thread's random numbers were disturbed"
    assert results == alone


CACHE: dict = {}
MASK = None


class Caching(nn.Module):
    """Keeps tensors everywhere but in itself."""

    cache: ClassVar[dict] = {}
    calls: ClassVar[list] = []
    count = 0

    def __init__(self):
        super().__init__()
        self.a = nn.Linear(6, 6)

    def forward(self, x, seen=[]):  # noqa: B006  that is the point
        global MASK  # noqa: PLW0603
        if x.shape[1] not in self.cache:
            self.cache[x.shape[1]] = torch.ones_like(x[0])
        CACHE["mask"] = torch.ones_like(x)
        MASK = torch.ones_like(x)
        type(self).count += 1
        type(self).last = self.a(x)
        self.calls.append(1)
        seen.append(x)
        return self.a(x * self.cache[x.shape[1]] * CACHE["mask"] * MASK)


def test_what_a_forward_keeps_outside_its_network_stays_as_it_was():
    check(Caching(), (2, 5, 6), run=Caching())
    before = (dict(Caching.cache), dict(CACHE), MASK, Caching.count, Caching.last, Caching.calls[:])
    network = Caching()
    trace(network, (3, 7, 6))
    after = (dict(Caching.cache), dict(CACHE), MASK, Caching.count, Caching.last, Caching.calls[:])
    assert all(a is b or a == b for a, b in zip(before[3:], after[3:], strict=True))
    assert after[2] is before[2] and after[0].keys() == before[0].keys() == {5}
    assert CACHE["mask"] is before[1]["mask"] and len(Caching.forward.__defaults__[0]) == 1
    network(torch.ones(3, 7, 6))


def test_a_class_and_a_global_that_were_not_there_are_not_there_afterwards():
    global MASK  # noqa: PLW0603
    MASK = None
    CACHE.clear()
    Caching.cache.clear()
    trace(Caching(), (2, 5, 6))
    assert MASK is None and not CACHE and not Caching.cache
