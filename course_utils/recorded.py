"""What `tools/record.py` has trained once, at full size on photographs: `load("resnet20")`.

The photographs are CIFAR-10's: 32×32 pixels, three channels, ten classes. Networks of ImageNet's
size are made to fit: narrower, and with fewer halvings. A residual network of 20 layers is the
paper's own for these images.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from course_utils import nets
from course_utils.training import History

HERE = Path(__file__).resolve().parent
FOLDERS = (HERE.parent / "notebooks" / "recorded", HERE / "_recorded")  # of the sources, installed


def small_googlenet() -> nn.Sequential:
    """(n, 3, 32, 32) -> (n, 10): GoogLeNet's first four Inception blocks, a quarter as wide."""
    return nn.Sequential(
        nn.Conv2d(3, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(3, stride=2, padding=1),  # 32 × 16 × 16
        nets.Inception(32, 16, (24, 32), (4, 8), 8),
        nets.Inception(64, 32, (32, 48), (8, 24), 16),
        nn.MaxPool2d(3, stride=2, padding=1),  # 120 × 8 × 8
        nets.Inception(120, 48, (24, 52), (4, 12), 16),
        nets.Inception(128, 40, (28, 56), (6, 16), 16),
        nn.AdaptiveAvgPool2d((1, 1)),
        nn.Flatten(),
        nn.Linear(128, 10),
    )


# Three stages of 3 or 9 blocks, 6n + 2 layers with weights (He and others 2016, section 4.2).
_cifar_net = partial(nets.cifar_resnet, channels=(16, 32, 64), strides=(1, 2, 2), bias=False)

# Every network that has been recorded: (n, 3, 32, 32) -> (n, 10).
BUILDERS: dict[str, Callable[[], nn.Sequential]] = {
    "lenet": partial(nets.lenet, in_channels=3, paddings=(0, 0)),
    "alexnet": partial(
        nets.alexnet,
        channels=(24, 32, 48, 48, 32),
        kernel_sizes=(5, 5, 3, 3, 3),
        strides=(1,) * 5,
        paddings=(2, 2, 1, 1, 1),
        hidden=(64, 64),
        dropout=0.2,
        in_channels=3,
        in_features=32 * 3 * 3,
    ),
    "vgg": partial(
        nets.vgg,
        ((1, 16), (1, 32), (2, 48), (2, 48)),
        hidden=(64, 64),
        dropout=0.2,
        in_channels=3,
        in_features=48 * 2 * 2,
    ),
    "nin": partial(
        nets.nin,
        channels=(32, 64),
        kernel_sizes=(5, 3),
        strides=(1, 1),
        paddings=(2, 1),
        dropout=0.2,
        in_channels=3,
        relu_on_logits=False,
    ),
    "googlenet": small_googlenet,
    "batch_norm_lenet": partial(nets.batch_norm_lenet, in_channels=3, in_features=16 * 5 * 5),
    "plain20": partial(_cifar_net, (3,) * 3, block=nets.plain_block),
    "resnet20": partial(_cifar_net, (3,) * 3),
    "plain56": partial(_cifar_net, (9,) * 3, block=nets.plain_block),
    "resnet56": partial(_cifar_net, (9,) * 3),
}


@dataclass(repr=False, kw_only=True)
class Recording(History):
    """The History of a recorded run, and how it was made. Its lists have an entry per epoch.

    `photographs` train, again in each of `epochs`; `seconds` is training alone. `confusion` has
    a row for each true class, and in it a column for each answer, counted on the test images.
    `mean` and `std` of the training images, a channel each, are what `prepare` uses.
    """

    name: str
    data: str
    photographs: int
    epochs: int
    params: int
    seed: int
    settings: dict[str, Any]
    device: str
    threads: int
    versions: dict[str, str]
    classes: list[str]
    mean: list[float]
    std: list[float]
    confusion: list[list[int]]

    def __repr__(self) -> str:
        made = f"{self.seconds / 60:.0f} minutes of training on {self.device}"
        return (
            f"{self.name}, {self.params:,} parameters, on {self.photographs:,} photographs of "
            f"{self.data}: {len(self)} of {self.epochs} epochs, {made}, "
            f"test accuracy {self.test_acc[-1]:.2f}"
        )

    def prepare(self, images: Tensor) -> Tensor:
        """Images in [0, 1], … × 3 × rows × columns, standardized as they were in training."""
        mean, std = (torch.tensor(number).view(3, 1, 1) for number in (self.mean, self.std))
        return (images - mean) / std


def run(name: str) -> Recording:
    """What happened when the network `name` was trained. ValueError: there is no such run."""
    return Recording(**json.loads(_file(name, ".json").read_text(encoding="utf-8")))


def load(name: str) -> tuple[nn.Sequential, Recording]:
    """The network `name` as it was trained, on the CPU, in eval mode; and its run.

    It turns prepared images, (n, 3, 32, 32), into logits, (n, 10). The weights were rounded to
    half precision and are float32 again. ValueError: there is no such run, or none with weights.
    """
    state = torch.load(_file(name, ".pt"), "cpu", weights_only=True)
    net = BUILDERS[name]()
    net.load_state_dict(
        {key: value.to(net.state_dict()[key].dtype) for key, value in state.items()}
    )
    return net.eval(), run(name)


def _file(name: str, ending: str) -> Path:
    folder = next((folder for folder in FOLDERS if folder.is_dir()), FOLDERS[0])
    path = folder / f"{name}{ending}"
    if name not in BUILDERS or not path.exists():
        there = ", ".join(sorted(file.stem for file in folder.glob(f"*{ending}")))
        raise ValueError(f"There is no {path.name} among the recorded runs: {there or 'none'}.")
    return path
