"""How long tables and figure of 1,000 explanations take from stored verdicts: two judges, two people, all made up.

    python -m benchmarks.judge_people_tables [--items 1000] [--people 1000]

Writes a run of verdicts to a temporary folder (SIMULATED), then times ``xhaim.run.agreement.agree`` with its 1,000
resamples, for every task, dimension and pair.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np

from xhaim.judge.verdicts import digest, slug, verdict_json
from xhaim.records import DIMENSIONS, Verdict
from xhaim.run.agreement import agree
from xhaim.run.directory import LAYOUT

TASKS, JUDGES, PEOPLE = ("mortality_48h", "pleural_effusion"), ("deterministic critic", "a model"), ("ann", "bob")


def made_up(root: Path, items: int, by_people: int) -> Path:
    """Write explanations and verdicts whose scores share one latent quality; return the file of people's scores."""
    rng = np.random.default_rng(0)
    (root / "manifest.json").write_text(json.dumps({"layout": LAYOUT}))
    lines = []
    for place in range(items):
        task, sample, quality = TASKS[place % 2], f"{place:06}-20200101T000000", rng.normal()
        raw = json.dumps({"simulated": True, "report_policy": "admissible", "place": place}).encode()
        path = root / "explanations" / task / f"{sample}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(raw)
        for rater in (*JUDGES, *PEOPLE):
            scores = {name: int(np.clip(round(3.8 + 0.7 * quality + 0.5 * rng.normal()), 1, 5)) for name in DIMENSIONS}
            said = verdict_json(Verdict(sample, task, digest(raw), rater, scores, {}))
            if rater in JUDGES:
                path = root / "verdicts" / slug(rater) / task / f"{sample}.json"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(said)
            elif place < by_people:
                lines.append(json.dumps(json.loads(said)))
    file = root / "people.jsonl"
    file.write_text("\n".join(lines))
    return file


def main() -> None:
    """Print the seconds."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--items", type=int, default=1000)
    asked.add_argument("--people", type=int, default=1000, help="items that people score")
    wanted = asked.parse_args()
    with tempfile.TemporaryDirectory() as name:
        people = made_up(Path(name), wanted.items, wanted.people)
        start = time.perf_counter()
        found = agree(Path(name), [people])
        seconds = time.perf_counter() - start
    told = f"{wanted.items} explanations, {len(JUDGES)} judges, {len(PEOPLE)} people, {len(found.tables)} tables"
    print(f"SIMULATED: {told} and the figure, 1,000 resamples: {seconds:.1f} s")


if __name__ == "__main__":
    main()
