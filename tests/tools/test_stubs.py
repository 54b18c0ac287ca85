"""Stubs and solutions from one source, and what a solution needs around it."""

import build_notebooks
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from needed import needed, statements, without_magics
from stubs import MarkerError, solutions, solved, stub, with_stubs

BLOCK = """\
def vgg_block(num_convs, in_channels, out_channels):
    ### BEGIN SOLUTION
    layers = []
    for _ in range(num_convs):
        layers += [conv(in_channels, out_channels), nn.ReLU()]
    return nn.Sequential(*layers)
    ### END SOLUTION
"""
STUBBED = """\
def vgg_block(num_convs, in_channels, out_channels):
    ...
"""
SOURCES = [
    BLOCK,
    "### BEGIN SOLUTION\nsize = 54\n### END SOLUTION",
    "size = (\n    ### BEGIN SOLUTION\n    54\n    ### END SOLUTION\n)\nprint(size)",
    """\
class Net:
    def a(self):
        # BEGIN SOLUTION
        return 1
        # END SOLUTION

    def b(self):
        x = 1
        if x:
            ### BEGIN SOLUTION
            x = 2
            ### END SOLUTION
        return x
""",
    "no_marker = 1\n\n",
]


def test_a_stub_stands_where_the_solution_stood():
    assert stub(BLOCK) == STUBBED
    assert "SOLUTION" not in solved(BLOCK) and "layers = []" in solved(BLOCK)
    assert solved(BLOCK).count("\n") == BLOCK.count("\n") - 2


@pytest.mark.parametrize("source", SOURCES)
def test_a_stub_is_what_nbgrader_leaves(source):
    preprocessors = pytest.importorskip("nbgrader.preprocessors")
    clear = preprocessors.ClearSolutions(code_stub={"python": "..."}, enforce_metadata=False)
    notebook = new_notebook(cells=[new_code_cell(source)])
    cleared, _ = clear.preprocess(notebook, {})
    assert stub(source) == cleared.cells[0].source


@pytest.mark.parametrize(
    ("source", "word"),
    [
        ("### BEGIN SOLUTION\n1", "no END SOLUTION"),
        ("### BEGIN SOLUTION\n### BEGIN SOLUTION\n### END SOLUTION", "inside a solution"),
    ],
)
def test_markers_that_do_not_pair(source, word):
    with pytest.raises(MarkerError, match=word):
        stub(source)


def exercise(source):
    return new_code_cell(source, metadata={"tags": ["exercise"]})


def test_a_solution_stands_only_in_an_exercise_and_an_exercise_has_one():
    with pytest.raises(MarkerError, match="without the tag 'exercise': def vgg"):
        with_stubs([new_code_cell(BLOCK)])
    with pytest.raises(MarkerError, match="an exercise without BEGIN SOLUTION: size = 54"):
        with_stubs([exercise("size = 54")])


# -- what is needed


def chosen(names, *cells):
    return [one.text for one in needed(list(statements(cells)), names)]


def test_only_what_a_name_needs():
    assert chosen({"f"}, "import a\nimport b", "x = b.one\ny = 2", "def f():\n    return x") == [
        "import b",
        "x = b.one",
        "def f():\n    return x",
    ]


def test_a_local_name_is_not_a_global_one():
    cells = ["net = train()", "def f():\n    net = 1\n    return net"]
    assert chosen({"f"}, *cells) == [cells[1]]


def test_a_function_may_call_what_is_defined_after_it():
    cells = ["def f():\n    return g()", "print(1)", "def g():\n    return 2"]
    assert chosen({"f"}, *cells) == [cells[0], cells[2]]


def test_the_last_binding_counts_and_what_it_reads():
    assert chosen({"x"}, "x = slow()", "x = 1", "x = x + 1", "x += 1") == [
        "x = 1",
        "x = x + 1",
        "x += 1",
    ]


def test_what_changes_an_object_is_needed():
    cells = [
        "layers = []",
        "layers.append(1)",
        "layers[0] = 2",
        "layers[0].bias = None",
        "len(layers)",
    ]
    assert chosen({"layers"}, *cells) == cells[:4]


def test_a_call_of_a_module_is_no_change_of_it():
    assert chosen({"f"}, "from d2l import torch as d2l", "d2l.train(1)", "f = d2l.f") == [
        "from d2l import torch as d2l",
        "f = d2l.f",
    ]


def test_blocks_classes_decorators_and_comprehensions():
    cells = [
        "if True:\n    width = 3",
        "size = 2",
        "class A:\n    w = width",
        "def twice(f): return f",
        "# why\n@twice\ndef build():\n    return [A() for _ in range(size)]",
    ]
    assert chosen({"build"}, *cells) == [*cells[:4], cells[4].removeprefix("# why\n")]


