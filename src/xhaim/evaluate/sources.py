"""The sources that a page opens: documents with the cited words marked, signals with the cited values, images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from xhaim.errors import DataError
from xhaim.evaluate.documents import DocumentView, document_view
from xhaim.evaluate.signal_plot import SignalView, signal_view
from xhaim.evaluate.wording import before, moment
from xhaim.records import Citation, Document, Record, Summary

Anchors = dict[tuple[str, str, int | None, int | None], str]
"""(kind, source id, start, end) of a citation, or (``span``, doc id, start, end) of a chunk -> element id."""


@dataclass(frozen=True, slots=True)
class ImageView:
    """One image: named, not shown."""

    anchor: str
    title: str
    when: str
    before: str
    image_id: str
    index: bool


@dataclass(frozen=True, slots=True)
class Sources:
    """Everything that the explanations of one sample cite, each once."""

    documents: tuple[DocumentView, ...]
    signals: tuple[SignalView, ...]
    images: tuple[ImageView, ...]
    uncited: int
    """Documents of the record that are not shown."""
    anchors: Anchors


def sources(record: Record, citations: Iterable[Citation], summaries: Iterable[Summary], prefix: str) -> Sources:
    """Gather what one sample's explanations cite; every id on the page begins with ``prefix``.

    Raises DataError where a citation names nothing in the record, or quotes words that do not stand there: a page
    shows no pointer that leads nowhere.
    """
    cited = sorted(set(citations), key=lambda item: (item.kind, item.source_id, item.start or 0, item.marker))
    documents = {document.doc_id: document for document in record.documents}
    spans: dict[str, dict[tuple[int, int], bool]] = {}
    for start, end, doc_id in _chunks(summaries, documents):
        spans.setdefault(doc_id, {}).setdefault((start, end), False)
    for citation in cited:
        if citation.kind == "span":
            start, end = _checked_span(citation, documents)
            spans.setdefault(citation.source_id, {})[start, end] = True
    shown = []
    anchors: Anchors = {}
    for number, document in enumerate((item for item in record.documents if item.doc_id in spans), start=1):
        anchor = f"{prefix}-d{number}"
        shown.append(document_view(document, spans[document.doc_id], anchor, record))
        anchors |= {("span", document.doc_id, a, b): f"{anchor}-{a}-{b}" for a, b in spans[document.doc_id]}
    signals, measured = _signals(record, cited, prefix)
    images, pictured = _images(record, cited, prefix)
    return Sources(
        tuple(shown), signals, images, len(record.documents) - len(shown), {**anchors, **measured, **pictured}
    )


def chunk_place(chunk_id: str) -> tuple[str, int, int] | None:
    """Return doc id, start and end of ``<doc_id>:<start>-<end>``; ``None`` for anything else."""
    doc_id, _, place = chunk_id.rpartition(":")
    start, _, end = place.partition("-")
    if not doc_id or not (start.isascii() and start.isdigit() and end.isascii() and end.isdigit()):
        return None
    return doc_id, int(start), int(end)


def _chunks(summaries: Iterable[Summary], documents: Mapping[str, Document]) -> list[tuple[int, int, str]]:
    """Return the chunks that the summaries rest on and that lie in the record."""
    ids = {chunk_id for item in summaries for sentence in item.sentences for chunk_id in sentence.chunk_ids}
    places = [place for place in map(chunk_place, sorted(ids)) if place and place[0] in documents]
    return [(start, end, doc_id) for doc_id, start, end in places if start < end <= len(documents[doc_id].text)]


def _checked_span(citation: Citation, documents: Mapping[str, Document]) -> tuple[int, int]:
    document = documents.get(citation.source_id)
    if document is None or citation.start is None or citation.end is None:
        raise _unresolved(citation)
    if not 0 <= citation.start < citation.end or document.text[citation.start : citation.end] != citation.quote:
        raise DataError(
            f"citation [{citation.marker}] quotes words that do not stand there",
            got=f"{citation.source_id} {citation.start}-{citation.end}",
            expected="document.text[start:end] == quote",
            do="write the explanation again from this record",
        )
    return citation.start, citation.end


def _unresolved(citation: Citation) -> DataError:
    return DataError(
        f"citation [{citation.marker}] names nothing in its sample's record",
        got=f"{citation.kind} {citation.source_id}",
        do="write the explanation again from this record",
    )


def _signals(record: Record, cited: Sequence[Citation], prefix: str) -> tuple[tuple[SignalView, ...], Anchors]:
    known = {item.measurement_id: item.signal for item in record.measurements}
    wanted = [citation for citation in cited if citation.kind == "measurement"]
    for citation in wanted:
        if citation.source_id not in known:
            raise _unresolved(citation)
    ids = {citation.source_id for citation in wanted}
    views = []
    anchors: Anchors = {}
    for number, name in enumerate(sorted({known[item] for item in ids}), start=1):
        values = sorted(
            (item for item in record.measurements if item.signal == name), key=lambda item: (item.time, item.value)
        )
        view, places = signal_view(values, ids, f"{prefix}-m{number}", record.sample.prediction_time)
        views.append(view)
        anchors |= {("measurement", item, None, None): anchor for item, anchor in places.items()}
    return tuple(views), anchors


def _images(record: Record, cited: Sequence[Citation], prefix: str) -> tuple[tuple[ImageView, ...], Anchors]:
    images = {image.image_id: image for image in record.images}
    views: list[ImageView] = []
    anchors: Anchors = {}
    for citation in (item for item in cited if item.kind == "image"):
        image = images.get(citation.source_id)
        if image is None:
            raise _unresolved(citation)
        key = ("image", image.image_id, None, None)
        if key in anchors:
            continue
        anchors[key] = f"{prefix}-i{len(views) + 1}"
        views.append(
            ImageView(
                anchor=anchors[key],
                title=f"Chest X-ray ({image.view})" if image.view else "Chest X-ray",
                when=moment(image.time),
                before=before(image.time, record.sample.prediction_time),
                image_id=image.image_id,
                index=image.image_id == record.sample.index_image_id,
            )
        )
    return tuple(views), anchors
