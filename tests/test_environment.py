"""The files that install and run the course agree with each other."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import addresses
import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


# -- conda and Binder


def conda():
    entries = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    (pip,) = [entry["pip"] for entry in entries if isinstance(entry, dict)]
    return [entry for entry in entries if isinstance(entry, str)], pip


def test_environment_yml_holds_no_second_list():
    packages, pip = conda()
    assert pip == ["-e ."]
    assert [re.split("[=<> ]", package)[0] for package in packages] == ["python", "pip"]


def test_environment_yml_and_pyproject_agree_on_python():
    packages, _ = conda()
    (python,) = [package for package in packages if package.startswith("python=")]
    lowest = PROJECT["project"]["requires-python"].removeprefix(">=")
    assert python == f"python={lowest}"
    major, minor = lowest.split(".")
    assert f"sys.version_info < ({major}, {minor})" in (ROOT / "Makefile").read_text()


# -- make


@pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")
def test_make_help_lists_every_command():
    text = (ROOT / "Makefile").read_text()
    commands = re.findall(r"^([a-z-]+):", text, re.MULTILINE)
    assert {"lab", "test", "notebooks", "lint", "bench", "clean", "help"} <= set(commands)
    assert re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE)[1].split() == commands
    printed = subprocess.run(
        ["make", "--no-print-directory"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    assert re.findall(r"^  make ([a-z-]+)\t\S", printed, re.MULTILINE) == commands


@pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")
@pytest.mark.parametrize(("given", "opened"), [("", "00_contents"), ("LESSON=03", "03_nin")])
def test_make_lab_opens_the_contents_unless_told_which_lesson(given, opened):
    command = ["make", "--dry-run", "--no-print-directory", "lab", *given.split()]
    run = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    assert f"jupyter lab --ServerApp.root_dir=. notebooks/{opened}.ipynb" in run.stdout


# -- the README


def test_the_table_of_lessons_is_complete():
    listed = re.findall(r"\]\(notebooks/(\w+)\.ipynb\)", (ROOT / "README.md").read_text("utf-8"))
    assert listed == sorted(path.stem for path in (ROOT / "notebooks" / "source").glob("*.py"))


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_links_and_commands_are_real(name):
    text = (ROOT / name).read_text("utf-8")
    links = re.findall(r"\]\((?!http)([^)#]+)\)", text)
    named = re.findall(r"`((?:tests|tools|layerwise|notebooks/source)/[\w./]+)`", text)
    missing = [p for p in (*links, *named) if not (ROOT / p).exists() and "NN_name" not in p]
    assert missing == []
    commands = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(re.findall(r"`make ([a-z-]+)", text)) <= set(commands)


def test_the_example_runs(capsys):
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    exec(compile(code, "README.md", "exec"), {"__name__": "readme"})  # noqa: S102  our own
    assert "1,024" in capsys.readouterr().out


# -- what is committed


@pytest.fixture
def committed():
    """Every file of the repository that is committed, or would be."""
    try:
        return addresses.course_files()
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")


def test_no_file_names_a_machine_or_registry(committed):
    assert list(addresses.found(committed)) == []


@pytest.mark.parametrize("line", ["see /" + "home/me/course", "from https://pypi" + ".org/simple"])
def test_what_must_not_be_committed_is_found(line, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(addresses, "ROOT", tmp_path)
    file = tmp_path / "README.md"
    file.write_text(f"first\n{line}\n")
    monkeypatch.setattr("sys.argv", ["addresses.py", str(file)])
    assert addresses.main() == 1
    assert capsys.readouterr().out.startswith("README.md:2: a ")
    file.write_text("first\n")
    assert addresses.main() == 0 and capsys.readouterr().out == ""


def test_no_lock_file_is_committed(committed):
    assert [path for path in committed if path.name.endswith((".lock", ".draft"))] == []
