"""One patient's chart as a store that models can be asked of, and until when it holds.

Two things differ from a bundle that is ingested for training. What has arrived is known: no lag that a source assumes
may date a fact after its own arrival. And this server's clock says what is now: what is dated more than ``TOLERANCE``
after the latest arrival is planned, or some clock is wrong, and does not move the prediction into the future; it is
counted, and the guard lets it in once that time has come.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl

from xhaim.cohort.guard import STATIC
from xhaim.events import code_is
from xhaim.records import Sample
from xhaim.run.apply_bundle import Left, read_bundle
from xhaim.run.apply_moments import moment
from xhaim.serve.arrivals.chart import Chart
from xhaim.source.store import Store
from xhaim.source.write import write_shard
from xhaim.task import Task

_MOST_PICTURES = 500
"""Of one patient, in all that was sent; their bytes are bounded too."""
TOLERANCE = timedelta(minutes=5)
"""How far clocks of a hospital may go apart."""
_LATEST = pl.max_horizontal("known_at", "time")
_DATED = ~pl.any_horizontal(code_is(kind) for kind in STATIC) & _LATEST.is_not_null()


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read of a chart; times are local ones of the hospital."""

    store: Store
    """Of this one subject."""
    until: datetime
    """The latest arrival, and the tolerance."""
    latest: datetime | None
    """The last thing that is dated until then; ``None``: nothing is dated."""
    future: int
    """Facts that are dated after that."""
    left: tuple[Left, ...]
    """What was set aside or is of no use here."""

    def sample(self, task: Task) -> Sample:
        """Return the moment of a task (``apply_moments``), of what is dated until now. Raises DataError as it does."""
        events = self.store.events().collect()
        return moment(events.filter((self.until >= _LATEST).fill_null(value=True)).lazy(), task)


def read_chart(chart: Chart, folder: Path, zone: str | None, subject_id: int) -> Reading:
    """Read a chart into a store below ``folder``, which is empty. ``zone``: of the hospital; ``None``: UTC.

    Raises DataError as ``read_bundle`` does.
    """
    patient = read_bundle(chart.bundle(), folder, zone, _MOST_PICTURES)
    clock = ZoneInfo(zone or "UTC")
    came = {name: _local(arrived, clock) for name, arrived in chart.arrivals().items()}
    until = _local(chart.arrived, clock)
    events = patient.store.events().collect()
    known = events.with_columns(known_at=_known_by(came, until), subject_id=pl.lit(subject_id, pl.Int64()))
    write_shard(patient.store.path, 0, known)
    for path in (patient.store.path / "data").glob("*.parquet"):
        if path.stem != "0":
            path.unlink()
    until += TOLERANCE
    dated = known.filter(_DATED).select(_LATEST.alias("latest"))["latest"]
    inside = dated.filter(dated <= until)
    return Reading(patient.store, until, inside.max(), len(dated) - len(inside), patient.left)  # type: ignore[arg-type]


def _known_by(came: dict[str, datetime], until: datetime) -> pl.Expr:
    """Return when each fact was known: at its arrival at the latest, and never before it happened.

    What has no time of knowledge, as a static fact, keeps none.
    """
    arrived = pl.col("source").replace_strict(came, default=until, return_dtype=pl.Datetime("us"))
    late = pl.col("known_at") > arrived
    return pl.when(late).then(pl.max_horizontal("time", arrived)).otherwise("known_at").alias("known_at")


def _local(time: datetime, clock: ZoneInfo) -> datetime:
    return time.astimezone(clock).replace(tzinfo=None)
