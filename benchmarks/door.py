"""The door to language models under SIGKILL, and what it asks: SIMULATED patients, a scripted server on this machine.

    python -m benchmarks.door [--kills 50] [--stays 60] [--whole] [--seed 21] [--concurrency 4]

1. Steps 1 and 2 are killed with signal 9 at random moments of their conversation with the model, and gone on with,
   until as many kills as asked have happened. Counted: how often a question was asked again whose answer was persisted
   (none may), how many were asked again that were under way (at most ``concurrency`` for each kill), and whether every
   file of those steps has the SHA-256 of an uninterrupted run's. With ``--whole`` all four steps are gone through, half
   of the kills from the first question of step 2 on and half in step 4 alone. The fitted models of the uninterrupted
   run stay where they are: no kill falls into a fit (``tests/predict`` and ``tests/run`` do that), each into a
   conversation.
2. The same run with another operating point only (its models are fitted again): how many questions it asks.
3. Tokens of a prompt against the patient's whole admissible text, for the stays as they are, and for charts of many
   stays' notes put together.
"""

from __future__ import annotations

import argparse
import random
import shutil
import tempfile
import time
from pathlib import Path

from benchmarks.charts import prompt_sizes, told
from benchmarks.killed import CONTEXT, Conversation, artefacts, forget, go_on, killed
from xhaim.config import (
    EncoderSettings,
    ExplainSettings,
    FusionSettings,
    LanguageModelSettings,
    RunSettings,
    SplitSettings,
    SummarizeSettings,
)
from xhaim.llm.scripted import serve
from xhaim.run.directory import read_json
from xhaim.source.mimic_iv import MimicIV
from xhaim.source.simulate import simulate

EXPLAINED = 16


def settings(url: str, concurrency: int, sensitivity: float = 0.9) -> RunSettings:
    """Return a small run of all four steps behind a server."""
    return RunSettings(
        tasks=("pleural_effusion",),
        split=SplitSettings(repeats=1),
        summarize=SummarizeSettings(max_tokens=128),
        encoder=EncoderSettings(folds=2, epochs=1, trainable_layers=1),
        fusion=FusionSettings(grid="small", sensitivity=sensitivity),
        explain=ExplainSettings(samples=EXPLAINED),
        llm=LanguageModelSettings(url=url, model="scripted", concurrency=concurrency),
        shard_size=16,
    )


def operating_points(run: Path) -> str:
    """Return the thresholds of xHAIM's fitted models, in words; none where no model was fitted."""
    found = [read_json(path) for path in sorted((run / "models").glob("*/split-*/xhaim/model.json"))]
    return ", ".join(f"{one['facts']['operating_point']['threshold']:.4f}" for one in found) or "none: no model fitted"


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
            f"uninterrupted: {len(server.asked)} questions, {phrased} of step 4, {time.monotonic() - begun:.0f} s; "
            f"operating point {operating_points(root / 'run')}",
            flush=True,
        )
        shutil.copytree(root / "run", root / "other")
        server.asked.clear()
        other = settings(server.url, given.concurrency, sensitivity=0.8)
        go_on(store, root / "other", other, talk, 10**9, 0)
        moved = [one for one in server.asked if not one[1].startswith("[")]
        print(
            f"the same with another operating point, {operating_points(root / 'other')}: {len(server.asked)} questions "
            f"({len(moved)} of step 2, {len(server.asked) - len(moved)} of step 4)",
            flush=True,
        )
        expected = artefacts(root / "run")
        rng = random.Random(given.seed)
        if given.whole:
            shutil.copytree(root / "run", root / "explaining")
            forget(root / "explaining", step_2=False)
        forget(root / "run", step_2=True)
        of_step_4 = given.kills // 2 if phrased else 0
        print(f"killed from the first question of step 2 on{', to the end of step 4' if given.whole else ''}:")
        killed(store, root / "run", root, chosen, server, talk, given.kills - of_step_4, expected, rng, questions=6)
        if of_step_4:
            print("killed in step 4 alone:")
            killed(store, root / "explaining", root, chosen, server, talk, of_step_4, expected, rng, questions=2)
        for name, sizes in prompt_sizes(store, chosen):
            print(told(name, sizes), flush=True)


if __name__ == "__main__":
    main()
