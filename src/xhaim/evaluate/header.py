"""What a report says about the run before it says any number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from xhaim.records import ReportPolicy


@dataclass(frozen=True, slots=True)
class RunHeader:
    """What was measured, on what, by what."""

    title: str
    simulated: bool
    """Patients are simulated: said beside every number."""
    report_policy: Mapping[str, ReportPolicy]
    """Task id -> which radiology text could be used."""
    leaky: bool = False
    """Some model saw text that states the label: stamped on every output."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """Package -> version."""
    config_hash: str = ""
    data_fingerprint: str = ""
    n_subjects: int | None = None
    n_stays: int | None = None
    modalities_absent: tuple[str, ...] = ()
    """Modalities of which the store has nothing, in words."""
    notes: tuple[str, ...] = ()
    """Warnings that a reader of the numbers must see."""
    created: str | None = None
    """Only where the caller wants a date in the report; nothing here reads a clock."""


def is_leaky(header: RunHeader, task_id: str) -> bool:
    """Say whether a task's numbers carry the LEAKY stamp.

    ``index_included`` always does. ``header.leaky`` without any such policy stamps every task: something else leaked,
    and it is not known where.
    """
    if "index_included" in header.report_policy.values():
        return header.report_policy.get(task_id) == "index_included"
    return header.leaky


def stamps(header: RunHeader, task_ids: tuple[str, ...]) -> tuple[str, ...]:
    """Return the words that stand before the caption of whatever shows numbers of these tasks."""
    leaky = any(is_leaky(header, task_id) for task_id in task_ids)
    return (*(("SIMULATED",) if header.simulated else ()), *(("LEAKY",) if leaky else ()))
