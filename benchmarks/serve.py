"""Time the clinic's pages from stored results, on loopback, and the worklist over 100,000 stays.

    python -m benchmarks.serve RUN [--pages 200] [--stays 100000]

RUN: a finished run, as ``xhaim demo`` makes one (SIMULATED). Prints median and 95th percentile of the patient pages of
its explained stays (the audit log written to a file each time), the same while the worklist is asked in turn, the
weight of a page with its style and script, the time to first paint in Chromium where playwright is installed, and
milliseconds for a page of the worklist over a made-up frame of many stays. Times are of this machine, as loaded as it
was: the last line asks the smallest page of the server alike, for a ratio.
"""

from __future__ import annotations

import argparse
import shutil
import socket
import tempfile
import threading
import time
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import httpx2 as httpx
import numpy as np
import polars as pl
import uvicorn

from xhaim.serve.app import create_app
from xhaim.serve.clinic.worklist import Query, worklist
from xhaim.serve.predicted import SCHEMA
from xhaim.serve.results import StoredRun
from xhaim.serve.watched import open_run

HTML = {"accept": "text/html"}


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("run", type=Path)
    parser.add_argument("--pages", type=int, default=200)
    parser.add_argument("--stays", type=int, default=100_000)
    given = parser.parse_args()
    run = open_run(given.run)
    addresses = [f"/patients/{one}/{task.id}" for task in run.tasks for one in sorted(run.explained(task))]
    with tempfile.TemporaryDirectory() as folder:
        app = create_app(given.run, database=f"sqlite:///{folder}/served.sqlite")
        listening = socket.socket(proto=socket.IPPROTO_TCP)  # asyncio sets no TCP_NODELAY on others: 40 ms each
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
        threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True).start()
        while not server.started:
            time.sleep(0.05)
        base = f"http://127.0.0.1:{listening.getsockname()[1]}"
        with httpx.Client(base_url=base, headers=HTML, timeout=60) as client:
            client.get(addresses[0])
            cold = [_timed(client, address) for address in addresses[1:]]
            told("patient page, first opening of each", cold)
            told("patient page", [_timed(client, addresses[n % len(addresses)]) for n in range(given.pages)])
            told("worklist", [_timed(client, "/") for _ in range(given.pages // 4)])
            told("the smallest page (/healthz)", [_timed(client, "/healthz") for _ in range(given.pages // 2)])
            weights = [len(client.get(address).content) for address in addresses]
            shared = sum(len(client.get(f"/static/{name}").content) for name in ("site.css", "clinic.css", "clinic.js"))
            print(
                f"weight: page median {np.median(weights) / 1000:.0f} kB, largest {max(weights) / 1000:.0f} kB; ",
                end="",
            )
            print(f"style and script {shared / 1000:.0f} kB; without images")
        _first_paint(base + addresses[0])
        server.should_exit = True
    _many(run, given.stays)


def told(name: str, seconds: list[float]) -> None:
    """Print median and 95th percentile."""
    p50, p95 = 1000 * np.quantile(seconds, [0.5, 0.95])
    print(f"{name}: p50 {p50:.1f} ms, p95 {p95:.1f} ms ({len(seconds)} requests)")


def _timed(client: httpx.Client, address: str) -> float:
    begun = time.perf_counter()
    client.get(address).raise_for_status()
    return time.perf_counter() - begun


def _first_paint(address: str) -> None:
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        return print("first paint: playwright is not installed")
    found = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for _ in range(5):
            page = browser.new_context().new_page()
            page.goto(address)
            script = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? NaN"
            page.wait_for_function(f"() => !Number.isNaN({script})")
            found.append(float(page.evaluate(script)))
            page.context.close()
        browser.close()
    return print(f"first contentful paint: median {np.median(found):.0f} ms of {len(found)} fresh visits")


def _many(run: StoredRun, stays: int) -> None:
    """Time a page of the worklist over made-up predictions of so many stays, two of each."""
    rng, task = np.random.default_rng(0), run.tasks[0]
    risk = rng.beta(1, 8, stays)
    begun = datetime(2150, 1, 1)
    frame = pl.DataFrame(
        {
            "sample_id": [f"{30_000_000 + n // 2}-{n % 2}" for n in range(stays)],
            "subject_id": np.arange(stays) // 3,
            "stay_id": 30_000_000 + np.arange(stays) // 2,
            "prediction_time": [begun + timedelta(minutes=int(n)) for n in rng.integers(0, 10_000_000, stays)],
            "task_id": task.id, "split": 0, "part": "test", "label": 0, "raw": risk, "risk": risk,
            "low": risk * 0.8, "high": np.minimum(1, risk * 1.2), "abstains": risk > 0.4, "threshold": 0.2,
            "previous": rng.beta(1, 8, stays), "previous_time": [begun] * stays,
        },
        schema=SCHEMA,
    )  # fmt: skip
    drawn = frame.select("sample_id", "subject_id", "stay_id", "prediction_time").with_columns(shard=pl.lit(0))
    many = replace(run, samples=drawn)
    many.__dict__["predictions"] = frame
    query = Query(task.id)
    kinds = {
        "by risk": query, "by change, page 500": replace(query, sort="rise", page=500),
        "search": replace(query, search="300012"), "abstains": replace(query, side="abstains"),
    }  # fmt: skip
    for name, one in kinds.items():
        spent = []
        for _ in range(9):
            start = time.perf_counter()
            worklist(many, one, None)
            spent.append(time.perf_counter() - start)
        print(f"worklist of {stays:,} stays, {name}: median {1000 * np.median(spent):.0f} ms")


if __name__ == "__main__":
    main()
