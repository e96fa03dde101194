import numpy as np
import pytest
import xgboost as xgb
from sklearn.metrics import roc_auc_score

from xhaim.config import FusionSettings
from xhaim.predict import fusion
from xhaim.predict.folds import grouped_folds
from xhaim.predict.fusion import GRIDS, Grid, contributions, fit_fusion, margins, probabilities


def data(n=240, d=6, seed=0):
    generator = np.random.default_rng(seed)
    X = generator.normal(size=(n, d)).astype(np.float32)
    X[generator.random(X.shape) < 0.2] = np.nan
    labels = (np.nan_to_num(X[:, 0]) + generator.normal(size=n) > 0).astype(np.int8)
    return X, labels, np.arange(n) // 2


def parameters(depth, rate):
    return {
        "objective": "binary:logistic",
        "tree_method": "hist",
        "max_depth": depth,
        "learning_rate": rate,
        "seed": 0,
    }


@pytest.mark.parametrize("d", [6, 300])
def test_both_tree_counts_from_one_booster_equal_boosters_trained_apart(monkeypatch, d):
    X, labels, subjects = data(d=d)

    def fitted(trees):
        monkeypatch.setitem(GRIDS, "small", Grid(depths=(3,), learning_rates=(0.1,), trees=(trees,), folds=2))
        return fit_fusion(X, labels, subjects, FusionSettings(grid="small"))[0]

    long = fitted(20)
    for trees in (5, 20):
        assert np.array_equal(probabilities(long, X, trees), probabilities(fitted(trees), X))
    assert not np.array_equal(probabilities(long, X, 5), probabilities(long, X, 20))


def test_the_choice_equals_a_plain_search(monkeypatch):
    monkeypatch.setitem(GRIDS, "small", Grid(depths=(2, 4), learning_rates=(0.3, 0.05), trees=(5, 20), folds=3))
    X, labels, subjects = data()
    booster, choice = fit_fusion(X, labels, subjects, FusionSettings(grid="small"))
    folds = grouped_folds(labels, subjects, 3, 0)
    scores = {}
    for depth in (2, 4):
        for rate in (0.3, 0.05):
            for trees in (5, 20):
                found = []
                for k in range(3):
                    matrix = xgb.QuantileDMatrix(X[folds != k], labels[folds != k])
                    plain = xgb.train(parameters(depth, rate), matrix, num_boost_round=trees)
                    found.append(roc_auc_score(labels[folds == k], plain.predict(xgb.DMatrix(X[folds == k]))))
                scores[depth, rate, trees] = np.mean(found)
    best = max(scores, key=scores.get)
    assert (choice.depth, choice.learning_rate, choice.trees) == best
    assert choice.auc == pytest.approx(scores[best], abs=1e-12)
    assert booster.num_boosted_rounds() == choice.trees


def test_the_paper_grid_is_haims():
    grid = GRIDS["haim"]
    assert (grid.depths, grid.trees, grid.folds) == ((5, 6, 7, 8), (200, 300), 5)
    assert set(grid.learning_rates) == {0.3, 0.1, 0.05}


def test_contributions_sum_to_the_margin_and_name_the_column_that_matters():
    X, labels, subjects = data()
    booster, _ = fit_fusion(X, labels, subjects, FusionSettings(grid="small"))
    found = contributions(booster, X)
    assert found.shape == (240, 7)
    assert np.allclose(found.sum(axis=1), margins(booster, X), atol=1e-4)
    assert np.allclose(1 / (1 + np.exp(-margins(booster, X))), probabilities(booster, X), atol=1e-6)
    assert np.abs(found[:, :-1]).mean(axis=0).argmax() == 0


def test_permuted_labels_score_about_a_half(monkeypatch):
    monkeypatch.setitem(GRIDS, "small", Grid(depths=(3,), learning_rates=(0.1,), trees=(20, 40), folds=3))
    aucs = []
    for seed in range(6):
        X, labels, subjects = data(seed=seed)
        permuted = np.random.default_rng(seed).permutation(labels)
        aucs.append(fit_fusion(X, permuted, subjects, FusionSettings(grid="small"))[1].auc)
    assert abs(np.mean(aucs) - 0.5) < 0.08


def test_too_few_subjects_for_folds_give_no_score(monkeypatch):
    monkeypatch.setitem(GRIDS, "small", Grid(depths=(2,), learning_rates=(0.3,), trees=(3,), folds=3))
    X, labels, _ = data(n=20)
    _, choice = fit_fusion(X, labels, np.zeros(20, np.int64), FusionSettings(grid="small"))
    assert choice.auc is None
    assert choice.folds == 1


def test_progress_ends_at_its_total(monkeypatch):
    monkeypatch.setitem(fusion.GRIDS, "small", Grid(depths=(2,), learning_rates=(0.3,), trees=(3,), folds=2))
    X, labels, subjects = data(n=40)
    told = []
    fit_fusion(X, labels, subjects, FusionSettings(grid="small"), lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]
