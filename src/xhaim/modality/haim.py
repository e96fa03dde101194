"""HAIM's own features, from its description (Soenksen et al. 2022), on our admissible records: the baseline.

De-leaked: the same samples, splits and admissible facts as xHAIM; procedures known only when charted as ended; series
sorted by time and without HAIM's appended row of zeros. Kept as HAIM has them: integer codes for demographics, zero
for a missing value, frozen text embeddings averaged over all notes of a kind with later notes weighing more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray

from xhaim.modality.tabular import CATEGORIES
from xhaim.modality.time_series import HAIM_STATISTICS, wide
from xhaim.records import Document
from xhaim.signals import catalogue

CODED = ("sex", "race", "marital status", "language", "insurance")
NOTE_KINDS = ("ecg", "echo", "radiology")
GROUPS = {"vital": "chart", "lab": "lab", "procedure": "procedure"}


def demographics(facts: Mapping[str, Mapping[str, str | float | None]], sample_ids: Iterable[str]) -> pl.DataFrame:
    """Return HAIM's six: age, and five categories as their place in the alphabet; -1 = missing."""
    rows = []
    for sample_id in sample_ids:
        mine = facts.get(sample_id, {})
        codes = {f"{name} (code)": _code(name, mine.get(name)) for name in CODED}
        rows.append({"age": mine.get("age, years") or 0.0, **codes})
    return pl.DataFrame(rows, schema={"age": pl.Float64(), **{f"{name} (code)": pl.Float64() for name in CODED}})


def _code(name: str, value: str | float | None) -> float:
    known = sorted(CATEGORIES[name])
    return float(known.index(value)) if isinstance(value, str) and value in known else -1.0


def series(stats: pl.DataFrame, sample_ids: Sequence[str]) -> dict[str, pl.DataFrame]:
    """Return chart [n, 99], lab [n, 242] and procedure [n, 110]; a missing value is zero, as HAIM has it."""
    blocks = {}
    for group, name in GROUPS.items():
        signals = [signal.name for signal in catalogue().values() if signal.haim and signal.group == group]
        _, frame = wide(stats, sample_ids, signals)
        kept = [column for column in frame.columns if column.endswith(tuple(f", {s}" for s in HAIM_STATISTICS))]
        blocks[name] = frame.select(kept).fill_null(0.0)
    return blocks


def is_of_kind(document: Document, kind: str) -> bool:
    """Say whether a document is one of HAIM's notes of a kind: reports of chest films are ``radiology``."""
    return (document.kind if document.kind != "cxr" else "radiology") == kind


def note_embedding(
    documents: Sequence[Document],
    admitted: datetime | None,
    kind: str,
    embed_document: Callable[[Document], NDArray[np.float32]],
    width: int,
) -> NDArray[np.float32]:
    """Return [width]: the mean of the frozen embeddings of all notes of a kind, weighted by hours since admission.

    Notes before the admission, which HAIM would weigh negatively, weigh as much as one of the first hour. Zeros where
    there is no such note.
    """
    mine = [document for document in documents if is_of_kind(document, kind)]
    if not mine:
        return np.zeros(width, np.float32)
    start = admitted or mine[0].time
    weights = np.array([max(1.0, (document.time - start).total_seconds() / 3600) for document in mine])
    vectors = np.stack([embed_document(document) for document in mine])
    return np.average(vectors, axis=0, weights=weights).astype(np.float32)
