"""A synthetic ``chartevents.csv.gz`` of any length, streamed to disk, with the tables that it refers to.

The columns are MIMIC-IV's. About 4,600 rows for each stay, ordered by stay and time as published; 12 % of them are
HAIM's nine chart signals; 70 % of the times are rounded to the hour, so ties are many; a few values are impossible,
or missing. Nothing of it comes from a patient.
"""

from __future__ import annotations

import gzip
import threading
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from queue import Queue

import numpy as np
import polars as pl

from xhaim.signals import catalogue

ROWS_PER_STAY = 4600
STAYS_PER_PIECE = 40
_EPOCH = int(datetime(2150, 1, 1).timestamp())
SIGNALS = {  # item -> mean, spread, unit
    220045: (85, 15, "bpm"),
    220179: (120, 20, "mmHg"),
    220180: (65, 12, "mmHg"),
    220181: (80, 13, "mmHg"),
    220210: (19, 5, "insp/min"),
    220277: (96, 3, "%"),
    223900: (4, 1, ""),
    220739: (3, 1, ""),
    223901: (5, 1, ""),
}
SHARE = 0.12
"""Of the rows: values of HAIM's nine signals."""


@dataclass(frozen=True, slots=True)
class Folder:
    """What was written."""

    root: Path
    samples: pl.DataFrame
    """One for each stay: SAMPLE_SCHEMA, and ``start``, 24 hours before the admission."""
    rows: int

    @property
    def chart(self) -> Path:
        """The large table."""
        return self.root / "icu" / "chartevents.csv.gz"


def synthesise(root: Path, rows: int, seed: int = 0) -> Folder:
    """Write about ``rows`` chart rows (whole stays), patients, admissions, ICU stays."""
    (root / "hosp").mkdir(parents=True, exist_ok=True)
    (root / "icu").mkdir(exist_ok=True)
    stays = _stays(max(1, round(rows / ROWS_PER_STAY)), np.random.default_rng(seed))
    _write_core(root, stays)
    queue: Queue[bytes | None] = Queue(8)
    packer = threading.Thread(target=_pack, args=(root / "icu" / "chartevents.csv.gz", queue))
    packer.start()
    total = 0
    for piece, table in enumerate(_pieces(stays, seed)):
        total += table.height
        queue.put(table.write_csv(include_header=piece == 0, datetime_format="%Y-%m-%d %H:%M:%S").encode())
    queue.put(None)
    packer.join()
    samples = stays.select(
        pl.col("stay_id").cast(pl.String).alias("sample_id"),
        "subject_id",
        "hadm_id",
        "stay_id",
        pl.col("t").alias("prediction_time"),
        pl.lit(None, pl.Int64).alias("index_study_id"),
        pl.lit(None, pl.String).alias("index_image_id"),
        (pl.col("admittime") - pl.duration(hours=24)).alias("start"),
    )
    return Folder(root, samples, total)


def _pack(path: Path, queue: Queue[bytes | None]) -> None:
    with path.open("wb") as file:
        packer = zlib.compressobj(6, zlib.DEFLATED, 31)  # gzip's own level, as published files have
        while (text := queue.get()) is not None:
            file.write(packer.compress(text))
        file.write(packer.flush())


def _stays(n: int, random: np.random.Generator) -> pl.DataFrame:
    number = np.arange(n)
    admitted = _EPOCH + random.integers(0, 50 * 365 * 24, n) * 3600 + random.integers(0, 60, n) * 60
    hours = np.clip(random.lognormal(4.3, 0.8, n), 12, 1500)
    at = (hours * random.uniform(0.3, 0.9, n) * 60).astype(np.int64) * 60
    return pl.DataFrame(
        {
            "subject_id": 10_000_000 + 137 * number,
            "hadm_id": 20_000_000 + 91 * number,
            "stay_id": 30_000_000 + 53 * number,
            "admitted": admitted,
            "hours": hours,
            "rows": np.maximum(random.poisson(ROWS_PER_STAY, n), 1),
            "admittime": pl.from_epoch(pl.Series(admitted)),
            "outtime": pl.from_epoch(pl.Series(admitted + (hours * 3600).astype(np.int64))),
            "t": pl.from_epoch(pl.Series(admitted + at)).cast(pl.Datetime("us")),
        }
    )


