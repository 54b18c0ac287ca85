"""What a check says of code that does not run, does not end, or is unusual."""

import random
import signal
import threading
import time
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from course_utils import exercises
from course_utils.exercises import _deadline, _guard, _sources
from course_utils.exercises._attempted import is_attempted
from course_utils.exercises._networks import Case, Networks
from course_utils.exercises._values import Function, numbers

# A block of 3×3 convolutions, with no mistakes foreseen: all that is told, the comparison finds.
block = replace(
    exercises.vgg.block,
    code="""def vgg_block(num_convs, in_channels, out_channels):
    layers = []
    for _ in range(num_convs):
        layers += [nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1), nn.ReLU()]
        in_channels = out_channels
    return nn.Sequential(*layers, nn.MaxPool2d(kernel_size=2, stride=2))
""",
    judge=Networks(
        (
            Case((1, 3, 4), (2, 3, 9, 12)),
            Case((2, 3, 8), (2, 3, 8, 8)),
            Case((3, 4, 6), (2, 4, 8, 8)),
            Case((2, 5, 5), (2, 5, 7, 7)),
        ),
        "vgg_block(num_convs, in_channels, out_channels)",
    ),
    made=(),
)


@pytest.fixture
def soon(monkeypatch):
    monkeypatch.setattr(_guard, "SECONDS", 0.3)
    monkeypatch.setattr(_deadline, "WAITING", 2)


def convolutions(n, i, o):
    return [nn.Conv2d(i if k == 0 else o, o, 3, padding=1) for k in range(n)]


# ---------------------------------------------------------------------------------- unusual, right


class Functional(nn.Module):
    def __init__(self, n, i, o):
        super().__init__()
        self.all = nn.ModuleList(convolutions(n, i, o))

    def forward(self, X):
        for layer in self.all:
            X = F.relu(layer(X))
        return F.max_pool2d(X, 2)


class Subclass(nn.Sequential):
    def __init__(self, n, i, o):
        layers = convolutions(n, i, o)
        super().__init__(
            *(nn.Sequential(a, nn.ReLU(inplace=True)) for a in layers), nn.MaxPool2d(2)
        )


def pooled_first(n, i, o):  # the largest of the positive is the positive of the largest
    layers = [layer for conv in convolutions(n, i, o) for layer in (conv, nn.ReLU())]
    return nn.Sequential(*layers[:-1], nn.MaxPool2d(2), nn.ReLU())


class Raw(nn.Module):
    def __init__(self, n, i, o):
        super().__init__()
        layers = convolutions(n, i, o)
        self.biases = nn.ParameterList(layer.bias for layer in layers)
        self.weights = nn.ParameterList(layer.weight for layer in layers)

    def forward(self, X):
        for weight, bias in zip(self.weights, self.biases, strict=True):
            X = F.conv2d(X, weight, bias, padding=1).clamp(min=0)
        return F.max_pool2d(X, 2)


def recursive(n, i, o):
    if n == 0:
        return nn.MaxPool2d(2)
    return nn.Sequential(*convolutions(1, i, o), nn.ReLU(), recursive(n - 1, o, o))


def lazy(n, _, o):  # without parameters before the first image
    layers = [layer for _ in range(n) for layer in (nn.LazyConv2d(o, 3, padding=1), nn.ReLU())]
    return nn.Sequential(*layers, nn.MaxPool2d(2))


@pytest.mark.parametrize("answer", [Functional, Subclass, pooled_first, Raw, recursive, lazy])
def test_another_way_to_do_the_same_is_right(answer):
    assert block.check(answer).outcome == "right"


# -------------------------------------------------------------------------- code that does not run


def endless(*_):
    while True:
        pass


def swallows(*_):
    while True:
        try:  # noqa: SIM105
            pass
        except:  # noqa: E722, S110
            pass


def sleeps(*_):
    time.sleep(60)


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("answer", [endless, swallows, sleeps])
def test_code_that_never_ends_is_ended(answer):
    verdict = block.check(answer)
    assert (verdict.outcome, verdict.mistake) == ("wrong", "endless")


