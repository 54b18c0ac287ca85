"""Build the lessons: notebooks/source/*.py (py:percent) -> executed notebooks/*.ipynb.

A lesson gets the stubs of its exercises; solved, they are a notebook in notebooks/solutions.

    python tools/build_notebooks.py                 every lesson
    python tools/build_notebooks.py 01_alexnet      one of them
    python tools/build_notebooks.py --check         fail if a notebook is not what its source says

The same source gives the same bytes, as long as its cells print the same.
"""

from __future__ import annotations

import argparse
import ast
import copy
import hashlib
import os
import re
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import jupytext
import nbformat
import stubs
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nbformat import NotebookNode

FOLDER = Path(__file__).resolve().parent.parent / "notebooks"
SOLUTIONS = "solutions"

CELL_TIMEOUT = 600  # seconds
LARGEST = 1_000_000  # bytes

# Without the version of Python, which differs between machines.
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {
        "codemirror_mode": {"name": "ipython", "version": 3},
        "file_extension": ".py",
        "mimetype": "text/x-python",
        "name": "python",
        "nbconvert_exporter": "python",
        "pygments_lexer": "ipython3",
    },
}
# What jupytext notes in a cell for its own round trips.
JUPYTEXT_METADATA = ("lines_to_next_cell", "lines_to_end_of_cell_marker", "cell_marker")

WIDGET = "application/vnd.jupyter.widget-view+json"
UNCOUNTED = {"nbval-skip", "skip-execution"}
PRINTERS = {"print", "display", "print_shapes", "explain"}
ANSI = re.compile(r"\x1b\[[0-9;]*m")
DATA_URI = re.compile(r"data:[\w/+.-]+;base64,[\w+/=]+")
ADDRESS = re.compile(r"\b0x[0-9a-f]{6,}\b")
MACHINE_PATH = re.compile(
    r"(?<![\w.:/-])/(?:home|Users|root|tmp|work|opt|var/folders)/[\w.~-]+"
    r"|\b[A-Z]:\\[\w.~-]+|[\w./~-]*site-packages[\w./-]*"
)


class BuildError(Exception):
    """A lesson that could not be built; the old notebook is untouched."""


# -- from source to cells ---------------------------------------------------------------


def planned(source: Path, target: Path | None = None) -> NotebookNode:
    """Return the notebook that a source describes, before execution: with stubs, or solved."""
    notebook = nbformat.v4.new_notebook(metadata=copy.deepcopy(METADATA))
    seen: Counter[str] = Counter()
    cells = jupytext.read(source, fmt="py:percent").cells
    try:
        solved = target is not None and target.parent.name == SOLUTIONS
        cells = stubs.solutions(cells, source.stem) if solved else stubs.with_stubs(cells)
    except stubs.MarkerError as error:
        raise BuildError(f"{source}: {error}") from None
    for cell in cells:
        for name in JUPYTEXT_METADATA:
            cell.metadata.pop(name, None)
        digest = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:12]
        seen[digest] += 1
        cell.id = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"
        notebook.cells.append(cell)
    return notebook


def drift(source: Path, target: Path) -> str | None:
    """Name the first difference between a committed notebook and its source, or None."""
    if not target.exists():
        return "the notebook is missing"
    plan, found = planned(source, target), nbformat.read(target, as_version=4)
    for number, (ours, theirs) in enumerate(zip(plan.cells, found.cells, strict=False), 1):
        for part in ("cell_type", "source", "metadata", "id"):
            if ours[part] != theirs.get(part):
                return (
                    f"cell {number} has another {part.replace('_', ' ')} than its source\n"
                    f"    source:   {_differing_line(ours[part], theirs.get(part))}\n"
                    f"    notebook: {_differing_line(theirs.get(part), ours[part])}"
                )
    if len(plan.cells) != len(found.cells):
        return f"the source has {len(plan.cells)} cells, the notebook {len(found.cells)}"
    if plan.metadata != found.metadata:
        return f"the notebook's metadata are {found.metadata}, not {plan.metadata}"
    return None


def _differing_line(ours: object, theirs: object) -> str:
    """Return the first line of `ours` that is not the same line of `theirs`."""
    mine, other = str(ours).splitlines(), str(theirs).splitlines()
    for index, line in enumerate(mine):
        if index >= len(other) or line != other[index]:
            return line
    return "(no such line)"


