"""Compare the images per second of fashion_mnist() and d2l.load_data_fashion_mnist().

Both serve a full-size set (60,000 + 10,000 images) of random bytes, in turns, so that whatever
else the machine does slows both. What counts is the median of the ratios of neighbouring turns.
Run: python tools/bench_data.py
"""

import os
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from course_utils import fashion_mnist

BATCH = 256
ROUNDS = 3
D2L_BATCHES = {28: 120, 96: 80, 224: 40}  # a turn of d2l's: 3 to 10 s; an epoch has 235 batches
WARM_UP = 10  # batches before the clock starts: d2l starts four processes, we claim memory


def write_random_set(raw: Path) -> None:
    """Write Fashion-MNIST's four files, in IDX format, with random pixels and labels."""
    raw.mkdir(parents=True)
    for part, count in (("train", 60_000), ("t10k", 10_000)):
        size = count.to_bytes(4, "big")
        pixels = bytes([0, 0, 8, 3]) + size + 2 * (28).to_bytes(4, "big") + os.urandom(count * 784)
        labels = bytes([0, 0, 8, 1]) + size + bytes(byte % 10 for byte in os.urandom(count))
        (raw / f"{part}-images-idx3-ubyte").write_bytes(pixels)
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(labels)


def images_per_second(loader: Iterable, batches: int) -> float:
    """Time `batches` batches of `loader`, after those that warm it up."""
    iterator = iter(loader)
    for _ in islice(iterator, WARM_UP):
        pass
    start = time.perf_counter()
    count = sum(len(y) for _, y in islice(iterator, batches))
    return count / (time.perf_counter() - start)


def compare(size: int) -> tuple[float, float, float]:
    """Median images per second of ours and of d2l's, and the median ratio of the turns."""
    from d2l import torch as d2l

    ours, _ = fashion_mnist(BATCH, size, root="../data", device="cpu")
    theirs, _ = d2l.load_data_fashion_mnist(BATCH, resize=size)
    turns = []
    for _ in range(ROUNDS):
        fast = images_per_second(ours, len(ours) - WARM_UP)
        turns.append((fast, images_per_second(theirs, D2L_BATCHES[size])))
    return (
        statistics.median(fast for fast, _ in turns),
        statistics.median(slow for _, slow in turns),
        statistics.median(fast / slow for fast, slow in turns),
    )


def main() -> None:
    """Print one row per image size."""
    warnings.filterwarnings("ignore", "This DataLoader will create 4 worker")
    cores, threads = os.cpu_count(), torch.get_num_threads()
    print(f"Serving batches of {BATCH} on the CPU: {cores} cores, torch with {threads} threads,")
    print("d2l with its own 4 worker processes. Images per second, medians of", ROUNDS, "turns.")
    print(
        f"A turn of ours is an epoch of 235 batches but for {WARM_UP} to warm up; a turn of d2l's a"
    )
    print("part of one, after as many:", ", ".join(f"{n} at {s}" for s, n in D2L_BATCHES.items()))
    print(f"\n{'pixels':>8} {'fashion_mnist':>15} {'d2l':>10} {'ratio':>8}")
    with tempfile.TemporaryDirectory() as folder:
        write_random_set(Path(folder, "data", "FashionMNIST", "raw"))
        here = Path.cwd()
        Path(folder, "notebooks").mkdir()
        os.chdir(Path(folder, "notebooks"))  # d2l reads ../data
        try:
            for size in D2L_BATCHES:
                fast, slow, ratio = compare(size)
                print(f"{size:>8} {fast:>15,.0f} {slow:>10,.0f} {ratio:>8.1f}", flush=True)
        finally:
            os.chdir(here)


if __name__ == "__main__":
    main()
