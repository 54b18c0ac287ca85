"""A student's builder, called without a disturbance of anything, and what it may be given."""

import gc
import random
from threading import Thread

import pytest
import torch
from against_pytorch import surroundings
from torch import nn

from layerwise.tracing import building
from layerwise.tracing.building import accepted, arguments, run, shape_of, sized

IMAGE = (2, 3, 8, 8)


def conv(channels=4):
    return nn.Conv2d(3, channels, 3)


def test_a_builder_leaves_every_random_state_as_it_was():
    def build():
        random.random()  # noqa: S311
        torch.manual_seed(3)
        return nn.Sequential(nn.Conv2d(3, 4, 3), nn.Dropout())

    def reads_values():
        weight = torch.rand(3)
        random.random()  # noqa: S311
        return nn.Conv2d(3, 4 if weight.sum() < 9 else 5, 3)

    for builder in (build, reads_values):
        before = surroundings()
        assert run(builder, IMAGE, {}).failure is None
        assert surroundings() == before


class ReadsPixels(nn.Module):
    def forward(self, x):
        return x if x.sum() > 0 else -x


def wrong_channels():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 3))


def shared():
    layer = nn.Conv2d(3, 3, 3)
    return nn.Sequential(layer, layer)


def not_built():
    return nn.Conv2d(3, 4)


@pytest.mark.parametrize("build", [conv, ReadsPixels, wrong_channels, shared, not_built])
def test_a_try_leaves_nothing_to_the_collection_of_garbage(build):
    run(build, IMAGE, {})
    gc.collect()
    gc.freeze()  # what other tests hold is no concern of the collection below
    gc.disable()
    try:
        run(build, IMAGE, {})
        assert gc.collect() == 0
    finally:
        gc.enable()


@pytest.mark.parametrize("build", [wrong_channels, not_built])
def test_an_error_that_is_being_handled_meanwhile_keeps_its_traceback(build):
    def meanwhile():
        try:
            1 / 0  # noqa: B018  it raises
        except ZeroDivisionError:
            assert run(build, IMAGE, {}).failure
            raise

    with pytest.raises(ZeroDivisionError) as caught:
        meanwhile()
    assert "1 / 0" in str(caught.traceback[-1].statement)


