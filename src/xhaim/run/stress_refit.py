"""Models fitted again without some houses and tested on them: what a hospital that they have never seen would get."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from xhaim.evaluate.stress_groups import HeldOut, held_out, not_held_out
from xhaim.predict.columns import take
from xhaim.run.context import Run
from xhaim.run.directory import Stage, write_frame
from xhaim.run.explainer import Explainer
from xhaim.run.haim_numbers import without_block
from xhaim.run.parallel import share
from xhaim.run.people import SplitRows
from xhaim.run.stress_facts import drawn
from xhaim.run.stress_features import Case
from xhaim.run.stress_houses import hospitals, house_of, largest
from xhaim.run.watch import Quiet

PARTS = 4
"""Into which hospitals are put, drawn by name: one is held out at a time. Layouts are held out one by one."""


@dataclass(frozen=True, slots=True)
class Refit:
    """Some houses that are held out, as a worker process is given them."""

    stage: Stage
    explainer: Explainer
    number: int
    held: frozenset[str]
    """Samples of these houses."""


def hold_out(run: Run, stage: Stage, explainer: Explainer) -> list[HeldOut]:
    """Fit xHAIM again without each part of the houses, on one split; what is there already is kept."""
    names = _parts(run, explainer)
    parts = sorted(set(names.values()))
    quiet = replace(explainer, run=replace(run, watch=Quiet()))
    every = [
        Refit(stage, quiet, number, frozenset(one for one, part in names.items() if part == wanted))
        for number, wanted in enumerate(parts)
    ]
    left = {one.number: _left(explainer.rows, one.held) for one in every}
    todo = [one for one in every if not left[one.number].too_few and not _path(one).exists()]
    with run.watch.stage(f"held-out houses: {explainer.task.title}") as progress:
        share(run, _refit, todo, progress)
    found = []
    for one, part in zip(every, parts, strict=True):
        rows = left[one.number]
        if why := rows.too_few:
            found.append(not_held_out(part, f"there are {why}", len(rows.train), len(one.held & _test(rows))))
        else:
            found.append(held_out(part, len(rows.train), pl.read_parquet(_path(one))))
    return found


def _parts(run: Run, explainer: Explainer) -> dict[str, str]:
    """sample_id -> the part of the houses that it is held out with."""
    by_subject = hospitals(run.store)
    of = house_of(Case(run, explainer, ()), by_subject, explainer.rows.ids)
    if not by_subject:
        return largest(of)
    part = {house: f"hospitals, part {int(drawn('part', house).integers(PARTS)) + 1}" for house in set(of.values())}
    return {sample_id: part[house] for sample_id, house in of.items()}


def _left(rows: SplitRows, held: frozenset[str]) -> SplitRows:
    """The split without some samples in training and validation."""
    free = np.array([name not in held for name in rows.ids])
    return replace(rows, train=rows.train[free[rows.train]], validation=rows.validation[free[rows.validation]])


def _test(rows: SplitRows) -> set[str]:
    return {rows.ids[row] for row in rows.test}


def _path(one: Refit) -> Path:
    return one.stage.path("held-out") / f"{one.number}.parquet"


def _refit(run: Run, one: Refit) -> Sequence[str]:
    from xhaim.predict.fit import fit

    explainer = replace(one.explainer, run=run)
    rows, whole = _left(explainer.rows, one.held), explainer.features
    features = whole
    for block in {"image", "earlier_image"} & set(whole.blocks):
        features = without_block(features, block)
    model = fit(
        features, rows.labels, rows.subjects, rows.train, rows.validation, run.settings.encoder, run.settings.fusion,
        fine_tune=True, folder=one.stage.path("held-out") / f"model-{one.number}",
    )  # fmt: skip
    names = [rows.ids[row] for row in rows.test]
    frame = pl.DataFrame(
        {
            "sample_id": names,
            "subject_id": rows.subjects[rows.test],
            "label": rows.labels[rows.test],
            "held": [name in one.held for name in names],
            "raw": model.predict(take(features, rows.test)).raw,
            "run": explainer.model.predict(take(whole, rows.test)).raw,
        }
    )
    write_frame(_path(one), frame)
    return run.watch.notes
