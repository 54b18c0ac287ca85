"""Faults that are planted in a module, and the tests that notice them or do not."""

import ast
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import faults
import mutants
import pytest

ROOT = Path(__file__).resolve().parents[2]


def made(source):
    """Class and new line of every fault of a source."""
    return [(fault.kind, fault.new) for fault in faults.faults(source)]


@pytest.mark.parametrize(
    ("source", "kind", "changed"),
    [
        ("a < b", "comparison", ["(a >= b)", "(a <= b)"]),
        ("a == b != c", "comparison", ["(a != b != c)", "(a == b == c)"]),
        ("a is b", "comparison", ["(a is not b)"]),
        ("a in b", "comparison", ["(a not in b)"]),
        ("a + b", "arithmetic", ["(a - b)"]),
        ("a * b", "arithmetic", ["(a // b)"]),
        ("a += b", "arithmetic", ["a -= b"]),
        ("a and b", "and, or", ["(a or b)"]),
        ("a(0, 2.5)", "constant", ["a(1, 2.5)", "a(0, 3.5)", "a(0, 1.5)"]),
        ("a(True)", "constant", ["a(False)"]),
        ("a('at most')", "words", ["a('at tsom')"]),
        ("a('most words')", "words", ["a('most sdrow')"]),
        ("a(f'{b} words')", "words", ["a(f'{b} sdrow')"]),
        ("a(f'{b + c}')", "arithmetic", ["a(f'{b - c}')"]),
        ("if a(): b", "not", ["if (not a()): b"]),
        ("a if not b else c", "not", ["a if b else c"]),
        ("[a for a in b if a]", "not", ["[a for a in b if (not a)]"]),
        ("def a(): return b", "return", ["def a(): return None"]),
        ("a(b, c=c, d=d)", "keyword", ["a(b, d=d)", "a(b, c=c)"]),
        ("a(b)", "statement", ["pass"]),
        ("a.b = c", "statement", ["pass"]),
        ("for a in b: break", "statement", ["for a in b: pass"]),
    ],
)
def test_each_class_of_fault_makes_its_edit(source, kind, changed):
    assert [new for found, new in made(source) if found == kind] == changed


@pytest.mark.parametrize(
    "source",
    [
        '"""Words of a docstring."""',
        "from a import b",
        "assert a == 1, 'words'",
        "a: Literal['words'] | None",
        "def a(b: int | None) -> int | None: return None",
        "zip(a, b, strict=True)",
        "a('noon')",
        "@dataclass(frozen=True)\nclass A: pass",
        "if TYPE_CHECKING:\n    a = 1",
    ],
)
def test_what_no_test_could_notice_is_left_alone(source):
    assert [kind for kind, _ in made(source) if kind != "statement"] == []


def test_a_fault_changes_its_own_line_and_nothing_else():
    source = "é = 1\n\n\ndef f(a):  # kept\n    return é < a  # kept too\n"
    flipped = next(fault for fault in faults.faults(source) if fault.kind == "comparison")
    assert (flipped.line, flipped.old) == (5, "return é < a # kept too")
    assert flipped.source == source.replace("é < a", "(é >= a)")


def test_the_faults_are_drawn_from_every_class_and_the_same_each_time():
    source = Path(faults.__file__).read_text(encoding="utf-8")
    found = faults.drawn(source, 9)
    assert sorted(fault.kind for fault in found) == sorted(faults.KINDS)
    assert found == faults.drawn(source, 9)


def test_every_fault_is_python():
    source = (ROOT / "layerwise" / "views" / "columns.py").read_text(encoding="utf-8")
    for fault in faults.faults(source):
        ast.parse(fault.source)


# -- planted


TOY = {
    "toy/noticed.py": "def larger(a, b):\n    return a > b\n",
    "toy/unnoticed.py": "def told(a):\n    return f'{a} words'\n",
    "toy/endless.py": "def down(n):\n    while n:\n        n = 0\n    return n\n",
    "tests/toy/test_toy.py": """
        from toy import endless, noticed, unnoticed

        def test_larger():
            assert noticed.larger(2, 1)
            assert not noticed.larger(1, 1)

        def test_told():
            assert "7" in unnoticed.told(7)

        def test_down():
            assert [endless.down(n) for n in (0, 1)] == [0, 0]
    """,
    "tools/mutants.txt": "",
}


def texts(folder):
    return {path: path.read_text(encoding="utf-8") for path in folder.rglob("*.*")}


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    """A folder with three modules and their tests, and what the command told about it."""
    folder = tmp_path_factory.mktemp("toy")
    for name, text in TOY.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(dedent(text), encoding="utf-8")
    before = texts(folder)
    told = planted(folder, "toy")
    assert texts(folder) == before, "the files themselves were changed"
    return folder, told


def planted(folder, module):
    command = [sys.executable, "tools/mutants.py", module, f"--root={folder}", "--patience=1"]
    return subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)


def test_a_fault_that_a_test_notices_is_counted(toy):
    assert "| toy/noticed.py | 3 | 3 | 100 |" in toy[1].stdout


def test_a_fault_that_no_test_notices_is_shown(toy):
    assert (
        "toy/unnoticed.py:2 (words)\n- return f'{a} words'\n+ return f'{a} sdrow'" in toy[1].stdout
    )
    assert "| toy/unnoticed.py | 2 | 1 | 50 |" in toy[1].stdout
    assert (toy[1].returncode, toy[1].stderr) == (1, "Under 85 of 100: toy/unnoticed.py\n")


def test_a_fault_that_never_ends_is_noticed(toy):
    assert "n = 1" in [fault.new for fault in faults.faults(TOY["toy/endless.py"])]
    assert "| toy/endless.py | 2 | 2 | 100 |" in toy[1].stdout


def test_a_fault_that_may_survive_is_not_counted(toy):
    listed = ["toy/unnoticed.py", "- return f'{a} words'", "+ return f'{a} sdrow'", "A reason."]
    (toy[0] / "tools" / "mutants.txt").write_text("\n".join(listed), encoding="utf-8")
    told = planted(toy[0], "toy/unnoticed.py")
    assert "| toy/unnoticed.py | 1 | 1 | 100 |" in told.stdout
    assert told.returncode == 0


def test_tests_that_fail_without_a_fault_are_not_used(toy):
    (toy[0] / "toy" / "noticed.py").write_text("larger = min\n", encoding="utf-8")
    (toy[0] / "toy" / "unnoticed.py").write_text("def told(a):\n    return a\n", "utf-8")
    told = planted(toy[0], "toy/unnoticed.py")
    assert told.returncode == 1 and "Without any fault" in told.stderr
    assert "test_told" in told.stderr or "test_larger" in told.stderr


def test_every_listed_fault_can_still_be_planted():
    for module, old, new in mutants.allowed(ROOT / "tools" / "mutants.txt"):
        found = faults.faults((ROOT / module).read_text(encoding="utf-8"))
        assert (old, new) in {(fault.old, fault.new) for fault in found}, (module, old)


@pytest.mark.parametrize("given", ["layerwise/viewz", "layerwise/viewz.py", "tools/none/none.py"])
def test_a_name_without_a_module_is_refused(given):
    with pytest.raises(SystemExit, match=f"{given} is no module"):
        mutants.modules(mutants.ROOT, given)


def test_a_module_or_all_of_a_folder():
    assert mutants.modules(mutants.ROOT, "layerwise/views/columns.py") == [
        "layerwise/views/columns.py"
    ]
    found = mutants.modules(mutants.ROOT, "layerwise/views")
    assert "layerwise/views/matching.py" in found and len(found) > 3
