"""What every lesson does: the same training from several seeds, and once at full size."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from course_utils.data import best_device, fashion_mnist, whole_number
from course_utils.training import History, Loader, fit

FEWER = "COURSE_SEEDS"  # a variable of the environment: how many of its seeds each call may use


def initialize(
    net: nn.Module, rule: Callable[[Tensor], Any] = nn.init.kaiming_uniform_
) -> nn.Module:
    """Draw new weights for every convolution and linear layer by `rule`; biases stay. Returns net.

    Kaiming's rule, as it is unless told otherwise, is the one for ReLU.
    """
    for layer in net.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            rule(layer.weight)
    return net


@dataclass(repr=False)
class Runs:
    """The same training from several seeds. Iterate over it for the histories."""

    seeds: Sequence[int]
    nets: list[nn.Module]
    histories: list[History]

    def __iter__(self) -> Iterator[History]:
        return iter(self.histories)


def runs(
    build: Callable[[], nn.Module],
    train: Loader,
    test: Loader,
    seeds: Sequence[int] = (0, 1, 2),
    **choices: Any,
) -> Runs:
    """Build and train a network for each seed, which decides its first weights and its run.

    `choices` are those of `fit`: epochs, lr, optimizer. COURSE_SEEDS=1 in the environment leaves
    each call its first seed, for who asks whether a lesson runs and not what it finds.
    Ctrl-C is raised here, as KeyboardInterrupt.
    ValueError: COURSE_SEEDS is not a whole number of at least 1.
    """
    if few := os.environ.get(FEWER):
        seeds = seeds[: whole_number(FEWER, int(few) if few.isdecimal() else few)]
    found = Runs(seeds, [], [])
    for seed in seeds:
        torch.manual_seed(seed)
        found.nets.append(build())
        found.histories.append(fit(found.nets[-1], train, test, seed=seed, **choices))
        if found.histories[-1].interrupted:  # `fit` keeps what there is; who stops a row means all
            raise KeyboardInterrupt
    return found


def print_runs(kinds: Mapping[str, Iterable[History]], measure: str = "test_acc") -> None:
    """Print a row for each kind: what each of its runs ended with, in the order of the seeds."""
    width = max(map(len, kinds))
    for name, histories in kinds.items():
        ends = (getattr(history, measure)[-1:] for history in histories)
        print(f"{name:{width}}", *(f"{end[0]:7.2f}" if end else f"{'–':>7}" for end in ends))


def at_full_size(
    net: nn.Module,
    *,
    size: int = 224,
    batch_size: int = 128,
    even_on_cpu: bool = False,
    **choices: Any,
) -> History | None:
    """Train `net` on all of Fashion-MNIST, at size × size pixels, where there is a GPU.

    Elsewhere, or if the data can't be had, one line says so and None is returned. `even_on_cpu`
    trains on whatever there is. `choices` are those of `fit`: epochs, lr, checkpoint.
    """
    if best_device().type == "cpu":
        if not even_on_cpu:
            print("Skipped: there is no GPU. On a CPU a small network takes minutes, a large one")
            print("many hours; even_on_cpu=True trains all the same.")
            return None
        torch.set_num_threads(os.cpu_count() or 1)
    try:
        train, test = fashion_mnist(batch_size, size)
    except FileNotFoundError as error:
        print(error)
        return None
    return fit(net, train, test, **choices)
