"""The pieces of evidence that are words: passages of the summaries, and labels read off the reports of films."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from xhaim.explain.facts import Films, Removal
from xhaim.explain.pieces import Passage, Piece
from xhaim.explain.quotes import Side, choose_quotes, folded, quote_of, same_words, sides_of
from xhaim.records import MODALITIES, Document, Evidence, Modality, Record, ScoredChunk, Summary
from xhaim.task import Task

MAX_LABELS = 3
"""Labels of earlier films that are measured."""


def passages(
    record: Record, task: Task, evidence: Mapping[Modality, Evidence], summaries: Mapping[Modality, Summary]
) -> tuple[list[Piece], list[str]]:
    """Return the passages by modality and rank, and the reasons why retrieved text is not among them."""
    documents, now = {document.doc_id: document for document in record.documents}, record.sample.hadm_id
    pieces: dict[tuple[Side | None, str], Piece] = {}
    reasons: list[str] = []
    for scored, in_summary in _used(evidence, summaries):
        document = documents.get(scored.chunk.doc_id)
        fault = _misfit(scored, document, record)
        if fault is not None or document is None:
            reasons.append(f"chunk {scored.chunk.chunk_id}: {fault}")
            continue
        removal = Removal(chunk_ids=frozenset({scored.chunk.chunk_id, *scored.also_in}))
        sides = choose_quotes(scored, task, in_summary)
        spoken = sides_of(scored.chunk.text, task)
        for quotes in sides:
            earlier = None not in (document.hadm_id, now) and document.hadm_id != now
            piece = Piece(Passage(document, quotes, mixed=len(spoken) > 1, earlier=earlier), removal)
            side, words = piece.speaks, folded(quotes[0].text)
            key = (side, next((one for other, one in pieces if other == side and same_words(one, words)), words))
            pieces[key] = _merged(pieces[key], piece) if key in pieces else piece
    return list(pieces.values()), reasons


def _used(
    evidence: Mapping[Modality, Evidence], summaries: Mapping[Modality, Summary]
) -> Iterator[tuple[ScoredChunk, frozenset[str]]]:
    """Give the chunks that the model had, and the summary's sentences with their white space folded.

    A chunk that a summary rests on; and one that names a concept of the task, which is counted without a summary too.
    """
    for modality in MODALITIES:
        if modality not in evidence or modality not in summaries:
            continue
        written = summaries[modality].sentences
        cited = {chunk_id for sentence in written for chunk_id in sentence.chunk_ids}
        words = frozenset(" ".join(sentence.text.split()) for sentence in written)
        for scored in sorted(evidence[modality].chunks, key=lambda one: (one.rank, one.chunk.chunk_id)):
            if scored.polarity is not None or cited & {scored.chunk.chunk_id, *scored.also_in}:
                yield scored, words


def labels(record: Record, task: Task, films: Films, passages: Sequence[Piece]) -> list[Piece]:
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
            pieces.append(
                Piece(Passage(document, (quote,), films.labels[study]), Removal(study_ids=frozenset({study})))
            )
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
    source = max(one, two, key=_newness).source
    if isinstance(source, Passage):
        source = replace(source, mixed=one.mixed or two.mixed)
    return Piece(source, one.removal | two.removal)


def _newness(piece: Piece) -> tuple[str, str]:
    document = piece.source.document if isinstance(piece.source, Passage) else None
    return ("", "") if document is None else (document.time.isoformat(), document.doc_id)
