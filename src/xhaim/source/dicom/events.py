"""Chest X-rays, as headers and a table describe them, to events; and the numbers that their ids became."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from xhaim import events as ev
from xhaim.source.account import Outcome
from xhaim.source.csv_tables.checked import columns
from xhaim.source.dicom.header import view_of
from xhaim.source.draft import Draft
from xhaim.source.identity import numbers_of

IMAGES = columns("subject_id text!  study_id text!  image_id text!  time time!  view text  path text!")
"""The table of JPG and PNG files; ``path`` is relative to the table's folder, and stays below it."""
ROWS_SCHEMA: dict[str, pl.DataType] = {
    **dict.fromkeys(("subject", "study", "image"), pl.String()),
    "time": pl.Datetime("us"),
    **dict.fromkeys(("view", "sex"), pl.String()),
    **dict.fromkeys(("born", "aged"), pl.Date()),
    **dict.fromkeys(("offset", "path"), pl.String()),
}
"""``dicom_header.Header``, and the file's path relative to the root."""
SUFFIXES = (".jpg", ".jpeg", ".png")
"""Of the pictures that the table may name."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """What the files below a root were."""

    rows: pl.DataFrame
    """ROWS_SCHEMA."""
    bad: pl.DataFrame
    """By ``account.QUARANTINE_SCHEMA``."""
    unused: Mapping[str, int]
    """Reason -> files."""


def write_pictures(store: Path, root: Path, files: Pictures, table: Path | None) -> dict[str, Any]:
    """Write events, metadata and the ids' numbers; return the counts of files, rows and what they gave."""
    draft = Draft(store)
    draft.account.open("files", "**/*")
    draft.account.read("files", files.rows.height + sum(files.unused.values()), files.bad)
    used, bad = _consistent(files.rows)
    draft.account.book(Outcome("files", pl.DataFrame(schema=ev.EVENT_SCHEMA), used.height, bad, files.unused))
    everything = [used.with_columns(source=pl.lit("dicom"))]
    if table is not None:
        described = pl.concat(list(draft.batches("images", table, root, IMAGES)))
        good, bad = _described(described, root)
        draft.account.book(Outcome("images", pl.DataFrame(schema=ev.EVENT_SCHEMA), good.height, bad))
        everything.append(good.with_columns(source=pl.lit("images")))
    rows = pl.concat([pl.DataFrame(schema=ROWS_SCHEMA), *everything], how="diagonal_relaxed")
    subjects, studies = numbers_of(rows["subject"]), numbers_of(rows["study"])
    draft.expect(subjects["number"].sort())
    events = _events(rows, subjects, studies)
    draft.parts.add("events", events)
    tables, counts = draft.finish("chest X-rays", "unknown", lambda codes: codes.with_columns(description=None))
    ids = pl.concat([subjects.with_columns(kind=pl.lit("subject")), studies.with_columns(kind=pl.lit("study"))])
    ids.select("kind", "number", "id").sort("kind", "number").write_parquet(store / "metadata" / "ids.parquet")
    return {
        "absent": [] if table else ["images"],
        "remarks": _remarks(used),
        "tables": tables,
        "empty": [name for name, count in tables.items() if not count["rows_in"]],
        "counts": {"subjects": subjects.height, "stays": 0, **counts},
    }


# ---- which rows are used ------------------------------------------------------------------------------------------


