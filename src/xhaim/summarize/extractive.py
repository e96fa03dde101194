"""Summaries made of the chart's own sentences: no language model needed, nothing is rephrased."""

from __future__ import annotations

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


VERBATIM = "the chart's own sentences"
"""Why nothing is to be checked for entailment."""


@dataclass(frozen=True, slots=True)
class _Candidate:
    text: str
    chunk_ids: tuple[str, ...]
    priority: tuple[int, int]
    """The how-manieth of its chunk; the chunk's rank: lower goes first."""
    place: tuple[datetime, str, int]
    """Time, document and offset where it was last said."""


def extractive(evidence: Evidence, task: Task, count_tokens: CountTokens, settings: SummarizeSettings) -> Summary:
    """Return the best sentences of the evidence, word for word, in time order (newest first), within the budget.

    The budget is ``settings.max_tokens``. Only sentences that name a concept of the task are taken, one of each chunk
    in turn, best chunk first; where none does, there is no sentence, and the predictor is told that. Filling the budget
    with other sentences was measured to dilute the embedding (``benchmarks/development.py``), and gave explanations
    that quoted what has nothing to do with the question. White space is folded; nothing else is changed or added, so
    negation and doubt stay. A sentence found in several chunks is given once and cites them all. Only where not one
    sentence fits is the best one cut, between words; where that would turn round what it says, there is none.
    """
    terms = tuple(dict.fromkeys(term for concept in task.concepts for term in concept.terms))
    ranked = sorted(_candidates(evidence, terms), key=lambda one: (one.priority, one.place))
    chosen = sorted(_fit(ranked, count_tokens, settings.max_tokens, terms), key=_newest_first)
    cited = tuple(CitedSentence(one.text, one.chunk_ids) for one in chosen)
    text = " ".join(sentence.text for sentence in cited)
    return Summary(evidence.sample_id, task.id, evidence.modality, cited, count_tokens(text), "extractive", 0, VERBATIM)


def _newest_first(one: _Candidate) -> tuple[float, str, int]:
    time, doc_id, offset = one.place
    return (time.min - time).total_seconds(), doc_id, offset


def _candidates(evidence: Evidence, terms: tuple[str, ...]) -> list[_Candidate]:
    """Return every sentence of the evidence that names a concept, each once."""
    found: dict[str, list[_Candidate]] = {}
    for scored in evidence.chunks:
        for one in _of_chunk(scored, terms):
            found.setdefault(one.text.casefold(), []).append(one)
    return [_merge(same) for same in found.values()]


def _of_chunk(scored: ScoredChunk, terms: tuple[str, ...]) -> list[_Candidate]:
    chunk = scored.chunk
    titles = {(start, end) for start, end, _ in headings(chunk.text)}
    found: list[_Candidate] = []
    for start, end in sentences(chunk.text):
        text = " ".join(chunk.text[start:end].split())
        # what is said of a relative alone is not evidence of the patient
        if (start, end) not in titles and any(not mention.family for mention in mentions(text, terms)):
            place = (chunk.time, chunk.doc_id, chunk.start + start)
            found.append(_Candidate(text, (chunk.chunk_id,), (len(found), scored.rank), place))
    return found


def _merge(same: list[_Candidate]) -> _Candidate:
    """Join one sentence's occurrences: all chunks, oldest first; its best priority; where it was last said."""
    by_place = sorted(same, key=lambda one: (one.place, one.chunk_ids))
    ids = tuple(dict.fromkeys(chunk_id for one in by_place for chunk_id in one.chunk_ids))
    return _Candidate(by_place[-1].text, ids, min(one.priority for one in same), by_place[-1].place)


def _fit(ranked: list[_Candidate], count_tokens: CountTokens, budget: int, terms: tuple[str, ...]) -> list[_Candidate]:
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
        cut = cut if _readings(cut, terms) <= _readings(ranked[0].text, terms) else ""
        return [_Candidate(cut, ranked[0].chunk_ids, ranked[0].priority, ranked[0].place)] if cut else []
    return chosen


def _readings(text: str, terms: tuple[str, ...]) -> set[tuple[str, str]]:
    """Return what is affirmed, denied or doubted: a cut may lose that, but never turn it round."""
    return {(one.term, one.polarity) for one in mentions(text, terms)}


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
