"""What `tools/record.py` has trained once, at full size on photographs: `load("resnet20")`.

The photographs are CIFAR-10's: 32×32 pixels, three channels, ten classes. Networks of ImageNet's
size are made to fit, narrower and with fewer halvings; the residual networks are the paper's own.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from course_utils import nets
from course_utils.training import History

HERE = Path(__file__).resolve().parent
FOLDERS = (HERE.parent / "notebooks" / "recorded", HERE / "_recorded")  # of the sources, installed


@dataclass(repr=False, kw_only=True)
class Recording(History):
    """The History of a recorded run, and how it was made. Its lists have an entry per epoch.

    `photographs` train, again in each of `epochs`; `seconds` is training alone. `confusion` has
    a row for each true class, and in it a column for each answer, counted on the test images.
    `mean` and `std` of the training images, a channel each, are what `prepare` uses.
    """

    name: str
    builder: str  # in `nets`
    choices: dict[str, Any]  # what it is called with
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
        minutes = max(1, round(self.seconds / 60))
        made = f"{minutes} minute{'s' if minutes > 1 else ''} on {self.device}"
        return (
            f"{self.name}, {self.params:,} parameters, on {self.photographs:,} photographs\n"
            f"of {self.data}: test accuracy {self.test_acc[-1]:.2f}\n"
            f"({len(self)} of {self.epochs} epochs, {made})"
        )

    def build(self) -> nn.Sequential:
        """The network, with new weights."""
        return getattr(nets, self.builder)(**self.choices)

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
    recording = run(name)
    net = recording.build()
    net.load_state_dict(state)  # strictly; into float32
    return net.eval(), recording


def curves(name: str) -> dict[str, list[History]]:
    """Runs on the digits that are too long for a lesson: kind -> its histories, a seed each."""
    kinds = json.loads(_file(name, ".json", "digits").read_text(encoding="utf-8"))
    return {kind: [History(**run) for run in runs] for kind, runs in kinds.items()}


def _file(name: str, ending: str, part: str = "") -> Path:
    folder = next((folder for folder in FOLDERS if folder.is_dir()), FOLDERS[0]) / part
    there = {path.stem: path for path in sorted(folder.glob(f"*{ending}"))}
    if name not in there:
        raise ValueError(
            f"No {name}{ending} among the recorded runs: {', '.join(there) or 'none'}."
        )
    return there[name]
