"""What was said goes out and comes in the same; what cannot be taken is listed, each with its reason."""

import csv
import json
import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_up_served import make_run
from typer.testing import CliRunner

from xhaim.cli import serving
from xhaim.cli.app import app as command_line
from xhaim.errors import DataError
from xhaim.judge.agreement_people import FINAL
from xhaim.run.judging import read_verdicts
from xhaim.serve.annotate.drawing import draw, items
from xhaim.serve.annotate.exported import COLUMNS, export, into_run
from xhaim.serve.annotate.imported import take
from xhaim.serve.annotate.scoring import said, save_comment, save_score, verdicts
from xhaim.serve.database import default_url, open_database
from xhaim.serve.watched import open_run

assert serving.annotate  # its verbs are in the command line
NAMES = ("citation", "factuality", "quality")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return open_run(make_run(tmp_path_factory.mktemp("exchange") / "run", 4))


@pytest.fixture
def fresh(run, tmp_path):
    made = []

    def make():
        database = open_database(f"sqlite:///{tmp_path / f'{len(made)}.sqlite'}")
        draw(run, database)
        made.append(database)
        return database

    return make


def score(database, place, rater, scores, comment=""):
    item = items(database)[place].explanation
    for name, one in zip(NAMES, scores, strict=False):
        save_score(database, item, rater, name, one, rater)
    save_comment(database, item, rater, comment, rater)
    return item


@pytest.mark.parametrize("suffix", ["jsonl", "csv"])
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    comment=st.one_of(st.text(max_size=40), st.sampled_from(["=1+1", "'=1", "'", "''", "-", 'a\nb,"c"', "\r\n", "+"]))
)
def test_out_and_in_again_is_the_same(fresh, tmp_path, suffix, comment):
    here, there = fresh(), fresh()
    score(here, 0, "ann", (1, 2, 3), comment)
    score(here, 1, "bob", (5, 4, 3))
    path = tmp_path / f"out.{suffix}"
    assert export(here, path) == 2
    found = take(there, path, "adm")
    assert (found.taken, found.there, found.refused) == (2, 0, ())
    assert said(there) == said(here)
    again = take(there, path, "adm")
    assert (again.taken, again.there, again.refused) == (0, 2, ())


def test_the_csv_has_a_row_for_each_score_and_no_formula(fresh, tmp_path):
    here = fresh()
    item = score(here, 0, "ann", (1, 2, 3), "=HYPERLINK(1)")
    export(here, tmp_path / "o.csv")
    rows = list(csv.reader((tmp_path / "o.csv").open(newline="")))
    assert tuple(rows[0]) == COLUMNS
    assert [row[2:] for row in rows[1:]] == [
        [item, "ann", name, str(one), "'=HYPERLINK(1)"] for name, one in zip(NAMES, (1, 2, 3), strict=True)
    ]


def line(item, **changes):
    whole = {"sample_id": item.sample_id, "task_id": item.task_id, "explanation": item.explanation, "rater": "eve",
             "scores": dict.fromkeys(NAMES, 3), "reasons": {}}  # fmt: skip
    return json.dumps({**whole, **changes})


def test_what_cannot_be_taken_is_listed_with_its_line_and_the_rest_is_taken(fresh, tmp_path):
    here = fresh()
    first, second = items(here)[:2]
    score(here, 0, "ann", (1, 2, 3))
    lines = [
        (line(second), None),
        (line(first, explanation="0" * 64), "unknown item"),
        (line(first, sample_id="other"), "unknown item"),
        (line(first, scores={**dict.fromkeys(NAMES, 3), "quality": 6}), "outside 1 to 5"),
        (line(first, scores={**dict.fromkeys(NAMES, 3), "quality": 2.5}), "no verdict"),
        (line(first, scores={**dict.fromkeys(NAMES, 3), "quality": True}), "no verdict"),
        (line(first, scores={**dict.fromkeys(NAMES, 3), "style": 3}), "no such axis"),
        (line(first, scores={"citation": 3}), "no factuality"),
        (line(first, scores={**dict.fromkeys(NAMES, 3), "quality": None}, reasons={"quality": "tired"}), "half-filled"),
        (line(first, rater="ann"), "something else"),
        (line(first, rater=""), "without a name"),
        (line(first, rater="x" * 81), "without a name"),
        (line(first, comment="x" * 5001), "comment of more"),
        (line(second, rater="eve", comment="again"), "something else"),
        ("not json", "no verdict"),
        ("[" * 5000, "no verdict"),
        ("", ""),
        (line(second, rater="zoe"), None),
    ]
    path = tmp_path / "in.jsonl"
    path.write_text("\n".join(text for text, _ in lines))
    found = take(here, path, "adm")
    wanted = {number: reason for number, (_, reason) in enumerate(lines, start=1) if reason}
    assert {one.line: one.reason for one in found.refused}.keys() == wanted.keys()
    for one in found.refused:
        assert wanted[one.line] in one.reason
    assert found.taken == 2
    assert said(here)[second.explanation, "eve"].comment == ""
    assert {(name, rater) for name, rater in said(here)} == {
        (first.explanation, "ann"), (second.explanation, "eve"), (second.explanation, "zoe")
    }  # fmt: skip
    assert said(here)[first.explanation, "ann"].scores == {"citation": 1, "factuality": 2, "quality": 3}


