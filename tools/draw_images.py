"""Draw the networks of the lessons: course_utils.nets -> images/*.svg.

    python tools/draw_images.py             every picture
    python tools/draw_images.py --check     fail if a picture is not what its network gives

The same network gives the same bytes.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

from course_utils import nets
from layerwise.diagram.drawing import Drawing, draw

FOLDER = Path(__file__).resolve().parent.parent / "images"

INPUTS = {  # builder in `nets`, which names the file too -> input shape
    "lenet": (1, 1, 28, 28),
    "alexnet": (1, 1, 224, 224),
    "vgg": (1, 1, 224, 224),
    "nin": (1, 1, 224, 224),
    "googlenet": (1, 1, 96, 96),
    "resnet18": (1, 1, 224, 224),
}


def pictures() -> dict[Path, Drawing]:
    """File -> the picture of its network, of those that `nets` has."""
    drawn = {}
    for name, shape in INPUTS.items():
        if not hasattr(nets, name):
            print(f"nets has no {name} yet: skipped")
            continue
        with torch.device("meta"):  # shapes alone: no weights
            net = getattr(nets, name)()
        drawn[FOLDER / f"{name}.svg"] = draw(net.eval(), shape)
    return drawn


def main() -> int:
    """Write or check every picture; 1 if one has drifted."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail on drift")
    check = parser.parse_args().check
    drifted = []
    for file, picture in pictures().items():
        if not check:
            picture.save(file)
            print(f"drew images/{file.name}")
        elif not file.exists() or file.read_text(encoding="utf-8") != picture.svg:
            drifted.append(file.name)
    if drifted:
        print(f"not what the networks give: {', '.join(drifted)}. Run python tools/draw_images.py")
    return bool(drifted)


if __name__ == "__main__":
    sys.exit(main())
