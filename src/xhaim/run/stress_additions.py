"""More text in the notes: what is beside the point, and old notes copied forward; with their controls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np

from xhaim.records import Document
from xhaim.run.stress_facts import Edited, body, drawn, kept, spliced, terms_of
from xhaim.task import Task

ADDED = 2
"""Sentences beside the point in each document."""
OLDEST = 4
"""One in so many documents, and always one, is copied forward in a flood."""
IRRELEVANT = (
    "The patient enjoys gardening.", "The patient has two cats at home.", "The patient likes classical music.",
    "The patient used to work as a teacher.", "The patient grew up on a farm.", "The patient collects stamps.",
    "The patient prefers a room with a window.", "The patient is fond of crossword puzzles.",
    "The patient speaks with a soft voice.", "The patient wears reading glasses.", "The patient plays the piano.",
    "The patient has a brother who is an engineer.",
)  # fmt: skip


def irrelevant(documents: Sequence[Document], task: Task, time: datetime) -> Edited:
    """Add sentences to each document that say something of the patient that is beside the point."""
    terms, found, total, undone = terms_of(task), [], 0, 0
    for document in documents:
        rng = drawn("irrelevant", document.text)
        text, made = _with(document.text, [IRRELEVANT[i] for i in rng.permutation(len(IRRELEVANT))[:ADDED]], rng)
        document, made, lost = kept(document, text, made, terms)  # noqa: PLW2901
        found.append(document)
        total, undone = total + made, undone + lost
    return Edited(tuple(found), total, undone)


def relevant(documents: Sequence[Document], task: Task, time: datetime) -> Edited:
    """Control of ``irrelevant``: as many sentences, in the same places, each stating a concept of the task."""
    found, total = [], 0
    for document, other in zip(documents, irrelevant(documents, task, time).documents, strict=True):
        if other.text == document.text:
            found.append(document)
            continue
        rng = drawn("irrelevant", document.text)
        rng.permutation(len(IRRELEVANT))  # so that the places are the same
        said = drawn("relevant", document.text).choice([one.name for one in task.concepts], ADDED).tolist()
        text, made = _with(document.text, [f"There is {name}." for name in said], rng)
        found.append(replace(document, text=text))
        total += made
    return Edited(tuple(found), total)


def _with(text: str, added: Sequence[str], rng: np.random.Generator) -> tuple[str, int]:
    """Put sentences behind drawn sentences that end with a full stop; nowhere where there is none."""
    ends = [end for _, end in body(text) if text[end - 1] == "."]
    if not ends:
        return text, 0
    places = sorted(rng.choice(ends, len(added)).tolist())
    return spliced(text, [(at, at, f" {one}") for at, one in zip(places, added, strict=True)]), len(added)


def flood(
    documents: Sequence[Document],
    task: Task,
    time: datetime,
    *,
    times: int,
    newest: bool = False,
) -> Edited:
    """Copy the oldest quarter of the documents forward: each ``times`` times, dated between the newest one and t.

    ``newest``: the control, as many copies, of the newest documents: the same flood, and nothing outdated in it.
    """
    if not documents:
        return Edited(())
    by_age = sorted(documents, key=lambda one: (one.known_at, one.doc_id), reverse=newest)
    chosen = by_age[: max(1, len(by_age) // OLDEST)]
    last = max(one.known_at for one in documents)
    many = len(chosen) * times
    copies = [
        replace(one, doc_id=f"{one.doc_id}~copy{turn + 1}", time=at, known_at=at)
        for turn in range(times)
        for place, one in enumerate(chosen)
        for at in [last + (time - last) * (turn * len(chosen) + place + 1) // (many + 1)]  # always before t
    ]
    return Edited((*documents, *copies), many)
