import math
import re
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xhaim.retrieve.lexical import bm25, coverage, min_max

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
