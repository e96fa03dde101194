"""Summaries made of the chart's own sentences: no language model needed, nothing is rephrased."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from xhaim.config import SummarizeSettings
from xhaim.records import CitedSentence, Evidence, ScoredChunk, Summary
from xhaim.task import Task
from xhaim.text.polarity import mentions
from xhaim.text.sections import headings
from xhaim.text.sentences import sentences

CountTokens = Callable[[str], int]
"""Text -> word pieces with the encoder's tokenizer, special tokens counted."""

_ADMINISTRATIVE = frozenset(
    {"ATTENDING", "COMPARISON", "COMPARISONS", "DATE OF BIRTH", "EXAM", "EXAMINATION", "FACILITY"}
    | {"FINAL REPORT", "NOTIFICATION", "SERVICE", "TECHNIQUE"}
)
"""Sections that say how and where, not what: their sentences are taken only where they name a concept."""
_FALLBACK = 3
"""Sentences taken where none names a concept."""
_WORD = re.compile(r"[^\W\d_]{2,}")
_FEWEST_WORDS = 3
"""Words without which a sentence that names no concept says nothing: ``___ year old.``"""


@dataclass(frozen=True, slots=True)
class _Candidate:
    text: str
    chunk_ids: tuple[str, ...]
    priority: tuple[bool, int, int]
    """Names no concept; the how-manieth of its kind in its chunk; the chunk's rank: lower goes first."""
    place: tuple[datetime, str, int]
    """Time, document and offset where it was last said."""


def extractive(evidence: Evidence, task: Task, count_tokens: CountTokens, settings: SummarizeSettings) -> Summary:
    """Return the best sentences of the evidence, word for word, newest first, within ``settings.max_tokens``.

    Only sentences that name a concept of the task are taken, one of each chunk in turn, best chunk first; where none
    does, the three best others are. Filling the rest of the budget with other sentences was measured to dilute the
    embedding (``benchmarks/development.py``). White space is folded; nothing else is changed or added, so negation
    and doubt stay. A sentence found in several chunks is given once and cites them all. Sentences of administrative
    sections, and those of hardly a word, are left out unless they name a concept. Only where not one sentence fits is
    the best one cut, between words. No evidence: no sentences.
    """
    ranked = sorted(_candidates(evidence, task), key=lambda one: (one.priority, one.place))
    relevant = [one for one in ranked if not one.priority[0]] or ranked[:_FALLBACK]
    chosen = sorted(_fit(relevant, count_tokens, settings.max_tokens), key=_newest_first)
    cited = tuple(CitedSentence(one.text, one.chunk_ids) for one in chosen)
    text = " ".join(sentence.text for sentence in cited)
    return Summary(evidence.sample_id, task.id, evidence.modality, cited, count_tokens(text), "extractive")


def _newest_first(one: _Candidate) -> tuple[float, str, int]:
    time, doc_id, offset = one.place
    return (time.min - time).total_seconds(), doc_id, offset


def _candidates(evidence: Evidence, task: Task) -> list[_Candidate]:
    """Read every sentence of the evidence, each once."""
    terms = tuple(dict.fromkeys(term for concept in task.concepts for term in concept.terms))
    found: dict[str, list[_Candidate]] = {}
    for scored in evidence.chunks:
        for one in _of_chunk(scored, terms):
            found.setdefault(one.text.casefold(), []).append(one)
    return [_merge(same) for same in found.values()]


def _of_chunk(scored: ScoredChunk, terms: tuple[str, ...]) -> list[_Candidate]:
    chunk = scored.chunk
    titles = {(start, end) for start, end, _ in headings(chunk.text)}
    seen = {True: 0, False: 0}
    found = []
    for start, end in sentences(chunk.text):
        text = " ".join(chunk.text[start:end].split())
        if (start, end) in titles or not any(letter.isalnum() for letter in text):
            continue
        plain = not mentions(text, terms)
        if plain and (chunk.section in _ADMINISTRATIVE or len(_WORD.findall(text)) < _FEWEST_WORDS):
            continue
        place = (chunk.time, chunk.doc_id, chunk.start + start)
        found.append(_Candidate(text, (chunk.chunk_id,), (plain, seen[plain], scored.rank), place))
        seen[plain] += 1
    return found


def _merge(same: list[_Candidate]) -> _Candidate:
    """Join one sentence's occurrences: all chunks, oldest first; its best priority; where it was last said."""
    by_place = sorted(same, key=lambda one: (one.place, one.chunk_ids))
    ids = tuple(dict.fromkeys(chunk_id for one in by_place for chunk_id in one.chunk_ids))
    return _Candidate(by_place[-1].text, ids, min(one.priority for one in same), by_place[-1].place)


def _fit(ranked: list[_Candidate], count_tokens: CountTokens, budget: int) -> list[_Candidate]:
    """Take candidates in order while they fit; the sum of single counts guides, the count of the whole decides."""
    empty = count_tokens("")
    chosen: list[_Candidate] = []
    used = empty
    for one in ranked:
        cost = count_tokens(one.text) - empty
        if used + cost <= budget:
            chosen.append(one)
            used += cost
    while chosen and count_tokens(_joined(chosen)) > budget:
        chosen.pop()
    if not chosen and ranked:
        cut = _cut_to_fit(ranked[0].text, count_tokens, budget)
        return [_Candidate(cut, ranked[0].chunk_ids, ranked[0].priority, ranked[0].place)] if cut else []
    return chosen


def _joined(chosen: list[_Candidate]) -> str:
    return " ".join(one.text for one in sorted(chosen, key=_newest_first))


def _cut_to_fit(text: str, count_tokens: CountTokens, budget: int) -> str:
    """Return the longest run of whole words from the start of ``text`` that fits; empty where the first is too long."""
    words = text.split()
    low, high = 0, len(words)
    while low < high:
        middle = (low + high + 1) // 2
        if count_tokens(" ".join(words[:middle])) <= budget:
            low = middle
        else:
            high = middle - 1
    return " ".join(words[:low])