def test_the_network_has_no_numbers_unless_its_builder_reads_them():
    assert next(building.network(conv, {"channels": 5}).parameters()).is_meta

    def scaled():
        layer = conv()
        layer.scale = float(layer.weight.detach().sum())
        return layer

    assert not next(building.network(scaled, {}).parameters()).is_meta
    with pytest.raises(ZeroDivisionError):
        building.network(lambda: conv(1 // 0), {})


def test_no_weight_is_initialized_on_the_way():
    def build():
        layer = conv()
        assert nn.init.kaiming_uniform_(layer.weight) is layer.weight
        assert nn.init.zeros_(tensor=layer.bias) is layer.bias
        return nn.Sequential(layer.half())

    assert run(build, (IMAGE, torch.float16), {}).failure is None


def test_a_run_knows_each_parameter_that_was_made_on_the_way():
    def build():
        nn.Linear(2, 3)  # discarded
        another = Thread(target=nn.Linear, args=(5, 6))  # the cell of another lab, say
        another.start()
        another.join()
        return nn.Linear(2, 4, bias=False)

    outcome = building.run(build, (1, 2), {})
    assert [tuple(p.shape) for p in outcome.made] == [(3, 2), (3,), (4, 2)]
    assert outcome.made[-1] is outcome.net.weight
    nn.Linear(7, 8)
    assert len(outcome.made) == 3


def test_what_a_builder_must_return():
    class Net(nn.Module):
        pass

    for made, says in [
        (None, "build returns nothing: its last line must be `return net`"),
        (Net, "build returns the class Net, not a network: call it, Net()"),
        (7, "build must return a network (nn.Module), not 7"),
    ]:

        def build(made=made):
            return made

        trace, failure = run(build, IMAGE, {})
        assert trace is None and (failure.stage, failure.message) == ("build", says)


@pytest.mark.parametrize(
    ("given", "size", "found"),
    [
        (IMAGE, None, IMAGE),
        (IMAGE, 5, (2, 3, 5, 5)),
        (IMAGE, (5, 6), (2, 3, 5, 6)),
        (IMAGE, [5, 6], (2, 3, 5, 6)),
        ((2, 3, 8), 5, (2, 3, 5)),
        ((IMAGE, torch.int64), 5, ((2, 3, 5, 5), torch.int64)),
    ],
)
def test_an_input_size_sets_rows_and_columns(given, size, found):
    assert sized(given, size) == found


def test_a_tensor_of_another_size_keeps_its_type():
    made = sized(torch.zeros(IMAGE, dtype=torch.float16), 5)
    assert (made.shape, made.dtype) == ((2, 3, 5, 5), torch.float16)


@pytest.mark.parametrize(
    ("given", "size", "says"),
    [
        ((2, 3), 5, "an input_size of 5 sets the last axes of the input, but the input shape is"),
        ((2, 3), (), "sets the last axes of the input"),
        (IMAGE, (5, 6, 7), "give one of batch, channels, rows and columns"),
        (IMAGE, -5, "an input_size is a whole number, or one for each axis, not -5"),
        (IMAGE, 2.5, "an input_size is a whole number"),
        ([IMAGE, IMAGE], 5, "can change one input only, given as a shape or a tensor"),
        ((IMAGE, 7), 5, "can change one input only"),
    ],
)
def test_an_input_size_that_cannot_be(given, size, says):
    with pytest.raises(ValueError, match=says):
        sized(given, size)
    trace, failure = run(conv, given, {"input_size": size})
    assert trace is None and failure.stage == "input"


def test_an_input_size_goes_to_a_builder_that_asks_for_it():
    def asks(input_size=8):
        """Never called here."""

    def takes_all(**choices):
        """Never called here."""

    size = {"input_size": 5}
    assert accepted(asks, size) == accepted(takes_all, size) == size
    assert accepted(conv, size | {"channels": 4}) == {"channels": 4}
    assert run(conv, IMAGE, size).trace.inputs == ((2, 3, 5, 5),)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (IMAGE, ((IMAGE,), {})),
        ([2, 3], (([2, 3],), {})),
        ([IMAGE, IMAGE], ((IMAGE, IMAGE), {})),
        ({"x": IMAGE}, ((), {"x": IMAGE})),
    ],
)
def test_a_dict_is_keywords_and_a_list_of_inputs_several(given, found):
    assert arguments(given) == found


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (IMAGE, IMAGE),
        ([2, 3], (2, 3)),
        (torch.zeros(2, 3), (2, 3)),
        ((IMAGE, torch.int64), IMAGE),
        ([IMAGE, (1, 2)], IMAGE),
        ({"x": (1, 2), "y": IMAGE}, (1, 2)),
        ([], ()),
        ("image", ()),
    ],
)
def test_the_shape_of_an_input_is_that_of_its_first(given, found):
    assert shape_of(given) == found


@pytest.mark.parametrize(
    ("build", "given", "says"),
    [
        (conv(), IMAGE, r"lab needs a function that builds a network, such as lambda: Conv2d\("),
        (7, IMAGE, "lab needs a function that builds a network, not 7"),
        (conv, 224, "224"),
        (conv, (1.5, 2), r"\(1.5, 2\)"),
        (conv, torch.zeros(2, 3).numpy(), r"ndarray: give its shape, \(2, 3\), or torch.from_nump"),
    ],
)
def test_a_call_that_cannot_work_is_refused(build, given, says):
    with pytest.raises(TypeError, match=says):
        building.check_call(build, given, "lab")
    building.check_call(conv, IMAGE, "lab")
