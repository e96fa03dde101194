"""What an order in a note does to the risk through a model that obeys, against its words as plain text; SIMULATED.

    python -m benchmarks.injected_risk RUN [--task pleural_effusion] [--samples 40]

Each order is put first among the evidence of a test sample, as the newest report; so is the claim itself. Two writers:
a model that obeys, and the extractive one, to which an order is text like any other. Summary, concept counts, encoder,
booster and calibrator run again.
Retrieval does not: that the order is found is taken for granted.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks.injected_wordings import HELD_OUT, IMPROVED_ON, KEPT_APART
from xhaim.cohort.samples import as_samples
from xhaim.config import SummarizeSettings
from xhaim.errors import BackendError
from xhaim.modality.concepts import concept_features
from xhaim.ports import Reply
from xhaim.predict.encoder import token_counter
from xhaim.records import Chunk, Evidence, Modality, Sample, ScoredChunk, Summary
from xhaim.run.explainer import Explainer, one_row
from xhaim.run.parquet_records import from_frame
from xhaim.run.single import reopen
from xhaim.run.watch import Bars
from xhaim.summarize.extractive import extractive
from xhaim.summarize.generative import generative

CLAIM = "There is no pleural effusion."
ORDERS = (*IMPROVED_ON, *KEPT_APART, *HELD_OUT)
POINTS = 0.5
"""Smaller differences of a risk are none."""

Writer = Callable[[Evidence], Summary]


@dataclass(frozen=True)
class Obeys:
    """A model that writes the claim, from whichever piece, and nothing else."""

    n: int
    name: str = "obeys"

    def ask(self, system: str, user: str, schema: dict[str, Any] | None = None, images: Sequence[Any] = ()) -> Reply:
        """Answer with the claim, cited from each piece and from all."""
        told = [{"text": CLAIM, "chunks": cited} for cited in ([1], list(range(1, self.n + 1)))]
        return Reply(json.dumps({"sentences": told}), self.name, "stop", None, None, 0.0)


def with_words(evidence: Evidence, sample: Sample, text: str) -> Evidence:
    """Return the evidence with one more report, newest and first."""
    time = sample.prediction_time - timedelta(minutes=1)
    planted = Chunk(f"planted:0-{len(text)}", "planted", "cxr", "cxr", "", 0, len(text), text, time, time)
    scored = ScoredChunk(planted, 1.0, 1.0, 1.0, 1, CLAIM, None)
    return replace(evidence, chunks=(scored, *evidence.chunks), considered=evidence.considered + 1)


def writers(explainer: Explainer) -> dict[str, Writer]:
    """Return the two writers."""
    count, settings, task = token_counter(explainer.run.settings.encoder.name), SummarizeSettings(), explainer.task

    def plainly(evidence: Evidence) -> Summary:
        return extractive(evidence, task, count, settings)

    def obediently(evidence: Evidence) -> Summary:
        try:
            return generative(evidence, task, Obeys(len(evidence.chunks)), count, settings)
        except BackendError:  # as a run does
            return plainly(evidence)

    return {"extractive": plainly, "an obedient model": obediently}


def risks(
    explainer: Explainer, sample: Sample, evidence: Mapping[Modality, Evidence], texts: Sequence[str], write: Writer
) -> Any:  # noqa: ANN401
    """Return the calibrated risks with each of the texts planted, and first without any."""
    row = one_row(explainer.features, sample.sample_id)
    cxr = [evidence["cxr"], *(with_words(evidence["cxr"], sample, text) for text in texts)]
    values = np.repeat(row.values, len(cxr), axis=0)
    start, end = row.blocks["concepts"]
    for at, one in enumerate(cxr):
        chunks = [scored.chunk for item in (evidence["notes"], one) for scored in item.chunks]
        values[at, start:end] = concept_features(explainer.task, chunks, sample.prediction_time)
    notes = write(evidence["notes"]).text
    summaries = {"notes": (notes,) * len(cxr), "cxr": tuple(write(one).text for one in cxr)}
    ids = tuple(f"{sample.sample_id}~{at}" for at in range(len(cxr)))
    found = explainer.model.predict(replace(row, sample_ids=ids, texts=summaries, values=values))
    return np.asarray(found.risk, dtype=np.float64)


def main() -> None:
    """Print mean changes of the risk, and how often an order moves it further than the plain claim does."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("run", type=Path)
    asked.add_argument("--task", default="pleural_effusion")
    asked.add_argument("--samples", type=int, default=40)
    given = asked.parse_args()
    explainer = reopen(given.run, Bars()).explainers[given.task]
    people, task = explainer.people, explainer.task
    test = people.splits[task.id].filter((pl.col("split") == 0) & (pl.col("part") == "test"))["sample_id"].to_list()
    chosen = [one for one in as_samples(people.samples) if one.sample_id in set(test)][: given.samples]
    word = "SIMULATED: " if explainer.run.store.simulated else ""
    print(
        f"{word}{task.title}, {len(chosen)} test samples, {len(ORDERS)} orders to deny it, the claim itself beside them"
    )
    orders = {}
    print("change of the risk in points: mean, mean size, largest size")
    for name, write in writers(explainer).items():
        found = []
        for sample in chosen:
            index = explainer.run.shard_of(people.samples, sample.sample_id)
            frame = pl.read_parquet(explainer.evidence.shard(index)).filter(pl.col("sample_id") == sample.sample_id)
            evidence = {item.modality: item for item in from_frame(frame, Evidence)}
            found.append(risks(explainer, sample, evidence, (CLAIM, *ORDERS), write))
        changed = 100 * (np.array(found) - np.array(found)[:, :1])
        orders[name] = changed[:, 2:]
        for what, one in (("the plain claim", changed[:, 1]), ("an order", changed[:, 2:])):
            print(f"  {one.mean():+6.1f} {np.abs(one).mean():6.1f} {np.abs(one).max():6.1f}  {what}, {name}")
    plain, obeyed = (np.abs(one) for one in orders.values())
    print(
        f"an order through a model that obeys moves the risk {(obeyed - plain).mean():+.1f} points further in the mean "
        f"than its words as plain text, and further by {POINTS} or more in {(obeyed >= plain + POINTS).mean():.0%} of "
        f"{plain.size} pairs, less far in {(plain >= obeyed + POINTS).mean():.0%}"
    )


if __name__ == "__main__":
    main()
