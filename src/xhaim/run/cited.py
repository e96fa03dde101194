"""What the explanations of a report cite: one record of each sample, of all that its tasks' policies let them see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from xhaim.records import Citation, Explanation, Record, Summary
from xhaim.run.pipeline import Results

Summaries = dict[tuple[str, str], list[Summary]]


def cited(
    results: Results, explanations: Sequence[Explanation]
) -> tuple[list[Explanation], dict[str, Record], Summaries]:
    """Return the explanations, the record of each explained sample, and the summaries by sample and task.

    The record holds the documents that either task saw. Where two tasks saw different documents under one id, the
    later task's has its own id there, and in that task's citations and summaries.
    """
    samples = {row["sample_id"]: row for row in results.people.samples.iter_rows(named=True)}
    told: list[Explanation] = []
    records: dict[str, Record] = {}
    summaries: Summaries = {}
    for item in explanations:
        explainer = results.explainers[item.task_id]
        sample = explainer.sample(samples[item.sample_id])
        own, written = explainer.record(sample), explainer.summaries(sample)
        shown, mine, summed = united(records.get(item.sample_id, own), own, item, written)
        records[item.sample_id], summaries[item.sample_id, item.task_id] = shown, summed
        told.append(mine)
    return told, records, summaries


def united(
    shown: Record, own: Record, item: Explanation, summaries: Sequence[Summary]
) -> tuple[Record, Explanation, list[Summary]]:
    """Add a task's ``own`` record to what is shown of the sample; return that, its explanation and its summaries."""
    documents = {document.doc_id: document for document in shown.documents}
    names = {
        document.doc_id: f"{document.doc_id}~{item.task_id}"
        for document in own.documents
        if documents.get(document.doc_id, document) != document
    }
    for document in own.documents:
        name = names.get(document.doc_id, document.doc_id)
        documents[name] = replace(document, doc_id=name)
    ordered = sorted(documents.values(), key=lambda document: (document.known_at, document.doc_id))
    mine = replace(item, citations=tuple(_citation(citation, names) for citation in item.citations))
    return replace(shown, documents=tuple(ordered)), mine, [_summary(summary, names) for summary in summaries]


def _citation(citation: Citation, names: Mapping[str, str]) -> Citation:
    if citation.kind != "span":
        return citation
    return replace(citation, source_id=names.get(citation.source_id, citation.source_id))


def _summary(summary: Summary, names: Mapping[str, str]) -> Summary:
    return replace(
        summary,
        sentences=tuple(
            replace(sentence, chunk_ids=tuple(_chunk_id(chunk_id, names) for chunk_id in sentence.chunk_ids))
            for sentence in summary.sentences
        ),
    )


def _chunk_id(chunk_id: str, names: Mapping[str, str]) -> str:
    doc_id, colon, place = chunk_id.rpartition(":")
    return f"{names.get(doc_id, doc_id)}{colon}{place}"
