"""Jobs shared among processes: what a poisoned record, a killed process and a missing package cost."""

from __future__ import annotations

import shutil
import sys
from types import SimpleNamespace

import engine_jobs
import polars as pl
import pytest
from tiny_run import artefacts, empty_run, tiny_encoder, tiny_settings, tiny_store

from xhaim.cli import main
from xhaim.errors import BackendError, DataError, PrerequisiteError, XhaimError
from xhaim.llm.limits import StoppedError
from xhaim.ports import silent
from xhaim.run import engines, on_ray, words
from xhaim.run.context import Run
from xhaim.run.known import store_known
from xhaim.run.nodes import Terms
from xhaim.run.parallel import close_engines, each_shard, share
from xhaim.run.people import People, gather
from xhaim.run.pipeline import begin
from xhaim.run.reporting import attrition
from xhaim.run.set_aside import SetAside, read_set_aside, without
from xhaim.run.vectors import embed_documents
from xhaim.run.watch import Quiet
from xhaim.run.words import find_evidence, summarize

TASK = SimpleNamespace(id="t", title="Effusion")


@pytest.fixture(autouse=True, scope="module")
def _ended():
    """One pool for all: to start processes is what these tests cost."""
    yield
    close_engines()


@pytest.mark.parametrize("workers", [1, 2])
def test_all_jobs_are_done_and_their_notes_said_in_order(tmp_path, workers):
    run = empty_run(tmp_path, workers=workers)
    told = []
    share(run, engine_jobs.mark, range(6), lambda done, total: told.append((done, total)))
    assert engine_jobs.marked(run) == set(range(6))
    assert run.watch.notes == [f"job {n}" for n in range(6)]
    assert told == [(n, 6) for n in range(7)]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_poisoned_job_costs_itself_alone_and_is_counted_without_its_text(tmp_path, workers):
    run = empty_run(tmp_path, workers=workers)
    with pytest.raises(DataError, match=r"2 parts of this stage failed[\s\S]*ValueError") as caught:
        share(run, engine_jobs.poisoned, range(7), silent)
    assert engine_jobs.marked(run) == {0, 1, 3, 4, 6}
    assert engine_jobs.SECRET not in f"{caught.value} {caught.value.__cause__}"
    assert "engine_jobs.py" in str(caught.value.__cause__)  # for who mends it


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(
    ("work", "kind"),
    [
        (engine_jobs.missing, PrerequisiteError),
        (engine_jobs.stopped, XhaimError),
        (engine_jobs.unusable, BackendError),
    ],
)
def test_a_fault_that_the_user_can_mend_ends_the_stage_with_all_its_words(tmp_path, work, kind, workers):
    run = empty_run(tmp_path, workers=workers)
    with pytest.raises(kind) as caught:
        share(run, work, range(4), silent)
    with pytest.raises(XhaimError) as direct:
        work(run, 0)
    assert str(caught.value) == str(direct.value)
    assert (caught.value.what, caught.value.do) == (direct.value.what, direct.value.do)


def test_where_one_process_asks_a_model_its_own_kind_of_error_comes_through(tmp_path):
    with pytest.raises(StoppedError):
        share(empty_run(tmp_path, workers=2).alone, engine_jobs.stopped, range(4), silent)


def test_a_killed_process_costs_nothing(tmp_path):
    run = empty_run(tmp_path, workers=2)
    share(run, engine_jobs.unlucky, range(8), silent)
    assert (run.directory.root / "killed").exists()
    assert engine_jobs.marked(run) == set(range(8))
    assert run.watch.notes == [f"job {n}" for n in range(8)]


def test_a_job_that_is_killed_every_time_ends_the_stage_after_the_others(tmp_path, monkeypatch):
    monkeypatch.setattr(engines, "TRIES", 0)
    run = empty_run(tmp_path, workers=2)
    with pytest.raises(BackendError, match=r"killed[\s\S]*--workers 1"):
        share(run, engine_jobs.too_big, range(30), silent)
    assert engine_jobs.marked(run) == set(range(30)) - {1}
    assert len((run.directory.root / "tries").read_text()) < 9  # put behind the others, not tried before each of them


