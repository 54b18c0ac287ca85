"""Submitted notebooks, honest, broken and hostile: each is told, none costs another anything."""

import csv
import json
import os
import sys
from pathlib import Path

import grade
import grade_report
import pytest
from grade import Row

LINUX = sys.platform.startswith("linux")
SETUP = "import os, sys\nimport torch\nfrom torch import nn\nfrom course_utils import exercises"
RIGHT = """\
def vgg_block(num_convs, in_channels, out_channels, kernel_size):
    layers = []
    for _ in range(num_convs):
        padding = kernel_size // 2
        layers += [nn.Conv2d(in_channels, out_channels, kernel_size, padding=padding), nn.ReLU()]
        in_channels = out_channels
    return nn.Sequential(*layers, nn.MaxPool2d(2))
"""
CHECK = "exercises.vgg.block.check(vgg_block)"


def notebook(*cells):
    made = [{"cell_type": "code", "source": cell, "metadata": {}, "outputs": []} for cell in cells]
    return json.dumps({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()


def answer(body, before=""):
    """A notebook whose block does `body`, and is right besides."""
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    first, _, rest = RIGHT.partition("\n")
    return notebook(SETUP, before, f"{first}\n{lines}{rest}", CHECK)


@pytest.fixture(scope="module")
def graders():
    before = dict(os.environ)
    yield lambda seconds: grade.Graders(seconds=seconds)
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="module")
def judge(graders):
    """Judge the block of a notebook: the outcome, the mistake, the message."""
    return lambda code, seconds=60: graders(seconds).judge("02_vgg", "block", code)


@pytest.fixture(scope="module")
def held(graders):
    """What this system holds an answer back from."""
    one = graders(60)
    assert one.judge("02_vgg", "block", notebook(SETUP, RIGHT, CHECK))[0] == "right"
    return one.held


# -- honest and broken ones


def test_a_right_answer(judge):
    assert judge(notebook(SETUP, RIGHT, CHECK))[:2] == ("right", "")


def test_a_mistake_has_its_name_and_a_message(judge):
    wrong = RIGHT.replace("        in_channels = out_channels\n", "")
    outcome, mistake, message = judge(notebook(SETUP, wrong, CHECK))
    assert (outcome, mistake) == ("wrong", "reads in_channels again") and len(message) > 30


def test_only_what_an_answer_needs_is_run(judge):
    layers = "[nn.Conv2d(in_channels, out_channels, kernel_size, padding=padding), nn.ReLU()]"
    used = RIGHT.replace(layers, "conv(in_channels, out_channels, kernel_size)")
    assert used != RIGHT
    helper = "def conv(i, o, k):\n    return [nn.Conv2d(i, o, k, padding=k // 2), nn.ReLU()]"
    cells = [SETUP, "while True: pass", "%matplotlib inline", used, helper, CHECK, "1/0"]
    assert judge(notebook(*cells))[:2] == ("right", "")


def test_what_pytorch_imports_late_is_there(judge):
    late = "torch.empty(2, 2, device='meta').var((0, 1), keepdim=True)"
    assert judge(answer(late))[:2] == ("right", "")


UNDEFINED = RIGHT.replace("layers = []", "layers = x")
BROKEN = {
    "a stub": (notebook(SETUP, "def vgg_block(n, i, o):\n    ...", CHECK), "not attempted", ""),
    "nothing": (notebook(SETUP, CHECK), "not attempted", ""),
    "no check": (notebook(SETUP, RIGHT), "not attempted", ""),
    "no Python": (notebook(SETUP, "def vgg_block(n, i, o:\n    pass", CHECK), "wrong", "no Python"),
    "a name": (notebook(SETUP, f"x = undefined\n{UNDEFINED}", CHECK), "wrong", "stops"),
    "no notebook": (b"\x00\xff", "not read", ""),
    "another format": (b'{"worksheets": []}', "not read", ""),
    "deep": (b"[" * 200_000, "not read", ""),
    "odd cells": (b'{"cells": [{"cell_type": "code", "source": 5}]}', "not read", ""),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_notebook_is_told_in_words(judge, name):
    code, outcome, mistake = BROKEN[name]
    told = judge(code)
    assert told[:2] == (outcome, mistake)
    assert told[2] and "Traceback" not in told[2]


# -- hostile ones

SENT = "int(os.listdir('/proc/self/fd')[-1])"
HOSTILE = {  # what an answer does, and how it may be told; none of it ends the others
    "sys.exit": "sys.exit(0)",
    "os._exit": "os._exit(0)",
    "a crash": "import ctypes; ctypes.string_at(0)",
    "abort": "os.abort()",
    "prints": "for _ in range(3000): print('x' * 100_000); os.write(2, b'x' * 100_000)",
    "10 GB": "torch.empty(10 * 2**30, dtype=torch.uint8)",
    "10 GB of Python": "bytearray(10 * 2**30)",
    "writes what is sent": f"os.write({SENT}, b'{{}}')",
    "fills what is sent": f"while True: os.write({SENT}, b'x' * 9999)",
    "deep": "f = lambda n: f(n + 1)\nf(0)",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_answer_is_told(judge, name):
    if name.startswith("10 GB") and not LINUX:
        pytest.skip("only Linux limits memory")
    outcome, mistake, message = judge(answer(HOSTILE[name]))
    assert outcome in ({"right"} if name == "prints" else {"wrong", "stopped"})
    assert outcome == "right" or (mistake and message)
    assert len(message) <= 2_000


LOOP = "while True: pass"
HANGS = {
    "a loop": LOOP,
    "a sleep": "import time; time.sleep(1e6)",
    "a loop that catches": f"while True:\n    try:\n        {LOOP}\n    except BaseException: pass",
    "no signals": f"import signal\nsignal.pthread_sigmask(0, range(1, 64))\n{LOOP}",
}


@pytest.mark.parametrize("name", HANGS)
def test_an_answer_that_hangs_is_stopped(judge, name):
    assert judge(answer(HANGS[name]), 1)[:2] == ("stopped", "time")


def test_a_cell_that_hangs_is_stopped(judge):
    told = judge(notebook(SETUP, "vgg_block = [None for _ in iter(int, 1)]", CHECK), 1)
    assert told[:2] == ("stopped", "time")


DECEITS = {
    "another check": "def check(*_): return 'right'",
    "exercises": "class exercises:\n    class vgg:\n        class block: check = print",
    "its attribute": "exercises.vgg.block.check = lambda *_: 'right'",
    "its class": "type(exercises.vgg.block).check = lambda *_: 'right'",
    "its module": "sys.modules['course_utils'] = None",
}


@pytest.mark.parametrize("name", DECEITS)
def test_another_check_changes_nothing(judge, name):
    wrong = RIGHT.replace("padding=padding", "padding=0")
    told = judge(notebook(SETUP, DECEITS[name], wrong, CHECK))
    assert told[:2] == ("wrong", "padding")
    inside = DECEITS[name].replace("\n", "\n    ")
    inside = wrong.replace("    layers = []\n", f"    {inside}\n    layers = []\n")
    assert judge(notebook(SETUP, inside, CHECK))[0] == "wrong"


# -- what only a system that allows it holds back

REACHES = {  # to what its folder, or its process, is not
    "reads": "open({other!r}).read()",
    "lists": "os.listdir(os.path.dirname({other!r}))",
    "writes": "open({other!r}, 'w')",
    "deletes": "os.remove({other!r})",
    "deletes a folder": "import shutil; shutil.rmtree(os.path.dirname({other!r}))",
    "renames": "os.rename({other!r}, {other!r} + '2')",
    "changes rights": "os.chmod({other!r}, 0)",
    "truncates": "os.truncate({other!r}, 0)",
    "links": "os.symlink({other!r}, 'here'); open('here').read()",
    "reads Python's own caller": "open(f'/proc/{{os.getppid()}}/environ').read()",
    "forks": "os.fork()",
    "starts a program": "import subprocess; subprocess.run(['true'], check=True)",
    "signals": "os.kill(os.getppid(), 0)",
    "opens the network": "import socket; socket.create_connection(('127.0.0.1', {port}), 2)",
    "sends by UDP": "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
    "fills the disk": "open('big', 'wb').write(b'x' * 10_000_000)",
}


@pytest.mark.parametrize("name", REACHES)
def test_an_answer_reaches_nothing_else(judge, held, tmp_path, name):
    if not held >= {"files", "network", "processes"}:
        pytest.skip("this system has no Landlock or no seccomp: see the first lines of sandbox.py")
    other = tmp_path / "other" / "02_vgg.ipynb"
    other.parent.mkdir()
    other.write_text("another student's")
    body = REACHES[name].format(other=str(other), port=9)
    caught = f"try:\n    {body}\nexcept OSError: pass\nelse: return None"  # right, if refused
    outcome, mistake, message = judge(answer(caught))
    assert (outcome, mistake) == ("right", ""), message
    assert other.read_text() == "another student's"
    assert other.stat().st_mode & 0o777


# -- a folder


@pytest.fixture
def folder(tmp_path):
    files = {
        "ada/02_vgg.ipynb": notebook(SETUP, RIGHT, CHECK),
        "ada/.ipynb_checkpoints/02_vgg-checkpoint.ipynb": b"",
        "bea/deep/02_vgg.ipynb": answer("os._exit(0)"),
        "=cmd()/02_vgg.ipynb": notebook(
            SETUP, RIGHT.replace("padding=padding", "padding=0"), CHECK
        ),
        "dan_02_vgg.ipynb": notebook(SETUP, RIGHT, CHECK),
        "eve/notes.ipynb": notebook("1"),
        "fay/02_vgg.ipynb": b"x" * 100,
        "gus/02_vgg.ipynb": None,
        "<b>hal</b>/02_vgg.ipynb": notebook(SETUP, "vgg_block = '</td><script>1</script>'", CHECK),
    }
    made = tmp_path / "class"
    for name, code in files.items():
        file = made / name.replace("/b>", "⁄b>")
        file.parent.mkdir(parents=True, exist_ok=True)
        if code is None:
            file.symlink_to(made / "ada" / "02_vgg.ipynb")
        else:
            file.write_bytes(code)
    return made


def test_a_folder_of_submissions(graders, folder, capsys, monkeypatch):
    patient = graders(60)
    monkeypatch.setattr(grade, "Graders", lambda **_: patient)
    assert grade.main([str(folder), "--lesson", "02", "--workers", "2"]) == 0
    with (folder / "grades.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["exercise"] in ("02_vgg.block", "")]
    found = {row["student"]: (row["outcome"], row["mistake"]) for row in rows}
    assert found == {
        "ada": ("right", ""),
        "bea": ("stopped", "ends Python"),
        "'=cmd()": ("wrong", "padding"),
        "dan": ("right", ""),
        "fay": ("not read", ""),
        "gus": ("not read", ""),
        "<b>hal<⁄b>": ("wrong", "no function"),
    }
    assert len(rows) == 7
    page = (folder / "grades.html").read_text("utf-8")
    assert "<script>" not in page and "<b>hal" not in page and "&lt;b&gt;hal" in page
    printed = capsys.readouterr().out
    assert "02_vgg.block: padding" in printed and "grades.csv" in printed
    assert ("does not hold" in printed) == (len(patient.held) < 5)


def test_the_commonest_mistake_stands_first():
    rows = [
        Row("ada", "n", "02_vgg.block", "wrong", "padding", "Two rows are lost."),
        Row("ada", "n2", "02_vgg.block", "wrong", "padding", "Two rows are lost."),
        Row("bea", "n", "02_vgg.block", "wrong", "stride", "Half."),
        Row("dan", "n", "02_vgg.block", "wrong", "stride", "Half."),
        Row("dan", "n", "02_vgg.net", "right"),
    ]
    assert grade_report.mistakes(rows) == [
        ("02_vgg.block", "stride", 2, "Half."),
        ("02_vgg.block", "padding", 1, "Two rows are lost."),
    ]
    assert grade_report.summary(rows).startswith("3 students, 5 answers: 4 wrong, 1 right")
    assert grade_report.summary([]) == "0 students, 0 answers: none"
    assert '<th scope="row">dan</th><td class="wrong">' in grade_report.page(rows)


def test_a_notebook_that_is_too_large_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(grade, "LARGEST", 10)
    (tmp_path / "a.ipynb").write_bytes(b"x" * 11)
    assert grade.contents(tmp_path / "a.ipynb") == (b"", "It has more than 0 MB.")
    assert "no file" in grade.contents(Path(tmp_path))[1]


def test_the_course_itself_is_not_graded(capsys):
    with pytest.raises(SystemExit):
        grade.main([str(grade.ROOT)])
    assert "is no folder of submitted notebooks" in capsys.readouterr().err
