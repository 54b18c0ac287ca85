"""The house: which package may import which, and how large a file and a function may be."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LIBRARY, HELPER = ROOT / "layerwise", ROOT / "course_utils"

MAY_IMPORT = {  # package -> the packages of the library that it stands on
    "operations": set(),
    "tracing": {"operations"},
    "views": {"operations", "tracing"},
    "diagram": {"operations", "tracing", "views"},
    "diagnosis": {"operations", "tracing", "views"},
    "interactive": {"operations", "tracing", "views", "diagram", "diagnosis"},
}
FILES = sorted([*LIBRARY.rglob("*.py"), *HELPER.rglob("*.py")])
BY_PATH = pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))


def statements(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node, without what only a type checker reads."""
    for node in ast.iter_child_nodes(tree):
        if not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
            yield node
            yield from statements(node)


def imports(path: Path) -> set[str]:
    """Dotted names of the modules that a file imports, relative ones made absolute."""
    here = path.relative_to(ROOT).with_suffix("").parts
    found = set()
    for node in statements(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            package = ".".join(here[: len(here) - node.level]) if node.level else ""
            module = ".".join(filter(None, (package, node.module)))
            found |= {f"{module}.{alias.name}" for alias in node.names} | {module}
    return found


def package(name: str) -> str:
    """The package of the library that a dotted name lies in, "" for another name."""
    parts = name.split(".")
    return parts[1] if parts[0] == "layerwise" and len(parts) > 1 else ""


@BY_PATH
def test_imports_run_one_way(path):
    own = package(".".join(path.relative_to(ROOT).with_suffix("").parts))
    used = {package(name) for name in imports(path)} & MAY_IMPORT.keys()
    if LIBRARY in path.parents:
        assert not any(name.split(".")[0] == "course_utils" for name in imports(path))
        assert used <= MAY_IMPORT.get(own, set()) | {own}
        assert own == "interactive" or not {"ipywidgets", "anywidget"} & imports(path)
    else:  # the helper uses the library by its public names
        assert used == set()


@pytest.mark.parametrize("name", MAY_IMPORT)
def test_modules_of_a_package_do_not_import_each_other_in_a_circle(name):
    modules = {f"layerwise.{name}.{p.stem}": p for p in (LIBRARY / name).glob("*.py")}
    TopologicalSorter({m: imports(p) & modules.keys() for m, p in modules.items()}).prepare()


def test_importing_the_course_is_light():
    heavy = ["torchvision", "d2l", "sklearn", "matplotlib", "pandas", "ipywidgets", "sympy"]
    code = f"""import sys, layerwise, course_utils
from layerwise import trace, table, explain, draw
print([m for m in {heavy} if m in sys.modules])"""
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert run.stdout.strip() == "[]"


@pytest.mark.parametrize("module", ["layerwise", "course_utils"])
def test_every_public_name_is_imported_on_first_use(module):
    code = f"""import {module}
found = [getattr({module}, name).__name__.split(".")[-1] for name in {module}.__all__]
assert found == {module}.__all__
assert dir({module}) == {module}.__all__"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", ["layerwise", "course_utils"])
def test_a_name_that_is_not_there_is_answered_with_those_that_are(name):
    module = import_module(name)
    with pytest.raises(AttributeError) as caught:
        module.nothing  # noqa: B018
    assert str(caught.value) == f"{name} has no 'nothing'; it has {', '.join(module.__all__)}"


def mapped(folder: Path) -> list[str]:
    """Every package and module of a folder, with the first line of its own description."""
    lines = []
    for path in sorted(
        folder.rglob("*.py"), key=lambda p: (p.parent, p.stem != "__init__", p.name)
    ):
        told = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        depth = len(path.relative_to(ROOT).parts) - 1
        package = path.stem == "__init__"
        name = f"{path.parent.name}/" if package else path.name
        lines.append(f"{'  ' * (depth - package)}{name:<24} {told.splitlines()[0]}")
    return lines


def test_the_map_is_what_is_there(request):
    file = ROOT / "CONTRIBUTING.md"
    before, _, rest = file.read_text(encoding="utf-8").partition("<!-- map -->")
    _, end, after = rest.partition("<!-- end of map -->")
    tools = f"{'tools/':<24} Scripts that build, check, measure and draw the course."
    lines = [*mapped(LIBRARY), *mapped(HELPER), tools, *mapped(ROOT / "tools")]
    text = "\n".join([before + "<!-- map -->", "```", *lines, "```", end + after])
    if request.config.getoption("--regenerate"):
        file.write_text(text, encoding="utf-8")
    assert file.read_text(encoding="utf-8") == text


def test_no_two_files_of_tests_have_one_name():
    names = [file.name for file in (ROOT / "tests").rglob("test_*.py")]
    assert sorted(names) == sorted(set(names)), "pytest imports them by name: it would refuse one"
