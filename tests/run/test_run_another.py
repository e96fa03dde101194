"""A run directory is of one store, its tasks and their policies: nothing that is there is lost by a wrong --out."""

from __future__ import annotations

import shutil

import pytest

from xhaim.config import RunSettings, SampleSettings
from xhaim.errors import DataError
from xhaim.run.pipeline import begin, plan
from xhaim.run.watch import Quiet
from xhaim.source.mimic_iv import MimicIV
from xhaim.source.simulate import simulate

SETTINGS = RunSettings(tasks=("pleural_effusion", "los_48h"))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    root = tmp_path_factory.mktemp("another")
    simulate(root / "files", stays=3, seed=1, images=False)
    MimicIV().ingest(root / "files", root / "store")
    shutil.copytree(root / "store", root / "copy")
    return root / "store"


def test_the_same_run_goes_on_and_more_tasks_may_join(store, tmp_path):
    begin(store, SETTINGS, tmp_path / "run", Quiet())
    begin(store, SETTINGS, tmp_path / "run", Quiet())
    more = SETTINGS.model_copy(update={"tasks": ("pleural_effusion", "los_48h", "pneumonia")})
    begin(store, more, tmp_path / "run", Quiet())


@pytest.mark.parametrize(
    "other",
    [
        {"tasks": ("los_48h",)},
        {"tasks": ("pneumonia",)},
        {"report_policy": "index_included"},
        {"report_policy": "none"},
    ],
)
def test_other_tasks_and_other_policies_are_another_run(store, tmp_path, other):
    begin(store, SETTINGS, tmp_path / "run", Quiet())
    before = (tmp_path / "run" / "manifest.json").read_bytes()
    for way in (lambda s: begin(store, s, tmp_path / "run", Quiet()), lambda s: plan(store, s, tmp_path / "run")):
        with pytest.raises(DataError, match="holds another run"):
            way(SETTINGS.model_copy(update=other))
    assert (tmp_path / "run" / "manifest.json").read_bytes() == before


def test_another_store_is_another_run(store, tmp_path):
    begin(store, SETTINGS, tmp_path / "run", Quiet())
    with pytest.raises(DataError, match="holds another run"):
        begin(store.parent / "copy", SETTINGS, tmp_path / "run", Quiet())


def test_a_policy_that_a_task_does_not_have_is_said(store, tmp_path):
    watch = Quiet()
    begin(store, SETTINGS.model_copy(update={"report_policy": "none"}), tmp_path / "run", watch)
    assert any("los_48h: all text known before" in note for note in watch.notes)


@pytest.mark.parametrize(
    ("sample", "said"),
    [
        ({}, "one drawn chest image of each ICU stay"),
        ({"max_per_stay": 3}, "chest images of each ICU stay, at most 3 of a stay, drawn"),
        ({"landmark_hours": 24}, "hour 24 of each ICU stay"),
        ({"every_hours": 12, "max_per_stay": 2}, "every 12 hours of each ICU stay, at most 2 of a stay, drawn"),
        ({"at_code": "LAB//50813"}, "one second after each LAB//50813 was known"),
    ],
)
def test_the_plan_says_when_predictions_are_made(store, tmp_path, sample, said):
    settings = RunSettings(tasks=("los_48h",), sample=SampleSettings(**sample))
    assert plan(store, settings, tmp_path / "run")["prediction_time"] == said
