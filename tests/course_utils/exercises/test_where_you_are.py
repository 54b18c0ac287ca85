"""Where you are: what is kept, where, and how it is cleared."""

import json

import pytest

from course_utils import exercises
from course_utils.exercises import _record


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "kept.json"))
    return tmp_path / "kept.json"


def solve(exercise):
    space = {}
    exec(exercise.reference, space)  # noqa: S102  our own
    return exercise.check(list(space.values())[-1])


def test_what_is_right_is_kept_and_what_is_not_is_not(file, capsys):
    sizes = exercises.vgg.sizes
    assert sizes.check("1 2 3 4 5").outcome == "wrong"
    assert sizes.check(...).outcome == "not attempted"
    assert not file.exists()
    assert solve(sizes).outcome == "right"
    assert list(json.loads(file.read_text("utf-8"))) == ["02_vgg.sizes"]
    before = file.read_bytes()
    solve(sizes)
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir()] == [file.name]
    exercises.forget()
    assert not file.exists() and "Cleared" in capsys.readouterr().out
    exercises.forget()


def test_where_you_are_as_text_and_as_html(file):
    many = len(exercises.all())
    assert repr(exercises.where_you_are()).startswith(f"0 of {many} exercises were right")
    file.write_text(json.dumps({"02_vgg.sizes": "2026-01-01", "99_gone.net": "2026-01-01"}))
    shown = exercises.where_you_are()
    assert repr(shown).startswith(f"1 of {many} exercises were right")
    assert "02_vgg   ✓ Five blocks by hand   ○ The VGG block" in repr(shown)
    html = shown._repr_html_()
    assert '<a href="02_vgg.ipynb">02_vgg</a> &nbsp; ✓ Five blocks by hand' in html
    assert all(f"{one.lesson}" in html for one in exercises.all())


@pytest.mark.parametrize("text", ["", "{", "[1]", "null", '{"02_vgg.sizes": 3}'])
def test_a_file_that_somebody_has_changed(file, text):
    file.write_text(text)
    assert "exercises were right" in repr(exercises.where_you_are())
    solve(exercises.vgg.sizes)
    assert "✓ Five blocks" in repr(exercises.where_you_are())


def test_nothing_is_kept_where_nothing_can_be(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "no folder" / "kept.json"))
    assert solve(exercises.vgg.sizes).outcome == "right"
    monkeypatch.setenv("COURSE_PROGRESS", "")
    assert solve(exercises.vgg.sizes).outcome == "right"
    assert _record.kept() == {} and list(tmp_path.iterdir()) == []
    monkeypatch.delenv("COURSE_PROGRESS")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert _record.place() == tmp_path / ".modern-cnns.json"
