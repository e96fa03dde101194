"""An explanation and the whole record beside it, as the form's templates read them: blinded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from xhaim.evaluate.documents import DocumentView, Piece, document_view
from xhaim.evaluate.page import ExplanationView, samples
from xhaim.evaluate.signal_plot import SignalView, signal_view
from xhaim.evaluate.sources import Anchors, ImageView
from xhaim.evaluate.wording import before, moment
from xhaim.records import Document, Explanation, Record
from xhaim.serve.results import StoredRun
from xhaim.task import Task


@dataclass(frozen=True, slots=True)
class Shown:
    """Explanations of one sample with its record. Nothing says who wrote them, or what became of the patient."""

    explanations: tuple[ExplanationView, ...]
    when: str
    static: tuple[tuple[str, str], ...]
    documents: tuple[tuple[DocumentView, bool], ...]
    """All that were known, newest first; and whether an explanation cites it."""
    signals: tuple[tuple[SignalView, bool], ...]
    images: tuple[ImageView, ...]


def shown(run: StoredRun, task: Task, explanations: Sequence[Explanation]) -> Shown:
    """Return what a rater is shown of explanations of one sample.

    Raises DataError where one cites what the record does not hold.
    """
    sample = run.sample(explanations[0].sample_id)
    assert sample is not None  # noqa: S101  (the explanation was found by this sample)
    record = run.record(task, sample)
    blinded = [replace(one, writer="", dropped=()) for one in explanations]
    (view,) = samples(run.header, [task], blinded, {sample.sample_id: record}, {})
    cited = {image.image_id for image in view.sources.images}
    return Shown(
        explanations=view.explanations,
        when=view.when,
        static=view.static,
        documents=_documents(record, view.sources.anchors),
        signals=_signals(record, view.sources.signals),
        images=(*view.sources.images, *(one for one in _images(record) if one.image_id not in cited)),
    )


def _documents(record: Record, anchors: Anchors) -> tuple[tuple[DocumentView, bool], ...]:
    spans: dict[str, dict[tuple[int, int], str]] = {}
    for (kind, source_id, start, end), anchor in anchors.items():
        if kind == "span" and start is not None and end is not None:
            spans.setdefault(source_id, {})[start, end] = anchor
    told = []
    for number, document in enumerate(reversed(record.documents), start=1):
        mine = spans.get(document.doc_id, {})
        told.append((_document(document, mine, f"u{number}", record), bool(mine)))
    return tuple(told)


def _document(document: Document, spans: dict[tuple[int, int], str], own: str, record: Record) -> DocumentView:
    anchor = own
    for (start, end), name in spans.items():
        anchor = name.removesuffix(f"-{start}-{end}")
    if not spans:  # the report's view cuts a long document to what stands around its marks
        whole = document_view(replace(document, text=""), {}, anchor, record)
        return replace(whole, pieces=(Piece("text", document.text),))
    everything = {(0, len(document.text)): False} | dict.fromkeys(spans, True)
    return document_view(document, everything, anchor, record)


def _signals(record: Record, cited: tuple[SignalView, ...]) -> tuple[tuple[SignalView, bool], ...]:
    labels = {one.label for one in cited}
    told = [(one, True) for one in cited]
    grouped = groupby(record.measurements, key=lambda one: one.signal)  # the record is ordered by signal
    for number, (_, group) in enumerate(grouped, start=1):
        values = sorted(group, key=lambda one: (one.time, one.value))
        if values[0].label not in labels:
            told.append((signal_view(values, frozenset(), f"v{number}", record.sample.prediction_time)[0], False))
    return tuple(told)


def _images(record: Record) -> list[ImageView]:
    return [
        ImageView(
            anchor=f"w{number}",
            title=f"Chest X-ray ({one.view})" if one.view else "Chest X-ray",
            when=moment(one.time),
            before=before(one.time, record.sample.prediction_time),
            image_id=one.image_id,
            index=one.image_id == record.sample.index_image_id,
        )
        for number, one in enumerate(record.images, start=1)
    ]
