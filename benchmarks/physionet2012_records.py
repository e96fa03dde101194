"""The records of the PhysioNet/CinC Challenge 2012: one set of ICU stays, their first 48 hours and their outcomes.

A set is an outcomes file (``Outcomes-a.txt``) with its records beside it: ``set-a/132539.txt`` and so on, as the
Challenge ships them, or ``events_set_a.parquet`` (rid, minute, Parameter, Value).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from benchmarks.physionet2012_signals import DESCRIPTORS, HOURS, SIGNALS, judged
from xhaim.errors import DataError


@dataclass(frozen=True, slots=True)
class StaySet:
    """One set, its stays in the order of their ids."""

    name: str
    ids: list[str]
    measurements: pl.DataFrame
    """sample_id, signal (in words), time, value, hours_before (the end of the 48 hours); one row for each minute."""
    descriptors: pl.DataFrame
    """sample_id, Age, Gender, Height in cm, ICUType; null = not known."""
    outcomes: pl.DataFrame
    """sample_id, death (0 or 1), long_stay (0, 1; null where the length of stay is not known)."""
    account: dict[str, int]
    """What became of the rows: used, and set aside for which reason; they sum to the rows read."""


def read_set(path: Path) -> StaySet:
    """Read the set of an outcomes file, or the one set in a folder.

    Obeyed: ``-1`` is no value; a weight of 0, an arterial pressure of 0 and a temperature of -17.8 (0 F) are none
    either; pH noted as 735 is 7.35; heights in metres, decimetres or inches, or converted twice, are brought to cm;
    two outputs of urine at one minute are added, other values at one minute are averaged. SAPS-I, SOFA, Survival and
    Length_of_stay of the outcomes file are never inputs. DataError where no set is found or a stay has no record.
    """
    outcomes_file = _outcomes_file(path)
    outcomes = _outcomes(outcomes_file)
    rows = _rows(outcomes_file).with_columns(pl.col("sample_id").cast(pl.String))
    ids = outcomes["sample_id"].to_list()
    lost = set(ids) - set(rows["sample_id"].unique())
    if lost:
        raise DataError(
            "the records do not fit the outcomes",
            got=f"{len(lost)} stays of {outcomes_file.name} without a record",
            expected="a record of each stay",
            do="give the outcomes file of the same set",
        )
    rows = rows.join(outcomes.select("sample_id", here=True), on="sample_id", how="left")
    rows = judged(rows)
    account = dict(rows["fault"].fill_null("used").value_counts(sort=True, name="n").iter_rows())
    used = rows.filter(pl.col("fault").is_null())
    described = pl.col("Parameter").is_in(list(DESCRIPTORS))
    descriptors = used.filter(described & (pl.col("Parameter") != "RecordID"))
    return StaySet(
        name=outcomes_file.stem.removeprefix("Outcomes-"),
        ids=ids,
        measurements=_measurements(used.filter(~described)),
        descriptors=_one_row_each(descriptors, ids),
        outcomes=outcomes,
        account=account,
    )


def _outcomes_file(path: Path) -> Path:
    if path.is_file():
        return path
    found = sorted(path.glob("Outcomes-*.txt")) or sorted(path.parent.glob(f"Outcomes-{path.name[-1:]}.txt"))
    if len(found) != 1:
        raise DataError(
            "no single set was found",
            got=f"{len(found)} outcomes files in the folder",
            expected="one Outcomes-<set>.txt with its records beside it",
            do="name the outcomes file itself: --test FOLDER/Outcomes-b.txt",
        )
    return found[0]


def _outcomes(path: Path) -> pl.DataFrame:
    read = pl.read_csv(path, infer_schema=False)
    stay, death = pl.col("Length_of_stay").cast(pl.Int64), pl.col("In-hospital_death").cast(pl.Int8)
    return read.select(
        pl.col("RecordID").alias("sample_id"),
        death.alias("death"),
        pl.when(stay >= 0).then((stay > 7).cast(pl.Int8)).alias("long_stay"),
        pl.when(stay >= 0).then(stay).alias("days"),
        pl.col("Survival").cast(pl.Int64).alias("survival"),
    ).sort("sample_id")


def _rows(outcomes_file: Path) -> pl.DataFrame:
    """Return sample_id, minute (null: no time), Parameter, value (null: no number)."""
    folder, name = outcomes_file.parent, outcomes_file.stem.removeprefix("Outcomes-")
    table = folder / f"events_set_{name}.parquet"
    if table.is_file():
        return pl.read_parquet(table).select(
            pl.col("rid").alias("sample_id"),
            pl.col("minute").cast(pl.Int64),
            pl.col("Parameter").cast(pl.String),
            pl.col("Value").cast(pl.Float64).round(4).alias("value"),
        )
    records = sorted(p for p in (folder / f"set-{name}", folder) for p in p.glob("*.txt") if p.stem.isdigit())
    if not records:
        raise DataError(
            "the set has no records",
            got=f"neither {table.name} nor set-{name}/ beside {outcomes_file.name}",
            expected="one of the two",
            do="put the records beside the outcomes file",
        )
    return pl.concat([_record(path) for path in records])


def _record(path: Path) -> pl.DataFrame:
    text = [re.split(",", line.strip(), maxsplit=2) for line in path.read_text("utf-8").splitlines()[1:]]
    whole = [row if len(row) == 3 else ["", "", ""] for row in text]
    frame = pl.DataFrame(
        whole, schema={"time": pl.String(), "Parameter": pl.String(), "value": pl.String()}, orient="row"
    )
    hours, minutes = (pl.col("time").str.extract(r"^(\d+):(\d\d)$", k).cast(pl.Int64) for k in (1, 2))
    return frame.select(
        pl.lit(path.stem).alias("sample_id"),
        (hours * 60 + minutes).alias("minute"),
        "Parameter",
        pl.col("value").cast(pl.Float64, strict=False),
    )


def _measurements(used: pl.DataFrame) -> pl.DataFrame:
    words = pl.col("Parameter").replace_strict({p: name for p, (name, _, _) in SIGNALS.items()})
    value = pl.col("value").sort()  # the same sum for any order of rows
    return (
        used.with_columns(words.alias("signal"))
        .group_by("sample_id", "signal", "minute")
        .agg(pl.when(pl.col("signal").first() == "urine").then(value.sum()).otherwise(value.mean()).alias("value"))
        .select(
            "sample_id",
            "signal",
            pl.col("minute").alias("time"),
            "value",
            (HOURS - pl.col("minute") / 60).alias("hours_before"),
        )
        .sort("sample_id", "signal", "time")
    )


def _one_row_each(descriptors: pl.DataFrame, ids: list[str]) -> pl.DataFrame:
    wide = (
        descriptors.group_by("sample_id", "Parameter")
        .agg(pl.col("value").min())
        .pivot("Parameter", index="sample_id", values="value")
    )
    names = ["Age", "Gender", "Height", "ICUType"]
    absent = [pl.lit(None, pl.Float64()).alias(name) for name in names if name not in wide.columns]
    return pl.DataFrame({"sample_id": ids}).join(
        wide.with_columns(absent).select("sample_id", *names), on="sample_id", how="left", maintain_order="left"
    )
