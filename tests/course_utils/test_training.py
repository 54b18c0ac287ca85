import itertools
import pickle
import sys
from types import SimpleNamespace

import matplotlib as mpl
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from course_utils import progress, training
from course_utils.data import digits
from course_utils.training import History, evaluate, fit

mpl.use("Agg")


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Nets this small are faster so, many times on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def loaders():
    return digits(batch_size=100, size=8, device="cpu")


def small_net(seed=0):
    """Has what makes training depend on more than its weights: dropout and batch norm."""
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(64, 32),
        nn.BatchNorm1d(32),
        nn.ReLU(),
        nn.Dropout(),
        nn.Linear(32, 10),
    )


def batches(count, size=8, seed=0):
    torch.manual_seed(seed)
    return [(torch.rand(size, 1, 8, 8), torch.randint(0, 10, (size,))) for _ in range(count)]


def weights(net):
    return torch.cat([tensor.flatten().float() for tensor in net.state_dict().values()])


class Spoiled:
    """A loader that raises in the middle of its epoch number `epoch`, counted from 1."""

    def __init__(self, loader, epoch, error=KeyboardInterrupt):
        self.loader, self.left, self.error = loader, epoch, error
        self.generator = loader.generator

    def __len__(self):
        return len(self.loader)

    def __iter__(self):
        self.left -= 1
        for i, batch in enumerate(self.loader):
            if self.left == 0 and i == 3:
                raise self.error
            yield batch


# evaluate


def test_evaluate_is_the_share_of_right_answers():
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    loader = [*batches(3), *batches(1, size=5, seed=1)]
    right = [(net(X).argmax(1) == y) for X, y in loader]
    assert evaluate(net, loader) == pytest.approx(torch.cat(right).float().mean().item())


def test_evaluate_is_in_eval_mode_and_restores_each_submodules_mode():
    net = small_net()
    net[2].eval()  # frozen by the student
    modes = [m.training for m in net.modules()]
    before = weights(net)
    seen = []
    net[4].register_forward_hook(lambda module, *_: seen.append(module.training))
    evaluate(net, batches(2))
    assert seen == [False, False]
    assert [m.training for m in net.modules()] == modes
    assert torch.equal(weights(net), before)

    def broken():
        yield from batches(1)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        evaluate(net, broken())
    assert [m.training for m in net.modules()] == modes


def test_evaluate_of_nothing_is_an_error():
    with pytest.raises(ValueError, match="no batch"):
        evaluate(small_net(), [])


# fit


def test_fit_learns_real_digits(loaders):
    net = small_net()
    h = fit(net, *loaders, epochs=6, lr=0.2)
    assert h.test_acc[-1] > 0.85
    assert h.train_loss[-1] < h.train_loss[0]
    assert [len(x) for x in (h.train_loss, h.train_acc, h.test_acc)] == [6, 6, 6]
    assert evaluate(net, loaders[1]) == h.test_acc[-1]
    assert h.images == 6 * 1437 and h.seconds > 0


def test_history_holds_the_means_over_images_not_over_batches():
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    loader = [*batches(2), *batches(1, size=3, seed=1)]
    h = fit(net, loader, loader, epochs=1, lr=0, device="cpu")  # lr=0: the weights stay
    X, y = (torch.cat(tensors) for tensors in zip(*loader, strict=True))
    scores = net(X)
    assert h.train_loss[0] == pytest.approx(F.cross_entropy(scores, y).item(), rel=1e-5)
    assert h.train_acc[0] == pytest.approx((scores.argmax(1) == y).float().mean().item())
    assert h.images == 19


def test_fit_goes_on_from_the_weights_the_net_has(loaders):
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    before = weights(net)
    fit(net, *loaders, epochs=1, lr=0)
    assert torch.equal(weights(net), before)


