"""The settings of a lab in the order in which they were taken, for undo and redo."""

from collections.abc import Mapping
from typing import Any

Setting = Mapping[str, Any]  # a value for each control


class History:
    """The settings that were taken, and which of them is the present one."""

    def __init__(self, start: Setting) -> None:
        self.start = start
        self._taken = [start]
        self._at = 0

    @property
    def now(self) -> Setting:
        """The setting that was taken last, or that undo and redo came to."""
        return self._taken[self._at]

    def take(self, setting: Setting, *, moving: bool = False) -> None:
        """Add a setting; one of a hand that is `moving` takes the place of the one before."""
        if setting == self.now:
            return
        kept = self._taken[: self._at + (0 if moving and self._at else 1)]
        self._taken = kept if kept[-1] == setting else [*kept, setting]
        self._at = len(self._taken) - 1

    def before(self) -> Setting | None:
        """Step back; None where there is nothing to undo."""
        return self._step(-1)

    def after(self) -> Setting | None:
        """Step forth again; None where nothing was undone."""
        return self._step(1)

    def has(self, step: int) -> bool:
        """Whether there is a setting so many steps from here."""
        return 0 <= self._at + step < len(self._taken)

    def _step(self, step: int) -> Setting | None:
        if not self.has(step):
            return None
        self._at += step
        return self.now