def test_a_machine_that_gives_little_time_is_waited_for(monkeypatch):
    monkeypatch.setattr(_deadline, "WAITING", 0.2)
    monkeypatch.setattr(_deadline, "RESTING", 0.001)
    end = time.process_time() + 1.5
    with _deadline.deadline(4):
        while time.process_time() < end:  # 1.5 of 4 seconds of work, and more than 0.8 by the clock
            pass


@pytest.mark.usefixtures("soon")
def test_beside_the_main_thread_it_is_ended_too():
    found = []
    thread = threading.Thread(target=lambda: found.append(block.check(endless)))
    thread.start()
    thread.join(30)
    assert found[0].mistake == "endless"


def test_what_is_being_opened_or_closed_is_done_first():
    done = []

    class Rings:
        def __enter__(self):
            signal.raise_signal(signal.SIGPROF)
            done.append("opened")

        def __exit__(self, *_):
            signal.raise_signal(signal.SIGALRM)
            done.append("closed")

    def answer(*_):
        with Rings():
            pass
        while True:
            pass

    assert block.check(answer).mistake == "endless"
    assert done == ["opened", "closed"]


class Leaves:
    """Takes `seconds` to close, in Python."""

    def __init__(self, seconds, done):
        self.seconds, self.done = seconds, done

    def __enter__(self):
        pass

    def __exit__(self, *_):
        end = time.monotonic() + self.seconds
        while time.monotonic() < end:
            pass
        self.done.append("closed")


@pytest.mark.usefixtures("soon")
def test_an_exit_that_never_ends_is_ended():
    def answer(*_):
        with Leaves(60, []):
            pass

    assert block.check(answer).mistake == "endless"


@pytest.mark.usefixtures("soon")
def test_beside_the_main_thread_what_is_being_closed_is_done_first(monkeypatch):
    monkeypatch.setattr(_deadline, "PATIENCE", 30)
    done, found = [], []

    def answer(*_):
        with Leaves(0.9, done):  # the ring comes after 0.6 s
            pass
        while True:
            pass

    thread = threading.Thread(target=lambda: found.append(block.check(answer)))
    thread.start()
    thread.join(30)
    assert (found[0].mistake, done) == ("endless", ["closed"])


@pytest.fixture
def harmless():
    """The two signals; one that comes after the check would end the process otherwise."""
    both = signal.SIGALRM, signal.SIGPROF
    before = [signal.signal(number, lambda *_: None) for number in both]
    yield both
    for number, handler in zip(both, before, strict=True):
        signal.signal(number, handler)


def test_both_clocks_at_once_stop_it_once(monkeypatch, harmless):
    monkeypatch.setattr(_deadline, "AGAIN", 60)  # also on a machine that stands still meanwhile
    tidied, rings = [], []

    def tidy():
        tidied.append(1)

    def answer(*_):
        rings.append(threading.Thread(target=lambda: [*map(signal.raise_signal, harmless)]))
        try:
            rings[-1].start()
            while True:
                pass
        finally:
            tidy()

    for _ in range(5):  # the two may come apart
        assert block.check(answer).mistake == "endless"
        rings[-1].join()
    assert len(tidied) == len(rings) == 5


def test_pytorch_is_as_it_was():
    def leaves_it_open(*_):
        torch.device("meta").__enter__()
        torch.set_grad_enabled(False)

    assert block.check(leaves_it_open).outcome == "wrong"
    assert torch.is_grad_enabled() and torch.ones(1).device.type == "cpu"


@pytest.mark.parametrize(("default", "other"), [("cpu", "meta"), ("meta", "cpu")])
def test_the_default_device_is_as_it_was(default, other):
    torch.set_default_device(default)
    block.check(lambda *_: torch.set_default_device(other))
    device = torch.ones(1).device.type
    torch.set_default_device(None)
    assert device == default


