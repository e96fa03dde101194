"""Summaries written by a language model, held to the chunks: what is not supported is dropped and counted."""

from __future__ import annotations

import hashlib
import re
from importlib.resources import files
from string import Template
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from xhaim.config import SummarizeSettings
from xhaim.errors import BackendError
from xhaim.ports import LanguageModel
from xhaim.records import CitedSentence, Evidence, Summary
from xhaim.summarize.checks import supported
from xhaim.summarize.extractive import CountTokens
from xhaim.task import Task

_MARK = re.compile(r"<[\s/]*chart\b[^>\n]*>?", re.IGNORECASE)
_CITATION = re.compile(r"\s*\[\s*\d+(?:\s*,\s*\d+)*\s*\]")
_WORDS_PER_TOKEN = 0.6
"""Of clinical English; what the model is asked for. The count of tokens decides."""


class _Sentence(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    text: Annotated[str, Field(min_length=1, max_length=2000)]
    chunks: Annotated[list[int], Field(min_length=1, max_length=20)]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    sentences: Annotated[list[_Sentence], Field(max_length=100)]


def generative(
    evidence: Evidence, task: Task, model: LanguageModel, count_tokens: CountTokens, settings: SummarizeSettings
) -> Summary:
    """Return what ``model`` writes of the evidence, in its order, within ``settings.max_tokens``.

    The chunks are data between marks that note text cannot forge. Every sentence must cite chunks and agree with
    them (``checks.supported``), else it is dropped and counted. Too long: asked once more, then whole sentences are
    cut from the end. No evidence: no sentences, and nothing is asked. Raises BackendError when there is no answer,
    or none that can be used, twice; the caller may then write extractively and say so.
    """
    if not evidence.chunks:
        return Summary(evidence.sample_id, task.id, evidence.modality, (), count_tokens(""), model.name)
    words = int(settings.max_tokens * _WORDS_PER_TOKEN)
    kept, dropped, why = _written(evidence, task, model, words, "")
    if not kept:
        again = f" Your last answer could not be used: {why}."
        kept, dropped, why = _written(evidence, task, model, words, again)
    elif count_tokens(_joined(kept)) > settings.max_tokens:
        shorter = _written(evidence, task, model, words // 2, " Your last answer was too long.")
        kept, dropped, why = shorter if shorter[0] else (kept, dropped, why)
    while kept and count_tokens(_joined(kept)) > settings.max_tokens:
        kept, why = kept[:-1], "not one sentence fits the length"
    if not kept:
        raise BackendError(f"the language model '{model.name}' wrote no usable summary", got=why)
    n_tokens = count_tokens(_joined(kept))
    return Summary(evidence.sample_id, task.id, evidence.modality, tuple(kept), n_tokens, model.name, dropped)


def _written(
    evidence: Evidence, task: Task, model: LanguageModel, words: int, again: str
) -> tuple[list[CitedSentence], int, str]:
    """Ask once; return the sentences that hold, how many did not, and why none holds."""
    reply = model.ask(_template("system"), _prompt(evidence, task, words, again), _Answer.model_json_schema())
    if reply.finish_reason == "length":
        raise BackendError(f"the answer of '{model.name}' was cut by its length")
    try:
        answer = _Answer.model_validate_json(reply.text)
    except ValidationError as error:
        return [], 0, f"not the JSON that was asked for ({error.error_count()} faults)"
    kept = [cited for one in answer.sentences if (cited := _cited(one, evidence, task)) is not None]
    why = "no sentence was supported by the pieces it cites" if answer.sentences else "no sentences"
    return kept, len(answer.sentences) - len(kept), why


def _cited(one: _Sentence, evidence: Evidence, task: Task) -> CitedSentence | None:
    text = " ".join(_CITATION.sub("", one.text).split())
    numbers = sorted(set(one.chunks))
    if not text or numbers[0] < 1 or numbers[-1] > len(evidence.chunks):
        return None
    chunks = [evidence.chunks[number - 1].chunk for number in numbers]
    if not supported(text, [chunk.text for chunk in chunks], task):
        return None
    return CitedSentence(text, tuple(chunk.chunk_id for chunk in chunks))


def _prompt(evidence: Evidence, task: Task, words: int, again: str) -> str:
    """Fill the template. The marks hold a hash of all the pieces, which no piece can contain."""
    texts = [_MARK.sub(" ", scored.chunk.text) for scored in evidence.chunks]
    nonce = hashlib.sha256("\0".join([evidence.sample_id, *texts]).encode()).hexdigest()[:16]
    pieces = [
        f"<chart {nonce} {number} date={scored.chunk.time:%Y-%m-%d}>\n{text}\n</chart {nonce} {number}>"
        for number, (scored, text) in enumerate(zip(evidence.chunks, texts, strict=True), start=1)
    ]
    return Template(_template("user")).substitute(
        question=task.question,
        concepts="; ".join(concept.name for concept in task.concepts),
        pieces="\n\n".join(pieces),
        words=words,
        again=again,
    )


def _template(name: str) -> str:
    return files("xhaim.summarize").joinpath("prompts", f"{name}.txt").read_text(encoding="utf-8").strip()


def _joined(kept: list[CitedSentence]) -> str:
    return " ".join(sentence.text for sentence in kept)