# -- from cells to outputs --------------------------------------------------------------


def build(source: Path, target: Path) -> None:
    """Execute a source in the target's folder and write the notebook, or raise BuildError."""
    notebook = planned(source, target)
    target.parent.mkdir(exist_ok=True)
    execute(notebook, source, target.parent)
    rename_widgets(notebook)
    if found := problems(notebook):
        raise BuildError(f"{source}: not written, because\n  " + "\n  ".join(found))
    draft = target.with_suffix(".ipynb.draft")
    draft.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")
    os.replace(draft, target)


def execute(notebook: NotebookNode, source: Path, folder: Path) -> None:
    """Run every cell in place, in a fresh kernel whose working directory is `folder`."""
    os.environ["COURSE_PROGRESS"] = ""  # neither shown in a notebook nor changed by one
    running = 0

    def note(cell_index: int, **_: object) -> None:
        nonlocal running
        running = cell_index

    client = NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=CELL_TIMEOUT,
        record_timing=False,
        coalesce_streams=True,
        store_widget_state=False,
        extra_arguments=["--log-level=ERROR"],  # no warning about its own transport
        on_cell_execute=note,
        resources={"metadata": {"path": str(folder)}},
    )
    try:
        client.execute()
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        where = f"{source}{_line(source, notebook, running)}, cell {running + 1}"
        raise BuildError(f"{where} failed:\n{ANSI.sub('', str(error)).strip()}") from None
    notebook.metadata = nbformat.from_dict(copy.deepcopy(METADATA))


def _line(source: Path, notebook: NotebookNode, index: int) -> str:
    """Return ":17" where the cell's marker stands on line 17 of its source."""
    lines = source.read_text(encoding="utf-8").splitlines()
    markers = [number for number, line in enumerate(lines, 1) if line.startswith("# %%")]
    return f":{markers[index]}" if len(markers) == len(notebook.cells) else ""


def rename_widgets(notebook: NotebookNode) -> None:
    """Give widgets ids by their order of appearance; a kernel's own are random."""
    names: dict[str, str] = {}
    for _, cell in code_cells(notebook):
        for output in cell.outputs:
            if view := output.get("data", {}).get(WIDGET):
                view["model_id"] = names.setdefault(view["model_id"], f"{len(names):032x}")


# -- what a built notebook must not hold ------------------------------------------------


def problems(notebook: NotebookNode) -> list[str]:
    """Return a sentence for everything that must not be in a published notebook."""
    found = [f"cell {n}: {text}" for n, cell in code_cells(notebook) for text in _in_cell(cell)]
    if "widgets" in notebook.metadata:
        found.append("the notebook holds widget state")
    if (size := len(nbformat.writes(notebook).encode())) > LARGEST:
        found.append(f"the notebook has {size:,} bytes, more than {LARGEST:,}")
    return found


def code_cells(notebook: NotebookNode) -> Iterator[tuple[int, NotebookNode]]:
    """Yield each code cell that is not empty, with its number among all cells from 1."""
    for number, cell in enumerate(notebook.cells, 1):
        if cell.cell_type == "code" and cell.source.strip():
            yield number, cell


def _in_cell(cell: NotebookNode) -> Iterator[str]:
    tags = set(cell.metadata.get("tags", ()))
    if not tags & UNCOUNTED:
        if cell.execution_count is None:
            yield "it was never executed, so nbval would not compare it"
        if not cell.outputs and _prints(cell.source):
            yield "it prints, but no output is stored"
    if "execution" in cell.metadata:
        yield "its metadata hold times of execution"
    for output in cell.outputs:
        yield from _in_output(output, tags)


def _in_output(output: NotebookNode, tags: set[str]) -> Iterator[str]:
    text = _text(output)
    if output.output_type == "error" and "raises-exception" not in tags:
        yield f"it raises {output.ename}: {output.evalue}"
    if output.get("name") == "stderr":
        yield f"a warning or progress bar went to stderr: {text.strip().splitlines()[0]}"
    if WIDGET in output.get("data", {}) and "text/html" not in output.data:
        yield "a widget without text/html, so a fresh clone shows nothing"
    if match := ADDRESS.search(text):
        yield f"an object's address, different in each run: {match.group()}"
    if match := MACHINE_PATH.search(text):
        yield f"a path of the machine it was built on: {match.group()}"


