"""The metrics of benchmarks.retrieval_open, beside scikit-learn's and by hand."""

import numpy as np
import pytest
from benchmarks.retrieval_open import ndcg, ranks, recall, top
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score


@given(st.permutations(range(14)), st.sets(st.integers(0, 13), min_size=1))
def test_ndcg_is_that_of_scikit_learn(order: list[int], gold: set[int]) -> None:
    relevance = np.array([[place in gold for place in range(14)]], dtype=float)
    score = np.zeros((1, 14))
    score[0, order] = np.arange(14, 0, -1)
    mine = ndcg(np.array([order]), [frozenset(gold)])
    assert mine[0] == pytest.approx(ndcg_score(relevance, score, k=10))


def test_recall_counts_what_of_the_gold_is_among_the_first() -> None:
    ranking = np.array([[3, 1, 2, 0], [0, 1, 2, 3]])
    gold = [frozenset({1, 0}), frozenset({3})]
    assert recall(ranking, gold, 2).tolist() == [0.5, 0.0]
    assert recall(ranking, gold, 4).tolist() == [1.0, 1.0]


def test_ties_go_by_place_and_ranks_begin_at_one() -> None:
    scores = np.array([[0.1, 0.5, 0.5, 0.2]])
    assert top(scores).tolist() == [[1, 2, 3, 0]]
    assert ranks(scores).tolist() == [[4, 1, 2, 3]]
