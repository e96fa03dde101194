"""The tables of a stress test that are read out by group, and of what blocks reveal."""

from __future__ import annotations

from collections.abc import Sequence

from xhaim.evaluate.grids import Grid
from xhaim.evaluate.header import RunHeader
from xhaim.evaluate.stress_words import TaskStress, change_words, ends_words, p_words, score_words, task_words


def group_grid(found: Sequence[TaskStress], header: RunHeader, marks: tuple[str, ...]) -> Grid:
    """Return the scores of each group of each task."""
    body = tuple(
        (
            task_words(task, header),
            one.group,
            f"{one.rows:,}",
            f"{one.positives:,}",
            score_words(one.auc) + ends_words(one.interval),
            score_words(one.others),
            score_words(one.robustness),
            score_words(one.brier),
        )
        for task in found
        for one in task.groups
    )
    kinds = dict.fromkeys(task.group_kind for task in found if task.group_kind)
    return Grid(
        key="stress-3",
        stamps=marks,
        caption=f"Stress 3: The same model by group: {', '.join(kinds) or 'none'}",
        columns=(
            "Task",
            "Group",
            "Test rows",
            "Positive",
            "AUC (95 %)",
            "AUC of the others",
            "Relative robustness",
            "Brier",
        ),
        body=body,
        notes=(
            "The models were fitted on samples of every group: this is a read-out by group, not a held-out hospital.",
            "Relative robustness: 1 less (AUC of the others less AUC of the group) / AUC of the others.",
            "Calibrated risks of all splits' test parts are pooled; a sample may be in several.",
        ),
    )


def hidden_grid(found: Sequence[TaskStress], header: RunHeader, marks: tuple[str, ...]) -> Grid:
    """Return what each block reveals of each attribute."""
    body = tuple(
        (
            task_words(task, header),
            one.attribute,
            one.block.replace("_", " "),
            f"{one.having:,} of {one.subjects:,}",
            score_words(one.auc),
            p_words(one.p),
            score_words(one.demographics),
            change_words(one.beyond),
            score_words(one.everything),
            score_words(one.dropped),
        )
        for task in found
        for one in task.hidden
    )
    return Grid(
        key="stress-4",
        stamps=marks,
        caption="Stress 4: What each block reveals of sex, race and insurance",
        columns=(
            "Task",
            "Attribute",
            "Block",
            "Subjects",
            "AUC of the block",
            "p",
            "AUC of demographics",
            "Gain beyond them (95 %)",
            "AUC of all blocks",
            "Without this one",
        ),
        body=body,
        notes=(
            "A logistic model from the block's columns (its main directions) to the attribute, out of fold, one sample "
            "of each subject; texts by the retrieval encoder as it came.",
            "Demographics: the tabular block without the attribute's own columns.",
            "p: of so high an AUC with the attribute permuted among subjects; not corrected for the number of rows.",
        ),
    )


def held_grid(found: Sequence[TaskStress], header: RunHeader, marks: tuple[str, ...]) -> Grid:
    """Return the scores of models fitted again without some houses."""
    body = tuple(
        (
            task_words(task, header),
            one.houses,
            f"{one.trained:,}",
            f"{one.rows:,}",
            score_words(one.inside),
            score_words(one.outside) + ends_words(one.interval),
            score_words(one.robustness),
            score_words(one.own),
        )
        for task in found
        for one in task.held
    )
    return Grid(
        key="stress-5",
        stamps=marks,
        caption="Stress 5: Houses held out, by models fitted again without them",
        columns=(
            "Task",
            "Held out",
            "Training rows",
            "Test rows there",
            "AUC elsewhere",
            "AUC there (95 %)",
            "Relative robustness",
            "AUC there, fitted with them",
        ),
        body=body,
        notes=(
            "Of the first split; houses left out of training and validation. Without the image block: its reader was "
            "fitted on images of all houses.",
            "Relative robustness: 1 less (AUC elsewhere less AUC there) / AUC elsewhere.",
        ),
    )
