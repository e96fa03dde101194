"""The clinic's pages over a real run of simulated patients, its model asked again."""

from __future__ import annotations

import io
import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from clinic_run import Page, small_run
from made_up_served import PAGE, make_client, token_of
from PIL import Image

from xhaim.run.directory import code_hash
from xhaim.serve.clinic import warm as warm_module
from xhaim.serve.clinic.similar import similar
from xhaim.serve.clinic.space import space_of, split_for
from xhaim.serve.clinic.unseen import unseen
from xhaim.serve.clinic.warm import Warm
from xhaim.serve.watched import open_run

TASK = "pleural_effusion"


@pytest.fixture(scope="module")
def root() -> Path:
    return small_run()


@pytest.fixture(scope="module")
def run(root):
    return open_run(root)


@pytest.fixture(scope="module")
def warm(run):
    return Warm(run)


@pytest.fixture(scope="module")
def task(run):
    return run.task(TASK)


@pytest.fixture(scope="module")
def explained(run, task):
    return [run.sample(one) for one in sorted(run.explained(task))]


@pytest.fixture(scope="module")
def client(root, tmp_path_factory):
    from xhaim.serve.app import create_app

    return make_client(create_app(root, None, f"sqlite:///{tmp_path_factory.mktemp('served') / 'd.sqlite'}"))


def unexplained(run, task):
    mine = run.predictions.filter((pl.col("part") == "test") & ~pl.col("sample_id").is_in(list(run.explained(task))))
    return run.sample(mine["sample_id"][0])


def test_evidence_taken_out_again_changes_the_risk_as_it_is_told(run, warm, task, explained):
    checked = 0
    for sample in explained:
        told = run.explanation(task, sample)
        for one in told.citations:
            if one.effect is None:
                continue
            before, after = warm.without(task, sample, told, {one.marker})
            assert before == told.risk
            assert before - after == pytest.approx(one.effect, abs=1e-6)
            checked += 1
    assert checked > 2


def test_the_risk_over_a_stay_ends_at_the_prediction_and_its_parts_sum_to_it(run, warm, task, explained):
    for sample in explained:
        steps, _ = warm.stay(task, sample)
        assert steps[-1].time == sample.prediction_time
        assert steps[-1].risk == pytest.approx(run.explanation(task, sample).risk, abs=1e-9)
        assert [one.time for one in steps] == sorted({one.time for one in steps})
        for before, now in pairwise(steps):
            assert sum(value for _, value in now.moved) == pytest.approx(now.risk - before.risk, abs=1e-12)


