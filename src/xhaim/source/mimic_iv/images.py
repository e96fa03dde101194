"""MIMIC-CXR-JPG: images, CheXpert labels, and the published split."""

from __future__ import annotations

import polars as pl

from xhaim import events as ev
from xhaim.source.account import Outcome
from xhaim.source.as_events import events, natural_key
from xhaim.source.csv_tables.checked import Columns, columns
from xhaim.source.keys import without_duplicates
from xhaim.source.mimic_iv.cxr_files import folder_of_study
from xhaim.source.mimic_iv.notes import REPORT_LAG

CLOCK = {
    "cxr_metadata": "StudyDate and StudyTime: an image is seen when it is taken",
    "cxr_files": "see cxr_metadata",
    "cxr_chexpert": "when its report and the addenda to it were known (radiology), else study time + 24 h",
    "cxr_reports": "study time + 24 h: the files carry no time of signature",
}
METADATA = columns(
    "dicom_id text!  subject_id int!  study_id int!  ViewPosition text  StudyDate text!  StudyTime text!"
)
CHEXPERT: Columns = {**columns("subject_id int!  study_id int!"), **dict.fromkeys(ev.CHEXPERT_FINDINGS, "number")}
SPLIT = columns("dicom_id text!  study_id int!  subject_id int!  split text!")
MEDS_SPLITS = {"train": "train", "validate": "tuning", "test": "held_out"}


def image_events(metadata: pl.DataFrame, files: pl.DataFrame) -> tuple[Outcome, pl.DataFrame]:
    """Return an event for each image, and the studies: ``subject_id``, ``study_id``, ``study_time``.

    Where there is no JPG, ``image_path`` is the DICOM file; without either it is null, so that a study may still be a
    point in time. A study's time is that of its first image. StudyTime is ``HHMMSS.fff`` without leading zeros:
    92118.375 is 09:21:18.
    """
    rows, bad = without_duplicates(metadata, "dicom_id")
    clock = pl.col("StudyTime").str.split_exact(".", 1)
    digits = clock.struct.field("field_0").str.zfill(6) + "." + clock.struct.field("field_1").fill_null("0")
    rows = rows.with_columns(
        time=(pl.col("StudyDate") + " " + digits).str.to_datetime("%Y%m%d %H%M%S%.f", time_unit="us", strict=False),
        **{suffix: pl.format("{}/{}." + suffix, folder_of_study(), "dicom_id") for suffix in ("jpg", "dcm")},
    )
    timeless = rows.filter(pl.col("time").is_null()).select("row", "line", reason=pl.lit("StudyTime: no time"))
    timed = rows.drop_nulls("time")
    there = files["path"].implode()
    paths = (pl.when(pl.col(suffix).is_in(there)).then(pl.col(suffix)) for suffix in ("jpg", "dcm"))
    made = events(
        timed,
        pl.lit(ev.IMAGE),
        pl.col("time"),
        pl.col("time"),
        study_id=pl.col("study_id"),
        title=pl.col("ViewPosition"),
        image_path=pl.coalesce(*paths),
        source=natural_key("cxr", "dicom_id"),
    )
    studies = timed.group_by("subject_id", "study_id").agg(study_time=pl.col("time").min()).sort("study_id")
    return Outcome("cxr_metadata", made, timed.height, pl.concat([bad, timeless])), studies


def label_events(labels: pl.DataFrame, studies: pl.DataFrame, reported: pl.DataFrame) -> Outcome:
    """Return CheXpert's 1, 0 and -1 of each finding; blanks are no events.

    ``reported`` has ``study_id`` and ``known_at`` of the studies whose report's time is known.
    """
    rows, bad = without_duplicates(labels, "study_id")
    timed = rows.join(studies, on=["subject_id", "study_id"], how="left").join(reported, on="study_id", how="left")
    timeless = timed.filter(pl.col("study_time").is_null()).select(
        "row", "line", reason=pl.lit("study_id: no time, as no image of this subject has it")
    )
    timed = timed.drop_nulls("study_time")
    long = timed.unpivot(
        on=list(ev.CHEXPERT_FINDINGS),
        index=["subject_id", "study_id", "study_time", "known_at", "row"],
        variable_name="finding",
    ).drop_nulls("value")
    made = events(
        long,
        pl.concat_str(pl.lit(ev.IMAGE_LABEL), "finding", separator="//"),
        pl.col("study_time"),
        pl.coalesce(pl.col("known_at"), pl.col("study_time") + REPORT_LAG),
        numeric_value=pl.col("value"),
        study_id=pl.col("study_id"),
        source=pl.format("cxr/chexpert#s{}", "study_id"),
    )
    used = long["row"].n_unique()
    unused = {"all findings blank": timed.height - used}
    return Outcome("cxr_chexpert", made, used, pl.concat([bad, timeless]), unused)


def subject_splits(rows: pl.DataFrame) -> tuple[Outcome, pl.DataFrame]:
    """Return the published split by subject as MEDS names it: ``subject_id``, ``split``.

    Rows whose split has no MEDS name, or whose subject is in two, are set aside.
    """
    named = rows.with_columns(split=pl.col("split").replace_strict(MEDS_SPLITS, default=None))
    per_subject = pl.col("split").n_unique().over("subject_id") + pl.col("split").null_count().over("subject_id")
    clear = named.with_columns(clear=per_subject == 1)
    bad = clear.filter(~pl.col("clear")).select("row", "line", reason=pl.lit("split: not one known split per subject"))
    good = clear.filter("clear").select("subject_id", "split")
    nothing = pl.DataFrame(schema=ev.EVENT_SCHEMA)
    return Outcome("cxr_split", nothing, good.height, bad), good.unique().sort("subject_id")
