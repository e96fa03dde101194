"""The door to language models under SIGKILL, and what it asks: SIMULATED patients, a scripted server on this machine.

    python -m benchmarks.door [--kills 50] [--stays 60] [--whole] [--seed 21] [--concurrency 4]

1. Steps 1 and 2, with ``--whole`` all four, are killed with signal 9 at random moments of their conversation with the
   model, and gone on with, until as many kills as asked have happened. Counted: how often a question was asked again
   whose answer was persisted (none may), how many were asked again that were under way (at most ``concurrency`` for
   each kill), and whether every file of those steps has the SHA-256 of an uninterrupted run's.
2. The same run with another operating point only: how many questions it asks.
3. Tokens of a prompt against the patient's whole admissible text, for the stays as they are, and for charts of many
   stays' notes put together.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import random
import re
import shutil
import signal
import sqlite3
import statistics
import tempfile
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from threading import Event

from benchmarks.charts import prompt_sizes
from xhaim.config import (
    EncoderSettings,
    ExplainSettings,
    FusionSettings,
    LanguageModelSettings,
    RunSettings,
    SplitSettings,
    SummarizeSettings,
)
from xhaim.llm.ledger import FILE
from xhaim.llm.scripted import ScriptedServer, serve
from xhaim.run.known import store_known
from xhaim.run.people import gather
from xhaim.run.pipeline import begin, execute
from xhaim.run.vectors import embed_documents
from xhaim.run.watch import Quiet
from xhaim.run.words import find_evidence, summarize
from xhaim.source.mimic_iv import MimicIV
from xhaim.source.simulate import simulate

ANSWER_S = 0.03
CONTEXT = multiprocessing.get_context("forkserver")
"""A killed process is followed by a fresh one that has its imports already."""
_PIECE = re.compile(r"<chart \w+ (\d+)[^>\n]*>\n(.*?)\n</chart", re.DOTALL)
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


def settings(url: str, concurrency: int, sensitivity: float = 0.9) -> RunSettings:
    """Return a small run of all four steps behind a server."""
    return RunSettings(
        tasks=("pleural_effusion",),
        split=SplitSettings(repeats=1),
        summarize=SummarizeSettings(max_tokens=128),
        encoder=EncoderSettings(folds=2, epochs=1, trainable_layers=1),
        fusion=FusionSettings(grid="small", sensitivity=sensitivity),
        explain=ExplainSettings(samples=8),
        llm=LanguageModelSettings(url=url, model="scripted", concurrency=concurrency),
        shard_size=16,
    )


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
    """Return the SHA-256 of everything that steps 2 to 4 wrote."""
    return {
        str(path.relative_to(run)): hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in ("summaries", "models", "explanations")
        for path in sorted((run / folder).rglob("*"))
        if path.is_file()
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


def killed(
    store: Path, prepared: Path, scratch: Path, chosen: RunSettings, server: ScriptedServer, talk: Conversation,
    kills: int, expected: dict[str, str], rng: random.Random,
) -> None:  # fmt: skip
    """Kill a run again and again, and print what was asked twice."""
    done = rounds = again = under_way = failed = 0
    same, most = True, 0
    while done < kills:
        run = scratch / "killed"
        shutil.copytree(prepared, run)
        rounds += 1
        server.asked.clear()
        ok: set[str] = set()
        bad: set[str] = set()
        seen: Counter[str] = Counter()
        while True:
            goes = done < kills
            was = go_on(store, run, chosen, talk, rng.randint(1, 6) if goes else 10**9, rng.uniform(0, 4 * ANSWER_S))
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
        same &= artefacts(run) == expected
        print(f"  {done} kills, {len(ok) + len(bad)} questions in the ledger, the same end: {same}", flush=True)
        shutil.rmtree(run)
    print(
        f"{done} kills in {rounds} runs of {len(ok) + len(bad)} questions: {again} asked again whose answer was "
        f"persisted; {under_way} that were under way, at most {most} after one kill ({chosen.llm.concurrency} at a "
        f"time); {failed} whose persisted answer was unusable; artefacts the same: {same}"
    )
    if again or failed or most > chosen.llm.concurrency or not same:
        raise SystemExit("the door does not hold")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--stays", type=int, default=60)
    parser.add_argument("--whole", action="store_true", help="all four steps; 100 stays let a model be fitted")
    parser.add_argument("--seed", type=int, default=21)
    parser.add_argument("--concurrency", type=int, default=4)
    given = parser.parse_args()
    CONTEXT.set_forkserver_preload(["xhaim.run.pipeline", "xhaim.predict.fit", "xhaim.retrieve.dense"])
    talk = Conversation(whole=given.whole)
    with tempfile.TemporaryDirectory() as folder, serve(talk) as server:
        root = Path(folder)
        simulate(root / "cohort", stays=given.stays, seed=given.seed, images=False)
        MimicIV().ingest(root / "cohort", root / "store")
        store, chosen = root / "store", settings(server.url, given.concurrency)
        print(f"SIMULATED, {given.stays} stays, seed {given.seed}")
        begun = time.monotonic()
        go_on(store, root / "run", chosen, talk, 10**9, 0)
        phrased = sum(one[1].startswith("[") for one in server.asked)
        print(
            f"uninterrupted: {len(server.asked)} questions, {phrased} of step 4, {time.monotonic() - begun:.0f} s",
            flush=True,
        )
        shutil.copytree(root / "run", root / "other")
        server.asked.clear()
        other = settings(server.url, given.concurrency, sensitivity=0.8)
        go_on(store, root / "other", other, talk, 10**9, 0)
        moved = [one for one in server.asked if not one[1].startswith("[")]
        print(
            f"the same with another operating point: {len(server.asked)} questions "
            f"({len(moved)} of step 2, {len(server.asked) - len(moved)} of step 4)",
            flush=True,
        )
        expected = artefacts(root / "run")
        for name in ("summaries", "concepts", "models", "explanations", FILE, f"{FILE}-wal", f"{FILE}-shm"):
            path = root / "run" / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        killed(store, root / "run", root, chosen, server, talk, given.kills, expected, random.Random(given.seed))
        for name, ratios, chunks in prompt_sizes(store, chosen):
            print(
                f"{name}: {len(ratios)} prompts, {min(chunks)} to {max(chunks)} chunks (median "
                f"{statistics.median(chunks):.0f}): the whole admissible text is {statistics.median(ratios):.1f} times "
                f"a prompt (median; quarter {statistics.quantiles(ratios, n=4)[0]:.1f})"
            )


if __name__ == "__main__":
    main()
