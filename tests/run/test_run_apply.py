"""A run applied to patients as if it had never seen them: the same risks as the run's own, and nothing written."""

import json
import shutil
from dataclasses import replace
from datetime import timedelta

import polars as pl
import pytest
from applied_run import TASKS, applied_run, few_are_enough
from tiny_run import artefacts
from typer.testing import CliRunner

from xhaim.errors import DataError, PrerequisiteError, TaskError
from xhaim.explain.render import from_json
from xhaim.run.apply import fitted
from xhaim.run.apply_moments import moment
from xhaim.run.apply_store import applied
from xhaim.run.vectors import Vectors
from xhaim.run.watch import Quiet
from xhaim.source.store import Store


@pytest.fixture(scope="module")
def results():
    return applied_run()


@pytest.fixture(scope="module")
def vectors(results):
    """One text's vector is the same for everybody: made once for all of these tests."""
    return Vectors(results.run.settings.retrieve.encoder)


@pytest.fixture(scope="module")
def models(results, tmp_path_factory):
    scratch = tmp_path_factory.mktemp("scratch")
    return {task: fitted(results.run.directory.root, task, scratch, Quiet()) for task in TASKS}


def held_out(results, task_id, part="test"):
    """Rows of the first split's stored predictions, each with its sample."""
    path = results.run.directory.root / "models" / task_id / "split-0.parquet"
    rows = pl.read_parquet(path).filter((pl.col("model") == "xhaim") & (pl.col("part") == part))
    samples = {row["sample_id"]: row for row in results.people.samples.iter_rows(named=True)}
    return [(samples[row["sample_id"]], row) for row in rows.sort("sample_id").iter_rows(named=True)]


def at_its_time(results, model, sample):
    events = results.run.store.events([sample["subject_id"]]).collect().lazy()
    return moment(events, model.task, sample["prediction_time"])


def touched(results):
    root = results.run.directory.root
    store = results.run.store.path
    return artefacts(root), {name: one for name, one in artefacts(store).items() if not name.startswith("cache")}


@pytest.mark.parametrize("task_id", TASKS)
def test_a_held_out_sample_gets_the_very_risk_that_the_run_stored(results, models, vectors, task_id):
    model, before = models[task_id], touched(results)
    compared = 0
    for part in ("test", "validation"):
        for sample, stored in held_out(results, task_id, part)[:3]:
            mine = at_its_time(results, model, sample)
            assert {name: getattr(mine, name) for name in sample} == sample
            told = model.apply(results.run.store, mine, explained=False, vectors=vectors).prediction
            assert told.risk == pytest.approx(stored["risk"], abs=1e-6)
            assert told.raw == pytest.approx(stored["raw"], abs=1e-6)
            assert (told.low is None) == (stored["low"] is None)
            assert (told.outcomes == (0, 1)) == stored["abstains"]
            compared += 1
    assert compared == 6
    assert touched(results) == before


def test_its_explanation_is_the_runs_own_but_for_what_limits_it(results, models, vectors):
    task_id = TASKS[0]
    sample, _ = held_out(results, task_id)[0]
    mine = at_its_time(results, models[task_id], sample)
    told = models[task_id].apply(results.run.store, mine, vectors=vectors)
    explainer = results.explainers[task_id]
    with few_are_enough():
        own = explainer.explain(explainer.sample(sample))
    assert told.explanation == own  # in the test part, at an image, in a stay: nothing more limits it
    assert told.record == explainer.record(explainer.sample(sample))
    assert list(told.summaries.values()) == explainer.summaries(mine)


def test_who_was_learned_from_is_told_so_and_who_was_tested_on_is_not(results, models):
    model = models[TASKS[1]]
    rows = results.people.splits[TASKS[1]].filter(pl.col("split") == 0)
    said = {}
    for part in ("train", "test"):
        sample_id = rows.filter(pl.col("part") == part)["sample_id"].sort()[0]
        sample = results.people.samples.filter(pl.col("sample_id") == sample_id).row(0, named=True)
        said[part] = model.limits(results.run.store, at_its_time(results, model, sample))
    assert any("train part" in one for one in said["train"])
    assert said["test"] == ()


def test_another_moment_no_stay_and_real_patients_are_limits(results, models):
    model, store = models[TASKS[1]], results.run.store
    sample = replace(at_its_time(results, model, held_out(results, TASKS[1])[0][0]), index_image_id=None, stay_id=None)
    real = Store(store.path, {**store.info, "simulated": False, "identity": "another"})
    told = model.limits(real, sample)
    assert len(told) == 3
    assert "simulated patients" in told[0]
    assert "one drawn chest image of each ICU stay" in told[1]
    assert f"{sample.prediction_time:%Y-%m-%d %H:%M}" in told[1]
    assert "no ICU stay" in told[2]


