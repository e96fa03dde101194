"""A small chart written by hand, and a model whose effects are known exactly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from xhaim.config import ExplainSettings
from xhaim.explain.compose import explain
from xhaim.explain.facts import ModelFacts, Removal
from xhaim.records import (
    Chunk,
    CitedSentence,
    Document,
    Evidence,
    Explanation,
    Image,
    Measurement,
    Modality,
    Polarity,
    Record,
    Sample,
    ScoredChunk,
    Summary,
)
from xhaim.task import Task, load_task

NOW = datetime(2180, 7, 26, 4, 10)
TASK = load_task("pleural_effusion")
SETTINGS = ExplainSettings()
FACTS = ModelFacts(
    base_rate=0.45,
    threshold=0.40,
    sensitivity=0.9,
    contributions={"cxr": 1.2, "notes": 0.31, "time_series": -0.2},
    risk=0.71,
    low=0.60,
    high=0.80,
    abstains=False,
    n_train=320,
    n_validation=83,
    model_name="xhaim",
)
FILM = "FINDINGS: There is new blunting of the left costophrenic angle. Heart size is normal."
CLEAR = "FINDINGS: No pleural effusion or pneumothorax. Lines in place."
ECHO = "Trivial regurgitation. A moderate left pleural effusion is present."


def document(doc_id: str, kind: str, text: str, hours: float, title: str = "") -> Document:
    """A text of ``hours`` before the prediction, known an hour later."""
    time = NOW - timedelta(hours=hours)
    return Document(doc_id, kind, title or f"Title of {doc_id}", text, time, time + timedelta(minutes=30))


def value(signal: str, label: str, number: float, unit: str, hours: float) -> Measurement:
    time = NOW - timedelta(hours=hours)
    return Measurement(f"{signal}@{time:%Y%m%dT%H%M%S}", signal, label, number, unit, time, time)


def scored(
    source: Document, modality: Modality = "cxr", polarity: Polarity | None = None, rank: int = 1, **more: object
) -> ScoredChunk:
    """The whole document as one chunk."""
    chunk = Chunk(
        f"{source.doc_id}:0-{len(source.text)}", source.doc_id, modality, source.kind, "", 0, len(source.text),
        source.text, source.time, source.known_at,
    )  # fmt: skip
    return ScoredChunk(chunk, 1.0, 1.0, 1.0, rank, "pleural effusion", polarity, **more)  # type: ignore[arg-type]


def record(documents: Sequence[Document] = (), measurements: Sequence[Measurement] = (), image: bool = False) -> Record:
    images = (Image("i1", "x.jpg", "AP", NOW, NOW, 9),) if image else ()
    sample = Sample("7-21800726T041000", 3, 5, 7, NOW, 9, "i1" if image else None)
    ordered = tuple(sorted(documents, key=lambda one: (one.known_at, one.doc_id)))
    values = tuple(sorted(measurements, key=lambda one: (one.signal, one.time, one.value)))
    return Record(sample, {}, ordered, values, images)


def evidence_of(
    chunks: Sequence[ScoredChunk], task: Task = TASK
) -> tuple[dict[Modality, Evidence], dict[Modality, Summary]]:
    """Evidence and extractive summaries that hold every sentence of the chunks."""
    evidence: dict[Modality, Evidence] = {}
    summaries: dict[Modality, Summary] = {}
    for modality in ("cxr", "notes"):
        mine = tuple(one for one in chunks if one.chunk.modality == modality)
        sentences = tuple(CitedSentence(one.chunk.text, (one.chunk.chunk_id,)) for one in mine)
        evidence[modality] = Evidence("7-21800726T041000", task.id, modality, mine, len(mine))
        summaries[modality] = Summary("7-21800726T041000", task.id, modality, sentences, 10, "extractive")
    return evidence, summaries


class Additive:
    """A model in which every piece has a known share of the risk; remembers what it was asked."""

    def __init__(self, effects: Mapping[str, float], risk: float = 0.71) -> None:
        self.effects, self.risk = effects, risk
        self.batches: list[list[Removal]] = []

    def __call__(self, removals: Sequence[Removal]) -> list[float]:
        self.batches.append(list(removals))
        return [self._one(removal) for removal in removals]

    def _one(self, removal: Removal) -> float:
        gone = {*removal.chunk_ids, *removal.measurement_ids, *(["image"] if removal.image else [])}
        return self.risk - sum(effect for name, effect in sorted(self.effects.items()) if name in gone)


def full_case() -> tuple[Record, list[ScoredChunk], Additive]:
    """For: an echo, a film, lactate-like albumin, the image. Against: an older clear film, oxygen saturation."""
    echo = document("e1", "echo", ECHO, 13, "Echocardiogram")
    film = document("r2", "cxr", FILM, 22, "Radiology: CHEST (PORTABLE AP)")
    clear = document("r1", "cxr", CLEAR, 46, "Radiology: CHEST (PA AND LAT)")
    chunks = [
        scored(film, "cxr", "affirmed", 1),
        scored(clear, "cxr", "negated", 2),
        scored(echo, "notes", "affirmed", 1),
    ]
    values = [
        value("albumin", "Albumin", 3.0, "g/dL", 60),
        value("albumin", "Albumin", 2.4000000953674316, "g/dL", 5),
        value("spo2", "Oxygen saturation", 97, "%", 1),
        value("creatinine", "Creatinine", 1.0, "mg/dL", 31),
    ]
    effects = {
        chunks[0].chunk.chunk_id: 0.14,
        chunks[1].chunk.chunk_id: 0.0,
        chunks[2].chunk.chunk_id: 0.22,
        values[1].measurement_id: 0.04,
        values[2].measurement_id: -0.03,
        "image": 0.01,
    }
    return record([echo, film, clear], values, image=True), chunks, Additive(effects)


def explained(
    chart: Record, chunks: Sequence[ScoredChunk], model: Additive, facts: ModelFacts = FACTS, task: Task = TASK
) -> Explanation:
    evidence, summaries = evidence_of(chunks, task)
    return explain(chart, task, evidence, summaries, replace(facts, risk=model.risk), model, SETTINGS, simulated=True)


def texts(explanation: Explanation, role: str) -> list[str]:
    return [statement.text for statement in explanation.statements if statement.role == role]


def changes(explanation: Explanation) -> list[str]:
    """What would change the risk, without the sentence on all that is cited."""
    return [text for text in texts(explanation, "change") if "at random" not in text]
