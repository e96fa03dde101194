"""A language model's own risk of a few patients in a store by hand: asked once, counted, never made up."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest

from xhaim.cohort.samples import SAMPLE_SCHEMA
from xhaim.config import LanguageModelSettings, RunSettings
from xhaim.evaluate.compare import rows_of_test
from xhaim.events import EVENT_SCHEMA
from xhaim.llm.scripted import serve
from xhaim.records import CitedSentence, Summary
from xhaim.run.context import Run
from xhaim.run.directory import RunDirectory, write_frame, write_json
from xhaim.run.known import store_known
from xhaim.run.llm_only import LLM_ONLY, answers, store_llm_only
from xhaim.run.models import Inputs, Job, _by_a_language_model
from xhaim.run.parquet_records import to_frame
from xhaim.run.people import People, SplitRows
from xhaim.run.watch import Quiet
from xhaim.source.store import Store
from xhaim.source.write import write_metadata, write_shard
from xhaim.task import load_task

T = datetime(2150, 1, 2, 12)
N = 6
TASK = load_task("mortality_48h")
SAYS = ['{"probability": 80}', "perhaps", '{"probability": 10}', '{"probability": 300}', '{"probability": 55}', "[]"]


def events_of(subject):
    own = {"subject_id": subject, "hadm_id": 100 + subject}
    stay = {**own, "stay_id": 10 + subject}
    yield {**own, "code": "HOSPITAL_ADMISSION//URGENT", "time": T - timedelta(hours=30)}
    yield {**stay, "code": "ICU_ADMISSION//MICU", "time": T - timedelta(hours=20)}
    lactate = {**own, "code": "LAB//50813//mmol/L", "unit": "mmol/L"}
    yield {**lactate, "numeric_value": 2.5, "time": T - timedelta(hours=4)}
    yield {**lactate, "numeric_value": 9.9, "time": T - timedelta(hours=1), "known_at": T + timedelta(hours=1)}
    yield {**stay, "code": "INPUT//221906", "numeric_value": 0.1, "unit": "mg", "time": T - timedelta(hours=2)}


@pytest.fixture
def run(tmp_path):
    events = [{"known_at": row["time"], **row} for subject in range(N) for row in events_of(subject)]
    frame = pl.DataFrame([{name: row.get(name) for name in EVENT_SCHEMA} for row in events], schema=EVENT_SCHEMA)
    (tmp_path / "store").mkdir()
    write_shard(tmp_path / "store", 0, frame)
    named = pl.when(pl.col("code") == "INPUT//221906").then(pl.lit("Norepinephrine")).alias("description")
    write_metadata(tmp_path / "store", "By hand", "1", frame.select(pl.col("code").unique()).with_columns(named))
    info = {"layout": 1, "fingerprint": "x", "simulated": True, "truth": None, "image_root": None}
    write_json(tmp_path / "store" / "ingest.json", info)
    write_json(tmp_path / "run" / "manifest.json", {"layout": 1})
    settings = RunSettings(tasks=(TASK.id,), systems=("xhaim", LLM_ONLY), shard_size=4)
    return Run(RunDirectory(tmp_path / "run"), Store.open(tmp_path / "store"), settings, (TASK,), Quiet())


@pytest.fixture
def people():
    rows = [
        {
            "sample_id": f"s{subject}", "subject_id": subject, "hadm_id": 100 + subject, "stay_id": 10 + subject,
            "prediction_time": T, "index_study_id": None, "index_image_id": None,
        }
        for subject in range(N + 1)
    ]  # fmt: skip
    labels = pl.DataFrame({"sample_id": [f"s{i}" for i in range(N)], "subject_id": range(N), "label": [0, 1] * 3})
    return People("key", pl.DataFrame(rows, schema=SAMPLE_SCHEMA), pl.DataFrame(), {TASK.id: labels}, {})


@pytest.fixture
def summaries(run, people):
    stage = run.directory.stage("summaries", "s")
    for index, samples in run.shards(people.samples):
        written = [
            Summary(one, TASK.id, "notes", (CitedSentence(f"Note of {one}.", ("c",)),), 5, "extractive")
            for one in samples["sample_id"]
        ]
        write_frame(stage.shard(index), to_frame(written, Summary))
    return stage


def answer(_, user):
    return next((said for i, said in enumerate(SAYS) if f"Note of s{i}." in user), "")


def asking(run, url):
    door = LanguageModelSettings(url=url, model="scripted")
    return Run(run.directory, run.store, run.settings.model_copy(update={"llm": door}), run.tasks, Quiet(), workers=2)


def test_each_labelled_sample_is_asked_once_and_only_what_was_known_is_shown(run, people, summaries):
    known = store_known(run, people)["admissible"]
    with serve(answer) as server:
        asked = asking(run, server.url)
        stage = store_llm_only(asked, people, known, summaries, TASK)
        again = store_llm_only(asked, people, known, summaries, TASK)
    assert len(server.asked) == N
    for place in range(N):
        (user,) = [user for _, user in server.asked if f"Note of s{place}." in user]
        assert TASK.question in user
        assert "Lactate 2.5" in user
        assert "Norepinephrine" in user
        assert "9.9" not in user
    found = stage.frame().sort("sample_id")
    assert found["probability"].to_list() == [0.8, None, 0.1, None, 0.55, None]
    assert [reason is None for reason in found["reason"]] == [True, False] * 3
    assert again.frame().equals(stage.frame())
    (note,) = asked.watch.notes
    assert "answered 3 of 6" in note
    assert "not JSON (1)" in note
    assert "perhaps" not in note


def test_the_unanswered_have_no_score_in_the_predictions(run, people, summaries):
    known = store_known(run, people)["admissible"]
    with serve(answer) as server:
        stage = store_llm_only(asking(run, server.url), people, known, summaries, TASK)
    ids = [f"s{i}" for i in (4, 3, 2, 1, 0, 5)]
    assert np.array_equal(answers(stage, ids), [0.55, np.nan, 0.1, np.nan, 0.8, np.nan], equal_nan=True)
    every = np.arange(N)
    rows = SplitRows(ids, (every % 2).astype(np.int8), every, every[:2], every[2:4], every[4:])
    inputs = Inputs(*[known] * 8, llm_only=stage)
    (frame,) = _by_a_language_model(run, Job(TASK, inputs, stage, 0, rows), every[2:])
    assert frame.select("sample_id", "part", "raw", "risk").rows() == [
        ("s2", "validation", 0.1, 0.1),
        ("s1", "validation", None, None),
        ("s0", "test", 0.8, 0.8),
        ("s5", "test", None, None),
    ]
    assert rows_of_test(frame, TASK.id, LLM_ONLY)["sample_id"].to_list() == ["s0"]


def test_without_a_language_model_it_is_not_among_the_systems_and_says_so(run, people, summaries):
    known = store_known(run, people)["admissible"]
    assert store_llm_only(run, people, known, summaries, TASK) is None
    every = np.arange(N)
    rows = SplitRows([f"s{i}" for i in every], (every % 2).astype(np.int8), every, every[:2], every[2:4], every[4:])
    assert _by_a_language_model(run, Job(TASK, Inputs(*[known] * 8), known, 0, rows), every) == []
    assert "no language model is configured" in run.watch.notes[0]


def test_which_model_is_asked_decides_no_other_systems_key(run, people, summaries):
    known = store_known(run, people)["admissible"]
    without = Inputs(*[known] * 8)
    assert Inputs(*[known] * 8, llm_only=summaries).keys == without.keys
    assert json.dumps(without.keys)
