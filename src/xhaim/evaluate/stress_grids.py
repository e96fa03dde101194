"""The tables of a stress test in words."""

from __future__ import annotations

from collections.abc import Sequence

from xhaim.evaluate.grids import Grid
from xhaim.evaluate.header import RunHeader, stamps
from xhaim.evaluate.stress import FLIPS
from xhaim.evaluate.stress_group_grids import group_grid, held_grid, hidden_grid
from xhaim.evaluate.stress_words import (
    TaskStress,
    change_words,
    count_words,
    done_words,
    p_words,
    pair_words,
    policy_notes,
    score_words,
    share_words,
    task_words,
)


def stress_grids(found: Sequence[TaskStress], header: RunHeader) -> tuple[Grid, ...]:
    """Return every table, each stamped with what a reader of its numbers must know."""
    marks = stamps(header, tuple(one.task_id for one in found))
    shown = (
        _effects(found, header, marks),
        _sizes(found, header, marks),
        group_grid(found, header, marks),
        hidden_grid(found, header, marks),
    )
    return (*shown, held_grid(found, header, marks)) if any(task.held for task in found) else shown


def _effects(found: Sequence[TaskStress], header: RunHeader, marks: tuple[str, ...]) -> Grid:
    body = []
    for task in found:
        for one in task.tested:
            seen, against = one.effect, one.effect.against
            body.append(
                (
                    task_words(task, header),
                    done_words(one),
                    f"{seen.rows:,}",
                    pair_words(seen.auc_before, seen.auc_after),
                    change_words(seen.difference),
                    score_words(seen.moved),
                    share_words(seen.crossed),
                    score_words(against.moved) if against else "",
                    p_words(against.p) if against else "",
                )
            )
    return Grid(
        key="stress-1",
        stamps=marks,
        caption="Stress 1: What was done to the records of test samples, and what it does to ranking and risks",
        columns=(
            "Task",
            "What was done",
            "Rows",
            "AUC",
            "Change of AUC (95 %)",
            "Risk moves",
            "Cross",
            "Control moves",
            "p",
        ),
        body=tuple(body),
        notes=(
            "Risk moves: mean absolute change of the calibrated risk.",
            "Cross: share of rows whose risk changes its side of the split's operating point.",
            "Change of AUC: paired, bootstrap of subjects, mean over the splits.",
            "p: two-sided, of perturbation and control moving the risks equally, by flipping the sign of the "
            f"difference subject by subject ({FLIPS:,} times); not corrected for the number of rows.",
            "Perturbed notes: a drawn part of the test samples; the labels of earlier films stay as they were.",
            *policy_notes(header),
        ),
    )


def _sizes(found: Sequence[TaskStress], header: RunHeader, marks: tuple[str, ...]) -> Grid:
    body = tuple(
        (
            task_words(task, header),
            done_words(one),
            pair_words(one.effect.brier_before, one.effect.brier_after),
            pair_words(one.effect.slope_before, one.effect.slope_after, 2),
            *(count_words(number) for number in (one.effect.made, one.effect.undone, one.effect.beside)),
            f"{one.effect.failed:,}",
        )
        for task in found
        for one in task.tested
    )
    return Grid(
        key="stress-2",
        stamps=marks,
        caption="Stress 2: Calibration, and how much was edited",
        columns=("Task", "What was done", "Brier", "Calibration slope", "Edits", "Undone", "Beside", "Failed"),
        body=body,
        notes=(
            "Edits: words, sentences, copies or measurements, as the row says.",
            "Undone: edits of notes that would have changed a fact, or values that the rules for units and bounds "
            "refused; beside: other values refused with them.",
            "Failed: rows whose perturbed record a step could not handle.",
        ),
    )
