"""The eICU demo at hour 24 of each unit stay, as blocks of numbers and as words, by the product's own ways.

Everything but ``APACHE`` comes out of the store that ``xhaim ingest eicu`` writes, through the guard: known before hour
24. The tables apacheapsvar and apachepredvar are no part of a store (they sum up the first 24 hours without saying when
each value was known); here the prediction is at the end of those hours, and a named list of their columns makes a block
of its own. ``diedinhospital``, ``dischargelocation`` and ``var03hspxlos`` stand in apachepredvar too: never read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from xhaim.cohort.samples import draw
from xhaim.cohort.stays import stays
from xhaim.config import SampleSettings
from xhaim.events import INPUT, PRESCRIPTION, code_is
from xhaim.modality.documents import documents
from xhaim.modality.measurements import values
from xhaim.modality.tabular import static_facts, tabular
from xhaim.modality.time_series import statistics, wide
from xhaim.run.known import known_of
from xhaim.signals import catalogue
from xhaim.source.eicu import Eicu
from xhaim.source.store import Store

LANDMARK_HOURS = 24.0
LONG_STAY_HOURS = 72.0
DAY_1 = (
    "intubated", "vent", "dialysis", "eyes", "motor", "verbal", "meds", "urine", "wbc", "temperature",
    "respiratoryrate", "sodium", "heartrate", "meanbp", "ph", "hematocrit", "creatinine", "albumin", "pao2", "pco2",
    "bun", "glucose", "bilirubin", "fio2",
)  # fmt: skip
"""Of apacheapsvar: the worst value of each sign of the first day; -1 = missing."""
BACKGROUND = (
    "aids", "hepaticfailure", "lymphoma", "metastaticcancer", "leukemia", "immunosuppression", "cirrhosis",
    "electivesurgery", "activetx", "readmit", "diabetes", "ventday1", "oobventday1", "oobintubday1",
)  # fmt: skip
"""Of apachepredvar: what the patient came with, and ventilation on the first day."""
STATISTICS = ("max", "min", "mean", "last", "count")
"""Of the product's fourteen of each signal: the others took three times as long, for +0.005 AUC by folds."""
CODE_STATUS = re.compile(
    r"\b(?:care limitation|DNR|DNI|DNAR|do not (?:resuscitate|intubate|attempt)|code status|full code"
    r"|comfort (?:care|measures)|palliative|hospice|end of life|terminal)\b"
    r"|withdrawal of (?:care|support|treatment)",
    re.IGNORECASE,
)
"""A line that says how far treatment may go: a decision taken in view of the prognosis, and partly its cause."""


@dataclass(frozen=True, slots=True)
class Cohort:
    """Stays of at least 24 hours, in the order of their ids."""

    stay_ids: tuple[int, ...]
    persons: NDArray[np.int64]
    """[n], one number for each ``uniquepid``."""
    labels: Mapping[str, NDArray[np.int8]]
    """Task -> [n]: 0, 1, or -1 where unknown."""
    blocks: Mapping[str, tuple[tuple[str, ...], NDArray[np.float32]]]
    """Block -> names, [n, d]; NaN = missing."""
    words: tuple[str, ...]
    """[n]: all documents known at hour 24, oldest first, a sentence a line."""
    drugs: tuple[str, ...]
    """[n]: drugs ordered or running by then, a name a line."""
    apache: Mapping[str, NDArray[np.float64]]
    """Task -> [n], APACHE IVa's own prediction, NaN where it has none: a row to compare with, never a feature."""

    def without_code_status(self) -> tuple[str, ...]:
        """Return the words without the lines about code status and comfort care."""
        return tuple("\n".join(x for x in text.split("\n") if not CODE_STATUS.search(x)) for text in self.words)


def read_cohort(root: Path, store_path: Path) -> Cohort:
    """Ingest eICU's files under ``root`` into a store at ``store_path``, and return the samples of hour 24."""
    Eicu().ingest(root, store_path)
    store = Store.open(store_path)
    whole = stays(store.events())
    drawn, _ = draw(store.events(), whole, SampleSettings(landmark_hours=LANDMARK_HOURS))
    persons = pl.read_parquet(store_path / "metadata" / "persons.parquet")
    samples = drawn.join(persons, on="subject_id", how="left").sort("stay_id")
    known = known_of(store, samples.select(drawn.columns), "admissible", also=(INPUT, PRESCRIPTION))
    ids = samples["sample_id"].to_list()
    stay_ids = tuple(samples["stay_id"].to_list())
    said = documents(known)
    return Cohort(
        stay_ids=stay_ids,
        persons=samples["person_id"].to_numpy().astype(np.int64),
        labels=_labels(root, whole, stay_ids),
        blocks={
            "tabular": _block(tabular(static_facts(known), ids)),
            "time series": _block(_series(known, ids)),
            "APACHE day 1": _block(_apache_inputs(root, stay_ids)),
        },
        words=tuple("\n".join(document.text for document in said.get(one, ())) for one in ids),
        drugs=_drugs(known, ids),
        apache=_apache_predictions(root, stay_ids),
    )


