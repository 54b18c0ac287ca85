"""Measure `trace` against really running the network, and against torchinfo.

The book prints shapes by running a real batch through the layers. Every way gets a process of
its own, in turn, so that nothing is warm for one of them only. Time is the median of the runs;
memory is what the run adds to the peak of the process.
"""

import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

NETWORKS = {  # name -> (how to build it, input shape)
    "LeNet": ("nets.lenet()", (1, 1, 28, 28)),
    "AlexNet": ("nets.alexnet()", (1, 1, 224, 224)),
    "VGG-11, batch of 128": ("models.vgg11()", (128, 3, 224, 224)),
}
ONLY_TRACE = {
    "GoogLeNet": ("models.googlenet(init_weights=False)", (1, 3, 224, 224)),
    "ResNet-18": ("models.resnet18()", (1, 3, 224, 224)),
    "ResNet-152": ("models.resnet152()", (1, 3, 224, 224)),
}
RUNS = {"trace": 21, "real run": 3, "torchinfo": 3}


def main() -> None:
    """Print a row per network and way."""
    print(f"{'network':22}{'way':12}{'first ms':>10}{'median ms':>11}{'MB':>9}   against trace")
    for name, (build, shape) in (NETWORKS | ONLY_TRACE).items():
        ways = RUNS if name in NETWORKS else ["trace"]
        results = {way: measured_apart(way, build, shape) for way in ways}
        base = results["trace"]
        for way, (first, median, memory) in results.items():
            ratio = (
                ""
                if way == "trace"
                else (f"{median / base[1]:,.0f} times the time, {memory - base[2]:+,.0f} MB")
            )
            print(f"{name:22}{way:12}{first:10.1f}{median:11.1f}{memory:9.1f}   {ratio}")


def measured_apart(way: str, build: str, shape: tuple[int, ...]) -> tuple[float, float, float]:
    """First run and median run in ms, and added peak in MB, measured in a fresh process."""
    command = [sys.executable, __file__, way, build, json.dumps(shape)]
    reply = subprocess.run(command, capture_output=True, text=True, check=True)
    return tuple(json.loads(reply.stdout))


def measured_here(way: str, build: str, shape: tuple[int, ...]) -> None:
    """Print first run in ms, median run in ms and added peak in MB, as JSON."""
    run = prepared(way, build, shape)
    runs = 1 if shape[0] > 1 and way != "trace" else RUNS[way]
    before = peak_after_reset()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        run()
        times.append(1000 * (time.perf_counter() - start))
    print(json.dumps([times[0], statistics.median(times), peak() - before]))


def prepared(way: str, build: str, shape: tuple[int, ...]) -> Callable[[], object]:
    """The function to time, with the network built and the imports done."""
    import torch
    from torchvision import models

    from course_utils import nets
    from layerwise import trace

    net = eval(build, {"nets": nets, "models": models}).eval()  # noqa: S307  our own text
    if way == "trace":
        return lambda: trace(net, shape)
    if way == "torchinfo":
        from torchinfo import summary

        return lambda: summary(net, input_size=shape, verbose=0)

    def run() -> list:
        """The book's layer_summary: a real batch through every top-level layer."""
        X, shapes = torch.randn(shape), []
        with torch.no_grad():
            for layer in net.children():
                if isinstance(layer, torch.nn.Linear) or layer is getattr(net, "classifier", None):
                    X = X.flatten(1)
                X = layer(X)
                shapes.append(X.shape)
        return shapes

    return run


def peak() -> float:
    """Peak memory of this process, in MB."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # bytes on macOS


def peak_after_reset() -> float:
    """The peak, set back to what is in use now where the system allows it."""
    control = Path("/proc/self/clear_refs")
    if control.exists():
        control.write_text("5")
    return peak()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measured_here(sys.argv[1], sys.argv[2], tuple(json.loads(sys.argv[3])))
    else:
        main()
