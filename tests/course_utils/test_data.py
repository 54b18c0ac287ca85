import gzip
import hashlib
import socket
import struct
import subprocess
import sys
import threading
import urllib.request
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.error import URLError

import matplotlib as mpl
import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.datasets import FashionMNIST
from torchvision.transforms import Resize, ToTensor

from course_utils import data
from course_utils.data import best_device, digits, fashion_mnist

ONE_LEVEL = 1.001 / 255  # PIL rounds twice, by half a level each time
SAMPLE = Path(__file__).resolve().parents[3] / "shared" / "data"
COUNTS = {"train": 70, "t10k": 30}


def idx(array):
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return header + array.astype(np.uint8).tobytes()


def files(seed=0):
    """A tiny set in Fashion-MNIST's own format: name -> bytes. Pixel 0 repeats the label."""
    rng, content = np.random.default_rng(seed), {}
    for part, count in COUNTS.items():
        images, labels = rng.integers(0, 256, (count, 28, 28)), rng.integers(0, 10, count)
        images[:, 0, 0] = labels
        content[f"{part}-images-idx3-ubyte"] = idx(images)
        content[f"{part}-labels-idx1-ubyte"] = idx(labels)
    return content


@pytest.fixture
def raw(tmp_path):
    folder = tmp_path / "data" / "FashionMNIST" / "raw"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def root(raw):
    for name, content in files().items():
        (raw / name).write_bytes(content)
    return raw.parents[1]


@pytest.fixture
def offline(monkeypatch):
    def refuse(*_, **__):
        raise URLError("no network")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)


class Server(BaseHTTPRequestHandler):
    """Stands for Fashion-MNIST's server. What is in `cut` breaks off half-way."""

    packed: ClassVar[dict[str, bytes]] = {
        f"{name}.gz": gzip.compress(content, mtime=0) for name, content in files().items()
    }
    cut: ClassVar[set[str]] = set()

    def do_GET(self):
        content = self.packed[self.path[1:]]
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content[: 100 if self.path[1:] in self.cut else None])

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    md5s = [(name, hashlib.md5(packed).hexdigest()) for name, packed in Server.packed.items()]  # noqa: S324
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as http:
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        monkeypatch.setattr(FashionMNIST, "resources", md5s)
        monkeypatch.setattr(FashionMNIST, "mirrors", [f"http://127.0.0.1:{http.server_port}/"])
        monkeypatch.setattr(Server, "cut", set())
        threading.Thread(target=http.serve_forever, args=[0.01], daemon=True).start()
        yield Server
        http.shutdown()


def pil(images, size):
    resized = [Resize(size)(Image.fromarray(image)) for image in images]
    return torch.stack([ToTensor()(image) for image in resized])


# Digits


def test_digits_come_in_batches_of_float_images_and_labels():
    train, test = digits(batch_size=64, size=32, device="cpu")
    assert (len(train), len(test)) == (23, 6)
    batches = list(train)
    assert len(batches) == 23
    assert [len(y) for _, y in batches] == [64] * 22 + [29]
    for X, y in batches:
        assert X.shape[1:] == (1, 32, 32)
        assert (X.dtype, y.dtype) == (torch.float32, torch.int64)
        assert X.min() >= 0
        assert 0.9 < X.max() <= 1


def test_digits_split_is_fixed_stratified_and_whole():
    train, test = digits(size=8, device="cpu", seed=0)
    again = digits(size=8, device="cpu", seed=5)
    assert torch.equal(test.images, again[1].images)
    assert torch.equal(train.images, again[0].images)
    assert test.labels[:12].tolist() == FIRST_TEST_LABELS
    assert all(35 <= n <= 37 for n in Counter(test.labels.tolist()).values())
    both = torch.cat([train.images, test.images]).reshape(-1, 64) * 16
    ours = sorted(
        map(
            tuple,
            torch.cat([both, torch.cat([train.labels, test.labels])[:, None]], 1).int().tolist(),
        )
    )
    from sklearn.datasets import load_digits  # imported by the worker that needs it

    real = load_digits()
    assert ours == sorted(map(tuple, np.c_[real.data, real.target].astype(int).tolist()))


