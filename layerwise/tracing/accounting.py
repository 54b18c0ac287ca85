"""Who pays for a parameter: the first step that uses it, or something made of it."""

from collections import Counter

from torch import Tensor, nn
from torch.nn.parameter import is_lazy


class Accounts:
    """The parameters of one run: which are free, which were used, and what they cost."""

    def __init__(self, net: nn.Module) -> None:
        self._free = {id(p): (name, p) for name, p in net.named_parameters()}
        self._own = [parameter for _, parameter in self._free.values()]
        self._ids = frozenset(self._free)
        self._macs: dict[int, int] = {}  # debt -> MACs spent on parameters alone
        self._debts: dict[int, set[int]] = {}  # tensor made of parameters alone -> what it owes
        self._alive: list[Tensor] = []  # ids stay unique while these live
        self._foreign: dict[int, tuple[str, Tensor]] = {}  # parameters that are not the net's own

    def total(self) -> int:
        """Every parameter of the network once."""
        return sum(p.numel() for p in self._own if not is_lazy(p))

    def claim(self, tensors: list[Tensor], path: str) -> tuple[int, int]:
        """Parameters and MACs that these tensors bring and no earlier step has counted.

        Parameters among them that are not the network's own are noted as read by `path`.
        """
        params = macs = 0
        for tensor in tensors:
            foreign = type(tensor) is not Tensor and id(tensor) not in self._ids
            if foreign and isinstance(tensor, nn.Parameter):
                self._foreign.setdefault(id(tensor), (path, tensor))
        for key in self._owed(tensors):
            if key in self._free:
                params += self._free.pop(key)[1].numel()
            else:
                macs += self._macs.pop(key, 0)
        return params, macs

    def pass_on(self, tensors: list[Tensor], results: list[Tensor], macs: int) -> None:
        """An operation on parameters alone: its cost falls to the step that uses its result."""
        debts = self._owed(tensors)
        if macs:
            key = -len(self._alive) - 1  # no id of a tensor is negative
            self._macs[key] = macs
            debts.add(key)
        for result in results if debts else ():
            self._debts[id(result)] = debts
            self._alive.append(result)

    def hand_over(self, tensor: Tensor, meta: Tensor) -> None:
        """What one tensor owes, another that stands for it owes too."""
        if id(tensor) in self._debts:
            self._debts[id(meta)] = self._debts[id(tensor)]

    @property
    def uncounted(self) -> int:
        """MACs of operations whose results no step has used."""
        return sum(self._macs.values())

    @property
    def unregistered(self) -> dict[str, int]:
        """Path of each submodule that read parameters not the net's own -> how many."""
        found: Counter[str] = Counter()
        for path, parameter in self._foreign.values():
            found[path] += parameter.numel()
        return dict(found)

    def unused(self, ran: set[str]) -> dict[str, int]:
        """Path of each submodule whose parameters no step used -> how many."""
        owners: Counter[str] = Counter()
        for name, parameter in self._free.values():
            if not is_lazy(parameter):
                parts = name.split(".")[:-1]
                outer = (".".join(parts[: i + 1]) for i in range(len(parts)))
                owner = next((path for path in outer if path not in ran), ".".join(parts))
                owners[owner] += parameter.numel()
        return dict(owners)

    def _owed(self, tensors: list[Tensor]) -> set[int]:
        keys = {key for key in map(id, tensors) if key in self._free}
        if self._debts:
            keys = keys.union(*(self._debts.get(id(tensor), ()) for tensor in tensors))
        return keys
