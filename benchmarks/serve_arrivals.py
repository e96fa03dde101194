"""How long after ten new chunks arrive a patient's page is up to date, without a language model.

    python -m benchmarks.serve_arrivals RUN [--task ID] [--patients 8] [--arrivals 5] [--chunks 150] [--open]

RUN: a finished run, as ``xhaim demo`` makes one (SIMULATED). It is served by a process of its own, on loopback, with a
folder of arrivals. Patients of so many chunks, made of notes and values of the run's own store, arrive first; then to
each, in turn, messages of ten chunks that no patient had before. Wall time from sending a message until a GET of the
patient's page shows it: kept on the disk, read, embedded, predicted, every removal measured, explained, published; the
task is the one whose page is open, and is asked first. Where the time goes is told by the server's own metrics. With
``--open`` also until a page that is open in Chromium shows it by itself. To be at most 1 s for half, 2.5 s for 95 of
100.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import httpx2 as httpx
import numpy as np

from benchmarks.serve_doors import bundle, patients
from xhaim.config import RunSettings
from xhaim.modality.documents import modality_of
from xhaim.records import Document
from xhaim.retrieve.chunk import chunk
from xhaim.serve.watched import open_run

NEW = 10
"""Chunks of a message, at least."""
LOOK_S = 0.05
"""Between two questions whether there is more."""
SERVER = """
import sys
from pathlib import Path
from xhaim.serve.app import create_app
from xhaim.serve.running import listen
from xhaim.serve.settings import ServeSettings
settings = ServeSettings(port=int(sys.argv[2]), arrivals=Path(sys.argv[3]) / "arrivals")
listen(create_app(Path(sys.argv[1]), settings, f"sqlite:///{sys.argv[3]}/served.sqlite"), settings)
"""
_PART = re.compile(r'xhaim_arrivals_seconds_total\{part="(\w+)"\} ([\d.]+)')


def messages(run_root: Path, task_id: str, chunks: int, arrivals: int) -> Iterator[list[dict[str, Any]]]:
    """Yield for each patient the first bundle, and then the bundles of new notes."""
    run = open_run(run_root)
    settings = RunSettings.model_validate(run.manifest["settings"]).retrieve
    begin = datetime.now(UTC).replace(tzinfo=None, microsecond=0) - timedelta(days=12)
    made = patients(run, task_id, chunks + 2 * NEW * arrivals)
    for number, (notes, values) in enumerate(made):
        new: list[list[Document]] = []
        while len(new) < arrivals:
            some: list[Document] = []
            while sum(len(chunk(one, modality_of(one), settings)) for one in some) < NEW:
                some.append(notes.pop())
            new.append(some)
        while sum(len(chunk(one, modality_of(one), settings)) for one in notes) > chunks:
            notes.pop()
        whole = bundle(f"made-{number}", [*notes, *(one for some in new for one in some)], values, begin)
        entries, at = whole["entry"], len(notes)
        later = {f"note-{place}" for place in range(at, at + sum(map(len, new)))}
        first = {**whole, "entry": [one for one in entries if one["resource"].get("id") not in later]}
        by_id = {one["resource"].get("id"): one for one in entries}
        rest = []
        for some in new:
            rest.append({**whole, "entry": [by_id[f"note-{at + place}"] for place in range(len(some))]})
            at += len(some)
        yield [first, *rest]


def arrive(client: httpx.Client, message: dict[str, Any]) -> str:
    """Send a message; return the patient's key."""
    answer = client.post(
        "/api/v1/arrivals", content=json.dumps(message), headers={"content-type": "application/fhir+json"}
    )
    answer.raise_for_status()
    return str(answer.json()["key"])


def until_shown(client: httpx.Client, key: str, task_id: str, number: int) -> float:
    """Ask whether there is more, as an open page does but oftener, then for the page; return when it was there."""
    while True:
        told = client.get(f"/arrivals/{key}/version?task={task_id}").json()
        if told["version"].split(".")[0] == str(number):
            page = client.get(told["address"], headers={"accept": "text/html"})
            if page.status_code != 200 or f'data-version="{number}.' not in page.text:
                raise SystemExit(f"{told['address']}: {page.status_code}, and not the page of message {number}")
            return time.perf_counter()
        time.sleep(LOOK_S)


