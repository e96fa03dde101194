"""Words on the question that the model did not read: shown as such, so that what a record says is not hidden by it.

Step 1 keeps the best few chunks. A newer denial may lie in the next one; a clinician must see it, and must be told that
the risk does not know of it.
"""

from __future__ import annotations

from collections.abc import Sequence

from xhaim.explain.facts import Films, Removal
from xhaim.explain.pieces import Passage, Piece
from xhaim.explain.quotes import folded, foremost_quotes, same_words
from xhaim.records import Record
from xhaim.task import Task

MOST = 3
"""Of each side."""


def unread(record: Record, task: Task, films: Films, read: Sequence[Piece]) -> list[Piece]:
    """Return the newest sentences that affirm or deny the finding (of an outcome, any concept) beyond those read.

    Of each side MOST, each wording once; words that a piece of ``read`` quotes are not among them. Known before the
    prediction, of this admission where the sample has one; what is past or doubtful takes no side and is left out.
    Of a report whose film's label is an input the label is told with the words: so much of them the model knows.
    """
    told = {folded(quote.text): None for one in read if isinstance(one.source, Passage) for quote in one.source.quotes}
    now, admission = record.sample.prediction_time, record.sample.hadm_id
    found: dict[str, list[Piece]] = {"for": [], "against": []}
    for document in sorted(record.documents, key=lambda one: (one.time, one.doc_id), reverse=True):
        if all(len(side) >= MOST for side in found.values()):
            break
        elsewhere = None not in (admission, document.hadm_id) and document.hadm_id != admission
        if document.known_at >= now or elsewhere:
            continue
        for quote in foremost_quotes(document, task):
            words = folded(quote.text)
            if quote.speaks is None or any(same_words(words, one) for one in told) or len(found[quote.speaks]) >= MOST:
                continue
            told[words] = None
            label = films.labels.get(document.study_id) if document.study_id is not None else None
            found[quote.speaks].append(Piece(Passage(document, (quote,), label, unread=True), Removal()))
    return [piece for side in found.values() for piece in side]
