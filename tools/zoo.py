"""Trace networks that nobody here wrote: of every module of timm, of every family of torchvision.

Each is built without weights, traced on its own input size, tabled, explained and drawn. Its
parameters and multiply-accumulates are held against PyTorch's own count of an independent run.
Every network has a process and a time limit of its own. The exit code is 1 if one crashes, or
disagrees without a word in `Trace.note`; a refusal (TraceError) is no crash.

    python tools/zoo.py                     the smallest network of every module and family
    python tools/zoo.py "timm/*vit*"        only these
    python tools/zoo.py torchvision/vgg19   any other network of the two libraries
    python tools/zoo.py --list              write zoo.json again, after an update of timm
"""

import argparse
import contextlib
import fnmatch
import io
import json
import multiprocessing
import re
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

ALSO = ["levit_conv_128s"]  # of timm: what only a larger network of a family does
LIST = Path(__file__).with_suffix(".json")  # module of timm -> the smallest of each family of names
TORCHVISION = {
    "models": """alexnet convnext_tiny densenet121 efficientnet_b0 efficientnet_v2_s googlenet
        inception_v3 maxvit_t mnasnet0_5 mobilenet_v2 mobilenet_v3_small regnet_x_400mf
        regnet_y_400mf resnet18 resnext50_32x4d shufflenet_v2_x0_5 squeezenet1_1 swin_t swin_v2_t
        vgg11 vgg11_bn vit_b_32 wide_resnet50_2""",
    "detection": """fasterrcnn_mobilenet_v3_large_320_fpn fcos_resnet50_fpn
        keypointrcnn_resnet50_fpn maskrcnn_resnet50_fpn retinanet_resnet50_fpn ssd300_vgg16
        ssdlite320_mobilenet_v3_large""",
    "segmentation": "deeplabv3_mobilenet_v3_large fcn_resnet50 lraspp_mobilenet_v3_large",
    "video": "mc3_18 mvit_v1_b mvit_v2_s r2plus1d_18 r3d_18 s3d swin3d_t",
    "optical_flow": "raft_large raft_small",
    "quantization": """quantized_googlenet quantized_mobilenet_v2 quantized_resnet18
        quantized_shufflenet_v2_x0_5""",
}
INPUTS = {  # where the weights name no crop
    "detection": [(1, 3, 480, 640)],
    "segmentation": [(1, 3, 520, 520)],
    "optical_flow": [(1, 3, 360, 640)] * 2,
}
PRELOADED = "torch timm torchvision sympy torch._decomp torch.utils.flop_counter layerwise".split()
GOOD, BAD = ("agrees", "noted", "refused", "no reference"), ("disagrees", "fails")