@pytest.mark.parametrize("kind", ["ours", "DataLoader"])
def test_seed_decides_the_run(loaders, kind):
    train, test = loaders
    if kind == "DataLoader":
        train = DataLoader(TensorDataset(train.images, train.labels), 100, shuffle=True)

    def run(seed):
        net = small_net()
        return fit(net, train, test, epochs=2, seed=seed, device="cpu"), weights(net)

    first, again, other = run(1), run(1), run(2)
    assert first[0] == again[0]
    assert torch.equal(first[1], again[1])
    assert first[0] != other[0]


def test_epochs_differ_in_order_and_in_dropout():
    seen = []
    net = small_net()
    net[4].register_forward_hook(lambda m, _, out: seen.append(out == 0) if m.training else None)
    fit(net, batches(1), batches(1), epochs=2, lr=0, device="cpu")
    assert not torch.equal(seen[0], seen[1])


def test_torchs_random_state_is_untouched(loaders):
    net = nn.Sequential(nn.Flatten(), nn.Dropout(), nn.LazyLinear(10))
    state = torch.get_rng_state()
    fit(net, *loaders, epochs=1)
    assert torch.equal(torch.get_rng_state(), state)


def test_a_single_batch_and_a_single_epoch():
    h = fit(small_net(), batches(1), batches(1), epochs=1, device="cpu")
    assert len(h) == 1


def test_modes_are_kept_and_frozen_parts_stay_frozen(loaders):
    net = small_net()
    net[2].eval()
    mean = net[2].running_mean.clone()
    fit(net, *loaders, epochs=1)
    assert torch.equal(net[2].running_mean, mean)
    assert [m.training for m in net] == [True, True, False, True, True, True]


def test_a_net_in_eval_mode_is_trained_in_train_mode(loaders):
    net = small_net().eval()
    mean = net[2].running_mean.clone()
    fit(net, *loaders, epochs=1)
    assert not torch.equal(net[2].running_mean, mean)
    assert not any(m.training for m in net.modules())


@pytest.mark.parametrize(
    "optimizer", [torch.optim.Adam, lambda p, lr: torch.optim.SGD(p, lr, momentum=0.9)]
)
def test_any_optimizer(loaders, optimizer):
    h = fit(small_net(), *loaders, epochs=3, lr=0.01, optimizer=optimizer)
    assert h.test_acc[-1] > 0.7
    assert h != fit(small_net(), *loaders, epochs=3, lr=0.01)


def test_numbers_are_read_once_an_epoch_not_once_a_batch(loaders, monkeypatch):
    reads = []
    for name in ("item", "tolist", "__float__", "__bool__", "numpy"):
        real = getattr(torch.Tensor, name)
        monkeypatch.setattr(
            torch.Tensor, name, lambda t, *a, real=real, **k: (reads.append(1), real(t, *a, **k))[1]
        )
    fit(small_net(), *loaders, epochs=2)  # 15 batches of training and 4 of testing an epoch
    assert len(reads) <= 8


def test_lazy_layers_get_their_weights(loaders):
    def net():
        return nn.Sequential(
            nn.Flatten(), nn.LazyLinear(16), nn.LazyBatchNorm1d(), nn.LazyLinear(10)
        )

    lazy = [net(), net()]
    torch.manual_seed(7)
    first = fit(lazy[0], *loaders, epochs=1)
    torch.manual_seed(8)
    assert first == fit(lazy[1], *loaders, epochs=1)
    assert torch.equal(weights(lazy[0]), weights(lazy[1]))


def test_ctrl_c_returns_what_was_finished(loaders, capsys):
    net = small_net()
    h = fit(net, Spoiled(loaders[0], 3), loaders[1], epochs=5, device="cpu")
    assert len(h) == 2
    full = fit(small_net(), *loaders, epochs=2)
    assert h == full
    out = capsys.readouterr().out
    assert "Interrupted in epoch 3 of 5" in out
    assert out.count("\n") == 1
    assert all(m.training for m in net.modules())


def test_other_errors_are_not_swallowed(loaders):
    with pytest.raises(OSError, match="disk"):
        fit(small_net(), Spoiled(loaders[0], 1, OSError("disk")), loaders[1], device="cpu")


