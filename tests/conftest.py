"""Golden files, and what the tests counted: the output of tests that run side by side is lost."""

import gc
import sys
from pathlib import Path

import hypothesis
import pytest

# The same cases in every run: a test that fails now and then says nothing about a change.
hypothesis.settings.register_profile("course", derandomize=True, deadline=None)
hypothesis.settings.load_profile("course")

# Among the objects of some 6,000 tests, looking for garbage takes a tenth of their time.
gc.set_threshold(20_000, 20, 50)


def pytest_collection_finish():
    gc.freeze()


@pytest.hookimpl(trylast=True)  # the fixtures of the test have put back what is theirs
def pytest_runtest_teardown():
    """Nothing that one test leaves in the process reaches the next.

    With a shell, which the book's figures make, a lab takes itself to be in a notebook.
    """
    if shells := sys.modules.get("IPython.core.interactiveshell"):
        shells.InteractiveShell.clear_instance()
    if torch := sys.modules.get("torch"):
        as_they_were = not torch._C._len_torch_function_stack(), torch.is_grad_enabled()
        while torch._C._len_torch_function_stack():
            torch._C._pop_torch_function_stack()
        torch.set_grad_enabled(True)
        assert all(as_they_were), "a mode of PyTorch was left on: no_grad, or a default device"


def pytest_addoption(parser):
    parser.addoption("--regenerate", action="store_true", help="write golden files anew; read them")


@pytest.fixture
def golden(request):
    """Compare a text with the file in `golden` beside the test, which a person has read."""

    def check(name, text):
        file = Path(request.path).parent / "golden" / name
        if request.config.getoption("--regenerate"):
            file.parent.mkdir(exist_ok=True)
            file.write_text(text, encoding="utf-8")
        assert text == file.read_text(encoding="utf-8")

    return check


def pytest_terminal_summary(terminalreporter):
    """Tell how many states of the labs, and how many random operations, agreed with PyTorch."""
    counted = [
        (report.nodeid.partition("[")[2].rstrip("]"), name, value)
        for report in terminalreporter.getreports("passed")
        for name, value in report.user_properties
    ]
    states = [f"{lesson}: {value}" for lesson, name, value in counted if name == "states"]
    cases = [value for _, name, value in counted if name == "cases"]
    if states:
        terminalreporter.section("states of the labs")
        terminalreporter.write_line("\n".join(states))
    if cases:
        terminalreporter.section("operations against the CPU")
        terminalreporter.write_line(
            f"{len(cases)} operations, {sum(cases):,} random cases, all agree"
        )
