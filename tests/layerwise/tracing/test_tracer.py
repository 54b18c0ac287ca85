"""The tracer: what it sees, what it counts, and that it leaves the network alone."""

import copy
import random
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from layerwise import ShapeError, TraceError, trace
from layerwise.tracing import meta_copy
from layerwise.tracing.tracer import traced


class Residual(nn.Module):
    """The block of notes 001 and 002: a functional relu and an in-place add."""

    def __init__(self, channels: int, out: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, out, 3, stride, 1)
        self.conv2 = nn.Conv2d(out, out, 3, padding=1)
        self.conv3 = nn.Conv2d(channels, out, 1, stride) if channels != out else None
        self.bn1, self.bn2 = nn.BatchNorm2d(out), nn.BatchNorm2d(out)

    def forward(self, X):
        Y = F.relu(self.bn1(self.conv1(X)))
        Y = self.bn2(self.conv2(Y))
        if self.conv3:
            X = self.conv3(X)
        Y += X
        return F.relu(Y)


class Branches(nn.Module):
    """Two paths of different depth, and a concat along channels."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 4, 1), nn.Conv2d(3, 6, 5, padding=2)

    def forward(self, x):
        return torch.cat((F.relu(self.a(x)), F.relu(self.b(x))), dim=1)


def ops(net: nn.Module, *inputs) -> list[str]:
    return [step.op for step in trace(net, *inputs).steps]


def assert_totals(net: nn.Module, *inputs) -> None:
    """Rows sum to totals, and totals equal PyTorch's own counts."""
    t = trace(net, *inputs)
    with FlopCounterMode(display=False) as counter:
        copy.deepcopy(net).to("meta")(*(torch.empty(shape, device="meta") for shape in inputs))
    assert t.params == sum(p.numel() for p in net.parameters())
    assert t.params == sum(step.params for step in t.steps)
    assert t.macs == sum(step.macs for step in t.steps) == counter.get_total_flops() // 2


def test_a_residual_block_step_by_step():
    t = trace(nn.Sequential(Residual(3, 6, stride=2)), (4, 3, 6, 6))
    assert [(s.path, s.op) for s in t.steps] == [
        ("0.conv1", "Conv2d"),
        ("0.bn1", "BatchNorm2d"),
        ("0", "relu"),
        ("0.conv2", "Conv2d"),
        ("0.bn2", "BatchNorm2d"),
        ("0.conv3", "Conv2d"),
        ("0", "add"),
        ("0", "relu"),
    ]
    add = t.steps[6]
    assert add.inputs == ((4, 6, 3, 3), (4, 6, 3, 3)) and add.sources == (4, 5)
    assert t.steps[0].sources == t.steps[5].sources == (-1,)
    assert t.output == (4, 6, 3, 3) and t.params == 546
    assert [s.op for s in t.by_path["0"]] == ["relu", "add", "relu"]
    assert t.by_path["0.conv2"][0].output == (4, 6, 3, 3)


def test_a_trace_introduces_itself_in_one_line():
    t = trace(nn.Sequential(nn.Linear(3, 4)), (2, 3))
    assert repr(t) == "Trace of Sequential, input 2×3: 1 steps, 16 parameters, 24 MACs"


@pytest.mark.parametrize(("args", "kwargs"), [([(1, 3)], {}), ([], {"x": (1, 3)})])
def test_a_trace_takes_no_other_shapes(args, kwargs):
    t = trace(nn.Linear(3, 2), (1, 3))
    assert traced(t, (), {}, "draw") is t
    says = r"a Trace knows its input shapes: draw\(trace\) takes no others"
    with pytest.raises(TypeError, match=says):
        traced(t, args, kwargs, "draw")


def test_branches_meet_on_the_longest_path():
    cat = trace(Branches(), (1, 3, 8, 8)).steps[-1]
    assert (cat.op, cat.output, cat.receptive_field) == ("cat", (1, 10, 8, 8), (5, 5))


@pytest.mark.parametrize(
    ("net", "shape"),
    [
        (
            nn.Sequential(Residual(3, 3), Residual(3, 8, 2), nn.Flatten(), nn.Linear(72, 10)),
            (4, 3, 6, 6),
        ),
        (Branches(), (2, 3, 8, 8)),
        (
            nn.Sequential(
                nn.Conv2d(4, 8, 3, groups=2, padding="same", dilation=2),
                nn.GELU(),
                nn.ConvTranspose2d(8, 3, 4, 2, 1),
            ),
            (2, 4, 9, 7),
        ),
        (nn.Sequential(nn.Conv1d(2, 4, 3), nn.AvgPool1d(2), nn.Linear(4, 5)), (3, 2, 10)),
        (nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), (2, 5, 8)),
        (nn.utils.parametrizations.weight_norm(nn.Conv2d(3, 4, 3)), (1, 3, 8, 8)),
    ],
    ids=["residual", "branches", "groups", "1d", "attention", "weight norm"],
)
def test_totals(net, shape):
    assert_totals(net, shape)