def _series(known: pl.DataFrame, ids: Sequence[str]) -> pl.DataFrame:
    _, every = wide(statistics(values(known)), ids, catalogue())
    return every.select([name for name in every.columns if name.rsplit(", ", 1)[1] in STATISTICS])


def _labels(root: Path, whole: pl.DataFrame, stay_ids: Sequence[int]) -> dict[str, NDArray[np.int8]]:
    """Return death in hospital as the hospital said it (-1 where it did not), and a unit stay of more than 3 days."""
    said = pl.read_csv(root / "patient.csv.gz", columns=["patientunitstayid", "hospitaldischargestatus"])
    status = dict(said.iter_rows())
    death = [{"Expired": 1, "Alive": 0}.get(status[stay] or "", -1) for stay in stay_ids]
    lasted = whole.select("stay_id", ((pl.col("outtime") - pl.col("intime")).dt.total_minutes() / 60).alias("hours"))
    hours = dict(lasted.iter_rows())
    return {
        "hospital death": np.array(death, dtype=np.int8),
        "unit stay > 3 d": np.array([hours[stay] > LONG_STAY_HOURS for stay in stay_ids], dtype=np.int8),
    }


def _block(frame: pl.DataFrame) -> tuple[tuple[str, ...], NDArray[np.float32]]:
    return tuple(frame.columns), frame.fill_null(float("nan")).to_numpy().astype(np.float32)


def _table(root: Path, name: str, columns: Sequence[str], stay_ids: Sequence[int]) -> pl.DataFrame:
    """Return columns of an APACHE table, [n, d] in the order of the stays; null where a stay has no row."""
    read = pl.read_csv(root / f"{name}.csv.gz", columns=["patientunitstayid", *columns], infer_schema_length=None)
    rows = read.unique("patientunitstayid", keep="first", maintain_order=True)
    asked = pl.DataFrame({"patientunitstayid": list(stay_ids)})
    return asked.join(rows, on="patientunitstayid", how="left", maintain_order="left").select(columns)


def _apache_inputs(root: Path, stay_ids: Sequence[int]) -> pl.DataFrame:
    missing = pl.col(DAY_1).cast(pl.Float64).replace(-1.0, None)
    worst = _table(root, "apacheapsvar", DAY_1, stay_ids).select(missing.name.prefix("first day, "))
    background = _table(root, "apachepredvar", BACKGROUND, stay_ids).select(pl.col(BACKGROUND).cast(pl.Float64))
    return pl.concat([worst, background], how="horizontal")


def _apache_predictions(root: Path, stay_ids: Sequence[int]) -> dict[str, NDArray[np.float64]]:
    columns = ("apacheversion", "predictedhospitalmortality", "predictediculos")
    read = pl.read_csv(root / "apachepatientresult.csv.gz", columns=["patientunitstayid", *columns])
    asked = pl.DataFrame({"patientunitstayid": list(stay_ids)})
    found = asked.join(read.filter(pl.col("apacheversion") == "IVa"), on="patientunitstayid", how="left")
    found = found.unique("patientunitstayid", keep="first", maintain_order=True)
    number = pl.col(columns[1:]).cast(pl.Float64, strict=False)
    values_ = found.select(pl.when(number >= 0).then(number).otherwise(None)).fill_null(float("nan"))
    return {"hospital death": values_[columns[1]].to_numpy(), "unit stay > 3 d": values_[columns[2]].to_numpy()}


def _drugs(known: pl.DataFrame, ids: Sequence[str]) -> tuple[str, ...]:
    named = known.filter(code_is(INPUT) | code_is(PRESCRIPTION)).with_columns(
        pl.col("code").str.split("//").list.get(1).str.to_lowercase().alias("drug")
    )
    by_sample = dict(named.group_by("sample_id").agg(pl.col("drug").unique().sort().str.join("\n")).iter_rows())
    return tuple(by_sample.get(one, "") for one in ids)