def test_a_loss_that_is_no_number_ends_the_run_with_a_line(loaders, capsys, tmp_path):
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    h = fit(net, *loaders, epochs=5, lr=1e38, checkpoint=tmp_path / "run.pt")
    assert len(h) == 1
    assert "Stopped after epoch 1: the training loss is nan" in capsys.readouterr().out
    assert not (tmp_path / "run.pt").exists()  # nothing to go on from


# Mistakes


@pytest.mark.parametrize("epochs", [0, -1, 2.5, None])
def test_epochs_must_be_a_whole_number(loaders, epochs):
    with pytest.raises(ValueError, match=r"epochs is .* whole number"):
        fit(small_net(), *loaders, epochs=epochs)


@pytest.mark.parametrize(
    ("net", "message"),
    [
        (nn.Sequential(nn.Flatten(), nn.Linear(64, 5)), r"into \(100, 5\), but there are 10"),
        (nn.Conv2d(1, 10, 8), r"into \(100, 10, 1, 1\); fit\(\) needs batch × classes"),
        (
            nn.Sequential(
                nn.Flatten(0),
                nn.Unflatten(0, (-1, 64)),
                nn.Linear(64, 10),
                nn.Flatten(0),
                nn.Unflatten(0, (-1, 20)),
            ),
            r"into \(50, 20\); fit\(\) needs",
        ),
    ],
)
def test_scores_that_do_not_fit_are_named(loaders, net, message):
    with pytest.raises(ValueError, match=message):
        fit(net, *loaders, epochs=1)


# Checkpoints


def momentum(params, lr):
    return torch.optim.SGD(params, lr, momentum=0.9)


@pytest.mark.parametrize("kind", ["ours", "DataLoader"])
@pytest.mark.parametrize("cut", ["between epochs", "within an epoch"])
def test_a_continued_run_equals_an_uninterrupted_one(loaders, tmp_path, kind, cut):
    train, test = loaders
    if kind == "DataLoader":
        generator = torch.Generator()
        train = DataLoader(
            TensorDataset(train.images, train.labels), 100, shuffle=True, generator=generator
        )
    options = {"lr": 0.05, "optimizer": momentum, "seed": 3, "device": "cpu"}
    whole_net, net = small_net(), small_net()
    whole = fit(whole_net, train, test, 4, **options)
    path = tmp_path / "runs" / "run.pt"
    if cut == "between epochs":
        fit(net, train, test, 2, **options, checkpoint=path)
    else:
        fit(net, Spoiled(train, 3), test, 4, **options, checkpoint=path)
    list(train)  # what else was done with the loader does not matter
    fresh = small_net(seed=9)
    continued = fit(fresh, train, test, 4, **options, checkpoint=path)
    assert continued == whole
    assert torch.equal(weights(fresh), weights(whole_net))
    assert continued.stopped == ""
    assert [p.name for p in path.parent.iterdir()] == ["run.pt"]


def test_a_finished_run_is_returned_at_once(loaders, tmp_path):
    path = tmp_path / "run.pt"
    first = fit(small_net(), *loaders, epochs=2, checkpoint=path)
    net = small_net(seed=4)
    again = fit(
        net, Spoiled(loaders[0], 1, AssertionError), loaders[1], 2, checkpoint=path, device="cpu"
    )
    assert again == first
    assert again.seconds == first.seconds
    assert evaluate(net, loaders[1]) == first.test_acc[-1]


