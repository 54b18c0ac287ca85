"""Train lesson 6's plain and residual networks on the digits for long, and keep what happened.

Writes notebooks/recorded/digits/depth.json: kind -> its histories, one for each seed. Ten minutes
on one idle core.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "support"))

import lessons

from course_utils import digits
from course_utils.training import History

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "notebooks" / "recorded" / "digits" / "depth.json"
EPOCHS, SEEDS, DEPTHS = 25, range(2), (20, 56)


def depth(epochs: int = EPOCHS, seeds: Sequence[int] = SEEDS) -> dict[str, list[History]]:
    """Kind -> histories, trained by the lesson's own functions."""
    lesson = lessons.module("06_resnet")
    lesson.train, lesson.test = digits(batch_size=64, size=32, device="cpu")
    found = {}
    for name, block in (("plain", lesson.plain_block), ("residual", lesson.ResidualBlock)):
        for layers in DEPTHS:
            found[f"{name}, {layers} layers"] = [*lesson.learned(block, layers, epochs, seeds)]
    return found


def write(kinds: Mapping[str, Sequence[History]], file: Path = FILE) -> None:
    """Write the histories, a run a line."""
    told = {kind: [json.dumps(rounded(run)) for run in runs] for kind, runs in kinds.items()}
    parts = [f"{json.dumps(kind)}: [\n" + ",\n".join(runs) + "\n]" for kind, runs in told.items()]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("{\n" + ",\n".join(parts) + "\n}\n", encoding="utf-8")


def rounded(run: History) -> dict[str, object]:
    """Its facts, their numbers to five places."""
    return json.loads(json.dumps(asdict(run)), parse_float=lambda text: round(float(text), 5))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    torch.set_num_threads(1)
    write(depth(parser.parse_args().epochs))
