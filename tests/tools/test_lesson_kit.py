"""A folder for a class: everything a student needs, and nothing that solves an exercise."""

import re
import shutil
import subprocess
import sys
import tomllib

import build_notebooks
import jupytext
import lesson_kit
import nbformat
import pytest
from stubs import BEGIN, is_exercise


@pytest.fixture(scope="module")
def kit(tmp_path_factory):
    folder = tmp_path_factory.mktemp("class") / "kit"
    assert lesson_kit.main([str(folder)]) == 0
    return folder


def test_stubs_and_no_solutions_and_no_sources(kit):
    assert not [path for path in kit.rglob("*") if path.name in ("solutions", "source", "tests")]
    assert not list(kit.rglob("__pycache__")) and not (kit / "tools").exists()
    lessons = {path.name for path in (kit / "notebooks").glob("*.ipynb")}
    assert lessons == {path.name for path in (lesson_kit.ROOT / "notebooks").glob("*.ipynb")}
    for path in (kit / "notebooks").glob("*.ipynb"):
        assert BEGIN not in path.read_text("utf-8")
        cells = nbformat.read(path, as_version=4).cells
        assert all("..." in cell.source for cell in cells if is_exercise(cell))


def test_what_the_notebooks_link_to_is_there(kit):
    for path in (kit / "notebooks").glob("*.ipynb"):
        prose = [c.source for c in jupytext.read(path).cells if c.cell_type == "markdown"]
        links = re.findall(r"\]\((?!https?:)([^)#\s]+)\)", "\n".join(prose))
        missing = [link for link in links if not (path.parent / link).exists()]
        assert missing == [], path.name
    links = re.findall(r"\]\(([^)]+)\)", (kit / "README.md").read_text("utf-8"))
    assert len(links) == len(build_notebooks.lessons())
    assert all((kit / link).exists() for link in links)


def test_the_course_runs_from_it(kit):
    code = """
import course_utils, layerwise
from course_utils import exercises, photograph, recorded
from layerwise import trace
assert course_utils.__file__.startswith(KIT) and layerwise.__file__.startswith(KIT)
print(len(exercises.all()) > 0, recorded.run("resnet20").name, len(photograph()))
"""
    code = f"import sys\nKIT = {str(kit)!r}\nsys.path.insert(0, KIT)\n{code}"
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, cwd=kit, check=True, stdout=subprocess.PIPE, text=True)
    assert run.stdout.startswith("True resnet20")


def test_its_project_installs_what_a_student_needs(kit):
    made = tomllib.loads((kit / "pyproject.toml").read_text("utf-8"))
    full = tomllib.loads((lesson_kit.ROOT / "pyproject.toml").read_text("utf-8"))
    assert made["project"] == full["project"] and made["tool"]["uv"] == full["tool"]["uv"]
    assert "dependency-groups" not in made and set(made["tool"]) == {"hatch", "uv"}
    named = made["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert all((kit / name).exists() for name in (*named, "LICENSE", made["project"]["readme"]))


@pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")
def test_its_makefile_opens_a_lesson(kit):
    def make(*arguments):
        command = ["make", "--no-print-directory", *arguments]
        return subprocess.run(command, cwd=kit, check=True, capture_output=True, text=True).stdout

    assert re.findall(r"^  make (\S+)", make(), re.MULTILINE) == ["help", "lab", "clean"]
    assert "notebooks/03_nin.ipynb" in make("--dry-run", "lab", "LESSON=03")


def test_no_folder_is_overwritten(tmp_path):
    (tmp_path / "mine.txt").write_text("work")
    with pytest.raises(SystemExit, match="is there already"):
        lesson_kit.main([str(tmp_path)])
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_answers_are_not_handed_out(tmp_path):
    folder = tmp_path / "notebooks"
    for name in ("02_vgg", "03_nin"):
        for path in (f"source/{name}.py", f"{name}.ipynb"):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(lesson_kit.ROOT / "notebooks" / path, folder / path)
    names = [path.name for path in lesson_kit.built(folder)]
    assert names == ["02_vgg.ipynb", "03_nin.ipynb"]
    shutil.copy(lesson_kit.ROOT / "notebooks/solutions/02_vgg.ipynb", folder)
    shutil.copy(folder / "03_nin.ipynb", folder / "Untitled.ipynb")
    with pytest.raises(SystemExit) as refused:
        lesson_kit.built(folder)
    told = str(refused.value)
    assert "02_vgg.ipynb: " in told and "Untitled.ipynb has no source" in told
    assert "03_nin" not in told and told.endswith("No kit was written.")


def test_a_tenth_lesson_is_in_its_table():
    row = "| 10 | [Ten](notebooks/10_ten.ipynb) | Why? | 60 |"
    assert row in lesson_kit.readme(f"# Title\n\n{row} [badge] |\n")