def test_a_lazy_layer_is_counted_and_stays_lazy():
    net = nn.Sequential(nn.LazyConv2d(4, 3), nn.Flatten(), nn.LazyLinear(10))
    t = trace(net, (2, 3, 8, 8))
    assert t.params == 3 * 4 * 9 + 4 + 144 * 10 + 10
    assert isinstance(net[0], nn.LazyConv2d) and net[2].has_uninitialized_params()
    assert net(torch.zeros(2, 3, 8, 8)).shape == t.output


def test_shared_weights_count_once_and_each_use_has_its_name():
    conv, relu = nn.Conv2d(3, 3, 3, padding=1), nn.ReLU()
    t = trace(nn.Sequential(conv, relu, conv, relu), (1, 3, 4, 4))
    assert [(s.path, s.op, s.params) for s in t.steps] == [
        ("0", "Conv2d", 84),
        ("1", "ReLU", 0),
        ("2", "Conv2d", 0),
        ("3", "ReLU", 0),
    ]
    assert t.params == 84
    tied = nn.Sequential(nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False))
    tied[1].weight = tied[0].weight
    assert trace(tied, (1, 4)).params == 16


def test_a_loop_over_modules_meets_a_shared_layer_under_its_first_name_alone():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Linear(6, 6)
            self.inner = nn.Sequential(self.a, nn.ReLU())

        def forward(self, x):
            layers = [m for m in self.modules() if isinstance(m, nn.Linear)]
            layers += [m for m in self.inner.modules() if isinstance(m, nn.Linear)]
            layers += [m for n, m in self.named_modules(prefix="net") if n == "net.a"]
            for layer in layers:
                x = layer(x)
            return x

    net = Net()
    assert [step.path for step in trace(net, (2, 6)).steps] == ["a", "inner.0", "a"]
    assert "named_modules" not in vars(net)


@pytest.mark.parametrize("names", ["children", "named_children", "_modules"])
def test_a_loop_over_children_meets_a_shared_layer_as_often_as_pytorch_does(names):
    class Loop(nn.Sequential):
        def forward(self, X):
            found = getattr(self, names)
            found = found.values() if names == "_modules" else found()
            for child in found:
                X = (child[1] if isinstance(child, tuple) else child)(X)
            return X

    pool = nn.MaxPool2d(2)
    net = Loop(nn.Conv2d(1, 1, 1), pool, nn.Conv2d(1, 1, 1), pool)
    t = trace(net, (1, 1, 16, 16))
    assert t.output == net(torch.zeros(1, 1, 16, 16)).shape
    assert sum(step.op == "MaxPool2d" for step in t.steps) == (2 if names == "_modules" else 1)
    assert "named_children" not in vars(net)


def test_parameters_that_no_step_uses_are_named():
    net = Residual(3, 3)
    net.spare = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    t = trace(net, (1, 3, 8, 8))
    assert t.unused == {"spare": 13} and sum(step.params for step in t.steps) == t.params - 13


def test_traces_can_be_compared_and_kept_in_a_dict():
    one, other = trace(nn.Linear(2, 3), (1, 2)), trace(nn.Linear(2, 3), (1, 2))
    assert one == other and len({one, other, trace(nn.Linear(2, 3), (2, 2))}) == 2


def test_what_comes_out_of_a_named_tuple_is_followed():
    class Net(nn.Module):
        def forward(self, x):
            return x[:, 0] + 0.5 * x.max(1)[0]

    steps = trace(Net(), (2, 3, 4)).steps
    assert [(s.op, s.sources) for s in steps] == [
        ("getitem", (-1,)), ("max", (-1,)), ("mul", (1,)), ("add", (0, 2)),
    ]  # fmt: skip


def test_several_inputs_and_outputs():
    class Pair(nn.Module):
        def forward(self, image, code):
            left, right = image.chunk(2, dim=1)
            return {"sum": left + right, "code": code * 2}

    t = trace(Pair(), (1, 4, 8, 8), (1, 5))
    assert [s.op for s in t.steps] == ["chunk", "add", "mul"]
    assert t.steps[1].sources == (0, 0) and t.inputs == ((1, 4, 8, 8), (1, 5))
    tokens = nn.Sequential(nn.Embedding(10, 4), nn.Linear(4, 2))
    assert trace(tokens, torch.zeros(3, 7, dtype=torch.long)).output == (3, 7, 2)