def main() -> int:
    """Run what the command line asks for; print a line for each network and a summary."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="patterns, such as timm/resnet18 or '*vit*'")
    parser.add_argument("--jobs", type=int, default=1, help="networks at a time")
    parser.add_argument("--limit", type=float, default=120, help="seconds for a network")
    parser.add_argument("--list", action="store_true", help="write the list of networks again")
    wishes = parser.parse_args()
    if wishes.list:
        write_list()
        return 0
    names = list(dict.fromkeys(chosen(wishes.names or ["*"])))
    multiprocessing.set_start_method("forkserver")
    multiprocessing.get_context().set_forkserver_preload(PRELOADED)
    start, results = time.perf_counter(), []
    with ThreadPoolExecutor(wishes.jobs) as pool:
        tasks = [pool.submit(apart, name, wishes.limit) for name in names]
        for count, task in enumerate(as_completed(tasks), start=1):
            results.append(task.result())
            print(f"[{count:3}/{len(names)}] {line(results[-1])}", flush=True)
    print("", *summary(results, time.perf_counter() - start), sep="\n")
    return int(any(result["verdict"] in BAD for result in results))


def chosen(patterns: list[str]) -> Iterator[str]:
    """The networks to run, as library/name."""
    listed = json.loads(LIST.read_text()).values()
    known = [f"timm/{name}" for row in (*listed, ALSO) for name in row]
    known += [f"torchvision/{name}" for row in TORCHVISION.values() for name in row.split()]
    for pattern in patterns:
        hits = fnmatch.filter(known, pattern)
        if not hits and not re.fullmatch(r"(timm|torchvision)/\w+", pattern):
            raise SystemExit(f"no network is called {pattern!r}: write timm/… or torchvision/…")
        yield from hits or [pattern]


def write_list() -> None:
    """The smallest network of every family of names of every module of timm; takes minutes."""
    import timm
    import torch

    rows = []
    for module in timm.list_modules():
        smallest = {}
        for name in timm.list_models(module=module):
            with torch.device("meta"):
                size = sum(p.numel() for p in timm.create_model(name).parameters())
            family = re.match("[a-z]+", name)[0]
            smallest[family] = min(smallest.get(family, (size, name)), (size, name))
        names = [name for _, name in sorted(smallest.values())]
        rows.append(f"  {json.dumps(module)}: {json.dumps(names)}")
        print(rows[-1], flush=True)
    LIST.write_text("{\n" + ",\n".join(rows) + "\n}\n")


def apart(name: str, limit: float) -> dict:
    """Examine a network in a process of its own, which ends after `limit` seconds."""
    ours, theirs = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.Process(target=report, args=(name, theirs))
    process.start()
    theirs.close()
    lost = {"name": name, "verdict": "fails"}
    try:
        result = ours.recv() if ours.poll(limit) else lost | {"problem": f"over {limit:.0f} s"}
    except EOFError:
        process.join()
        result = lost | {"problem": f"the process died with exit code {process.exitcode}"}
    process.kill()
    process.join()
    return result


def report(name: str, connection: Connection) -> None:
    """Send what `examine` finds, also where it fails."""
    import torch

    torch.set_num_threads(1)
    result, silence = {"name": name, "verdict": "fails", "problem": ""}, io.StringIO()
    hushed = contextlib.redirect_stdout(silence), contextlib.redirect_stderr(silence)
    with hushed[0], hushed[1], stage("build", result):
        examine(name, result)
    connection.send(result)


@contextlib.contextmanager
def stage(name: str, result: dict) -> Iterator[None]:
    """Write an error into `result`, with the place that raised it, and go on."""
    try:
        yield
    except Exception as error:  # noqa: BLE001  whatever it is, the line names it
        place = traceback.extract_tb(error.__traceback__)[-1]
        told = " ".join(str(error).split())[:300] + f" ({Path(place.filename).name}:{place.lineno})"
        result["problem"] += f"{name}: {type(error).__name__}: {told} "
        if name == "trace" and type(error).__name__ == "TraceError":
            result["verdict"] = "refused"


def examine(name: str, result: dict) -> None:
    """Trace and show a network, and write into `result` how it compares with PyTorch."""
    from layerwise import trace

    net = built(name)
    result["module"], shapes = family(name), natural_inputs(name, net)
    start = time.perf_counter()
    with stage("trace", result):
        t = trace(net, *shapes)
        result |= {"ms": 1000 * (time.perf_counter() - start), "steps": len(t.steps)}
    if "steps" not in result:
        return
    show(t, net, shapes, result)
    params = sum(p.numel() for p in net.parameters())
    result |= {"note": t.note, "params": t.params == params, "shown": not result["problem"]}
    with stage("reference", result):
        macs = counted(name, shapes)
        result["macs"] = t.macs == macs
        if not result["macs"] or not result["params"]:
            result["problem"] += f"{t.params:,} parameters and {t.macs:,} MACs, "
            result["problem"] += f"but PyTorch has {params:,} and {macs:,} "
    result["verdict"] = judged(result)


def show(t: Any, net: Any, shapes: list[tuple[int, ...]], result: dict) -> None:
    """Make every view of a trace, and see that it is there."""
    from layerwise import draw, explain, table

    with stage("table", result):
        assert str(table(t))
        assert table(t)._repr_html_()
    with stage("draw", result):
        assert "</svg>" in draw(t).svg
    with stage("explain", result):
        explain(net, *shapes)


def judged(result: dict) -> str:
    """The result of a network that was traced, in a word."""
    if not result["shown"]:
        return "fails"
    if not result["params"] or not result.get("macs", True):
        return "noted" if result["note"] else "disagrees"
    return "agrees" if "macs" in result else "no reference"


def family(name: str) -> str:
    """Module of timm, or room of torchvision, that a network belongs to."""
    import timm
    import torchvision

    library, model = name.split("/")
    if library == "timm":
        return timm.model_entrypoint(model).__module__.rsplit(".", 1)[-1]
    room = torchvision.models.get_model_builder(model).__module__.split(".")[2]
    return room if room in TORCHVISION else "models"


def built(name: str) -> Any:
    """The network, the same each time, ready to predict."""
    import timm
    import torch
    import torchvision

    torch.manual_seed(0)
    library, model = name.split("/")
    if library == "timm":
        return timm.create_model(model, pretrained=False).eval()
    no_file = {"weights_backbone": None} if family(name) in ("detection", "segmentation") else {}
    return torchvision.models.get_model(model, weights=None, **no_file).eval()


def natural_inputs(name: str, net: Any) -> list[tuple[int, ...]]:
    """Shapes of the inputs that the network was made for, as a batch of one."""
    import torchvision

    if name.startswith("timm/"):
        return [(1, *net.default_cfg["input_size"])]
    room = family(name)
    if room in INPUTS:
        return INPUTS[room]
    weights = torchvision.models.get_model_weights(name.split("/")[1])
    sides = list(weights.DEFAULT.transforms().crop_size)
    return [(1, 3, *([16] if room == "video" else []), *(sides * 2)[:2])]


def counted(name: str, shapes: list[tuple[int, ...]], device: str = "meta") -> int:
    """MACs as PyTorch counts them: on the meta device, or for real where numbers are needed."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    source = torch.Generator().manual_seed(0)  # as where a trace has to run for real
    inputs = [torch.rand(shape, generator=source).to(device) for shape in shapes]
    counter = FlopCounterMode(display=False)
    try:
        with torch.device(device):
            net = built(name).requires_grad_(False)  # else it fails on parameters as inputs
            with torch.no_grad(), counter:
                net(*inputs)
    except Exception:
        if device == "cpu":
            raise
        return counted(name, shapes, "cpu")
    return counter.get_total_flops() // 2


