"""Train a network of the lessons at full size on photographs, and keep what happened.

    python tools/record.py resnet20                     CIFAR-10, downloaded by torchvision
    python tools/record.py resnet20 --data CIFAR10.zip  JPEGs: train/CLASS/*.jpg, test/CLASS/*.jpg

Writes notebooks/recorded/NAME.json after every epoch, and in the end NAME.pt, the weights in half
precision. An interrupted run goes on where it was: call it again in the same way.
"""

import argparse
import json
import math
import platform
import sys
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import SGD

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from course_utils import initialize, nets
from course_utils.data import Batches, best_device
from course_utils.recorded import Recording
from course_utils.training import History, fit

ROOT = Path(__file__).resolve().parent.parent
BUILD, RECORDED = ROOT / "build" / "record", ROOT / "notebooks" / "recorded"
BATCH, MOMENTUM, WEIGHT_DECAY, SHIFT = 128, 0.9, 5e-4, 4


@dataclass(frozen=True)
class Recipe:
    """A network, as `course_utils.nets` builds it, and how it is trained."""

    builder: str
    choices: dict[str, Any]
    lr: float = 0.02
    epochs: int = 10
    initialize: Callable[[Tensor], Tensor] = nn.init.kaiming_normal_  # its gain is ReLU's
    keep_weights: bool = True

    def build(self) -> nn.Sequential:
        """The network: (n, 3, 32, 32) -> (n, 10)."""
        return getattr(nets, self.builder)(**self.choices)