def test_a_ring_while_the_alarm_is_put_back(monkeypatch):
    wind = signal.setitimer

    def ringing(timer, *times):
        before = wind(timer, *times)
        if times[0] == 0:
            signal.raise_signal(signal.SIGPROF)
        return before

    monkeypatch.setattr(signal, "setitimer", ringing)
    with _deadline.deadline(5):
        pass
    left = [wind(timer, 0) for timer in (signal.ITIMER_PROF, signal.ITIMER_REAL)]
    assert left == [(0, 0), (0, 0)]


def test_the_alarm_is_put_back():
    before = [signal.getsignal(number) for number in (signal.SIGALRM, signal.SIGPROF)]
    signal.setitimer(signal.ITIMER_REAL, 500)
    block.check(Subclass)
    assert 400 < signal.setitimer(signal.ITIMER_REAL, 0)[0] <= 500
    assert before == [signal.getsignal(number) for number in (signal.SIGALRM, signal.SIGPROF)]


def leaves(*_):
    raise SystemExit


def stops(*_):
    return {}["block"]


def no_return(n, i, o):
    convolutions(n, i, o)


def a_list(n, i, o):
    return convolutions(n, i, o)


def unknown(n, i, o):
    return layers(n, i, o)  # noqa: F821


def deep(*choices):
    return deep(*choices)


class NoForward(nn.Module):
    def __init__(self, n, i, o):
        super().__init__()
        self.all = nn.ModuleList(convolutions(n, i, o))


class Crashes(Functional):
    def forward(self, X):
        return super().forward(X)[0, "first"]


class OnlyReal(Functional):
    def forward(self, X):
        return super().forward(X)[: int(X.sum() * 0) + 7].reshape(-1, 10_007)


BROKEN = [leaves, stops, no_return, a_list, unknown, deep, NoForward, Crashes, OnlyReal]


@pytest.mark.parametrize("answer", [*BROKEN, 5, "text", nn.ReLU(), lambda n: n, torch.ones(2)])
def test_what_does_not_run_is_answered_in_words(answer, capsys):
    verdict = block.check(answer)
    assert verdict.outcome == "wrong" and verdict.mistake and len(verdict.message) > 20
    assert "Traceback" not in capsys.readouterr().out + verdict.message


@pytest.mark.skipif(not _guard.sys.platform.startswith("linux"), reason="limits of memory")
def test_an_answer_that_asks_for_gigabytes_gets_none():
    assert block.check(lambda *_: [0] * 10**11).mistake == "memory"

    class Large(Functional):
        def forward(self, X):
            return super().forward(X) + torch.ones(10**11).sum()

    assert block.check(Large).mistake == "memory"
    block.check(lambda *_: nn.Linear(10**6, 10**6))
    assert len(bytearray(10**6)) == 10**6


def test_a_check_disturbs_nothing(capsys):
    def noisy(n, i, o):
        print("x" * 10_000)
        random.random()  # noqa: S311
        return Subclass(n, i, o)

    states = random.getstate(), torch.get_rng_state()
    assert block.check(noisy).outcome == "right"
    assert random.getstate() == states[0] and torch.equal(torch.get_rng_state(), states[1])
    assert capsys.readouterr().out == "Right.\n"


