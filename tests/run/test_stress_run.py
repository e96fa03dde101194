"""A stress test of a whole small run: what nothing changes, what a model that looks at one thing only is moved by."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from tiny_run import artefacts, tiny_encoder, tiny_settings
from typer.testing import CliRunner

from xhaim.cli import stress as verb  # noqa: F401  (it enters the application)
from xhaim.cli.app import app
from xhaim.config import ExplainSettings, LanguageModelSettings
from xhaim.errors import TaskError
from xhaim.evaluate.stress import STRESS_SCHEMA, effect
from xhaim.predict.risks import Risks
from xhaim.run.pipeline import Results, begin, execute
from xhaim.run.stress import stress
from xhaim.run.stress_features import Case
from xhaim.run.stress_jobs import _OPEN, chosen_samples, jobs, path_of, perturb
from xhaim.run.stress_plan import perturbations
from xhaim.run.stress_refit import hold_out
from xhaim.run.watch import Quiet
from xhaim.source.mimic_iv import MimicIV
from xhaim.source.simulate import simulate

TASK = "pleural_effusion"
SAMPLES = 4


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Results:
    root = tmp_path_factory.mktemp("stress")
    wanted = {"tasks": (TASK, "mortality_48h"), "systems": ("xhaim",), "explain": ExplainSettings(samples=0)}
    settings = tiny_settings(tiny_encoder(root / "bert"), 32).model_copy(update=wanted)
    simulate(root / "files", stays=82, seed=5, images=False)
    MimicIV().ingest(root / "files", root / "store")
    return execute(begin(root / "store", settings, root / "run", Quiet(), workers=1))


@pytest.fixture(scope="module")
def root(finished) -> Path:
    return finished.run.directory.root


@pytest.fixture(scope="module")
def before(root) -> dict[str, str]:
    return artefacts(root)


@pytest.fixture(scope="module")
def summary(root, before):
    return stress(root, [], SAMPLES, Quiet(), workers=1, permutations=2).summary


def rows_of(root: Path, name: str) -> pl.DataFrame:
    return pl.read_parquet(root / "stress" / TASK / "split-0" / f"{name}.parquet")


def test_every_perturbation_is_told_and_the_run_itself_is_untouched(summary, root, before):
    told = {one["id"]: one["effect"] for one in summary["tasks"][0]["tested"]}
    assert {"no_notes", "other_cxr", "no_text", "dropped_50", "noise_10", "unit_lost", "typos", "flood_10"} <= set(told)
    everybody = told["no_tabular"]["rows"]
    assert everybody > SAMPLES
    for name, seen in told.items():
        written = (
            name in {"again", "typos", "order", "paraphrase", "irrelevant"} or "flood" in name or "_control" in name
        )
        assert seen["rows"] == (SAMPLES if written else everybody), name
        assert seen["failed"] == 0
    assert told["typos"]["made"] > 0
    assert told["typos"]["against"]["rows"] == SAMPLES
    assert told["unit_lost"]["made"] > told["unit_lost"]["undone"] > 0
    assert told["no_notes"]["made"] is None
    after = artefacts(root)
    assert {name: after[name] for name in before} == before
    assert json.loads((root / "stress.json").read_text())["simulated"] is True
    page = (root / "stress.html").read_text()
    assert "SIMULATED" in page
    assert "prior_only" in page


def test_nothing_changed_changes_nothing(summary, root):
    for name in ("again", "unit_rightly"):
        rows = rows_of(root, name)
        assert (rows["risk"] == rows["risk_before"]).all()
    stored = pl.read_parquet(root / "models" / TASK / "split-0.parquet").filter(pl.col("model") == "xhaim")
    for name in ("again", "dropped_10"):
        same = rows_of(root, name).join(stored, on="sample_id", suffix="_stored")
        assert np.allclose(same["risk_before"], same["risk_stored"], atol=1e-6)


def test_what_cannot_be_tested_says_why(summary):
    unfitted = summary["tasks"][1]
    assert unfitted["task_id"] == "mortality_48h"
    assert "are needed" in unfitted["unfitted"]
    assert any("not tested" in note for note in summary["notes"])


def test_a_second_call_does_nothing_and_a_lost_file_comes_back_the_same(summary, root):
    stage = root / "stress"
    once = artefacts(stage)
    times = {path: path.stat().st_mtime_ns for path in stage.rglob("*.parquet")}
    lost = [stage / TASK / "split-0" / f"{name}.parquet" for name in ("typos", "noise_50", "other_cxr")]
    for path in lost:
        path.unlink()
    _OPEN.clear()
    stress(root, [TASK], SAMPLES, Quiet(), workers=1, permutations=2)
    assert artefacts(stage) == once
    assert all(path.stat().st_mtime_ns == time for path, time in times.items() if path not in lost)


def test_groups_and_hidden_attributes_are_read_out(summary):
    task = summary["tasks"][0]
    assert task["group_kind"] == "layout of the newest chest film report"
    assert sum(one["rows"] for one in task["groups"]) == next(
        one["effect"]["rows"] for one in task["tested"] if one["id"] == "no_tabular"
    )
    asked = {one["attribute"] for one in task["hidden"]}
    assert {"sex: F", "insurance: MEDICARE", "race: BLACK"} <= asked
    assert not any("UNKNOWN" in name for name in asked)
    few = [one for one in task["hidden"] if one["block"] == "every block"]
    assert few
    assert all("are needed" in one["auc"]["reason"] for one in few)
    assert {one["block"] for one in task["hidden"]} >= {"notes", "cxr", "time_series", "concepts"}


@dataclass
class OneThing:
    """A model that looks at one column, or at the length of one text."""

    looks_at: str

    facts = SimpleNamespace(operating_point=SimpleNamespace(threshold=0.5))

    def predict(self, features):
        if self.looks_at in features.texts:
            seen = np.array([len(text) for text in features.texts[self.looks_at]], float) / 500
        else:
            seen = np.nan_to_num(features.values[:, features.names.index(self.looks_at)].astype(float))
        risk = 1 / (1 + np.exp(-(seen - 1)))
        nothing = np.full(len(risk), np.nan)
        return Risks(risk, risk, nothing, nothing, np.ones((len(risk), 2), bool))


@pytest.fixture(scope="module")
def moved(finished, tmp_path_factory):
    """Mean absolute change of the risk of a model that looks at one thing, by perturbation."""

    def ask(looks_at: str, names: set[str]) -> dict[str, float]:
        explainer = replace(finished.explainers[TASK], split=0)
        wanted = [
            one for one in perturbations([*explainer.features.texts, *explainer.features.blocks]) if one.id in names
        ]
        assert {one.id for one in wanted} == names
        (chosen,) = chosen_samples([explainer], SAMPLES)
        stage = replace(finished.predictions[TASK], folder=tmp_path_factory.mktemp("one"))
        case = Case(finished.run, explainer, chosen)
        explainer.__dict__["model"] = OneThing(looks_at)
        _OPEN.clear()
        _OPEN[str(stage.folder.resolve()) + stage.key, 0] = case
        for job in jobs(stage, explainer, chosen, wanted):
            perturb(finished.run, job)
        found = {one.id: pl.read_parquet(path_of(stage, 0, one)) for one in wanted}
        assert all(set(frame.columns) == set(STRESS_SCHEMA) for frame in found.values())
        return {name: effect(frame, resamples=10).moved for name, frame in found.items()}

    yield ask
    _OPEN.clear()


def test_a_model_that_ignores_a_block_is_unmoved_by_emptying_it(moved):
    seen = moved("Creatinine, max", {"no_notes", "no_cxr", "no_text", "other_tabular", "no_time_series", "typos",
                                     "other_time_series", "flood_3", "unit_rightly", "unit_wrongly",
                                     "dropped_50"})  # fmt: skip
    unmoved = {"no_notes", "no_cxr", "no_text", "other_tabular", "typos", "flood_3", "unit_rightly"}
    assert {name for name, change in seen.items() if change == 0} == unmoved


def test_what_changes_the_answer_is_seen(moved):
    seen = moved("pleural effusion, affirmed", {"paraphrase_control", "irrelevant_control", "no_concepts", "no_cxr",
                                                "again", "dropped_50"})  # fmt: skip
    assert {name for name, change in seen.items() if change == 0} == {"no_cxr", "again", "dropped_50"}
    assert seen["paraphrase_control"] > 0.02
    text = moved("cxr", {"no_cxr", "no_notes", "no_concepts", "typos_control"})
    assert text["no_cxr"] > text["no_notes"] == text["no_concepts"] == 0


def test_after_a_language_model_perturbed_notes_are_compared_with_extractive_ones(finished):
    explainer = replace(finished.explainers[TASK], split=0)
    (chosen,) = chosen_samples([explainer], 3)
    door = LanguageModelSettings(url="http://127.0.0.1:9", model="nobody")  # nobody answers: nobody may be asked
    run = replace(finished.run, settings=finished.run.settings.model_copy(update={"llm": door}))
    case = Case(run, explainer, chosen)
    again, stored = case.chosen_again, case.of(chosen)
    assert again.texts == stored.texts
    assert np.array_equal(again.values, stored.values, equal_nan=True)


def test_houses_that_are_held_out_are_learned_from_nowhere(finished, tmp_path, monkeypatch):
    learnt = []

    def fit(features, labels, subjects, train, validation, encoder, fusion, *, fine_tune, folder):
        learnt.append({features.sample_ids[row] for row in (*train, *validation)})
        assert "image" not in features.blocks
        return OneThing("pleural effusion, affirmed")

    monkeypatch.setattr("xhaim.predict.fit.fit", fit)
    monkeypatch.setattr("xhaim.run.people.MIN_TRAIN", 2)
    monkeypatch.setattr("xhaim.run.people.MIN_VALIDATION", 1)
    explainer = replace(finished.explainers[TASK], split=0)
    rows, stage = explainer.rows, replace(finished.predictions[TASK], folder=tmp_path)
    found = hold_out(finished.run, stage, explainer)
    fitted = [one for one in found if one.unfitted is None]
    assert len(fitted) == len(learnt) > 1
    assert sum(one.rows for one in found) == len(rows.test)
    everybody = {rows.ids[row] for row in (*rows.train, *rows.validation)}
    for path, seen in zip(sorted((tmp_path / "held-out").glob("*.parquet")), learnt, strict=True):
        there = pl.read_parquet(path).filter("held")["sample_id"]
        assert seen < everybody
        assert not seen & set(there.to_list())
    assert sum(len(everybody - seen) for seen in learnt) <= len(everybody)  # each is held out once
    again = hold_out(finished.run, stage, explainer)
    assert again == found
    assert len(learnt) == len(fitted)


def test_a_task_that_is_not_there(root):
    with pytest.raises(TaskError, match="no task 'los'"):
        stress(root, ["los"], 5, Quiet())


def test_the_verb_says_what_it_would_do_and_does_nothing(root):
    before = artefacts(root)
    said = CliRunner().invoke(app, ["stress", str(root), "--task", TASK, "--samples", "5", "--dry-run", "--json"])
    told = json.loads(said.stdout)
    assert told["tasks"] == [TASK]
    assert "typos" in told["perturbations"]
    assert artefacts(root) == before
