"""``xhaim evaluate`` around its runs: what it refuses, plans and writes. No model is fitted here."""

from __future__ import annotations

import json

import polars as pl
import pytest
from made_up_experiments import make_artefacts, make_experiments

import xhaim.cli.evaluate  # noqa: F401  (its verb enters the application)
from xhaim.cli.app import main
from xhaim.config import RunSettings
from xhaim.errors import DataError, TaskError
from xhaim.run.evaluation import Wanted, check_wanted, plan_evaluation, runs_of
from xhaim.run.evaluation_files import FORMATS, write_evaluation
from xhaim.run.experiments import groups_of


@pytest.fixture(scope="module")
def facts():
    return make_artefacts(make_experiments(policies=("index_included",)), resamples=20)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    from xhaim.source.mimic_iv import MimicIV
    from xhaim.source.simulate import simulate

    root = tmp_path_factory.mktemp("evaluate")
    simulate(root / "files", stays=5, seed=1)
    MimicIV().ingest(root / "files", root / "store")
    return root / "store"


def settings(*tasks):
    return RunSettings(tasks=tasks or ("pneumonia", "los_48h"))


def test_one_run_for_each_policy_and_outcome_tasks_once():
    wanted = Wanted(policies=("prior_only", "none", "index_included"))
    runs = runs_of(settings(), wanted)
    assert [(name, mine.tasks, mine.report_policy) for name, mine in runs] == [
        ("prior_only", ("pneumonia", "los_48h"), "prior_only"),
        ("none", ("pneumonia",), "none"),
        ("LEAKY-index_included", ("pneumonia",), "index_included"),
    ]
    assert [name for name, _ in runs_of(settings("los_48h"), wanted)] == ["prior_only"]
    assert runs_of(settings(), Wanted()) == [("own_policy", settings())]


def test_names_that_are_none_are_refused_with_the_likeliest():
    assert check_wanted([], []) == ((), FORMATS)
    assert check_wanted(["none", "none"], ["md"]) == (("none",), ("md",))
    with pytest.raises(TaskError, match="did you mean 'prior_only'"):
        check_wanted(["prior_onyl"], [])
    with pytest.raises(TaskError, match="no report policy 'admissible'"):
        check_wanted(["admissible"], [])
    with pytest.raises(DataError, match="did you mean 'latex'"):
        check_wanted([], ["latx"])


def test_a_folder_that_holds_something_else_is_refused(tmp_path, store):
    (tmp_path / "precious.txt").write_text("mine")
    with pytest.raises(DataError, match="something else than an evaluation"):
        plan_evaluation(store, settings(), tmp_path, Wanted())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["precious.txt"]


def test_a_dry_run_says_every_run_and_does_nothing(monkeypatch, capsys, tmp_path, store):
    new = tmp_path / "new"
    options = (
        "--tasks pneumonia,los_48h --policies prior_only,none --systems haim --formats md --splits 2 --dry-run --json"
    )
    arguments = ["evaluate", str(store), "--out", str(new), *options.split()]
    monkeypatch.setattr("sys.argv", ["xhaim", *arguments])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 0
    said = json.loads(capsys.readouterr().out)
    assert list(said["runs"]) == ["prior_only", "none"]
    assert said["runs"]["none"]["tasks"] == {"pneumonia": "none"}
    assert said["runs"]["prior_only"]["models"] == ["xhaim", "haim"]
    assert said["runs"]["prior_only"]["splits"] == 2
    assert not new.exists()


@pytest.mark.parametrize(
    ("option", "value", "hint"),
    [
        ("--systems", "xhiam", "xhaim"),
        ("--policies", "nonee", "none"),
        ("--formats", "mdd", "md"),
        ("--tasks", "pneumona", "pneumonia"),
    ],
)
def test_a_wrong_name_on_the_command_line_is_told_without_a_traceback(
    monkeypatch, capsys, tmp_path, store, option, value, hint
):
    arguments = ["xhaim", "evaluate", str(store), "--out", str(tmp_path / "x"), option, value, "--json"]
    monkeypatch.setattr("sys.argv", arguments)
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 2
    assert f"did you mean '{hint}'" in json.loads(capsys.readouterr().out)["expected"]
    assert not (tmp_path / "x").exists()


def test_everything_is_written_and_a_second_time_with_the_same_bytes(facts, tmp_path):
    said = write_evaluation(tmp_path / "evaluation", facts, FORMATS)
    first = {path: path.read_bytes() for path in sorted((tmp_path / "evaluation").rglob("*")) if path.is_file()}
    names = {str(path.relative_to(tmp_path / "evaluation")) for path in first}
    assert names == {*said["files"], "evaluation.json"}
    for key in facts.tables:
        assert {f"tables/{key}.{suffix}" for suffix in ("md", "tex", "parquet")} <= names
    assert {"evaluation.html", "model-card.md", "tripod-ai.md"} <= names
    assert "figures/reliability-pleural_effusion-index_included.svg" in names
    assert "figures/reliability-mortality_48h-admissible.svg" not in names  # nobody was predicted
    write_evaluation(tmp_path / "evaluation", facts, FORMATS)
    assert {path: path.read_bytes() for path in first} == first


def test_what_was_written_holds_the_numbers_of_the_tables(facts, tmp_path):
    write_evaluation(tmp_path / "e", facts, ("parquet",))
    frame = pl.read_parquet(tmp_path / "e" / "tables" / "performance.parquet")
    row = facts.tables["performance"].rows[0]
    assert frame["auc"][0] == row["auc"].mean
    assert frame["simulated"].all()
    assert frame.filter(pl.col("leaky"))["policy"].unique().to_list() == ["index_included"]
    said = json.loads((tmp_path / "e" / "evaluation.json").read_text())
    assert (said["simulated"], said["leaky"]) == (True, True)
    assert said["tables"]["performance"][0]["auc"] == row["auc"].mean
    assert not list((tmp_path / "e").rglob("*.tex"))
    assert not (tmp_path / "e" / "evaluation.html").exists()


def test_an_evaluation_takes_the_place_of_an_earlier_one(facts, tmp_path):
    (tmp_path / "e" / "tables").mkdir(parents=True)
    (tmp_path / "e" / "tables" / "performance.parquet").write_bytes(b"of before")
    write_evaluation(tmp_path / "e", facts, ("md",))
    assert not list((tmp_path / "e").rglob("*.parquet"))
    assert [path.name for path in tmp_path.iterdir()] == ["e"]


def test_groups_are_read_of_what_was_known(tmp_path, events):
    from xhaim.run.directory import Stage

    rows = events(
        {"code": "MEDS_BIRTH", "time": "2080-01-01"},
        {"code": "GENDER//F"},
        {"code": "RACE//WHITE - RUSSIAN"},
        {"code": "LANGUAGE//?"},
        {"code": "HOSPITAL_ADMISSION//URGENT", "time": "2150-01-01"},
        {"code": "INSURANCE//Medicare", "time": "2150-01-01"},
    ).collect()
    known = rows.with_columns(
        sample_id=pl.lit("10-x"), prediction_time=pl.lit("2150-01-02").str.to_datetime(time_unit="us")
    )
    known.write_parquet(tmp_path / "00000.parquet")
    assert groups_of(Stage(tmp_path, "k")).sort("attribute").rows() == [
        ("10-x", "age", "65-79"), ("10-x", "insurance", "MEDICARE"), ("10-x", "race", "WHITE"), ("10-x", "sex", "F")
    ]  # fmt: skip
