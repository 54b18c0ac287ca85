"""The exercises of lesson 5: the formula, and the layer that the notes use and never define."""

from ._exercise import Exercise
from ._findings import Mistake
from ._networks import Case, Networks
from ._norms import measured
from ._tensors import Tensors

_LESSON = "05_batch_norm"
_AVERAGES = "mean, var = self.moving_mean, self.moving_var"
_BATCH = """mean = X.mean(axes)
            var = X.var(axes, correction=0)"""

normalize = Exercise(
    lesson=_LESSON,
    name="normalize",
    title="The formula",
    difficulty="medium",
    minutes=15,
    task="""Write `normalize(X, gamma, beta, eps=1e-5)`: batch normalization as it is in training
mode, in plain operations. `X` is (images, features) or (images, channels, rows, columns); `gamma`
and `beta` have one number for each feature or channel.""",
    code="""def normalize(X, gamma, beta, eps=1e-5):
    ### BEGIN SOLUTION
    axes = (0,) if X.ndim == 2 else (0, 2, 3)
    shape = (1, -1) if X.ndim == 2 else (1, -1, 1, 1)
    mean = X.mean(axes, keepdim=True)
    var = ((X - mean) ** 2).mean(axes, keepdim=True)
    Y = (X - mean) / torch.sqrt(var + eps)
    return gamma.reshape(shape) * Y + beta.reshape(shape)
    ### END SOLUTION
""",
    judge=Tensors(
        (
            ("8 images with 3 features", ((8, 3), (3,), (3,)), {}),
            ("4 images with 3 channels of 5×6", ((4, 3, 5, 6), (3,), (3,)), {}),
            ("a channel with hardly any spread", ((6, 2, 4, 4), (2,), (2,)), {"scale": 0.003}),
            ("8 images with 3 features, and eps=0.1", ((8, 3), (3,), (3,)), {"eps": 0.1}),
        ),
        "normalize(X, gamma, beta)",
    ),
    hints=(
        (
            "The mean is taken over everything but the features: which axes are these, for two "
            "axes and for four? keepdim=True keeps the shape ready for the subtraction."
        ),
        "The variance is the mean of the squared distances: over m values, divide by m.",
        (
            "gamma has shape (channels,). Which shape does it need to meet (images, channels, "
            "rows, columns)?"
        ),
    ),
    reason="""Each channel has a mean and a variance of its own, over all images and places. The
variance is the plain mean of squares (torch.var divides by m − 1 unless told otherwise), and
epsilon stands under the root. gamma and beta are reshaped so that they meet the channels.""",
    made=(
        Mistake(
            "unbiased variance",
            (("((X - mean) ** 2).mean(axes, keepdim=True)", "X.var(axes, keepdim=True)"),),
            says="Your numbers are a little too small. torch.var divides by m − 1 unless it is "
            "told otherwise. By what does batch norm divide?",
        ),
        Mistake(
            "epsilon outside the root",
            (("torch.sqrt(var + eps)", "(torch.sqrt(var) + eps)"),),
            says="Where the spread is small, your numbers are too large. Where does epsilon stand, "
            "before or after the root?",
        ),
        Mistake(
            "no root",
            (("torch.sqrt(var + eps)", "(var + eps)"),),
            says="You divide by the variance. By what do you have to divide, so that the spread "
            "becomes 1?",
        ),
        Mistake(
            "without epsilon",
            (("var + eps", "var"),),
            says="Where the spread is small, your numbers are too large. One of the arguments is "
            "never used.",
        ),
        Mistake(
            "one mean for all",
            (("axes = (0,) if X.ndim == 2 else (0, 2, 3)", "axes = tuple(range(X.ndim))"),),
            says="You take one mean over all features. Each has its own.",
        ),
        Mistake(
            "a mean for each place",
            (("axes = (0,) if X.ndim == 2 else (0, 2, 3)", "axes = (0,)"),),
            says="With two axes it is right. With four you take a mean for each pixel. A channel "
            "has one mean, over images and places.",
        ),
        Mistake(
            "a mean for each image",
            (("axes = (0,) if X.ndim == 2 else (0, 2, 3)", "axes = tuple(range(1, X.ndim))"),),
            says="You take a mean for each image, which is layer norm. Batch norm takes it over "
            "the batch.",
        ),
        Mistake(
            "a mean for each image and channel",
            (("(0, 2, 3)", "(2, 3)"),),
            says="With four axes you take a mean for each image and channel, which is instance "
            "norm. The images of the batch share one.",
        ),
        Mistake(
            "beta forgotten",
            (("* Y + beta.reshape(shape)", "* Y"),),
            says="The outputs have mean 0 in every channel. One of the arguments is never used.",
        ),
        Mistake(
            "gamma not reshaped",
            (("gamma.reshape(shape) * Y + beta.reshape(shape)", "gamma * Y + beta"),),
            says="gamma, with one number for each channel, meets the last axis of X. With four "
            "axes the channels are the second. Which shape makes them meet?",
        ),
    ),
)

