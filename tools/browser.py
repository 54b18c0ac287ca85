"""A real JupyterLab in a headless Chromium, for tests and measurements of what a student sees."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SHOTS = ROOT / "build" / "screenshots"
START = 120  # seconds that JupyterLab and a kernel may take to start on a busy machine
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/docmanager-extension:plugin": {"autosave": False},
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},
}
LIGHT, DARK = "JupyterLab Light", "JupyterLab Dark"


def chromium() -> str | None:
    """The command of a Chromium on this machine."""
    return next(filter(None, map(shutil.which, CHROMIUM)), None)


@contextmanager
def jupyterlab(folder: Path, theme: str = LIGHT) -> Iterator[str]:
    """Serve `folder` (a scratch copy: cells may write there); yields the address."""
    hidden = folder / ".jupyterlab"
    hidden.mkdir()
    settings = SETTINGS | {"@jupyterlab/apputils-extension:themes": {"theme": theme}}
    (hidden / "overrides.json").write_text(json.dumps(settings))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = {
        "ServerApp.port": port,
        "ServerApp.root_dir": folder,
        "IdentityProvider.token": "",
        "ServerApp.disable_check_xsrf": True,
        "LabApp.app_settings_dir": hidden,
        "LabApp.user_settings_dir": hidden / "user",
        "LabApp.workspaces_dir": hidden / "workspaces",
        "LabApp.expose_app_in_browser": True,
    }
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
    command += [f"--{name}={value}" for name, value in options.items()]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with (hidden / "log").open("w") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, env=environment, cwd=folder)
    address = f"http://127.0.0.1:{port}"
    try:
        _await_server(address, server, hidden / "log")
        yield address
    finally:
        server.terminate()
        with suppress(subprocess.TimeoutExpired):
            server.wait(10)
        server.kill()


def _await_server(address: str, server: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + START
    while time.monotonic() < deadline and server.poll() is None:
        with suppress(OSError):
            urllib.request.urlopen(f"{address}/api", timeout=5).close()  # noqa: S310  our own server
            return
        time.sleep(0.2)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()[-2000:]}")


@contextmanager
def browser_page(width: int = 1400, height: int = 1000) -> Iterator[object]:
    """A playwright page of the machine's own Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": width, "height": height})
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        page = context.new_page()
        page.set_default_timeout(30_000)
        yield page
        browser.close()


class Notebook:
    """A notebook that is open in the page.

    Where JupyterLab stands there already, it stays, and the notebook takes the place of the one
    before, with its kernel if that still runs.
    """

    def __init__(self, page: object, address: str, name: str) -> None:
        self.page = page
        if page.url.startswith(f"{address}/lab"):
            page.evaluate(_OPEN_INSTEAD, name)
        else:
            workspace = Path(name).stem  # its own, so that JupyterLab restores no other notebook
            page.goto(f"{address}/lab/workspaces/{workspace}/tree/{name}")
        self.await_kernel()
        with suppress(Exception):  # the bar of files, where it is open
            if page.locator("#jp-left-stack").is_visible():
                page.evaluate("jupyterapp.commands.execute('application:toggle-left-area')")

    def await_kernel(self) -> None:
        """Wait until the cells are there, and a kernel that can run them."""
        self.page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=START * 1000)
        self.page.wait_for_function(_KERNEL_READY, timeout=START * 1000)

    def run_all(self, seconds: float = 300) -> None:
        """Run every cell and wait for the last."""
        self.page.evaluate(_RUN_ALL)
        self.page.wait_for_function(_ALL_RAN, timeout=seconds * 1000)

    def execute(self, code: str) -> None:
        """Run code in the kernel, behind all that the page has asked of it."""
        self.page.evaluate(_EXECUTE, code)

    def errors(self) -> list[str]:
        """The text of every error output and of everything on stderr."""
        kinds = "application/vnd.jupyter.error", "application/vnd.jupyter.stderr"
        outputs = ", ".join(f'.jp-Notebook [data-mime-type="{kind}"]' for kind in kinds)
        return self.page.locator(outputs).all_inner_texts()

    def shot(self, name: str, target: object = None) -> Path:
        """A screenshot of the page, or of one element, in SHOTS."""
        SHOTS.mkdir(parents=True, exist_ok=True)
        path = SHOTS / f"{name}.png"
        (target or self.page).screenshot(path=path)
        return path


_OPEN_INSTEAD = """async (path) => {
  const { commands, shell } = jupyterapp;
  const before = [...shell.widgets("main")];
  const kernels = before.map((widget) => widget.sessionContext?.session?.kernel);
  const kernel = kernels.find((one) => one && !["dead", "unknown"].includes(one.status));
  if (kernel) {
    const code = "from ipywidgets import Widget; Widget.close_all()";
    await kernel.requestExecute({ code, store_history: false }).done;
  }
  const same = kernel && { id: kernel.id };
  for (const widget of before) {
    if (widget.context) widget.context.model.dirty = false; // else it asks whether to save
    widget.close();
  }
  // Only one connection to a kernel hears its widgets: the one before must be gone.
  while (kernel && !kernel.isDisposed) await new Promise((done) => setTimeout(done, 10));
  const { context } = await commands.execute("docmanager:open", { path, kernel: same });
  await context.sessionContext.ready;
  const preference = { ...context.sessionContext.kernelPreference, id: undefined };
  context.sessionContext.kernelPreference = preference; // of its kind, when this one has ended
}"""
_KERNEL_READY = """() => {
  const context = window.jupyterapp?.shell.currentWidget?.sessionContext;
  return context?.isReady && context.session?.kernel?.status === "idle";
}"""
_EXECUTE = """(code) => {
  const { session } = jupyterapp.shell.currentWidget.sessionContext;
  return session.kernel.requestExecute({ code }).done.then(() => {});
}"""
_RUN_ALL = """() => {
  window.ranAll = false;
  const run = jupyterapp.commands.execute("notebook:run-all-cells");
  run.finally(() => { window.ranAll = true; });
}"""
_ALL_RAN = """() => {
  if (!window.ranAll) return false;
  const notebook = document.querySelector(".jp-Notebook");
  const prompts = [...notebook.querySelectorAll(".jp-CodeCell .jp-InputPrompt")];
  const kernel = jupyterapp.shell.currentWidget?.sessionContext.session?.kernel;
  return kernel?.status === "idle" && prompts.every((prompt) => !/[*]/.test(prompt.textContent));
}"""
