"""Summaries written by a language model, held to the chunks: what is not supported is repaired once or dropped."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from string import Template

from pydantic import ValidationError

from xhaim.config import SummarizeSettings
from xhaim.errors import BackendError
from xhaim.llm.fence import fence_all, fenced, nonce, visible, without_marks
from xhaim.llm.replies import UnusableReplyError, fault_of
from xhaim.ports import Entailment, LanguageModel
from xhaim.records import CitedSentence, Evidence, Summary
from xhaim.summarize.answer import Answer, Sentence, schema
from xhaim.summarize.checks import faults
from xhaim.summarize.extractive import CountTokens
from xhaim.summarize.hostile import readable, without_orders
from xhaim.summarize.mood import states
from xhaim.summarize.sides import left_out, with_other_side
from xhaim.task import Task
from xhaim.text.entailment import NOT_CHECKED, support

TEMPLATES = "v3"
"""Version of the prompts: a folder of ``prompts/``. The ledger keeps each prompt as it was sent."""
_WORD = re.compile(r"[^\W\d_]{2}")
_CITATION = re.compile(r"\s*\[\s*\d+(?:\s*,\s*\d+)*\s*\]")
_WORDS_PER_TOKEN = 0.6
"""Of clinical English; what the model is asked for. The count of tokens decides."""
_SHOWN_AGAIN = 6000
"""Characters of an answer that are shown to the model when it is asked to mend it."""


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
    """What of each chunk may be seen; also all that counts as support."""
    model: LanguageModel
    count: CountTokens
    max_tokens: int
    nli: Entailment | None
    at_least: float

    def tokens(self, kept: tuple[CitedSentence, ...]) -> int:
        """Return how long the sentences are together."""
        return self.count(" ".join(sentence.text for sentence in kept))

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

    The chunks are data between marks that note text cannot forge, without what is invisible or addresses a model
    (``hostile.readable``). Every sentence must cite chunks and agree with them (``checks.faults``). Where some do not,
    the model is told which and why and asked once more; of the two answers the one with more good sentences is taken,
    and the others are dropped and counted. What the chart says against a sentence stands behind it, and what it says of
    a concept that no sentence names stands at the end, both word for word (``sides``). Too long: asked once more for
    fewer words, then whole sentences are cut from the end. No evidence: no sentences, and nothing is asked. Raises
    BackendError when there is no answer that can be used; the caller may then write extractively and say so.

    With a model ``nli`` every sentence that the model writes must also follow from its chunks, with a probability of
    ``at_least``.
    """
    texts = readable([scored.chunk for scored in evidence.chunks])
    if not any(texts):
        return Summary(evidence.sample_id, task.id, evidence.modality, (), count_tokens(""), model.name)
    question = _Question(evidence, task, texts, model, count_tokens, settings.max_tokens, nli, at_least)
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
    shown = without_marks(last.answer)[:_SHOWN_AGAIN]
    told = Template(_template("again")).substitute(
        why="; ".join(why[:20]),
        answer=fenced("answer", nonce(*question.texts), None, shown) if shown else "",
    )
    try:
        return _write(question, words, told)
    except BackendError:
        if last.kept:
            return last
        raise


def _write(question: _Question, words: int, again: str | None) -> _Written:
    """Ask once; return the sentences that hold, and what is wrong with the others."""
    shape = schema(len(question.texts), question.max_tokens)
    try:
        reply = question.model.ask(_template("system"), _prompt(question, words, again or ""), shape)
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
    numbers = sorted(set(one.chunks))
    if not _WORD.search(text):
        return "it is empty"
    if numbers[0] < 1 or numbers[-1] > len(question.texts):
        return "it cites a piece that does not exist"
    if wrong := _faults(text, numbers, question):
        return f"the pieces it cites do not say {' or '.join(wrong)}"
    numbers = [one for one in numbers if not _faults(text, [one], question)] or numbers  # what says it all alone
    chunks = [question.evidence.chunks[number - 1].chunk for number in numbers]
    cited = [question.texts[number - 1] for number in numbers]
    if not any(cited) or without_orders(text)[0] != text or not states(text):
        return "it is no statement of the chart"
    found = support(text, cited, question.nli)
    if unsupported := found.fault(question.at_least):
        return f"of the pieces it cites, {unsupported}"
    return CitedSentence(text, tuple(chunk.chunk_id for chunk in chunks), found.entailment)


def _faults(text: str, numbers: Sequence[int], question: _Question) -> list[str]:
    """Return what some of the pieces together do not say of a sentence."""
    times = [question.evidence.chunks[number - 1].chunk.time for number in numbers]
    return list(faults(text, [question.texts[number - 1] for number in numbers], times, question.task))


def _prompt(question: _Question, words: int, again: str) -> str:
    """Fill the template: the task, then the pieces, then what changes, so that prompts share their beginnings."""
    dates = [f"date={scored.chunk.time:%Y-%m-%d}" for scored in question.evidence.chunks]
    return Template(_template("user")).substitute(
        question=question.task.question,
        concepts="; ".join(concept.name for concept in question.task.concepts),
        pieces=fence_all(question.texts, dates, nonce(*question.texts)),
        words=words,
        again=again,
    )


def _template(name: str) -> str:
    text = files("xhaim.summarize").joinpath("prompts", TEMPLATES, f"{name}.txt").read_text(encoding="utf-8")
    return text.rstrip() if name == "again" else text.strip()
