"""What a person reads when a cell of a notebook prints something else than is stored."""

import base64
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import nbformat
import notebook_report
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

ROOT = Path(__file__).resolve().parents[2]


def printed(text):
    return new_output("stream", name="stdout", text=text)


def result(**data):
    data = {kind.replace("_", "/"): content for kind, content in data.items()}
    return new_output("execute_result", data=data, execution_count=1)


def difference(stored, now):
    return "\n".join(notebook_report.compared([stored], [now]))


# -- one cell


def test_the_place_is_the_heading_and_the_first_line_of_code():
    cells = [
        new_markdown_cell("# NiN\n\n## Look at the shapes\n\nText."),
        new_markdown_cell("More text."),
        new_code_cell("# a comment\n\nprint(net)", outputs=[printed("a\n")]),
    ]
    told = notebook_report.report("03_nin", cells, 3, [printed("b\n")], ValueError())
    assert told.startswith('03_nin, cell 3, under "Look at the shapes"\n    print(net)\n')
    assert told.endswith(
        "build/notebooks/03_nin.ipynb. To store what it prints now: make accept LESSON=03"
    )


def test_a_cell_under_no_heading_stands_at_the_start():
    cells = [new_code_cell("print(1)"), new_markdown_cell("# Later")]
    assert notebook_report.heading(cells, 1) == "the start"


# -- what differs


def test_text_is_a_unified_diff_with_context():
    stored = printed("".join(f"line {n}\n" for n in range(9)))
    now = printed("".join(f"line {n}\n" if n != 4 else "another\n" for n in range(9)))
    assert difference(stored, now).splitlines() == [
        "",
        "printed text",
        "--- stored in the notebook",
        "+++ printed now",
        "@@ -3,5 +3,5 @@",
        " line 2",
        " line 3",
        "-line 4",
        "+another",
        " line 5",
        " line 6",
    ]


def test_the_same_output_has_no_difference():
    assert difference(printed("a"), printed("a")) == ""


def test_output_that_is_new_or_gone_says_so():
    assert "nothing is stored" in "\n".join(notebook_report.compared([], [printed("a")]))
    assert "nothing is printed now" in "\n".join(notebook_report.compared([printed("a")], []))


def test_html_is_shown_as_the_text_that_one_sees():
    row = (
        '<style>td {{color: red}}</style><table><tr class="x"><td>conv</td><td>{}</td></tr></table>'
    )
    told = difference(result(text_html=row.format(96)), result(text_html=row.format(80)))
    assert "-conv | 96" in told and "+conv | 80" in told
    assert "color" not in told and "<" not in told


def test_a_picture_within_html_is_shown_by_its_words():
    def page(size):
        svg = f"<svg><defs>unseen</defs><text>Conv2d</text><text>{size}</text></svg>"
        data = base64.b64encode(svg.encode()).decode()
        return result(text_html=f'<img alt="LeNet" src="data:image/svg+xml;base64,{data}">')

    lines = difference(page("96×54×54"), page("80×54×54")).splitlines()
    assert "-96×54×54" in lines and "+80×54×54" in lines
    assert not any("unseen" in line for line in lines)


def test_markup_that_only_looks_different_is_shown_as_markup():
    told = difference(result(text_html="<b>a</b>"), result(text_html="<i>a</i>"))
    assert "-<b>a" in told and "+<i>a" in told


def test_of_a_text_and_its_html_the_longer_difference_stands():
    stored = result(text_plain="Drawing", text_html="<p>1</p><p>2</p>")
    now = result(text_plain="Picture", text_html="<p>3</p><p>4</p>")
    told = difference(stored, now)
    assert "HTML" in told and "the result as text" not in told


def map_of(pixels, said):
    data = base64.b64encode(pixels).decode()
    return f'<p>{said}</p><img alt="map" src="data:image/png;base64,{data}">'


def test_the_pixels_of_a_map_are_no_difference_and_what_is_said_of_it_is():
    dark, light = (map_of(pixels, "2 maps") for pixels in (b"dark", b"light"))
    assert dark != light
    assert difference(result(text_html=dark), result(text_html=light)) == ""
    told = difference(result(text_html=dark), result(text_html=map_of(b"light", "3 maps")))
    assert "-2 maps" in told and "+3 maps" in told and "png" not in told


