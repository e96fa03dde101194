"""Texts for ablations: what an encoder would read without step 2, and without steps 1 and 2, cut to the same length."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

import polars as pl

from xhaim.modality.documents import modality_of
from xhaim.records import MODALITIES, Document, Evidence
from xhaim.run.directory import Stage
from xhaim.run.known import Known
from xhaim.run.parquet_records import from_frame
from xhaim.text.sentences import sentences

CountTokens = Callable[[str], int]


def evidence_texts(
    evidence: Stage, sample_ids: Sequence[str], count: CountTokens, most: int
) -> dict[str, tuple[str, ...]]:
    """Return modality -> for each sample its chunks, best first, the first sentences that fit ``most`` word pieces."""
    found: dict[tuple[str, str], str] = {}
    wanted = set(sample_ids)
    for path in evidence.shards():
        for item in from_frame(pl.read_parquet(path), Evidence):
            if item.sample_id in wanted:
                ranked = sorted(item.chunks, key=lambda one: one.rank)
                found[item.modality, item.sample_id] = _first((one.chunk.text for one in ranked), count, most)
    return _in_order(found, sample_ids)


def newest_texts(known: Stage, sample_ids: Sequence[str], count: CountTokens, most: int) -> dict[str, tuple[str, ...]]:
    """Return modality -> for each sample its documents, newest first, the first sentences that fit ``most``."""
    found: dict[tuple[str, str], str] = {}
    wanted = set(sample_ids)
    for path in known.shards():
        for sample_id, documents in Known.read(path).documents.items():
            if sample_id in wanted:
                newest = sorted(documents, key=_newness, reverse=True)
                for modality in MODALITIES:
                    mine = (one.text for one in newest if modality_of(one) == modality)
                    found[modality, sample_id] = _first(mine, count, most)
    return _in_order(found, sample_ids)


def _newness(document: Document) -> tuple[datetime, str]:
    return document.known_at, document.doc_id


def _first(texts: Iterable[str], count: CountTokens, most: int) -> str:
    """Return the first sentences that fit; the count of each alone, so never longer than ``most`` together."""
    kept: list[str] = []
    used = count("")
    for text in texts:
        for start, end in sentences(text):
            one = " ".join(text[start:end].split())
            cost = count(one) - count("")
            if used + cost > most:
                return " ".join(kept)
            kept.append(one)
            used += cost
    return " ".join(kept)


def _in_order(found: dict[tuple[str, str], str], sample_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
    return {modality: tuple(found.get((modality, one), "") for one in sample_ids) for modality in MODALITIES}
