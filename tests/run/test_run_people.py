"""Who is in a run: persons who are several subjects stay together, and whose end is unknown is no survivor."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest

from xhaim.cohort.labels import label
from xhaim.cohort.stays import stays
from xhaim.config import RunSettings, SampleSettings, SplitSettings
from xhaim.events import HOSPITAL_DISCHARGE, code_is
from xhaim.run.people import gather, split_rows
from xhaim.run.pipeline import begin
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
