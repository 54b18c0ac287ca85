"""GitHub, Colab and conda get what is here: the workflow, the first cells, the badges, the pins."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import build_notebooks
import compat
import fork
import nbformat
import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
LESSONS = build_notebooks.lessons()
COLAB = "https://colab.research.google.com/github/{repository}/blob/main/notebooks/{lesson}.ipynb"

each_lesson = pytest.mark.parametrize("lesson", LESSONS)


# -- GitHub's workflow, and pre-commit


def workflow():
    return yaml.safe_load((ROOT / ".github" / "workflows" / "test.yml").read_text("utf-8"))


def pythons():
    return workflow()["jobs"]["test"]["strategy"]["matrix"]["python"]


def test_the_workflow_has_the_published_form(tmp_path):
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema"]
    file = ROOT / ".github" / "workflows" / "test.yml"
    run = [*check, "vendor.github-workflows"]
    subprocess.run([*run, str(file)], check=True, capture_output=True)
    wrong = tmp_path / "test.yml"
    wrong.write_text(file.read_text("utf-8").replace("runs-on:", "runs_on:"))
    assert subprocess.run([*run, str(wrong)], check=False, capture_output=True).returncode


def test_the_workflow_tries_every_python_from_the_lowest():
    assert f">={pythons()[0]}" == PROJECT["project"]["requires-python"]
    minors = [int(version.removeprefix("3.")) for version in pythons()]
    assert minors == list(range(minors[0], minors[-1] + 1))


def test_the_workflow_runs_commands_of_the_makefile():
    used = re.findall(r"make (\w+)", yaml.dump(workflow()))
    assert {"lint", "test"} <= set(used)
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert [name for name in used if f"\n{name}: " not in makefile] == []


def test_notebooks_are_run_by_what_the_test_group_brings():
    """The stacks of `make compat` have that group alone, and so has an instructor with pip."""
    listed = [one for one in PROJECT["dependency-groups"]["dev"] if isinstance(one, str)]
    names = {re.match(r"[\w-]+", one)[0].replace("-", "_") for one in listed}
    lacking = names - {"nbclient", "hypothesis"}  # one comes with JupyterLab, one plugs itself in
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({lacking}))\n"
        "import pytest; sys.exit(pytest.main(['--co', '-qq', 'notebooks/01_alexnet.ipynb']))"
    )
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize("file", [".pre-commit-config.yaml", ".github/workflows/test.yml"])
def test_every_tool_that_is_called_is_there(file):
    called = re.findall(r"tools/[\w/]+[.]py", (ROOT / file).read_text("utf-8"))
    assert called and [name for name in called if not (ROOT / name).is_file()] == []


# -- Colab


def first_code(lesson):
    """The first cell of code of a lesson, as it is stored."""
    cells = nbformat.read(LESSONS[lesson][1], as_version=4).cells
    return next(cell for cell in cells if cell.cell_type == "code")


def commands(lesson, monkeypatch):
    """What the first cell of a lesson gives to the shell."""
    given = []
    monkeypatch.setattr(os, "system", given.append)
    exec(first_code(lesson).source, {})  # noqa: S102  our own lesson
    return given


@each_lesson
def test_a_lesson_installs_the_course_on_colab_and_only_there(lesson, monkeypatch):
    assert first_code(lesson).outputs == []
    assert commands(lesson, monkeypatch) == []
    monkeypatch.setitem(sys.modules, "google.colab", object())
    (command,) = commands(lesson, monkeypatch)
    pip, install, quiet, *arguments = command.split()
    assert (pip, install, quiet) == ("pip", "install", "-q")
    address = f"git+{PROJECT['project']['urls']['Repository']}"
    tried = compat.colab().installs[-1]
    assert [re.sub(r"^[.]$", address, word) for word in tried] == arguments
    assert re.findall("d2l==.*", command) == [
        need for need in PROJECT["project"]["dependencies"] if need.startswith("d2l")
    ]


def test_the_readme_has_a_badge_for_every_lesson():
    text = (ROOT / "README.md").read_text("utf-8")
    links = re.findall(r"https://colab[.]research[.]google[.]com/github/\S+[.]ipynb", text)
    assert links == [COLAB.format(repository=fork.repository(), lesson=name) for name in LESSONS]
    for number, name in enumerate(LESSONS):
        (row,) = [line for line in text.splitlines() if line.startswith(f"| {number} |")]
        assert f"(notebooks/{name}.ipynb)" in row and f"][colab-{number}]" in row
        assert re.search(rf"^\[colab-{number}\]: \S+/{name}[.]ipynb$", text, re.MULTILINE)


def test_a_fork_writes_its_address_everywhere(tmp_path):
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, tmp_path)
    for part in ("source/*.py", "*.ipynb", "solutions/*.ipynb"):
        for path in sorted((ROOT / "notebooks").glob(part)):
            copied = tmp_path / path.relative_to(ROOT)
            copied.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copied)
    old = fork.repository()
    fork.rename("you/your-course", tmp_path)
    assert fork.repository(tmp_path) == "you/your-course"
    for path in filter(Path.is_file, tmp_path.rglob("*")):
        assert old not in path.read_text("utf-8"), path
    lessons = build_notebooks.lessons(tmp_path / "notebooks").values()
    every = [pair for lesson in lessons for pair in build_notebooks.pairs(*lesson)]
    assert len(every) > len(lessons)
    for source, target in every:
        assert build_notebooks.drift(source, target) is None
        before = nbformat.read(ROOT / target.relative_to(tmp_path), as_version=4)
        after = nbformat.read(target, as_version=4)
        assert [c.get("outputs") for c in before.cells] == [c.get("outputs") for c in after.cells]


# -- make compat


def test_conda_installs_what_environment_yml_asks_for():
    stack = compat.conda()
    text = (ROOT / "environment.yml").read_text("utf-8")
    assert f"  - python={stack.python}\n" in text
    assert [f"      - {' '.join(words)}\n" in text for words in stack.installs] == [True]


def test_colabs_list_names_one_version_of_each_package():
    lines = (ROOT / "tools" / "compat" / "colab.txt").read_text("utf-8").splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert all(re.fullmatch(r"[a-z0-9-]+==[\d.]+", pin) for pin in pins)
    names = [pin.partition("==")[0] for pin in pins]
    assert len(set(names)) == len(names)
    assert {"torch", "torchvision", "ipywidgets", "anywidget", "ipykernel"} <= set(names)
    assert compat.colab().python in pythons()


def test_a_python_that_is_not_there_is_named():
    major, minor = sys.version_info[:2]
    assert compat.interpreter(f"{major}.{minor}") == shutil.which(sys.executable)
    with pytest.raises(compat.MissingPythonError, match=r"python2[.]9"):
        compat.interpreter("2.9")
