"""The results of a stress test as records, and their numbers in words."""

from __future__ import annotations

from dataclasses import dataclass

from xhaim.evaluate.compare import Difference, Estimate
from xhaim.evaluate.grids import POLICY_WORDS
from xhaim.evaluate.header import RunHeader, is_leaky
from xhaim.evaluate.metrics import Score, Unscored
from xhaim.evaluate.stress import Effect
from xhaim.evaluate.stress_groups import GroupRow, HeldOut
from xhaim.evaluate.stress_hidden import Hidden
from xhaim.evaluate.wording import MINUS


@dataclass(frozen=True, slots=True)
class StressRow:
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
    tested: tuple[StressRow, ...]
    groups: tuple[GroupRow, ...]
    hidden: tuple[Hidden, ...]
    group_kind: str
    """What the groups are."""
    held: tuple[HeldOut, ...] = ()
    """Houses held out of a refitted model; empty where that was not asked for."""


def task_words(task: TaskStress, header: RunHeader) -> str:
    """Return a task's title with its report policy, and the stamp where it is leaky."""
    policy = header.report_policy.get(task.task_id)
    return f"{task.title} [{policy or 'policy not said'}{' · LEAKY' if is_leaky(header, task.task_id) else ''}]"


def policy_notes(header: RunHeader) -> tuple[str, ...]:
    """Say once what each policy in brackets lets a model read."""
    return tuple(f"[{name}]: {POLICY_WORDS[name]}." for name in dict.fromkeys(header.report_policy.values()))


def done_words(one: StressRow) -> str:
    """Return what was done, and whether it is a control."""
    return one.title if one.of is None else f"control: {one.title}"


def pair_words(before: Estimate | Unscored, after: Estimate | Unscored, digits: int = 3) -> str:
    """Return ``0.842 to 0.801``, or why there is none."""
    if isinstance(before, Unscored) or isinstance(after, Unscored):
        return str(before if isinstance(before, Unscored) else after)
    return f"{before.mean:.{digits}f} to {after.mean:.{digits}f}".replace("-", MINUS)


def score_words(value: Score) -> str:
    """Return a score, or why there is none."""
    return str(value) if isinstance(value, Unscored) else f"{value:.3f}".replace("-", MINUS)


def share_words(value: Score) -> str:
    """Return a share in per cent, or why there is none."""
    return str(value) if isinstance(value, Unscored) else f"{100 * value:.1f} %"


def change_words(value: Difference | Unscored) -> str:
    """Return a difference of AUC with its 95 % interval, or why there is none."""
    if isinstance(value, Unscored):
        return str(value)
    return f"{value.mean:+.3f}".replace("-", MINUS) + ends_words(value.interval)


def ends_words(interval: tuple[float, float] | Unscored) -> str:
    """Return `` [0.1, 0.2]`` with the blank before it; empty where there is none."""
    if isinstance(interval, Unscored):
        return ""
    low, high = (f"{end:.3f}".replace("-", MINUS) for end in interval)
    return f" [{low}, {high}]"


def p_words(value: float | Unscored) -> str:
    """Return a p-value, or that there is none."""
    return "none" if isinstance(value, Unscored) else f"{value:.3f}"


def count_words(value: int | None) -> str:
    """Return a count; empty where nothing is counted."""
    return "" if value is None else f"{value:,}"
