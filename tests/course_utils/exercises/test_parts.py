"""The parts of the checks, each by itself: names, stubs, limits, what is measured."""

import linecache
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torchvision import models

from course_utils import exercises, nets
from course_utils.exercises import _goals, _guard, _sources
from course_utils.exercises._attempted import is_attempted
from course_utils.exercises._exercise import Exercise, Verdict
from course_utils.exercises._findings import Finding
from course_utils.exercises._networks import Behaviour, Case
from course_utils.exercises._norms import measured
from course_utils.training import History
from layerwise import trace

# ---------------------------------------------------------------------------------- what is offered


def test_lessons_are_names_of_the_package_and_others_are_refused():
    names = "Exercise LESSONS LISTENERS Verdict all forget where_you_are".split()
    assert dir(exercises) == sorted([*names, *exercises.LESSONS])
    files = {path.stem for path in Path(exercises.__file__).parent.glob("[a-z]*.py")}
    assert set(exercises.LESSONS) == files
    assert exercises.__getattr__("nin") is exercises.nin
    with pytest.raises(AttributeError, match=r"exercises has no 'lenet'; it has alexnet, vgg, nin"):
        exercises.__getattr__("lenet")


def anew(one):
    """The same exercise, as nobody has met it."""
    return Exercise(**{field.name: getattr(one, field.name) for field in fields(one) if field.init})


def test_each_hint_is_given_once_in_order_by_its_number():
    one = anew(exercises.vgg.net)
    for number, text in enumerate(one.hints, 1):
        hint = one.hint()
        assert " ".join(repr(hint).split()) == text
        assert f"<summary>Hint {number} of {len(one.hints)}</summary>" in hint._repr_html_()
    assert "<summary>No more hints</summary>" in one.hint()._repr_html_()
    assert "The next" not in repr(one.hint()) and "solution()" in repr(one.hint())


def test_a_solution_is_code_and_its_reason():
    one = exercises.vgg.block
    shown = one.solution()
    assert repr(shown).startswith("def my_vgg_block") and one.reason.split()[-1] in repr(shown)
    assert "<summary>Solution</summary><pre>def my_vgg_block" in shown._repr_html_()


def test_a_finding_has_no_facts_of_its_own():
    assert Finding("stops", "stops").facts == {}
    assert Verdict("right") == Verdict("right", "", "")


# ---------------------------------------------------------------------------------- stubs


@pytest.mark.parametrize(
    "stub",
    [
        "def f(a, *more): ...",
        "def f(a, **named): ...",
        "def f(a, *more, b=1, **named): ...",
        "def f(a, /, b, *, c): ...",
        "def f(*, a, b): pass",
    ],
)
def test_a_stub_may_take_arguments_of_any_kind(stub):
    made = {}
    exec(stub, made)  # noqa: S102  our own line
    assert not is_attempted(made["f"])


@pytest.mark.parametrize("taken", ["a, *more", "a, **named", "*, a, b", "a, /, b"])
def test_a_variable_is_an_attempt_with_arguments_of_any_kind(taken):
    made = {}
    exec(f"def f({taken}):\n    c: int\n    return lambda: c\n    c = a", made)  # noqa: S102  our own lines
    assert is_attempted(made["f"])


# ---------------------------------------------------------------------------------- what ends code


@pytest.mark.parametrize(
    ("error", "name", "message"),
    [
        (ValueError(" first\nsecond\nthird"), "ValueError", "first"),
        (ValueError("cannot allocate memory"), "ValueError", "cannot allocate memory"),
        (RuntimeError("sizes differ"), "RuntimeError", "sizes differ"),
        (RuntimeError("can't allocate memory"), "MemoryError", "can't allocate memory"),
    ],
)
def test_what_ended_code_is_data(error, name, message):
    assert _guard.trouble(error) == (name, message, "")


def test_the_line_is_the_innermost_of_the_students_own():
    source = "def outer():\n    return inner()\n\ndef inner():\n    return len(5)\n"
    linecache.cache["answer.py"] = (
        len(source),
        None,
        source.splitlines(keepends=True),
        "answer.py",
    )
    made = {}
    exec(compile(source, "answer.py", "exec"), made)  # noqa: S102  our own lines
    found, ended = _guard.guarded(made["outer"], 5)
    assert (found, ended.line) == (None, "return len(5)")
    found, ended = _guard.guarded(lambda: 7, 5)
    assert (found, ended) == (7, None)


def fails_in_the_course():
    nets.vgg_block(*"abc")


def fails_in_the_library():
    trace(5, (1, 2))


def fails_in_pytorch():
    torch.ones(2).reshape(5)


