"""Summaries written by a language model, held to the chunks: what is not supported is repaired once or dropped."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from xhaim.config import SummarizeSettings
from xhaim.errors import BackendError
from xhaim.llm.fence import visible
from xhaim.llm.replies import UnusableReplyError, fault_of
from xhaim.ports import Entailment, LanguageModel
from xhaim.records import CitedSentence, Evidence, Summary
from xhaim.summarize import prompt
from xhaim.summarize.answer import Answer, Sentence, schema
from xhaim.summarize.checks import faults
from xhaim.summarize.excerpt import Piece, excerpts
from xhaim.summarize.extractive import CountTokens
from xhaim.summarize.hostile import readable, without_orders
from xhaim.summarize.mood import states
from xhaim.summarize.sides import left_out, with_other_side
from xhaim.task import Task
from xhaim.text.entailment import NOT_CHECKED, support

_WORD = re.compile(r"[^\W\d_]{2}")
_CITATION = re.compile(r"\s*\[\s*\d+(?:\s*,\s*\d+)*\s*\]")
_WORDS_PER_TOKEN = 0.6
"""Of clinical English; what the model is asked for. The count of tokens decides."""


@dataclass(frozen=True, slots=True)
class _Written:
    """One answer: the sentences that hold, what is wrong with it, and the answer itself to be shown again."""

    kept: tuple[CitedSentence, ...] = ()
    wrong: tuple[str, ...] = ()
    dropped: int = 0
    answer: str = ""


@dataclass(frozen=True, slots=True)
class _Question:
    """Everything that one summary is asked with."""

    evidence: Evidence
    task: Task
    texts: tuple[str, ...]
    """What of each chunk may be seen."""
    pieces: tuple[Piece, ...]
    """What of it is shown; also all that counts as support."""
    model: LanguageModel
    count: CountTokens
    max_tokens: int
    nli: Entailment | None
    at_least: float

    def tokens(self, kept: tuple[CitedSentence, ...]) -> int:
        """Return how long the sentences are together."""
        return self.count(" ".join(sentence.text for sentence in kept))

    def cited(self, numbers: Sequence[int]) -> list[Piece]:
        """Return the pieces of these numbers; there is none of what was not shown."""
        return [one for one in self.pieces if one.number in numbers]

    def fits(self, written: _Written) -> bool:
        """Say whether all that holds fits the encoder."""
        return self.tokens(written.kept) <= self.max_tokens


def generative(
    evidence: Evidence,
    task: Task,
    model: LanguageModel,
    count_tokens: CountTokens,
    settings: SummarizeSettings,
    nli: Entailment | None = None,
    at_least: float = 0.5,
) -> Summary:
    """Return what ``model`` writes of the evidence, in its order, within ``settings.max_tokens``.

    Of the chunks it is shown the sentences that bear on the task (``excerpt``), as data between marks that note text
    cannot forge, without what is invisible or addresses a model (``hostile.readable``). Every sentence must cite pieces
    and agree with what was shown of them (``checks.faults``). Where some do not, the model is told which and why and
    asked once more; of the two answers the one with more good sentences is taken, and the others are dropped and
    counted. What the chart says against a sentence stands behind it, and what it says of a concept that no sentence
    names stands at the end, both word for word and from the whole chunks (``sides``). Too long: asked once more for
    fewer words, then whole sentences are cut from the end. No evidence: no sentences, and nothing is asked. Raises
    BackendError when there is no answer that can be used; the caller may then write extractively and say so.

    With a model ``nli`` every sentence that the model writes must also follow from its chunks, with a probability of
    ``at_least``.
    """
    texts = readable([scored.chunk for scored in evidence.chunks])
    pieces = excerpts([scored.chunk for scored in evidence.chunks], texts, task, settings.shown_words)
    if not pieces:
        return Summary(evidence.sample_id, task.id, evidence.modality, (), count_tokens(""), model.name)
    question = _Question(evidence, task, texts, pieces, model, count_tokens, settings.max_tokens, nli, at_least)
    words = int(settings.max_tokens * _WORDS_PER_TOKEN)
    best = _write(question, words, None)
    if best.wrong:
        best = _better(best, _again(question, words, best, best.wrong))
    if not question.fits(best):
        shorter = _again(question, words // 2, best, ("it is too long",))
        best = shorter if shorter.kept and question.tokens(shorter.kept) < question.tokens(best.kept) else best
    kept = _cut(question, best.kept)
    if not kept:
        got = "; ".join(best.wrong[:3]) or "not one sentence fits the length"
        raise BackendError(f"the language model '{model.name}' wrote no usable summary", got=got)
    checked = f"entailment by {nli.name}, at least {at_least:g}" if nli else NOT_CHECKED
    return Summary(
        evidence.sample_id, task.id, evidence.modality, kept, question.tokens(kept), model.name, best.dropped, checked
    )


def _cut(question: _Question, kept: tuple[CitedSentence, ...]) -> tuple[CitedSentence, ...]:
    """Add what the chart says against a sentence, cut from the end what is too long, and add what was left out."""
    chunks = [scored.chunk for scored in question.evidence.chunks]
    groups = with_other_side(kept, chunks, question.texts, question.task)
    while groups and question.tokens(tuple(one for group in groups for one in group)) > question.max_tokens:
        groups = with_other_side([group[0] for group in groups[:-1]], chunks, question.texts, question.task)
    shown = tuple(one for group in groups for one in group)
    for both in left_out(shown, chunks, question.texts, question.task) if shown else ():
        shown = (*shown, *both) if question.tokens((*shown, *both)) <= question.max_tokens else shown
    return shown


def _better(first: _Written, second: _Written) -> _Written:
    return second if len(second.kept) >= len(first.kept) and second.kept else first


def _again(question: _Question, words: int, last: _Written, why: tuple[str, ...]) -> _Written:
    """Ask to mend the last answer; where that fails, there is nothing better."""
    try:
        return _write(question, words, prompt.again(question.pieces, why, last.answer))
    except BackendError:
        if last.kept:
            return last
        raise


def _write(question: _Question, words: int, again: str | None) -> _Written:
    """Ask once; return the sentences that hold, and what is wrong with the others."""
    shape = schema(len(question.evidence.chunks), question.max_tokens)
    try:
        reply = question.model.ask(
            prompt.system(), prompt.user(question.task, question.pieces, words, again or ""), shape
        )
        fault = fault_of(reply, shape)
        answer = None if fault else Answer.model_validate_json(reply.text)
    except UnusableReplyError as error:
        answer, fault = None, error.why
    except ValidationError as error:
        answer, fault = None, f"not the JSON that was asked for ({error.error_count()} faults)"
    if answer is None:
        return _Written(wrong=(fault or "no answer",))
    if not answer.sentences:
        return _Written(wrong=("it has no sentences",))
    found = [_checked(one, question) for one in answer.sentences]
    kept = tuple({one.text.casefold(): one for one in reversed(found) if isinstance(one, CitedSentence)}.values())[::-1]
    wrong = tuple(f"sentence {n}: {one}" for n, one in enumerate(found, start=1) if isinstance(one, str))
    numbered = [{"sentence": n, **one.model_dump()} for n, one in enumerate(answer.sentences, start=1)]
    return _Written(kept, wrong, len(wrong), json.dumps(numbered, ensure_ascii=False))


def _checked(one: Sentence, question: _Question) -> CitedSentence | str:
    """Return the sentence with its chunks, or what is wrong with it, in words of our own."""
    text = " ".join(_CITATION.sub("", visible(one.text)).split())
    cited = question.cited(one.chunks)
    if not _WORD.search(text):
        return "it is empty"
    if len(cited) < len(set(one.chunks)):
        return "it cites a piece that does not exist"
    if wrong := _faults(text, cited, question.task):
        return f"the pieces it cites do not say {' or '.join(wrong)}"
    cited = [piece for piece in cited if not _faults(text, [piece], question.task)] or cited  # what says it all alone
    if without_orders(text)[0] != text or not states(text):
        return "it is no statement of the chart"
    found = support(text, [piece.text for piece in cited], question.nli)
    if unsupported := found.fault(question.at_least):
        return f"of the pieces it cites, {unsupported}"
    return CitedSentence(text, tuple(piece.chunk.chunk_id for piece in cited), found.entailment)


def _faults(text: str, cited: Sequence[Piece], task: Task) -> list[str]:
    """Return what some pieces together do not say of a sentence."""
    return list(faults(text, [one.text for one in cited], [one.chunk.time for one in cited], task))
