"""The sentences of a diagnosis, and mistakes that no gallery holds."""

import pytest
import torch
from broken import COLOUR, GREY, lenet, mlp, resnet
from torch import nn
from torch.nn import functional as F
from torchvision.models.resnet import BasicBlock, ResNet

from layerwise import diagnose
from layerwise.diagnosis import causes, repairs
from layerwise.diagnosis.branch_errors import clashing
from layerwise.diagnosis.breakdown import Case
from layerwise.diagnosis.texts import CAUSES, HEADLINES
from layerwise.tracing import building


def text(d) -> str:
    return " ".join(str(d).split())


def test_every_template_is_a_sentence():
    for told in (*HEADLINES.values(), *CAUSES.values()):
        assert not told or told.endswith((".", "?", "{near:meant}", "...", "{near}` at the top."))


# ------------------------------------------------------------------ other members of the classes


def net(forward, **layers):
    """A builder of a network with these layers, made anew, and this forward."""

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            for name, make in layers.items():
                setattr(self, name, make())

    Net.forward = forward
    return Net


def row(*makers):
    return lambda: nn.Sequential(*[make() for make in makers])


def of_halves():
    return nn.Conv2d(4, 4, 1).half()


def conv(reads, makes, kernel=1):
    return lambda: nn.Conv2d(reads, makes, kernel)


def linear(reads, makes):
    return lambda: nn.Linear(reads, makes)


class Bound(nn.Module):
    """A layer kept in an object that is no module."""

    def __init__(self):
        super().__init__()
        self.kept = type("Kept", (), {"layer": nn.Linear(16, 16)})()

    def forward(self, x):
        return self.kept.layer(x)


