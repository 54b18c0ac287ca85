"""The contents, the README and the lessons agree, and lead from one to the next."""

import re
from itertools import pairwise
from pathlib import Path

import build_notebooks
import lessons
import pytest
import torch

from layerwise import trace

LESSONS = build_notebooks.lessons()
CONTENTS, *ROAD = LESSONS
README = Path(__file__).parents[2] / "README.md"
NAMES = {
    stem: name
    for name, stem in re.findall(
        r"\[([^]]+)\]\(notebooks/(\w+)\.ipynb\)", README.read_text("utf-8")
    )
}
PROSE = {
    stem: [c.source for c in lessons.cells(source) if c.cell_type != "code"]
    for stem, (source, _) in LESSONS.items()
}
TEXT = {stem: "\n\n".join(cells) for stem, cells in PROSE.items()}

each_lesson = pytest.mark.parametrize("lesson", LESSONS)
on_the_road = pytest.mark.parametrize("lesson", ROAD)


def question(lesson: str) -> str:
    """What a lesson asks, in bold under its title."""
    found = re.search(r"^# .*\n\n\*\*(.+?\?)\*\*\n", TEXT[lesson], re.MULTILINE | re.DOTALL)
    return " ".join(found[1].split())


def minutes(lesson: str) -> list[int]:
    """For the lesson, and for its questions where they are told apart."""
    (told,) = re.findall(r"\*\*Time:\*\* (.+?)\.\s", TEXT[lesson], re.DOTALL)
    found = [int(number) for number in re.findall(r"\d+", told)]
    assert found, f"write the minutes of {lesson} as numbers"
    return found


def link(lesson: str) -> str:
    return f"[Lesson {list(LESSONS).index(lesson)}: {NAMES[lesson]}]({lesson}.ipynb)"


def row(lesson: str, path: str, time: str) -> str:
    """What a table says of a lesson in its first four columns."""
    number = list(LESSONS).index(lesson)
    return f"| {number} | [{NAMES[lesson]}]({path}{lesson}.ipynb) | {question(lesson)} | {time} |"


# -- the tables; `--regenerate` writes what the lessons say


def check_row(request: pytest.FixtureRequest, file: Path, mark: str, told: str) -> None:
    """The row of a file that begins as `told` does is that row, as far as it goes."""
    start = re.escape(mark + told[: told.index("[")])
    text = file.read_text("utf-8")
    present = re.compile(rf"^{start}([^|]+\|){{3}}", re.MULTILINE)
    mended, found = present.subn(lambda _: mark + told, text)
    assert found == 1, f"{file.name} has {found} rows for {told}"
    if request.config.getoption("--regenerate"):
        file.write_text(mended, "utf-8")
        text = mended
    assert text == mended, f"{file.name} should say {told}"


@each_lesson
def test_the_readme_says_what_the_lesson_says(lesson, request):
    check_row(request, README, "", row(lesson, "notebooks/", str(sum(minutes(lesson)))))


@on_the_road
def test_the_contents_say_what_the_lesson_says(lesson, request):
    time = "&nbsp;+&nbsp;".join(map(str, minutes(lesson)))  # in one line of the narrow column
    check_row(request, LESSONS[CONTENTS][0], "# ", row(lesson, "", time))


@on_the_road
def test_a_lesson_has_its_number_and_its_name(lesson):
    assert TEXT[lesson].startswith(f"# {list(LESSONS).index(lesson)}. {NAMES[lesson]}")


# -- links


@each_lesson
def test_a_lesson_leads_to_its_neighbours(lesson):
    known = list(LESSONS)
    at = known.index(lesson)
    way = [link(one) for one in ROAD if abs(known.index(one) - at) == 1]
    up = [] if lesson == CONTENTS else [f"[Contents]({CONTENTS}.ipynb)"]
    assert f"\n\n{' · '.join(up + way)}\n\n## " in PROSE[lesson][0]
    ends = {one: f"Next: {link(after)}" for one, after in pairwise(known)}
    last = f"Back to the [contents]({CONTENTS}.ipynb)"
    place = "\n\n## References\n" if up else "\n"
    assert f"{TEXT[lesson]}\n".count(f"\n\n{ends.get(lesson, last)}{place}") == 1


@each_lesson
def test_links_point_to_files(lesson):
    named = re.findall(r"\]\((?!https?:)([^)#\s]+)", TEXT[lesson])
    named += re.findall(r"^\[\w+\]: (\S+)", TEXT[lesson], re.MULTILINE)
    folder = LESSONS[lesson][1].parent
    assert named and [path for path in named if not (folder / path).exists()] == []


# -- terms


def terms() -> list[tuple[str, int]]:
    """Every term of the contents, with the number of the lesson that explains it."""
    index = TEXT[CONTENTS].partition("## Where a term is explained\n")[2].partition("\n[1]:")[0]
    return [(" ".join(t.split()), int(n)) for t, n in re.findall(r"([^·\[]+)\[(\d+)\]", index)]


@on_the_road
def test_a_lesson_explains_the_terms_that_the_contents_promise(lesson):
    number = list(LESSONS).index(lesson)
    bold = re.findall(r"\*\*([^*]+)\*\*", TEXT[lesson])
    bold = [" ".join(words.split()).casefold() for words in bold]
    promised = [term for term, where in terms() if where == number]
    missing = [t for t in promised if not any(b.startswith(t.casefold()) for b in bold)]
    assert promised and missing == [], "not in bold in the lesson that the contents name"
    assert f"[{number}]: {lesson}.ipynb" in TEXT[CONTENTS]


@pytest.mark.parametrize("lesson", [CONTENTS])
def test_the_terms_are_in_the_order_of_the_alphabet(lesson):  # noqa: ARG001  tells whose test it is
    found = [term.casefold() for term, _ in terms()]
    assert len(found) > 40 and found == sorted(set(found))


# -- the picture of the road


@pytest.fixture(scope="module")
def road():
    """The module of the contents, and name -> trace of every network in its picture."""
    made = lessons.module(CONTENTS)
    with torch.device("meta"):
        found = {n: trace(build(**more), s) for _, n, _, build, s, more in made.NETWORKS}
    return made, found


@pytest.mark.parametrize("lesson", [CONTENTS])
def test_a_network_has_as_many_layers_as_its_name_says(lesson, road):  # noqa: ARG001
    made, found = road
    layers = {name: made.layers_in_a_row(t) for name, t in found.items()}
    named = {
        name: int(name.rpartition("-")[2]) for name in layers if name[-1].isdigit() and "-" in name
    }
    assert len(named) == 6 and {name: layers[name] for name in named} == named
    assert layers["AlexNet"] == 8 and layers["GoogLeNet"] == 22  # as their papers count


@pytest.mark.parametrize("lesson", [CONTENTS])
def test_what_the_contents_say_of_the_picture(lesson, road):  # noqa: ARG001
    _, found = road
    assert max(found, key=lambda name: found[name].params) == "VGG-11"
    assert max(found, key=lambda name: found[name].macs) == "ResNet-152"
    assert found["ResNet-152"].params < found["VGG-11"].params / 2
    assert round(found["AlexNet"].params / found["NiN"].params) == 7
    assert 0.9 < found["NiN"].macs / found["AlexNet"].macs < 1
    for other in ("ResNeXt-50", "ConvNeXt-T"):
        for part in ("params", "macs"):
            share = getattr(found[other], part) / getattr(found["ResNet-50"], part)
            assert 0.85 < share < 1.15, (other, part)
