"""The port of a knowledge base, and the one that ships: a folder of texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from xhaim.knowledge.corpus import Corpus
from xhaim.knowledge.search import ABOUT, Found, Scores, search


class KnowledgeBase(Protocol):
    """Questions to lines of medical knowledge; never told anything of a patient but the questions."""

    @property
    def name(self) -> str:
        """Id and revision: part of every cache key."""

    def search(self, questions: Sequence[str], k: int) -> Sequence[Found]:
        """Return at most k lines about any of the questions, best first; none where it has none about them."""


class FolderKnowledge:
    """A folder of texts as a knowledge base (``read_corpus``)."""

    def __init__(self, corpus: Corpus, scores: Scores, at_least: float = ABOUT) -> None:
        self._corpus, self._scores, self._at_least = corpus, scores, at_least

    @property
    def name(self) -> str:
        """``folder@<16 hex digits of its files>``."""
        return f"folder@{self._corpus.digest}"

    def search(self, questions: Sequence[str], k: int) -> tuple[Found, ...]:
        """Return at most k passages about any of the questions, best first."""
        return search(self._corpus.lines, questions, self._scores, k, self._at_least)