def test_a_star_import_may_bind_anything():
    assert chosen({"f"}, "from a import *", "def f(): return b") == [
        "from a import *",
        "def f(): return b",
    ]


def test_a_cell_that_is_no_python_has_no_statements():
    assert chosen({"x"}, "x = (", "%matplotlib inline\nx = 1\n!ls") == ["x = 1"]
    assert without_magics("%time\nx") == "\nx"
    assert list(statements(["x = " + "-" * 100_000 + "1"])) == []


# -- the notebook of solutions

LESSON = '''\
# %% [markdown]
# # 2. VGG

# %%
import math, sys
from math import prod

if "google.colab" in sys.modules:
    pass

# %%
def conv(i, o):
    """A convolution."""
    return f"conv {prod([i, o])}"


print("an experiment")

# %% [markdown]
# ## Exercises
#
# *easy, 5 minutes*

# %% tags=["exercise"]
def vgg_block(num_convs, in_channels, out_channels):
    ### BEGIN SOLUTION
    layers = []
    for _ in range(num_convs):
        layers += [conv(in_channels, out_channels), "ReLU"]
        in_channels = out_channels
    return layers
    ### END SOLUTION

# %%
print(vgg_block(2, 1, 4)) if vgg_block(2, 1, 4) else print("not attempted")  # .check(

# %%
# exercise.hint()

# %% [markdown]
# Second.

# %%
WIDTH = 8
UNUSED = 9

# %% tags=["exercise"]
size = (
    ### BEGIN SOLUTION
    54 + WIDTH
    ### END SOLUTION
)

# %%
print("not attempted" if size is ... else size)  # .check(
'''


@pytest.fixture
def lesson(tmp_path):
    folder = tmp_path / "notebooks"
    (folder / "source").mkdir(parents=True)
    (folder / "source" / "02_vgg.py").write_text(LESSON)
    return folder


def printed(path):
    cells = nbformat.read(path, as_version=4).cells
    return [out.text for cell in cells if cell.cell_type == "code" for out in cell.outputs]


def test_two_notebooks_from_one_source(lesson, capsys):
    stubs, solutions = lesson / "02_vgg.ipynb", lesson / "solutions" / "02_vgg.ipynb"
    assert build_notebooks.main([], lesson) == 0
    assert build_notebooks.main(["--check"], lesson) == 0
    assert "2 notebooks checked, 0 at fault" in capsys.readouterr().out
    assert printed(stubs) == ["an experiment\n", "not attempted\n", "not attempted\n"]
    assert "conv 16" in printed(solutions)[0] and printed(solutions)[1] == "62\n"
    assert "SOLUTION" not in stubs.read_text() + solutions.read_text()
    assert "layers" not in stubs.read_text()


def test_what_the_notebook_of_solutions_holds(lesson):
    cells = build_notebooks.planned(
        lesson / "source" / "02_vgg.py", lesson / "solutions" / "02_vgg.ipynb"
    ).cells
    assert cells[0].source.startswith("# 2. VGG: solutions\n")
    assert "(../02_vgg.ipynb)" in cells[0].source
    assert cells[1].source.startswith("import math, sys")  # a Colab needs it as it is
    assert cells[2].source.startswith("from math import prod\n\n\ndef conv")
    kinds = [("exercise" in cell.metadata.get("tags", ()), cell.cell_type) for cell in cells[3:]]
    task, written, check = (False, "markdown"), (True, "code"), (False, "code")
    assert kinds == [task, written, check, check, written, check]
    assert cells[6].source == "WIDTH = 8"
    assert not any("hint()" in cell.source or "UNUSED" in cell.source for cell in cells)


def test_drift_of_the_solutions_is_named(lesson, capsys):
    for target in (lesson / "02_vgg.ipynb", lesson / "solutions" / "02_vgg.ipynb"):
        target.parent.mkdir(exist_ok=True)
        nbformat.write(build_notebooks.planned(lesson / "source" / "02_vgg.py", target), target)
    source = lesson / "source" / "02_vgg.py"
    source.write_text(LESSON.replace("54", "55"))
    assert build_notebooks.main(["--check"], lesson) == 1
    assert "    55 + WIDTH" in capsys.readouterr().out
    source.write_text(
        LESSON.replace("    ### END SOLUTION\n\n# %%\nprint(vgg", "\n# %%\nprint(vgg")
    )
    assert build_notebooks.main(["--check"], lesson) == 1
    assert "no END SOLUTION after BEGIN SOLUTION" in capsys.readouterr().out


def test_a_lesson_without_exercises_has_no_solutions(lesson):
    source = lesson / "source" / "02_vgg.py"
    source.write_text("# %%\nprint(1)\n")
    assert build_notebooks.main([], lesson) == 0
    assert not (lesson / "solutions").exists()
    assert solutions([new_markdown_cell("# 1"), new_code_cell("1")], "01") == []
