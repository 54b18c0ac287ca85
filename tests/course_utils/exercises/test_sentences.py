"""The English of the checks, word for word: for every kind of finding what a student reads."""

# ruff: noqa: ISC004  a sentence over two lines is one

from types import SimpleNamespace

import pytest

from course_utils.exercises import _words
from course_utils.exercises._findings import Finding
from course_utils.exercises._steps import Part, Place

CONV = Part(
    "convolution",
    "convolution",
    {"in_channels": 3, "out_channels": 8, "kernel_size": (3, 3), "stride": (1, 1)},
    (2, 3, 8, 8),
    (2, 8, 6, 6),
)
TALL = Part(
    "max pooling", "pooling", {"kernel_size": (3, 2), "stride": (2, 1)}, (2, 8, 6, 6), (2, 8, 2, 5)
)
LINEAR = Part("linear layer", "linear", {"in_features": 9, "out_features": 4}, (2, 9), (2, 4))
RELU = Part("ReLU", "activation", {}, (2, 4), (2, 4))
FIRST, SECOND, NINTH = Place(CONV, 1, 2), Place(CONV, 2, 2), Place(RELU, 9, 9)
POOL, FC, ONLY = Place(TALL, 1, 1), Place(LINEAR, 1, 1), Place(RELU, 1, 1)
CASE = {
    "case": SimpleNamespace(args=((64, (2, 3)), len, "a"), shape=(2, 3, 8, 8)),
    "called": "block",
}
MAPS = ((8, 8), (6, 6), (4, 4))


def missing(after=None, before=None, has=0, thing="ReLU"):
    return {"after": after, "before": before, "has": has, "needs": 3, "thing": thing}


def setting(name, value, after="", sizes=MAPS):
    return {"place": FIRST, "setting": name, "value": value, "sizes": sizes, "next": after}


def accuracy(train, convolution=True):
    return {"best": 0.8751, "goal": 0.9, "train": train, "convolution": convolution}


def stops(message, line):
    return {"error": "ValueError", "message": message, "line": line}