def _cifar(depth: int, *, residual: bool) -> dict[str, Any]:
    """Section 4.2 of He and others (2016): three stages, 6n + 2 layers with weights."""
    widths = {"channels": (16, 32, 64), "strides": (1, 2, 2), "bias": False}
    return {"num_blocks": ((depth - 2) // 6,) * 3, "residual": residual, **widths}


SIGMOID = {"lr": 0.1, "initialize": nn.init.xavier_uniform_}
INCEPTIONS = (  # the first four of GoogLeNet, a quarter as wide
    (16, (24, 32), (4, 8), 8),
    (32, (32, 48), (8, 24), 16),
    (48, (24, 52), (4, 12), 16),
    (40, (28, 56), (6, 16), 16),
)
RECIPES = {
    "lenet": Recipe("lenet", {"in_channels": 3, "paddings": (0, 0)}, **SIGMOID, keep_weights=False),
    "batch_norm_lenet": Recipe(
        "batch_norm_lenet", {"in_channels": 3, "in_features": 16 * 5 * 5}, **SIGMOID
    ),
    "alexnet": Recipe(
        "alexnet",
        {
            "channels": (24, 32, 48, 48, 32),
            "kernel_sizes": (5, 5, 3, 3, 3),
            "strides": (1, 1, 1, 1, 1),
            "paddings": (2, 2, 1, 1, 1),
            "hidden": (64, 64),
            "dropout": 0.2,
            "in_channels": 3,
            "in_features": 32 * 3 * 3,
        },
    ),
    "vgg": Recipe(
        "vgg",
        {
            "conv_arch": ((1, 16), (1, 32), (2, 48), (2, 48)),
            "hidden": (64, 64),
            "dropout": 0.2,
            "in_channels": 3,
            "in_features": 48 * 2 * 2,
        },
    ),
    "nin": Recipe(
        "nin",
        {
            "channels": (32, 64),
            "kernel_sizes": (5, 3),
            "strides": (1, 1),
            "paddings": (2, 1),
            "dropout": 0.2,
            "in_channels": 3,
            "relu_on_logits": False,
        },
    ),
    "googlenet": Recipe(
        "googlenet",
        {
            "stem": (32, 32, 48),
            "stages": (INCEPTIONS,),
            "kernel_size": 3,
            "stride": 1,
            "in_channels": 3,
        },
    ),
    "plain20": Recipe("cifar_resnet", _cifar(20, residual=False), 0.1, keep_weights=False),
    "resnet20": Recipe("cifar_resnet", _cifar(20, residual=True), 0.1),
    "plain56": Recipe("cifar_resnet", _cifar(56, residual=False), 0.1, keep_weights=False),
    "resnet56": Recipe("cifar_resnet", _cifar(56, residual=True), 0.1, keep_weights=False),
}


class WarmCosine(SGD):
    """SGD whose rate rises to lr in the first tenth of `steps`, then falls to 0 as a cosine does.

    How far it is stands with its rate, so that a checkpoint knows.
    """

    def __init__(self, params: Any, lr: float, *, steps: int) -> None:
        super().__init__(params, lr, MOMENTUM, weight_decay=WEIGHT_DECAY, nesterov=True)
        for group in self.param_groups:
            group |= {"highest": lr, "steps": steps, "done": 0}

    def step(self, closure: Any = None) -> Any:
        """One step, with the rate that it is due."""
        for group in self.param_groups:
            warm, done = math.ceil(group["steps"] / 10), group["done"]
            falling = (1 + math.cos(math.pi * (done - warm) / (group["steps"] - warm))) / 2
            group["lr"] = group["highest"] * ((done + 1) / warm if done < warm else falling)
            group["done"] += 1
        return super().step(closure)


# the photographs


@dataclass
class Photographs:
    """A training part and a test part: uint8 N × 3 × 32 × 32, and N labels."""

    name: str
    classes: list[str]
    train: tuple[Tensor, Tensor]
    test: tuple[Tensor, Tensor]


def photographs(source: Path) -> Photographs:
    """Those of a zip of JPEGs or of a folder of torchvision's, decoded once and kept in build."""
    kept = (
        BUILD / f"photographs-{source.stem}-{source.stat().st_size if source.is_file() else 0}.pt"
    )
    if not kept.exists():
        read = from_zip(source) if source.suffix == ".zip" else from_torchvision(source)
        kept.parent.mkdir(parents=True, exist_ok=True)
        torch.save(asdict(read), kept)
    return Photographs(**torch.load(kept, weights_only=True))


def from_zip(source: Path) -> Photographs:
    """Read train/CLASS/*.jpg and test/CLASS/*.jpg; the classes in the order of their names."""
    from PIL import Image

    with zipfile.ZipFile(source) as file:
        paths = sorted(n for n in file.namelist() if n.lower().endswith((".jpg", ".jpeg")))
        classes = sorted({path.split("/")[-2] for path in paths})

        def part(name: str) -> tuple[Tensor, Tensor]:
            own = [path for path in paths if path.split("/")[-3] == name]
            pixels = b"".join(
                Image.open(BytesIO(file.read(p))).convert("RGB").tobytes() for p in own
            )
            images = torch.frombuffer(bytearray(pixels), dtype=torch.uint8).view(-1, 32, 32, 3)
            labels = torch.tensor([classes.index(path.split("/")[-2]) for path in own])
            return images.permute(0, 3, 1, 2).contiguous(), labels

        return Photographs("CIFAR-10, JPEG copy", classes, part("train"), part("test"))


def from_torchvision(root: Path) -> Photographs:
    """CIFAR-10 in `root`, downloaded (170 MB) unless it is there."""
    from torchvision.datasets import CIFAR10

    def part(train: bool) -> tuple[Tensor, Tensor]:
        data = CIFAR10(root, train=train, download=True)
        return torch.from_numpy(data.data).permute(0, 3, 1, 2).contiguous(), torch.tensor(
            data.targets
        )

    classes = CIFAR10(root, download=True).classes
    return Photographs("CIFAR-10", classes, part(train=True), part(train=False))


def loaders(data: Photographs, count: int, device: torch.device) -> tuple[Batches, Batches, tuple]:
    """(train, test, (mean, std)): `count` images train, the same ones each time; all test."""
    chosen = torch.randperm(len(data.train[1]), generator=torch.Generator().manual_seed(0))[:count]
    images, labels = (part[chosen].to(device) for part in data.train)
    pixels = images.float() / 255
    mean, std = pixels.mean((0, 2, 3)).view(3, 1, 1), pixels.std((0, 2, 3)).view(3, 1, 1)

    def standardized(images: Tensor) -> Tensor:
        return (images.float() / 255 - mean) / std

    def augmented(images: Tensor) -> Tensor:
        return shifted_and_flipped(standardized(images))

    held = partial(Batches, classes=tuple(data.classes), batch_size=BATCH, size=32)
    train = held(name=data.name, images=images, labels=labels, seed=0, resize=augmented)
    images, labels = (part.to(device) for part in data.test)
    test = held(name=data.name, images=images, labels=labels, resize=standardized)
    return train, test, (mean.flatten().tolist(), std.flatten().tolist())


def shifted_and_flipped(images: Tensor) -> Tensor:
    """Each image moved by up to 4 pixels each way, zeros behind it, and half of them mirrored."""
    n, channels, size, _ = images.shape
    place, flip = torch.randint(2 * SHIFT + 1, (2, n, 1)), torch.rand(n, 1) < 0.5
    rows, columns = (torch.arange(size) + start for start in place)
    columns = torch.where(flip, columns.flip(1), columns)
    index = (
        torch.arange(n)[:, None, None, None],
        torch.arange(channels)[:, None, None],
        rows[:, None, :, None],
        columns[:, None, None, :],
    )
    return F.pad(images, (SHIFT,) * 4)[tuple(part.to(images.device) for part in index)]


# the run


def initialized(name: str, seed: int) -> nn.Module:
    """The network with its first weights; biases are 0."""
    torch.manual_seed(seed)
    net = initialize(RECIPES[name].build(), RECIPES[name].initialize)
    for layer in net.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)) and layer.bias is not None:
            nn.init.zeros_(layer.bias)
    return net


