"""Every state that a lab of a lesson can reach agrees with PyTorch, or is explained.

PyTorch's meta kernels judge every state, a real forward on the CPU a random sample. Another
sample is shown by the lab itself: to show them all would take nearly as long as to judge them.
"""

import itertools
import random
from collections.abc import Callable, Iterator, Mapping
from html import escape

import lessons
import pytest
import torch
from torch import nn

from layerwise.interactive import controls, live_lab
from layerwise.interactive.live_lab import Lab
from layerwise.interactive.state import State
from layerwise.tracing import building

ALL = 5_000  # above it, every pair of controls
SHOWN = 0.2  # of all states
SAMPLE = 12  # a lesson; every state is judged by the meta kernels besides
REPAIRED = 4  # of the sample: a search for repairs takes a tenth of a second and more

run, on_meta = building.run, building._on_meta


def visited(lab: Lab) -> Iterator[dict]:
    """Every state; of a lab with too many, every pair of two controls' values."""
    values = {name: sorted_values(lab, name) for name in lab.controls}
    total = 1
    for choices in values.values():
        total *= len(choices)
    if total <= ALL:
        yield from lab.states()
        return
    start = lab.choices
    for one, other in itertools.combinations(values, 2):
        for pair in itertools.product(values[one], values[other]):
            yield start | dict(zip((one, other), pair, strict=True))


def sorted_values(lab: Lab, name: str) -> list:
    return controls.values(lab.controls[name])


def by_pytorch(
    lab: Lab, choices: Mapping, device: str, built: Mapping[str, nn.Module]
) -> tuple | Exception:
    """The shape that PyTorch itself gives on `device`, or the error that it raises.

    `built` has networks that stand on it already.
    """
    shape = building.sized(lab.given, choices.get("input_size"))
    arguments = building.accepted(lab.build, choices)
    try:
        with torch.device(device), torch.no_grad(), pytest.MonkeyPatch.context() as patch:
            with building.Unfilled(device):
                net = built.get(key(lab.build, arguments)) or lab.build(**arguments)
            if device == "meta":
                shorten(patch)
            return tuple(net(torch.empty(shape)).shape)
    except Exception as error:  # noqa: BLE001  whatever PyTorch says
        return error


def shorten(patch: pytest.MonkeyPatch) -> None:
    """What PyTorch's meta kernels compute in Python, most of a forward, is left to one pixel.

    Both keep the shape. Whether the channels fit a batch norm, its kernel for the CPU says.
    """
    batch_norm = torch.batch_norm

    def of_one_pixel(x: torch.Tensor, *told: object) -> torch.Tensor:
        pixel = torch.zeros((1, *x.shape[1:2], 1), device="cpu")
        tensors = [t if t is None else torch.zeros(t.shape, device="cpu") for t in told[:4]]
        batch_norm(pixel, *tensors, *told[4:])
        return x

    patch.setattr(torch, "batch_norm", of_one_pixel)
    for home in (torch, nn.functional):
        patch.setattr(home, "relu", lambda x, *_, **__: x)


def key(build: Callable, choices: Mapping) -> str:
    return f"{build} {sorted(choices.items())!r}"


def agrees(state: State, verdict: tuple | Exception) -> bool:
    if isinstance(verdict, Exception):
        explained = state.problem and state.problem.headline and not state.problem.works
        return state.trace is None and bool(explained) and state.problem.kind != "PyTorch"
    works = state.problem is None or state.problem.works
    return state.trace is not None and state.trace.output == verdict and works


def says(shown: str, state: State) -> bool:
    """Whether what is on show has the headline of a broken state, and nothing of Python's own."""
    shown = shown.replace("\xa0", " ")
    told = state.problem is None or escape(state.problem.headline) in shown
    return told and "Traceback" not in shown


@pytest.fixture(scope="module", params=lessons.LESSONS)
def labs(request):
    """The labs of a lesson; each setting is run once, also those tried to explain another."""
    known = {}

    def once(build, given, choices):
        asked = f"{given} {key(build, choices)}"
        if asked not in known:
            known[asked] = run(build, given, choices)
        return known[asked]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(building, "run", once)
        patch.setattr(live_lab, "after", lambda *_: None)  # no search for repairs at every state
        yield lessons.labs(request.param)


@pytest.fixture
def built(monkeypatch):
    """The networks that the labs build on the meta device, each once: it takes half of the time."""
    made = {}

    def kept(build, choices):
        asked = key(build, choices)
        if asked not in made:
            made[asked] = on_meta(build, choices)
        return made[asked]

    monkeypatch.setattr(building, "_on_meta", kept)
    return made


def test_every_state_agrees_with_pytorch(labs, built, record_property, request):
    states = broken = 0
    chance = random.Random(request.node.name)  # noqa: S311  no secret
    for lab in labs:
        for choices in visited(lab):
            state = lab._experiment.at(choices)
            verdict = by_pytorch(lab, choices, "meta", built)
            assert agrees(state, verdict), (state.code, verdict, str(state.problem))
            if chance.random() < SHOWN:
                lab.set(**choices)
                assert agrees(lab.state, verdict), (lab.code, verdict, str(lab.problem))
                assert says("".join(panel.html for panel in lab.panels), state), lab.code
            states, broken = states + 1, broken + isinstance(verdict, Exception)
    record_property("states", f"{states} visited, {broken} of them broken")


def test_a_sample_of_states_agrees_with_a_real_forward(labs, request):
    found = [(lab, choices) for lab in labs for choices in visited(lab)]
    chosen = random.Random(request.node.name).sample(found, min(SAMPLE, len(found)))  # noqa: S311  no secret
    for number, (lab, choices) in enumerate(chosen):
        lab.set(**choices)
        verdict = by_pytorch(lab, choices, "cpu", {})
        assert agrees(lab.state, verdict), (lab.code, verdict, str(lab.problem))
        for repair in lab.problem.repairs if lab.problem and number < REPAIRED else ():
            _, error = run(lab.build, lab.given, repair)
            assert error is None, (lab.code, repair)
