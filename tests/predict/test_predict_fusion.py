import json

import numpy as np
import pytest
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from xhaim.backends import load
from xhaim.config import FusionSettings
from xhaim.errors import DataError, PrerequisiteError
from xhaim.predict.fusion import Fusion, fit_fusion, stack
from xhaim.predict.trees import GRIDS, Grid

BLOCKS = {"notes": (0, 30), "cxr": (30, 32), "tabular": (32, 35), "time_series": (35, 40)}


@pytest.fixture(autouse=True)
def _tiny_grid(monkeypatch):
    monkeypatch.setitem(GRIDS, "small", Grid(depths=(2,), learning_rates=(0.2,), trees=(10, 20)))


def data(n=300, seed=0):
    """Embeddings that a line adds up, and a value that a step tells: neither member knows both."""
    generator = np.random.default_rng(seed)
    X = generator.normal(size=(n, 40)).astype(np.float32)
    line, step = X[:, :30].sum(axis=1) / np.sqrt(30), 2.5 * (np.abs(X[:, 36]) < 0.7)
    labels = (generator.random(n) < expit(2 * line + step - 1)).astype(np.int8)
    X[generator.random(n) < 0.1, 38] = np.nan
    return X, labels, np.arange(n) // 2


def settings(*members, **changes):
    return FusionSettings(grid="small", folds=4, members=members or FusionSettings().members, **changes)


def fit(members, n=300, seed=0, **changes):
    X, labels, subjects = data(n, seed)
    return X, labels, *fit_fusion(X, labels, subjects, settings(*members, **changes), blocks=BLOCKS)


def test_together_they_know_more_of_new_rows_than_each_alone():
    fresh, truth, _ = data(2000, seed=9)
    found = {}
    for members in ((), ("xgboost:values",), ("xgboost:embeddings+values",), ("linear:embeddings",), ("steps:values",)):
        _, _, fusion, _ = fit(members)
        found[members] = roc_auc_score(truth, fusion.margins(fresh))
    assert found[()] > max(value for members, value in found.items() if members) + 0.02


def test_a_member_that_knows_nothing_weighs_next_to_nothing():
    generator = np.random.default_rng(1)
    X, labels, subjects = data()
    X[:, 30:32] = generator.normal(size=(len(X), 2))
    fusion, _ = fit_fusion(X, labels, subjects, settings("linear:notes", "xgboost:cxr"), blocks=BLOCKS)
    known, nothing = fusion.parts
    assert known.weight > 0.5
    assert 0 <= nothing.weight < 0.3
    assert abs(nothing.auc - 0.5) < 0.1


def test_views_are_columns_and_the_same_view_is_not_fitted_twice():
    _, _, fusion, _ = fit(
        ("linear:values+embeddings", "linear:values", "linear:embeddings", "linear:time_series+cxr", "linear:cxr+notes")
    )
    assert [(part.name, part.columns) for part in fusion.parts] == [
        ("linear:values+embeddings", ((0, 40),)),
        ("linear:values", ((32, 40),)),
        ("linear:embeddings", ((0, 32),)),
        ("linear:time_series+cxr", ((30, 32), (35, 40))),
    ]
    X, labels, subjects = data()
    numbers, _ = fit_fusion(X, labels, subjects, settings())
    assert [part.name for part in numbers.parts] == ["xgboost:values", "steps:values"]


def test_a_block_in_two_places_is_seen_in_both():
    X, labels, subjects = data()
    apart = {"tabular": (0, 2), "notes": (2, 35), "time_series": (35, 40)}
    fusion, _ = fit_fusion(X, labels, subjects, settings("xgboost:values"), blocks=apart)
    assert fusion.parts[0].columns == ((0, 2), (35, 40))
    found = fusion.contributions(X)
    assert not found[:, 2:35].any()
    assert np.abs(found[:, 36]).mean() > 0


def test_contributions_sum_to_the_log_odds():
    X, _, fusion, _ = fit(())
    found = fusion.contributions(X)
    assert found.shape == (300, 41)
    assert np.allclose(found.sum(axis=1), fusion.margins(X), atol=1e-4)


def test_out_of_fold_is_about_what_new_rows_get_and_in_sample_is_not():
    fresh, truth, _ = data(3000, seed=9)
    inside, outside, new = [], [], []
    for seed in range(5):
        X, labels, fusion, out_of_fold = fit((), seed=seed)
        inside.append(roc_auc_score(labels, fusion.margins(X)))
        outside.append(roc_auc_score(labels, out_of_fold))
        new.append(roc_auc_score(truth, fusion.margins(fresh)))
    assert abs(np.mean(outside) - np.mean(new)) < 0.04
    assert np.mean(inside) > np.mean(new) + 0.03