def fails_in_an_installed_package():
    models.vgg11(num_classes="ten")


def fails_in_python():
    Path(*"ab").read_text("utf-8")


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (fails_in_the_course, 'nets.vgg_block(*"abc")'),
        (fails_in_the_library, "trace(5, (1, 2))"),
        (fails_in_pytorch, "torch.ones(2).reshape(5)"),
        (fails_in_an_installed_package, 'models.vgg11(num_classes="ten")'),
        (fails_in_python, 'Path(*"ab").read_text("utf-8")'),
    ],
)
def test_a_line_of_a_library_is_not_the_students_own(answer, line):
    assert _guard.guarded(answer, 5)[1].line == line


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits of memory")
def test_the_limit_is_above_what_the_process_holds_already():
    import resource

    before = resource.getrlimit(resource.RLIMIT_AS)
    told = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    held = next(int(line.split()[1]) for line in told if line.startswith("VmSize")) * 1024
    with _guard._memory(1):
        soft, hard = resource.getrlimit(resource.RLIMIT_AS)
        assert 0 <= soft - held - 2**30 < 2**28 and hard == before[1]
    assert resource.getrlimit(resource.RLIMIT_AS) == before


# -------------------------------------------------------------------------------- what is measured


def test_a_design_begins_with_the_same_weights_and_standardized_digits(monkeypatch):
    began = []

    def fit(net, train, _, epochs, lr, **__):
        began.append((net[1].weight.clone(), train, epochs, lr))
        return History(train_acc=[1.0], test_acc=[1.0])

    monkeypatch.setattr(_goals, "fit", fit)
    goal = exercises.after_resnet.design.judge
    for seed in (3, 4):
        torch.manual_seed(seed)
        design = lambda: nn.Sequential(nn.Flatten(), nn.Linear(256, 10))  # noqa: E731
        assert goal._reached(design) is None
    (one, train, *_), (other, *_) = began
    assert torch.equal(one, other) and began[0][2:] == (goal.epochs, goal.lr)
    images = torch.cat([X for X, _ in train])
    assert images.shape[1:] == (1, 16, 16) and len(next(iter(train))[1]) == 64
    assert abs(images.mean()) < 1e-3 and abs(images.std() - 1) < 1e-2


def test_a_diagnosis_names_no_line_of_the_check_itself():
    given = Behaviour(lambda: nn.Linear(3, 4), Case((), (2, 5)))
    assert given.broken is not None and given.broken.facts["line"] is None


def test_parameters_are_listed_by_their_size():
    layers = nn.Sequential(nn.Conv2d(2, 100, 1, bias=False), nn.Conv2d(100, 3, 3, bias=False))
    given = Behaviour(lambda: layers, Case((), (1, 2, 8, 8)))
    assert given.parameters == [(100, 2), (3, 100, 3, 3)]
    given = Behaviour(lambda: nn.Linear(2, 9), Case((), (1, 2)))
    assert given.parameters == [(9,), (9, 2)]


def test_a_detached_mean_is_seen_in_the_gradient_alone():
    right = exercises.batch_norm.layer.reference
    wrong = right.replace("mean = X.mean(axes)", "mean = X.mean(axes).detach()")
    made = [_sources.answer(source)(3).train() for source in (right, wrong)]
    numbers = [measured(layer, Case((3,), (6, 3))) for layer in made]
    differ = [name for name in numbers[0] if not torch.allclose(*(n[name] for n in numbers))]
    assert right != wrong and differ == ["gradient"]
    verdict = exercises.batch_norm.layer.check(_sources.answer(wrong))
    assert verdict.outcome == "wrong" and "is one detached?" in verdict.message


def test_a_layer_without_a_gradient_is_measured_all_the_same():
    class Constant(nn.Module):
        def forward(self, X):
            return torch.ones(X.shape)

    assert not measured(Constant(), Case((3,), (6, 3)))["gradient"].any()


def test_what_a_students_code_prints_to_has_what_a_file_has():
    def answer():
        print("lost", file=sys.stderr)
        return sys.stderr.isatty(), sys.stdout.writable(), getattr(sys.stdout, "encoding", 0)

    assert _guard.guarded(answer, 5) == ((False, True, None), None)


def test_numpys_random_state_is_as_before():
    np.random.seed(3)  # noqa: NPY002
    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    assert _guard.guarded(lambda: np.random.seed(5), 5) == (None, None)  # noqa: NPY002
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


def test_a_call_of_an_argument_is_an_attempt():
    def make_layer(block, channels):
        block(channels)

    class Layer(nn.Module):
        def __init__(self):
            super().__init__()

    assert is_attempted(make_layer) and not is_attempted(Layer)