def test_interrupting_the_kernel_still_does():
    def interrupted(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        block.check(interrupted)


# ---------------------------------------------------------------------------------- wrong, in words


def twice(n, i, o):
    one, *more = convolutions(n, i, o)
    return nn.Sequential(one, nn.ReLU(), *more[:1] * (n - 1), nn.MaxPool2d(2))


def gelu(n, i, o):
    return nn.Sequential(*convolutions(n, i, o), nn.GELU(), nn.MaxPool2d(2))


def pooling_first(n, i, o):
    return nn.Sequential(nn.MaxPool2d(2), *convolutions(n, i, o), nn.ReLU())


class Listed(nn.Module):
    def __init__(self, n, i, o):
        super().__init__()
        self.all = convolutions(n, i, o)

    forward = Functional.forward


class Unused(Functional):
    def __init__(self, n, i, o):
        super().__init__(n, i, o)
        self.norm = nn.BatchNorm2d(o)


class Detached(Functional):
    def forward(self, X):
        return super().forward(X.detach())


class InPlace(Functional):
    def forward(self, X):
        found = super().forward(X)
        X += 1
        return found


class Scaled(Functional):
    def forward(self, X):
        return super().forward(X) * 0.5


class Trained(Functional):
    def forward(self, X):
        return super().forward(X) if self.training else X[..., ::2, ::2]


@pytest.mark.parametrize(
    ("answer", "mistake"),
    [
        (Listed, "your code"),
        (Unused, "unused"),
        (Detached, "other gradient"),
        (InPlace, "other input"),
        (Scaled, "extra product"),
        (gelu, "GELU in place of ReLU"),
        (pooling_first, "order of max pooling"),
        (lambda n, i, o: Subclass(n + 1, i, o), "extra convolution"),
    ],
)
def test_other_mistakes_are_named_too(answer, mistake):
    verdict = block.check(answer)
    assert (verdict.outcome, verdict.mistake) == ("wrong", mistake), verdict.message


def forgets(X, gamma, beta):
    Y = (X - X.mean(0)) / X.std(0)
    Y = gamma * Y + beta


def lists(X, gamma, beta):
    return [gamma * X + beta]


def averages(X, gamma, beta):
    return float((gamma * X.mean() + beta).sum())


def shortens(X, gamma, beta):
    return gamma.sum() * X[0] + beta.sum()


@pytest.mark.parametrize(
    ("answer", "mistake", "says"),
    [
        (forgets, "returns nothing", "returns nothing: is a `return` missing?"),
        (lists, "no tensor", "returns a list, not one tensor"),
        (averages, "no tensor", "returns a float, not one tensor"),
        (shortens, "another shape", "the result has shape"),
    ],
)
def test_what_a_function_of_tensors_returns_is_named(answer, mistake, says):
    verdict = exercises.batch_norm.normalize.check(answer)
    assert (verdict.outcome, verdict.mistake) == ("wrong", mistake)
    assert says in verdict.message


@pytest.mark.parametrize(
    "found", ["5", [5], (5,), torch.ones(2), torch.tensor(5.5), True, 1j, float("nan"), nn.ReLU()]
)
def test_a_function_that_returns_no_number_or_another(found):
    verdict = exercises.alexnet.size_after.check(lambda *_: found)
    assert (verdict.outcome, verdict.mistake) == ("wrong", "another number")
    assert f"it returns {found!r}, and it should be" in verdict.message.replace("\n", " ")


def test_what_is_no_number_is_shown():
    verdict = exercises.vgg.sizes.check("many")
    assert (verdict.outcome, verdict.mistake) == ("wrong", "no number")
    assert verdict.message.replace("\n", " ").endswith(
        "5 numbers are asked for, and this is 'many'."
    )


def test_a_number_of_any_kind_is_one():
    def size(n, k, s=1, p=0):
        return torch.tensor((n + 2 * p - k) // s + 1)

    assert exercises.alexnet.size_after.check(size).outcome == "right"
    assert exercises.alexnet.size_after.check(lambda *of: size(*of).double()).outcome == "right"


class Narrow(Functional):
    def forward(self, X):
        return super().forward(X[:, 1:])


def test_where_an_answer_breaks_its_own_line_is_shown():
    assert ": X = F.relu(layer(X))\n" in block.check(Narrow).message
    whole = block.check(lambda n, i, o: nn.Sequential(*[nn.Conv2d(i + 1, o, 3)] * n))
    assert whole.outcome == "wrong"
    assert "line" not in whole.message  # it would be one of the check itself


def test_one_image_is_a_batch_too():
    def head(channels, num_classes):
        return Squeezed(nn.AdaptiveAvgPool2d(1), nn.Linear(channels, num_classes))

    assert exercises.resnet_family.pooling.check(head).outcome == "wrong"


class Squeezed(nn.Sequential):
    """Drops every axis of one number, that of the images too."""

    def forward(self, X):
        return self[1](self[0](X).squeeze())


def test_a_network_in_place_of_its_function():
    verdict = block.check(nn.ReLU())
    assert verdict.mistake == "called" and "vgg_block(num_convs" in verdict.message


# ---------------------------------------------------------------------------------- is it an answer


def with_docstring(n):
    """Soon."""


def raises(n):
    raise NotImplementedError


def raises_called(n):
    raise NotImplementedError("later")


def returns_it(_n):
    return ...


class Stub(nn.Module):
    def __init__(self, _n):
        super().__init__()
        ...  # noqa: PIE790

    def forward(self, X): ...


class Empty(nn.Module):
    pass


@pytest.mark.parametrize(
    "stub", [with_docstring, raises, raises_called, returns_it, Stub, Empty, "", "..."]
)
def test_a_stub_is_no_answer(stub):
    assert not is_attempted(stub)


def identity(n):
    return n


def constant(_n):
    return 54


def text(_n):
    return "54"


def local(_n):
    rows = 5  # noqa: F841


class Half(nn.Module):
    def __init__(self, _n):
        super().__init__()
        self.conv = nn.Conv2d(1, 1, 1)

    def forward(self, X): ...


@pytest.mark.parametrize(
    "answer", [identity, constant, text, local, endless, Half, 0, "5", [1], nn.ReLU, len]
)
def test_half_of_an_answer_is_one(answer):
    assert is_attempted(answer)


# ------------------------------------------------------------------------------------------ numbers


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ("54", [54]),
        (54, [54]),
        (54.0, [54]),
        (torch.tensor(54), [54]),
        ("25,088", [25088]),
        ("rows = 54", [54]),
    ],
)
def test_one_number_in_any_form(answer, found):
    assert numbers(answer) == found


