"""The tables of a stress test in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xhaim.evaluate.compare import Difference, Estimate
from xhaim.evaluate.grids import MINUS, POLICY_WORDS, Grid
from xhaim.evaluate.header import RunHeader, is_leaky, stamps
from xhaim.evaluate.metrics import Score, Unscored
from xhaim.evaluate.stress import FLIPS, Effect
from xhaim.evaluate.stress_groups import GroupRow
from xhaim.evaluate.stress_hidden import Hidden


@dataclass(frozen=True, slots=True)
class Tested:
    """One perturbation and its effect."""

    id: str
    group: str
    title: str
    of: str | None
    """The perturbation whose control this is; ``None``: it is none."""
    effect: Effect


@dataclass(frozen=True, slots=True)
class TaskStress:
    """Everything that was tested of one task."""

    task_id: str
    title: str
    unfitted: str | None
    """Why nothing could be tested; ``None`` where it was."""
    tested: tuple[Tested, ...]
    groups: tuple[GroupRow, ...]
    hidden: tuple[Hidden, ...]
    group_kind: str
    """What the groups are."""


def stress_grids(found: Sequence[TaskStress], header: RunHeader) -> tuple[Grid, ...]:
    """Return every table, each stamped with what a reader of its numbers must know."""
    marks = stamps(header, tuple(one.task_id for one in found))
    return (
        _effects(found, header, marks),
        _sizes(found, header, marks),
        _groups(found, header, marks),
        _hidden(found, header, marks),
    )


def _effects(found: Sequence[TaskStress], header: RunHeader, marks: tuple[str, ...]) -> Grid:
    body = []
    for task in found:
        for one in task.tested:
            seen, against = one.effect, one.effect.against
            body.append(
                (
                    _task(task, header),
                    _what(one),
                    f"{seen.rows:,}",
                    f"{_mean(seen.auc_before)} to {_mean(seen.auc_after)}",
                    _change(seen.difference),
                    _score(seen.moved),
                    _percent(seen.crossed),
                    _score(against.moved) if against and against.rows else "",
                    _p(against.p) if against else "",
                )
            )
    return Grid(
        key="stress-1",
        stamps=marks,
        caption="Stress 1. What was done to the records of test samples, and what it does to ranking and risks",
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
            *_policies(header),
        ),
    )


def _sizes(found: Sequence[TaskStress], header: RunHeader, marks: tuple[str, ...]) -> Grid:
    body = tuple(
        (
            _task(task, header),
            _what(one),
            f"{_mean(one.effect.brier_before)} to {_mean(one.effect.brier_after)}",
            f"{_mean(one.effect.slope_before, 2)} to {_mean(one.effect.slope_after, 2)}",
            *(_count(number) for number in (one.effect.made, one.effect.undone, one.effect.beside)),
            f"{one.effect.failed:,}",
        )
        for task in found
        for one in task.tested
    )
    return Grid(
        key="stress-2",
        stamps=marks,
        caption="Stress 2. Calibration, and how much was edited",
        columns=("Task", "What was done", "Brier", "Calibration slope", "Edits", "Undone", "Beside", "Failed"),
        body=body,
        notes=(
            "Edits: words, sentences, copies or measurements, as the row says.",
            "Undone: edits of notes that would have changed a fact, or values that the rules for units and bounds "
            "refused; beside: other values refused with them.",
            "Failed: rows whose perturbed record a step could not handle.",
        ),
    )


def _groups(found: Sequence[TaskStress], header: RunHeader, marks: tuple[str, ...]) -> Grid:
    body = tuple(
        (
            _task(task, header),
            one.group,
            f"{one.rows:,}",
            f"{one.positives:,}",
            _score(one.auc) + _ends(one.interval),
            _score(one.others),
            _score(one.robustness),
            _score(one.brier),
        )
        for task in found
        for one in task.groups
    )
    kinds = dict.fromkeys(task.group_kind for task in found if task.group_kind)
    return Grid(
        key="stress-3",
        stamps=marks,
        caption=f"Stress 3. The same model by group: {', '.join(kinds) or 'none'}",
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


def _hidden(found: Sequence[TaskStress], header: RunHeader, marks: tuple[str, ...]) -> Grid:
    body = tuple(
        (
            _task(task, header),
            one.attribute,
            one.block.replace("_", " "),
            f"{one.having:,} of {one.subjects:,}",
            _score(one.auc),
            _p(one.p),
            _score(one.demographics),
            _change(one.beyond),
            f"{_score(one.everything)} to {_score(one.dropped)}",
        )
        for task in found
        for one in task.hidden
    )
    return Grid(
        key="stress-4",
        stamps=marks,
        caption="Stress 4. What each block reveals of sex, race and insurance",
        columns=(
            "Task",
            "Attribute",
            "Block",
            "Subjects",
            "AUC of the block",
            "p",
            "AUC of demographics",
            "Gain beyond them (95 %)",
            "All blocks, and without this one",
        ),
        body=body,
        notes=(
            "A logistic model from the block's columns (its main directions) to the attribute, out of fold, one sample "
            "of each subject; texts by the retrieval encoder as it came.",
            "Demographics: the tabular block without the attribute's own columns.",
            "p: of so high an AUC with the attribute permuted among subjects; not corrected for the number of rows.",
        ),
    )


def _task(task: TaskStress, header: RunHeader) -> str:
    policy = header.report_policy.get(task.task_id)
    return f"{task.title} [{policy or 'policy not said'}{' · LEAKY' if is_leaky(header, task.task_id) else ''}]"


def _policies(header: RunHeader) -> tuple[str, ...]:
    return tuple(f"[{name}]: {POLICY_WORDS[name]}." for name in dict.fromkeys(header.report_policy.values()))


def _what(one: Tested) -> str:
    return one.title if one.of is None else f"control: {one.title}"


def _mean(value: Estimate | Unscored, digits: int = 3) -> str:
    return "-" if isinstance(value, Unscored) else f"{value.mean:.{digits}f}".replace("-", MINUS)


def _score(value: Score) -> str:
    return "-" if isinstance(value, Unscored) else f"{value:.3f}".replace("-", MINUS)


def _percent(value: Score) -> str:
    return "-" if isinstance(value, Unscored) else f"{100 * value:.1f} %"


def _change(value: Difference | Unscored) -> str:
    if isinstance(value, Unscored):
        return str(value)
    return f"{value.mean:+.3f}".replace("-", MINUS) + _ends(value.interval)


def _ends(interval: tuple[float, float] | Unscored) -> str:
    if isinstance(interval, Unscored):
        return ""
    low, high = (f"{end:.3f}".replace("-", MINUS) for end in interval)
    return f" [{low}, {high}]"


def _p(value: float | Unscored) -> str:
    return "none" if isinstance(value, Unscored) else f"{value:.3f}"


def _count(value: int | None) -> str:
    return "" if value is None else f"{value:,}"
