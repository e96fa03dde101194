"""A verifier from the command line: trained on a file, asked of another, and used as a run's model of inference."""

from __future__ import annotations

import csv
import json

from typer.testing import CliRunner

from xhaim.cli import app
from xhaim.run.words import entailment_model


def pairs(path, n, *, labels=True):
    rows = []
    for at in range(n):
        lung, label = ("left", "right")[at % 2], ("SUPPORTS", "REFUTES")[at // 2 % 2]
        other = lung if label == "SUPPORTS" else {"left": "right", "right": "left"}[lung]
        evidence = f"Film {at}: there is a small effusion on the {other} side."
        rows.append([at, f"The effusion is on the {lung} side.", evidence, label if labels else ""])
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["id", "claim", "evidence", "label"], *rows])
    return path


def test_a_verifier_is_trained_saved_and_asked(tmp_path):
    run = CliRunner().invoke(
        app, ["verifier", "train", str(pairs(tmp_path / "train.csv", 48)), "--out", str(tmp_path / "model"), "--json"]
    )
    assert run.exit_code == 0, run.output
    assert json.loads(run.stdout)["pairs"] == 48
    assert entailment_model(str(tmp_path / "model")).infer("The effusion is left.", "The effusion is left.") is not None
    command = ["verifier", "check", str(pairs(tmp_path / "test.csv", 8)), "--model", str(tmp_path / "model"), "--json"]
    run = CliRunner().invoke(app, [*command, "--out", str(tmp_path / "found.csv")])
    assert run.exit_code == 0, run.output
    said = json.loads(run.stdout)
    assert (said["pairs"], said["not_checked"]) == (8, 0)
    assert 0.9 <= said["macro_f1"] <= 1
    with (tmp_path / "found.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["pair"] for row in rows] == [str(at) for at in range(8)]
    assert {row["found"] for row in rows} == {"entailment", "contradiction"}
    assert all(
        abs(sum(float(row[name]) for name in ("entailment", "neutral", "contradiction")) - 1) < 0.001 for row in rows
    )


def test_without_labels_there_is_no_score_and_nothing_to_learn(tmp_path):
    unlabelled = str(pairs(tmp_path / "plain.csv", 24, labels=False))
    run = CliRunner().invoke(app, ["verifier", "train", unlabelled, "--out", str(tmp_path / "model")])
    assert run.exit_code != 0
    assert not (tmp_path / "model").exists()
