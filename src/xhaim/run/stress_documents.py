"""Notes as somebody else might have written them: mistyped, in another order, with more that is beside the point.

Each edit is a pure function. Those that keep the facts have a control beside them: as many edits, done where they do
change facts, so that a reader can tell a model that reads from one that looks only at how much was changed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

import numpy as np

from xhaim.modality.documents import modality_of
from xhaim.records import Document
from xhaim.run.stress_facts import Edited, Terms, body, drawn, kept, named, rewritten, spliced, terms_of
from xhaim.task import Task
from xhaim.text import triggers
from xhaim.text.sections import sections

TYPO_SHARE = 0.05
"""Of words of five letters and more."""
_WORD = re.compile(r"(?<![\w'-])[A-Za-z]{3,}(?![\w'-])")
_TRIGGERS = " ".join(value for name, value in vars(triggers).items() if name.isupper())
_PROTECTED = frozenset(re.findall(r"[a-z]+", _TRIGGERS)) | {"right", "left", "bilateral", "upper", "lower", "middle"}
"""Words that deny, doubt or say where: a slip in one of them is a change of facts."""


def nothing(documents: Sequence[Document], task: Task, time: datetime) -> Edited:
    """Change nothing: what going through the steps once more does by itself."""
    return Edited(tuple(documents))


def typos(documents: Sequence[Document], task: Task, time: datetime, *, share: float = TYPO_SHARE) -> Edited:
    """Mistype a share of the words, never one of a concept, of a denial, of a doubt or of a side."""
    return rewritten(documents, task, partial(_typed, terms=terms_of(task), share=share))


def _typed(sentence: str, terms: Terms, share: float) -> tuple[str, int]:
    spans = [(one.start, one.end) for _, one in named(sentence, terms)]
    rng = drawn("typos", sentence)
    pieces = []
    for word in _WORD.finditer(sentence):
        hit = rng.random() < share
        free = word[0].lower() not in _PROTECTED and not any(a < word.end() and word.start() < b for a, b in spans)
        if hit and free and len(word[0]) >= 5:
            pieces.append((*word.span(), _mistyped(word[0], rng)))
    return spliced(sentence, pieces), len(pieces)


def _mistyped(word: str, rng: np.random.Generator) -> str:
    """Swap two neighbouring letters, lose one, or write one twice; the first letter stays."""
    at = 1 + int(rng.integers(len(word) - 2))
    how = int(rng.integers(3))
    if how == 0 and word[at] != word[at + 1]:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    return word[:at] + (word[at] * 2 if how == 1 else "") + word[at + 1 :]


def typos_in_concepts(
    documents: Sequence[Document], task: Task, time: datetime, *, share: float = TYPO_SHARE
) -> Edited:
    """Control of ``typos``: as many, in words of the concepts, as far as there are so many."""
    terms, wanted = terms_of(task), typos(documents, task, time, share=share).made
    places = []
    for at, document in enumerate(documents):
        for start, end in body(document.text):
            sentence = document.text[start:end]
            for word in _words_named(sentence, terms):
                rng = drawn("slip", sentence, word.start())
                places.append((rng.random(), at, start + word.start(), _mistyped(word[0], rng)))
    chosen = sorted(sorted(places)[:wanted], key=lambda place: place[1:])
    texts = []
    for at, document in enumerate(documents):
        pieces = [(start, start + _length(document.text, start), new) for _, of, start, new in chosen if of == at]
        texts.append(replace(document, text=spliced(document.text, pieces)))
    return Edited(tuple(texts), len(chosen))


def _words_named(sentence: str, terms: Terms) -> list[re.Match[str]]:
    spans = [(one.start, one.end) for _, one in named(sentence, terms)]
    return [word for word in _WORD.finditer(sentence) if any(a <= word.start() and word.end() <= b for a, b in spans)]


def _length(text: str, start: int) -> int:
    found = _WORD.match(text, start)
    return len(found[0]) if found else 0


def reordered(documents: Sequence[Document], task: Task, time: datetime) -> Edited:
    """Put the sentences of each section into another order; a document whose facts that would change stays."""
    terms, found, total, undone = terms_of(task), [], 0, 0
    for document in documents:
        pieces: list[tuple[int, int, str]] = []
        moved, spans = 0, body(document.text)
        for section in sections(document.text):
            mine = [span for span in spans if section.start <= span[0] < section.end]
            order = drawn("order", *(document.text[a:b] for a, b in mine)).permutation(len(mine))
            pieces += [(*mine[to], document.text[slice(*mine[of])]) for to, of in enumerate(order)]
            moved += int((order != np.arange(len(mine))).sum())
        document, made, lost = kept(document, spliced(document.text, pieces), moved, terms)  # noqa: PLW2901
        found.append(document)
        total, undone = total + made, undone + lost
    return Edited(tuple(found), total, undone)


def moved_between(documents: Sequence[Document], task: Task, time: datetime) -> Edited:
    """Control of ``reordered``: as many sentences move, but to other documents, so that it changes what was said when.

    Between documents of one modality; sections change too.
    """
    wanted = reordered(documents, task, time).made
    slots = [
        (modality_of(document), at, *span) for at, document in enumerate(documents) for span in body(document.text)
    ]
    rng = drawn("between", *(document.text for document in documents))
    chosen = sorted(rng.permutation(len(slots))[:wanted].tolist(), key=lambda place: (slots[place][0], place))
    pieces: dict[int, list[tuple[int, int, str]]] = {at: [] for at in range(len(documents))}
    made = 0
    for modality in ("notes", "cxr"):
        mine = [place for place in chosen if slots[place][0] == modality]
        for to, of in zip(mine, rng.permutation(mine).tolist(), strict=True):
            _, at, start, end = slots[to]
            _, there, first, last = slots[of]
            pieces[at].append((start, end, documents[there].text[first:last]))
            made += to != of
    return Edited(tuple(replace(one, text=spliced(one.text, pieces[at])) for at, one in enumerate(documents)), made)