layer = Exercise(
    lesson=_LESSON,
    name="layer",
    title="A layer for maps and for features",
    difficulty="hard",
    minutes=30,
    task="""The layer of this lesson has to be told `num_dims`. Write one that is not: the class
`MyBatchNorm(num_features, eps=1e-5, momentum=0.1)`, without `nn.BatchNorm`. It takes (images,
features) and (images, channels, rows, columns), and sees from `X` which of them it gets.

- In training mode it normalizes by the batch, and moves its averages:
  new = old + momentum · (batch − old). In eval mode it uses the averages.
- gamma (1 at the start) and beta (0) are learned. The averages (mean 0, variance 1 at the start)
  are saved with the network and not learned. Each of the four has the shape `(num_features,)`.""",
    code="""class MyBatchNorm(nn.Module):
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        super().__init__()
        ### BEGIN SOLUTION
        self.gamma = nn.Parameter(torch.ones(num_features))
        self.beta = nn.Parameter(torch.zeros(num_features))
        self.register_buffer("moving_mean", torch.zeros(num_features))
        self.register_buffer("moving_var", torch.ones(num_features))
        self.eps, self.momentum = eps, momentum
        ### END SOLUTION

    def forward(self, X):
        ### BEGIN SOLUTION
        axes, shape = ((0,), (1, -1)) if X.ndim == 2 else ((0, 2, 3), (1, -1, 1, 1))
        if self.training:
            mean = X.mean(axes)
            var = X.var(axes, correction=0)
            with torch.no_grad():
                self.moving_mean += self.momentum * (mean - self.moving_mean)
                self.moving_var += self.momentum * (var - self.moving_var)
        else:
            mean, var = self.moving_mean, self.moving_var
        Y = (X - mean.view(shape)) / torch.sqrt(var.view(shape) + self.eps)
        return self.gamma.view(shape) * Y + self.beta.view(shape)
        ### END SOLUTION
""",
    judge=Networks(
        (Case((3,), (6, 3)), Case((3,), (4, 3, 5, 6)), Case((3, 0.1, 0.4), (6, 3))),
        "MyBatchNorm(num_features)",
        measured,
    ),
    hints=(
        "X.ndim is 2 or 4. Over which axes is the mean taken in each case?",
        (
            "A mean of shape (num_features,) does not meet the channels of maps. "
            ".view(1, -1, 1, 1) gives it four axes."
        ),
        "nn.Parameter is learned, self.register_buffer(name, tensor) is saved and not learned.",
        "self.training says in which mode the layer is. What is normalized by in each mode?",
        (
            "The averages move only in training mode, and no gradient runs through them: "
            "torch.no_grad()."
        ),
        "momentum 0.1 means: nine tenths of the old average stay.",
    ),
    reason="""The batch's own mean and variance normalize in training, and the gradient runs
through them. In eval mode an image must not depend on its neighbours, so the averages stand in.
They are buffers: saved, moved to the GPU, not trained. PyTorch puts the variance with m − 1 into
its average; both are accepted here.""",
    made=(
        Mistake(
            "maps as features",
            (("((0,), (1, -1)) if X.ndim == 2 else ((0, 2, 3), (1, -1, 1, 1))", "(0,), (1, -1)"),),
            says="Your layer is right for features. With maps, the mean of a channel is over all "
            "images and all places: which axes are these?",
        ),
        Mistake(
            "averages never move",
            (
                (
                    "self.moving_mean += self.momentum * (mean - self.moving_mean)",
                    "pass",
                ),
                (
                    "                self.moving_var += self.momentum * (var - self.moving_var)\n",
                    "",
                ),
            ),
            says="After training, eval mode still uses a mean of 0 and a variance of 1. Who moves "
            "the averages?",
        ),
        Mistake(
            "eval uses the batch",
            (
                (
                    "mean, var = self.moving_mean, self.moving_var",
                    _BATCH,
                ),
            ),
            says="In eval mode your layer still normalizes by the batch. What has it kept for this "
            "mode?",
        ),
        Mistake(
            "training uses the averages",
            (
                (
                    "        Y = (X",
                    f"        {_AVERAGES}\n        Y = (X",
                ),
            ),
            says="In training mode your layer normalizes by its averages. While it trains, it is "
            "the batch's own mean and variance.",
        ),
        Mistake(
            "averages are not buffers",
            (
                (
                    'self.register_buffer("moving_mean", torch.zeros(num_features))',
                    "self.moving_mean = torch.zeros(num_features)",
                ),
                (
                    'self.register_buffer("moving_var", torch.ones(num_features))',
                    "self.moving_var = torch.ones(num_features)",
                ),
            ),
            says="A saved and restored layer has lost its averages: they are plain attributes. How "
            "does a module hold a tensor that is saved and not learned?",
        ),
        Mistake(
            "gamma and beta not learned",
            (
                ("nn.Parameter(torch.ones(num_features))", "torch.ones(num_features)"),
                ("nn.Parameter(torch.zeros(num_features))", "torch.zeros(num_features)"),
            ),
            says="Your layer has no parameters: gamma and beta are plain tensors, so no optimizer "
            "ever sees them.",
        ),
        Mistake(
            "averages are learned",
            (
                (
                    'self.register_buffer("moving_mean", torch.zeros(num_features))',
                    "self.moving_mean = nn.Parameter(torch.zeros(num_features))",
                ),
                (
                    'self.register_buffer("moving_var", torch.ones(num_features))',
                    "self.moving_var = nn.Parameter(torch.ones(num_features))",
                ),
                ("self.moving_mean += ", "self.moving_mean.data += "),
                ("self.moving_var += ", "self.moving_var.data += "),
            ),
            says="Your layer has four parameters, so the optimizer would train the averages too. "
            "How does a module hold a tensor that is saved and not learned?",
        ),
        Mistake(
            "momentum the wrong way round",
            (
                ("self.momentum * (mean", "(1 - self.momentum) * (mean"),
                ("self.momentum * (var", "(1 - self.momentum) * (var"),
            ),
            says="Your averages take nine tenths of each new batch. With momentum 0.1 nine tenths "
            "of the old stay.",
        ),
        Mistake(
            "unbiased variance",
            ((", correction=0", ""),),
            says="In training your numbers are a little too small. torch.var divides by m − 1 "
            "unless it is told otherwise.",
        ),
        Mistake(
            "asks for the gradient",
            (("if self.training:", "if torch.is_grad_enabled():"),),
            says="Your layer asks whether gradients are on, as the book's does. In eval mode "
            "outside of no_grad it then normalizes by the batch. What says in which mode a "
            "module is?",
        ),
        Mistake(
            "averages move in eval mode",
            (
                ("        if self.training:\n", "        if True:\n"),
                (
                    "        else:\n            mean, var = self.moving_mean, self.moving_var\n",
                    f"        if not self.training:\n            {_AVERAGES}\n",
                ),
            ),
            says="Your averages move in eval mode too, so what comes out depends on what was "
            "looked at before. They move only while the layer trains.",
        ),
    ),
)
