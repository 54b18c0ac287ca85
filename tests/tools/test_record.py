"""tools/record.py on photographs that are noise: enough to see that a run is kept whole."""

import io
import json
import zipfile

import pytest
import record
import torch
from PIL import Image

from course_utils import recorded, training

CLASSES = ("bird", "cat")


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where the runs of a test are written and read; it trains on the CPU."""
    monkeypatch.setattr(record, "best_device", lambda: torch.device("cpu"))
    monkeypatch.setattr(record, "BUILD", tmp_path / "build")
    monkeypatch.setattr(record, "RECORDED", tmp_path / "recorded")
    monkeypatch.setattr(recorded, "FOLDERS", (tmp_path / "recorded",))
    return tmp_path


@pytest.fixture
def jpegs(folder):
    """A zip of 200 photographs that train and 20 that test: birds are dark, cats are light."""
    path, random = folder / "photos.zip", torch.Generator().manual_seed(0)
    with zipfile.ZipFile(path, "w") as file:
        for part, count in (("train", 100), ("test", 10)):
            for label, name in enumerate(CLASSES):
                for number in range(count):
                    pixels = torch.randint(100, (32, 32, 3), generator=random) + 120 * label
                    data = io.BytesIO()
                    Image.fromarray(pixels.to(torch.uint8).numpy()).save(data, "JPEG")
                    file.writestr(f"{part}/{name}/{number:04}.jpg", data.getvalue())
    return path


def call(jpegs, *more, name="lenet", epochs=2):
    record.main([name, "--data", str(jpegs), "--epochs", str(epochs), *more])


def test_a_zip_is_read_with_its_labels_and_once(jpegs, monkeypatch):
    data = record.photographs(jpegs)
    assert data.classes == list(CLASSES)
    images, labels = data.train
    assert images.shape == (200, 3, 32, 32) and images.dtype == torch.uint8
    assert labels.tolist() == [0] * 100 + [1] * 100
    assert images[:100].float().mean() < 100 < images[100:].float().mean()
    monkeypatch.setattr(record, "from_zip", None)  # a second reading would raise
    assert torch.equal(record.photographs(jpegs).test[0], data.test[0])


def test_what_a_run_writes_is_what_a_lesson_reads(jpegs, folder):
    call(jpegs, "--note", "shared with other work", name="batch_norm_lenet", epochs=8)
    net, run = recorded.load("batch_norm_lenet")
    assert len(run) == run.epochs == 8 and run.photographs == 200 and run.images == 1600
    assert run.device == "CPU, 1 thread, shared with other work"
    assert run.params == sum(p.numel() for p in net.parameters())
    counted = torch.tensor(run.confusion)
    assert counted.shape == (2, 2) and counted.sum(1).tolist() == [10, 10]
    assert counted.diag().sum() / 20 == run.test_acc[-1] > 0.8
    data = record.photographs(jpegs)
    images, labels = data.test
    X, _ = next(iter(record.loaders(data, 200, torch.device("cpu"))[1]))
    assert torch.allclose(run.prepare(images / 255), X, atol=1e-3)  # the file rounds
    answers = net(run.prepare(images / 255)).argmax(1)  # weights of half precision
    assert (answers == labels).float().mean().item() == pytest.approx(run.test_acc[-1], abs=0.1)
    assert str(folder) not in (folder / "recorded" / "batch_norm_lenet.json").read_text()


def test_an_interrupted_run_goes_on_and_ends_as_if_it_had_not_been(jpegs, folder, monkeypatch):
    call(jpegs, epochs=3)
    whole = json.loads((folder / "recorded/lenet.json").read_text())
    for file in (folder / "build").glob("lenet*"):
        file.unlink()
    (folder / "recorded/lenet.json").unlink()

    measured = training.evaluate

    def interrupted(net, loader):
        monkeypatch.setattr(
            training, "evaluate", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)
        )
        return measured(net, loader)

    monkeypatch.setattr(training, "evaluate", interrupted)
    call(jpegs, epochs=3)
    assert len(recorded.run("lenet")) == 1  # told after every epoch
    tested = []
    monkeypatch.setattr(training, "evaluate", lambda *of: tested.append(of) or measured(*of))
    call(jpegs, epochs=3)
    assert len(tested) == 2  # the first epoch is not trained again
    again = json.loads((folder / "recorded/lenet.json").read_text())
    assert again | {"seconds": 0} == whole | {"seconds": 0}


def test_in_half_precision_a_network_learns_as_it_does_otherwise(jpegs):
    losses = []
    for more in ((), ("--bf16",)):
        call(jpegs, *more, name="batch_norm_lenet", epochs=4)
        losses.append(recorded.run("batch_norm_lenet").train_loss)
    assert losses[0] != losses[1] and losses[0][-1] < 0.5 * losses[0][0]
    assert losses[1] == pytest.approx(losses[0], rel=0.1)


def test_the_rate_rises_then_falls_to_zero_and_survives_a_checkpoint():
    weight = torch.nn.Parameter(torch.ones(1))
    rates, optimizer = [], record.WarmCosine([weight], 1.0, steps=20)
    for _ in range(20):
        weight.grad = torch.zeros(1)
        optimizer.step()
        rates.append(optimizer.param_groups[0]["lr"])
        other = record.WarmCosine([weight], 1.0, steps=20)
        other.load_state_dict(optimizer.state_dict())
        optimizer = other
    assert rates[:3] == [0.5, 1.0, 1.0]
    assert rates[2:] == sorted(rates[2:], reverse=True) and 0 < rates[-1] < 0.01


def test_images_are_moved_and_mirrored_and_nothing_else():
    torch.manual_seed(0)
    image = torch.arange(1.0, 1 + 3 * 32 * 32).view(1, 3, 32, 32)
    moved = record.shifted_and_flipped(image.expand(64, -1, -1, -1))
    assert moved.shape == (64, 3, 32, 32) and moved.is_contiguous()
    padded = torch.nn.functional.pad(image[0], (4,) * 4)
    windows = [padded[:, r : r + 32, c : c + 32] for r in range(9) for c in range(9)]
    allowed = torch.stack(windows + [window.flip(2) for window in windows])
    found = [(allowed == one).flatten(1).all(1).nonzero().item() for one in moved]
    assert len(set(found)) > 20 and min(found) < 81 <= max(found)


@pytest.mark.parametrize("name", record.RECIPES)
def test_every_network_reads_a_photograph_and_answers_with_ten_logits(name):
    with torch.no_grad():
        net = record.initialized(name, seed=0).eval()
        assert net(torch.rand(2, 3, 32, 32)).shape == (2, 10)


def test_plain_and_residual_networks_differ_by_the_shortcuts_alone():
    plain, residual = (
        {
            key: value
            for key, value in record.initialized(name, seed=0).named_parameters()
            if "shortcut" not in key
        }
        for name in ("plain20", "resnet20")
    )
    assert [p.shape for p in plain.values()] == [p.shape for p in residual.values()]
    assert sum(p.dim() == 4 for p in plain.values()) == 19  # and a linear layer: 20