def test_saved_and_loaded_it_says_the_same_to_the_last_bit(tmp_path):
    X, _, fusion, _ = fit(("xgboost:values", "linear:embeddings"))
    fusion.save(tmp_path)
    again = Fusion.load(tmp_path)
    assert np.array_equal(again.margins(X), fusion.margins(X))
    assert np.array_equal(again.contributions(X), fusion.contributions(X))
    assert [(part.name, part.columns, part.weight, part.auc) for part in again.parts] == [
        (part.name, part.columns, part.weight, part.auc) for part in fusion.parts
    ]
    assert {path.suffix for path in tmp_path.iterdir()} == {".json"}


@pytest.mark.parametrize("columns", [[[0, 41]], [[-1, 4]], [[5, 5]], "x"])
def test_columns_outside_the_matrix_are_refused(tmp_path, columns):
    _, _, fusion, _ = fit(("linear:values",))
    fusion.save(tmp_path)
    plain = json.loads((tmp_path / "fusion.json").read_text())
    plain["parts"][0]["columns"] = columns
    (tmp_path / "fusion.json").write_text(json.dumps(plain))
    with pytest.raises((ValueError, TypeError)):
        Fusion.load(tmp_path)


def test_too_few_subjects_for_folds_give_equal_weights_and_no_score():
    X, labels, _ = data(40)
    fusion, out_of_fold = fit_fusion(X, labels, np.zeros(40, np.int64), settings(), blocks=BLOCKS)
    assert out_of_fold is None
    assert {part.auc for part in fusion.parts} == {None}
    assert {part.weight for part in fusion.parts} == {1 / 4}


def test_unknown_learners_and_empty_views_say_what_is_there():
    with pytest.raises(PrerequisiteError, match="no learner named 'xgbost'"):
        fit(("xgbost:values",))
    with pytest.raises(DataError, match="no member of the fusion sees a column"):
        fit(("linear:image",))


def test_rows_in_another_order_change_no_weight_beyond_rounding():
    X, labels, subjects = data()
    order = np.random.default_rng(2).permutation(len(X))
    fusion, _ = fit_fusion(X, labels, subjects, settings("linear:values", "linear:embeddings"), blocks=BLOCKS)
    other, _ = fit_fusion(
        X[order], labels[order], subjects[order], settings("linear:values", "linear:embeddings"), blocks=BLOCKS
    )
    assert np.allclose(fusion.margins(X), other.margins(X), atol=1e-2)


def test_progress_never_falls_and_ends_at_its_total():
    X, labels, subjects = data(60)
    told = []
    fit_fusion(X, labels, subjects, settings(), lambda done, total: told.append((done, total)), BLOCKS)
    assert told == sorted(told)
    assert told[-1] == (400, 400)


def test_lightgbm_is_a_learner_by_name(tmp_path):
    pytest.importorskip("lightgbm")
    X, labels, fusion, out_of_fold = fit(("lightgbm:values+embeddings",))
    assert roc_auc_score(labels, out_of_fold) > 0.6
    assert np.allclose(fusion.contributions(X).sum(axis=1), fusion.margins(X), atol=1e-6)
    fusion.save(tmp_path)
    assert np.array_equal(Fusion.load(tmp_path).margins(X), fusion.margins(X))
    with pytest.raises(ValueError, match="LightGBM"):
        load("learners", "lightgbm").restore(b'{"trees": 3, "booster": "tree"}')


def test_a_member_that_hardly_differs_between_rows_is_not_blown_up():
    generator = np.random.default_rng(5)
    labels = (generator.random(400) < 0.1).astype(np.int8)
    telling = labels + generator.normal(size=400) - 2.2
    flat = -2.2 + 0.003 * generator.normal(size=400)
    weights, intercept = stack(np.stack([telling, flat], axis=1), labels)
    another_fold = np.array([[-1.0, -2.2], [-1.0, -2.22]])  # there it lies a little lower
    first, second = another_fold @ weights + intercept
    assert abs(first - second) < 0.5  # of ten, were it brought to the same spread
    alone = np.array([-1.0]) @ (found := stack(telling[:, None], labels))[0] + found[1]
    assert first == pytest.approx(float(alone), abs=0.4)


def test_the_same_for_everybody_weighs_nothing():
    labels = np.array([0, 1] * 50, dtype=np.int8)
    weights, _ = stack(np.stack([labels + np.linspace(0, 2, 100), np.full(100, -2.0)], axis=1), labels)
    assert weights[0] > 0
    assert weights[1] == 0