class Listed(nn.Module):
    """What was changed in place stands in a list."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(8, 8, 1)

    def forward(self, x):
        kept = [x]
        kept.append(self.conv(F.silu(x, inplace=True)))
        return torch.cat(kept, dim=1)


class Branched(nn.Module):
    def __init__(self):
        super().__init__()
        self.act, self.conv, self.down = nn.ReLU6(inplace=True), nn.Conv2d(8, 8, 1), None

    def forward(self, x):
        identity = x
        out = self.conv(self.act(x))
        if self.down is not None:
            identity = self.down(x)
        out += identity
        return out


def overwritten():
    made = nn.Sequential()
    for reads, makes in ((3, 4), (4, 8), (8, 16)):
        made.add_module("conv", nn.Conv2d(reads, makes, 1))
    return made


def norm_twice():
    made = nn.Sequential(nn.Linear(16, 32), nn.BatchNorm1d(32))
    made.add_module("1", nn.BatchNorm1d(8))
    return made


def tied_convolutions():
    made = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 3, 3))
    made[1].weight = made[0].weight
    return made


class Two(nn.Module):
    def forward(self, x):
        return x, x


def called_class():
    return net(lambda self, x: self.fc(nn.ReLU(x)), fc=linear(16, 4))()


class Misspelt(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 1)

    def foward(self, x):
        return self.conv(x)


class InALoop(nn.Module):
    """A layer changes the shortcut in the second round of a loop."""

    def __init__(self):
        super().__init__()
        self.conv, self.act = nn.Conv2d(8, 8, 1), nn.SiLU(inplace=True)

    def forward(self, x):
        for _ in range(2):
            shortcut = x
            x = shortcut + self.conv(self.act(x))
        return x


def test_a_run_is_judged_without_building_its_network_again():
    built = []

    def build():
        built.append(overwritten())
        return built[-1]

    found = causes.find(Case(build, COLOUR, {}), building.run(build, COLOUR, {}))
    assert (found.why, len(built)) == ("overwritten", 1)


TOKENS, VECTORS = (2, 6, 50), (2, 16)
MEMBERS = [
    (net(lambda _, x: x.mT.view(2, -1)), TOKENS, ["reshape", "mT"]),
    (net(lambda _, x: x[:, :, :8].view(2, 48)), TOKENS, ["reshape"]),
    (row(conv(3, 4)), (5, 32, 32), ["(5, 3, 32, 32)"]),
    (row(conv(3, 4), lambda: nn.BatchNorm2d(4)), (3, 32, 32), ["(1, 3, 32, 32)"]),
    (
        net(lambda self, x: self.fc(torch.cat([x, x], 1)), fc=linear(32, 1)), (2, 6, 16),
        ["dim=2", "16 + 16 = 32"],
    ),
    (net(lambda self, x: self.up(torch.vstack([x, x])), up=conv(6, 2)), COLOUR, ["dim=1"]),
    (net(lambda self, x: self.fc(x.amax((2, 3))), fc=linear(12, 2)), COLOUR, ["12", "amax"]),
    (overwritten, COLOUR, ["same name", "reads 3"]),
    (norm_twice, VECTORS, ["same name", "BatchNorm1d"]),
    (tied_convolutions, COLOUR, ["transposed", "ConvTranspose2d"]),
    (net(lambda _, x: x.unflatten(-1, (8, 6))), TOKENS, ["50", "multiple of 8"]),
    (net(lambda _, x: x.view(12, 8, 6)), TOKENS, ["50", "multiple of 8"]),
    (net(lambda _, x: x.view(2, 6, 8, -1)), TOKENS, ["50", "multiple of 8"]),
    (lambda: nn.Transformer(50, 8), TOKENS, ["d_model=50", "nhead=8"]),
    (Bound, VECTORS, ["272 parameters", "__init__"]),
    (net(lambda _, x: F.dropout(x, 0.1, True)), VECTORS, ["training=self.training"]),
    (net(lambda _, x: nn.Dropout(0.1)(x)), VECTORS, ["always drops"]),
    (row(conv(3, 8), Listed), COLOUR, ["in place", "x.clone()"]),
    (row(conv(3, 8), Branched), COLOUR, ["in place", "self.act(x)"]),
    (row(conv(3, 4), lambda: nn.Softmax(dim=0)), COLOUR, ["dim=-1"]),
    (net(lambda _, x: F.softmin(x, 0)), (4, 10), ["dim=1"]),
    (lambda: nn.ModuleDict(dict.fromkeys("ab", nn.Linear(16, 16))), VECTORS, ["only holds"]),
    (row(lambda: nn.AdaptiveAvgPool2d(4), linear(4, 10)), GREY, ["Flatten", "4 columns"]),
    (net(lambda _, x: torch.hstack(x, x)), VECTORS, ["hstack([a, b]"]),
    (net(lambda self, x: x * self.g, g=lambda: (nn.Parameter(torch.ones(16)),)), VECTORS,
     ["comma", "of g"]),
    (lambda: nn.Conv2d(3, (8,), 3), COLOUR, ["comma", "(8,)"]),
    (lambda: nn.LSTM(16, 16 / 2), VECTORS, ["hidden_size=8.0", "//"]),
    (lambda: nn.LayerNorm(16 / 2), VECTORS, ["normalized_shape=8.0", "//"]),
    (net(lambda _, x: x.view(2, 16 / 2, 2)), VECTORS, ["//"]),
    (lambda: nn.BatchNorm3d(16), VECTORS, ["BatchNorm1d"]),
    (called_class, VECTORS, ["nn.ReLU()"]),
    (row(Two, nn.Flatten), VECTORS, ["tuple", "take one"]),
    (net(lambda _, x: (x, x).mean()), VECTORS, ["tuple", "take one"]),
    (net(lambda self, x: self.fc(x.max(dim=0)), fc=linear(16, 2)), VECTORS, ["tuple"]),
    (lambda: nn.PReLU(4), COLOUR, ["4 slopes for 3 channels"]),
    (net(lambda _, x: torch.mm(x, x)), TOKENS, ["mm needs 2 dimensions"]),
    (net(lambda _, x: torch.maximum(x, torch.zeros(4))), VECTORS, ["maximum", "16", "4"]),
    (net(lambda _, x: torch.einsum("bi,bj->b", x, x[:1, :4, None])), VECTORS, ["einsum"]),
    (row(conv(3, 4), of_halves), COLOUR, ["float16", "float32", "Layer 0"]),
    (lambda: nn.Conv1d(1, 2, (3, 3)), (1, 1, 9), ["kernel_size=(3, 3)", "one number."]),
    (lambda: nn.MaxPool2d(7 / 3), COLOUR, ["kernel_size=2.33333"]),
    (lambda: nn.Conv2d(4, 8, 3, groups=4), COLOUR, ["give an input of 4 channels"]),
    (row(conv(3, 4), Misspelt), COLOUR, ["Misspelt defines foward", "def foward(self, x)"]),
    (row(conv(3, 8), InALoop), COLOUR, ["self.act(x) changes", "x is read after"]),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(MEMBERS)))
def test_the_mistake_is_named(number):
    build, given, fragments = MEMBERS[number]
    told = text(diagnose(build, given))
    assert all(fragment in told for fragment in fragments), told


class Counter(nn.Module):
    """An iterator that never ends is no layer, and no mistake."""

    def __init__(self):
        super().__init__()
        import itertools

        self.count, self.fc = itertools.count(), nn.Linear(16, 4)

    def forward(self, x):
        next(self.count)
        return self.fc(x)


class ByName(nn.Module):
    def __init__(self):
        super().__init__()
        self.a0, self.a1 = nn.Linear(16, 16), nn.Linear(16, 16)

    def forward(self, x):
        return getattr(self, f"a{0}")(x)


class Twice(nn.Module):
    """One layer under two names, both called: sharing that is meant."""

    def __init__(self):
        super().__init__()
        self.a = nn.Linear(16, 16)
        self.b = self.a

    def forward(self, x):
        return self.b(F.relu(self.a(x)))


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1, self.c2, self.act = nn.Conv2d(8, 8, 1), nn.Conv2d(8, 8, 1), nn.ReLU(inplace=True)

    def forward(self, x):
        identity = x
        out = self.act(self.c1(x))
        out = self.c2(out)
        out += identity
        return self.act(out)


class OnPurpose(InALoop):
    """What a statement by itself changes in place is read after that as it was meant."""

    def forward(self, x):
        self.act(x)
        return x + self.conv(x)


@pytest.mark.parametrize(
    ("build", "given"),
    [
        (row(conv(3, 8), OnPurpose), COLOUR),
        (Counter, VECTORS),
        (ByName, VECTORS),
        (Twice, VECTORS),
        (row(conv(3, 8), Residual, Residual), COLOUR),
        (row(linear(28, 10)), (4, 1, 28)),
        (row(linear(3, 10)), (2, 16, 16, 3)),
        (net(lambda self, x: self.fc(x.permute(0, 2, 3, 1)), fc=linear(3, 4)), COLOUR),
        (net(lambda _, x: x + x.mean(dim=(2, 3), keepdim=True)), COLOUR),
    ],
)
def test_nothing_is_said_of_a_sound_network(build, given):
    assert diagnose(build, given) is None


# ------------------------------------------------------------------ words of old


def refuses():
    raise ValueError


def test_an_error_without_a_message():
    assert "ValueError: it has no message." in text(diagnose(refuses, GREY))


def test_a_builder_that_refuses_says_why_itself():
    def build(width=3):
        if width % 2:
            raise ValueError("width must be even")
        return nn.Flatten()

    d = diagnose(build, GREY)
    assert (d.kind, d.headline) == ("setting", "width must be even.")
    assert d.repairs == [{"width": 4}, {"width": 2}]


def test_a_silent_broadcast_names_the_layer_that_made_the_small_one():
    d = diagnose(resnet, COLOUR, project=True, gain=1)
    assert "Layer 1.conv3 (Conv2d 1×1) makes 2×1×32×32" in d.detail


def test_vectors_have_features_and_a_batch_can_differ():
    layers = {"a": linear(16, 4), "b": linear(16, 5)}
    adds = net(lambda self, x: self.a(x) + self.b(x)[:1].repeat(3, 1), **layers)
    assert "in the batch (3 and 2) and in features (5 and 4)" in text(diagnose(adds, VECTORS))


# ------------------------------------------------------------------ the search


def test_the_answer_does_not_depend_on_what_is_asked_first():
    one, other = (diagnose(lenet, GREY, stride=8, kernel=9) for _ in range(2))
    assert one.repairs == other.repairs and (one.cause, one.repairs) == (other.cause, other.repairs)
    third = diagnose(lenet, GREY, stride=8, kernel=9)
    assert (third.cause, third.repairs) == (one.cause, one.repairs)


def test_the_search_is_bounded_by_steps(monkeypatch):
    runs, real = [], building.run
    monkeypatch.setattr(building, "run", lambda *args: runs.append(args) or real(*args))
    d = diagnose(lambda n=1, m=7: nn.Sequential(*[nn.ReLU()] * 500, nn.Linear(3, n + m)), (2, 4))
    assert d.repairs == [] and len(runs) <= repairs.LEAST + 2


def test_other_sizes_of_the_input_are_tried_last():
    d = diagnose(lambda: nn.Sequential(nn.Flatten(), nn.Linear(32 * 32, 10)), GREY)
    assert d.repairs == [{"input_size": 32}]


def test_a_crash_of_a_check_is_no_verdict(monkeypatch):
    def bug(_):
        raise ZeroDivisionError

    monkeypatch.setattr("layerwise.diagnosis.causes.WARNING_SIGNS", (bug,))
    with pytest.raises(ZeroDivisionError):
        diagnose(mlp, GREY)


class Discards(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.c, self.d = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3)

    def forward(self, x):
        self.c(x)
        return self.d(x)


@pytest.mark.parametrize("size", [8, 16])
def test_a_result_that_is_thrown_away_is_the_cause(size):
    told = str(diagnose(Discards, (4, 3, size, size)))
    assert "Layer c (Conv2d 3×3) makes 8 channels, but nothing reads its result" in told
    assert "channels last" not in told and "in_channels" not in told


QUOTIENT = "A quotient of / is no whole number: divide with //"


def test_a_quotient_is_named_where_its_float_is_refused():
    def repeated(depth=4):
        return nn.Sequential(*[nn.Linear(8, 8) for _ in range(depth / 2)])

    def picked(depth=4):
        return nn.Linear(8, [8, 16][depth / 4])

    for build in (repeated, picked):
        assert QUOTIENT in text(diagnose(build, (5, 8)))


def test_a_quotient_is_not_named_where_something_else_is_refused():
    def joined(depth=4):
        return nn.Linear(8, [depth / 2] + 1)

    def given():
        return nn.Sequential(*[nn.Linear(8, 8)] * 2.0)

    def missing(depth=4):
        return nn.Linear(8, [8, 16].index(depth / 2))

    for build in (joined, given, missing):
        assert QUOTIENT not in text(diagnose(build, (5, 8)))


def test_branches_of_sequences_are_told_the_padding_that_keeps_them():
    one, five = lambda: nn.Conv1d(4, 4, 1), lambda: nn.Conv1d(4, 4, 5, dilation=2)
    build = net(lambda m, x: torch.cat([m.a(x), m.b(x)], 1), a=one, b=five)
    assert "padding 4 would keep 20" in text(diagnose(build, (1, 4, 20)))


@pytest.mark.parametrize(
    ("a", "b", "found"),
    [
        ((1, 2), (1, 2, 3), (2, 3)),
        ((1, 4, 5, 6), (1, 4, 7, 6), (5, 7)),
        ((1, 4, 5, 6), (1, 8, 7, 6), (5, 7)),  # the channels are joined
        ((1, 4, 5, 6), (1, 8, 5, 6), (4, 8)),  # and nothing else differs
    ],
)
def test_the_two_numbers_that_clash(a, b, found):
    assert clashing(a, b, joined=1) == found


# ------------------------------------------------------------------ settings, and reads in place


def test_half_a_padding_is_judged_axis_by_axis():
    said = text(diagnose(lambda: nn.MaxPool2d((4, 2), padding=2), (1, 3, 8, 8)))
    assert "MaxPool2d cannot have padding=2" in said
    assert diagnose(lambda: nn.MaxPool2d((4, 2), padding=(2, 1)), (1, 3, 8, 8)) is None


def test_a_size_left_as_it_is_is_no_mistake():
    said = text(diagnose(lambda: nn.AdaptiveAvgPool2d((None, 7)), (2, 5)))
    assert "output_size" not in said
    assert "whole number" in text(diagnose(lambda: nn.AdaptiveAvgPool2d((2.5, 7)), (2, 3, 5, 5)))


def test_a_float_that_a_division_made_is_named_in_any_constructor():
    def encoder(layers):
        return nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2), layers)

    shape = (5, 2, 8)
    assert "num_layers=2.0: it must be a whole number" in text(
        diagnose(lambda: encoder(2.0), shape)
    )
    assert "num_layers" not in text(diagnose(lambda: encoder(2.5), shape)).partition("words.py")[0]


class Gated(nn.Module):
    """Reads what an operation in place gave; `asks` the old name for something."""

    def __init__(self, asks):
        super().__init__()
        self.conv, self.asks = nn.Conv2d(4, 4, 1), asks

    def forward(self, x):
        x = self.conv(x)
        y = F.relu_(x)
        z = self.conv(y)
        self.asks(x)
        return y + z


SHAPES = {
    "size": lambda x: x.size(0),
    "dim": lambda x: x.dim(),
    "numel": lambda x: x.numel(),
    "len": len,
    "shape": lambda x: x.shape,
}


@pytest.mark.parametrize("name", SHAPES)
def test_who_asks_for_a_shape_reads_no_numbers(name):
    assert diagnose(lambda: Gated(SHAPES[name]), (1, 4, 5, 5)) is None


class Averaged(Gated):
    def forward(self, x):
        x = self.conv(x)
        y = F.relu_(x)
        return y + self.conv(y) + x.mean()


def test_what_reads_numbers_that_were_changed_is_named_with_its_block():
    def build(width=4):
        return nn.Sequential(nn.Conv2d(3, width, 1), Averaged(None))

    d = diagnose(build, (1, 3, 5, 5))
    assert (d.layer, d.works) == ("1", True)
    assert "F.relu_(x)" in text(d)
    assert d.repairs == []
    assert "No setting near" not in text(d)


def test_a_product_of_matrices_names_who_made_the_axis():
    build = net(lambda m, x: m.fc(x) @ torch.ones(7, 5), fc=lambda: nn.Linear(8, 6))
    d = diagnose(build, (2, 8))
    assert (d.expected, d.got) == (7, 6)
    assert "fc" in d.cause
    alone = net(lambda m, x: m.fc(x) @ torch.tensor(1.0), fc=lambda: nn.Linear(8, 6))
    assert diagnose(alone, (2, 8)).kind == d.kind  # nothing to name there


def test_groups_that_divide_are_not_to_blame():
    build = net(lambda m, x: m.norm(x.flatten(1)[:, :0]), norm=lambda: nn.GroupNorm(2, 4))
    assert "groups" not in diagnose(build, (2, 4, 3, 3)).headline
    given = net(lambda m, x: m.norm(x), norm=lambda: nn.GroupNorm(2, 4))
    said = diagnose(given, (2, 6, 3, 3))
    assert (said.expected, said.got) == (4, 6)


def test_sequences_laid_in_one_row_are_a_mixed_batch_too():
    d = diagnose(lambda: nn.Sequential(nn.Flatten(0), nn.Linear(48, 10)), (2, 3, 8))
    assert (d.kind, d.works, d.expected, d.got) == ("batch", True, 2, 48)
    assert diagnose(lambda: nn.Sequential(nn.Flatten(), nn.Linear(24, 10)), (2, 3, 8)) is None


@pytest.mark.filterwarnings("ignore")  # PyTorch's own, of TorchScript
def test_what_cannot_be_watched_is_told_in_the_tracers_words():
    d = diagnose(lambda: nn.Sequential(torch.jit.script(nn.Linear(2, 2))), (1, 2))
    assert "is TorchScript, which runs outside Python" in d.headline
    assert d.kind == "your code"


@pytest.mark.parametrize(
    ("layers", "kind", "says"),
    [(5, "setting", "not subscriptable"), ((2, 2), "PyTorch", "index out of range")],
)
def test_what_fails_inside_a_library_is_told_in_its_words(layers, kind, says):
    d = diagnose(ResNet, COLOUR, block=BasicBlock, layers=layers)
    assert (d.kind, d.line) == (kind, None)
    assert says in d.headline
    assert d.cause == "There is no default of block and layers to go back to."


@pytest.mark.parametrize(("channels", "kind"), [(8, None), (1, "silent broadcast")])
def test_what_a_layer_makes_of_a_mean_is_meant_if_its_channels_are_kept(channels, kind):
    def build():
        scale = {"scale": lambda: nn.Conv2d(8, channels, 1)}
        return net(lambda m, x: x + m.scale(F.adaptive_avg_pool2d(x, 1)), **scale)()

    d = diagnose(build, (1, 8, 6, 6))
    assert (d and d.kind) == kind