READ = [
    ("missing", missing(FIRST, FC),
     "Between your first convolution (3×3, 3 → 8 channels) and your linear layer (9 → 4), a ReLU "
     "is missing (yours has none, 3 asked for)."),
    ("missing", missing(NINTH, has=2, thing="add"),
     "After your 9th ReLU, an add is missing (yours has 2, 3 asked for)."),
    ("missing", missing(None, POOL),
     "Before your max pooling (3×2, stride 2×1), a ReLU is missing (yours has none, 3 asked for)."),
    ("missing", missing(),
     "Your network has no step at all: what you return hands its input on."),
    ("extra", {"place": SECOND, "after": ONLY},
     "Your second convolution (3×3, 3 → 8 channels) is one step too many; it follows your ReLU."),
    ("extra", {"place": ONLY, "after": None},
     "Your ReLU is one step too many, at the beginning."),
    ("moved", {"place": ONLY, "after": FC},
     "Your ReLU stands in the wrong place: it comes after your linear layer (9 → 4). Compare the "
     "order of your steps with what is asked."),
    ("moved", {"place": ONLY, "after": None},
     "Your ReLU stands in the wrong place: it comes at the beginning. Compare the order of your "
     "steps with what is asked."),
    ("other", {"place": ONLY, "kind": "activation"},
     "Your ReLU stands where an activation of another kind is asked for."),
    ("other", {"place": ONLY, "kind": "pooling"},
     "Your ReLU stands where a pooling of another kind is asked for."),
    ("other", {"place": ONLY, "kind": "merge"},
     "Your ReLU stands where another way to join the branches is asked for."),
    ("other", {"place": ONLY, "kind": "linear"},
     "Your ReLU stands where another step is asked for."),
    ("setting", setting("bias", True),
     "Your first convolution (3×3, 3 → 8 channels) has a bias, and none is asked for."),
    ("setting", setting("bias", True, "batch norm"),
     "Your first convolution (3×3, 3 → 8 channels) has a bias: batch norm after it subtracts the "
     "mean, and the bias with it."),
    ("setting", setting("bias", False, "batch norm"),
     "Your first convolution (3×3, 3 → 8 channels) has no bias, and one is asked for."),
    ("setting", setting("padding", (1, 1)),
     "Look at the padding of your first convolution (3×3, 3 → 8 channels): it is 1. So 8×8 maps "
     "become 6×6; they should become 4×4."),
    ("setting", setting("padding", (1, 2), sizes=((8, 8), (6, 6), (6, 6))),
     "Look at the padding of your first convolution (3×3, 3 → 8 channels): it is 1×2."),
    ("setting", setting("padding", 0, sizes=((8,), (6,), (4,))),
     "Look at the padding of your first convolution (3×3, 3 → 8 channels): it is 0."),
    ("diagnosis", {"headline": "It breaks.", "detail": "", "line": None}, "It breaks."),
    ("diagnosis",
     {"headline": "It breaks.", "detail": "So.", "line": SimpleNamespace(number=3, text=" x = 1 ")},
     "It breaks.\n    line 3: x = 1\nSo."),
    ("diagnosis",
     {"headline": "It breaks.", "detail": "", "line": SimpleNamespace(number=3, text=" ")},
     "It breaks."),
    ("stops", stops("no", "x = int('a')"),
     "Your code stops with ValueError: no.\n    x = int('a')"),
    ("stops", stops("", ""), "Your code stops with ValueError: no message."),
    ("endless", {"seconds": 2.5, "line": "while True:"},
     "After 2.5 seconds your code was still running. It was at `while True:`. Does a loop never "
     "end? Does what it tests change inside it?"),
    ("endless", {"seconds": 10.0, "line": ""},
     "After 10 seconds your code was still running. Does a loop never end? Does what it tests "
     "change inside it?"),
    ("memory", {"line": "torch.ones(10**12)"},
     "Your code asks for more memory than it may have at `torch.ones(10**12)`. Which number is too "
     "large?"),
    ("memory", {"line": ""},
     "Your code asks for more memory than it may have. Which number is too large?"),
    ("called", {"called": "block(1)"},
     "You handed over what your function returned. Hand over the function itself, without "
     "brackets: the check calls it as block(1)."),
    ("no function", {"value": 3, "called": "block(1)"},
     "This is an int; what is asked for is called as block(1)."),
    ("no function", {"value": "a", "called": "block(1)"},
     "This is a str; what is asked for is called as block(1)."),
    ("arguments", {"called": "block(1)", "error": "too many"},
     "It cannot be called as block(1): too many."),
    ("unused", {"layers": ["conv", "bn"]}, "The forward never uses conv and bn."),
    ("params", {"params": 1200, "asked": 1000},
     "Your steps are as asked, but the network has 1,200 parameters, which is more than they need. "
     "Is a layer used twice, or made and not used?"),
    ("params", {"params": 900, "asked": 1000},
     "Your steps are as asked, but the network has 900 parameters, which is fewer than they need. "
     "Is a layer used twice, or made and not used?"),
    ("values", {"where": "input"},
     "Your forward changes its input in place, and other layers may still need it. Which operation "
     "writes into the tensor that came in?"),
    ("values", {"where": "eval", "probed": True},
     "Other numbers come out than are asked for. In eval mode, after training, they are normalized "
     "by the moving averages. How do these move?"),
    *(("values", {"where": where},
       f"Shapes and steps are as asked, but with the same weights other numbers come out {told}. "
       "Follow the numbers: what is multiplied, added or handed on that should not be?")
      for where, told in {
          "train": "in training mode", "eval": "in eval mode", "dropout": "in training mode",
          "gradient": "in the gradient that reaches the input",
      }.items()),
    ("said", {"text": "So it is."}, "So it is."),
    ("no number", {"count": 1, "value": "a"}, "One number is asked for, and this is 'a'."),
    ("no number", {"count": 5, "value": None}, "5 numbers are asked for, and this is None."),
    ("count", {"given": 1, "asked": 5}, "You give 1 number; 5 are asked for."),
    ("count", {"given": 0, "asked": 5}, "You give 0 numbers; 5 are asked for."),
    ("number", {"count": 1, "value": 25088.0}, "It is not 25,088. Count again."),
    ("number", {"count": 5, "value": 1.25, "what": "rows after block 1"},
     "Look at the rows after block 1: it is not 1.25."),
    ("call", {"args": (7, (2, 3)), "value": 3.5, "asked": 3},
     "For (7, (2, 3)) it returns 3.5, and it should be 3."),
    ("nothing", {"called": "norm(X)"}, "norm(X) returns nothing: is a `return` missing?"),
    ("no tensor", {"called": "norm(X)", "value": "int"}, "norm(X) returns an int, not one tensor."),
    ("no network", {"value": "list"},
     "It returns a list, not a network: nn.Sequential(*layers) is one."),
    ("shape", {"told": "8 images", "shape": (8, 3), "asked": (8,)},
     "With 8 images the result has shape 8×3; it should be 8."),
    ("unlike", {"told": "8 images"},
     "With 8 images the shape is right, and the numbers are others. Try it on a tensor small "
     "enough to work out by hand, step by step."),
    ("goal shape", {"shape": (3, 3)},
     "For each image 3×3 comes out, and ten logits are asked for."),
    ("goal end", {"thing": "softmax"},
     "Your network ends with softmax. The loss takes the logits as they are."),
    ("goal params", {"params": 60000, "most": 50000},
     "Your network has 60,000 parameters; at most 50,000 are allowed. Which layer has most of "
     "them?"),
    ("goal macs", {"macs": 60000, "most": 50000},
     "An image takes 60,000 MACs; at most 50,000 are allowed. Which layer takes most, and how "
     "large are its maps?"),
    ("goal accuracy", accuracy(0.95),
     "In its best epoch 87.5% of the test images are right, not yet 90%; in the last epoch 95.0% "
     "of the training images. It fits the training images better: what helps against overfitting?"),
    ("goal accuracy", accuracy(0.9),
     "In its best epoch 87.5% of the test images are right, not yet 90%; in the last epoch 90.0% "
     "of the training images. It fits the training images better: what helps against overfitting?"),
    ("goal accuracy", accuracy(0.89),
     "In its best epoch 87.5% of the test images are right, not yet 90%; in the last epoch 89.0% "
     "of the training images. It does not fit the training images either: is it too small, or too "
     "slow?"),
    ("goal accuracy", accuracy(0.95, convolution=False),
     "In its best epoch 87.5% of the test images are right, not yet 90%; in the last epoch 95.0% "
     "of the training images. It has no convolution: what would sharing weights save?"),
    ("unused", {"layers": ["conv"], **CASE},
     "The forward never uses conv.\nTried with block((64, (2, 3)), len, a) and an input of "
     "2×3×8×8."),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "facts", "read"), READ)
def test_what_a_student_reads(kind, facts, read):
    assert _words.tell(Finding(kind, "a name", facts)) == read


def test_every_kind_of_finding_is_read_here():
    assert {kind for kind, *_ in READ} == set(_words._TEMPLATES)


def test_where_the_numbers_of_a_layer_differ_is_told_for_each_probe():
    where = _words._PROBED
    read = [_words.tell(Finding("values", "", {"where": one, "probed": True})) for one in where]
    assert len(set(read)) == len(where)
    assert all(text.startswith("Other numbers come out than are asked for. ") for text in read)


def test_numbers_in_words():
    told = [_words.ordinal(number) for number in (1, 2, 3, 4, 5, 6, 7, 8, 9, 12)]
    assert told == "first second third fourth fifth sixth seventh eighth 9th 12th".split()
    assert [_words.size(one) for one in ((3, 3), [2], 2, "ab")] == ["3×3", "2", "2", "ab"]