def _write_core(root: Path, stays: pl.DataFrame) -> None:
    nothing = [pl.lit(None, pl.String).alias(name) for name in ("dod", "deathtime")]
    tables = {
        "hosp/patients": stays.select(
            "subject_id", gender=pl.lit("F"), anchor_age=60, anchor_year=2150, anchor_year_group=pl.lit("2011 - 2013")
        ).with_columns(nothing[0]),
        "hosp/admissions": stays.select(
            "subject_id", "hadm_id", "admittime", pl.col("outtime").alias("dischtime"), hospital_expire_flag=0
        ).with_columns(
            nothing[1],
            *(
                pl.lit("OTHER").alias(name)
                for name in (
                    *("admission_type", "admission_location", "discharge_location"),
                    *("insurance", "language", "marital_status", "race"),
                )
            ),
        ),
        "icu/icustays": stays.select(
            "subject_id", "hadm_id", "stay_id", pl.col("admittime").alias("intime"), "outtime"
        ).with_columns(first_careunit=pl.lit("MICU"), last_careunit=pl.lit("MICU")),
    }
    for name, table in tables.items():
        text = table.write_csv(datetime_format="%Y-%m-%d %H:%M:%S").encode()
        (root / f"{name}.csv.gz").write_bytes(gzip.compress(text, mtime=0))


def _pieces(stays: pl.DataFrame, seed: int) -> Iterator[pl.DataFrame]:
    known = {code.split("//")[-1] for signal in catalogue().values() for code in signal.codes}
    others = np.array([item for item in range(224000, 224400) if str(item) not in known])
    units = np.array(["", "", "mmHg", "cmH2O", "L/min", "%", "mL"])
    words = np.array(
        ["WDL", "Not applicable", "Supine", "Clear", "Intact", "SR (Sinus Rhythm)", "Yes", "Normal Saline"]
    )
    for start in range(0, stays.height, STAYS_PER_PIECE):
        yield _piece(stays.slice(start, STAYS_PER_PIECE), np.random.default_rng([seed, start]), others, units, words)


def _piece(
    stays: pl.DataFrame, random: np.random.Generator, others: np.ndarray, units: np.ndarray, words: np.ndarray
) -> pl.DataFrame:
    each = stays["rows"].to_numpy()
    n = int(each.sum())
    stay = np.repeat(np.arange(len(each)), each)
    seconds = random.uniform(0, 1, n) * stays["hours"].to_numpy()[stay] * 3600
    when = stays["admitted"].to_numpy()[stay] + seconds.astype(np.int64)
    hourly = random.uniform(size=n) < 0.7
    when = np.where(hourly, when // 3600 * 3600, when // 60 * 60)
    order = np.lexsort((when, stay))
    stay, when = stay[order], when[order]
    is_signal = random.uniform(size=n) < SHARE
    items, laws = np.array(list(SIGNALS)), np.array([law[:2] for law in SIGNALS.values()], dtype=float)
    which = random.integers(0, len(items), n)
    drawn = random.normal(laws[which, 0], laws[which, 1]).round()
    drawn = np.where(random.uniform(size=n) < 0.001, 9999.0, np.maximum(drawn, 1))  # some are impossible
    other_value = random.gamma(2, 20, n).round(1)
    in_words = ~is_signal & (random.uniform(size=n) < 0.4)
    word = words[random.integers(0, len(words), n)]
    signal_unit = np.array([law[2] for law in SIGNALS.values()])[which]
    number = pl.Series(np.where(is_signal, drawn, other_value))
    frame = pl.DataFrame(
        {
            "subject_id": stays["subject_id"].to_numpy()[stay],
            "hadm_id": stays["hadm_id"].to_numpy()[stay],
            "stay_id": stays["stay_id"].to_numpy()[stay],
            "caregiver_id": random.integers(1000, 99999, n // 50 + 1).repeat(50)[:n],
            "charttime": pl.from_epoch(pl.Series(when)),
            "storetime": pl.from_epoch(pl.Series(when + random.integers(0, 120, n) * 60)),
            "itemid": np.where(is_signal, items[which], others[random.integers(0, len(others), n)]),
            "word": word,
            "number": number,
            "in_words": in_words,
            "valueuom": np.where(is_signal, signal_unit, units[random.integers(0, len(units), n)]),
        }
    )
    whole = pl.col("number") == pl.col("number").round()
    written = (
        pl.when(whole).then(pl.col("number").cast(pl.Int64).cast(pl.String)).otherwise(pl.col("number").cast(pl.String))
    )
    frame = frame.with_columns(
        value=pl.when("in_words").then(pl.col("word")).otherwise(written),
        valuenum=pl.when(~pl.col("in_words")).then(written),
        valueuom=pl.when((pl.col("valueuom") != "") & ~pl.col("in_words")).then(pl.col("valueuom")),
        warning=pl.lit(0),
    )
    return frame.drop("word", "number", "in_words").select(
        *("subject_id", "hadm_id", "stay_id", "caregiver_id", "charttime", "storetime"),
        *("itemid", "value", "valuenum", "valueuom", "warning"),
    )
