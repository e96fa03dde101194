"""The engines that ``ingest.py`` compares, each run as ``python -m benchmarks.engines NAME ROOT WORK``.

Prints one line of JSON: seconds, CPU seconds (children too), peak memory. Imports are not timed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.chart import SIGNALS
from xhaim.signals import catalogue, signal_of_code

HAIM_STAYS = 12
SHARD = 256
"""Samples whose statistics are computed at once."""
COLUMNS = {
    **dict.fromkeys(("subject_id", "hadm_id", "stay_id", "caregiver_id"), pl.Int64()),
    **dict.fromkeys(("charttime", "storetime"), pl.Datetime("us")),
    "itemid": pl.Int64(),
    "value": pl.String(),
    "valuenum": pl.Float64(),
    "valueuom": pl.String(),
    "warning": pl.Int64(),
}


def items() -> pl.DataFrame:
    """Return item, signal and bounds of the signals in the file."""
    known = catalogue()
    names = {item: signal_of_code()[f"CHART//{item}"] for item in SIGNALS}
    rows = [(item, name, *known[name].bounds) for item, name in names.items()]
    return pl.DataFrame(rows, schema=["itemid", "signal", "low", "high"], orient="row")


# ---- xHAIM --------------------------------------------------------------------------------------------------------


def _ingest(root: Path, out: Path, *, only_signals: bool) -> None:
    from xhaim.source.mimic_iv import MimicIV

    subprocess.run(["rm", "-rf", str(out)], check=True)
    MimicIV(only_signals=only_signals).ingest(root, out)


def _statistics(root: Path, store: Path) -> pl.DataFrame:
    from xhaim.modality.measurements import values
    from xhaim.modality.time_series import statistics
    from xhaim.run.known import known_of
    from xhaim.source.csv_tables.ahead import THREADS, in_order
    from xhaim.source.store import Store

    samples = pl.read_parquet(root / "samples.parquet").drop("start").sort("subject_id", "sample_id")
    opened = Store.open(store)

    def shard(start: int) -> pl.DataFrame:
        return statistics(values(known_of(opened, samples.slice(start, SHARD), "admissible")))

    return pl.concat(in_order(range(0, samples.height, SHARD), shard, THREADS))


def xhaim(root: Path, work: Path) -> pl.DataFrame:
    """From csv.gz by xHAIM's own door."""
    _ingest(root, work / "signals", only_signals=True)
    return _statistics(root, work / "signals")


def ingest(root: Path, work: Path) -> None:
    """All items to a store."""
    _ingest(root, work / "all", only_signals=False)


def ingest_signals(root: Path, work: Path) -> None:
    """Signals to a store."""
    _ingest(root, work / "signals", only_signals=True)


def store(root: Path, work: Path) -> pl.DataFrame:
    """From the store of all items."""
    return _statistics(root, work / "all")


def store_signals(root: Path, work: Path) -> pl.DataFrame:
    """From the store of signals."""
    return _statistics(root, work / "signals")


# ---- peers --------------------------------------------------------------------------------------------------------

SQL = """
with known as (
  select s.sample_id, i.signal, c.charttime, c.valuenum as value,
         epoch(s.prediction_time - c.charttime) / 3600.0 as hours_before
  from read_csv('{chart}', header = true, auto_detect = false, delim = ',', quote = '"', columns = {columns}) c
  join items i using (itemid) join samples s using (subject_id)
  where c.valuenum between i.low and i.high and c.charttime >= s.start and c.charttime < s.prediction_time
    and greatest(c.charttime, coalesce(c.storetime, c.charttime)) < s.prediction_time),
ordered as (
  select *, row_number() over w as place, value - lag(value) over w as step
  from known window w as (partition by sample_id, signal order by charttime, value)),
merged as (
  select sample_id, signal, value, lag(value) over w as before, lead(value) over w as after
  from ordered where step is null or step <> 0 window w as (partition by sample_id, signal order by place)),
peaks as (
  select sample_id, signal, count(*) filter (value > before and value > after) as peaks from merged group by all)
select sample_id, signal, max(value) "max", min(value) "min", avg(value) mean, var_samp(value) variance,
  avg(step) "mean difference", avg(abs(step)) "mean absolute difference", max(abs(step)) "largest absolute difference",
  sum(abs(step)) "sum of absolute differences",
  case when count(*) > 1 then arg_max(value, place) - arg_min(value, place) end "last minus first",
  any_value(peaks) peaks,
  case when min(hours_before) < max(hours_before) then regr_slope(value, -hours_before) end slope,
  arg_max(value, place) "last", count(*) "count", min(hours_before) "hours since last"
from ordered join peaks using (sample_id, signal) group by sample_id, signal
"""
_DUCK = {pl.Int64(): "BIGINT", pl.Datetime("us"): "TIMESTAMP", pl.String(): "VARCHAR", pl.Float64(): "DOUBLE"}


def duckdb(root: Path, work: Path) -> pl.DataFrame:
    """One SQL statement over the csv.gz, types given."""
    import duckdb as engine

    con = engine.connect()
    con.register("items", items().to_arrow())
    con.register("samples", pl.read_parquet(root / "samples.parquet").to_arrow())
    columns = str({name: _DUCK[kind] for name, kind in COLUMNS.items()})
    chart = str(root / "icu" / "chartevents.csv.gz").replace("'", "''")
    return pl.DataFrame(con.sql(SQL.format(chart=chart, columns=columns)).to_arrow_table())


