"""Train the networks of a lesson on the digits for long, and keep what happened.

    python tools/record_curves.py depth             lesson 6: plain and residual, 20 and 56 layers
    python tools/record_curves.py initialization    lesson 4: GoogLeNet from two initializations
    python tools/record_curves.py kernels           lesson 2: shallow, deep, with large kernels

Writes notebooks/recorded/digits/NAME.json: kind -> its histories, one for each seed. On one idle
core `depth` takes twenty minutes, the others four.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import ModuleType

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "support"))

import lessons

from course_utils import digits
from course_utils.training import History

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "notebooks" / "recorded" / "digits"


def depth(epochs: int = 50, seeds: Sequence[int] = range(5)) -> dict[str, list[History]]:
    """Kind -> histories, trained by lesson 6's own functions."""
    lesson, found = _on_digits("06_resnet"), {}
    for name, block in (("plain", lesson.plain_block), ("residual", lesson.ResidualBlock)):
        for layers in (20, 56):
            found[f"{name}, {layers} layers"] = [*lesson.learned(block, layers, epochs, seeds)]
    return found


def initialization(epochs: int = 18, seeds: Sequence[int] = range(5)) -> dict[str, list[History]]:
    """Kind -> histories, trained by lesson 4's own functions; Kaiming's for a third as long."""
    lesson = _on_digits("04_googlenet")
    return {
        "Kaiming's weights": [*lesson.learned(lesson.kaimings_weights, -(-epochs // 3), seeds)],
        "PyTorch's weights": [*lesson.learned(lesson.pytorchs_weights, epochs, seeds)],
    }


def kernels(epochs: int = 30, seeds: Sequence[int] = range(5)) -> dict[str, list[History]]:
    """Kind -> histories, trained by lesson 2's own functions."""
    lesson = _on_digits("02_vgg", batch_size=32, size=16, standardize=True)
    return {kind: [*lesson.learned(kind, epochs, seeds)] for kind in lesson.KINDS}


def _on_digits(name: str, batch_size: int = 64, size: int = 32, **form: bool) -> ModuleType:
    lesson = lessons.module(name)
    lesson.train, lesson.test = digits(batch_size, size, device="cpu", **form)
    return lesson


def write(kinds: Mapping[str, Sequence[History]], file: Path) -> None:
    """Write the histories, a run a line."""
    told = {kind: [json.dumps(rounded(run)) for run in runs] for kind, runs in kinds.items()}
    parts = [f"{json.dumps(kind)}: [\n" + ",\n".join(runs) + "\n]" for kind, runs in told.items()]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("{\n" + ",\n".join(parts) + "\n}\n", encoding="utf-8")


def rounded(run: History) -> dict[str, object]:
    """Its facts, their numbers to five places."""
    return json.loads(json.dumps(asdict(run)), parse_float=lambda text: round(float(text), 5))


EXPERIMENTS = {"depth": depth, "initialization": initialization, "kernels": kernels}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", choices=EXPERIMENTS)
    parser.add_argument("--epochs", type=int, help="fewer or more than it says")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    given = parser.parse_args()
    torch.set_num_threads(1)
    choices = {} if given.epochs is None else {"epochs": given.epochs}
    write(EXPERIMENTS[given.name](**choices), given.folder / f"{given.name}.json")