FIRST_TEST_LABELS = [7, 6, 3, 7, 7, 3, 2, 8, 9, 3, 2, 6]


def test_standardized_digits_differ_by_a_shift_and_a_scale():
    (train, test), (usual, _) = digits(standardize=True, device="cpu"), digits(device="cpu")
    assert train.images.mean().item() == pytest.approx(0, abs=1e-5)
    assert train.images.std().item() == pytest.approx(1)
    mean, std = usual.images.mean(), usual.images.std()
    assert torch.allclose(train.images * std + mean, usual.images, atol=1e-6)
    assert abs(test.images.mean()) > 1e-4  # by the training images' mean, not by its own


def test_training_order_is_new_each_epoch_and_repeats_with_the_seed():
    def orders(seed):
        train, _ = digits(size=8, device="cpu", seed=seed)
        return [torch.cat([X for X, _ in train]) for _ in range(2)]

    first, second = orders(0)
    assert not torch.equal(first, second)
    assert all(map(torch.equal, orders(0), (first, second)))
    assert not torch.equal(orders(1)[0], first)
    assert torch.equal(first.flatten(1).sort(0)[0], second.flatten(1).sort(0)[0])  # the same images


def test_test_order_stays():
    _, test = digits(size=8, device="cpu")
    assert torch.equal(torch.cat([X for X, _ in test]), test.images)
    assert torch.equal(torch.cat([y for _, y in test]), test.labels)


# photographs


def test_a_photograph_is_the_middle_square_seen_from_afar():
    from sklearn.datasets import load_sample_image

    small, whole = (data.photograph("flower.jpg", size) for size in (32, 427))
    assert small.shape == (1, 3, 32, 32) and 0 <= small.min() < 0.1 and 0.9 < small.max() <= 1
    middle = torch.tensor(load_sample_image("flower.jpg"))[:, 106:533] / 255
    assert torch.allclose(whole[0].permute(1, 2, 0), middle, atol=1e-5)
    assert torch.allclose(small.mean((2, 3)), whole.mean((2, 3)), atol=0.01)
    others = [data.photograph(name) for name in ("cat.jpg", "china.jpg")]
    assert all(other.shape == small.shape for other in others)
    assert not any(torch.allclose(other, small, atol=0.1) for other in others)
    with pytest.raises(ValueError, match="dog"):
        data.photograph("dog.jpg")


# Fashion-MNIST


@pytest.mark.usefixtures("offline")
def test_fashion_mnist_reads_torchvisions_files(root):
    train, test = fashion_mnist(batch_size=32, size=28, root=root, device="cpu")
    assert (len(train), len(test)) == (3, 1)
    assert train.images.shape == (70, 1, 28, 28)
    assert train.classes[9] == "Ankle boot"
    for part in (train, test):
        X, y = (torch.cat(tensors) for tensors in zip(*part, strict=True))
        assert torch.equal((X[:, 0, 0, 0] * 255).round().long(), y)  # each image has its own label
        assert torch.equal(y.sort()[0], part.labels.sort()[0])


@pytest.mark.parametrize("size", [1, 14, 20, 28, 33, 96, 224])
def test_resized_images_are_pils(root, size):
    _, test = fashion_mnist(batch_size=7, size=size, root=root, device="cpu")
    ours = torch.cat([X for X, _ in test])
    assert ours.shape == (30, 1, size, size)
    assert (ours - pil(test.images[:, 0].numpy(), size)).abs().max() < ONE_LEVEL


