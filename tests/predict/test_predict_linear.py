import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from xhaim.config import FusionSettings
from xhaim.predict import linear
from xhaim.predict.folds import grouped_folds
from xhaim.predict.linear import STRENGTHS

SETTINGS = FusionSettings()


def data(n=200, d=5, seed=0):
    generator = np.random.default_rng(seed)
    X = generator.normal(size=(n, d)).astype(np.float32) * 3 + 10
    labels = (X[:, 0] + 3 * generator.normal(size=n) > 10).astype(np.int8)
    return X, labels, grouped_folds(labels, np.arange(n), 4, 0)


def learn(X, labels, folds):
    return linear.learn(X, labels, folds, np.ones(X.shape[1], np.float32), SETTINGS)


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
    for strength in STRENGTHS:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(linear, "STRENGTHS", (strength,))
            margin = learn(X, labels, folds).out_of_fold
        found[strength] = np.mean(np.logaddexp(0, margin) - labels * margin)
    assert learn(X, labels, folds).chosen["C"] == min(found, key=found.get)


def test_contributions_sum_to_the_log_odds_and_a_mean_row_gets_none():
    X, labels, folds = data()
    X[::7, 2] = np.nan
    member = learn(X, labels, folds).member
    found = member.contributions(X)
    assert found.shape == (200, 6)
    assert np.allclose(found.sum(axis=1), member.margins(X))
    assert np.abs(found[:, :-1].mean(axis=0)).max() < 1e-9
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


def test_read_again_it_says_the_same_to_the_last_bit():
    X, labels, folds = data()
    X[0, 0] = np.nan
    member = learn(X, labels, folds).member
    again = linear.restore(member.to_bytes())
    assert np.array_equal(again.margins(X), member.margins(X))
    assert again.to_bytes() == member.to_bytes()


def test_permuted_labels_score_about_a_half():
    aucs = []
    for seed in range(6):
        X, labels, folds = data(seed=seed)
        permuted = np.random.default_rng(seed).permutation(labels)
        aucs.append(roc_auc_score(permuted, learn(X, permuted, folds).out_of_fold))
    assert abs(np.mean(aucs) - 0.5) < 0.08
