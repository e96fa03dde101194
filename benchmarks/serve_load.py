"""Fifty clinicians read patients' pages while the run is written anew under the server.

    python -m benchmarks.serve_load RUN [--users 50] [--seconds 600] [--every 30]

RUN: a finished run, as ``xhaim demo`` makes one (SIMULATED). A copy of it is served by a process of its own, on
loopback; every so many seconds the copy is put in place of itself, file by file new, as a run that is written again.
Each user opens a drawn page of the worklist's, reads for one to four seconds, and goes on. A page counts as wrong where
it is no page, or not of the stay that was asked for. The load ends by itself.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx2 as httpx
import numpy as np

PAGE = re.compile(r"/patients/[\w-]+/\w+")


@dataclass
class Seen:
    """What the users met."""

    seconds: list[float] = field(default_factory=list)
    wrong: int = 0
    """Pages that were no page, or of another stay."""
    replaced: int = 0


async def user(client: httpx.AsyncClient, addresses: list[str], seed: int, end: float, seen: Seen) -> None:
    """Read until ``end``."""
    drawn = random.Random(seed)
    await asyncio.sleep(drawn.uniform(0, 3))
    while time.time() < end:
        address, begun = drawn.choice(addresses), time.perf_counter()
        answer = await client.get(address)
        seen.seconds.append(time.perf_counter() - begun)
        stay = address.split("/")[2].split("-")[0]
        seen.wrong += answer.status_code != 200 or f"Stay {stay}<" not in answer.text
        await asyncio.sleep(drawn.uniform(1, 4))


async def writer(run: Path, every: float, end: float, seen: Seen) -> None:
    """Put a new copy of the run in its place, again and again."""
    while time.time() + every < end:
        await asyncio.sleep(every)
        new, old = run.with_name("new"), run.with_name("old")
        await asyncio.to_thread(shutil.copytree, run, new)
        os.rename(run, old)
        os.rename(new, run)
        await asyncio.to_thread(shutil.rmtree, old)
        seen.replaced += 1


async def load(base: str, run: Path, given: argparse.Namespace) -> Seen:
    """Let everybody read, and the run be written."""
    seen = Seen()
    async with httpx.AsyncClient(base_url=base, headers={"accept": "text/html"}, timeout=60) as client:
        lists = [(await client.get(f"/?page={number}")).text for number in range(1, 9)]
        addresses = sorted({address for text in lists for address in PAGE.findall(text)})
        end = time.time() + given.seconds
        users = [user(client, addresses, number, end, seen) for number in range(given.users)]
        await asyncio.gather(*users, writer(run, given.every, end, seen))
    return seen


def main() -> None:
    """Serve, load, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--every", type=float, default=30)
    parser.add_argument("--port", type=int, default=8497)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        shutil.copytree(given.run, run)
        command = [sys.executable, "-m", "xhaim", "serve", str(run), "--port", str(given.port)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
            base = f"http://127.0.0.1:{given.port}"
            try:
                _wait(base)
                seen = asyncio.run(load(base, run, given))
            finally:
                server.terminate()
    p50, p95 = 1000 * np.quantile(seen.seconds, [0.5, 0.95])
    how = f"{given.users} users, {given.seconds:.0f} s, the run replaced {seen.replaced} times"
    met = f"p50 {p50:.0f} ms, p95 {p95:.0f} ms, slowest {1000 * max(seen.seconds):.0f} ms"
    print(f"{how}: {len(seen.seconds)} pages, {seen.wrong} wrong; {met}")


def _wait(base: str) -> None:
    for _ in range(240):
        try:
            if httpx.get(f"{base}/readyz", timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.25)
    raise SystemExit("the server did not begin within a minute")


if __name__ == "__main__":
    main()
