"""How fast the lab answers: in the kernel alone, and from a key press to the changed page.

Kernel: build, trace and render at one turn of a slider. Browser: a real JupyterLab in a headless
Chromium; from the press of an arrow key until the last part of the page has changed and the next
frame is due. Also the memory of the kernel with these labs open and used.
"""

import math
import statistics
import tempfile
import time
from pathlib import Path

import browser
import nbformat

PRESSES = 30
# name -> how its lab is made; `width` is the slider that is turned. "broken": every turn breaks it
LABS = {
    "LeNet": """
def lenet(width=6, stride=1):
    return nets.lenet(channels=(width, 16), strides=(stride, 1))
lab(lenet, (1, 1, 28, 28), width=(1, 64), stride=(1, 3))""",
    "AlexNet": """
def alexnet(width=96, stride=4):
    return nets.alexnet(channels=(width, 256, 384, 384, 256), strides=(stride, 1, 1, 1, 1))
lab(alexnet, (1, 1, 224, 224), width=(32, 128), stride=(1, 8))""",
    "VGG-11": """
def vgg(width=64, hidden=4096):
    arch = ((1, width), (1, 128), (2, 256), (2, 512), (2, 512))
    return nets.vgg(conv_arch=arch, hidden=(hidden, 4096))
lab(vgg, (1, 1, 224, 224), width=(32, 128), hidden=(1024, 8192, 1024))""",
    "NiN": """
def nin(width=96, stride=4):
    return nets.nin(channels=(width, 256, 384), strides=(stride, 1, 1))
lab(nin, (1, 1, 224, 224), width=(32, 128), stride=(1, 6))""",
    "GoogLeNet": """
def googlenet(width=64, num_classes=10):
    return nets.googlenet(stem=(width, width, 192), num_classes=num_classes)
lab(googlenet, (1, 1, 96, 96), width=(32, 128), num_classes=(2, 1000))""",
    "batch norm": """
def lenet(width=6, hidden=120):
    return nets.batch_norm_lenet(channels=(width, 16), hidden=(hidden, 84)).eval()
lab(lenet, (1, 1, 28, 28), width=(1, 64), hidden=(8, 256, 8))""",
    "ResNet-18": """
def resnet18(width=64, num_classes=10):
    return nets.resnet18(channels=(width, 128, 256, 512), num_classes=num_classes).eval()
lab(resnet18, (1, 1, 224, 224), width=(32, 128), num_classes=(2, 1000))""",
    "ResNet-50": """
def resnet50(width=64, num_classes=10):
    return nets.resnet50(channels=(width, 128, 256, 512), num_classes=num_classes).eval()
lab(resnet50, (1, 1, 224, 224), width=(32, 128), num_classes=(2, 1000))""",
    "ResNet-50, image": """
def resnet50(width=64, num_classes=10):
    return nets.resnet50(channels=(width, 128, 256, 512), num_classes=num_classes).eval()
lab(resnet50, (1, 1, 224, 224), width=(32, 128), num_classes=(2, 1000), image=image)""",
    "AlexNet, broken": """
def alexnet(width=6400):
    return nets.alexnet(in_features=width)
lab(alexnet, (1, 1, 224, 224), width=(6380, 6430))""",
    "VGG-11, broken": """
def vgg(width=7):
    return nets.vgg(in_features=512 * width * width)
lab(vgg, (1, 1, 224, 224), width=(1, 50))""",
    "ResNet-50, broken": """
def resnet50(width=2048):
    net = nets.resnet50().eval()
    net[-1] = torch.nn.Linear(width, 10)
    return net
lab(resnet50, (1, 1, 224, 224), width=(2028, 2078))""",
}
SETUP = """
import torch
from course_utils import nets
from layerwise import lab
image = torch.rand(1, 224, 224)
"""
MEMORY = "import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)"

# When a key was pressed, and when the page had changed. The message above the table changes again
# once the hand rests and repairs are found: that is no part of the turn.
WATCH = """() => {
  window.pressed = window.changed = 0;
  const heads = new Set();
  addEventListener("keydown", () => { window.pressed = performance.now(); heads.clear(); }, true);
  for (const part of document.querySelectorAll(".lab-panel")) {
    const seen = () => {
      if (part.closest(".lab-head") && heads.has(part)) return;
      heads.add(part);
      requestAnimationFrame(() => { window.changed = performance.now(); });
    };
    new MutationObserver(seen).observe(part, { childList: true, subtree: true });
  }
}"""


def in_kernel(name: str) -> list[float]:
    """Milliseconds of each of PRESSES turns, after a few to warm up."""
    space: dict = {}
    *definition, call = LABS[name].strip().split("\n")
    exec("\n".join([SETUP, *definition, f"made = {call}"]), space)  # noqa: S102  the text above
    assert space["made"].problem is None
    width = space["made"].controls["width"]
    times = []
    for turn in range(PRESSES + 5):
        began = time.perf_counter()
        width.value += 1 if turn < PRESSES // 2 else -1
        times.append(1000 * (time.perf_counter() - began))
    return times[5:]


def in_browser(page: object, output: object) -> list[float]:
    """Milliseconds from each of PRESSES arrow keys on the first slider to the changed page."""
    handle = output.locator(".noUi-handle").first
    handle.focus()
    page.wait_for_timeout(3000)  # until the lab before has found its repairs and is stored
    times = []
    for turn in range(PRESSES + 5):
        page.evaluate("window.changed = 0")
        page.keyboard.press("ArrowRight" if turn < PRESSES // 2 else "ArrowLeft")
        page.wait_for_function("window.changed > window.pressed")
        page.wait_for_timeout(200)  # until its last part has changed
        times.append(page.evaluate("window.changed - window.pressed"))
    return times[5:]


def told(times: list[float]) -> str:
    """Median, 95th percentile (what 29 of 30 do not exceed), and the longest."""
    p95 = sorted(times)[math.ceil(0.95 * len(times)) - 1]
    return f"p50 {statistics.median(times):5.1f} ms, p95 {p95:5.1f} ms, max {max(times):5.1f} ms"


def main() -> None:
    """Print one line for each network and place."""
    for name in LABS:
        print(f"kernel   {name:18} {told(in_kernel(name))}", flush=True)
    if not browser.chromium():
        print("browser  skipped: there is no Chromium on this machine")
        return
    cells = [SETUP, *LABS.values(), MEMORY]
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell.strip()) for cell in cells],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)"}},
    )
    with tempfile.TemporaryDirectory() as scratch, browser.browser_page() as page:
        nbformat.write(notebook, Path(scratch) / "labs.ipynb")
        with browser.jupyterlab(Path(scratch)) as address:
            opened = browser.Notebook(page, address, "labs.ipynb")
            opened.run_all()
            page.wait_for_timeout(2000)
            page.evaluate(WATCH)
            outputs = page.locator(".jp-OutputArea-output:has(.noUi-handle)")
            for number, name in enumerate(LABS):
                times = in_browser(page, outputs.nth(number))
                print(f"browser  {name:18} {told(times)}", flush=True)
            page.locator(".jp-CodeCell").last.click()
            page.evaluate("void jupyterapp.commands.execute('notebook:run-cell')")
            page.wait_for_timeout(1500)
            text = page.locator(".jp-CodeCell").last.locator(".jp-OutputArea-output").inner_text()
            print(f"memory   the kernel with these labs open and used: {text.strip()} MB at most")


if __name__ == "__main__":
    main()
