"""Notes and images as records, out of admissible events."""

from __future__ import annotations

import re
from collections.abc import Mapping

import polars as pl

from xhaim.events import IMAGE, NOTE, code_is
from xhaim.records import Document, Image, Modality

_CHEST_FILM = re.compile(r"(?<![A-Za-z])(CHEST|CXR|THORAX)(?![A-Za-z])", re.IGNORECASE)
_OTHER_MODALITY = re.compile(r"\b(CT|CTA|MR|MRI|US|ULTRASOUND|TOMOGRAPHY|PET)\b", re.IGNORECASE)


MAX_CHARACTERS = 5_000_000
"""A note beyond that is no note; cutting it into chunks would take minutes."""


def too_long(admissible: pl.DataFrame) -> int:
    """Count the notes that ``documents`` leaves out, since they are longer than MAX_CHARACTERS."""
    return admissible.filter(code_is(NOTE) & (pl.col("text_value").str.len_chars() > MAX_CHARACTERS)).height


def documents(admissible: pl.DataFrame) -> dict[str, tuple[Document, ...]]:
    """Return the documents of each sample, ordered by known_at, then doc_id.

    Notes beyond MAX_CHARACTERS are left out. Two notes with one source key (an addendum stored twice) get ``~2`` and
    on, in order of text.
    """
    short = pl.col("text_value").str.len_chars() <= MAX_CHARACTERS
    notes = admissible.filter(code_is(NOTE) & short).sort("sample_id", "known_at", "source", "text_value")
    found: dict[str, list[Document]] = {}
    seen: set[tuple[str, str]] = set()
    for row in notes.iter_rows(named=True):
        doc_id, n = row["source"], 1
        while (row["sample_id"], doc_id) in seen:
            n += 1
            doc_id = f"{row['source']}~{n}"
        seen.add((row["sample_id"], doc_id))
        kind = row["code"].split("//")[1]
        found.setdefault(row["sample_id"], []).append(
            Document(
                doc_id=doc_id,
                kind=kind,
                title=row["title"] or kind.capitalize(),
                text=row["text_value"],
                time=row["time"],
                known_at=row["known_at"],
                study_id=row["study_id"],
                hadm_id=row["hadm_id"],
                source=row["source"],
            )
        )
    return {sample_id: tuple(items) for sample_id, items in found.items()}


def modality_of(document: Document) -> Modality:
    """Say whether a document is words about chest films (``cxr``) or any other note (``notes``)."""
    if document.kind.lower() in ("cxr", "image description"):
        return "cxr"
    film = _CHEST_FILM.search(document.title) and not _OTHER_MODALITY.search(document.title)
    return "cxr" if document.kind.lower() == "radiology" and film else "notes"


def images(admissible: pl.DataFrame) -> Mapping[str, tuple[Image, ...]]:
    """Return the chest images of each sample that have a file, ordered by time, then image_id."""
    rows = admissible.filter(code_is(IMAGE) & pl.col("image_path").is_not_null()).sort("sample_id", "time", "source")
    found: dict[str, list[Image]] = {}
    for row in rows.iter_rows(named=True):
        found.setdefault(row["sample_id"], []).append(
            Image(
                image_id=row["source"],
                path=row["image_path"],
                view=row["title"],
                time=row["time"],
                known_at=row["known_at"],
                study_id=row["study_id"],
            )
        )
    return {sample_id: tuple(items) for sample_id, items in found.items()}
