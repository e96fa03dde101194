"""Take the pictures of the docs anew: every page of a served run, in the system's Chromium.

    python docs/screenshots.py RUN        # SIMULATED patients only: the pictures are published

Needs the extra ``browser``. The run is served on loopback, with a database that goes with the pictures' taking.
"""

from __future__ import annotations

import argparse
import io
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from xhaim.serve.app import create_app
from xhaim.serve.watched import open_run

IMAGES = Path(__file__).with_name("images")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
QUESTION = "Is she on antibiotics? Any kidney injury? What is the potassium?"


@contextmanager
def served(root: Path) -> Iterator[str]:
    """Serve a run on a free port of loopback; yield its address."""
    with tempfile.TemporaryDirectory() as scratch, socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(
            uvicorn.Config(create_app(root, None, f"sqlite:///{scratch}/d.sqlite"), log_level="error")
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.05)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join(10)


def take(browser: Browser, address: str, name: str, *, whole: bool = False, **changes: Any) -> None:  # noqa: ANN401
    """Take one picture; ``changes``: of the browser's context."""
    context = browser.new_context(**({"viewport": {"width": 1280, "height": 900}} | changes))
    page = context.new_page()
    page.goto(address)
    if name == "clinic-ask":
        page.locator("[name=question]").fill(QUESTION)
        page.keyboard.press("Enter")
        page.locator("mark, q, .answer").first.wait_for()
    page.wait_for_load_state("networkidle")
    picture = Image.open(io.BytesIO(page.screenshot(full_page=whole))).convert("RGB")
    picture.quantize(128).save(IMAGES / f"{name}.png", optimize=True)  # a third of the size, to the eye the same
    context.close()


def main() -> None:
    """Take all of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    root = parser.parse_args().run
    run = open_run(root)
    if not run.manifest["simulated"]:
        raise SystemExit("These are no simulated patients; their pages are not for publication.")
    task = next((one for one in run.tasks if one.needs_image and run.explained(one)), run.tasks[0])
    tested = run.predictions.filter(task_id=task.id, part="test").sort("risk", descending=True)["sample_id"]
    sample = next(one for one in tested if one in run.explained(task))
    patient = f"patients/{sample}/{task.id}"
    with served(root) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        for name, path in {
            "clinic-worklist": f"?task={task.id}",
            "clinic-patient": patient,
            "clinic-documents": f"{patient}/documents?q=effusion&open=0",
            "clinic-stay": f"{patient}/stay",
            "clinic-similar": f"{patient}/similar",
            "clinic-ask": f"{patient}/ask",
            "clinic-cohort": "cohort",
        }.items():
            take(browser, f"{address}/{path}", name)
        phone = {"width": 390, "height": 844}
        take(browser, f"{address}/{patient}", "clinic-phone", viewport=phone, color_scheme="dark")
        browser.close()


if __name__ == "__main__":
    main()