def line(result: dict) -> str:
    """A network in a line."""
    marks = {True: "=", False: "≠", None: "?"}
    agree = " ".join(f"{key} {marks[result.get(key)]}" for key in ("params", "macs"))
    ms, steps = result.get("ms"), result.get("steps")
    figures = f"{ms:6.0f} ms{steps:6} steps" if steps else " " * 21
    tail = " ".join(filter(None, (result.get("problem"), result.get("note"))))
    module = result.get("module", "")
    row = f"{result['name']:42} {module:22} {figures}  {agree}  {result['verdict']}  {tail}"
    return row.rstrip()


def summary(results: list[dict], seconds: float) -> Iterator[str]:
    """How many trace, agree and are refused, and what does not, by name."""
    verdicts = Counter(result["verdict"] for result in results)
    told = ", ".join(f"{verdicts[word]} {word}" for word in GOOD + BAD if verdicts[word])
    yield f"{len(results)} networks in {seconds / 60:.1f} minutes: {told}"
    yield f"traced: {sum('steps' in result for result in results)}"
    for key, word in (("params", "parameters"), ("macs", "MACs")):
        known = [result[key] for result in results if key in result]
        yield f"equal in {word}: {sum(known)} of {len(known)}"
    for word in (*GOOD[1:], *BAD):
        for result in results:
            if result["verdict"] == word:
                yield f"  {word}: {result['name']}: {result.get('problem', '')}"


if __name__ == "__main__":
    sys.exit(main())
