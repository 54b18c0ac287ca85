"""Images of one size made another, as PIL makes them, many at a time."""

import os
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
import torch
from torch import Tensor

CORES = min(os.cpu_count() or 1, 4)
CHUNK = 32  # images resized at a time on the CPU: what one step writes, the next finds in the cache


@cache
def _pool() -> ThreadPoolExecutor:
    """One thread per core, each with one of torch's own: they never wait for each other busily."""
    usual, all_here = torch.get_num_threads(), threading.Barrier(CORES)
    pool = ThreadPoolExecutor(CORES, initializer=_alone)
    list(pool.map(lambda _: all_here.wait(), range(CORES)))
    torch.set_num_threads(usual)  # else each thread that begins later has one as well
    return pool


def _alone() -> None:
    torch.set_num_threads(1)
    torch.get_num_threads()  # a thread takes its number over when it first asks, not before


class Resize:
    """Resizes square images as PIL's bilinear filter does, by two matrix products.

    Each new pixel is a weighted mean of the old ones under a triangle: `old` × `old` images
    become W @ image @ W.T, W with a row per new pixel. PIL rounds the weights to 22 bits, the
    image between the two products to whole grey levels, and the result again. This does the
    first two in float64, so it is within half a level of PIL. Apple's MPS has no float64: there
    nothing is rounded, and the two are within one level (1 / 255).
    Weights: `precompute_coeffs` in Pillow's src/libImaging/Resample.c.
    """

    def __init__(self, old: int, new: int, device: torch.device | str = "cpu") -> None:
        self.old, self.new, self.device = old, new, torch.device(device)
        scale = old / new
        centers = (torch.arange(new, dtype=torch.float64) + 0.5) * scale
        pixels = torch.arange(old, dtype=torch.float64) + 0.5
        weights = (1 - (pixels - centers[:, None]).abs() / max(scale, 1)).clamp_(min=0)
        weights /= weights.sum(1, keepdim=True)
        across = ((weights * 2**22).round_() / 2**22).T
        self._across = (across.float() if self.device.type == "mps" else across).to(self.device)
        self._down = (weights / 255).float().to(self.device)
        self._unused: list[np.ndarray] = []

    def __call__(self, images: Tensor) -> Tensor:
        """uint8 N × 1 × old × old to float32 N × 1 × new × new in [0, 1]."""
        result = self._empty(len(images) * self.new**2).view(-1, self.new, self.new)
        if self.device.type != "cpu" or len(images) < 2 * CHUNK:
            self._resize(images, result)
        else:
            for _ in _pool().map(self._resize, images.chunk(CORES), result.chunk(CORES)):
                pass
        return result.unsqueeze(1)

    def _resize(self, images: Tensor, result: Tensor) -> None:
        step = CHUNK if self.device.type == "cpu" else len(images)
        for old, new in zip(images.split(step), result.split(step), strict=True):
            rows = old.reshape(-1, self.old).to(self._across.dtype) @ self._across
            if rows.dtype == torch.float64:
                rows = rows.add_(0.5).floor_().float()
            rows = rows.view(-1, self.old, self.new)
            torch.bmm(self._down.expand(len(rows), -1, -1), rows, out=new)

    def _empty(self, count: int) -> Tensor:
        """Return memory for `count` floats; on the CPU, that of a batch nobody holds any more.

        Fresh memory costs the CPU more time than the arithmetic. A batch lives as long as
        anything refers to it (a view, an array, autograd), and then `finalize` hears of its end.
        """
        if self.device.type != "cpu":
            return torch.empty(count, device=self.device)
        memory = self._unused.pop() if self._unused else None
        if memory is None or len(memory) != count:
            memory = torch.empty(count, device="cpu").numpy()
        array = memory[:]
        weakref.finalize(array, self._take_back, memory)
        return torch.from_numpy(array)

    def _take_back(self, memory: np.ndarray) -> None:
        if len(self._unused) < 2:  # the batch in use and the next; more would only hoard
            self._unused.append(memory)