def test_a_checkpoint_is_replaced_whole_or_not_at_all(loaders, tmp_path, monkeypatch):
    path = tmp_path / "run.pt"
    fit(small_net(), *loaders, epochs=1, checkpoint=path)
    before = path.read_bytes()

    def half(_, target):
        target.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(torch, "save", half)
    with pytest.raises(OSError, match="disk full"):
        fit(small_net(), *loaders, epochs=2, checkpoint=path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_reader_of_the_old_checkpoint_is_not_disturbed(loaders, tmp_path):
    path, same_file = tmp_path / "run.pt", tmp_path / "link.pt"
    fit(small_net(), *loaders, epochs=1, checkpoint=path)
    before = path.read_bytes()
    same_file.hardlink_to(path)
    fit(small_net(), *loaders, epochs=2, checkpoint=path)
    assert same_file.read_bytes() == before != path.read_bytes()


def test_the_checkpoint_of_another_network_is_refused(loaders, tmp_path):
    path = tmp_path / "run.pt"
    fit(small_net(), *loaders, epochs=1, checkpoint=path)
    other = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.Linear(16, 10))
    before = weights(other)
    with pytest.raises(
        ValueError, match=r"another network: its 1.weight is \(32, 64\), here it is \(16, 64\)"
    ):
        fit(other, *loaders, epochs=2, checkpoint=path)
    assert torch.equal(weights(other), before)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"lr": 0.2}, "its lr is 0.05, here it is 0.2"),
        ({"seed": 1}, "its seed is 0, here it is 1"),
        ({"optimizer": torch.optim.Adam}, "its optimizer is SGD, here it is Adam"),
    ],
)
def test_the_checkpoint_of_another_run_is_refused(loaders, tmp_path, changed, message):
    path = tmp_path / "run.pt"
    fit(small_net(), *loaders, epochs=1, checkpoint=path)
    with pytest.raises(ValueError, match=message):
        fit(small_net(), *loaders, epochs=2, checkpoint=path, **changed)


class Touch:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


@pytest.mark.parametrize("content", [b"", b"garbage", b"PK\x03\x04 cut", "code", "other"])
def test_what_is_no_checkpoint_is_refused_and_never_run(loaders, tmp_path, content):
    path = tmp_path / "run.pt"
    if content == "code":
        path.write_bytes(pickle.dumps(Touch(str(tmp_path / "touched"))))
    elif content == "other":
        torch.save(small_net().state_dict(), path)
    else:
        path.write_bytes(content)
    with pytest.raises(ValueError, match="is not a checkpoint that fit"):
        fit(small_net(), *loaders, checkpoint=path)
    assert not (tmp_path / "touched").exists()


# History


def a_history(epochs):
    numbers = [1 / (i + 1) for i in range(epochs)]
    return History(numbers, numbers[::-1], numbers, images=100, seconds=2.0)


def test_histories_compare_by_their_numbers_and_show_no_time():
    first, slower = a_history(3), a_history(3)
    slower.seconds = 50.0
    assert first == slower
    assert first != a_history(2)
    assert repr(first) == "History: 3 epochs, train loss 0.333, train acc 1.00, test acc 0.33"
    assert repr(a_history(1)).startswith("History: 1 epoch,")
    assert repr(History()) == "History: 0 epochs"


@pytest.mark.parametrize("epochs", [1, 2, 3, 10, 37])
def test_plot_labels_every_line_and_counts_epochs_in_whole_numbers(epochs):
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots()
    history = a_history(epochs)
    assert history.plot(ax) is None
    lines = {line.get_label(): line for line in ax.lines}
    assert list(lines) == ["train loss", "train acc", "test acc"]
    assert [text.get_text() for text in ax.texts] == list(lines)
    assert list(lines["train acc"].get_ydata()) == history.train_acc
    assert list(lines["test acc"].get_xdata()) == list(range(1, epochs + 1))
    figure.canvas.draw()
    left, right = ax.get_xlim()
    ticks = [tick for tick in ax.get_xticks() if left <= tick <= right]
    assert ticks
    assert all(float(tick).is_integer() and 1 <= tick <= epochs for tick in ticks)
    plt.close(figure)


def test_plot_shows_its_own_figure_also_of_a_run_that_saw_nothing(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda thing, **_: shown.append(thing))
    a_history(2).plot()
    History().plot()
    assert [len(figure.axes[0].lines) for figure in shown[::2]] == [3, 0]


# Progress


CELLS = itertools.count(1)  # each test is a cell of its own


