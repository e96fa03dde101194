"""The patients of covid-chestxray whose outcome is stated, with their sentences, sources and first films."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from PIL import Image

from xhaim.modality.pixels import shrink
from xhaim.text.sentences import sentences

Matrix = NDArray[np.float32]

READ = (
    "patientid", "offset", "sex", "age", "survival", "went_icu", "view", "doi", "url", "clinical_notes", "image384"
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Patients:
    """Those whose outcome is stated once and for all."""

    labels: NDArray[np.int8]
    ids: NDArray[np.int64]
    sources: NDArray[np.int64]
    """One number for all patients who share a doi or a url."""
    notes: tuple[tuple[str, ...], ...]
    """Distinct sentences of each."""
    person: Matrix
    """Age, sex."""
    taking: Matrix
    """Of the first film: days, whether supine, whether anterior-posterior, whether lateral, how many films."""
    pixels: Matrix
    """[n, 64 x 64] of the first film; NaN where there is no file."""
    set_aside: int
    """Patients with two outcomes."""


def read(folder: Path, column: str, meaning: Mapping[str, int]) -> Patients:
    """Return the patients of whom ``column`` says one of the meanings."""
    rows = pl.read_csv(folder / "metadata_xray.csv", columns=READ, infer_schema=False)
    rows = rows.with_columns(label=pl.col(column).replace_strict(dict(meaning), default=None, return_dtype=pl.Int8))
    said = rows.drop_nulls("label").sort("patientid", pl.col("offset").cast(pl.Float64, strict=False), "image384")
    people = [part for _, part in said.group_by("patientid", maintain_order=True)]
    clear = [part for part in people if part["label"].n_unique() == 1]
    first = pl.concat([part.head(1) for part in clear])
    view, age = first["view"].fill_null(""), first["age"].cast(pl.Float32, strict=False)
    male = first["sex"].replace_strict({"M": 1.0, "F": 0.0}, default=None, return_dtype=pl.Float32)
    days = first["offset"].cast(pl.Float32, strict=False)
    supine, front, lateral = view == "AP Supine", view.str.starts_with("AP"), view == "L"
    taking = [days, *(one.cast(pl.Float32) for one in (supine, front, lateral))]
    return Patients(
        labels=first["label"].to_numpy(),
        ids=np.arange(len(clear)),
        sources=_sources(clear),
        notes=tuple(_sentences(part) for part in clear),
        person=np.stack([_numbers(age), _numbers(male)], axis=1),
        taking=np.column_stack([*(_numbers(one) for one in taking), [part.height for part in clear]]).astype(
            np.float32
        ),
        pixels=np.stack([_pixels(folder / "images_384" / name) for name in first["image384"].fill_null("-")]),
        set_aside=len(people) - len(clear),
    )


def _numbers(column: pl.Series) -> Matrix:
    return np.asarray(column.fill_null(float("nan")).to_numpy(), dtype=np.float32)


def _sentences(rows: pl.DataFrame) -> tuple[str, ...]:
    notes = rows["clinical_notes"].drop_nulls().to_list()
    return tuple(dict.fromkeys(note[start:end] for note in notes for start, end in sentences(note)))


def _sources(patients: list[pl.DataFrame]) -> NDArray[np.int64]:
    """Number the patients who are joined by a doi or a url, directly or through others."""
    found = list(range(len(patients)))
    seen: dict[str, int] = {}

    def root(at: int) -> int:
        while found[at] != at:
            at = found[at]
        return at

    for at, rows in enumerate(patients):
        for name in ("doi", "url"):
            for where in rows[name].drop_nulls().unique().sort():
                found[root(at)] = root(seen.setdefault(where.strip().lower(), at))
    return np.array([root(at) for at in range(len(patients))], dtype=np.int64)


def _pixels(path: Path) -> Matrix:
    if not path.is_file():
        return np.full(64 * 64, np.nan, np.float32)
    with Image.open(path) as image:
        return np.asarray(shrink(np.asarray(image.convert("L"))).ravel() / 255, dtype=np.float32)