def test_what_is_known_at_the_time_or_later_changes_nothing(results, models, tmp_path):
    model = models[TASKS[1]]
    sample, _ = held_out(results, TASKS[1])[0]
    time = sample["prediction_time"]
    folder = tmp_path / "store"
    shutil.copytree(results.run.store.path, folder)
    (shard,) = (folder / "data").glob("*.parquet")
    events = pl.read_parquet(shard)
    film_report = pl.col("code").str.starts_with("NOTE//") & ~pl.col("code").str.contains("discharge")
    mine = events.filter((pl.col("subject_id") == sample["subject_id"]) & film_report)
    late = mine.head(1).with_columns(
        study_id=pl.lit(None, pl.Int64()),
        text_value=pl.lit("CANARY: discharged home, comfort care, massive pleural effusion."),
        time=pl.lit(time - timedelta(hours=1)), known_at=pl.lit(time), source=pl.lit("canary"),
    )  # fmt: skip
    pl.concat([events, late.cast(events.schema)]).write_parquet(shard)
    planted = Store.open(folder)
    told = model.apply(planted, at_its_time(results, model, sample))
    assert told.prediction == model.apply(results.run.store, told.sample, explained=False).prediction
    assert "CANARY" not in str(told)
    after = replace(told.sample, prediction_time=time + timedelta(seconds=1))
    assert "CANARY" in str(model.apply(planted, after, explained=False).record)  # the plant could have been found


def test_a_store_is_applied_to_as_a_whole_and_nobody_is_lost(results, tmp_path):
    store, root = results.run.store.path, results.run.directory.root
    subjects = sorted(results.people.samples["subject_id"].unique().to_list())[:2]
    before = touched(results)
    rows, explanations = applied(root, store, Quiet(), subjects=subjects[::-1], out=tmp_path / "out")
    assert [(row.subject_id, row.task_id) for row in rows] == [
        (one, task) for one in subjects for task in sorted(TASKS)
    ]
    for row in rows:
        assert (row.risk is None) == (row.reason is not None)
    told = {row.task_id: [one for one in rows if one.task_id == row.task_id and one.risk is not None] for row in rows}
    assert told[TASKS[0]]
    files = sorted((tmp_path / "out").rglob("*.json"))
    kept = json.loads((tmp_path / "out" / "predictions.json").read_text())
    assert [one["risk"] for one in kept["predictions"]] == [row.risk for row in rows]
    assert kept["simulated"] == {"model": True, "patients": True}
    assert len(files) == 1 + len(explanations) == 1 + sum(row.risk is not None for row in rows)
    first = next(row for row in rows if row.risk is not None)
    path = tmp_path / "out" / "explanations" / first.task_id / f"{first.sample_id}.json"
    assert from_json(path.read_text()).risk == pytest.approx(first.risk)
    assert touched(results) == before
    with pytest.raises(DataError, match="holds something already"):
        applied(root, store, Quiet(), subjects=subjects[:1], out=tmp_path / "out")
    with pytest.raises(DataError, match="not in the store"):
        applied(root, store, Quiet(), subjects=[-5])


def test_the_verb_tells_risks_and_says_that_they_are_simulated(results):
    from xhaim.cli.app import app
    from xhaim.cli.predicting import predict

    if not any(one.callback is predict for one in app.registered_commands):
        app.command()(predict)
    subject = str(results.people.samples["subject_id"].min())
    words = [str(results.run.directory.root), "--store", str(results.run.store.path), "--subject", subject]
    spoken = CliRunner().invoke(app, ["predict", *words, "--task", TASKS[1]])
    assert spoken.exit_code == 0
    assert "SIMULATED" in spoken.stdout
    asked = CliRunner().invoke(app, ["predict", *words, "--json", "--explain"])
    answer = json.loads(asked.stdout)
    assert answer["simulated"] is True
    assert [one["task_id"] for one in answer["predictions"]] == sorted(TASKS)
    assert len(answer["explanations"]) == sum(one["risk"] is not None for one in answer["predictions"])
    assert isinstance(CliRunner().invoke(app, ["predict", words[0]]).exception, DataError)


def changed(results, tmp_path, change):
    root = tmp_path / "run"
    root.mkdir()
    manifest = results.run.directory.manifest()
    change(manifest)
    (root / "manifest.json").write_text(json.dumps(manifest))
    return root


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda manifest: manifest.update(code="0" * 16), PrerequisiteError, "another version of the code"),
        (lambda manifest: manifest["report_policy"].update({TASKS[0]: "index_included"}), DataError, "LEAKY"),
        (lambda _: None, PrerequisiteError, "holds no model"),
        (lambda manifest: manifest["tasks"].pop(TASKS[0]), TaskError, "no task"),
    ],
)
def test_a_run_that_cannot_be_applied_says_why(results, tmp_path, change, error, words):
    with pytest.raises(error, match=words):
        fitted(changed(results, tmp_path, change), TASKS[0], tmp_path, Quiet())
    with pytest.raises(PrerequisiteError):
        fitted(tmp_path / "nothing", TASKS[0], tmp_path, Quiet())
