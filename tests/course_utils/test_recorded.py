import json
import math
from dataclasses import replace
from pathlib import Path
from pickle import UnpicklingError

import pytest
import torch

from course_utils import recorded

FOLDER = Path(__file__).parents[2] / "notebooks" / "recorded"
RUNS = sorted(path.stem for path in FOLDER.glob("*.json"))
WEIGHTS = sorted(path.stem for path in FOLDER.glob("*.pt"))


@pytest.mark.parametrize("name", RUNS)
def test_a_recorded_run_is_whole(name):
    run = recorded.run(name)
    assert run.name == name and len(run) == run.epochs == len(run.train_loss) == len(run.train_acc)
    assert run.images == run.epochs * run.photographs and run.seconds > 0 and not run.stopped
    assert all(map(math.isfinite, run.train_loss)) and run.test_acc[-1] > 0.2
    assert run.params == sum(p.numel() for p in run.build().parameters())
    counted = torch.tensor(run.confusion)
    assert counted.sum(1).tolist() == [1000] * 10
    assert counted.diag().sum() / 10_000 == pytest.approx(run.test_acc[-1], abs=1e-4)
    assert {"python", "torch"} <= run.versions.keys() and run.device and run.settings["lr"] > 0
    assert "/" not in run.device + json.dumps(run.versions)
    assert f"test accuracy {run.test_acc[-1]:.2f}" in repr(run) and run.device in repr(run)


@pytest.mark.parametrize("name", WEIGHTS)
def test_weights_load_into_their_network(name):
    net, run = recorded.load(name)
    assert run.name == name and not net.training
    stored = torch.load(FOLDER / f"{name}.pt", weights_only=True)
    for key, value in net.state_dict().items():
        assert value.isfinite().all() and value.equal(stored[key].to(value.dtype))
    with torch.no_grad():
        scores = net(run.prepare(torch.rand(2, 3, 32, 32)))
    assert scores.isfinite().all() and not scores[0].equal(scores[1])


@pytest.mark.parametrize("name", ["depth", "initialization", "kernels"])
def test_curves_are_histories_a_seed_each(name):
    kinds = recorded.curves(name)
    assert len(kinds) > 1 and len({len(runs) for runs in kinds.values()}) == 1
    for run in (run for runs in kinds.values() for run in runs):
        assert len(run) == len(run.train_loss) == len(run.train_acc) > 0 and not run.stopped
        assert all(map(math.isfinite, run.train_loss))


@pytest.mark.parametrize(
    ("seconds", "told"), [(20, "1 minute on"), (80, "1 minute on"), (150, "2 minutes on")]
)
def test_a_run_tells_how_long_it_took(seconds, told):
    assert told in repr(replace(recorded.run(RUNS[0]), seconds=seconds))


def test_weights_that_would_run_code_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(recorded, "FOLDERS", (tmp_path,))
    torch.save({"weight": print}, tmp_path / "vgg.pt")
    with pytest.raises(UnpicklingError):
        recorded.load("vgg")


def test_all_weights_together_stay_small():
    assert sum(path.stat().st_size for path in FOLDER.glob("*.pt")) < 1_500_000


@pytest.mark.parametrize("read", [recorded.run, recorded.load, recorded.curves])
def test_an_unknown_name_is_told_with_those_that_are_there(read):
    with pytest.raises(ValueError, match=r"No vgg99\.(json|pt) among the recorded runs: \w"):
        read("vgg99")


def test_a_run_without_weights_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(recorded, "FOLDERS", (tmp_path,))
    (tmp_path / "vgg.pt").touch()
    with pytest.raises(ValueError, match=r"No plain20\.pt among the recorded runs: vgg"):
        recorded.load("plain20")
