"""SIMULATED patients for ``step_one.py``: the simulator's own notes, dealt out anew, with text copied forward."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import cycle, islice
from pathlib import Path

import polars as pl

from xhaim.config import RetrieveSettings
from xhaim.records import Chunk, Document
from xhaim.retrieve.chunk import chunk
from xhaim.source.simulate import simulate

SEED = 17
"""Of the notes: no demonstration uses it."""
COPIED = 0.4
"""Share of chunks whose text another of the same patient has."""
FIRST_DAY = datetime(2150, 1, 1)


def notes(stays: int = 60) -> list[Document]:
    """Return the distinct discharge summaries and radiology reports of a simulated cohort."""
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch) / "cohort"
        simulate(root, stays=stays, seed=SEED, images=False)
        texts = {
            text: (note, kind)
            for kind in ("discharge", "radiology")
            for note, text in pl.read_csv(root / "note" / f"{kind}.csv.gz").select("note_id", "text").iter_rows()
        }
    return [Document(note, kind, kind, text, FIRST_DAY, FIRST_DAY) for text, (note, kind) in texts.items()]


def patients(deck: list[Document], n: int, sizes: tuple[int, int] = (50, 300)) -> Iterator[list[Document]]:
    """Yield n patients of that many chunks each, about; a new note is the next of the shuffled deck.

    A note is copied whole, as a later document of the same patient, whenever less than ``COPIED`` of the chunks repeat.
    """
    draw = random.Random(SEED)
    shuffled = sorted(deck, key=lambda one: one.doc_id)
    draw.shuffle(shuffled)
    settings = RetrieveSettings()
    pieces = {one.doc_id: [each.text for each in chunk(one, "notes", settings)] for one in shuffled}
    following = cycle(shuffled)
    for _ in range(n):
        wanted = draw.randint(*sizes)
        mine: list[Document] = []
        seen: set[str] = set()
        total = 0
        while total < wanted:
            copied = bool(mine) and total - len(seen) < COPIED * total
            original = draw.choice(mine) if copied else next(following)
            texts = pieces[original.doc_id.partition("#")[0]]
            day = FIRST_DAY + timedelta(days=len(mine))
            name = f"{original.doc_id.partition('#')[0]}#{len(mine):04d}"
            mine.append(replace(original, doc_id=name, time=day, known_at=day))
            total += len(texts)
            seen |= set(texts)
        yield mine


def chunked(documents: list[Document], modality: str | None = None) -> list[Chunk]:
    """Return the chunks of a patient, of both modalities as one corpus unless one is named."""
    settings = RetrieveSettings()
    kind = {"cxr": "radiology", "notes": "discharge"}.get(modality or "")
    return [
        piece
        for one in documents
        if kind is None or one.kind == kind
        for piece in chunk(one, "cxr" if one.kind == "radiology" else "notes", settings)
    ]


def corpora(deck: list[Document], n: int, joined: int = 1) -> list[list[Chunk]]:
    """Return the chunks of n patients as one corpus each: of all texts, exactly ``COPIED`` are copies in one patient.

    ``joined``: how many of the simulator's short chunks make one of these; eight are as long as a chunk of real notes.
    """
    texts = sorted({piece.text for one in deck for piece in chunked([one])})
    draw = random.Random(SEED)
    draw.shuffle(texts)
    fresh = iter([" ".join(texts[at : at + joined]) for at in range(0, len(texts) - joined + 1, joined)])
    made = []
    for patient in range(n):
        size = draw.randint(50, 300)
        own = list(islice(fresh, round(size * (1 - COPIED))))
        own += draw.choices(own, k=size - len(own))
        draw.shuffle(own)
        days = [FIRST_DAY + timedelta(days=day) for day in range(size)]
        each = enumerate(zip(own, days, strict=True))
        made.append([_piece(f"{patient}/{at:04d}", text, day) for at, (text, day) in each])
    return made


def _piece(name: str, text: str, day: datetime) -> Chunk:
    return Chunk(f"{name}:0-{len(text)}", name, "notes", "discharge", "", 0, len(text), text, day, day)
