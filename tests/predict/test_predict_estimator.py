import numpy as np
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.utils.estimator_checks import parametrize_with_checks

from xhaim.predict.estimator import FusionClassifier
from xhaim.predict.trees import GRIDS, Grid


@pytest.fixture(autouse=True)
def _tiny_grid(monkeypatch):
    monkeypatch.setitem(GRIDS, "small", Grid(depths=(2,), learning_rates=(0.3,), trees=(10,)))


def small(**changes):
    return FusionClassifier(grid="small", folds=3, **changes)


@parametrize_with_checks([FusionClassifier(("steps:values",), folds=2)])
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


def data(n=300, seed=0):
    generator = np.random.default_rng(seed)
    X = generator.normal(size=(n, 4)).astype(np.float32)
    X[generator.random(X.shape) < 0.1] = np.nan
    y = np.where(np.nan_to_num(X[:, 0]) + 0.8 * generator.normal(size=n) > 0.5, "died", "lived")
    return pl.DataFrame(X, schema=["lactate", "age", "pulse", "ph"]), y


def test_probabilities_of_new_rows_rank_and_are_calibrated():
    X, y = data()
    fresh, truth = data(4000, seed=1)
    model = small().fit(X, y)
    assert model.classes_.tolist() == ["died", "lived"]
    found = model.predict_proba(fresh)
    assert np.allclose(found.sum(axis=1), 1)
    assert roc_auc_score(truth == "lived", found[:, 1]) > 0.8
    for low, high in ((0.1, 0.4), (0.4, 0.7), (0.7, 0.95)):
        inside = (found[:, 1] > low) & (found[:, 1] <= high)
        assert abs(found[inside, 1].mean() - (truth[inside] == "lived").mean()) < 0.12


def test_rows_of_one_group_never_vouch_for_each_other():
    patients = np.repeat(np.arange(80), 4)
    grouped, loose = [], []
    for seed in range(3):
        generator = np.random.default_rng(seed)
        X = np.repeat(generator.normal(size=(80, 6)), 4, axis=0)  # four equal rows of each patient
        y = np.repeat(generator.integers(0, 2, 80), 4)
        grouped.append(roc_auc_score(y, small().fit(X, y, groups=patients).out_of_fold_))
        loose.append(roc_auc_score(y, small().fit(X, y).out_of_fold_))
    assert abs(np.mean(grouped) - 0.5) < 0.15
    assert np.mean(loose) > np.mean(grouped) + 0.2


def test_names_and_contributions_belong_together():
    X, y = data()
    model = small().fit(X, y)
    assert model.get_feature_names_out().tolist() == ["lactate", "age", "pulse", "ph"]
    found = model.contributions(X)
    assert np.allclose(found.sum(axis=1), model.decision_function(X), atol=1e-4)
    assert np.abs(found[:, :-1]).mean(axis=0).argmax() == 0
    assert small().fit(X.to_numpy(), y).get_feature_names_out().tolist() == ["x0", "x1", "x2", "x3"]
    with pytest.raises(ValueError, match="input_features"):
        model.get_feature_names_out(["a", "b", "c", "d"])


def test_it_takes_part_in_cross_validation_and_views():
    X, y = data()
    model = small(members=("xgboost:labs", "steps:rest"), blocks={"labs": (0, 1), "rest": (1, 4)})
    found = cross_val_predict(model, X, y, cv=GroupKFold(3), groups=np.arange(300) // 2, method="predict_proba")
    assert roc_auc_score(y == "lived", found[:, 1]) > 0.8


@pytest.mark.parametrize(
    ("X", "y", "groups", "message"),
    [
        (np.ones((10, 2)), np.zeros(10), None, "1 class"),
        (np.ones((9, 2)), np.arange(9) % 3, None, "Only binary"),
        (np.array([[1.0], [np.inf]] * 5), np.arange(10) % 2, None, "infinity"),
        (np.ones((10, 2)), np.arange(10) % 2, np.zeros(10), "two folds"),
    ],
)
def test_what_cannot_be_learned_from_is_refused(X, y, groups, message):
    with pytest.raises(ValueError, match=message):
        small().fit(X, y, groups=groups)
