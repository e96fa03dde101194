"""A run that is killed with signal 9 amid its conversation with a scripted model; for ``benchmarks.door``."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import random
import re
import shutil
import signal
import sqlite3
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from threading import Event

from xhaim.config import RunSettings
from xhaim.llm.ledger import FILE
from xhaim.llm.scripted import ScriptedServer
from xhaim.run.known import store_known
from xhaim.run.people import gather
from xhaim.run.pipeline import begin, execute
from xhaim.run.vectors import embed_documents
from xhaim.run.watch import Quiet
from xhaim.run.words import find_evidence, summarize

ANSWER_S = 0.03
CONTEXT = multiprocessing.get_context("forkserver")
"""A killed process is followed by a fresh one that has its imports already."""
_PIECE = re.compile(r"<chart \w+ (\d+)[^>\n]*>\n(.*?)(?=\n</?chart)", re.DOTALL)
_SENTENCE = re.compile(r"[A-Z][^.\n]{10,200}\.")


def question(system: str, user: str) -> str:
    """Return the hash of a question, whichever side of the door it is seen from."""
    return hashlib.sha256(f"{system}\0{user}".encode()).hexdigest()


def answer(system: str, user: str) -> str:
    """Answer as a model would that copies: by the question alone.

    One in six answers has a sentence without support, so that it is asked for again; one in nine is no JSON.
    """
    time.sleep(ANSWER_S)
    draw = int(question(system, user)[:8], 16)
    if user.startswith("["):
        return json.dumps({"sentences": json.loads(user)})
    told = [
        {"text": " ".join(found.split()), "chunks": [int(number)]}
        for number, text in _PIECE.findall(user)
        for found in _SENTENCE.findall(text)[:2]
    ]
    if draw % 6 == 0:
        told.append({"text": "A 99 cm finding was seen on the left.", "chunks": [1]})
    return "no JSON today" if draw % 9 == 0 else json.dumps({"sentences": told})


def do(store: Path, out: Path, chosen: str, whole: bool) -> None:
    """Do what is missing of a run, all of it or its first two steps, in this process."""
    run = begin(store, RunSettings.model_validate_json(chosen), out, Quiet(), workers=1)
    if whole:
        execute(run)
        return
    people = gather(run)
    known = store_known(run, people)
    embeddings = embed_documents(run, people, known)
    for task in run.tasks:
        summarize(run, people, find_evidence(run, people, known[run.policy(task)], embeddings, task), task)


def artefacts(run: Path) -> dict[str, str]:
    """Return the SHA-256 of everything that steps 2 to 4 wrote; what a kill left under a temporary name is no file."""
    return {
        str(path.relative_to(run)): hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in ("summaries", "models", "explanations")
        for path in sorted((run / folder).rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }


def persisted(run: Path) -> tuple[set[str], set[str]]:
    """Return the questions whose good answer, and whose unusable one, the ledger of a run holds."""
    if not (run / FILE).is_file():
        return set(), set()
    with closing(sqlite3.connect(run / FILE)) as ledger:
        rows = ledger.execute("SELECT request, status FROM calls").fetchall()
    kept: dict[str, set[str]] = {"ok": set(), "failed": set()}
    for request, status in rows:
        asked = json.loads(request)
        kept[status].add(question(asked["system"], asked["user"]))
    return kept["ok"], kept["failed"]


class Conversation:
    """Kills a run some moments after a number of questions have come in."""

    def __init__(self, *, whole: bool) -> None:
        self.left, self.due, self.whole = 10**9, Event(), whole

    def __call__(self, system: str, user: str) -> str:
        """Answer, and count."""
        self.left -= 1
        if self.left <= 0:
            self.due.set()
        return answer(system, user)


def go_on(store: Path, out: Path, chosen: RunSettings, talk: Conversation, after: int, wait_s: float) -> bool:
    """Start or go on with a run; kill it ``wait_s`` after the ``after``-th question. Say whether it was killed."""
    talk.left, talk.due = after, Event()
    child = CONTEXT.Process(target=do, args=(store, out, chosen.model_dump_json(), talk.whole))
    child.start()
    while child.is_alive() and not talk.due.wait(0.02):
        pass
    if talk.due.is_set():
        time.sleep(wait_s)
        child.kill()
    child.join()
    if child.exitcode not in (0, -signal.SIGKILL):
        raise RuntimeError(f"a run ended with {child.exitcode}")
    return child.exitcode != 0


def forget(run: Path, *, step_2: bool) -> None:
    """Remove what a run wrote and was told in step 4, and in step 2 too; its models stay."""
    for name in ("summaries", "explanations") if step_2 else ("explanations",):
        shutil.rmtree(run / name, ignore_errors=True)
    with closing(sqlite3.connect(run / FILE, isolation_level=None)) as ledger:
        of_step_4 = "json_extract(request, '$.user') LIKE '[%'"
        ledger.execute("DELETE FROM calls" if step_2 else f"DELETE FROM calls WHERE {of_step_4}")
        ledger.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def killed(
    store: Path, prepared: Path, scratch: Path, chosen: RunSettings, server: ScriptedServer, talk: Conversation,
    kills: int, expected: dict[str, str], rng: random.Random, questions: int,
) -> None:  # fmt: skip
    """Kill a run again and again, each time after at most so many ``questions``, and print what was asked twice."""
    begun = time.monotonic()
    done = rounds = again = under_way = failed = 0
    same, most = True, 0
    while done < kills:
        run = scratch / "killed"
        shutil.copytree(prepared, run)
        rounds += 1
        server.asked.clear()
        ok, bad = persisted(run)
        seen: Counter[str] = Counter()
        while True:
            goes = done < kills
            after = rng.randint(1, questions) if goes else 10**9
            was = go_on(store, run, chosen, talk, after, rng.uniform(0, 4 * ANSWER_S))
            asked = Counter(question(*one) for one in server.asked)
            new = asked - seen
            again += sum(n for one, n in new.items() if one in ok)
            failed += sum(n for one, n in new.items() if one in bad)
            repeats = sum(n for one, n in new.items() if one in seen and one not in ok | bad)
            under_way, most, seen = under_way + repeats, max(most, repeats), asked
            ok, bad = persisted(run)
            done += was
            if not was:
                break
        found = artefacts(run)
        other = [name for name in sorted({*expected, *found}) if expected.get(name) != found.get(name)]
        same &= not other
        print(
            f"  {done} kills, {len(ok) + len(bad)} questions in the ledger, the same end: {same}; "
            f"{time.monotonic() - begun:.0f} s{f', other: {other}' if other else ''}",
            flush=True,
        )
        shutil.rmtree(run)
    print(
        f"{done} kills in {rounds} runs of {len(ok) + len(bad)} questions: {again} asked again whose answer was "
        f"persisted; {under_way} that were under way, at most {most} after one kill ({chosen.llm.concurrency} at a "
        f"time); {failed} whose persisted answer was unusable; artefacts the same: {same}"
    )
    if again or failed or most > chosen.llm.concurrency or not same:
        raise SystemExit("the door does not hold")