def a_notebook(monkeypatch, *, person):
    """Stands for IPython in a kernel; returns the list of what it displays."""
    shown = []

    def display(data, **options):
        shown.append(data["text/plain"])
        assert options == {"raw": True, "display_id": True}
        return SimpleNamespace(update=lambda data, **_: shown.append(data["text/plain"]))

    kernel = SimpleNamespace(_allow_stdin=person)
    shell = SimpleNamespace(kernel=kernel, execution_count=next(CELLS))
    module = SimpleNamespace(get_ipython=lambda: shell)
    monkeypatch.setitem(sys.modules, "IPython", module)
    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(display=display))
    return shown


def test_runs_of_one_cell_share_a_line(loaders, monkeypatch):
    shown = a_notebook(monkeypatch, person=True)
    made = []
    display = sys.modules["IPython.display"].display
    sys.modules["IPython.display"].display = lambda *a, **k: made.append(1) or display(*a, **k)
    for _ in range(2):
        fit(small_net(), *loaders, epochs=1)
    assert made == [1]
    assert sum("15/15" in line for line in shown) >= 2
    another = a_notebook(monkeypatch, person=True)
    fit(small_net(), *loaders, epochs=1)
    assert "0/15" in another[0] and len(progress._Page.shared) == 1  # what has ended is let go


def test_progress_is_one_line_that_a_person_sees(loaders, monkeypatch, capfd):
    shown = a_notebook(monkeypatch, person=True)
    h = fit(small_net(), *loaders, epochs=2)
    assert "0/30" in shown[0]
    assert "30/30" in shown[-1] and "batch/s" in shown[-1]
    assert f"test {h.test_acc[-1]:.2f}" in shown[-1]
    assert not any("\r" in line or "\n" in line for line in shown)
    assert capfd.readouterr() == ("", "")


def test_progress_starts_where_the_checkpoint_ended(loaders, monkeypatch, tmp_path):
    fit(small_net(), *loaders, epochs=1, checkpoint=tmp_path / "run.pt")
    shown = a_notebook(monkeypatch, person=True)
    fit(small_net(), *loaders, epochs=2, checkpoint=tmp_path / "run.pt")
    assert "15/30" in shown[0]


@pytest.mark.parametrize(("person", "asked"), [(False, True), (True, False)])
def test_a_notebook_run_by_a_program_shows_nothing(loaders, monkeypatch, capfd, person, asked):
    shown = a_notebook(monkeypatch, person=person)
    fit(small_net(), *loaders, epochs=1, progress=asked)
    assert shown == []
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("person", [False, True])
@pytest.mark.parametrize("ipython", [False, True])
def test_in_a_terminal_progress_goes_to_stderr(loaders, monkeypatch, capsys, person, ipython):
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    if ipython:  # its shell has no kernel
        shell = SimpleNamespace(get_ipython=SimpleNamespace)
        monkeypatch.setitem(sys.modules, "IPython", shell)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: person, raising=False)
    fit(small_net(), *loaders, epochs=1)
    out, err = capsys.readouterr()
    assert out == ""
    assert ("15/15" in err) == person


# Devices


def test_fit_moves_the_net_to_the_data_and_batches_to_the_net(loaders, monkeypatch):
    monkeypatch.setattr(training, "best_device", lambda: torch.device("meta"))
    net = small_net()
    fit(net, *loaders, epochs=1)  # the loader's own device wins over best_device()
    assert {p.device.type for p in net.parameters()} == {"cpu"}
    fit(net, batches(1), batches(1), epochs=1, device="cpu")
    with pytest.raises((RuntimeError, NotImplementedError)):
        fit(small_net(), batches(1), batches(1), epochs=1)  # no device known: best_device()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU here")
def test_on_a_gpu(tmp_path):
    train, test = digits(batch_size=100, size=8, device="cuda")
    state = torch.cuda.get_rng_state()
    net = small_net()
    h = fit(net, train, test, epochs=2, lr=0.2, checkpoint=tmp_path / "run.pt")
    assert next(net.parameters()).device.type == "cuda"
    assert h.test_acc[-1] > 0.6
    assert torch.equal(torch.cuda.get_rng_state(), state)
    assert fit(small_net(), train, test, 3, 0.2, checkpoint=tmp_path / "run.pt").stopped == ""