def test_what_comes_later_is_no_input_of_an_earlier_time(warm, task, explained):
    from xhaim.serve.clinic.stay_inputs import before_time, states_of

    for sample in explained:
        mine = warm.prepared(task, sample)
        times = [one.time for one in warm.stay(task, sample)[0]]
        half, whole, row = times[len(times) // 2], mine.known.events, mine.row
        late = pl.col("known_at") >= half
        other = [
            pl.when(late).then(pl.col("numeric_value") * 1.5).otherwise(pl.col("numeric_value")).alias("numeric_value"),
            pl.when(late).then(pl.lit("A large pleural effusion.")).otherwise(pl.col("text_value")).alias("text_value"),
        ]
        plain, changed = (
            states_of(mine, {time: before_time(events, sample, time) for time in times})
            for events in (whole, whole.with_columns(other))
        )
        for time, one, two in zip(times, plain, changed, strict=True):
            if time <= half:
                assert one.texts == two.texts
                assert np.array_equal(one.values, two.values, equal_nan=True)
        assert not np.array_equal(plain[-1].values, changed[-1].values, equal_nan=True)
        assert np.array_equal(plain[-1].values, row.values[0], equal_nan=True)


def test_a_stay_is_explained_when_it_is_opened_as_the_command_line_would(run, task, client, root):
    from xhaim.run.single import explain_one
    from xhaim.run.watch import Quiet

    sample = unexplained(run, task)
    address = f"/patients/{sample.sample_id}/{TASK}"
    assert "is made from the record in a few seconds" in client.get(address, headers=PAGE).text
    token = token_of(client, client.app)
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*") if path.is_file()}
    assert client.post(f"{address}/explain", data={"csrf": token}, headers=PAGE).status_code == 303
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*") if path.is_file()} == before
    page = Page(client.get(address, headers=PAGE).text)
    assert page.of("input", name="out")
    marker = page.of("input", name="out")[0]["value"]
    answer = client.post(
        f"{address}/without", data={"csrf": token, "out": marker}, headers={"accept": "application/json"}
    )
    assert answer.json()["words"].startswith(f"Without [{marker}] the risk")
    plain = client.post(f"{address}/without", data={"csrf": token, "out": [marker, "9999"]}, headers=PAGE)
    assert f"Without [{marker}] the risk" in Page(plain.text).words
    told = explain_one(root, TASK, sample.sample_id, Quiet()).explanation
    assert told.citations
    assert all(one.quote in page.words for one in told.citations if one.kind == "measurement")


def test_other_code_is_never_asked(run, task, explained, client, monkeypatch):
    monkeypatch.setattr(warm_module, "code_hash", lambda: "other")
    assert run.manifest["code"] == code_hash()
    address = f"/patients/{explained[0].sample_id}/{TASK}"
    page = Page(client.get(address, headers=PAGE).text)
    assert "made by another version of xHAIM" in page.words
    assert page.of("a", **{"class": "c"})
    assert not page.of("input", name="out")
    assert "another version" in client.get(f"{address}/stay", headers=PAGE).text
    assert Page(client.get(f"{address}/similar", headers=PAGE).text).words.count("nearest had it") == 1


def test_an_image_is_the_store_s_pixels_and_of_this_record_alone(run, task, explained, client):
    sample = explained[0]
    images = run.record(task, sample).images
    address = f"/patients/{sample.sample_id}/{TASK}/images"
    for number in (0, len(images) - 1):
        answer = client.get(f"{address}/{number}")
        assert answer.headers["content-type"] == "image/png"
        shown = np.asarray(Image.open(io.BytesIO(answer.content)))
        assert (shown == run.store.image(images[number].path)).all()
    for bad in (len(images), -1, 10**30, "x", "..%2f..%2fsecret"):
        assert client.get(f"{address}/{bad}").status_code in {404, 422}


def test_what_the_model_did_not_see_is_listed_with_the_reason(run, task, explained):
    whys = []
    for sample in explained:
        record = run.record(task, sample)
        left = unseen(run, task, sample, record)
        notes = run.store.events([sample.subject_id]).filter(pl.col("code").str.starts_with("NOTE")).collect()
        assert len(left) + len(record.documents) == notes.height
        whys += [one.why for one in left]
        for one in left:
            if one.why == "written or known only after the prediction":
                known = notes.filter(pl.col("text_value") == one.text)["known_at"].max()
                assert known >= sample.prediction_time
    assert "report of the index study" in whys


def test_similar_patients_are_of_training_and_never_the_same_person(run, task, explained):
    for sample in explained:
        split = split_for(run, task, sample)
        space = space_of(run, task, split)
        found = similar(run, space, space.stored(sample.sample_id))
        parts = dict(
            pl.read_parquet(run.root / f"splits/{TASK}/splits.parquet").select("sample_id", "part").iter_rows()
        )
        assert {parts[one.sample_id] for one in found.neighbours} == {"train"}
        assert sample.subject_id not in {one.subject_id for one in found.neighbours}
        distances = [one.distance for one in found.neighbours]
        assert distances == sorted(distances)
        rows = [
            row
            for row in range(len(space.ids))
            if space.train[row] and space.persons[row] != space.persons[space.place[sample.sample_id]]
        ]
        me = {name: values[space.place[sample.sample_id]] for name, values in space.blocks.items()}
        plain = min(
            np.sqrt(np.mean([np.mean((values[row] - me[name]) ** 2) for name, values in space.blocks.items()]))
            for row in rows
        )
        assert distances[0] == pytest.approx(plain, rel=1e-5)


def test_the_cohort_page_holds_the_report_s_own_figures(run, root, client):
    answer = client.get("/cohort", headers=PAGE)
    assert answer.status_code == 200
    assert json.loads((root / "manifest.json").read_text())["simulated"]
    assert "Drift: Pleural effusion" in answer.text
    assert "<svg" in answer.text
