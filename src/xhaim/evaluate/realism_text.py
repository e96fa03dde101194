"""How like real clinical text simulated notes are: lengths, repetition, vocabulary, negation. Counts, never text."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict

from xhaim.errors import DataError
from xhaim.text.sentences import sentences

TOKENS = 15_000
SENTENCES = 2_000
"""Vocabulary and repetition grow with the amount of text: both sides are cut to these, or to the smaller side."""

_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?")
_DENIES = re.compile(r"\b(?:no|not|without|w/o|denies|denied|negative for|free of|never|neither|nor)\b")
_NEGATION = _DENIES.search


def compare_texts(simulated: Sequence[str], real: Sequence[str]) -> dict[str, Any]:
    """Compare notes by their statistics, at equal amounts of text; ``auc``: a bag of words that tells sentences apart.

    Words of the notes do not come out, but for the share of the real side's hundred most frequent words that are
    among the simulated side's. Raises DataError where a side has no sentence.
    """
    sides = [_shuffled(texts) for texts in (simulated, real)]
    split = [_split(texts) for texts in sides]
    tokens = [[word for group in side for sentence in group for word in _WORD.findall(sentence)] for side in split]
    if not all(tokens):
        raise DataError("there is no text to compare", expected="notes on both sides")
    most = min(TOKENS, *(len(words) for words in tokens))
    top = [{word for word, _ in sorted(Counter(t).items(), key=lambda p: (-p[1], p[0]))[:100]} for t in tokens]
    return {
        "simulated": _statistics(sides[0], split[0], tokens[0][:most]),
        "real": _statistics(sides[1], split[1], tokens[1][:most]),
        "tokens": most,
        "top_words_shared": len(top[0] & top[1]) / len(top[1]),
        "auc": _auc(*split),
    }


def _shuffled(texts: Sequence[str]) -> list[str]:
    order = np.random.default_rng(0).permutation(len(texts))
    return [texts[at] for at in order.tolist()]


def _split(texts: Sequence[str]) -> list[list[str]]:
    """Return each note's sentences, in lower case and with one blank between words."""
    return [[" ".join(text[a:b].lower().split()) for a, b in sentences(text)] for text in texts]


def _statistics(texts: Sequence[str], split: list[list[str]], tokens: list[str]) -> dict[str, Any]:
    words = np.array([len(text.split()) for text in texts])
    flat = [sentence for group in split for sentence in group if len(sentence.split()) > 2][:SENTENCES]
    lengths = np.array([len(sentence.split()) for sentence in flat] or [0])
    seen = Counter(flat)
    return {
        "notes": len(texts),
        "words_of_a_note": _quantiles(words),
        "words_of_a_sentence": _quantiles(lengths),
        "sentences_said_before": 1 - len(seen) / max(len(flat), 1),
        "vocabulary": len(set(tokens)),
        "said_once": sum(count == 1 for count in Counter(tokens).values()) / max(len(set(tokens)), 1),
        "negated_sentences": sum(bool(_NEGATION(sentence)) for sentence in flat) / max(len(flat), 1),
    }


def _quantiles(values: np.ndarray[Any, Any]) -> list[float]:
    return [float(np.quantile(values, q)) for q in (0.05, 0.25, 0.5, 0.75, 0.95)]


def _auc(simulated: list[list[str]], real: list[list[str]]) -> float | None:
    """Return the AUC of a bag of words that tells single sentences apart, by folds of notes; ``None``: too few."""
    rows = []
    for side, groups in enumerate((simulated, real)):
        own = [(s, side, f"{side}-{at}") for at, group in enumerate(groups) for s in group if len(s.split()) > 2]
        rows += own[:SENTENCES]
    texts, y, notes = zip(*rows, strict=True)
    if min(Counter(y).values(), default=0) < 50 or len(set(y)) < 2:
        return None
    X = TfidfVectorizer(ngram_range=(1, 2), min_df=2, tokenizer=_WORD.findall, token_pattern=None).fit_transform(texts)
    folds = GroupKFold(5)
    scores = cross_val_predict(
        LogisticRegression(max_iter=500), X, np.array(y), groups=notes, cv=folds, method="predict_proba"
    )
    return float(roc_auc_score(y, scores[:, 1]))


def text_as_table(found: dict[str, Any], name: str) -> str:
    """Return a comparison of texts as Markdown."""
    sim, real = found["simulated"], found["real"]
    lines = [f"## SIMULATED against REAL: words of {name}", "", "| of the text | simulated | real |", "|---|---|---|"]
    for key, words in (
        ("notes", "notes"),
        ("words_of_a_note", "words of a note: 5, 25, 50, 75, 95 %"),
        ("words_of_a_sentence", "words of a sentence: 5, 25, 50, 75, 95 %"),
        ("sentences_said_before", "sentences that were said before"),
        ("vocabulary", f"different words of {found['tokens']}"),
        ("said_once", "of those, said once"),
        ("negated_sentences", "sentences that deny"),
    ):
        lines.append(f"| {words} | {_cell(sim[key])} | {_cell(real[key])} |")
    auc = "too few" if found["auc"] is None else f"{found['auc']:.3f}"
    lines += ["", f"Of the 100 most frequent real words {found['top_words_shared']:.0%} are among the simulated ones. "
              f"A bag of words tells single sentences apart with AUC {auc}."]  # fmt: skip
    return "\n".join(lines)


def _cell(value: list[float] | float) -> str:
    return ", ".join(f"{one:.0f}" for one in value) if isinstance(value, list) else f"{value:.3g}"
