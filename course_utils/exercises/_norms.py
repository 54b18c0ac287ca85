"""What is measured of a batch norm layer, where outputs alone cannot tell."""

from copy import deepcopy

import torch
from torch import Tensor, nn

from ._networks import Case


def measured(layer: nn.Module, case: Case) -> dict[str, Tensor]:
    """How a layer normalizes while it trains and in eval mode, and what it keeps."""
    features = case.shape[1]
    large = torch.randn((2048, *case.shape[1:]), generator=_seeded(4)) * 3 + 2
    small = torch.randn(case.shape, generator=_seeded(5)) * 2 - 1
    found = {"at the start": _starts(layer)}
    _move(layer, features)
    found["train"] = deepcopy(layer).train()(small)
    found["gradient"] = _gradient(deepcopy(layer).train(), small)
    fresh = deepcopy(layer).eval()
    with torch.no_grad():
        found["fresh eval"] = fresh(small)
        trained = deepcopy(layer).train()
        trained(large)
        found["eval"] = trained.eval()(small)
        trained(large)
        found["eval again"] = trained(small)
    found["eval with gradients"] = trained.eval()(small)
    found["held gradients"] = torch.tensor(float(_held(layer, small)))
    found["restored"] = _restored(layer, trained, small)
    return {name: value.detach() for name, value in found.items()}


def _held(layer: nn.Module, small: Tensor) -> bool:
    """Whether the averages keep the gradient's graph after a batch in training mode."""
    other = deepcopy(layer).train()
    other(small.clone().requires_grad_())
    return any(buffer.requires_grad for buffer in other.buffers())


def _seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _starts(layer: nn.Module) -> Tensor:
    """The means of the parameters as they are made, in order of size."""
    return torch.tensor(sorted(float(p.detach().mean()) for p in layer.parameters()))


@torch.no_grad()
def _move(layer: nn.Module, features: int) -> None:
    """Give gamma, which starts at 1, and beta, which starts at 0, numbers to tell them by."""
    for tensor in layer.parameters():
        base = 1.0 if float(tensor.mean()) > 0.5 else -0.5
        if tensor.numel() == features:
            tensor.copy_((base + 0.3 * torch.arange(features)).reshape(tensor.shape))


def _gradient(layer: nn.Module, small: Tensor) -> Tensor:
    image = small.clone().requires_grad_()
    out = layer(image)
    weights = torch.randn(out.shape, generator=_seeded(6))
    if not out.requires_grad:
        return torch.zeros(())
    (slope,) = torch.autograd.grad((out * weights).sum(), image, allow_unused=True)
    return torch.zeros(()) if slope is None else slope


@torch.no_grad()
def _restored(layer: nn.Module, trained: nn.Module, small: Tensor) -> Tensor:
    """What a new layer gives in eval mode with the saved state of the trained one."""
    other = deepcopy(layer)
    other.load_state_dict(trained.state_dict())
    return other.eval()(small)
