"""Training and testing a classifier: fit(), evaluate(), History."""

import math
import os
import pickle
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.optim import SGD, Optimizer

from course_utils.data import best_device, whole_number
from course_utils.progress import progress_bar

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from tqdm import tqdm


class Loader(Protocol):
    """Batches of (images, labels), and how many there are: a DataLoader, or what `digits` gives."""

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]: ...
    def __len__(self) -> int: ...


@dataclass(repr=False)
class History:
    """What fit() saw: one number per finished epoch, and the time it took.

    `train_loss` and `train_acc` are means over the epoch, while the weights still change and
    dropout is on; `test_acc` is measured at its end. Accuracies are shares of 1.
    `seconds` is the time spent training, without the tests. `stopped` says why a run ended early.
    Two histories are equal when their numbers are, whatever their times.
    """

    train_loss: list[float] = field(default_factory=list)
    train_acc: list[float] = field(default_factory=list)
    test_acc: list[float] = field(default_factory=list)
    images: int = 0
    seconds: float = field(default=0.0, compare=False)
    stopped: str = field(default="", compare=False)

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C ended it, and not a loss that is no number."""
        return bool(self.stopped) and all(map(math.isfinite, self.train_loss[-1:]))

    def __len__(self) -> int:
        return len(self.test_acc)

    def __repr__(self) -> str:
        text = f"History: {len(self)} epoch{'' if len(self) == 1 else 's'}"
        if not len(self):
            return text
        loss, train, test = self.train_loss[-1], self.train_acc[-1], self.test_acc[-1]
        return f"{text}, train loss {loss:.3f}, train acc {train:.2f}, test acc {test:.2f}"

    def plot(self, ax: "Axes | None" = None) -> None:
        """Draw loss and accuracies over the epochs, into `ax` if given."""
        from course_utils.plotting import plot_lines

        kinds = {"train loss": self.train_loss, "train acc": self.train_acc}
        kinds["test acc"] = self.test_acc
        plot_lines({name: [numbers] for name, numbers in kinds.items()}, ax, xlabel="epoch")


def evaluate(net: nn.Module, loader: Loader) -> float:
    """Return the share of `loader`'s images that `net` classifies right, 0 to 1.

    Runs where the net's parameters are, in eval mode (no dropout, batch norm's moving averages),
    and leaves each submodule in the mode it was in. ValueError: the loader gives no batch.
    """
    device = next((p.device for p in net.parameters()), None)
    correct, count = 0, 0
    with torch.no_grad(), _modes_kept(net):
        net.eval()
        for X, y in loader:
            scores = net(X.to(device))
            correct = correct + (scores.argmax(1) == y.to(scores.device)).sum()
            count += len(y)
    if not count:
        raise ValueError("The loader gave no batch, so there is no accuracy. Is it used up?")
    return float(correct) / count


def fit(
    net: nn.Module,
    train: Loader,
    test: Loader,
    epochs: int = 10,
    lr: float = 0.05,
    seed: int = 0,
    *,
    optimizer: Callable[..., Optimizer] = SGD,
    checkpoint: str | os.PathLike | None = None,
    device: torch.device | str | None = None,
    progress: bool = True,
) -> History:
    """Train `net` in place by cross-entropy, test it after each epoch, return the History.

    Weights go on from where they are: fit() initializes none but those of lazy layers that have
    not seen an image. `seed` governs the order of the images and dropout, each epoch from its
    own number; torch's own random state is afterwards what it was before.
    `train` and `test` give (X, y): X batch × channels × rows × columns, y batch, int64.
    The net is moved to `device`, else to that of `train`, else to best_device(), and stays there.
    A net in eval mode trains in train mode; within a net in train mode, submodules in eval mode
    stay so. Afterwards all are in the mode they were in.

    `optimizer` is called with (parameters, lr): torch.optim.Adam, or a function of yours.
    `checkpoint` is a file that holds the run after each epoch. If it exists, the run goes on from
    there and ends as if it had never been interrupted. `progress` is shown to a person only, in
    JupyterLab or a terminal: a notebook run by a program prints nothing.

    Ctrl-C, or a loss that is no number, ends the run: one line says so, and the history so far
    is returned. ValueError: epochs below 1, the checkpoint of another run, scores that do not fit.
    """
    epochs = whole_number("epochs", epochs)
    device = torch.device(device or getattr(train, "device", None) or best_device())
    path = None if checkpoint is None else Path(checkpoint)
    gpu = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=gpu), _modes_kept(net):
        if not net.training:
            net.train()
        _initialize_lazy(net.to(device), train, device, seed)
        run = _Run(net, optimizer(net.parameters(), lr), seed, float(lr), device)
        if path and path.exists():
            run.load(path)
        with progress_bar(epochs, len(run.history), len(train), shown=progress) as bar:
            run.go_on(train, test, epochs, path, bar)
    if run.history.stopped:
        print(run.history.stopped)
    return run.history


@dataclass
class _Run:
    """All that a training run consists of, so that it can be saved and go on."""

    net: nn.Module
    optimizer: Optimizer
    seed: int
    lr: float
    device: torch.device
    history: History = field(default_factory=History)

    def go_on(
        self, train: Loader, test: Loader, epochs: int, path: Path | None, bar: "tqdm"
    ) -> None:
        """Train until `epochs` are done, a loss is no number, or Ctrl-C."""
        history = self.history
        try:
            while len(history) < epochs and not history.stopped:
                _seed_all(self.seed * 1_000_003 + len(history), train)
                loss, acc, count, seconds = self._epoch(train, bar)
                test_acc = evaluate(self.net, test)
                history.train_loss.append(loss)
                history.train_acc.append(acc)
                history.test_acc.append(test_acc)
                history.images += count
                history.seconds += seconds
                bar.set_postfix_str(f"loss {loss:.3f}, train {acc:.2f}, test {test_acc:.2f}")
                if not math.isfinite(loss):
                    why = f"the training loss is {loss}. A smaller lr than {self.lr:g} may help."
                    history.stopped = f"Stopped after epoch {len(history)}: {why}"
                elif path:
                    self.save(path)
        except KeyboardInterrupt:
            where = f"in epoch {len(history) + 1} of {epochs}"
            kept = "The net keeps what it learned; the history holds the finished epochs."
            history.stopped = f"Interrupted {where}. {kept}"

    def _epoch(self, train: Loader, bar: "tqdm") -> tuple[float, float, int, float]:
        """One pass over `train`: mean loss, accuracy, number of images, seconds."""
        start, count = time.perf_counter(), 0
        loss_sum = torch.zeros((), device=self.device)  # read once: each .item() stops a GPU
        correct = torch.zeros((), dtype=torch.int64, device=self.device)
        for X, y in train:
            scores, target = self.net(X.to(self.device)), y.to(self.device)
            _check(scores, X, getattr(train, "classes", ()))
            loss = F.cross_entropy(scores, target)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            loss_sum += loss.detach() * len(y)
            correct += (scores.detach().argmax(1) == target).sum()
            count += len(y)
            bar.update()
        numbers = loss_sum.item() / count, correct.item() / count
        return *numbers, count, time.perf_counter() - start

    def save(self, path: Path) -> None:
        """Write the run to `path` in one step: a reader finds the old file or the new one."""
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(path.name + ".part")
        state = {"net": self.net.state_dict(), "optimizer": self.optimizer.state_dict()}
        try:
            torch.save(state | {"history": asdict(self.history), "run": self._settings()}, part)
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)

    def load(self, path: Path) -> None:
        """Take over the run in `path`. ValueError: it is not a checkpoint, or of another run."""
        try:
            saved = torch.load(path, map_location=self.device, weights_only=True)
            net, run, history = saved["net"], saved["run"], History(**saved["history"])
        except (pickle.UnpicklingError, RuntimeError, EOFError, KeyError, TypeError) as error:
            advice = "Delete it to begin again, or choose another path."
            raise ValueError(f"{path} is not a checkpoint that fit() can read. {advice}") from error
        _same(path, "network", _shapes(net), _shapes(self.net.state_dict()))
        _same(path, "run", run, self._settings())
        self.net.load_state_dict(net)
        self.optimizer.load_state_dict(saved["optimizer"])
        self.history = history

    def _settings(self) -> dict[str, Any]:
        return {"optimizer": type(self.optimizer).__name__, "lr": self.lr, "seed": self.seed}


def _shapes(state: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(getattr(value, "shape", ())) for name, value in state.items()}


def _same(path: Path, what: str, saved: dict[str, Any], here: dict[str, Any]) -> None:
    for name in saved | here:
        there, now = saved.get(name, "absent"), here.get(name, "absent")
        if there != now:
            raise ValueError(
                f"{path} is the checkpoint of another {what}: its {name} is {there}, here it is "
                f"{now}. Go on as it began, or choose another path, or delete the file."
            )


def _check(scores: Tensor, X: Tensor, classes: tuple[str, ...]) -> None:
    shapes = f"turns {tuple(X.shape)} into {tuple(scores.shape)}"
    if scores.ndim != 2 or len(scores) != len(X):
        raise ValueError(
            f"The network {shapes}; fit() needs batch × classes. Is a flatten missing?"
        )
    if scores.shape[1] < len(classes):
        raise ValueError(
            f"The network {shapes}, but there are {len(classes)} classes to tell apart."
        )


def _seed_all(number: int, train: Loader) -> None:
    """Seed dropout and the order of the images; a DataLoader without a generator follows torch."""
    torch.manual_seed(number)
    generator = getattr(train, "generator", None)
    if generator is not None:
        generator.manual_seed(number)


def _initialize_lazy(net: nn.Module, train: Loader, device: torch.device, seed: int) -> None:
    if any(is_lazy(tensor) for tensor in (*net.parameters(), *net.buffers())):
        torch.manual_seed(seed)
        with torch.no_grad(), _modes_kept(net):
            X, _ = next(iter(train))
            net.eval()(X[:1].to(device))


@contextmanager
def _modes_kept(net: nn.Module) -> Iterator[None]:
    modes = [(module, module.training) for module in net.modules()]
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
