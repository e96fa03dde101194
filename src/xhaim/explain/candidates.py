"""The pieces of evidence whose effect on the risk is worth measuring."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from xhaim.explain.facts import Films, Removal
from xhaim.explain.quotes import Quote, Side, choose_quote, quote_of
from xhaim.records import (
    MODALITIES,
    Document,
    Evidence,
    Image,
    Measurement,
    Modality,
    Record,
    ScoredChunk,
    Summary,
)
from xhaim.task import Task
from xhaim.text.values import abnormality


@dataclass(frozen=True, slots=True)
class Passage:
    """The words of a chunk that are quoted, and the document that they stand in."""

    document: Document
    quote: Quote
    label: float | None = None
    """Where not the words are an input but the label of their film, read off them: 0, 0.5 (uncertain) or 1."""


MAX_LABELS = 3
"""Labels of earlier films that are measured."""
NO_FILMS = Films()

Source: TypeAlias = Passage | Measurement | Image


@dataclass(frozen=True, slots=True)
class Piece:
    """Something that can be taken out of the input."""

    source: Source
    removal: Removal

    @property
    def speaks(self) -> Side | None:
        """The side that its own words take; ``None`` for a measurement, an image or neutral words."""
        return self.source.quote.speaks if isinstance(self.source, Passage) else None


def candidates(
    record: Record,
    task: Task,
    evidence: Mapping[Modality, Evidence],
    summaries: Mapping[Modality, Summary],
    max_measurements: int,
    films: Films = NO_FILMS,
) -> tuple[list[Piece], list[str]]:
    """Return the pieces in a fixed order, and the reasons why retrieved text is not among them.

    Passages: chunks that a summary rests on, by modality and rank; the same quoted words in several chunks are one
    piece, newest shown, since taking out one copy would change nothing. Measurements: of each of the task's signals
    the latest value and the most abnormal one (distance from the usual range, in widths of that range); the
    signals' first choices before their second, the most abnormal first. Then the labels of earlier films of whose
    reports no words are among the passages, newest first, the index image, and the earlier one.
    """
    passages, reasons = _passages(record, task, evidence, summaries)
    measurements = [
        Piece(one, Removal(measurement_ids=frozenset({one.measurement_id})))
        for one in _measurements(record, task)[:max_measurements]
    ]
    image = index_image(record)
    images = [] if image is None else [Piece(image, Removal(image=True))]
    if films.earlier is not None:
        images.append(Piece(films.earlier, Removal(earlier_image=True)))
    labels = _labels(record, task, films, passages)
    return [*passages, *measurements, *labels, *images], reasons


def index_image(record: Record) -> Image | None:
    """Return the image that is an input; ``None`` where the sample has none."""
    wanted = record.sample.index_image_id
    return next((image for image in record.images if image.image_id == wanted), None)


def by_signal(record: Record, task: Task) -> dict[str, list[Measurement]]:
    """Return the values of each of the task's signals, oldest first; an empty list where there is none."""
    values: dict[str, list[Measurement]] = {signal: [] for signal in task.signals}
    for one in record.measurements:
        if one.signal in values and one.known_at < record.sample.prediction_time:
            values[one.signal].append(one)
    for found in values.values():
        found.sort(key=lambda one: (one.time, one.value, one.measurement_id))
    return values


def _passages(
    record: Record, task: Task, evidence: Mapping[Modality, Evidence], summaries: Mapping[Modality, Summary]
) -> tuple[list[Piece], list[str]]:
    documents = {document.doc_id: document for document in record.documents}
    pieces: dict[str, Piece] = {}
    reasons: list[str] = []
    for scored, in_summary in _used(evidence, summaries):
        document = documents.get(scored.chunk.doc_id)
        fault = _misfit(scored, document, record)
        if fault is not None or document is None:
            reasons.append(f"chunk {scored.chunk.chunk_id}: {fault}")
            continue
        quote = choose_quote(scored, task, in_summary)
        removal = Removal(chunk_ids=frozenset({scored.chunk.chunk_id, *scored.also_in}))
        piece = Piece(Passage(document, quote), removal)
        key = " ".join(quote.text.lower().split())
        pieces[key] = _merged(pieces[key], piece) if key in pieces else piece
    return list(pieces.values()), reasons


def _used(
    evidence: Mapping[Modality, Evidence], summaries: Mapping[Modality, Summary]
) -> Iterator[tuple[ScoredChunk, frozenset[str]]]:
    """Give the chunks that a summary rests on, and the summary's sentences with their white space folded."""
    for modality in MODALITIES:
        if modality not in evidence or modality not in summaries:
            continue
        written = summaries[modality].sentences
        cited = {chunk_id for sentence in written for chunk_id in sentence.chunk_ids}
        words = frozenset(" ".join(sentence.text.split()) for sentence in written)
        for scored in sorted(evidence[modality].chunks, key=lambda one: (one.rank, one.chunk.chunk_id)):
            if cited & {scored.chunk.chunk_id, *scored.also_in}:
                yield scored, words


def _labels(record: Record, task: Task, films: Films, passages: Sequence[Piece]) -> list[Piece]:
    """Return the newest labels whose film's report is in the record, quoted where it speaks of the question."""
    told = {one.source.document.study_id for one in passages if isinstance(one.source, Passage)}
    now, pieces = record.sample.prediction_time, []
    for document in sorted(record.documents, key=lambda one: (one.time, one.doc_id), reverse=True):
        study = document.study_id
        if study is None or study in told or study not in films.labels or document.known_at >= now:
            continue
        quote = quote_of(document, task)
        if quote is not None:
            told.add(study)
            pieces.append(Piece(Passage(document, quote, films.labels[study]), Removal(study_ids=frozenset({study}))))
    return pieces[:MAX_LABELS]


def _misfit(scored: ScoredChunk, document: Document | None, record: Record) -> str | None:
    """Say why a chunk cannot be quoted: it must be words of this record, known before the prediction."""
    chunk = scored.chunk
    if document is None:
        return "its document is not in this record"
    if max(document.known_at, chunk.known_at) >= record.sample.prediction_time:
        return "known only at or after the prediction time"
    if not chunk.text.strip() or document.text[chunk.start : chunk.end] != chunk.text:
        return "its text is not the document's"
    return None


def _merged(one: Piece, two: Piece) -> Piece:
    """Take both out together, and show the newer."""
    newer = max(one, two, key=_newness)
    return Piece(newer.source, one.removal | two.removal)


def _newness(piece: Piece) -> tuple[str, str]:
    document = piece.source.document if isinstance(piece.source, Passage) else None
    return ("", "") if document is None else (document.time.isoformat(), document.doc_id)


def _measurements(record: Record, task: Task) -> list[Measurement]:
    ranked: list[tuple[bool, float, int, Measurement]] = []
    for place, values in enumerate(by_signal(record, task).values()):
        if not values:
            continue
        latest = values[-1]
        extreme = max(reversed(values), key=abnormality)
        chosen = [latest] if abnormality(extreme) == abnormality(latest) else [extreme, latest]
        ranked.extend((bool(nth), -abnormality(one), place, one) for nth, one in enumerate(chosen))
    return [one for *_, one in sorted(ranked, key=lambda row: row[:3])]