def settled(client: httpx.Client, key: str) -> None:
    """Wait until every task was asked."""
    while client.get(f"/api/v1/arrivals/{key}").json()["reading"]:
        time.sleep(0.05)


def parts(client: httpx.Client) -> dict[str, float]:
    """Return the seconds that the server spent so far, by part."""
    return {name: float(spent) for name, spent in _PART.findall(client.get("/metrics").text)}


def main() -> None:
    """Serve, send, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--task")
    parser.add_argument("--chunks", type=int, default=150)
    parser.add_argument("--patients", type=int, default=8)
    parser.add_argument("--arrivals", type=int, default=5)
    parser.add_argument("--open", action="store_true", help="also until an open page in Chromium shows it")
    given = parser.parse_args()
    asked = {one.id for one in open_run(given.run).tasks if not one.needs_image}  # no film is in what is sent
    task_id = given.task or min(asked, default="")
    if task_id not in asked:
        parser.error(f"--task: a task of the run that needs no image: {', '.join(sorted(asked)) or 'it has none'}")
    port = _free_port()
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen(
            [sys.executable, "-c", SERVER, str(given.run), str(port), folder], stderr=subprocess.DEVNULL
        )
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120) as client:
                _wait(client)
                _measure(client, given, task_id)
        finally:
            server.terminate()
            server.wait(30)


def _measure(client: httpx.Client, given: argparse.Namespace, task_id: str) -> None:
    everybody = list(islice(messages(given.run, task_id, given.chunks, given.arrivals), given.patients))
    first, taken, shown, keys = [], [], [], []
    for one in everybody:
        began = time.perf_counter()
        keys.append(arrive(client, one[0]))
        client.get(f"/arrivals/{keys[-1]}/version?task={task_id}")
        first.append(until_shown(client, keys[-1], task_id, 1) - began)
        settled(client, keys[-1])
    before = parts(client)
    for nth in range(1, given.arrivals + 1):
        for key, one in zip(keys, everybody, strict=True):
            client.get(f"/arrivals/{key}/version?task={task_id}")  # as an open page does
            began = time.perf_counter()
            arrive(client, one[nth])
            taken.append(until_shown(client, key, task_id, nth + 1) - began)
            settled(client, key)
    spent = {name: seconds - before.get(name, 0.0) for name, seconds in parts(client).items()}
    if given.open:
        shown = _in_chromium(client, keys[0], task_id, everybody[0][-1])
    said = "SIMULATED" if open_run(given.run).manifest["simulated"] else "of real records"
    print(f"{task_id}, {said}; load {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors")
    _tell(f"a patient of {given.chunks} chunks, the first message", first)
    _tell(f"{NEW} new chunks", taken)
    total = sum(spent.values())
    told = ", ".join(f"{name} {100 * one / total:.0f} %" for name, one in sorted(spent.items(), key=lambda x: -x[1]))
    print(f"the server's time, of all tasks: {told}; {total / len(taken):.2f} s each, {len(taken)} arrivals")
    if shown:
        _tell("a page open in Chromium", shown)


def _tell(what: str, seconds: list[float]) -> None:
    half, most = np.quantile(seconds, [0.5, 0.95], method="higher")
    print(f"{what}: {len(seconds)} times, median {half:.2f} s, 95 of 100 {most:.2f} s, longest {max(seconds):.2f} s")


def _in_chromium(client: httpx.Client, key: str, task_id: str, message: dict[str, Any]) -> list[float]:
    """Change a note's words again and again, and wait until an open page shows another prediction."""
    from playwright.sync_api import sync_playwright

    taken = []
    number = int(client.get(f"/api/v1/arrivals/{key}").json()["messages"])
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(str(client.base_url.join(f"/arrivals/{key}?task={task_id}")))
        for nth in range(10):
            for one in message["entry"]:
                one["resource"]["description"] = f"Note, told {nth} times"
            number += 1
            began = time.perf_counter()
            arrive(client, message)
            page.locator("header.who", has_text=f"of {number} messages").wait_for(timeout=60_000)
            taken.append(time.perf_counter() - began)
            settled(client, key)
        browser.close()
    return taken


def _wait(client: httpx.Client) -> None:
    for _ in range(600):
        try:
            if client.get("/readyz").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise SystemExit("the server did not start")


def _free_port() -> int:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return int(door.getsockname()[1])


if __name__ == "__main__":
    main()
