"""Real images in batches: scikit-learn's digits and Fashion-MNIST.

Both data sets are held whole on the device where they are used. No worker process
decodes and resizes one image at a time, so a small network trains at its own speed.
"""

import math
import os
import shutil
import socket
import struct
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.client import HTTPException
from numbers import Integral
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

HERE = Path(__file__).resolve().parent
COURSE_DATA = HERE.parent / "data"
CAT = (
    HERE.parent / "images" / "cat.jpg",
    HERE / "_images" / "cat.jpg",
)  # of the sources, installed
FASHION_MNIST_HOME = "https://github.com/zalandoresearch/fashion-mnist, folder data/fashion"


def best_device() -> torch.device:
    """Return the fastest device here: a CUDA GPU, else Apple's MPS, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def whole_number(name: str, value: object) -> int:
    """`value` as an int; ValueError unless it is a whole number of at least 1."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise ValueError(f"{name} is {value!r}, but it must be a whole number of at least 1.")
    return int(value)


@dataclass(eq=False, repr=False, kw_only=True)
class Batches:
    """One part of a data set, served in batches. Iterate over it as often as you like.

    Each step gives `(X, y)` on `device`: X is batch × channels × size × size, float32; y is
    batch, int64. The last batch may be smaller. A training part comes in a new order each time;
    `generator` decides the orders, so a new loader with the same seed repeats them.

    `images` (N × channels × rows × columns, as stored), `labels` (N) and `classes` (the names) are
    there to be looked at and plotted.
    """

    name: str
    images: Tensor
    labels: Tensor
    classes: tuple[str, ...]
    batch_size: int
    size: int
    seed: int | None = None  # of the shuffling; None: always in the order of the data
    resize: Callable[[Tensor], Tensor] | None = None

    def __post_init__(self) -> None:
        if len(self.images) != len(self.labels):
            counts = f"{len(self.images):,} images, but {len(self.labels):,} labels"
            raise ValueError(f"{self.name}: {counts}. Each image needs one; are two files swapped?")
        self.batch_size = whole_number("batch_size", self.batch_size)
        self.device = self.labels.device
        self.generator = None if self.seed is None else torch.Generator().manual_seed(self.seed)

    def __len__(self) -> int:
        return math.ceil(len(self.labels) / self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        order = torch.arange(len(self.labels))
        if self.generator is not None:
            order = torch.randperm(len(order), generator=self.generator)
        for index in order.to(self.device).split(self.batch_size):
            yield self._batch(index)

    def _batch(self, index: Tensor) -> tuple[Tensor, Tensor]:
        with _one_thread():
            X, y = self.images.index_select(0, index), self.labels[index]
            return (X if self.resize is None else self.resize(X)), y

    def __repr__(self) -> str:
        shape = f"{self.images.shape[1]}×{self.size}×{self.size}"
        return (
            f"{self.name}: {len(self.labels):,} images {shape}, "
            f"{len(self.classes)} classes, {len(self)} batches of {self.batch_size}"
        )


def digits(
    batch_size: int = 64,
    size: int = 32,
    *,
    standardize: bool = False,
    device: torch.device | str | None = None,
    seed: int = 0,
) -> tuple[Batches, Batches]:
    """(train, test): scikit-learn's 1,797 handwritten digits, 8×8 pixels. No network needed.

    1,437 images train and 360 test, always the same ones, each class in equal share. They are
    resized to size × size once and kept as float32 in [0, 1]: 7 MB at 32 pixels, 360 MB at 224.
    `standardize` shifts and scales them to a mean of 0 and a standard deviation of 1 in training.
    `device` is best_device() unless given; `seed` decides the order of the training images.
    ValueError: batch_size or size is not a whole number of at least 1.
    """
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    size, device = whole_number("size", size), device or best_device()
    data = load_digits()
    images = torch.tensor(data.images, dtype=torch.float32).unsqueeze(1) / 16  # stored as 0 to 16
    images = F.interpolate(images, size=(size, size), mode="bilinear", antialias=True).clamp_(0, 1)
    labels = torch.tensor(data.target, dtype=torch.int64)
    split = train_test_split(
        range(len(labels)), test_size=360, stratify=data.target, random_state=0
    )

    if standardize:
        images = (images - images[split[0]].mean()) / images[split[0]].std()
    held = partial(Batches, classes=tuple("0123456789"), batch_size=batch_size, size=size)

    def part(name: str, index: list[int], seed: int | None) -> Batches:
        X, y = images[index].to(device), labels[index].to(device)
        return held(name=name, images=X, labels=y, seed=seed)

    return part("digits, train", split[0], seed), part("digits, test", split[1], None)


def photograph(name: str = "cat.jpg", size: int = 32) -> Tensor:
    """The middle of a photograph: 1 × 3 × size × size, in [0, 1].

    "cat.jpg" is the course's, of 256×256 pixels (Stefan van der Walt, CC0); "flower.jpg" and
    "china.jpg" are scikit-learn's, 427 pixels high. ValueError: there is none of that name.
    """
    if name == CAT[0].name:
        from matplotlib.image import imread

        pixels = imread(next(path for path in CAT if path.exists()))
    else:
        from sklearn.datasets import load_sample_image

        pixels = load_sample_image(name)
    image = torch.tensor(pixels).permute(2, 0, 1)[None] / 255
    side = min(image.shape[2:])
    top, left = ((length - side) // 2 for length in image.shape[2:])
    square = image[..., top : top + side, left : left + side]
    return F.interpolate(square, (size, size), mode="bilinear", antialias=True).clamp_(0, 1)


def fashion_mnist(
    batch_size: int = 256,
    size: int = 96,
    *,
    root: str | os.PathLike | None = None,
    device: torch.device | str | None = None,
    seed: int = 0,
) -> tuple[Batches, Batches]:
    """(train, test): Fashion-MNIST, 60,000 and 10,000 photographs of clothes, 28×28 pixels.

    Downloaded once (30 MB) and verified by torchvision, into `root`/FashionMNIST/raw. `root` is
    the folder data of the course unless given: what d2l calls ../data, seen from notebooks.
    Held as bytes (55 MB); each batch is resized to size × size as it is served, and differs by
    one grey level (1 / 255) at most from what d2l's loader gives, which rounds.
    ValueError: batch_size or size is not a whole number of at least 1, or files do not match.
    FileNotFoundError: not there, and no download; the message says which files go where.
    """
    size, batch_size = whole_number("size", size), whole_number("batch_size", batch_size)
    device = torch.device(device or best_device())
    root = COURSE_DATA if root is None else Path(root).expanduser()
    _download(root / "FashionMNIST" / "raw")
    from torchvision.datasets import FashionMNIST

    def part(name: str, train: bool) -> Batches:
        data = FashionMNIST(root, train=train)
        X, y = data.data.unsqueeze(1).to(device), data.targets.to(device)
        held = partial(Batches, classes=tuple(data.classes), batch_size=batch_size, size=size)
        resize = _resizer(X.shape[-1], size, device)
        return held(name=name, images=X, labels=y, seed=seed if train else None, resize=resize)

    return part("Fashion-MNIST, train", True), part("Fashion-MNIST, test", False)


def _resizer(old: int, new: int, device: torch.device) -> Callable[[Tensor], Tensor]:
    """uint8 N × 1 × old × old to float32 N × 1 × new × new in [0, 1], as PIL's bilinear filter.

    Each new pixel is a weighted mean of the old ones under a triangle: two matrix products.
    """
    scale = old / new
    distances = torch.arange(old) + 0.5 - ((torch.arange(new) + 0.5) * scale)[:, None]
    weights = (1 - distances.abs() / max(scale, 1)).clamp_(min=0)
    weights = (weights / weights.sum(1, keepdim=True)).to(device)
    return lambda images: weights @ (images / 255) @ weights.T


def _download(raw: Path) -> None:
    """Put each missing or incomplete file into `raw`, whole and verified, or raise."""
    from torchvision.datasets import FashionMNIST
    from torchvision.datasets.utils import download_and_extract_archive

    timeout = socket.getdefaulttimeout()
    socket.setdefaulttimeout(30)  # torchvision sets none: a silent network would hang the cell
    try:
        for name, md5 in _missing(raw).items():
            raw.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=raw) as folder:
                if (raw / name).is_file():  # put there by hand: verified below, not downloaded
                    shutil.copy(raw / name, folder)
                url = FashionMNIST.mirrors[0] + name
                download_and_extract_archive(url, folder, filename=name, md5=md5)
                os.replace(Path(folder, name).with_suffix(""), raw / Path(name).stem)
    except (OSError, RuntimeError, HTTPException) as error:
        raise FileNotFoundError(_by_hand(raw, error)) from error
    finally:
        socket.setdefaulttimeout(timeout)


def _missing(raw: Path) -> dict[str, str]:
    """Return the packed files to fetch, name -> MD5: those whose content `raw` does not hold."""
    from torchvision.datasets import FashionMNIST

    return {n: md5 for n, md5 in FashionMNIST.resources if not _is_whole(raw / Path(n).stem)}


def _by_hand(raw: Path, error: Exception) -> str:
    inside = raw.is_relative_to(COURSE_DATA)
    folder = f"{raw.relative_to(COURSE_DATA.parent)} in the course's folder" if inside else raw
    return (
        f"Fashion-MNIST is not complete in {folder}, and the download failed ({error}). "
        f"Connect to the network and try again, or put {', '.join(_missing(raw))} there by hand, "
        f"as they are, from {FASHION_MNIST_HOME}. digits() needs no download."
    )


def _is_whole(path: Path) -> bool:
    """Whether a file in IDX format has the length that its own header promises."""
    if not path.is_file():
        return False
    dims = 3 if "images" in path.name else 1
    with path.open("rb") as file:
        header = file.read(4 + 4 * dims)
    if len(header) < 4 + 4 * dims or header[:4] != bytes([0, 0, 8, dims]):
        return False
    return path.stat().st_size == len(header) + math.prod(struct.unpack(f">{dims}I", header[4:]))


@contextmanager
def _one_thread() -> Iterator[None]:
    # The steps of a batch are too short to share: on a busy machine, waking a second
    # thread for each was measured at 10 times the work itself.
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