def test_a_csv_that_is_half_filled_doubled_or_broken_is_listed(fresh, tmp_path):
    here = fresh()
    one, two, three = items(here)[:3]
    names = {item: f"{item.sample_id},{item.task_id},{item.explanation}" for item in (one, two, three)}
    path = tmp_path / "in.csv"
    rows = [
        ",".join(COLUMNS),
        *(f"{names[one]},eve,{name},3," for name in NAMES),
        *(f"{names[two]},eve,{name},3," for name in ("citation", "citation", "quality")),
        f"{names[three]},eve,citation,3,",
        f"{names[three]},zoe,citation,nine,",
        "too,few,cells",
    ]
    path.write_text("\n".join(rows) + "\n")
    found = take(here, path, "adm")
    assert found.taken == 1
    assert [(one.line, one.reason.partition(":")[0]) for one in sorted(found.refused, key=lambda one: one.line)] == [
        (5, "two scores of citation by one rater"),
        (8, "half-filled"),
        (9, "a score that is not a whole number"),
        (10, "3 cells where 7 are expected"),
    ]
    path.write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="other columns"):
        take(here, path, "adm")


def test_a_file_that_is_none_is_refused(fresh, tmp_path):
    here = fresh()
    (tmp_path / "x.csv").write_bytes(b"\xff\xfe\x00")
    for name in ("missing.jsonl", "x.csv", "x.txt"):
        with pytest.raises(DataError):
            take(here, tmp_path / name, "adm")
    with pytest.raises(DataError, match="no such format"):
        export(here, tmp_path / "x.pickle")


def test_the_command_line_exports_imports_and_exits_by_what_was_refused(tmp_path):
    here, there = (make_run(tmp_path / name, 3) for name in ("here", "there"))
    database = open_database(default_url(here))
    draw(open_run(here), database)
    score(database, 0, "ann", (1, 2, 3))
    score(database, 1, "ann", (1, 2))
    out, runner = str(tmp_path / "o.csv"), CliRunner()
    done = runner.invoke(command_line, ["annotate", str(here), "--export", out, "--json"])
    assert (done.exit_code, json.loads(done.stdout)["verdicts"]) == (0, 2)
    done = runner.invoke(command_line, ["annotate", str(there), "--import", out, "--json"])
    told = json.loads(done.stdout)["import"]
    assert (done.exit_code, told["taken"]) == (1, 1)
    assert told["refused"] == [{"line": 5, "reason": "half-filled: no score of quality"}]


def test_verdicts_say_null_with_a_reason_and_lie_where_the_statistics_look(fresh, run, tmp_path):
    here = fresh()
    item = score(here, 0, "ann", (4,), "unsure")
    save_score(here, item, FINAL, "citation", 5, "adm")
    by_rater = {one.rater: one for one in verdicts(here, items(here))}
    assert by_rater["ann"].scores == {"citation": 4, "factuality": None, "quality": None}
    assert by_rater["ann"].reasons == {"factuality": "not scored", "quality": "not scored"}
    assert into_run(here, run) == (2, 0)
    assert {one.rater: one for one in read_verdicts(run.root)} == by_rater
    shutil.rmtree(run.root / "verdicts")
    other = open_run(make_run(tmp_path / "made-anew", 4, extra="In other words."))
    assert into_run(here, other) == (0, 2)
    assert read_verdicts(other.root) == []
