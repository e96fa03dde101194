"""What medicine says of a task's question, and of one record: the task's card, and a folder of one's own.

The folder is asked the task's question and nothing of any patient.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from xhaim.config import RetrieveSettings, settings_hash
from xhaim.explain.facts import Medicine
from xhaim.knowledge.base import FolderKnowledge
from xhaim.knowledge.card import Card
from xhaim.knowledge.cards import card_of, load_card
from xhaim.knowledge.checklist import checklist
from xhaim.knowledge.corpus import read_corpus
from xhaim.knowledge.named import named
from xhaim.knowledge.search import Scores, questions
from xhaim.records import Evidence, KnowledgeLine, Modality, Record
from xhaim.retrieve.hybrid import Embed
from xhaim.retrieve.lexical import bm25, min_max
from xhaim.run.context import Run
from xhaim.run.embedding_cache import FILE, EmbeddingCache
from xhaim.run.vectors import Vectors, load_encoder
from xhaim.task import Task


@dataclass(frozen=True, slots=True)
class Library:
    """What is known of one task's question, the same for every patient."""

    task: Task
    card: Card | None
    passages: tuple[KnowledgeLine, ...]
    digest: str
    """Of the card and the passages: part of the key of explanations."""

    def of(self, record: Record, evidence: Mapping[Modality, Evidence]) -> Medicine:
        """Return it for one record: the signs that its evidence names, and the criteria judged on it."""
        if self.card is None:
            return Medicine(self.passages)
        chunks = [one.chunk for item in evidence.values() for one in item.chunks]
        lines = (self.card.line("definition", 0), *self.passages)
        return Medicine(lines, named(self.card, chunks), checklist(record, self.task, self.card))


def library(run: Run, task: Task) -> Library:
    """Open the knowledge of a task. Raises DataError for a card or a folder that cannot be read."""
    asked = run.settings.knowledge
    card = card_of(task, Path(asked.card) if asked.card else None) if asked.cards or asked.card else None
    passages: tuple[KnowledgeLine, ...] = ()
    if asked.folder and asked.passages:
        name = run.settings.retrieve.encoder
        embed = Vectors(name, EmbeddingCache(run.store.path / FILE, load_encoder(name).name))
        base = FolderKnowledge(read_corpus(Path(asked.folder)), hybrid_scores(embed, run.settings.retrieve))
        passages = tuple(one.line for one in base.search(questions(task), asked.passages))
    said = [card.model_dump_json() if card else None, *(f"{one.line_id} {one.text}" for one in passages)]
    return Library(task, card, passages, settings_hash(*said))


def hybrid_scores(embed: Embed, settings: RetrieveSettings) -> Scores:
    """Return step 1's score of texts for queries: BM25 by min-max and cosine, and the cosine alone."""

    def scores(asked: Sequence[str], texts: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        vectors = embed([*texts, *asked])
        cosine = vectors[len(texts) :] @ vectors[: len(texts)].T
        dense = np.clip((cosine.astype(np.float64) + 1) / 2, 0, 1)
        lexical = min_max(bm25(asked, texts, settings.k1, settings.b))
        return settings.alpha * lexical + (1 - settings.alpha) * dense, dense

    return scores


def look_up(place: Path, question: str | None, k: int = 5) -> dict[str, object]:
    """Say what a card holds, or which passages of a folder are about a question.

    Raises DataError, with every fault by its place, for a card or a folder that cannot be read.
    """
    if place.is_file():
        card = load_card(place)
        return {"card": card.task, "lines": [f"{one.line_id}: {one.text} ({one.source})" for one in card.lines()]}
    corpus = read_corpus(place)
    counted: dict[str, object] = {"passages": len(corpus.lines), "files not read": list(corpus.unread)}
    if question is None:
        return counted
    settings = RetrieveSettings()
    base = FolderKnowledge(corpus, hybrid_scores(Vectors(settings.encoder), settings))
    found = base.search((question,), k)
    return counted | {
        "found": [
            {
                "score": one.score,
                "about": one.about,
                "text": one.line.text,
                "source": one.line.source,
                "id": one.line.line_id,
            }
            for one in found
        ]
    }