def test_agrees_with_d2ls_loader(root, monkeypatch):
    from d2l import torch as d2l

    (root.parent / "notebooks").mkdir()
    monkeypatch.chdir(root.parent / "notebooks")
    monkeypatch.setattr(d2l, "get_dataloader_workers", lambda: 0)
    theirs = d2l.load_data_fashion_mnist(16, resize=96)
    ours = fashion_mnist(16, 96, root="../data", device="cpu")
    assert [len(part) for part in ours] == [len(part) for part in theirs]
    for (X, y), (X2, y2) in zip(ours[1], theirs[1], strict=True):
        assert X.shape == X2.shape
        assert (X - X2).abs().max() < ONE_LEVEL
        assert torch.equal(y, y2)


@pytest.mark.skipif(not SAMPLE.is_dir(), reason="the sample of real images is not here")
@pytest.mark.usefixtures("offline")
def test_the_real_sample():
    train, test = fashion_mnist(size=96, root=SAMPLE, device="cpu")
    assert (len(train.labels), len(test.labels)) == (750, 150)
    assert set(Counter(test.labels.tolist()).values()) == {15}
    X = torch.cat([X for X, _ in test])
    assert (X - pil(test.images[:, 0].numpy(), 96)).abs().max() < ONE_LEVEL


def test_resizing_gives_torchs_threads_back(root, monkeypatch):
    train, _ = fashion_mnist(root=root, device="cpu")
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        next(iter(train))
        assert torch.get_num_threads() == 2
        monkeypatch.setattr(train, "resize", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            next(iter(train))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)


# What can go wrong


@pytest.mark.parametrize("load", [digits, fashion_mnist])
@pytest.mark.parametrize("value", [0, -3, 2.5, "32", True, None])
@pytest.mark.parametrize("name", ["batch_size", "size"])
def test_sizes_must_be_whole_numbers(load, name, value):
    with pytest.raises(ValueError, match=rf"^{name} is {value!r}, but it must be a whole number"):
        load(**{name: value})


@pytest.mark.usefixtures("server")
def test_downloads_once_and_leaves_only_the_files(raw, monkeypatch):
    train, _ = fashion_mnist(root=raw.parents[1], device="cpu")
    assert len(train.labels) == 70
    assert {path.name: path.read_bytes() for path in raw.iterdir()} == files()
    monkeypatch.setattr(FashionMNIST, "mirrors", ["http://127.0.0.1:9/"])
    fashion_mnist(root=raw.parents[1], device="cpu")


@pytest.mark.usefixtures("offline")
def test_offline_says_which_files_go_where(raw):
    (raw / "t10k-labels-idx1-ubyte").write_bytes(files()["t10k-labels-idx1-ubyte"])
    with pytest.raises(FileNotFoundError) as caught:
        fashion_mnist(root=raw.parents[1])
    message = str(caught.value)
    assert str(raw) in message
    assert "no network" in message
    assert "zalandoresearch" in message
    assert "train-images-idx3-ubyte.gz" in message
    assert "t10k-labels" not in message  # that one is there
    assert [path.name for path in raw.iterdir()] == ["t10k-labels-idx1-ubyte"]


@pytest.mark.usefixtures("offline")
def test_offline_message_for_the_courses_folder_names_no_machine_path(tmp_path, monkeypatch):
    monkeypatch.setattr(data, "COURSE_DATA", tmp_path / "data")
    with pytest.raises(FileNotFoundError, match="in the course's folder") as caught:
        fashion_mnist()
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.usefixtures("offline")
def test_files_put_there_by_hand_need_no_network(raw, server):
    for name, packed in server.packed.items():
        (raw / name).write_bytes(packed)
    assert len(fashion_mnist(root=raw.parents[1], device="cpu")[1].labels) == 30


@pytest.mark.usefixtures("offline")
def test_a_damaged_file_put_there_by_hand_is_not_used(raw, server):
    for name, packed in server.packed.items():
        (raw / name).write_bytes(packed[:-20])
    with pytest.raises(FileNotFoundError):
        fashion_mnist(root=raw.parents[1])
    assert not list(raw.glob("*ubyte"))


