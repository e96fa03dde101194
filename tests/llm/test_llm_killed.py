"""Killed with signal 9 in the midst of many questions: what was answered is not asked again, and the end is the same.

The whole pipeline is killed fifty times by ``python -m benchmarks.door``.
"""

import hashlib
import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from xhaim.llm.ledger import FILE
from xhaim.llm.scripted import serve

AT_A_TIME = 4
CHILD = """
import json, sys
from datetime import datetime
from pathlib import Path
from xhaim.atomic import write_bytes
from xhaim.config import LanguageModelSettings, SummarizeSettings
from xhaim.llm.client import OpenAICompatible
from xhaim.llm.ledger import Ledger
from xhaim.llm.limits import Limited, each
from xhaim.records import Chunk, Evidence, ScoredChunk
from xhaim.summarize.generative import generative
from xhaim.task import load_task

url, out = sys.argv[1], Path(sys.argv[2])
task, at = load_task("pleural_effusion"), datetime(2150, 1, 1)
model = Ledger(out / "ledger.sqlite", Limited(OpenAICompatible(LanguageModelSettings(url=url, model="m"))))

def write(n):
    text = f"There is a {n} cm left pleural effusion."
    chunk = Chunk(f"d{n}:0-9", f"d{n}", "cxr", "cxr", "", 0, len(text), text, at, at)
    evidence = Evidence(f"s{n}", task.id, "cxr", (ScoredChunk(chunk, 0.5, 0.5, 0.5, 1, "q", None),), 1)
    return generative(evidence, task, model, lambda text: len(text.split()), SummarizeSettings())

for shard in range(0, 36, 12):
    target = out / f"{shard}.json"
    if not target.exists():
        written = each(write, range(shard, shard + 12), AT_A_TIME)
        write_bytes(target, json.dumps([one.text for one in written]).encode())
""".replace("AT_A_TIME", str(AT_A_TIME))


def answer(system: str, user: str) -> str:
    """Every third question is answered with a sentence that does not hold, so that it is asked again."""
    time.sleep(0.02)
    size = user.split(" cm left", maxsplit=1)[0].rsplit(" ", 1)[-1]
    told = [{"text": f"A left pleural effusion of {size} cm.", "chunks": [1]}]
    if int(size) % 3 == 0 and "Your last answer" not in user:
        told.append({"text": "A right pleural effusion of 99 cm.", "chunks": [1]})
    return json.dumps({"sentences": told})


def question(system: str, user: str) -> str:
    return hashlib.sha256(f"{system}\0{user}".encode()).hexdigest()


def persisted(out: Path) -> set[str]:
    if not (out / FILE).exists():
        return set()
    rows = sqlite3.connect(out / FILE).execute("SELECT request FROM calls WHERE status = 'ok'").fetchall()
    asked = [json.loads(request) for (request,) in rows]
    return {question(one["system"], one["user"]) for one in asked}


def test_no_persisted_answer_is_asked_for_again_and_the_end_is_the_same(tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    with serve(answer) as server:
        command = [sys.executable, "-c", CHILD, server.url]
        subprocess.run([*command, str(whole)], check=True)
        asked_once = Counter(question(*one) for one in server.asked)
        assert len(asked_once) == 48  # 36 and the third of them again
        assert set(asked_once.values()) == {1}
        server.asked.clear()
        seen: Counter[str] = Counter()
        for after in (3, 24):
            known = persisted(killed)
            child = subprocess.Popen([*command, str(killed)])
            while len(server.asked) < after and child.poll() is None:
                time.sleep(0.002)
            child.send_signal(signal.SIGKILL)
            assert child.wait() == -signal.SIGKILL
            now = Counter(question(*one) for one in server.asked)
            assert not set(now - seen) & known
            assert sum((now - seen)[one] for one in set(seen) - known) <= AT_A_TIME
            seen = now
        known = persisted(killed)
        assert known
        subprocess.run([*command, str(killed)], check=True)
        now = Counter(question(*one) for one in server.asked)
        assert not set(now - seen) & known
        assert set(now) == set(asked_once)
        assert sum(now.values()) - len(now) <= 2 * AT_A_TIME
        for shard in (0, 12, 24):
            assert (killed / f"{shard}.json").read_bytes() == (whole / f"{shard}.json").read_bytes()
