"""Samples whose records a step cannot handle: set aside with a reason, counted, and left out of what follows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import polars as pl

from xhaim.errors import DataError, XhaimError
from xhaim.run.context import Run
from xhaim.run.directory import Stage, write_frame
from xhaim.run.faults import place_of
from xhaim.run.people import People
from xhaim.task import Task

FOLDER = "set_aside"
"""Of a stage: its samples that could not be handled, shard by shard."""
TOLERATED = 20
"""One sample in so many, and always one: where more fail, it is not the records that are at fault."""
_SCHEMA = {"sample_id": pl.String(), "reason": pl.String()}


@dataclass(slots=True)
class SetAside:
    """Samples of one shard that a step could not handle, with the reason of each; for several threads."""

    reasons: dict[str, str] = field(default_factory=dict)

    @contextmanager
    def trying(self, sample_id: str) -> Iterator[None]:
        """Set the sample aside where the work on it fails; what is no fault of a record goes through."""
        try:
            yield
        except (XhaimError, OSError, MemoryError):
            raise
        except Exception as error:  # whatever a record does to a library
            self.reasons[sample_id] = place_of(error)

    def write(self, stage: Stage, index: int) -> None:
        """Keep them beside the shard, before it: who finds the shard finds them."""
        if self.reasons:
            rows = sorted(self.reasons.items())
            write_frame(stage.path(FOLDER) / f"{index:05d}.parquet", pl.DataFrame(rows, schema=_SCHEMA, orient="row"))


def read_set_aside(stage: Stage) -> pl.DataFrame:
    """Return ``sample_id`` and ``reason`` of all that a stage set aside."""
    found = [pl.read_parquet(path) for path in sorted(stage.path(FOLDER).glob("*.parquet"))]
    return pl.concat([pl.DataFrame(schema=_SCHEMA), *found])


def without(run: Run, people: People, task: Task, step: str, stage: Stage) -> People:
    """Return the people without those whom a step of a task set aside: unlabelled for it, and said so in its attrition.

    Raises DataError where so many failed that it cannot be the records.
    """
    aside = read_set_aside(stage).join(people.labels[task.id].select("sample_id"), on="sample_id", how="semi")
    if aside.is_empty():
        return people
    n, reasons = people.labels[task.id].height, aside["reason"].value_counts().sort("count", "reason").rows()
    told = ", ".join(f"{reason} ({count})" for reason, count in reversed(reasons))
    if aside.height > max(1, n // TOLERATED):
        raise DataError(
            f"{step}, {task.title}: {aside.height} of {n} samples could not be handled",
            got=told,
            expected=f"at most one in {TOLERATED}: where more fail, it is the code or the installation",
            do=f"see {stage.path(FOLDER)}; tell the developers these places in the code",
        )
    run.watch.note(f"{step}, {task.title}: {aside.height} of {n} samples set aside, since they failed: {told}")
    kept = people.labels[task.id].join(aside, on="sample_id", how="anti", maintain_order="left")
    splits = people.splits[task.id].join(aside, on="sample_id", how="anti", maintain_order="left")
    return replace(
        people,
        labels={**people.labels, task.id: kept},
        splits={**people.splits, task.id: splits},
        attrition=_attrition(people.attrition, task, step, reasons, kept),
    )


def _attrition(
    rows: pl.DataFrame, task: Task, step: str, reasons: list[tuple[str, int]], kept: pl.DataFrame
) -> pl.DataFrame:
    """Put who was set aside before the two rows of who is left, and count these again."""
    mine = pl.col("task_id") == task.id
    lost = [{"task_id": task.id, "stage": step, "reason": f"failed: {reason}", "n": n} for reason, n in reasons]
    own = rows.filter(mine)
    left = own.tail(2).with_columns(n=pl.Series([kept.height, int(kept["label"].sum())], dtype=rows.schema["n"]))
    return pl.concat([rows.filter(~mine | mine.is_null()), own.head(-2), pl.DataFrame(lost, schema=rows.schema), left])
