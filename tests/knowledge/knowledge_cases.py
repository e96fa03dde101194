"""A card and records written by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from xhaim.knowledge.card import Card
from xhaim.knowledge.cards import load_card
from xhaim.knowledge.checklist import checklist
from xhaim.records import Criterion, Document, Measurement, Record, Sample
from xhaim.signals import catalogue
from xhaim.task import load_task

NOW = datetime(2180, 7, 26, 4, 10)
TASK = load_task("pneumonia")
SOURCE = {"title": "A title", "by": "A journal 1: 2-3", "date": "2020-05", "doi": "10.1000/abc.1"}


def raw_card(**changes: Any) -> dict[str, Any]:
    """A small card as YAML gives it; a value of None takes the key out."""
    card = {
        "task": "pneumonia",
        "written": "2026-11-22",
        "sources": {"a": SOURCE},
        "definition": [{"text": "Pneumonia is an inflammation.", "source": "a"}],
    } | changes
    return {key: value for key, value in card.items() if value is not None}


def written(path: Path, card: Mapping[str, Any]) -> Path:
    path.write_text(yaml.safe_dump(dict(card), allow_unicode=True), encoding="utf-8")
    return path


def criterion(rule: Mapping[str, Any], name: str = "asked") -> dict[str, Any]:
    return {"id": name, "name": f"{name} in short", "text": f"A line about {name}.", "source": "a", "rule": dict(rule)}


def card_with(folder: Path, *rules: Mapping[str, Any], **changes: Any) -> Card:
    """A card whose criteria are the rules: asked0, asked1, …"""
    criteria = [criterion(rule, f"asked{at}") for at, rule in enumerate(rules)]
    return load_card(written(folder / "card.yaml", raw_card(criteria=criteria, **changes)))


def judged(folder: Path, record: Record, rule: Mapping[str, Any]) -> Criterion:
    return checklist(record, TASK, card_with(folder, rule))[0]


def value(
    signal: str, number: float, hours: float, *, known: float | None = None, unit: str | None = ""
) -> Measurement:
    """A value of ``hours`` before the prediction, known then or ``known`` hours before it."""
    time, known_at = NOW - timedelta(hours=hours), NOW - timedelta(hours=hours if known is None else known)
    said = catalogue()[signal].unit if unit == "" else unit
    return Measurement(f"{signal}@{time:%Y%m%dT%H%M%S}={number:g}", signal, signal, number, said, time, known_at)


def note(doc_id: str, text: str, hours: float, *, known: float | None = None) -> Document:
    time, known_at = NOW - timedelta(hours=hours), NOW - timedelta(hours=hours if known is None else known)
    return Document(doc_id, "nursing", doc_id, text, time, known_at)


def record(
    *values: Measurement, notes: Sequence[Document] = (), static: Mapping[str, str | float | None] | None = None
) -> Record:
    ordered = tuple(sorted(notes, key=lambda one: (one.known_at, one.doc_id)))
    return Record(Sample("7-x", 3, 5, 7, NOW), static or {}, ordered, values, ())
