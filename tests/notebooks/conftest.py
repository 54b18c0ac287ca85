"""`make test LESSON=03` selects a lesson's tests by its name."""

from pathlib import Path

import build_notebooks

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items):
    for item in items:
        if HERE in item.path.parents:
            told = any(lesson in item.name for lesson in build_notebooks.lessons())
            assert told, f"{item.name}: give it its lesson as a parameter"
