"""MIMIC-CXR-JPG: images, CheXpert labels, the files on disk, and reports as text files where somebody put them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from xhaim import events as ev
from xhaim.source.account import Outcome
from xhaim.source.csv_tables.checked import Columns, columns
from xhaim.source.mimic_iv.core import without_duplicates
from xhaim.source.mimic_iv.events import events, natural_key
from xhaim.source.mimic_iv.layout import Layout, stored_crc

REPORT_LAG = pl.duration(hours=24)
MAX_REPORT_BYTES = 1 << 20

CLOCK = {
    "cxr_metadata": "StudyDate and StudyTime: an image is seen when it is taken",
    "cxr_chexpert": "when its report was known (radiology), else study time + 24 h",
    "cxr_reports": "study time + 24 h: the files carry no time of signature",
}
METADATA = columns(
    "dicom_id text!  subject_id int!  study_id int!  ViewPosition text  StudyDate text!  StudyTime text!"
)
CHEXPERT: Columns = {**columns("subject_id int!  study_id int!"), **dict.fromkeys(ev.CHEXPERT_FINDINGS, "number")}
SPLIT = columns("dicom_id text!  study_id int!  subject_id int!  split text!")
MEDS_SPLITS = {"train": "train", "validate": "tuning", "test": "held_out"}

_FILE = re.compile(r"s\d+\.txt|s\d+/[\w-][\w.-]*\.(jpg|dcm)", re.ASCII)
FILE_SCHEMA = {"root": pl.String(), "path": pl.String(), "size": pl.Int64(), "crc": pl.Int64()}


def chest_files(layout: Layout) -> pl.DataFrame:
    """Return the images below one root, and the report texts below any: ``FILE_SCHEMA``, sorted.

    The images' root is the folder of the metadata; where that has none, the first other one that has: the DICOM files
    of MIMIC-CXR beside the tables of MIMIC-CXR-JPG. ``path`` is ``files/p10/p10000032/s50414267.txt`` or
    ``…/s50414267/<dicom_id>.jpg`` or ``.dcm``, relative to ``root``. Links are not followed. The CRC is of texts only,
    0 for images: they are opened one by one when they are used.
    """
    if layout.image_root is None:
        return pl.DataFrame(schema=FILE_SCHEMA)
    rows = [
        (str(root), path, size, stored_crc(root / path) if path.endswith(".txt") else 0)
        for root in layout.file_roots
        for path, size in _below(root)
    ]
    files = pl.DataFrame(sorted(rows), schema=FILE_SCHEMA, orient="row")
    text = pl.col("path").str.ends_with(".txt")
    roots = files.filter(~text)["root"].unique().sort().to_list()
    own = str(layout.image_root)
    chosen = own if own in roots else next(iter(roots), own)
    return files.filter(text | (pl.col("root") == chosen))


def root_of_images(layout: Layout, files: pl.DataFrame) -> Path | None:
    """Return the folder that the paths of the images among ``files`` are relative to; ``None`` without chest images."""
    images = files.filter(~pl.col("path").str.ends_with(".txt"))
    return Path(images["root"][0]) if images.height else layout.image_root


def _below(root: Path) -> Iterator[tuple[str, int]]:
    for group in _folders(root / "files", r"p\d\d"):
        for subject in _folders(group, r"p\d+"):
            for folder in (subject, *_folders(subject, r"s\d+")):
                for entry in os.scandir(folder):
                    path = Path(entry.path)
                    if _FILE.fullmatch(path.relative_to(subject).as_posix()) and entry.is_file(follow_symlinks=False):
                        yield path.relative_to(root).as_posix(), entry.stat().st_size


def _folders(folder: Path, pattern: str) -> list[Path]:
    found = (entry for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False))
    return [Path(entry.path) for entry in found if re.fullmatch(pattern, entry.name)]


def _subject_folder() -> pl.Expr:
    subject = pl.col("subject_id").cast(pl.String)
    return pl.format("files/p{}/p{}/s{}", subject.str.slice(0, 2), subject, pl.col("study_id"))


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
        **{suffix: pl.format("{}/{}." + suffix, _subject_folder(), "dicom_id") for suffix in ("jpg", "dcm")},
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


def report_events(studies: pl.DataFrame, files: pl.DataFrame, read_elsewhere: pl.DataFrame) -> Outcome:
    """Return the report texts of the studies as documents, but of those ``read_elsewhere`` (by ``study_id``)."""
    paths = studies.with_columns(path=pl.format("{}.txt", _subject_folder()))
    found = paths.join(files, on="path").unique("study_id", keep="first", maintain_order=True).sort("study_id")
    wanted = found.join(read_elsewhere, on="study_id", how="anti")
    texts = [_read(Path(root) / path) for root, path in wanted.select("root", "path").iter_rows()]
    rows = wanted.with_columns(text=pl.Series(texts, dtype=pl.String))
    good = rows.drop_nulls("text")
    bad = rows.filter(pl.col("text").is_null()).select(
        pl.lit(None, pl.Int64).alias("row"),
        pl.lit(None, pl.Int64).alias("line"),
        pl.lit("not a text in UTF-8 of at most 1 MiB").alias("reason"),
        pl.col("path").alias("file"),
    )
    made = events(
        good,
        pl.lit(f"{ev.NOTE}//cxr"),
        pl.col("study_time"),
        pl.col("study_time") + REPORT_LAG,
        text_value=pl.col("text"),
        study_id=pl.col("study_id"),
        title=pl.lit("Chest X-ray report"),
        source=pl.format("cxr/report#s{}", "study_id"),
    )
    unused = {"the same report is in MIMIC-IV-Note": found.height - wanted.height}
    return Outcome("cxr_reports", made, good.height, bad, unused)


def _read(path: Path) -> str | None:
    if path.stat().st_size > MAX_REPORT_BYTES:
        return None
    try:
        text = path.read_bytes().decode()
    except UnicodeDecodeError:
        return None
    return text if "\0" not in text and text.strip() else None


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
