import math

import pytest
import torch
from torch import nn

from course_utils import data, experiments
from course_utils.experiments import at_full_size, initialize, print_runs, runs
from course_utils.training import History, fit


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def loaders():
    return data.digits(batch_size=200, size=8, device="cpu")


def build():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))


def test_a_run_for_each_seed_that_another_call_repeats(loaders):
    found, again = (runs(build, *loaders, seeds=(0, 7), epochs=2, lr=0.5) for _ in range(2))
    assert list(found) == found.histories == again.histories
    assert found.histories[0] != found.histories[1]
    assert not torch.equal(found.nets[0][1].weight, found.nets[1][1].weight)
    torch.manual_seed(7)
    alone = build()
    assert fit(alone, *loaders, epochs=2, lr=0.5, seed=7) == found.histories[1]
    assert torch.equal(alone[1].weight, found.nets[1][1].weight)


def test_the_environment_may_ask_for_fewer_seeds(loaders, monkeypatch):
    monkeypatch.setenv("COURSE_SEEDS", "1")
    found = runs(build, *loaders, seeds=(4, 7), epochs=1)
    assert (found.seeds, len(found.nets), len(found.histories)) == ((4,), 1, 1)
    monkeypatch.setenv("COURSE_SEEDS", "5")
    assert runs(build, *loaders, seeds=(4, 7), epochs=1).seeds == (4, 7)
    for wrong in ("0", "two"):
        monkeypatch.setenv("COURSE_SEEDS", wrong)
        with pytest.raises(ValueError, match=r"COURSE_SEEDS is .+, but it must be a whole number"):
            runs(build, *loaders, epochs=1)


def test_the_numbers_are_printed_a_kind_a_row(capsys):
    good, bad = History([0.1], [1.0], [0.987]), History([2.3], [0.1], [0.1])
    print_runs({"ReLU": [good, good], "sigmoid": [bad]})
    print_runs({"ReLU": [good]}, "train_loss")
    assert capsys.readouterr().out.splitlines() == [
        "ReLU       0.99    0.99",
        "sigmoid    0.10",
        "ReLU    0.10",
    ]


def test_initialization_draws_every_weight_and_no_bias():
    net = nn.Sequential(nn.Conv2d(8, 64, 3), nn.Sequential(nn.Linear(64, 200)), nn.BatchNorm1d(200))
    biases = [net[0].bias.clone(), net[1][0].bias.clone()]
    assert initialize(net) is net
    for layer, fan_in in ((net[0], 72), (net[1][0], 64)):
        assert layer.weight.std().item() == pytest.approx((2 / fan_in) ** 0.5, rel=0.05)
    assert torch.equal(net[0].bias, biases[0]) and torch.equal(net[1][0].bias, biases[1])
    assert (net[2].weight == 1).all()
    initialize(net, nn.init.zeros_)
    assert not net[0].weight.any() and not net[1][0].weight.any()


def test_full_size_is_skipped_without_a_gpu(monkeypatch, capsys):
    monkeypatch.setattr(experiments, "best_device", lambda: torch.device("cpu"))
    monkeypatch.setattr(experiments, "fashion_mnist", None)
    assert at_full_size(build(), lr=0.1) is None
    assert "Skipped" in capsys.readouterr().out


def test_full_size_says_what_is_missing(monkeypatch, capsys):
    def missing(*_):
        raise FileNotFoundError("Fashion-MNIST is not complete")

    monkeypatch.setattr(experiments, "best_device", lambda: torch.device("cpu"))
    monkeypatch.setattr(experiments, "fashion_mnist", missing)
    assert at_full_size(build(), lr=0.1, even_on_cpu=True) is None
    assert capsys.readouterr().out == "Fashion-MNIST is not complete\n"


def test_full_size_trains_as_fit_does(monkeypatch, loaders):
    asked = []
    monkeypatch.setattr(experiments, "best_device", lambda: torch.device("cpu"))
    monkeypatch.setattr(experiments, "fashion_mnist", lambda *given: asked.append(given) or loaders)
    monkeypatch.setattr(experiments.os, "cpu_count", lambda: 3)
    history = at_full_size(build(), size=96, epochs=2, lr=0.5, even_on_cpu=True)
    assert len(history) == 2 and asked == [(128, 96)]
    assert torch.get_num_threads() == 3
    monkeypatch.setattr(experiments.os, "cpu_count", lambda: None)  # some systems do not say
    at_full_size(build(), size=96, epochs=1, lr=0.5, even_on_cpu=True)
    assert torch.get_num_threads() == 1


def test_who_interrupts_a_run_interrupts_all_of_them(loaders):
    begun = []

    class Interrupting:
        def __iter__(self):
            begun.append(1)
            raise KeyboardInterrupt

        def __len__(self):
            return 1

    with pytest.raises(KeyboardInterrupt):
        runs(build, Interrupting(), loaders[1], epochs=2)
    assert len(begun) == 1


def test_a_loss_that_is_no_number_ends_its_own_run_alone(loaders):
    def broken():
        net = build()
        nn.init.constant_(net[1].weight, math.nan)
        return net

    found = runs(broken, *loaders, epochs=3)
    assert len(found.nets) == 3 and all(run.stopped and not run.interrupted for run in found)


def test_a_run_without_an_epoch_is_printed_as_none(capsys):
    print_runs({"a": [History(), History(test_acc=[0.5])]})
    assert capsys.readouterr().out.split() == ["a", "–", "0.50"]
