"""Tables of differences: between models on the same rows, and between groups of patients under one model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from xhaim.evaluate.bootstrap import RESAMPLES
from xhaim.evaluate.compare import paired_difference, paired_splits
from xhaim.evaluate.delong import delong, holm
from xhaim.evaluate.experiment import Experiment, stamps_of
from xhaim.evaluate.metrics import Unscored
from xhaim.evaluate.names import kind_of, model_words
from xhaim.evaluate.score_tables import who
from xhaim.evaluate.subgroups import subgroups
from xhaim.evaluate.typed_table import Cell, Column, Table, number, p_value, words
from xhaim.evaluate.wording import MINUS
from xhaim.ports import Progress, silent


def comparisons(
    experiments: Sequence[Experiment], *, resamples: int = RESAMPLES, seed: int = 0, progress: Progress = silent
) -> Table:
    """Return the reference against every other model on the same rows: DeLong's test and the paired bootstrap."""
    rows: list[Mapping[str, Cell]] = []
    for place, item in enumerate(experiments):
        rows += _against_the_others(item, resamples, seed) if item.reference else []
        progress(place + 1, len(experiments))
    return Table(
        "comparisons",
        stamps_of(experiments),
        "Differences of the AUC on the same test rows",
        (
            Column("Task", "task", words),
            Column("Compared", "compared", words),
            Column("Difference", "difference", number(signed=True)),
            Column("95 %, bootstrap", "bootstrap", number(signed=True)),
            Column("95 %, DeLong", "delong", number(signed=True)),
            Column("p", "p", p_value),
            Column("p, corrected", "p_holm", p_value),
            Column("Subjects", "subjects", words),
        ),
        tuple(rows),
        (
            f"Mean over the splits. Bootstrap: {resamples:,} resamples of subjects. DeLong: all rows of one subject, "
            "in whichever splits, are one cluster (Obuchowski). Both are given the fitted models: another training "
            "set is not in them. Corrected: Holm, over the comparisons of one task and policy.",
        ),
    )


def _against_the_others(item: Experiment, resamples: int, seed: int) -> list[Mapping[str, Cell]]:
    ours = item.reference or ""
    rows: list[dict[str, Cell]] = []
    tests: list[float | Unscored] = []
    for other in (model for model in item.models if model != ours):
        names = [model_words(model, leaky=item.leaky) for model in (ours, other)]
        row = {**who(item, ours), "other": other, "compared": f"{names[0]} {MINUS} {names[1]}"}
        drawn = paired_difference(item.predictions, item.task.id, ours, other, resamples=resamples, seed=seed)
        paired = paired_splits(item.predictions, item.task.id, ours, other)
        if isinstance(drawn, Unscored) or isinstance(paired, Unscored):
            tests.append(Unscored("no difference"))
            reason = drawn if isinstance(drawn, Unscored) else None
            rows.append({**row, "difference": reason, **dict.fromkeys(("bootstrap", "delong", "p", "subjects"))})
            continue
        found = delong(paired)
        interval, p = (found, found) if isinstance(found, Unscored) else (found.interval, found.p)
        tests.append(p)
        scores: dict[str, Cell] = {"difference": drawn.mean, "bootstrap": drawn.interval, "delong": interval, "p": p}
        rows.append({**row, **scores, "subjects": drawn.subjects})
    corrected = holm(tests)
    return [{**row, "p_holm": p if row["p"] is not None else None} for row, p in zip(rows, corrected, strict=True)]


def subgroup_table(
    experiments: Sequence[Experiment], *, resamples: int = RESAMPLES, seed: int = 0, progress: Progress = silent
) -> Table:
    """Return every group of patients under every system (neither ablations nor what must be beaten)."""
    systems = [(item, model) for item in experiments for model in item.models if kind_of(model) == "systems"]
    rows: list[Mapping[str, Cell]] = []
    for place, (item, model) in enumerate(systems):
        for found in subgroups(item.predictions, item.groups, item.task.id, model, resamples=resamples, seed=seed):
            cells: dict[str, Cell] = {name: getattr(found, name) for name in found.__slots__}
            rows.append({**who(item, model), **cells})
        progress(place + 1, len(systems))
    return Table(
        "subgroups",
        stamps_of(experiments),
        "Groups of patients: AUC, and the gap to all others",
        (
            Column("Task", "task", words),
            Column("Model", "label", words),
            Column("", "attribute", words, once=True),
            Column("Group", "group", words),
            Column("Samples", "samples", words),
            Column("Positive", "positives", words),
            Column("AUC", "auc", number()),
            Column("95 % interval", "interval", number()),
            Column("Gap", "gap", number(signed=True)),
            Column("95 % of the gap", "gap_interval", number(signed=True)),
            Column("Mean risk - observed", "excess", number(signed=True)),
        ),
        tuple(rows),
        (
            f"Pairs of a positive and a negative within a split, over all splits; {resamples:,} resamples of subjects. "
            "Gap: to all others of whom the attribute is recorded. The intervals are not corrected for how many groups "
            "are looked at.",
        ),
    )
