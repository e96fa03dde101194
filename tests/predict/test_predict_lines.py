from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from xhaim.config import FusionSettings
from xhaim.predict import lines
from xhaim.predict.designs import Steps
from xhaim.predict.folds import grouped_folds
from xhaim.predict.lines import linear

SETTINGS = FusionSettings()


def data(n=200, d=5, seed=0):
    generator = np.random.default_rng(seed)
    X = generator.normal(size=(n, d)).astype(np.float32) * 3 + 10
    labels = (X[:, 0] + 3 * generator.normal(size=n) > 10).astype(np.int8)
    return X, labels, grouped_folds(labels, np.arange(n), 4, 0)


def learn(X, labels, folds, learner=linear):
    return learner.learn(X, labels, folds, np.ones(X.shape[1], np.float32), SETTINGS)


def test_it_is_the_logistic_regression_of_scikit_learn_on_standardised_columns():
    X, labels, folds = data()
    learned = learn(X, labels, folds)
    low, high = np.percentile(X.astype(float), (0.5, 99.5), axis=0)

    def plain(fitted, scored):
        cut = np.clip(X[fitted].astype(float), *np.percentile(X[fitted].astype(float), (0.5, 99.5), axis=0))
        bounds = np.percentile(X[fitted].astype(float), (0.5, 99.5), axis=0)
        mean, scale = cut.mean(axis=0), cut.std(axis=0)
        model = LogisticRegression(C=learned.chosen["C"], tol=1e-8, max_iter=5000).fit(
            (cut - mean) / scale, labels[fitted]
        )
        return model.decision_function((np.clip(X[scored].astype(float), *bounds) - mean) / scale)

    everyone = np.arange(len(X))
    assert np.allclose(learned.member.margins(X), plain(everyone, everyone), atol=2e-3)
    for k in range(4):
        rest, held = np.flatnonzero(folds != k), np.flatnonzero(folds == k)
        assert np.allclose(learned.out_of_fold[held], plain(rest, held), atol=2e-3)
    assert (low < high).all()


def test_the_ridge_is_the_one_with_the_lowest_loss_out_of_fold():
    X, labels, folds = data(d=40, seed=3)
    found = {}
    for strength in linear.strengths:
        margin = learn(X, labels, folds, replace(linear, strengths=(strength,))).out_of_fold
        found[strength] = np.mean(np.logaddexp(0, margin) - labels * margin)
    assert learn(X, labels, folds).chosen["C"] == min(found, key=found.get)


@pytest.mark.parametrize("learner", [linear, lines.steps, lines.words])
def test_contributions_sum_to_the_log_odds_and_a_mean_row_gets_none(learner):
    X, labels, folds = data()
    X[::7, 2] = np.nan
    member = learn(X, labels, folds, learner).member
    found = member.contributions(X)
    assert found.shape == (200, 6)
    assert np.allclose(found.sum(axis=1), member.margins(X), atol=1e-5)
    assert np.abs(found[:, :-1].mean(axis=0)).max() < 1e-5
    assert np.abs(found[:, :-1]).mean(axis=0).argmax() == 0


def test_missing_values_speak_by_their_absence_and_a_mistyped_one_does_not_bend_the_line():
    X, labels, folds = data(n=400)
    X[:, 0] = 1.0
    X[labels == 1, 1] = np.nan
    learned = learn(X, labels, folds)
    assert roc_auc_score(labels, learned.out_of_fold) > 0.99
    odd = X[:1].copy()
    odd[0, 3] = 1e9
    most = X[:1].copy()
    most[0, 3] = X[:, 3].max()
    assert learned.member.margins(odd) == learned.member.margins(most)


def test_empty_and_constant_columns_say_nothing():
    X, labels, folds = data()
    X[:, 1], X[:, 2] = np.nan, 4.0
    member = learn(X, labels, folds).member
    assert not member.contributions(X)[:, 1:3].any()
    other = X.copy()
    other[:, 1], other[:, 2] = 3.0, 5.0  # never seen in training
    assert np.allclose(member.margins(other), member.margins(X))


