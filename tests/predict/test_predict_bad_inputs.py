"""What step 3 is given by mistake or in bad faith."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

from xhaim.config import EncoderSettings, FusionSettings
from xhaim.errors import DataError
from xhaim.predict.fit import fit
from xhaim.predict.model import Model
from xhaim.predict.trees import GRIDS, Grid

N = 60
TRAIN, VALIDATION = np.arange(0, 40), np.arange(40, 60)


@pytest.fixture(autouse=True)
def _tiny_grid(monkeypatch):
    monkeypatch.setitem(GRIDS, "small", Grid(depths=(2,), learning_rates=(0.3,), trees=(5,)))


def fitted(features, labels, folder, train=TRAIN, validation=VALIDATION):
    settings = EncoderSettings(name="no-such-model"), FusionSettings(grid="small", folds=2)
    return fit(features, labels, np.arange(N), train, validation, *settings, fine_tune=False, folder=folder)


@pytest.fixture
def problem(make_features):
    generator = np.random.default_rng(0)
    labels = (np.arange(N) % 2).astype(np.int8)
    return make_features(generator.normal(size=(N, 5)) + labels[:, None]), labels


def test_an_empty_block_and_a_constant_column_change_no_ranking(problem, tmp_path):
    features, labels = problem
    values = features.values.copy()
    values[:, 3], values[:, 4] = np.nan, 7
    model = fitted(replace(features, values=values), labels, tmp_path)
    other = values.copy()
    other[:, 4] = np.nan
    assert np.isfinite(model.predict(replace(features, values=values)).risk).all()
    nothing = model.contributions(replace(features, values=values))[0][:, 3:5]
    assert not nothing.any()
    everything_missing = replace(features, values=np.full_like(values, np.nan))
    assert np.isfinite(model.predict(everything_missing).risk).all()


def test_a_class_of_three_members_is_learned_from_or_refused_with_counts(problem, tmp_path):
    features, _ = problem
    labels = np.zeros(N, np.int8)
    labels[[0, 1, 2, 50]] = 1
    model = fitted(features, labels, tmp_path / "three")
    assert {part.auc is None for part in model.fusion.parts} == {False}
    labels[[1, 2]] = 0
    model = fitted(features, labels, tmp_path / "one")
    assert {part.auc for part in model.fusion.parts} == {None}  # no two folds with both outcomes: no score is made up
    labels[0] = 0
    with pytest.raises(DataError, match="0 positive, 40 negative"):
        fitted(features, labels, tmp_path / "none")


def test_one_sample_twice_is_refused_whatever_its_labels(problem, tmp_path):
    features, labels = problem
    with pytest.raises(DataError, match="sample ids repeat"):
        fitted(replace(features, sample_ids=("s", "s", *features.sample_ids[2:])), labels, tmp_path)


def test_infinite_values_are_refused_and_named(problem, tmp_path):
    features, labels = problem
    values = features.values.copy()
    values[3, 2] = -np.inf
    with pytest.raises(DataError, match="signal 2, mean"):
        fitted(replace(features, values=values), labels, tmp_path)


class Bomb:
    def __reduce__(self):
        return (print, ("a pickle was loaded",))


@pytest.mark.parametrize("name", ["model.json", "fusion.json", "member-0.json", "member-1.json"])
@pytest.mark.parametrize("content", ["pickle", "cut short", "empty", "another's"])
def test_a_pickle_or_a_file_cut_short_is_never_loaded(problem, tmp_path, capsys, name, content):
    features, labels = problem
    fitted(features, labels, tmp_path)
    path = tmp_path / name
    whole = path.read_bytes()
    path.write_bytes(
        {"pickle": pickle.dumps(Bomb()), "cut short": whole[: len(whole) // 2], "empty": b"", "another's": b"[1, 2]"}[
            content
        ]
    )
    with pytest.raises(DataError, match="no model that can be read"):
        Model.load(tmp_path)
    assert "pickle" not in capsys.readouterr().out
    again = fitted(features, labels, tmp_path)  # and is fitted anew
    assert path.read_bytes() == whole
    assert np.array_equal(again.predict(features).raw, Model.load(tmp_path).predict(features).raw)