def test_two_classes_of_one_name_are_not_confused():
    def block(channels):
        class Block(nn.Module):
            def __init__(self):
                super().__init__()
                self.conv = nn.Conv2d(3, channels, 1)

            def forward(self, x):
                return self.conv(x)

        return Block()

    assert [trace(block(n), (1, 3, 4, 4)).output[1] for n in (5, 7)] == [5, 7]


def test_a_module_that_does_nothing_is_still_a_step():
    net = nn.Sequential(nn.Identity(), nn.Sequential(), nn.ReLU())
    assert ops(net, (1, 3, 4, 4)) == ["Identity", "Identity", "ReLU"]


def test_a_batch_norm_written_by_hand_keeps_its_own_tensors():
    class BatchNorm(nn.Module):
        def __init__(self):
            super().__init__()
            self.gamma = nn.Parameter(torch.ones(1, 3, 1, 1))
            self.moving_mean = torch.zeros(1, 3, 1, 1)

        def forward(self, X):
            mean = X.mean(dim=(0, 2, 3), keepdim=True)
            self.moving_mean = 0.9 * self.moving_mean + 0.1 * (self.gamma * mean)
            return self.gamma * (X - mean) / torch.sqrt(((X - mean) ** 2).mean() + 1e-5)

    net = BatchNorm()
    before = net.moving_mean
    net(torch.rand(2, 3, 4, 4))  # the moving mean is now a tensor with a history
    moved = net.moving_mean
    assert trace(net, (2, 3, 4, 4)).output == (2, 3, 4, 4)
    assert net.moving_mean is moved and moved is not before and not moved.is_meta


def snapshot(net: nn.Module) -> tuple:
    return (
        copy.deepcopy(net.state_dict()),
        [m.training for m in net.modules()],
        [dict(m._forward_hooks) for m in net.modules()],
        [set(vars(m)) for m in net.modules()],
        random.getstate(),
    )


@pytest.mark.parametrize(
    "shape",
    [(2, 3, 8, 8), (2, 5, 8, 8), (1, 3, 1, 1)],
    ids=["works", "wrong channels", "one value per channel"],
)
def test_the_network_is_left_as_it_was(shape):
    seen = []
    net = nn.Sequential(Residual(3, 3), nn.Dropout(), nn.BatchNorm2d(3))
    net[1].eval()
    net[0].register_forward_hook(lambda *_: seen.append(1))
    net[0].conv1.register_forward_pre_hook(lambda *_: seen.append(2))
    before, rng = snapshot(net), torch.get_rng_state()
    try:
        trace(net, shape)
    except ShapeError:
        assert shape != (2, 3, 8, 8)
    after = snapshot(net)
    assert before[1:] == after[1:] and torch.equal(rng, torch.get_rng_state())
    assert all(torch.equal(before[0][key], after[0][key]) for key in before[0])
    assert seen == [] and all(p.device.type == "cpu" for p in net.parameters())


def test_an_error_names_the_layer_and_the_numbers():
    net = nn.Sequential(nn.Sequential(nn.Conv2d(3, 4, 3)), nn.Flatten(), nn.Linear(100, 10))
    with pytest.raises(ShapeError, match=r"^2 \(Linear\): Linear expects 100 features, but 144"):
        trace(net, (1, 3, 8, 8))
    with pytest.raises(ShapeError, match=r"^0\.0 \(Conv2d\).*3 input channels, but 1 arrive"):
        trace(net, (1, 1, 8, 8))


def test_batch_norm_of_one_value_fails_in_training_only():
    net = nn.Sequential(nn.BatchNorm2d(3))
    with pytest.raises(ShapeError, match="more than one value per channel"):
        trace(net, (1, 3, 1, 1))
    assert trace(net.eval(), (1, 3, 1, 1)).output == (1, 3, 1, 1)


def test_an_error_of_the_students_own_comes_through_with_the_layer():
    class Misspelt(nn.Module):
        def forward(self, x):
            return self.convv(x)

    with pytest.raises(AttributeError, match="convv") as caught:
        trace(nn.Sequential(Misspelt()), (1, 3, 8, 8))
    assert "In layer 0 (Misspelt)" in caught.value.__notes__[0]