@pytest.mark.parametrize("learner", [linear, lines.steps, lines.words])
def test_read_again_it_says_the_same_to_the_last_bit(learner):
    X, labels, folds = data()
    X[0, 0] = np.nan
    member = learn(X, labels, folds, learner).member
    again = learner.restore(member.to_bytes())
    assert np.array_equal(again.margins(X), member.margins(X))
    assert again.to_bytes() == member.to_bytes()
    cut = member.to_bytes().replace(b'"slopes": [', b'"slopes": [1.5, ')
    with pytest.raises(ValueError, match="slopes for"):
        learner.restore(cut)


def test_steps_bend_where_a_straight_line_sees_nothing():
    generator = np.random.default_rng(1)
    X = generator.normal(size=(600, 3)).astype(np.float32)
    labels = (generator.random(600) < np.where(np.abs(X[:, 0]) > 1, 0.8, 0.2)).astype(np.int8)  # both ends are risky
    folds = grouped_folds(labels, np.arange(600), 4, 0)
    assert roc_auc_score(labels, learn(X, labels, folds, lines.steps).out_of_fold) > 0.7
    assert roc_auc_score(labels, learn(X, labels, folds).out_of_fold) < 0.6


def test_steps_by_hand():
    X = np.array([[1], [2], [3], [4], [5], [6], [7], [8], [np.nan]], np.float32)
    design = Steps.of(X)
    assert design.edges[1:, 0].tolist() == [1.875, 2.75, 3.625, 4.5, 5.375, 6.25, 7.125]
    shown = design(X) + design.mean
    assert np.allclose(shown[0], [0] * 8)
    assert np.allclose(shown[3], [1, 1, 1, 0, 0, 0, 0, 0])
    assert np.allclose(shown[8], [0] * 7 + [1])
    twice = Steps.of(np.array([[0], [0], [0], [0], [0], [5]], np.float32))
    assert len(twice.kept) == 1  # five of six are one value: one step is all there is to see
    assert Steps.of(np.full((4, 1), np.nan, np.float32)).source.size == 0


def test_words_are_the_logistic_regression_of_scikit_learn_on_the_columns_as_they_are():
    generator = np.random.default_rng(2)
    X = (generator.random((200, 30)) < 0.1).astype(np.float32) * generator.random((200, 30)).astype(np.float32)
    labels = (X[:, :5].sum(axis=1) + 0.3 * generator.normal(size=200) > 0.2).astype(np.int8)
    learned = learn(X, labels, grouped_folds(labels, np.arange(200), 4, 0), lines.words)
    plain = LogisticRegression(C=learned.chosen["C"], tol=1e-8, max_iter=5000).fit(X, labels)
    assert np.allclose(learned.member.margins(X), plain.decision_function(X), atol=5e-2)


@pytest.mark.parametrize("turn", [1, -1])
def test_a_column_most_of_which_is_at_its_ceiling_or_its_floor_is_seen(turn):
    generator = np.random.default_rng(0)
    X = np.where(generator.random((400, 1)) < 0.1, 8, 15).astype(np.float32) * turn
    labels = (generator.random(400) < np.where(X[:, 0] * turn == 8, 0.8, 0.2)).astype(np.int8)
    learned = learn(X, labels, grouped_folds(labels, np.arange(400), 4, 0), lines.steps)
    assert roc_auc_score(labels, learned.out_of_fold) > 0.57
    assert learned.member.design.source.tolist() == [0]


def test_a_view_that_says_nothing_gets_the_base_rate():
    X, labels, folds = data()
    member = learn(np.full_like(X, 3), labels, folds, lines.steps).member
    assert np.allclose(1 / (1 + np.exp(-member.margins(X))), labels.mean())


def test_permuted_labels_score_about_a_half():
    aucs = []
    for seed in range(6):
        X, labels, folds = data(seed=seed)
        permuted = np.random.default_rng(seed).permutation(labels)
        aucs.append(roc_auc_score(permuted, learn(X, permuted, folds).out_of_fold))
    assert abs(np.mean(aucs) - 0.5) < 0.08
