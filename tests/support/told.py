"""What diagnoses say, word for word, for comparison with what was read."""

import re
from collections.abc import Callable, Mapping

from layerwise.diagnosis.report import Diagnosis


def texts(gallery: Mapping, diagnosis: Callable[[str], Diagnosis | None]) -> str:
    """All texts, without the numbers of lines, which change with the file that holds them."""
    names = [name for name, entry in gallery.items() if entry.works is not None]
    told = "\n".join(f"## {name}\n{diagnosis(name)}\n" for name in names)
    return re.sub(r"\.py, line \d+:", ".py:", told)