def test_what_is_written_elsewhere_is_missed(tmp_path, monkeypatch):
    run = empty_run(tmp_path)
    stage = run.directory.stage("step", "key")
    shards = [(0, pl.DataFrame({"a": [1]})), (1, pl.DataFrame({"a": [2]}))]
    assert each_shard(run, stage, shards, _same, silent).frame()["a"].to_list() == [1, 2]
    stage.shard(1).unlink()
    monkeypatch.setattr("xhaim.run.parallel.write_frame", lambda path, frame: None)
    with pytest.raises(PrerequisiteError, match=r"1 files of .* not seen here[\s\S]*all nodes share"):
        each_shard(run, stage, shards, _same, silent)


def _same(run: Run, index: int, samples: pl.DataFrame) -> pl.DataFrame:
    return samples


def people(n: int) -> People:
    ids = [f"s{i:03d}" for i in range(n)]
    labels = pl.DataFrame({"sample_id": ids, "subject_id": range(n), "label": [i % 2 for i in range(n)]})
    rows = [
        (None, "sample", "all stays", n + 5),
        (None, "sample", "no image", 5),
        ("t", "label", "labelled samples", n),
        ("t", "label", "of them positive", n // 2),
        ("u", "label", "labelled samples", n),
        ("u", "label", "of them positive", n // 2),
    ]
    lost = pl.DataFrame(rows, schema=["task_id", "stage", "reason", "n"], orient="row")
    splits = labels.select("sample_id").with_columns(split=0, part=pl.lit("train"))
    return People("key", labels, lost, {"t": labels, "u": labels}, {"t": splits, "u": splits})


def set_aside(run: Run, n: int):
    stage = run.directory.stage("evidence/t", "key")
    aside = SetAside()
    for i in range(n):
        with aside.trying(f"s{i:03d}"):
            raise RecursionError(engine_jobs.SECRET)
    aside.write(stage, 0)
    return stage


def test_who_is_set_aside_is_unlabelled_for_that_task_alone_and_counted(tmp_path):
    run, before = empty_run(tmp_path), people(60)
    stage = set_aside(run, 3)
    assert read_set_aside(stage)["sample_id"].to_list() == ["s000", "s001", "s002"]
    after = without(run, before, TASK, "1 retrieve", stage)
    assert after.labels["t"]["sample_id"].to_list() == [f"s{i:03d}" for i in range(3, 60)]
    assert after.splits["t"]["sample_id"].to_list() == after.labels["t"]["sample_id"].to_list()
    assert after.labels["u"].equals(before.labels["u"])
    assert after.samples.equals(before.samples)  # shards stay as they were cut
    table = attrition(after, ["t", "u"]).filter(pl.col("task_id") == "t").select("step", "n").rows()
    assert table == [("sample", 65), ("sample", 5), ("1 retrieve", 3), ("label", 57)]
    assert attrition(after, ["u"])["n"].to_list() == [65, 5, 60]
    assert "3 of 60 samples set aside, since they failed: RecursionError" in run.watch.notes[0]
    assert engine_jobs.SECRET not in run.watch.notes[0]
    positive = after.attrition.filter((pl.col("task_id") == "t") & (pl.col("reason") == "of them positive"))
    assert positive["n"].to_list() == [29]


@pytest.mark.parametrize(("n", "failed", "refused"), [(60, 4, True), (60, 3, False), (5, 1, False), (5, 2, True)])
def test_where_too_many_fail_it_is_not_the_records(tmp_path, n, failed, refused):
    run = empty_run(tmp_path)
    stage = set_aside(run, failed)
    if refused:
        with pytest.raises(DataError, match=f"{failed} of {n} samples could not be handled"):
            without(run, people(n), TASK, "1 retrieve", stage)
    else:
        assert without(run, people(n), TASK, "1 retrieve", stage).labels["t"].height == n - failed


@pytest.mark.parametrize("error", [OSError("disk"), MemoryError(), DataError("no"), KeyboardInterrupt()])
def test_what_is_no_fault_of_a_record_is_not_set_aside(error):
    with pytest.raises(type(error)), SetAside().trying("s"):
        raise error


def test_nobody_set_aside_changes_nothing(tmp_path):
    run, before = empty_run(tmp_path), people(9)
    assert without(run, before, TASK, "1 retrieve", set_aside(run, 0)) is before


def test_a_record_that_steps_1_and_2_cannot_handle_is_set_aside_and_the_rest_is_as_without_it(tmp_path, monkeypatch):
    store = tiny_store(tmp_path, stays=50)
    settings = tiny_settings(tiny_encoder(tmp_path / "encoder"), shard_size=16)

    def steps(out, bad_1, bad_2):
        run = begin(store, settings, out, Quiet(), workers=1)
        everyone, task = gather(run), run.tasks[0]
        known = store_known(run, everyone)
        embeddings = embed_documents(run, everyone, known)
        retrieve, write = words.evidence_of, words.extractive
        monkeypatch.setattr(words, "evidence_of", lambda r, t, s, *a: _fail(s == bad_1) or retrieve(r, t, s, *a))
        monkeypatch.setattr(words, "extractive", lambda e, *a: _fail(e.sample_id == bad_2) or write(e, *a))
        evidence = find_evidence(run, everyone, known[run.policy(task)], embeddings, task)
        left = without(run, everyone, task, "1 retrieve", evidence)
        summaries = summarize(run, left, evidence, task)
        monkeypatch.undo()
        return evidence, summaries, without(run, left, task, "2 summarize", summaries), task

    evidence, summaries, everyone, task = steps(tmp_path / "whole", None, None)
    first, second = everyone.labels[task.id]["sample_id"].sort().to_list()[:2]
    shutil.copytree(tmp_path / "whole", tmp_path / "some", ignore=shutil.ignore_patterns("evidence", "summaries"))
    some_evidence, some_summaries, left, _ = steps(tmp_path / "some", first, second)
    assert some_evidence.frame().equals(evidence.frame().filter(pl.col("sample_id") != first))
    assert some_summaries.frame().equals(summaries.frame().filter(~pl.col("sample_id").is_in([first, second])))
    assert read_set_aside(some_evidence)["sample_id"].to_list() == [first]
    assert read_set_aside(some_summaries)["sample_id"].to_list() == [second]
    assert left.labels[task.id].height == everyone.labels[task.id].height - 2


def _fail(now: bool) -> None:
    if now:
        raise ZeroDivisionError(engine_jobs.SECRET)


def test_the_command_line_says_what_to_install_where_ray_is_not(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(on_ray.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(sys, "argv", ["xhaim", "run", "store", "--out", str(tmp_path / "run"), "--engine", "ray"])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 2
    assert "pip install 'xhaim[ray]'" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_another_engine_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["xhaim", "run", "store", "--out", str(tmp_path / "run"), "--engine", "spark"])
    with pytest.raises(SystemExit):
        main()
    assert "expected: local or ray" in capsys.readouterr().err


def test_a_node_must_see_the_run_and_be_of_the_same_kind(tmp_path):
    run = empty_run(tmp_path)
    terms = Terms.of(run)
    terms.check()
    (tmp_path / "elsewhere").mkdir()
    for other, words_ in (
        ({"root": tmp_path / "elsewhere"}, "does not see the run directory"),
        ({"manifest": "0" * 64}, "does not see the run directory"),  # another run at the same path
        ({"folders": (tmp_path / "nowhere",)}, "nowhere"),
        ({"code": "other"}, "another code"),
        ({"kind": "other"}, "another kind of node"),
    ):
        with pytest.raises(PrerequisiteError, match=words_):
            Terms(**{name: getattr(terms, name) for name in terms.__slots__} | other).check()
    assert artefacts(run.directory.root)
