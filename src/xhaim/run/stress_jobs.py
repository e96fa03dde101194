"""Stage: the risks of a split's test samples under each perturbation, one Parquet file for each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
import polars as pl

from xhaim.evaluate.stress import STRESS_SCHEMA
from xhaim.predict.risks import Risks
from xhaim.records import Features
from xhaim.run.context import Run
from xhaim.run.directory import Stage, write_frame
from xhaim.run.explainer import Explainer
from xhaim.run.stress_facts import drawn
from xhaim.run.stress_features import Case, Perturbed
from xhaim.run.stress_plan import Perturbation

TOGETHER = 8
"""Perturbations that leave the texts alone are predicted so many at once: each text is embedded once for all."""


@dataclass(frozen=True, slots=True)
class Job:
    """Some perturbations of one split of one task, as a worker process is given it."""

    stage: Stage
    explainer: Explainer
    """Of the split; without the run's watcher, which cannot go to another process."""
    chosen: tuple[str, ...]
    perturbations: tuple[Perturbation, ...]


def path_of(stage: Stage, split: int, perturbation: Perturbation) -> Path:
    """Return where the rows of a perturbation lie."""
    return stage.path(f"split-{split}") / f"{perturbation.id}.parquet"


def jobs(stage: Stage, explainer: Explainer, chosen: tuple[str, ...], wanted: Sequence[Perturbation]) -> Iterator[Job]:
    """Return what is still to be done of one split: perturbed notes one by one, all others a few at a time."""
    todo = [one for one in wanted if not path_of(stage, explainer.split, one).exists()]
    plain = iter([one for one in todo if not one.bounded])
    while batch := tuple(islice(plain, TOGETHER)):
        yield Job(stage, explainer, chosen, batch)
    for one in todo:
        if one.bounded and chosen:
            yield Job(stage, explainer, chosen, (one,))


def chosen_samples(explainers: Sequence[Explainer], most: int) -> list[tuple[str, ...]]:
    """Return for each split the test samples whose notes are perturbed: ``most`` in all, of the first splits first.

    Drawn by a hash of their id. A sample that is chosen in one split is in every other where it is a test sample: then
    it counts once.
    """
    chosen: set[str] = set()
    for explainer in explainers:
        test = sorted(_test(explainer), key=lambda name: (drawn("stress", name).random(), name))
        chosen |= set([name for name in test if name not in chosen][: max(0, most - len(chosen))])
    return [tuple(sorted(chosen & set(_test(explainer)))) for explainer in explainers]


def _test(explainer: Explainer) -> list[str]:
    return [explainer.rows.ids[row] for row in explainer.rows.test]


_OPEN: dict[tuple[str, int], Case] = {}


def perturb(run: Run, job: Job) -> Sequence[str]:
    """Do one job; the case that a process had open last stays open for the next job of the same split."""
    key = (str(job.stage.folder.resolve()) + job.stage.key, job.explainer.split)
    if key not in _OPEN:
        _OPEN.clear()
        _OPEN[key] = Case(run, replace(job.explainer, run=run), job.chosen)
    case = _OPEN[key]
    pairs = [(case.before(one), case.perturb(one)) for one in job.perturbations]
    risks = _predicted(case, [features for before, after in pairs for features in (before, after.features)])
    for at, (one, (before, after)) in enumerate(zip(job.perturbations, pairs, strict=True)):
        rows = _rows(case, before, after, risks[2 * at], risks[2 * at + 1])
        write_frame(path_of(job.stage, job.explainer.split, one), rows)
    return run.watch.notes


def _predicted(case: Case, several: Sequence[Features]) -> list[Risks]:
    """Return the risks of several features, predicted as one: equal texts are embedded once."""
    first = several[0]
    joined = replace(
        first,
        sample_ids=tuple(f"{name}~{at}" for at, one in enumerate(several) for name in one.sample_ids),
        texts={modality: tuple(text for one in several for text in one.texts[modality]) for modality in first.texts},
        values=np.concatenate([one.values for one in several]),
    )
    found = case.explainer.model.predict(joined)
    ends = np.cumsum([len(one.sample_ids) for one in several])
    return [
        Risks(*(getattr(found, name)[start:end] for name in ("raw", "risk", "low", "high", "outcomes")))
        for start, end in zip([0, *ends[:-1].tolist()], ends.tolist(), strict=True)
    ]


def _rows(case: Case, before: Features, after: Perturbed, was: Risks, now: Risks) -> pl.DataFrame:
    labels = dict(zip(case.explainer.rows.ids, case.explainer.rows.labels.tolist(), strict=True))
    threshold = case.explainer.model.facts.operating_point.threshold
    rows = pl.DataFrame(
        {
            "sample_id": before.sample_ids,
            "subject_id": [case.subjects[name] for name in before.sample_ids],
            "split": case.explainer.split,
            "label": [labels[name] for name in before.sample_ids],
            "threshold": threshold,
            "raw_before": was.raw,
            "risk_before": was.risk,
        }
    )
    then = pl.DataFrame({"sample_id": after.features.sample_ids, "raw": now.raw, "risk": now.risk})
    failed = pl.DataFrame(
        list(after.failed.items()), schema={"sample_id": pl.String(), "failed": pl.String()}, orient="row"
    )
    for other in (then, after.counts, failed):
        rows = rows.join(other, on="sample_id", how="left")
    return rows.select([pl.col(name).cast(kind) for name, kind in STRESS_SCHEMA.items()]).sort("sample_id")
