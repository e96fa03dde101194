"""Numbers for the ids of sources that name subjects, admissions or studies in words: MEDS wants integers."""

from __future__ import annotations

import hashlib
import re

import polars as pl

from xhaim.errors import DataError

_PLAIN = re.compile(r"[1-9]\d{0,17}")


def number_of(text: str) -> int:
    """Return the number that an id is, or one of 62 bits made from its SHA-256: the same in every source and run."""
    if _PLAIN.fullmatch(text):
        return int(text)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 2 | 1 << 61


def numbers_of(ids: pl.Series) -> pl.DataFrame:
    """Return ``id`` (each once, sorted, nulls left out) and its ``number``.

    Raises DataError where two ids have one number: their records would be mixed.
    """
    texts = ids.drop_nulls().unique().sort().alias("id")
    frame = pl.DataFrame({"id": texts, "number": pl.Series([number_of(text) for text in texts], dtype=pl.Int64)})
    if frame["number"].is_duplicated().any():
        twice = frame.filter(pl.col("number").is_duplicated())["id"].head(2).to_list()
        raise DataError("two ids have one number", got=" and ".join(twice)[:200], expected="ids that differ")
    return frame
