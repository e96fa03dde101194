"""``xhaim agreement`` on a made-up run: tables from verdicts and people's files, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from io import StringIO
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from rich.console import Console
from typer.testing import CliRunner

from xhaim.cli.agreement import app
from xhaim.errors import DataError, PrerequisiteError
from xhaim.judge.verdicts import digest, slug, verdict_json
from xhaim.records import DIMENSIONS, Verdict
from xhaim.run.agreement import agree
from xhaim.run.directory import LAYOUT

TASKS = ("death", "effusion")
Scorer = Callable[[np.random.Generator, float], int | None]


def score(rng: np.random.Generator, quality: float) -> int:
    return int(np.clip(round(3.6 + quality + 0.5 * rng.normal()), 1, 5))


JUDGES: Mapping[str, Scorer] = {"deterministic critic": score, "model/x": lambda _, __: 4}
PEOPLE: Mapping[str, Scorer] = {"ann": score, "bob": lambda r, q: None if r.random() < 0.1 else score(r, q)}


def made_up(
    root: Path, items: int, judges: Mapping[str, Scorer] = JUDGES, people: Mapping[str, Scorer] = PEOPLE
) -> Path:
    """Write a run with explanations and verdicts; return the file of people's scores of its first 40 items a task."""
    rng = np.random.default_rng(0)
    root.mkdir()
    (root / "manifest.json").write_text(json.dumps({"layout": LAYOUT}))
    said, subjects = [], []
    for task in TASKS:
        for place in range(items):
            sample, quality = f"{place:04}-20200101T000000", float(rng.normal())
            subjects.append((sample, place // 2))
            raw = json.dumps({"simulated": True, "report_policy": "admissible", "n": place, "task": task}).encode()
            path = root / "explanations" / task / f"{sample}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(raw)
            for rater, how in judges.items():
                path = root / "verdicts" / slug(rater) / task / f"{sample}.json"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(verdict_json(verdict(sample, task, raw, rater, how, rng, quality)))
            if place < 40:
                said += [verdict(sample, task, raw, rater, how, rng, quality) for rater, how in people.items()]
    (root / "samples").mkdir()
    frame = pl.DataFrame(subjects, schema=["sample_id", "subject_id"], orient="row")
    frame.unique().write_parquet(root / "samples" / "samples.parquet")
    file = root.parent / "people.jsonl"
    file.write_text("".join(json.dumps(json.loads(verdict_json(one))) + "\n" for one in said))
    return file


def verdict(sample: str, task: str, raw: bytes, rater: str, how: Scorer, rng, quality: float) -> Verdict:
    scores = {name: how(rng, quality) for name in DIMENSIONS}
    reasons = {name: "could not say" for name, given in scores.items() if given is None}
    return Verdict(sample, task, digest(raw), rater, scores, reasons)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory):
    root = tmp_path_factory.mktemp("agreement") / "run"
    people = made_up(root, 60)
    return root, people, agree(root, [people], resamples=100)


def rows(done, key: str) -> list[dict]:
    return done[2].summary["tables"][key]


def test_table_3_is_what_people_and_judges_gave_on_what_people_scored(done) -> None:
    _, people, _ = done
    given = [json.loads(line) for line in people.read_text().splitlines()]
    mine = [one["scores"]["quality"] for one in given if (one["rater"], one["task_id"]) == ("ann", "death")]
    row = next(row for row in rows(done, "table-3") if (row["rater"], row["task"]) == ("ann", "death"))
    assert (row["quality"], row["quality_sd"]) == pytest.approx((np.mean(mine), np.std(mine, ddof=1)))
    assert {row["quality_n"] for row in rows(done, "table-3") if row["rater"] != "bob"} == {40}
    assert {row["quality_n"] for row in rows(done, "table-4")} == {60}
    assert {row["rater"] for row in rows(done, "table-4")} == set(JUDGES)


def test_a_constant_judge_has_no_agreement_and_no_map_and_says_why(done) -> None:
    found = [row for row in rows(done, "agreement") if "model/x" in row["raters"]]
    assert found
    for row in found:
        assert row["kappa"] is None
        assert "every item a score of 4" in row["kappa_reason"]
    mapped = [row for row in rows(done, "calibration-to-people") if row["judge"] == "model/x"]
    assert {row["error_reason"] for row in mapped} == {"the judge gives every item the same score"}
    asked = [row for row in rows(done, "discrimination") if row["rater"] == "model/x"]
    assert {row["discrimination_reason"] for row in asked} == {"all answers are the same"}


def test_who_scores_well_agrees_discriminates_and_is_calibrated(done) -> None:
    pair = next(row for row in rows(done, "agreement") if row["raters"] == "deterministic critic, mean of people")
    assert pair["kappa_interval_low"] > 0.3
    asked = [row for row in rows(done, "discrimination") if row["rater"] == "ann"]
    assert {row["verdict"] for row in asked} == {"yes"}
    critic = [row["items"] for row in rows(done, "discrimination") if row["rater"] == "deterministic critic"]
    assert set(critic) == {40}  # of 60: on what people scored
    assert {row["items"] for row in rows(done, "calibration-to-people") if row["task"] == "death"} == {20}
    assert any(row["what"] == "ICC(2,1) of ann, bob" for row in rows(done, "sample-size"))


def test_every_table_is_there_in_every_form_and_all_of_it_is_stamped(done) -> None:
    _, _, found = done
    files = {path.relative_to(found.path).as_posix() for path in found.path.rglob("*") if path.is_file()}
    keys = [
        "table-3",
        "table-4",
        "agreement",
        "reliability",
        "bias",
        "calibration-to-people",
        "discrimination",
        "sample-size",
    ]
    assert files == {
        "agreement.html", "agreement.json", "figure-2.svg",
        *(f"tables/{key}.{kind}" for key in keys for kind in ("md", "tex", "parquet")),
    }  # fmt: skip
    for key in keys:
        assert "SIMULATED" in (found.path / "tables" / f"{key}.md").read_text()
        assert pl.read_parquet(found.path / "tables" / f"{key}.parquet").height == len(rows(done, key))
    page = (found.path / "agreement.html").read_text()
    assert "SIMULATED" in page
    assert "<desc" in page
    assert "SIMULATED" in (found.path / "figure-2.svg").read_text()


def test_the_same_command_gives_the_same_bytes_and_replaces_its_own_folder_alone(done, tmp_path: Path) -> None:
    root, people, found = done
    again = agree(root, [people], tmp_path / "other", resamples=100)
    for path in sorted(found.path.rglob("*.*")):
        if path.name != "agreement.json":
            assert path.read_bytes() == (again.path / path.relative_to(found.path)).read_bytes(), path.name
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years of work")
    with pytest.raises(DataError, match="holds something else"):
        agree(root, [people], tmp_path / "mine", resamples=100)
    assert (tmp_path / "mine" / "thesis.tex").exists()


def test_files_that_disagree_and_people_with_a_judges_name_are_refused(done, tmp_path: Path) -> None:
    root, people, _ = done
    lines = people.read_text().splitlines()
    other = json.loads(lines[0])
    other["scores"]["quality"] = 1 + other["scores"]["quality"] % 5
    (tmp_path / "other.jsonl").write_text(json.dumps(other))
    with pytest.raises(DataError, match="another file has otherwise"):
        agree(root, [people, tmp_path / "other.jsonl"], tmp_path / "out", resamples=100)
    other["rater"] = "deterministic critic"
    (tmp_path / "other.jsonl").write_text(json.dumps(other))
    with pytest.raises(DataError, match="name of one of the run's judges"):
        agree(root, [tmp_path / "other.jsonl"], tmp_path / "out", resamples=100)
    assert not (tmp_path / "out").exists()


def test_people_whose_scores_lie_in_the_run_are_people_and_settled_scores_are_nobodys(tmp_path: Path) -> None:
    root = tmp_path / "run"
    file = made_up(root, 12, judges={"critic": score}, people={"ann": score, "final score": score})
    for line in file.read_text().splitlines():
        one = json.loads(line)
        path = root / "verdicts" / slug(one["rater"]) / one["task_id"] / f"{one['sample_id']}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(line)
    (root / "verdicts" / "people.json").write_text('["ann", "final score"]')
    found = agree(root, [file], resamples=100).summary  # the same scores in both places are one
    assert (found["people"], found["judges"]) == (["ann"], ["critic"])
    assert found["notes"] == ["24 final scores of adjudication are no rater's own: left out."]
    assert {row["quality_n"] for row in found["tables"]["table-3"]} == {12}
    (root / "verdicts" / "people.json").write_text('{"ann": 1}')
    with pytest.raises(DataError, match="no list of raters"):
        agree(root, resamples=100)


def test_verdicts_of_explanations_that_changed_are_left_out_and_counted(tmp_path: Path) -> None:
    root = tmp_path / "run"
    made_up(root, 6)
    changed = next((root / "explanations" / "death").glob("*.json"))
    changed.write_bytes(changed.read_bytes() + b" ")
    found = agree(root, resamples=100)
    assert found.summary["notes"][0].startswith("2 stored verdicts are of explanations that have changed")
    assert {row["quality_n"] for row in found.summary["tables"]["table-4"] if row["task"] == "death"} == {5}
    assert "table-3" not in found.summary["tables"]


def test_nobody_has_judged_and_no_run_say_what_to_type(tmp_path: Path) -> None:
    made_up(tmp_path / "run", 2, judges={})
    with pytest.raises(PrerequisiteError, match="xhaim judge"):
        agree(tmp_path / "run")
    with pytest.raises(PrerequisiteError, match="not a run directory"):
        agree(tmp_path)


def test_the_verb_answers_in_json(done) -> None:
    root, people, _ = done
    answer = CliRunner().invoke(app, ["agreement", str(root), "--people", str(people), "--resamples", "100", "--json"])
    assert answer.exit_code == 0, answer.output
    assert json.loads(answer.stdout)["people"] == ["ann", "bob"]
    console = Console(width=200, file=StringIO())
    done[2].show(console)
    assert "SIMULATED · Table 3" in console.file.getvalue()
