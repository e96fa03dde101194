"""Tables of what each modality is worth: the AUC of every combination of them, and Shapley values (HAIM)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import polars as pl

from xhaim.evaluate.compare import over_splits
from xhaim.evaluate.experiment import Experiment, Worth, stamps_of
from xhaim.evaluate.metrics import Score, Unscored
from xhaim.evaluate.typed_table import Cell, Column, Table, number, words

SYSTEM_WORDS = {
    "haim": "HAIM, by modalities",
    "haim_sources": "HAIM, by sources",
    "xhaim": "xHAIM, frozen encoder",
}
_HOW = (
    "Each combination is a model of its own, on the same splits: XGBoost of 200 trees of depth 5, learning rate 0.3, "
    "the first of HAIM's grid, over the columns of these modalities alone. AUC of the test part; mean ± standard error "
    "over the splits. By sources: every combination of HAIM's sources, and the mean over those of exactly these "
    "modalities."
)


def combination_table(experiments: Sequence[Experiment]) -> Table:
    """Return the AUC of every combination of modalities: one row for each task, system and combination."""
    rows: list[Mapping[str, Cell]] = []
    for worth, shared in _each(experiments):
        for (some,), mine in worth.combinations.group_by("combination", maintain_order=True):
            score = over_splits(_scores(mine, "auc"))
            rows.append({**shared, "modalities": " + ".join(some), "size": len(some), "auc": score})
    return Table(
        "combinations",
        stamps_of(experiments),
        "Every combination of modalities",
        (*_WHO, Column("Modalities", "modalities", words), Column("AUC", "auc", number())),
        tuple(rows),
        (_HOW,),
    )


def shapley_table(experiments: Sequence[Experiment]) -> Table:
    """Return the Shapley value of every modality: one row for each task, system and modality."""
    rows: list[Mapping[str, Cell]] = []
    for worth, shared in _each(experiments):
        for (modality,), mine in worth.values.group_by("modality", maintain_order=True):
            rows.append({**shared, "modality": str(modality), "value": over_splits(_scores(mine, "value"))})
    return Table(
        "shapley",
        stamps_of(experiments),
        "What each modality is worth: Shapley values of the AUC",
        (*_WHO, Column("Modality", "modality", words), Column("Shapley value", "value", number(signed=True))),
        tuple(rows),
        (
            "The mean gain of AUC when a modality is added to the others, over all combinations of these, each "
            "weighing 1 / (n C(n - 1, size)); nothing at all has AUC 0.5. Those of one system add up to the AUC of all "
            "its modalities less 0.5.",
            _HOW,
        ),
    )


_WHO = (
    Column("Task", "task", words),
    Column("System", "label", words, once=True),
    Column("Models of a split", "models", words, once=True),
)


def _each(experiments: Sequence[Experiment]) -> Iterator[tuple[Worth, dict[str, Cell]]]:
    for item in experiments:
        for worth in item.worth:
            said: dict[str, Cell] = {"task": item.title, "task_id": item.task.id, "policy": item.policy}
            said |= {"leaky": item.leaky, "simulated": item.simulated, "system": worth.system}
            yield worth, said | {"label": SYSTEM_WORDS[worth.system], "models": worth.models}


def _scores(rows: pl.DataFrame, name: str) -> list[Score]:
    return [
        Unscored(reason or "no reason was kept") if value is None else value
        for value, reason in rows.sort("split").select(name, "reason").iter_rows()
    ]
