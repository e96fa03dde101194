"""The columns and codes of the store: a MEDS dataset with the columns that xHAIM adds.

A store is a folder: ``data/*.parquet`` (events, a shard holds whole subjects, sorted by subject, time, code, value),
``metadata/`` (MEDS: dataset.json, codes.parquet), ``ingest.json`` (what was read), ``quarantine.parquet`` (what was
set aside: file, line, reason, row). Codes are ``KIND//item//unit`` as MEDS converters of MIMIC-IV write them.
"""

from __future__ import annotations

import polars as pl

EVENT_SCHEMA: dict[str, pl.DataType] = {
    "subject_id": pl.Int64(),
    "time": pl.Datetime("us"),  # when it happened; null only for static facts
    "code": pl.String(),
    "numeric_value": pl.Float32(),
    "text_value": pl.String(),  # the note, or a value in words
    # what xHAIM adds, as MEDS permits
    "known_at": pl.Datetime("us"),  # when a clinician could know it; null only for static facts
    "hadm_id": pl.Int64(),
    "stay_id": pl.Int64(),
    "study_id": pl.Int64(),  # imaging study of an image, a label or a report
    "unit": pl.String(),
    "title": pl.String(),  # of a note (exam name, document type) or the view of an image
    "source": pl.String(),  # table#natural key
    "image_path": pl.String(),  # relative to the folder that ingest.json names as image_root
}

BIRTH = "MEDS_BIRTH"
DEATH = "MEDS_DEATH"
HOSPITAL_ADMISSION = "HOSPITAL_ADMISSION"
HOSPITAL_DISCHARGE = "HOSPITAL_DISCHARGE"
ICU_ADMISSION = "ICU_ADMISSION"
ICU_DISCHARGE = "ICU_DISCHARGE"
GENDER = "GENDER"
RACE = "RACE"
INSURANCE = "INSURANCE"
LANGUAGE = "LANGUAGE"
MARITAL_STATUS = "MARITAL_STATUS"
LAB = "LAB"
CHART = "CHART"
OUTPUT = "OUTPUT"
INPUT = "INPUT"
PROCEDURE = "PROCEDURE"
MEDICATION = "MEDICATION"
PRESCRIPTION = "PRESCRIPTION"
MICROBIOLOGY = "MICROBIOLOGY"
DIAGNOSIS = "DIAGNOSIS"
TRANSFER = "TRANSFER_TO"
NOTE = "NOTE"
IMAGE = "IMAGE//CXR"
IMAGE_LABEL = "LABEL//CXR"

CHEXPERT_FINDINGS: tuple[str, ...] = (
    "Atelectasis",
    "Cardiomegaly",
    "Consolidation",
    "Edema",
    "Enlarged Cardiomediastinum",
    "Fracture",
    "Lung Lesion",
    "Lung Opacity",
    "No Finding",
    "Pleural Effusion",
    "Pleural Other",
    "Pneumonia",
    "Pneumothorax",
    "Support Devices",
)


def code_is(kind: str) -> pl.Expr:
    """Say which events are of a kind: the code itself, or the code followed by ``//``."""
    return (pl.col("code") == kind) | pl.col("code").str.starts_with(f"{kind}//")