def confusion(net: nn.Module, test: Batches) -> list[list[int]]:
    """A row for each true class, a column for each answer."""
    count = torch.zeros(len(test.classes), len(test.classes), dtype=torch.int64)
    with torch.no_grad():
        for X, y in test:
            answers = net.eval()(X).argmax(1)
            count.index_put_((y.cpu(), answers.cpu()), torch.tensor(1), accumulate=True)
    net.train()
    return count.tolist()


def device_name(device: torch.device) -> str:
    """What trained, in words that name no machine."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"{device.type.upper()}, {threads} thread{'s' if threads > 1 else ''}"


@dataclass
class Run:
    """One network on its way: what it is trained on, and what is told of it."""

    name: str
    data: Photographs
    train: Batches
    test: Batches
    standard: tuple[list[float], list[float]]
    epochs: int
    seed: int = 0
    bf16: bool = False
    note: str = ""  # about the machine, such as "shared with other work"

    def go_on(self) -> Recording | None:
        """Train from where an earlier call was interrupted; write what happened after each epoch.

        None if it is interrupted before an epoch is over, or the loss is no number.
        """
        net, recording = initialized(self.name, self.seed), None
        optimizer = partial(WarmCosine, steps=self.epochs * len(self.train))
        how = {"optimizer": optimizer, "checkpoint": BUILD / f"{self.label}.pt"}
        lr, kind = RECIPES[self.name].lr, self.train.device.type
        while recording is None or len(recording) < self.epochs:
            next_epoch = 1 + (0 if recording is None else len(recording))
            # without a cache, which would keep the weights of the first step for a whole epoch
            with torch.autocast(kind, torch.bfloat16, enabled=self.bf16, cache_enabled=False):
                history = fit(net, self.train, self.test, next_epoch, lr, self.seed, **how)
                if history.stopped:
                    return recording
                finished = len(history) == self.epochs
                recording = self.told(net, history, confusion(net, self.test) if finished else [])
            write(recording)
            print(f"{recording!r}, loss {recording.train_loss[-1]:.3f}", flush=True)
        if RECIPES[self.name].keep_weights:
            save_weights(self.name, net)
        return recording

    @property
    def label(self) -> str:
        """What tells this run from another one of the same network."""
        precision = "-bf16" if self.bf16 else ""
        return f"{self.name}-{len(self.train.labels)}x{self.epochs}-seed{self.seed}{precision}"

    def told(self, net: nn.Module, history: History, counted: list[list[int]]) -> Recording:
        """What happened so far, and how it was made."""
        mean, std = self.standard
        return Recording(
            **asdict(history),
            name=self.name,
            builder=RECIPES[self.name].builder,
            choices=RECIPES[self.name].choices,
            data=self.data.name,
            photographs=len(self.train.labels),
            epochs=self.epochs,
            params=sum(p.numel() for p in net.parameters()),
            seed=self.seed,
            settings=self.settings(),
            device=", ".join(filter(None, (device_name(self.train.device), self.note))),
            threads=torch.get_num_threads(),
            versions={"python": platform.python_version(), "torch": str(torch.__version__)},
            classes=self.data.classes,
            mean=mean,
            std=std,
            confusion=counted,
        )

    def settings(self) -> dict[str, Any]:
        """How it is trained."""
        recipe = RECIPES[self.name]
        return {
            "optimizer": f"SGD, Nesterov momentum {MOMENTUM}, weight decay {WEIGHT_DECAY}",
            "lr": recipe.lr,
            "schedule": "rises in the first tenth of the steps, then falls to 0 as a cosine does",
            "batch_size": BATCH,
            "augmentation": f"moved by up to {SHIFT} pixels, half of them mirrored",
            "initialization": recipe.initialize.__name__.rstrip("_"),
            "precision": "bfloat16 (autocast)" if self.bf16 else "float32",
        }


def write(recording: Recording) -> None:
    """Write NAME.json, one fact a line; a reader finds the old file or the new one."""
    RECORDED.mkdir(parents=True, exist_ok=True)
    facts = json.loads(
        json.dumps(asdict(recording)), parse_float=lambda text: round(float(text), 5)
    )
    lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in facts.items())
    part = RECORDED / f"{recording.name}.json.part"
    part.write_text("{\n" + lines + "\n}\n", encoding="utf-8")
    part.replace(RECORDED / f"{recording.name}.json")


def save_weights(name: str, net: nn.Module) -> None:
    """Write NAME.pt: the state of the network, its floating numbers in half precision."""
    state = {key: value.cpu() for key, value in net.state_dict().items()}
    small = {key: v.half() if v.is_floating_point() else v for key, v in state.items()}
    torch.save(small, RECORDED / f"{name}.pt")


def main(arguments: list[str] | None = None) -> None:
    """Read the command line, train, say where the results are."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("name", choices=RECIPES)
    parser.add_argument(
        "--data", type=Path, default=ROOT / "data", help="a zip, or torchvision's root"
    )
    parser.add_argument(
        "--epochs", type=int, help="through all the images; each network has its own"
    )
    parser.add_argument("--images", type=int, default=50_000, help="how many train")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, help="of the CPU")
    parser.add_argument("--bf16", action="store_true", help="half-precision arithmetic in training")
    parser.add_argument("--note", default="", help="about the machine: shared with other work")
    given = parser.parse_args(arguments)
    if given.threads:
        torch.set_num_threads(given.threads)
    data = photographs(given.data)
    train, test, standard = loaders(data, given.images, best_device())
    epochs = given.epochs or RECIPES[given.name].epochs
    run = Run(given.name, data, train, test, standard, epochs, given.seed, given.bf16, given.note)
    run.go_on()


if __name__ == "__main__":
    main()
