"""Small MEDS datasets written by the tests, as other converters write them."""

import json
from datetime import datetime
from pathlib import Path

import polars as pl

from xhaim.source.meds import Meds
from xhaim.source.store import Store

CORE = {
    "subject_id": pl.Int64(),
    "time": pl.Datetime("us"),
    "code": pl.String(),
    "numeric_value": pl.Float32(),
    "text_value": pl.String(),
}


def at(text):
    return datetime.fromisoformat(text)


def frame(rows, **extra):
    """Rows as dicts, times as ISO text; ``extra``: further columns and their types."""
    schema = {**CORE, **extra}
    read = [{name: row.get(name) for name in schema} for row in rows]
    for row in read:
        for name, dtype in schema.items():
            if dtype == pl.Datetime("us") and row[name] is not None:
                row[name] = at(row[name])
    return pl.DataFrame(read, schema=schema)


def write_meds(root: Path, shards, about=None, codes=None, splits=None):
    """Write ``shards`` (name below data/ -> frame), and what else a dataset has. Returns the root."""
    for name, rows in shards.items():
        path = root / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        rows.write_parquet(path)
    (root / "metadata").mkdir(parents=True, exist_ok=True)
    if about is not None:
        (root / "metadata" / "dataset.json").write_text(json.dumps(about))
    if codes is not None:
        codes.write_parquet(root / "metadata" / "codes.parquet")
    if splits is not None:
        splits.write_parquet(root / "metadata" / "subject_splits.parquet")
    return root


def ingest_meds(root, out, **settings):
    """Ingest, and return what is said of it and all events."""
    info = Meds(**settings).ingest(root, out)
    return info, Store.open(out).events().collect()


# As MIMIC_IV_MEDS 0.2 writes it: icustay_id, one subject in nested folders, no known_at
MIMIC_ROWS = [
    {"subject_id": 1, "code": "GENDER//F"},
    {"subject_id": 1, "code": "MEDS_BIRTH", "time": "2090-01-01"},
    {"subject_id": 1, "code": "HOSPITAL_ADMISSION//URGENT//ER", "time": "2150-01-01T10:00", "hadm_id": 20},
    {"subject_id": 1, "code": "RACE//WHITE", "time": "2150-01-01T10:00", "hadm_id": 20},
    {"subject_id": 1, "code": "ICU_ADMISSION//MICU", "time": "2150-01-01T12:00", "hadm_id": 20, "icustay_id": 30},
    {"subject_id": 1, "code": "LAB//220045//bpm", "time": "2150-01-01T13:00", "numeric_value": 88.0}
    | {"text_value": "88", "hadm_id": 20, "icustay_id": 30},
    {"subject_id": 1, "code": "LAB//RESULT//50813//mmol/L", "time": "2150-01-01T13:30", "numeric_value": 2.5},
    {"subject_id": 1, "code": "LAB//RESULT//50813//UNK", "time": "2150-01-02T13:30", "numeric_value": 3.5},
    {"subject_id": 1, "code": "SUBJECT_FLUID_OUTPUT//226559//ml", "time": "2150-01-01T14:00", "numeric_value": 60.0},
    {"subject_id": 1, "code": "MEDICATION//Furosemide//Given//1", "time": "2150-01-01T15:00", "poe_id": "a"},
    {"subject_id": 1, "code": "MEDICATION//Furosemide//Given//1", "time": "2150-01-01T15:00", "poe_id": "b"},
    {"subject_id": 1, "code": "ICU_DISCHARGE//MICU", "time": "2150-01-03T09:00", "hadm_id": 20, "icustay_id": 30},
    {"subject_id": 1, "code": "DIAGNOSIS//ICD//10//I509", "time": "2150-01-04T00:00", "hadm_id": 20},
    {"subject_id": 1, "code": "HOSPITAL_DISCHARGE//DIED", "time": "2150-01-04T00:00", "hadm_id": 20},
    {"subject_id": 1, "code": "MEDS_DEATH", "time": "2150-01-04T05:00"},
    {"subject_id": 2, "code": "Blood Pressure", "time": "2150-03-01T00:00", "text_value": "120/80"},
    {"subject_id": 2, "code": "Blood Pressure", "time": "2150-03-02T00:00", "text_value": "130/80"},
]
MIMIC_EXTRA = {"hadm_id": pl.Int64(), "icustay_id": pl.Int64(), "poe_id": pl.String()}
MIMIC_ABOUT = {"dataset_name": "MIMIC-IV", "dataset_version": "3.1:0.2.0", "etl_name": "MEDS_transforms"}


def write_mimic_meds(root):
    rows = frame(MIMIC_ROWS, **MIMIC_EXTRA)
    codes = pl.DataFrame(
        {
            "code": ["LAB//RESULT//50813//mmol/L", "LAB//RESULT//50813//mmol/L", "LAB//1//x", None],
            "description": ["Lactate", "Lactic acid", "no event", "no code"],
            "parent_codes": [["LOINC/2524-7"], None, None, None],
        }
    )
    splits = pl.DataFrame({"subject_id": [2, 1, 9], "split": ["held_out", "train", "train"]})
    shards = {
        "train/0.parquet": rows.filter(pl.col("subject_id") == 1),
        "held_out/0.parquet": rows.filter(pl.col("subject_id") == 2),
    }
    return write_meds(root, shards, MIMIC_ABOUT, codes, splits)
