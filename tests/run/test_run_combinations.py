"""Every combination of modalities is fitted once, on its own columns, and what was done is not done again."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score
from tiny_run import empty_run, tiny_encoder

from xhaim.config import EncoderSettings, RunSettings, SplitSettings
from xhaim.errors import DataError
from xhaim.predict.columns import check_features
from xhaim.records import Features
from xhaim.run import modality_values
from xhaim.run.combinations import (
    COMBINATION_SCHEMA,
    HAIM_MODALITIES,
    by_blocks,
    of_modalities,
    only,
    shapley_values,
    store_combinations,
    there,
)
from xhaim.run.directory import Stage
from xhaim.run.modality_values import embedded, haim_trees
from xhaim.run.people import SplitRows
from xhaim.task import load_task

N = 200
TASK = load_task("pleural_effusion")
PLAYERS = {"tabular": ("demographics",), "time series": ("chart", "lab"), "text": ("radiology_notes",)}


def features() -> Features:
    """Five columns in four blocks: the first of each tells the label, the more the later."""
    rng = np.random.default_rng(3)
    values = rng.normal(size=(N, 5)) + np.outer(np.arange(N) % 2, [0.3, 0.0, 0.6, 0.9, 1.5])
    blocks = {"chart": (0, 2), "demographics": (2, 3), "lab": (3, 4), "radiology_notes": (4, 5)}
    names = tuple(f"c{i}" for i in range(5))
    return Features(tuple(map(str, range(N))), {}, values.astype(np.float32), names, blocks)


def rows(split: int, positives: int = 1) -> SplitRows:
    place = np.random.default_rng(split).permutation(N)
    labels = ((np.arange(N) % 2) * positives).astype(np.int8)
    return SplitRows(list(map(str, range(N))), labels, np.arange(N), place[:120], place[120:150], place[150:])


def load(run, split, positives=1):
    return features(), rows(split, positives)


def add_up(part, rows):
    return part.values.sum(axis=1).astype(np.float64)


class Counted:
    """A fit that says which columns it was given."""

    def __init__(self):
        self.seen = []

    def __call__(self, part, rows):
        self.seen.append(part.names)
        return add_up(part, rows)


@pytest.fixture
def run(tmp_path):
    empty = empty_run(tmp_path)
    info = {"image_root": None, "fingerprint": "x"}
    return replace(
        empty,
        store=replace(empty.store, info=info),
        settings=RunSettings(tasks=(TASK.id,), split=SplitSettings(repeats=2)),
        tasks=(TASK,),
    )


def made(run, fit=add_up, upstream="a", load=load):
    return store_combinations(run, TASK, "haim", PLAYERS, load, fit, upstream)


def test_each_combination_is_scored_on_the_test_part_by_its_own_columns(run):
    stage = made(run)
    found = {(split, tuple(some)): score for split, some, score, why in stage.frame().iter_rows() if why is None}
    assert len(found) == 2 * 7
    X = features().values
    for split in (0, 1):
        test = rows(split).test
        for some, columns in (
            (("text",), [4]),
            (("time series",), [0, 1, 3]),
            (("tabular", "text"), [2, 4]),
            (("tabular", "text", "time series"), range(5)),
        ):
            wanted = roc_auc_score(rows(split).labels[test], X[test][:, list(columns)].sum(axis=1))
            assert found[split, some] == pytest.approx(wanted, abs=1e-6)


def test_what_is_there_is_not_done_again_and_another_upstream_does_all_again(run):
    fit = Counted()
    stage = made(run, fit)
    assert len(fit.seen) == 14
    stage.shards()[5].unlink()
    before = {path: path.stat().st_mtime_ns for path in stage.shards()}
    made(run, fit)
    assert len(fit.seen) == 15
    assert fit.seen[14] == fit.seen[5]
    assert {path: path.stat().st_mtime_ns for path in before} == before
    made(run, fit, upstream="b")
    assert len(fit.seen) == 15 + 14


def test_shapley_values_add_up_in_every_split(run):
    stage = made(run)
    values = shapley_values(stage.frame(), list(PLAYERS))
    assert values["modality"].to_list() == [*PLAYERS, *PLAYERS]
    whole = stage.frame().filter(pl.col("combination").list.len() == 3).sort("split")["auc"]
    sums = values.group_by("split", maintain_order=True).agg(pl.col("value").sum())["value"]
    assert sums.to_list() == pytest.approx([score - 0.5 for score in whole])
    assert values.filter(pl.col("modality") == "text")["value"].min() > values["value"].min()


def test_where_nothing_can_be_fitted_there_is_a_reason_and_no_number(run):
    stage = made(run, load=partial(load, positives=0))
    assert stage.frame()["auc"].null_count() == 14
    values = shapley_values(stage.frame(), list(PLAYERS))
    assert values["value"].null_count() == 6
    assert "0 positive" in values["reason"][0]
    json.dumps(values.to_dicts())


def test_the_blocks_of_a_combination_keep_the_features_order():
    part = only(features(), ["lab", "chart"])
    check_features(part)
    assert part.names == ("c0", "c1", "c3")
    assert part.blocks == {"chart": (0, 2), "lab": (2, 3)}
    assert (part.values == features().values[:, [0, 1, 3]]).all()
    with pytest.raises(DataError, match="no block ecg"):
        only(features(), ["chart", "ecg"])


def test_modalities_are_those_that_have_blocks():
    assert there(HAIM_MODALITIES, features()) == {
        "tabular": ("demographics",), "time series": ("chart", "lab"), "text": ("radiology_notes",)
    }  # fmt: skip
    assert list(by_blocks(features())) == ["chart", "demographics", "lab", "radiology_notes"]


def test_haims_trees_learn_on_train_alone_whatever_its_order():
    split = rows(0)
    scores = haim_trees(features(), split)
    assert roc_auc_score(split.labels[split.test], scores[split.test]) > 0.75
    again = replace(split, train=split.train[::-1])
    assert (haim_trees(features(), again) == scores).all()
    other = split.labels.copy()
    other[np.r_[split.validation, split.test]] = 0
    assert (haim_trees(features(), replace(split, labels=other)) == scores).all()


def test_texts_become_blocks_of_frozen_embeddings(tmp_path):
    settings = EncoderSettings(name=str(tiny_encoder(tmp_path / "bert")), precision="float32", trainable_layers=1)
    few = Features(("a", "b"), {"notes": ("no effusion", "")}, np.ones((2, 1), np.float32), ("x",), {"tabular": (0, 1)})
    found = embedded(few, settings)
    check_features(found)
    assert found.texts == {}
    assert found.blocks == {"tabular": (0, 1), "notes": (1, 34)}
    assert found.values[0, 1:33].any()
    assert not found.values[1, 1:33].any()
    assert found.values[:, 33].tolist() == [0, 1]  # missing
    assert embedded(found, settings) is found


def test_sources_count_by_the_mean_over_those_of_the_same_modalities():
    rows = [
        (0, ["chart"], 0.5, None),
        (0, ["lab"], 0.7, None),
        (0, ["chart", "lab"], 0.9, None),
        (0, ["ecg"], 0.6, None),
        (0, ["chart", "ecg"], 0.8, None),
        (0, ["ecg", "lab"], None, "too few"),
        (0, ["chart", "ecg", "lab"], 1.0, None),
    ]
    sources = pl.DataFrame(rows, schema=COMBINATION_SCHEMA, orient="row")
    found = of_modalities(sources, {"chart": "series", "lab": "series", "ecg": "text"})
    assert found["combination"].to_list() == [["series"], ["text"], ["series", "text"]]
    assert found["auc"].to_list() == [pytest.approx(0.7), 0.6, None]
    assert found["reason"].to_list() == [None, None, "too few"]
    assert shapley_values(found, ["series", "text"])["value"].null_count() == 2


@pytest.fixture
def asked_for(run, monkeypatch):
    """What modality_values is given, with features by hand in place of a run's."""
    ours = replace(features(), blocks={"tabular": (0, 2), "time_series": (2, 3), "image": (3, 5)})
    monkeypatch.setattr(modality_values, "features_of", lambda *_: ours)
    theirs = replace(features(), blocks={**features().blocks, "another": (5, 5)})
    monkeypatch.setattr(modality_values, "haim_features", lambda *_: theirs)
    monkeypatch.setattr(modality_values, "split_rows", lambda _, __, split: rows(split))

    def ask(*names):
        settled = run.settings.model_copy(update={"combinations": names})
        inputs = SimpleNamespace(haim=None)
        return modality_values.modality_values(
            replace(run, settings=settled), None, inputs, Stage(run.directory.root / "models", "m"), TASK
        )

    return ask


def test_systems_are_taken_apart_by_the_modalities_they_have(asked_for):
    by_sources, haim, ours = asked_for("haim_sources", "haim", "xhaim")
    assert (by_sources.models, haim.models, ours.models) == (15, 7, 7)
    for one in (by_sources, haim):
        assert one.values["modality"].unique(maintain_order=True).to_list() == ["tabular", "time series", "text"]
        assert one.combinations.height == 2 * 7
    assert ours.values["modality"].unique(maintain_order=True).to_list() == ["tabular", "time series", "images"]
    whole = haim.combinations.filter(pl.col("combination").list.len() == 3).sort("split")["auc"]
    sums = haim.values.group_by("split", maintain_order=True).agg(pl.col("value").sum())["value"]
    assert sums.to_list() == pytest.approx([score - 0.5 for score in whole])


def test_nothing_is_fitted_that_was_not_asked_for_or_cannot_be(asked_for, run, monkeypatch):
    assert asked_for() == []
    monkeypatch.setattr(modality_values, "split_rows", lambda _, __, split: rows(split, positives=0))
    assert asked_for("haim") == []
    assert "0 positive" in run.watch.notes[0]
    assert not (run.directory.root / "combinations").exists()