def _text(output: NotebookNode) -> str:
    """Return all that a person could read in an output; pictures and embedded data aside."""
    parts = [output.get("text", ""), output.get("evalue", ""), *output.get("traceback", ())]
    for kind, content in output.get("data", {}).items():
        if isinstance(content, str) and (kind.startswith("text/") or "xml" in kind):
            parts.append(content)
    return DATA_URI.sub("", ANSI.sub("", "\n".join(parts)))


def _prints(source: str) -> bool:
    """Tell whether running a cell must print: a call of a printer that no `if` guards."""
    try:
        pending = list(ast.parse(source).body)
    except SyntaxError:  # a cell with IPython's own syntax
        return False
    while pending:
        node = pending.pop()
        if isinstance(node, (ast.For, ast.With)):
            pending.extend(node.body)
        match node:
            case ast.Expr(value=ast.Call(func=ast.Name(id=name))) if name in PRINTERS:
                return True
    return False


# -- the command ------------------------------------------------------------------------


def lessons(folder: Path = FOLDER) -> dict[str, tuple[Path, Path]]:
    """Return name -> (source, notebook) for every lesson that has either."""
    names = {path.stem for path in (*folder.glob("source/*.py"), *folder.glob("*.ipynb"))}
    return {n: (folder / "source" / f"{n}.py", folder / f"{n}.ipynb") for n in sorted(names)}


def pairs(source: Path, target: Path) -> list[tuple[Path, Path]]:
    """Return (source, notebook) of a lesson, and of its exercises solved where it has any."""
    solved = target.parent / SOLUTIONS / target.name
    has_exercises = source.exists() and stubs.BEGIN in source.read_text(encoding="utf-8")
    return [(source, target), *([(source, solved)] if has_exercises or solved.exists() else [])]


def complaint(source: Path, target: Path) -> str | None:
    """Say what is wrong with a committed notebook, or None."""
    if not source.exists():
        return f"{target.name} has no source; write {source} or delete the notebook"
    try:
        difference = drift(source, target)
    except BuildError as error:
        return str(error)
    if difference:
        return f"{target.name}: {difference}\n  Run: make notebooks"
    if found := problems(nbformat.read(target, as_version=4)):
        return f"{target.name}:\n  " + "\n  ".join(found)
    return None


def check(chosen: dict[str, tuple[Path, Path]]) -> int:
    """Print each notebook's first fault and return how many have one."""
    every = [pair for lesson in chosen.values() for pair in pairs(*lesson)]
    faults = [text for source, target in every if (text := complaint(source, target))]
    print("\n".join([*faults, f"{len(every)} notebooks checked, {len(faults)} at fault"]))
    return len(faults)


def build_all(chosen: dict[str, tuple[Path, Path]]) -> int:
    """Build each lesson, print how long it took and return how many failed."""
    failed = 0
    every = [pair for lesson in chosen.values() for pair in pairs(*lesson)]
    for number, (source, target) in enumerate(every, 1):
        name = target.relative_to(source.parent.parent).with_suffix("")
        print(f"[{number}/{len(every)}] {name} ...", end=" ", flush=True)
        start = time.perf_counter()
        try:
            build(source, target)
        except BuildError as error:
            failed += 1
            print(f"failed, the old notebook is kept\n{error}", flush=True)
        else:
            size = target.stat().st_size / 1000
            print(f"{time.perf_counter() - start:.0f} s, {size:.0f} kB", flush=True)
    return failed


def main(arguments: list[str] | None = None, folder: Path = FOLDER) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lesson", nargs="*", help="such as 01_alexnet; all if none is given")
    parser.add_argument("--check", action="store_true", help="only compare with the sources")
    options = parser.parse_args(arguments)
    known = lessons(folder)
    if not options.check:
        known = {name: pair for name, pair in known.items() if pair[0].exists()}
    names = [Path(name).stem for name in options.lesson] or list(known)
    if unknown := [name for name in names if name not in known]:
        parser.error(f"no lesson {', '.join(unknown)}; there are: {', '.join(known) or 'none'}")
    chosen = {name: known[name] for name in names}
    os.environ.pop("COURSE_SEEDS", None)  # what is stored was trained from every seed
    return 1 if (check if options.check else build_all)(chosen) else 0


if __name__ == "__main__":
    sys.exit(main())
