import numpy as np
import pytest
import xgboost as xgb
from sklearn.metrics import roc_auc_score

from xhaim.config import FusionSettings
from xhaim.predict import trees
from xhaim.predict.folds import grouped_folds
from xhaim.predict.trees import GRIDS, Grid

SMALL = FusionSettings(grid="small")


def data(n=240, d=6, seed=0):
    generator = np.random.default_rng(seed)
    X = generator.normal(size=(n, d)).astype(np.float32)
    X[generator.random(X.shape) < 0.2] = np.nan
    labels = (np.nan_to_num(X[:, 0]) + generator.normal(size=n) > 0).astype(np.int8)
    return X, labels, grouped_folds(labels, np.arange(n) // 2, 3, 0)


def learn(X, labels, folds, progress=lambda done, total: None):
    return trees.learn(X, labels, folds, np.ones(X.shape[1], np.float32), SMALL, progress)


def parameters(depth, rate):
    return {
        "objective": "binary:logistic",
        "tree_method": "hist",
        "max_depth": depth,
        "learning_rate": rate,
        "seed": 0,
    }


@pytest.mark.parametrize("d", [6, 300])
def test_every_tree_count_from_one_booster_equals_a_booster_trained_apart(monkeypatch, d):
    X, labels, folds = data(d=d)
    monkeypatch.setitem(GRIDS, "small", Grid((3,), (0.1,), (5, 20), wide_share=0.5))
    both = learn(X, labels, folds)
    apart = {}
    for count in (5, 20):
        monkeypatch.setitem(GRIDS, "small", Grid((3,), (0.1,), (count,), wide_share=0.5))
        apart[count] = learn(X, labels, folds)
    chosen = apart[both.chosen["trees"]]
    assert np.array_equal(both.member.margins(X), chosen.member.margins(X))
    assert np.array_equal(both.out_of_fold, chosen.out_of_fold)
    assert not np.array_equal(apart[5].out_of_fold, apart[20].out_of_fold)


def test_the_choice_equals_a_plain_search(monkeypatch):
    monkeypatch.setitem(GRIDS, "small", Grid(depths=(2, 4), learning_rates=(0.3, 0.05), trees=(5, 20)))
    X, labels, folds = data()
    learned = learn(X, labels, folds)
    scores, held_out = {}, {}
    for depth in (2, 4):
        for rate in (0.3, 0.05):
            for count in (5, 20):
                found = np.zeros(len(labels))
                for k in range(3):
                    matrix = xgb.QuantileDMatrix(X[folds != k], labels[folds != k])
                    plain = xgb.train(parameters(depth, rate), matrix, num_boost_round=count)
                    found[folds == k] = plain.predict(xgb.DMatrix(X[folds == k]), output_margin=True)
                each = [roc_auc_score(labels[folds == k], found[folds == k]) for k in range(3)]
                scores[depth, rate, count], held_out[depth, rate, count] = np.mean(each), found
    best = max(scores, key=scores.get)
    assert tuple(learned.chosen[name] for name in ("depth", "learning_rate", "trees")) == best
    assert np.allclose(learned.out_of_fold, held_out[best], atol=1e-6)
    assert learned.member.booster.num_boosted_rounds() == best[2]


def test_the_paper_grid_is_haims_and_draws_no_columns():
    grid = GRIDS["haim"]
    assert (grid.depths, grid.trees) == ((5, 6, 7, 8), (200, 300))
    assert set(grid.learning_rates) == {0.3, 0.1, 0.05}
    assert (grid.column_share, grid.wide_share, grid.row_share, grid.min_child_weight) == (1, 1, 1, 1)


def test_permuted_labels_score_about_a_half(monkeypatch):
    monkeypatch.setitem(GRIDS, "small", Grid(depths=(3,), learning_rates=(0.1,), trees=(20, 40)))
    aucs = []
    for seed in range(6):
        X, labels, folds = data(seed=seed)
        permuted = np.random.default_rng(seed).permutation(labels)
        aucs.append(roc_auc_score(permuted, learn(X, permuted, folds).out_of_fold))
    assert abs(np.mean(aucs) - 0.5) < 0.08


def test_progress_ends_at_its_total(monkeypatch):
    monkeypatch.setitem(GRIDS, "small", Grid(depths=(2,), learning_rates=(0.3,), trees=(3,)))
    X, labels, _ = data(n=40)
    told = []
    learn(X, labels, np.arange(40) % 2, lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]