def test_half_a_download_does_not_poison_the_next_try(raw, server):
    server.cut.add("t10k-images-idx3-ubyte.gz")
    with pytest.raises(FileNotFoundError, match=r"put t10k-images-idx3-ubyte\.gz, t10k-labels"):
        fashion_mnist(root=raw.parents[1])
    server.cut.clear()
    assert len(fashion_mnist(root=raw.parents[1], device="cpu")[1].labels) == 30
    assert {path.name for path in raw.iterdir()} == set(files())


@pytest.mark.usefixtures("server")
def test_stopping_while_a_file_is_unpacked_leaves_nothing_behind(raw, monkeypatch):
    def stopped(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("torchvision.datasets.utils.extract_archive", stopped)
        with pytest.raises(KeyboardInterrupt):
            fashion_mnist(root=raw.parents[1])
    assert not list(raw.iterdir())


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("keep", [0, 3, 10, 2000])
def test_a_cut_file_is_fetched_again(root, keep):
    image_file = root / "FashionMNIST" / "raw" / "train-images-idx3-ubyte"
    whole = image_file.read_bytes()
    image_file.write_bytes(whole[:keep])
    fashion_mnist(root=root, device="cpu")
    assert image_file.read_bytes() == whole


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(("place", "value"), [(0, 1), (2, 13), (3, 2)])
def test_a_file_of_another_kind_is_fetched_anew(root, place, value):
    image_file = root / "FashionMNIST" / "raw" / "train-images-idx3-ubyte"
    whole = image_file.read_bytes()
    image_file.write_bytes(whole[:place] + bytes([value]) + whole[place + 1 :])
    fashion_mnist(root=root, device="cpu")
    assert image_file.read_bytes() == whole


@pytest.mark.parametrize("before", [None, 77.0])
def test_a_silent_network_ends_and_other_sockets_are_left_alone(raw, monkeypatch, before):
    seen = []

    def stalls(*_, **__):
        seen.append(socket.getdefaulttimeout())
        raise TimeoutError

    monkeypatch.setattr("torchvision.datasets.utils.download_and_extract_archive", stalls)
    usual = socket.getdefaulttimeout()
    socket.setdefaulttimeout(before)
    try:
        with pytest.raises(FileNotFoundError):
            fashion_mnist(root=raw.parents[1])
        assert seen == [30] and socket.getdefaulttimeout() == before
    finally:
        socket.setdefaulttimeout(usual)


def test_swapped_files_are_named(root):
    raw = root / "FashionMNIST" / "raw"
    (raw / "train-labels-idx1-ubyte").write_bytes(files()["t10k-labels-idx1-ubyte"])
    with pytest.raises(ValueError, match="70 images, but 30 labels"):
        fashion_mnist(root=root, device="cpu")


# Around it


def test_repr_is_the_same_on_every_device():
    train, test = digits(device="cpu")
    assert repr(train) == "digits, train: 1,437 images 1×32×32, 10 classes, 23 batches of 64"
    assert repr(test) == "digits, test: 360 images 1×32×32, 10 classes, 6 batches of 64"


def test_best_device_prefers_a_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert best_device() == torch.device("cpu")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert best_device() == torch.device("mps")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert best_device() == torch.device("cuda")


def test_the_books_train_ch6_takes_the_loaders_as_they_are(capsys):
    mpl.use("Agg")
    from d2l import torch as d2l

    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(256, 10))
    train, test = digits(batch_size=32, size=16, device="cpu")
    d2l.train_ch6(net, train, test, num_epochs=1, lr=0.5, device="cpu")
    assert d2l.evaluate_accuracy_gpu(net, test) > 0.8
    assert "train acc" in capsys.readouterr().out


def test_importing_the_loaders_is_light():
    heavy = "torchvision d2l sklearn matplotlib pandas IPython ipywidgets"
    code = f"""if True:
        import sys, course_utils.data, course_utils.training
        assert not set({heavy.split()}) & set(sys.modules), sorted(sys.modules)"""
    subprocess.run([sys.executable, "-c", code], check=True)
