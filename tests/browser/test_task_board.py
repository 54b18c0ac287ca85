"""The tasks of a lab in a real JupyterLab, worked with the keyboard."""

from playwright.sync_api import expect

CELL = """
from torch import nn
from layerwise import Task, lab
def net(padding=1, features=36):
    return nn.Sequential(nn.Conv2d(1, 1, 3, padding=padding), nn.Flatten(), nn.Linear(features, 2))
lab(net, (1, 1, 6, 6), padding=(0, 2), features=[36, 64], tasks=[
    Task("How many numbers arrive with padding 2?", {"padding": 2}, "8 rows of 8.",
         predict=lambda lab: lab.problem.got, hides_repairs=True),
    Task("Mend it.", lambda lab: lab.trace and lab.choices["padding"] == 2, "64 features."),
])
"""


def test_predict_reach_explain_and_ask_for_help(desk):
    notebook = desk.run("tasks", CELL)
    page, focus = notebook.page, notebook.page.locator(":focus")
    task, button = page.locator(".lab-task"), page.locator(".lab-panel button")
    explanation, ask = button.get_by_text("Explanation"), button.get_by_text("Show what would help")

    task.locator("input").focus()
    page.keyboard.type("60")
    page.keyboard.press("Enter")
    expect(task).to_contain_text("Noted.")
    expect(focus).to_have_attribute("data-send", "predict")
    expect(explanation).to_have_count(0)

    page.get_by_role("slider", name="padding").focus()
    page.keyboard.press("ArrowRight")
    expect(task).to_contain_text("Reached. You predicted 60; it is 64.")
    expect(page.locator(".lab-said")).to_contain_text("Task 1 reached.")
    expect(focus).to_have_role("slider")
    expect(task).not_to_contain_text("8 rows of 8.")

    expect(ask).to_be_visible()
    expect(button.get_by_text("features = 64")).to_have_count(0)
    ask.press("Enter")
    expect(button.get_by_text("features = 64")).to_be_visible()

    explanation.press("Enter")
    expect(task).to_contain_text("8 rows of 8.")
    expect(focus).to_have_attribute("aria-expanded", "true")
    notebook.shot("task-explained")

    button.get_by_text("Next").press("Enter")
    expect(task).to_contain_text("Mend it.")
    expect(focus).to_have_text("Next")
    expect(focus).to_have_attribute("aria-disabled", "true")
    assert all(box.bounding_box()["height"] >= 24 for box in task.locator("button").all())
    assert notebook.errors() == []