@pytest.mark.parametrize(
    ("before", "after", "largest"),
    [
        ("loss 0.12345, 3 epochs", "loss 0.12349, 3 epochs", 0.00032),
        ("0.381", "0.382", 0.0026),
        ("0.5", "0.6", 0.167),  # one unit of the last digit
        ("0.50", "0.52", None),
        ("1.5e-07", "1.501e-07", 0.00067),
        ("0.5 and 0.7", "0.5 and 0.9", None),  # far apart
        ("3 epochs", "4 epochs", None),  # no float
        ("1×96×54×54", "1×80×54×54", None),
        ("loss 0.5", "gain 0.5", None),
    ],
)
def test_only_the_last_digits_of_floats(before, after, largest):
    found = notebook_report.last_digits(before, after)
    assert found == (largest and pytest.approx(largest, rel=0.05))
    assert ("only the last digits" in difference(printed(before), printed(after))) == bool(largest)


# -- a run of nbval


def run(folder, *cells):
    (folder / "conftest.py").write_text((ROOT / "conftest.py").read_text())
    nbformat.write(new_notebook(cells=list(cells)), folder / "07_try.ipynb")
    command = [sys.executable, "-m", "pytest", "-q", "--color=no", "--nbval", "--nbval-current-env"]
    command += [f"--nbval-sanitize-with={notebook_report.SANITIZE}"]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "tools")}
    return subprocess.run(
        [*command, "07_try.ipynb"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def cell(source, *outputs):
    return new_code_cell(source, outputs=list(outputs), execution_count=1)


def test_a_broken_import_is_one_failure_and_the_executed_notebook_is_kept(tmp_path):
    heading = new_markdown_cell("## Setup")
    broken = cell("import no_such_module as module")
    rest = [cell(f"print(module, {n})", printed(f"x {n}\n")) for n in range(3)]
    sound = cell("print(5)", printed("5\n"))
    ran = run(tmp_path, heading, broken, *rest, sound)
    assert ran.returncode == 1
    assert "1 failed, 1 passed, 3 skipped" in ran.stdout
    assert '07_try, cell 2, under "Setup"\n    import no_such_module as module' in ran.stdout
    assert "No module named 'no_such_module'" in ran.stdout
    assert "07_try: 3 after cell 2, counted as skipped" in ran.stdout
    executed = nbformat.read(tmp_path / "build/notebooks/07_try.ipynb", as_version=4)
    nbformat.validate(executed)
    assert [c.outputs[0].output_type for c in executed.cells[1:]] == ["error"] * 4 + ["stream"]


def test_each_cell_that_prints_something_else_is_reported(tmp_path):
    ran = run(tmp_path, cell("print(1)", printed("2\n")), cell("print(3)", printed("4\n")))
    assert "2 failed" in ran.stdout
    assert "-2\n+1" in ran.stdout and "-4\n+3" in ran.stdout
    assert '07_try, cell 2, under "the start"' in ran.stdout


def test_a_cell_that_is_there_to_raise_breaks_no_other(tmp_path):
    raising = cell("1 / 0", new_output("error", ename="KeyError", evalue="7"))
    raising.metadata["tags"] = ["raises-exception"]
    ran = run(tmp_path, raising, cell("print(3)", printed("4\n")))
    assert "-4\n+3" in ran.stdout
    assert "-KeyError: 7\n+ZeroDivisionError: division by zero" in ran.stdout


def test_each_training_of_a_notebook_has_one_seed_unless_more_are_asked_for(tmp_path, monkeypatch):
    monkeypatch.delenv("COURSE_SEEDS", raising=False)
    source = 'import os\nprint(os.environ["COURSE_SEEDS"])'
    assert "1 passed" in run(tmp_path, cell(source, printed("1\n"))).stdout
    monkeypatch.setenv("COURSE_SEEDS", "9")
    assert "-1\n+9" in run(tmp_path, cell(source, printed("1\n"))).stdout


def test_pixels_of_maps_are_not_compared_and_the_course_asks_for_that(tmp_path):
    source = "from IPython.display import HTML\nHTML({!r})"
    same = cell(source.format(map_of(b"light", "2 maps")), result_of(map_of(b"dark", "2 maps")))
    other = cell(source.format(map_of(b"light", "2 maps")), result_of(map_of(b"dark", "3 maps")))
    ran = run(tmp_path, same, other)
    assert "1 failed, 1 passed" in ran.stdout and "-3 maps" in ran.stdout
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["pytest"]
    (file,) = [o for o in asked["ini_options"]["addopts"] if "sanitize" in o]
    assert ROOT / file.partition("=")[2] == notebook_report.SANITIZE


def result_of(html):
    data = {"text/html": html, "text/plain": "<IPython.core.display.HTML object>"}
    return new_output("execute_result", data=data, execution_count=1)
