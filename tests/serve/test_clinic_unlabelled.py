"""Stays without a label: opened, explained, measured and compared, as a patient whom the run has never seen."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from clinic_run import Page, small_run
from made_up_served import PAGE, make_client, token_of

from xhaim.errors import PrerequisiteError
from xhaim.explain.render import to_json
from xhaim.run.apply import fitted
from xhaim.run.learned_from import OTHER
from xhaim.run.set_aside import SetAside
from xhaim.run.single import explain_one
from xhaim.run.watch import Quiet
from xhaim.serve.arrivals.view import Arrived
from xhaim.serve.clinic.enrolled import FAILED, NO_LABEL, people_of, why_unstored
from xhaim.serve.clinic.opened import warm as warm_of
from xhaim.serve.clinic.similar import similar
from xhaim.serve.clinic.space import space_of
from xhaim.serve.clinic.warm import Warm
from xhaim.serve.results import StoredRun
from xhaim.serve.turns import Turns
from xhaim.serve.watched import open_run

TASK = "pleural_effusion"
MADE = "Made on opening, by this server"
JSON = {"accept": "application/json"}


@pytest.fixture(scope="module")
def run():
    return open_run(small_run())


@pytest.fixture(scope="module")
def task(run):
    return run.task(TASK)


@pytest.fixture(scope="module")
def warm(run):
    return Warm(run)


@pytest.fixture(scope="module")
def parts(run):
    return pl.read_parquet(run.root / f"splits/{TASK}/splits.parquet")


@pytest.fixture(scope="module")
def unlabelled(run, parts):
    """Samples without a label, of patients whom no model learned from; and one of a patient in training."""
    rows = run.samples.join(parts, on="sample_id", how="anti").sort("sample_id")

    def of(*names):
        mine = run.samples.join(parts.filter(pl.col("part").is_in(names)), on="sample_id", how="semi")
        return pl.col("subject_id").is_in(mine["subject_id"].to_list())

    new, trained = rows.filter(~of("train", "validation")), rows.filter(of("train"))
    return [run.sample(one) for one in new["sample_id"]], run.sample(trained["sample_id"][0])


@pytest.fixture(scope="module")
def applied(run, tmp_path_factory):
    return fitted(run.root, TASK, tmp_path_factory.mktemp("scratch"), Quiet())


@pytest.fixture(scope="module")
def client(run, tmp_path_factory):
    from xhaim.serve.app import create_app

    return make_client(create_app(run.root, None, f"sqlite:///{tmp_path_factory.mktemp('served') / 'd.sqlite'}"))


@pytest.fixture
def copied(run, tmp_path):
    """A copy of the run that may be spoilt."""
    return open_run(shutil.copytree(run.root, tmp_path / "run"))


def address(sample):
    return f"/patients/{sample.sample_id}/{TASK}"


def sent(client, path, **fields):
    return client.post(path, data={"csrf": token_of(client, client.app), **fields}, headers=JSON)


# ---- one record of what the model reads, made by both ways --------------------------------------------------------


def test_a_labelled_stay_is_read_the_same_by_both_ways(run, warm, task, applied):
    for name in sorted(run.explained(task)):
        sample = run.sample(name)
        one, two = warm.prepared(task, sample), applied.prepared(run.store, sample)
        assert np.array_equal(one.row.values, two.row.values, equal_nan=True)
        for what in ("texts", "names", "blocks"):
            assert getattr(one.row, what) == getattr(two.row, what)
        assert (one.evidence, one.summaries, one.record) == (two.evidence, two.summaries, two.record)
        assert one.prediction() == two.prediction()
        assert one.explained() == two.explained() == run.explanation(task, sample)
        assert warm.explain(task, sample) == explain_one(run.root, TASK, name, Quiet()).explanation


def test_a_stay_that_was_learned_from_is_told_so_in_the_same_words(run, warm, task, parts):
    name = parts.filter(pl.col("part") == "train")["sample_id"].sort()[0]
    told = warm.explain(task, run.sample(name))
    assert told == explain_one(run.root, TASK, name, Quiet()).explanation
    assert told.statements[-1].text.startswith("In every split of this run the stay is in the train part")


def test_an_unlabelled_stay_is_told_what_a_patient_never_seen_would_be(run, warm, task, unlabelled, applied):
    for sample in unlabelled[0][:2]:
        told = applied.apply(run.store, sample)
        assert to_json(warm.explain(task, sample)) == to_json(told.explanation)
        assert warm.prepared(task, sample).prediction() == told.prediction
        assert not any("learned from it" in one.text for one in told.explanation.statements)
        assert warm.made(task, sample).summaries == list(told.summaries.values())


def test_a_patient_who_was_learned_from_in_every_split_is_told_so(warm, task, unlabelled):
    said = [one.text for one in warm.explain(task, unlabelled[1]).statements if one.role == "limits"]
    assert f"In split 0 of this run {OTHER} is in the train part" in said[-1]


def test_of_several_splits_the_first_that_did_not_learn_from_the_person_is_asked(copied, task, unlabelled):
    sample = unlabelled[1]
    models = copied.root / f"models/{TASK}"
    shutil.copytree(models / "split-0", models / "split-1")
    shutil.copy(models / "split-0.parquet", models / "split-1.parquet")
    path = copied.root / f"splits/{TASK}/splits.parquet"
    first = pl.read_parquet(path)
    theirs = copied.samples.filter(pl.col("subject_id") == sample.subject_id)["sample_id"].to_list()
    tested = pl.when(pl.col("sample_id").is_in(theirs)).then(pl.lit("test")).otherwise(pl.col("part")).alias("part")
    second = first.with_columns(tested, split=pl.lit(1, first.schema["split"]))
    pl.concat([first, second]).write_parquet(path)
    warm = Warm(open_run(copied.root))
    assert warm.prepared(task, sample).split == 1
    assert not any("learned from it" in one.text for one in warm.explain(task, sample).statements)


def test_evidence_of_an_unlabelled_stay_is_taken_out_as_it_was_measured(warm, task, unlabelled):
    checked = 0
    for sample in unlabelled[0][:3]:
        told = warm.explain(task, sample)
        for one in told.citations:
            if one.effect is not None:
                before, after = warm.without(task, sample, told, {one.marker})
                assert before == told.risk
                assert before - after == pytest.approx(one.effect, abs=1e-6)
                checked += 1
    assert checked > 2


def test_the_risk_over_an_unlabelled_stay_ends_at_its_risk_and_its_parts_sum_to_it(warm, task, unlabelled):
    several = 0
    for sample in unlabelled[0][:3]:
        steps, threshold = warm.stay(task, sample)
        mine = warm.prepared(task, sample)
        assert steps[-1].time == sample.prediction_time
        assert steps[-1].risk == pytest.approx(mine.prediction().risk, abs=1e-9)
        assert threshold == mine.model.facts.operating_point.threshold
        for before, now in pairwise(steps):
            assert sum(value for _, value in now.moved) == pytest.approx(now.risk - before.risk, abs=1e-12)
        several += len(steps) > 2
    assert several


def test_any_stay_lies_where_its_stored_numbers_lie_among_training_stays(run, warm, task, unlabelled):
    space = space_of(run, task, 0)
    for name in sorted(run.explained(task)):
        sample = run.sample(name)
        stored, made = space.stored(name), space.of(warm.prepared(task, sample).row, sample.subject_id)
        assert stored.person == made.person
        assert stored.blocks.keys() == made.blocks.keys()
        for block, values in stored.blocks.items():
            assert np.allclose(values, made.blocks[block], atol=1e-6)
    sample = unlabelled[1]
    found = similar(run, space, space.of(warm.prepared(task, sample).row, sample.subject_id))
    train = {one for one, held in zip(space.ids, space.train, strict=True) if held}
    theirs = set(run.samples.filter(pl.col("subject_id") == sample.subject_id)["sample_id"]) & train
    assert theirs
    assert found.among == len(train - theirs)
    assert {one.sample_id for one in found.neighbours} <= train - theirs


def test_many_who_ask_at_once_are_told_what_each_would_be_told_alone(run, warm, task, unlabelled):
    samples = [*unlabelled[0][:2], run.sample(min(run.explained(task)))]
    alone = [(warm.explain(task, one), warm.stay(task, one)) for one in samples]
    fresh = Warm(run)
    with ThreadPoolExecutor(6) as pool:
        told, stays = ([pool.submit(ask, task, one) for one in samples] for ask in (fresh.explain, fresh.stay))
        assert [(one.result(), two.result()) for one, two in zip(told, stays, strict=True)] == alone


def test_a_run_that_knows_its_samples_better_is_asked_first(run, task, unlabelled, applied):
    mine, other = unlabelled[0][:2]

    class View(StoredRun):
        def prepared(self, _, sample):
            return applied.prepared(run.store, replace(sample, index_image_id=None)) if sample == mine else None

    view = View(
        **{name: getattr(run, name) for name in ("root", "manifest", "store", "store_fault", "tasks", "samples")}
    )
    asked = Warm(view)
    assert asked.prepared(task, mine).sample.index_image_id is None
    assert asked.prepared(task, other).sample == other


# ---- pages --------------------------------------------------------------------------------------------------------


def test_an_unlabelled_stay_is_opened_and_explained_and_nothing_is_stored(run, task, unlabelled, client):
    sample = unlabelled[0][0]
    before = {path: path.stat().st_mtime_ns for path in run.root.rglob("*") if path.is_file()}
    page = Page(client.get(address(sample), headers=PAGE).text)
    assert f"No risk: none of this stay is stored, since {NO_LABEL}." in page.words
    assert page.of("form", action=f"{address(sample)}/explain")
    assert MADE not in page.words
    assert sent(client, f"{address(sample)}/explain").json() == {"done": True}
    page = Page(client.get(address(sample), headers=PAGE).text)
    assert f"{MADE}: the run stores none, since {NO_LABEL}." in page.words
    assert f"{MADE}: the run stores no explanation of this stay." in page.words
    mine = Warm(run).prepared(task, sample)
    read = [one for item in mine.evidence.values() for one in item.chunks]
    ids = {name.rsplit(":", 1)[0] for one in read for name in (one.chunk.chunk_id, *one.also_in)}
    assert ids
    assert page.words.count("known, not retrieved") == len({one.doc_id for one in mine.record.documents} - ids)
    summaries = [one for item in mine.summaries.values() for one in item.sentences]
    assert summaries
    assert all(" ".join(one.text.split()) in " ".join(page.words.split()) for one in summaries)
    marker = page.of("input", name="out")[0]["value"]
    assert sent(client, f"{address(sample)}/without", out=marker).json()["words"].startswith(f"Without [{marker}]")
    assert MADE in Page(client.get(f"{address(sample)}/stay", headers=PAGE).text).words
    alike = Page(client.get(f"{address(sample)}/similar", headers=PAGE).text).words
    assert "nearest had it" in alike
    assert f"{MADE}: the run stores no numbers of this stay." in alike
    assert client.get(f"/api/v1/samples/{sample.sample_id}/tasks/{TASK}/prediction").status_code == 404
    assert {path: path.stat().st_mtime_ns for path in run.root.rglob("*") if path.is_file()} == before


def test_what_is_stored_is_never_said_to_be_made_on_opening(run, task, client):
    sample = run.sample(min(run.explained(task)))
    assert MADE not in client.get(address(sample), headers=PAGE).text
    assert MADE not in client.get(f"{address(sample)}/similar", headers=PAGE).text


def test_stays_without_a_stored_risk_are_listed_with_a_link(run, parts, client):
    page = Page(client.get("/?side=unstored", headers=PAGE).text)
    stored = set(run.predictions["sample_id"])
    listed = {one["href"].split("/")[2] for one in page.of("a") if (one["href"] or "").startswith("/patients/")}
    assert listed == set(run.samples["sample_id"]) - stored
    assert listed & set(parts["sample_id"])  # of training
    assert page.words.count("not stored") == len(listed)
    assert Page(client.get("/", headers=PAGE).text).of("a", href=f"/?task={TASK}&side=unstored")


def test_who_asks_the_model_too_often_is_told_to_wait(run, unlabelled, client, monkeypatch):
    monkeypatch.setattr(client.app.state, "turns", Turns(per_minute=1), raising=False)
    one, two = map(address, unlabelled[0][1:3])
    assert client.get(f"{one}/stay", headers=PAGE).status_code == 200
    for path in (f"{one}/stay", f"{two}/similar"):
        refused = client.get(path, headers=PAGE)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "10")
        assert "try again in a minute" in Page(refused.text).words
    refused = sent(client, f"{two}/explain")
    assert refused.status_code == 429
    assert "try again in a minute" in refused.json()["error"]
    labelled = run.sample(min(run.explained(run.task(TASK))))  # stored: no model is asked
    assert client.get(f"{address(labelled)}/similar", headers=PAGE).status_code == 200
    assert sent(client, f"{address(labelled)}/explain").status_code == 200


# ---- a run that is not as it was ----------------------------------------------------------------------------------


def test_while_the_run_is_replaced_nothing_is_told_of_it(copied, task, unlabelled):
    sample, manifest = unlabelled[0][0], copied.root / "manifest.json"
    warm, was = Warm(copied), manifest.read_text()
    manifest.write_text(json.dumps(json.loads(was) | {"settings_hash": "another"}))
    for ask in (warm.explain, warm.stay, warm.prepared):
        with pytest.raises(PrerequisiteError, match="replaced"):
            ask(task, sample)
    assert warm.made(task, sample) is None
    manifest.unlink()
    shutil.rmtree(copied.root / f"models/{TASK}/split-0/xhaim")
    with pytest.raises(PrerequisiteError, match="being written"):
        Warm(copied).explain(task, sample)
    manifest.write_text(was)
    shutil.copytree(small_run() / f"models/{TASK}/split-0/xhaim", copied.root / f"models/{TASK}/split-0/xhaim")
    assert warm.explain(task, sample).risk is not None


def test_a_stay_that_a_step_failed_on_is_shown_and_not_asked(copied, task, parts, tmp_path):
    from xhaim.run.directory import Stage
    from xhaim.serve.app import create_app

    name = min(set(parts.filter(pl.col("part") == "test")["sample_id"]) - copied.explained(task))
    SetAside({name: "a place in the code"}).write(Stage(copied.root / f"evidence/{TASK}", ""), 0)
    people = people_of(copied)
    assert name not in people.splits[TASK]["sample_id"]
    assert name not in people.labels[TASK]["sample_id"]
    assert people.labels[TASK].height == parts.height - 1
    stored = copied.root / f"models/{TASK}/split-0.parquet"
    pl.read_parquet(stored).filter(pl.col("sample_id") != name).write_parquet(stored)
    sample = copied.sample(name)
    assert why_unstored(open_run(copied.root), task, sample) == FAILED
    client = make_client(create_app(copied.root, None, f"sqlite:///{tmp_path / 'd.sqlite'}"))
    page = Page(client.get(address(sample), headers=PAGE).text)
    assert f"none can be made now: {FAILED}" in page.words
    assert not page.of("form", action=f"{address(sample)}/explain")


def test_models_stay_while_patients_who_arrived_are_looked_at_and_go_with_their_run(run):
    now = [run]
    state = SimpleNamespace(watched=SimpleNamespace(now=lambda: now[0]), warm=[])
    request = SimpleNamespace(app=SimpleNamespace(state=state))

    def asked(of):
        return warm_of(request, SimpleNamespace(run=of))

    fields = ("root", "manifest", "store", "store_fault", "tasks", "samples")
    views = [Arrived(**{name: getattr(run, name) for name in fields}, base=run) for _ in range(20)]
    own = asked(run)
    assert asked(views[0]) is asked(views[0])
    assert all(asked(one).run is one for one in views)
    assert asked(run) is own
    assert asked(views[-1]).run is views[-1]
    assert len(state.warm) < 12
    now[0] = open_run(run.root)
    assert asked(now[0]) is not own
    assert [one.run for one in state.warm] == [now[0]]
