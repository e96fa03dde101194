"""Two tasks of a sample that see other documents under one id: each citation leads to the words that its task saw."""

from __future__ import annotations

from datetime import datetime

import pytest

from xhaim.evaluate.sources import sources
from xhaim.records import Citation, CitedSentence, Document, Explanation, Record, Sample, Statement, Summary
from xhaim.run.cited import united

T, BEFORE = datetime(2150, 1, 2, 12), datetime(2150, 1, 1)
SAMPLE = Sample("s", 1, None, 9, T, None, None)


def document(name: str, text: str) -> Document:
    return Document(name, "radiology", "Film", text, BEFORE, BEFORE, None, None, "r")


def told(task: str, name: str, text: str) -> tuple[Record, Explanation, list[Summary]]:
    quote = Citation(1, "span", name, "Radiology: Film", text, BEFORE, BEFORE, 0, len(text), None, None, "not measured")
    item = Explanation(
        "s", task, "?", "prior_only", None, None, None, None, None, True, (Statement(f"{text} [1]", "for", (1,)),),
        (quote,), {}, (), "a test", True, "a test",
    )  # fmt: skip
    summary = Summary("s", task, "cxr", (CitedSentence(text, (f"{name}:0-{len(text)}",)),), 3, "a test")
    return Record(SAMPLE, {}, (document(name, text),), (), ()), item, [summary]


@pytest.mark.parametrize("other", ["Fluid was here.", "Clear."])
def test_each_task_keeps_its_own_words(other):
    one, first, summed = told("one", "r:1", "Fluid was here.")
    two, second, again = told("two", "r:1", other)
    shown, first, summed = united(one, one, first, summed)
    assert shown == one
    shown, second, again = united(shown, two, second, again)
    texts = {item.doc_id: item.text for item in shown.documents}
    assert sorted(texts.values()) == sorted({"Fluid was here.", other})
    for item, summary, text in ((first, summed[0], "Fluid was here."), (second, again[0], other)):
        assert texts[item.citations[0].source_id] == item.citations[0].quote == text
        ((chunk,),) = [sentence.chunk_ids for sentence in summary.sentences]
        assert chunk == f"{item.citations[0].source_id}:0-{len(text)}"
    page = sources(shown, [*first.citations, *second.citations], [*summed, *again], "p")
    assert len(page.documents) == len(texts)
