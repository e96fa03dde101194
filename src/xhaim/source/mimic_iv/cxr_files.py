"""MIMIC-CXR's files on disk: which there are, the reports among them, and the account of those that nothing names."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from xhaim import events as ev
from xhaim.source.account import Account, Outcome, none_bad
from xhaim.source.as_events import events
from xhaim.source.crc import stored_crc
from xhaim.source.mimic_iv.layout import Layout
from xhaim.source.mimic_iv.notes import REPORT_LAG

MAX_REPORT_BYTES = 1 << 20
NO_STUDY = "no such study: no row of the metadata that was used has it"
NO_IMAGE = "no such image: no row of the metadata that was used has it"
FILE_SCHEMA = {"root": pl.String(), "path": pl.String(), "size": pl.Int64(), "crc": pl.Int64()}
_FILE = re.compile(r"s\d+\.txt|s\d+/[\w-][\w.-]*\.(jpg|dcm)", re.ASCII)
_TEXT = pl.col("path").str.ends_with(".txt")


def chest_files(layout: Layout) -> pl.DataFrame:
    """Return the images below one root, and the report texts below any: ``FILE_SCHEMA``, sorted.

    The images' root is the folder of the metadata; where that has none, the first other one that has: the DICOM files
    of MIMIC-CXR beside the tables of MIMIC-CXR-JPG. ``path`` is ``files/p10/p10000032/s50414267.txt`` or
    ``…/s50414267/<dicom_id>.jpg`` or ``.dcm``, relative to ``root``. Links are not followed. The CRC is of texts only,
    0 for images: they are opened one by one when they are used.
    """
    rows = [
        (str(root), path, size, stored_crc(root / path) if path.endswith(".txt") else 0)
        for root in layout.file_roots
        if (root / "files").is_dir()
        for path, size in _below(root)
    ]
    files = pl.DataFrame(sorted(rows), schema=FILE_SCHEMA, orient="row")
    roots = files.filter(~_TEXT)["root"].unique().sort().to_list()
    own = str(layout.image_root)
    chosen = own if own in roots else next(iter(roots), own)
    return files.filter(_TEXT | (pl.col("root") == chosen))


def root_of_images(layout: Layout, files: pl.DataFrame) -> Path | None:
    """Return the folder that the paths of the images among ``files`` are relative to; ``None`` without chest images."""
    images = files.filter(~_TEXT)
    return Path(images["root"][0]) if images.height and layout.image_root else layout.image_root


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


def folder_of_study() -> pl.Expr:
    """Return ``files/p10/p10000032/s50414267`` from ``subject_id`` and ``study_id``."""
    subject = pl.col("subject_id").cast(pl.String)
    return pl.format("files/p{}/p{}/s{}", subject.str.slice(0, 2), subject, pl.col("study_id"))


def text_of_study() -> pl.Expr:
    """Return where the report of a study lies, if it does."""
    return pl.format("{}.txt", folder_of_study())


def open_account(files: pl.DataFrame, account: Account) -> tuple[str, ...]:
    """Book the files that there are as rows: texts in ``cxr_reports``, pictures in ``cxr_files``; name what is open."""
    opened = []
    kinds = (("cxr_reports", "files/**/s*.txt", _TEXT), ("cxr_files", "files/**/*.{jpg,dcm}", ~_TEXT))
    for table, pattern, which in kinds:
        if n := files.filter(which).height:
            account.open(table, pattern)
            account.read(table, n, none_bad())
            opened.append(table)
    return tuple(opened)


def leftovers(files: pl.DataFrame, named: pl.Series) -> tuple[Outcome, Outcome]:
    """Return the account of texts and of pictures that no study or image has, once all are ``named`` (their paths)."""
    nothing = pl.DataFrame(schema=ev.EVENT_SCHEMA)
    known = pl.col("path").is_in(named.implode())
    texts, pictures = files.filter(_TEXT), files.filter(~_TEXT & ~known)
    again = texts.filter(known & ~pl.col("path").is_first_distinct())
    as_jpg = pl.col("path").str.replace(r"\.dcm$", ".jpg").is_in(named.implode())
    return (
        Outcome(
            "cxr_reports",
            nothing,
            0,
            _aside(texts.filter(~known), NO_STUDY),
            {"the report lies in another folder too": again.height},
        ),
        Outcome(
            "cxr_files",
            nothing,
            0,
            _aside(pictures.filter(~as_jpg), NO_IMAGE),
            {"the same image is there as JPG": pictures.filter(as_jpg).height},
        ),
    )


def _aside(files: pl.DataFrame, reason: str) -> pl.DataFrame:
    nowhere = pl.lit(None, pl.Int64)
    return files.select(nowhere.alias("row"), nowhere.alias("line"), pl.lit(reason).alias("reason"), file="path")


def report_events(studies: pl.DataFrame, files: pl.DataFrame, read_elsewhere: pl.DataFrame) -> Outcome:
    """Return the report texts of the studies as documents, but of those ``read_elsewhere`` (by ``study_id``)."""
    paths = studies.with_columns(path=text_of_study())
    found = paths.join(files, on="path").sort("study_id", "root").unique("study_id", keep="first", maintain_order=True)
    wanted = found.join(read_elsewhere, on="study_id", how="anti")
    texts = [_read(Path(root) / path) for root, path in wanted.select("root", "path").iter_rows()]
    rows = wanted.with_columns(text=pl.Series(texts, dtype=pl.String))
    good = rows.drop_nulls("text")
    bad = _aside(rows.filter(pl.col("text").is_null()), "not a text in UTF-8 of at most 1 MiB")
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
