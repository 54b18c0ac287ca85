"""Find paths of a machine and addresses of a registry, which must not be committed.

`python tools/addresses.py` reads every file of the repository, with names of files only these.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROOT = Path(__file__).resolve().parent.parent
FORBIDDEN = {
    "a registry's address": r"pypi[.]org|pythonhosted[.]org|registry[.]npmjs|files[.]pypi",
    "a machine's path": r"(?<![\w.:/-])/(?:root|work|home|Users)/\w",
}


def course_files() -> list[Path]:
    """Return every file that is committed, or would be; OSError or CalledProcessError without git.

    A file that is deleted here and not yet in git is left out.
    """
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [path for name in names.split("\0") if name and (path := ROOT / name).is_file()]


def found(paths: Iterable[Path]) -> Iterator[str]:
    """Yield a line for each forbidden text in files; what holds a zero byte is no text."""
    for path in paths:
        content = path.read_bytes()
        if b"\0" in content:
            continue
        for kind, pattern in FORBIDDEN.items():
            for match in re.finditer(pattern.encode(), content):
                number = content[: match.start()].count(b"\n") + 1
                yield f"{path.relative_to(ROOT)}:{number}: {kind}: {match.group().decode()}"


def main() -> int:
    """Print what was found and return the exit status."""
    paths = [Path(name).resolve() for name in sys.argv[1:]] or course_files()
    lines = list(found(paths))
    print(*lines, sep="\n", end="\n" * bool(lines))
    return int(bool(lines))


if __name__ == "__main__":
    sys.exit(main())
