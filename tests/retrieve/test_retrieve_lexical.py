import math
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xhaim.retrieve.lexical import bm25, coverage, min_max
from xhaim.retrieve.token_counts import Vocabulary, tokens

TEXTS = st.lists(
    st.lists(st.sampled_from(["no", "effusion", "Effusion,", "clear", "the", "lungs.", "x-ray"]), max_size=8).map(
        " ".join
    ),
    min_size=1,
    max_size=6,
)


def reference(query: str, texts: list[str], k1: float, b: float) -> list[float]:
    """Lucene's BM25 as its documentation states it, one term at a time."""
    corpus = [re.findall(r"[a-z0-9]+", text.lower()) for text in texts]
    mean = sum(map(len, corpus)) / len(corpus)
    scores = []
    for words in corpus:
        counts, total = Counter(words), 0.0
        for term in re.findall(r"[a-z0-9]+", query.lower()):
            df = sum(term in other for other in corpus)
            idf = math.log(1 + (len(corpus) - df + 0.5) / (df + 0.5))
            if counts[term]:
                total += idf * counts[term] / (counts[term] + k1 * (1 - b + b * len(words) / mean))
        scores.append(total)
    return scores


@given(TEXTS, TEXTS, st.floats(0.5, 2), st.floats(0, 1))
def test_bm25_agrees_with_the_formula(queries: list[str], texts: list[str], k1: float, b: float) -> None:
    expected = [reference(query, texts, k1, b) for query in queries]
    np.testing.assert_allclose(bm25(queries, texts, k1, b), expected, atol=1e-12)


def test_words_of_negation_count() -> None:
    scores = bm25(["no effusion"], ["There is an effusion.", "There is no effusion."], 1.5, 0.75)
    assert scores[0, 1] > scores[0, 0]


def test_min_max_is_zero_where_all_are_equal() -> None:
    scaled = min_max(np.array([[2.0, 2.0, 2.0], [1.0, 3.0, 2.0]]))
    assert scaled.tolist() == [[0, 0, 0], [0, 1, 0.5]]
    assert min_max(np.zeros((2, 0))).shape == (2, 0)
    assert min_max(np.array([[5.0]])).tolist() == [[0]]


@pytest.mark.parametrize("texts", [[""], ["", "..."]])
def test_texts_without_words_score_nothing(texts: list[str]) -> None:
    assert bm25(["effusion"], texts, 1.5, 0.75).tolist() == [[0.0] * len(texts)]


def test_coverage_is_the_weighted_share_of_the_query_that_a_text_holds() -> None:
    texts = ["elevated hemidiaphragm", "obscured left hemidiaphragm", "clear lungs", "hemidiaphragm"]
    shares = coverage(["obscured hemidiaphragm", "...", "Clear clear"], texts)
    rare, common = math.log(1 + 3.5 / 1.5), math.log(1 + 1.5 / 3.5)
    assert shares[0] == pytest.approx([common / (rare + common), 1, 0, common / (rare + common)])
    assert shares[1].tolist() == [0, 0, 0, 0]
    assert shares[2].tolist() == [0, 0, 1, 0]


HOSTILE = [
    "\u212a",  # the Kelvin sign: lower case is k
    "\u0130",  # capital I with a dot: lower case is i and a combining dot, so the text grows
    "\u1e9e",
    "\ufb01",
    "\u0660",
    "\u00b2",
    "\ud800",
    "\0",
    "\x7f",
    "\x80",
    "\xff",
    "\U0001f600",
    "_",
    "-",
    "\n",
]
PIECES = ["k", "ki", "no", "No", "12345678", "pneumoni", "pneumonia", "Pneumothorax", "pneumothoraces", "x", "x9", " "]
HOSTILE_TEXT = st.lists(st.sampled_from(HOSTILE + PIECES), max_size=30).map("".join) | st.text(max_size=40)


@given(st.lists(HOSTILE_TEXT, max_size=6), st.sets(st.sampled_from([*PIECES, "i", "a", "thora"]), max_size=8))
def test_counts_are_those_of_the_tokens_themselves(texts: list[str], asked: set[str]) -> None:
    words = tuple(sorted({token for word in asked for token in tokens(word)}))
    frequency, lengths = Vocabulary(words).count(texts)
    listed = [tokens(text) for text in texts]
    assert frequency.shape == (len(words), len(texts))
    assert frequency.tolist() == [[each.count(word) for each in listed] for word in words]
    assert lengths.tolist() == [len(each) for each in listed]


@given(st.lists(HOSTILE_TEXT, min_size=1, max_size=6))
def test_every_token_of_the_texts_themselves_is_found(texts: list[str]) -> None:
    listed = [tokens(text) for text in texts]
    words = tuple(sorted({token for each in listed for token in each}))
    assert Vocabulary(words).count(texts)[0].tolist() == [[each.count(word) for each in listed] for word in words]


def test_many_texts_are_counted_as_few_are() -> None:
    texts = [f"effusion {'no ' * (n % 7)}w{n}" for n in range(2500)]
    frequency, lengths = Vocabulary(("no", "w2100")).count(texts)
    assert frequency[0].tolist() == [n % 7 for n in range(2500)]
    assert np.flatnonzero(frequency[1]).tolist() == [2100]
    assert lengths.tolist() == [2 + n % 7 for n in range(2500)]


def test_rank_bm25_gives_the_same_scores_and_the_same_top() -> None:
    library = pytest.importorskip("rank_bm25")

    class Lucene(library.BM25Okapi):  # type: ignore[name-defined,misc]
        def _calc_idf(self, nd: dict[str, int]) -> None:
            self.idf = {word: math.log1p((self.corpus_size - n + 0.5) / (n + 0.5)) for word, n in nd.items()}

    k1, b = 1.5, 0.75
    draw = np.random.default_rng(3)
    words = ["No", "effusion", "pleural,", "the", "of", "X-ray", "pneumothorax.", "pneumothoraces", "3", "mm", "K+"]
    texts = [" ".join(draw.choice(words, size=draw.integers(1, 40))) for _ in range(200)]
    queries = ["no pleural effusion", "pneumothorax of 3 mm", "the the k", "absent"]
    found = bm25(queries, texts, k1, b)
    peer = Lucene([tokens(text) for text in texts], k1=k1, b=b)
    expected = np.array([peer.get_scores(tokens(query)) for query in queries]) / (k1 + 1)  # a factor Lucene leaves out
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)

    def top(scores: Sequence[float]) -> list[int]:
        return np.argsort(-np.round(scores, 9), kind="stable")[:10].tolist()  # type: ignore[no-any-return]

    assert [top(row) for row in found] == [top(row) for row in expected]
