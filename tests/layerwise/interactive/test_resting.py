"""Work while the hand rests: the last piece counts, beside the kernel, and a turn does not wait."""

import asyncio
import threading

import pytest
import torch
from torch import nn

from layerwise.interactive.feature_maps import Inside
from layerwise.interactive.resting import WhenAtRest
from layerwise.tracing import building
from layerwise.tracing.activations import AbandonedError

IMAGE = torch.rand(1, 12, 12, generator=torch.Generator().manual_seed(0))


def build(width=4):
    return nn.Sequential(nn.Conv2d(1, width, 3), nn.ReLU(), nn.Dropout(), nn.Conv2d(width, 2, 3))


def fail(error):
    raise error


async def until(condition):
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0.01)
    pytest.fail("it never came")


def test_without_a_loop_the_work_is_done_at_once():
    found, problems = [], []
    rest = WhenAtRest(60)
    rest.ask(lambda wanted: wanted() and 3, found.append, fail)
    rest.ask(lambda _: 1 / 0, found.append, problems.append)
    assert found == [3] and isinstance(problems[0], ZeroDivisionError)


def test_work_that_gives_up_of_itself_has_no_result():
    WhenAtRest(0).ask(lambda _: fail(AbandonedError), pytest.fail, pytest.fail)


def test_only_the_last_piece_is_done_and_in_a_thread():
    found, began = [], []

    async def turns():
        rest = WhenAtRest(0.05)
        for number in range(5):
            rest.ask(
                lambda _, n=number: began.append((n, threading.current_thread())) or n,
                lambda n: found.append((n, threading.current_thread())),
                fail,
            )
        assert not began
        await until(lambda: found)

    asyncio.run(turns())
    ((number, thread),) = began
    assert number == 4 and thread is not threading.main_thread()
    assert found == [(4, threading.main_thread())]


def test_a_newer_piece_stops_the_one_before_and_drops_its_result():
    found, stopped, running = [], [], threading.Event()

    def long(wanted):
        running.set()
        while wanted():
            pass
        stopped.append(True)
        raise AbandonedError

    async def turns():
        rest = WhenAtRest(0)
        rest.ask(long, found.append, fail)
        await until(running.is_set)
        rest.ask(lambda _: "new", found.append, fail)
        await until(lambda: found and stopped)

    asyncio.run(turns())
    assert found == ["new"]


def test_beside_a_students_cells_no_random_number_is_drawn_or_put_back():
    made, half, drawn = [], threading.Event(), threading.Event()

    def wanted():
        half.set()
        return drawn.wait(10)

    torch.manual_seed(1)
    torch.rand(5)
    expected = torch.get_rng_state()
    torch.manual_seed(1)
    work = lambda: made.append(Inside(building.with_weights(build, {}), IMAGE, wanted))  # noqa: E731
    thread = threading.Thread(target=work)
    thread.start()
    assert half.wait(10)
    torch.rand(5)  # what a cell draws meanwhile
    drawn.set()
    thread.join()
    assert torch.equal(torch.get_rng_state(), expected)
    assert len(made) == 1


def test_weights_of_the_lab_are_initialized_as_the_builder_does_it():
    net = building.with_weights(build, {"width": 64})
    again = building.with_weights(build, {"width": 64})
    weight = net[0].weight.detach()
    assert torch.equal(weight, again[0].weight) and not weight.is_meta
    assert 0.3 < float(weight.abs().max()) <= 1 / 3  # uniform up to 1 / √9
