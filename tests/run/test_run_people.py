"""Who is in a run: persons who are several subjects stay together, and whose end is unknown is no survivor."""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl
import pytest
from typer.main import get_command
from typer.testing import CliRunner

from xhaim.cli import app
from xhaim.cohort.guard import admissible
from xhaim.cohort.labels import label
from xhaim.cohort.samples import SAMPLE_SCHEMA
from xhaim.cohort.stays import stays
from xhaim.config import RunSettings, SampleSettings, SplitSettings
from xhaim.errors import TaskError
from xhaim.events import EVENT_SCHEMA, HOSPITAL_DISCHARGE, IMAGE, code_is
from xhaim.run.image_numbers import index_paths
from xhaim.run.people import gather, split_rows
from xhaim.run.pipeline import begin, plan
from xhaim.run.watch import Quiet
from xhaim.source.mimic_iv import MimicIV
from xhaim.source.simulate import simulate
from xhaim.source.store import Store
from xhaim.task import load_task


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    root = tmp_path_factory.mktemp("people")
    simulate(root / "files", stays=60, seed=5)
    MimicIV().ingest(root / "files", root / "store")
    return root / "store"


def test_a_person_who_is_several_subjects_is_in_one_part(store, tmp_path):
    settings = RunSettings(tasks=("los_48h",), sample=SampleSettings(landmark_hours=12), split=SplitSettings(repeats=3))
    subjects = Store.open(store).events().select(pl.col("subject_id").unique().sort()).collect()
    persons = subjects.with_columns(person_id=1000 + pl.int_range(pl.len()) // 4)
    persons.write_parquet(store / "metadata" / "persons.parquet")
    try:
        people = gather(begin(store, settings, tmp_path / "run", Quiet(), workers=1))
    finally:
        (store / "metadata" / "persons.parquet").unlink()
    of = dict(persons.iter_rows())
    who = dict(people.samples.select("sample_id", "subject_id").iter_rows())
    assert people.samples["subject_id"].n_unique() > persons["person_id"].n_unique()
    for split in range(3):
        rows = split_rows(people, load_task("los_48h"), split)
        parts = [{of[who[rows.ids[row]]] for row in part} for part in (rows.train, rows.validation, rows.test)]
        assert all(parts)
        assert sum(len(part) for part in parts) == len(set.union(*parts))


def test_who_is_not_among_the_persons_is_a_person_of_their_own(store, tmp_path):
    settings = RunSettings(tasks=("los_48h",), sample=SampleSettings(landmark_hours=12), split=SplitSettings(repeats=1))
    subjects = Store.open(store).events().select(pl.col("subject_id").unique().sort()).collect()["subject_id"]
    pair = pl.DataFrame({"subject_id": subjects[:2], "person_id": [subjects[0]] * 2})
    pair.write_parquet(store / "metadata" / "persons.parquet")
    try:
        people = gather(begin(store, settings, tmp_path / "run", Quiet(), workers=1))
    finally:
        (store / "metadata" / "persons.parquet").unlink()
    labelled = people.labels["los_48h"].join(people.samples.select("sample_id", real="subject_id"), on="sample_id")
    other = pl.col("real") != subjects[1]
    assert labelled.filter(other).height > 20
    assert labelled.filter(other & (pl.col("subject_id") != pl.col("real")).fill_null(value=True)).is_empty()
    assert labelled.filter(~other)["subject_id"].to_list() == [subjects[0]] * labelled.filter(~other).height


def test_a_policy_that_shows_the_index_report_without_saying_so_is_refused_before_anything_is_done(store, tmp_path):
    settings = RunSettings(tasks=("los_48h", "pleural_effusion"), report_policy="admissible")
    for ask in (lambda out: begin(store, settings, out, Quiet()), lambda out: plan(store, settings, out)):
        with pytest.raises(TaskError, match=r"pleural_effusion: .*shown") as caught:
            ask(tmp_path / "run")
        assert "los_48h" not in str(caught.value)
        assert not (tmp_path / "run").exists()
    harmless = settings.model_copy(update={"tasks": ("los_48h",)})
    assert plan(store, harmless, tmp_path / "run")["tasks"] == {"los_48h": "admissible"}
    said = CliRunner().invoke(app, ["run", str(store), "--out", str(tmp_path / "run"), "--task", "pleural_effusion",
                                    "--report-policy", "admissible", "--dry-run"])  # fmt: skip
    assert said.exit_code != 0
    policies = next(o for o in get_command(app).commands["run"].params if o.name == "report_policy")
    assert "admissible" not in policies.help


def test_the_index_image_is_the_samples_own_where_keys_recur():
    """Two subjects, each with a film of the day and one of tomorrow under one key: each has its own of the day."""
    t, rows = datetime(2150, 1, 3, 12), []
    for who in (1, 2):
        for day in (0, 1):
            name = f"{who}-{day}.png"
            rows.append({"subject_id": who, "time": t + timedelta(days=day), "code": IMAGE, "study_id": 10 * who + day,
                         "title": "AP", "source": "cxr", "image_path": name})  # fmt: skip
    events = pl.DataFrame(
        [{**dict.fromkeys(EVENT_SCHEMA), "known_at": row["time"], **row} for row in rows], schema=EVENT_SCHEMA
    )
    samples = pl.DataFrame(
        [{"sample_id": f"{9 * who}", "subject_id": who, "prediction_time": t, "index_study_id": 10 * who,
          "index_image_id": "cxr"} for who in (1, 2)], schema=SAMPLE_SCHEMA,
    )  # fmt: skip
    for frame in (events, events.reverse()):
        seen = admissible(frame.lazy(), samples, "prior_only")
        assert index_paths(seen, samples) == {"9": "1-0.png", "18": "2-0.png"}


def test_who_has_no_end_of_stay_is_no_survivor(store):
    events = Store.open(store).events()
    there = stays(events)
    task = load_task("mortality_48h")
    samples = there.select(
        pl.format("s{}", "stay_id").alias("sample_id"),
        "subject_id",
        "hadm_id",
        "stay_id",
        (pl.col("intime") + timedelta(hours=12)).alias("prediction_time"),
        pl.lit(None, pl.Int64).alias("index_study_id"),
        pl.lit(None, pl.String).alias("index_image_id"),
    )
    before = label(events, there, samples, task).drop_nulls("label")
    survivor = before.filter(pl.col("label") == 0)["sample_id"][0]
    hadm = samples.filter(pl.col("sample_id") == survivor)["hadm_id"][0]
    cut = events.filter(~(code_is(HOSPITAL_DISCHARGE) & (pl.col("hadm_id") == hadm)))
    after = label(cut, stays(cut), samples, task)
    told = after.filter(pl.col("sample_id") == survivor).row(0, named=True)
    assert (told["label"], told["reason"]) == (None, "it is not known how the hospital stay ended")
    assert after.filter(pl.col("sample_id") != survivor).drop_nulls("label").height == before.height - 1