def polars(root: Path, work: Path) -> pl.DataFrame:
    """A lazy query over the csv.gz on the streaming engine; the statistics as xHAIM's own expressions."""
    from xhaim.modality.time_series import statistics

    samples = pl.read_parquet(root / "samples.parquet").lazy()
    known_at = pl.max_horizontal("charttime", pl.coalesce("storetime", "charttime"))
    t = pl.col("prediction_time")
    rows = (
        pl.scan_csv(root / "icu" / "chartevents.csv.gz", schema=COLUMNS)
        .filter(pl.col("itemid").is_in(list(SIGNALS)))
        .join(items().lazy(), on="itemid")
        .join(samples.select("sample_id", "subject_id", "prediction_time", "start"), on="subject_id")
        .filter(pl.col("valuenum").is_between(pl.col("low"), pl.col("high")))
        .filter((pl.col("charttime") >= pl.col("start")) & (pl.col("charttime") < t) & (known_at < t))
        .select(
            "sample_id",
            "signal",
            pl.col("charttime").alias("time"),
            pl.col("valuenum").alias("value"),
            ((t - pl.col("charttime")).dt.total_seconds() / 3600).alias("hours_before"),
        )
        .collect(engine="streaming")
    )
    return statistics(rows)


def haim(root: Path, work: Path) -> dict[str, float]:
    """HAIM's way, from its description, for a few stays: the whole table in memory, three masks for each stay."""
    import numpy as np
    import pandas as pd
    from scipy.signal import find_peaks

    start = time.perf_counter()
    table = pd.read_csv(root / "icu" / "chartevents.csv.gz", parse_dates=["charttime", "storetime"])
    load = time.perf_counter() - start
    samples = pl.read_parquet(root / "samples.parquet")
    chosen = samples.gather(range(0, samples.height, max(1, samples.height // HAIM_STAYS)))[:HAIM_STAYS]
    start = time.perf_counter()
    for row in chosen.iter_rows(named=True):
        mine = table[
            (table.subject_id == row["subject_id"])
            & (table.hadm_id == row["hadm_id"])
            & (table.stay_id == row["stay_id"])
        ].copy()
        admitted = row["start"] + pd.Timedelta(hours=24)
        mine["delta"] = mine.apply(lambda r, a=admitted: (r.charttime - a).total_seconds() / 3600, axis=1)
        mine = mine[mine.delta <= (row["prediction_time"] - admitted).total_seconds() / 3600]
        for item in SIGNALS:
            series = mine[mine.itemid == item].pivot_table(index="charttime", values="valuenum", aggfunc="mean")
            values = np.append(series.to_numpy().ravel(), 0.0)
            if len(values) > 1:
                step = np.diff(values)
                _ = (values.max(), values.min(), values.mean(), values.var(ddof=1), step.mean(), np.abs(step).mean())
                _ = (np.abs(step).max(), np.abs(step).sum(), values[-1] - values[0], len(find_peaks(values)[0]))
                _ = np.polyfit(np.arange(len(values)), values, 1)[0]
    return {"load": load, "per_stay": (time.perf_counter() - start) / chosen.height}


def _pipe(command: str, root: Path) -> None:
    chart = root / "icu" / "chartevents.csv.gz"
    subprocess.run(f"{command} '{chart}' | wc -l", shell=True, check=True, stdout=subprocess.DEVNULL)


def igzip(root: Path, work: Path) -> None:
    """The limit: decompress and count lines."""
    _pipe(f"{sys.executable} -m isal.igzip -dc", root)


def gzip(root: Path, work: Path) -> None:
    """Decompress as most do."""
    _pipe("gzip -dc", root)


def _scan(folder: Path) -> dict[str, float]:
    """Read the columns that the statistics need, and add up something of each."""
    import duckdb as engine
    from pyarrow import dataset

    con = engine.connect()
    took = []
    start = time.perf_counter()
    con.sql(
        "select sum(subject_id), max(time), max(known_at), max(code), sum(numeric_value), max(unit) "
        f"from read_parquet('{folder}/data/*.parquet')"
    ).fetchall()
    took.append(time.perf_counter() - start)
    start = time.perf_counter()
    names = ["subject_id", "time", "known_at", "code", "numeric_value", "unit"]
    for _ in dataset.dataset(folder / "data").to_batches(columns=names):
        pass
    took.append(time.perf_counter() - start)
    return {"seconds": min(took)}


def scan(root: Path, work: Path) -> dict[str, float]:
    """Of the store of all items."""
    return _scan(work / "all")


def scan_signals(root: Path, work: Path) -> dict[str, float]:
    """Of the store of signals."""
    return _scan(work / "signals")


ENGINES: dict[str, Callable[[Path, Path], pl.DataFrame | dict[str, float] | None]] = {
    one.__name__: one
    for one in (
        *(xhaim, ingest, ingest_signals, store, store_signals),
        *(duckdb, polars, haim, igzip, gzip, scan, scan_signals),
    )
}


def _peak() -> float:
    """Return the most memory that this process has held, in MB; ru_maxrss would begin with the parent's."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


def main() -> None:
    """Run one engine."""
    name, root, work = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    if name == "duckdb":
        import duckdb as _engine  # noqa: F401  (imports are not timed)
    if name.startswith(("xhaim", "ingest", "store")):
        import xhaim.run.known
        import xhaim.source.mimic_iv  # noqa: F401
    idle, before, start = _peak(), os.times(), time.perf_counter()
    result = ENGINES[name](root, work)
    seconds, after = time.perf_counter() - start, os.times()
    cpu = sum(after[:4]) - sum(before[:4])
    said: dict[str, Any] = {"seconds": seconds, "cpu": cpu, "peak_mb": _peak(), "idle_mb": idle}
    if isinstance(result, dict):
        said |= result
    elif result is not None:
        result.write_parquet(work / f"{name}.result.parquet")
    print(json.dumps(said))


if __name__ == "__main__":
    main()