def _consistent(rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return one row for each image of a study of one patient, and the others as set aside.

    Of equal ids the first by content is kept, whatever the order of rows.
    """
    marked = rows.sort("image", *(name for name in rows.columns if name != "image")).with_columns(
        reason=pl.coalesce(
            pl.when(pl.col("subject").n_unique().over("study") > 1).then(pl.lit("study: of more than one patient")),
            pl.when(~pl.col("image").is_first_distinct()).then(
                pl.lit("image id: more than once; the first by content is kept")
            ),
        )
    )
    place = [name for name in ("row", "line") if name in rows.columns]
    bad = marked.filter(pl.col("reason").is_not_null())
    return marked.filter(pl.col("reason").is_null()).drop("reason"), bad.select(
        *(pl.col(name) if name in place else pl.lit(None, pl.Int64).alias(name) for name in ("row", "line")),
        "reason",
        *([] if place else [pl.col("path").alias("file")]),
    )


def _described(table: pl.DataFrame, root: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    rows = table.rename({"subject_id": "subject", "study_id": "study", "image_id": "image"}).with_columns(
        view=pl.Series([view_of(word) for word in table["view"]], dtype=pl.String),
        fault=pl.Series([_fault(root, path) for path in table["path"]], dtype=pl.String),
    )
    lost = rows.filter(pl.col("fault").is_not_null()).select("row", "line", reason="fault")
    used, bad = _consistent(rows.filter(pl.col("fault").is_null()).drop("fault"))
    return used, pl.concat([lost, bad])


def _fault(root: Path, path: str) -> str | None:
    """Say what is wrong with the path of a picture, without the path."""
    if not path.lower().endswith(SUFFIXES):
        return f"path: not one of {', '.join(SUFFIXES)}"
    try:
        resolved = (root / path).resolve()
        there = resolved.is_file()
    except (OSError, ValueError):
        return "path: not a path"
    if not resolved.is_relative_to(root):
        return "path: leaves the folder"
    return None if there else "path: no such file"


# ---- events -------------------------------------------------------------------------------------------------------


def _events(rows: pl.DataFrame, subjects: pl.DataFrame, studies: pl.DataFrame) -> pl.DataFrame:
    numbered = rows.join(subjects.rename({"id": "subject", "number": "subject_id"}), on="subject").join(
        studies.rename({"id": "study", "number": "study_id"}), on="study"
    )
    born = pl.col("born").cast(pl.Datetime("us"))
    images = numbered.select(
        "subject_id",
        "study_id",
        "time",
        code=pl.lit(ev.IMAGE),
        known_at="time",
        title="view",
        image_path="path",
        source=pl.concat_str("source", "image", separator="#"),
    )
    sexes = _agreed(numbered, "sex").select(
        "subject_id", code=pl.concat_str(pl.lit(f"{ev.GENDER}//"), "sex"), source=pl.lit("dicom#patient")
    )
    births = _births(numbered).select(
        "subject_id", time=born, known_at=born, code=pl.lit(ev.BIRTH), source=pl.lit("dicom#patient")
    )
    empty = pl.DataFrame(schema=ev.EVENT_SCHEMA)
    return pl.concat([empty, images, sexes, births], how="diagonal_relaxed").select(
        pl.col(name).cast(dtype) for name, dtype in ev.EVENT_SCHEMA.items()
    )


def _agreed(rows: pl.DataFrame, name: str) -> pl.DataFrame:
    """Return ``subject_id`` and the value on which all of a subject's images agree that have one."""
    said = rows.drop_nulls(name).group_by("subject_id").agg(pl.col(name).min(), n=pl.col(name).n_unique())
    return said.filter(pl.col("n") == 1).select("subject_id", name).sort("subject_id")


def _births(rows: pl.DataFrame) -> pl.DataFrame:
    """Return ``subject_id`` and ``born``: the birth date, else the earliest year that the ages give."""
    dated = _agreed(rows, "born")
    aged = rows.drop_nulls("aged").group_by("subject_id").agg(born=pl.col("aged").min()).sort("subject_id")
    return pl.concat([dated, aged.join(rows.drop_nulls("born"), on="subject_id", how="anti")])


def _remarks(rows: pl.DataFrame) -> list[str]:
    remarks = []
    for name, what in {"sex": "PatientSex", "born": "PatientBirthDate"}.items():
        several = rows.group_by("subject").agg(pl.col(name).drop_nulls().n_unique()).filter(pl.col(name) > 1).height
        if several:
            remarks.append(f"{what}: {several} patients have several, and so none")
    offsets = rows["offset"].drop_nulls().unique().sort().to_list()
    if len(offsets) > 1:
        remarks.append(f"times are local, at the offsets from UTC {', '.join(offsets)}")
    if viewless := rows["view"].null_count():
        remarks.append(f"{viewless} images do not say their view")
    return remarks