@pytest.mark.parametrize(
    "answer", ["50 25 12", "50, 25, 12", "(50, 25, 12)", (50, 25, 12), ["50", 25, 12.0]]
)
def test_several_numbers_in_any_form(answer):
    assert numbers(answer, 3) == [50, 25, 12]


@pytest.mark.parametrize("answer", ["many", True, {}, [], object(), "5 rows"])
def test_what_is_no_number(answer):
    assert numbers(answer) is None


def test_functions_are_told_apart_by_what_they_return_number_or_not():
    def returns(found):
        return lambda rows: found  # noqa: ARG005

    judge = Function(((1,), (2,)), "f(rows)")
    assert judge.same(returns(1), returns(1.0))
    assert not judge.same(returns(1), abs)
    assert judge.same(returns("one"), returns("one"))
    assert not judge.same(returns("one"), returns("two"))


def test_hints_come_one_at_a_time_and_folded():
    one = exercises.vgg.net
    one._shown = 0
    shown = [one.hint() for _ in range(len(one.hints) + 1)]
    assert [repr(hint) for hint in shown[:-1]] != [] and "no more" in repr(shown[-1]).lower()
    assert all(hint._repr_html_().startswith("<details>") for hint in shown)
    assert "def my_vgg" in repr(one.solution()) and "SOLUTION" not in repr(one.solution())


def test_listeners_are_told(monkeypatch):
    told = []
    monkeypatch.setattr(exercises, "LISTENERS", exercises.LISTENERS)
    exercises.LISTENERS.append(lambda one, verdict: told.append((one.name, verdict.outcome)))
    block.check(...)
    exercises.LISTENERS.pop()
    assert told == [("block", "not attempted")]


def test_stubs_are_nbgraders():
    solved = "def f():\n    a = 1\n    ### BEGIN SOLUTION\n    b = 2\n    ### END SOLUTION\n"
    assert _sources.stub(solved) == "def f():\n    a = 1\n    ...\n"
    assert _sources.without_markers(solved) == "def f():\n    a = 1\n    b = 2\n"
