"""Trace a network, run it really, and demand that both tell the same.

`check` is the whole proof: where PyTorch raises, the trace raises; where PyTorch runs, shapes,
parameters and MACs are PyTorch's own, and neither the network nor the process has changed.
"""

import gc
import random
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from types import SimpleNamespace

import numpy as np
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.parameter import UninitializedTensorMixin
from torch.utils.flop_counter import FlopCounterMode

from layerwise import Trace, trace

torch.set_num_threads(1)

# What a trace may raise. Another kind (KeyError, AssertionError, …) is a fault of the tracer,
# unless PyTorch raises the same.
SENSIBLE = (RuntimeError, TypeError, ValueError, IndexError)


def net(forward: Callable, **layers: object) -> nn.Module:
    """A module with this forward and these attributes, as a student's class would have them."""
    made = type("Net", (nn.Module,), {"forward": forward})()
    for name, layer in layers.items():
        setattr(made, name, layer)
    return made


def check(
    network: nn.Module,
    *inputs: object,
    watch: Iterable[nn.Module] = (),
    may_say: bool = False,
    run: Callable | None = None,
    **kwargs: object,
) -> Trace | None:
    """Compare the trace of `network` with a real run of it; None where both raise.

    `watch` are modules outside the network that must not change either. With `may_say` the MACs
    may differ if `Trace.note` says something. `run` stands in for the network's real run.
    """
    modules = [network, *watch]
    before, world = [state(module) for module in modules], surroundings()
    t, problem = None, None
    try:
        t = trace(network, *inputs, **kwargs)
    except Exception as error:  # noqa: BLE001  whatever it is, it is compared below
        problem = error
    assert [state(module) for module in modules] == before, "the network was changed"
    assert surroundings() == world, "something process-wide was changed"

    shape, macs, failure = really(run or network, inputs, kwargs)
    if failure is not None:
        assert t is None, f"PyTorch raises {type(failure).__name__}: {failure}\nbut {t}"
        assert isinstance(problem, (*SENSIBLE, type(failure))) and str(problem).strip(), problem
        return None
    if problem is not None:
        raise AssertionError(f"PyTorch gives {shape}, but the trace raises") from problem
    params = sum(p.numel() for p in network.parameters())
    shown = sum(s.params for s in t.steps) + sum(t.unused.values())
    assert t.output == shape, f"output {t.output}, not {shape}"
    assert t.params == params, f"{t.params} parameters, not {params}"
    assert shown == params, f"steps and unused hold {shown} parameters, not {params}"
    assert t.macs == sum(s.macs for s in t.steps), "the steps' MACs are not the total"
    assert t.macs == macs or (may_say and t.note), f"MACs {t.macs}, not {macs}; note {t.note!r}"
    return t


def really(run: Callable, inputs: Iterable, kwargs: Mapping) -> tuple:
    """Shape of the first output, MACs, and the error of a real run on the CPU.

    Fused kernels hide their products from PyTorch's counter, so they are off: oneDNN's LSTM,
    the fast path of attention.
    """
    torch.manual_seed(1)
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with (
            warnings.catch_warnings(action="ignore"),
            torch.no_grad(),
            torch.backends.mkldnn.flags(enabled=False),
            sdpa_kernel(SDPBackend.MATH),
            FlopCounterMode(display=False) as counter,
        ):
            output = run(*map(numbers, inputs), **{k: numbers(v) for k, v in kwargs.items()})
    except Exception as error:  # noqa: BLE001  PyTorch's own judgement, whatever it is
        return (), 0, error
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
    return tuple(first_tensor(output).shape), counter.get_total_flops() // 2, None


def numbers(given: object) -> object:
    """Random numbers for a shape, (shape, dtype), a tensor, or a dict or list of these."""
    if isinstance(given, torch.Tensor):
        return given.clone()
    if isinstance(given, Mapping):
        return {key: numbers(value) for key, value in given.items()}
    if all(type(n) is int for n in given):
        return torch.rand(tuple(given))
    if len(given) == 2 and isinstance(given[1], torch.dtype):
        return of(*given)
    return [numbers(value) for value in given]


def of(shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
    """A tensor of this type with small numbers, 0 and 1 among them."""
    if dtype.is_floating_point or dtype.is_complex:
        return torch.rand(shape).to(dtype)
    return torch.randint(0, 2 if dtype == torch.bool else 5, shape).to(dtype)


def first_tensor(output: object) -> torch.Tensor:
    if isinstance(output, torch.Tensor):
        return output
    values = output.values() if isinstance(output, Mapping) else output
    found = (first_tensor(v) for v in values if isinstance(v, (torch.Tensor, Mapping, list, tuple)))
    return next(found)


def state(network: nn.Module) -> dict:
    """All that a trace must leave alone: tensors, statistics, modes, hooks, attributes."""
    return {path: _frozen(vars(module)) for path, module in network.named_modules()}


def surroundings() -> tuple:
    """What a trace must leave alone in the process."""
    return (
        random.getstate(),
        torch.get_rng_state().numpy().tobytes(),
        str(np.random.get_state()),  # noqa: NPY002  the global state is the point
        gc.isenabled(),
        torch.is_grad_enabled(),
        torch.get_default_dtype(),
        torch.get_default_device(),
        torch.get_num_threads(),
    )


def _frozen(value: object) -> object:  # noqa: PLR0911
    if isinstance(value, UninitializedTensorMixin):
        return id(value), type(value).__name__
    if isinstance(value, torch.Tensor):
        flat = value.detach().contiguous().flatten().view(torch.uint8)
        return id(value), tuple(value.shape), b"" if value.is_meta else flat.numpy().tobytes()
    if isinstance(value, (list, tuple)):
        return [_frozen(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _frozen(item) for key, item in value.items()}
    if value is None or isinstance(value, (int, float, str)):
        return value
    if isinstance(value, torch.Generator):
        return id(value), value.get_state().numpy().tobytes()
    if isinstance(value, random.Random):
        return id(value), value.getstate()
    if isinstance(value, (set, deque, SimpleNamespace, np.ndarray)):
        return id(value), repr(value)
    return id(value)