class Fussy(nn.Module):
    """A forward that reads a value."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x):
        return self.conv(x if x.sum() > 0 else -x)


def test_a_forward_that_reads_values_runs_for_real_once():
    t = trace(Fussy(), (16, 3, 8, 8))
    assert "reads values" in t.note and "for real" in t.note
    assert t.output == (16, 4, 6, 6) and t.params == 112 and t.macs == 16 * 4 * 36 * 27


def test_a_forward_that_prints_a_value_runs_for_real(capsys):
    class Telling(Fussy):
        def forward(self, x):
            print(f"{x.shape} {x.mean():.1f}")
            return self.conv(x)

    t = trace(Telling(), (16, 3, 8, 8))
    assert "reads values" in t.note and t.output == (16, 4, 6, 6)
    assert capsys.readouterr().out.startswith("torch.Size([16, 3, 8, 8]) ")


def test_a_shape_that_depends_on_the_numbers_is_measured():
    class Positive(nn.Module):
        def forward(self, x):
            return x[x > 0.5]

    t = trace(Positive(), (4, 10))
    assert "reads values" in t.note and 0 < t.output[0] < 40


def test_a_child_that_knows_its_parent_is_traced_once():
    class Child(nn.Conv2d):
        pass

    net = nn.Sequential(Child(3, 3, 1), nn.Sequential(Child(3, 3, 1)))
    net[0].parent = net[1][0].parent = net
    t = trace(net, (1, 3, 4, 4))
    assert [step.path for step in t.steps] == ["0", "1.0"] and t.params == 24


@pytest.mark.parametrize("mode", [torch.inference_mode, torch.no_grad])
def test_a_trace_without_gradients_does_not_spoil_the_next(mode):
    net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Flatten())
    meta_copy._original.cache_clear()  # else an earlier test may have filled it
    with mode():
        trace(net, (2, 3, 17, 19))
    assert trace(net, (2, 3, 17, 19)).output == (2, 4 * 17 * 19)


def test_wrong_arguments_say_what_is_expected():
    net = nn.Conv2d(3, 4, 3)
    with pytest.raises(TypeError, match=r"as one tuple: \(1, 3, 8, 8\)"):
        trace(net, 1, 3, 8, 8)
    with pytest.raises(
        TypeError, match=r"Residual is a class, not a network \(nn.Module\): call it, Residual\(\)"
    ):
        trace(Residual, (1, 3, 8, 8))
    with pytest.raises(TypeError, match="if it builds one"):
        trace(lambda x: x, (1, 3, 8, 8))
    with pytest.raises(TraceError, match="TorchScript"):
        trace(torch.jit.trace(net, torch.zeros(1, 3, 8, 8)), (1, 3, 8, 8))


def test_half_precision_and_subclassed_sequential():
    class Net(nn.Sequential):
        pass

    assert ops(Net(nn.Linear(3, 4), nn.ReLU()).half(), (2, 3)) == ["Linear", "ReLU"]


def test_the_first_trace_does_not_import_sympy():
    code = (
        "import sys, torch; from torch import nn; from layerwise import trace;"
        "trace(nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2),"
        "nn.Flatten(), nn.Dropout(), nn.LazyLinear(3)), (2, 1, 8, 8));"
        "print('sympy' in sys.modules)"
    )
    assert (
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout
        == "False\n"
    )


@pytest.mark.parametrize(
    ("layer", "shape", "function"),
    [
        (nn.LSTM(3, 4), (5, 3), "lstm"),  # without a batch: one is made, and taken off again
        (nn.InstanceNorm2d(3), (3, 8, 8), "instance_norm"),
        (nn.Conv2d(3, 4, 3, padding=1, padding_mode="circular"), (1, 3, 8, 8), "conv2d"),
    ],
)
def test_a_layer_of_several_operations_gives_its_name_to_its_own(layer, shape, function):
    steps = trace(layer, shape).steps
    assert [s.function for s in steps if s.op == type(layer).__name__] == [function]
    assert len(steps) > 1


READS = {
    "item": lambda x: x[0, 0].item(),
    "tolist": lambda x: x.tolist(),
    "numpy": lambda x: x.numpy(),
    "__bool__": lambda x: bool(x[0, 0]),
    "__int__": lambda x: int(x[0, 0]),
    "__float__": lambda x: float(x[0, 0]),
    "__complex__": lambda x: complex(x[0, 0]),
    "__index__": lambda x: range(4)[x[0, 0].long()],
    "__array__": np.asarray,
    "__contains__": lambda x: 2.0 in x,
    "nonzero": lambda x: x.nonzero(),
    "argwhere": lambda x: x.argwhere(),
    "is_nonzero": lambda x: x[0, 0].is_nonzero(),
    "equal": lambda x: x.equal(x),
    "allclose": lambda x: x.allclose(x),
    "masked_select": lambda x: x.masked_select(x > 0),
    "unique": lambda x: x.unique(),
    "unique_consecutive": lambda x: x.unique_consecutive(),
    "bincount": lambda x: x[0].long().bincount(),
}


@pytest.mark.parametrize("name", READS)
def test_whatever_reads_values_is_named(name):
    class Reads(nn.Module):
        def forward(self, x):
            READS[name](x)
            return x + 1

    t = trace(Reads(), (2, 3))
    assert t.note.startswith(f"The forward of Reads reads values ({name})")
    assert t.steps[-1].op == "add"
