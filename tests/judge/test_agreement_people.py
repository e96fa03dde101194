"""People's files: the same verdicts from either form, and every fault refused by its place, without its words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from xhaim.errors import DataError
from xhaim.judge.agreement_people import COLUMNS, UNSCORED, read_people
from xhaim.judge.verdicts import verdict_json
from xhaim.records import Verdict

KNOWN = {("effusion", "1-a"): "ab" * 32, ("effusion", "2-a"): "cd" * 32}


def verdict(sample: str = "1-a", rater: str = "ann", quality: int | None = 4, **changed) -> Verdict:
    scores = {"citation": 5, "factuality": 3, "quality": quality}
    reasons = {} if quality is not None else {"quality": "could not say"}
    digest = KNOWN.get(("effusion", sample), "ab" * 32)
    return Verdict(**{"sample_id": sample, "task_id": "effusion", "explanation": digest, "rater": rater,
                      "scores": scores, "reasons": reasons, **changed})  # fmt: skip


def jsonl(folder: Path, *verdicts: Verdict) -> Path:
    path = folder / "people.jsonl"
    path.write_text("".join(json.dumps(json.loads(verdict_json(one))) + "\n" for one in verdicts), encoding="utf-8")
    return path


def table(folder: Path, *rows: tuple[object, ...], head: tuple[str, ...] = COLUMNS) -> Path:
    path = folder / "people.csv"
    path.write_text("\n".join(",".join(map(str, row)) for row in (head, *rows)) + "\n", encoding="utf-8")
    return path


def rows(sample: str = "1-a", **scores: object) -> list[tuple[object, ...]]:
    given = {"citation": 5, "factuality": 3, "quality": 4} | scores
    return [(sample, "effusion", KNOWN["effusion", sample], "ann", name, value, "") for name, value in given.items()]


def test_lines_of_json_come_back_sorted(tmp_path: Path) -> None:
    given = [verdict("2-a"), verdict("1-a", "bob", None), verdict("1-a")]
    assert read_people(jsonl(tmp_path, *given), KNOWN) == [given[2], given[0], given[1]]


def test_a_csv_says_the_same_as_lines_of_json(tmp_path: Path) -> None:
    found = read_people(table(tmp_path, *rows()), KNOWN)
    assert found == [verdict()]


def test_an_empty_or_absent_score_is_none_with_a_reason_never_a_number(tmp_path: Path) -> None:
    (found,) = read_people(table(tmp_path, *rows(quality="")[1:]), KNOWN)
    assert dict(found.scores) == {"citation": None, "factuality": 3, "quality": None}
    assert dict(found.reasons) == {"citation": UNSCORED, "quality": UNSCORED}


def test_a_comment_may_hold_commas_lines_and_quotes(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    head, first = ",".join(COLUMNS), ",".join(map(str, rows()[0][:-1]))
    path.write_text(f'{head}\n{first},"a ""b"", c\nd"\n', encoding="utf-8-sig")
    assert read_people(path, KNOWN)[0].comment == 'a "b", c\nd'


def test_two_that_say_the_same_are_one_and_two_that_do_not_are_refused(tmp_path: Path) -> None:
    assert len(read_people(jsonl(tmp_path, verdict(), verdict()), KNOWN)) == 1
    with pytest.raises(DataError, match="line 2: a second verdict"):
        read_people(jsonl(tmp_path, verdict(), verdict(quality=2)), KNOWN)
    with pytest.raises(DataError, match="row 5: a second score"):
        read_people(table(tmp_path, *rows(), rows(quality=1)[2]), KNOWN)


@pytest.mark.parametrize("score", ["0", "6", "4.5", "five", "-1", "44", "٤", "1e0", "=1"])
def test_a_score_that_is_none_of_one_to_five_is_refused(tmp_path: Path, score: str) -> None:
    with pytest.raises(DataError) as error:
        read_people(table(tmp_path, *rows(quality=score)), KNOWN)
    assert "people.csv" in str(error.value)


@pytest.mark.parametrize("score", [0, 6, 4.5, "4", True])
def test_a_score_out_of_range_in_json_is_refused(tmp_path: Path, score: object) -> None:
    said = json.loads(verdict_json(verdict()))
    said["scores"]["quality"] = score
    path = tmp_path / "people.jsonl"
    path.write_text(json.dumps(said), encoding="utf-8")
    with pytest.raises(DataError, match="line 1"):
        read_people(path, KNOWN)


def test_an_item_that_is_not_the_runs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such explanation in this run"):
        read_people(jsonl(tmp_path, verdict("9-z")), KNOWN)
    with pytest.raises(DataError, match="no such explanation in this run"):
        read_people(jsonl(tmp_path, verdict(task_id="../../etc")), KNOWN)


def test_a_verdict_of_another_text_of_the_explanation_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="reads otherwise now"):
        read_people(jsonl(tmp_path, verdict(explanation="00" * 32)), KNOWN)


@pytest.mark.parametrize("rater", ["", "  ", "a" * 201, "ann\nbob", "ann\u202e"])
def test_a_rater_without_a_name_that_can_be_shown_is_refused(tmp_path: Path, rater: str) -> None:
    with pytest.raises(DataError, match="no name of a rater"):
        read_people(jsonl(tmp_path, verdict(rater=rater)), KNOWN)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b"sample_id,score\n1,2\n"),
        ("a.csv", ",".join(COLUMNS).encode() + b"\n1-a,effusion\n"),
        ("a.csv", ",".join(COLUMNS).encode() + b'\n1-a,effusion,,ann,"quality,4,\n'),
        ("a.csv", b"\xff\xfe\x00"),
        ("a.jsonl", b"{not json}\n"),
        ("a.jsonl", b"[" * 100_000),
        ("a.jsonl", b"4\n"),
        ("a.jsonl", b"\x00\n"),
    ],
)
def test_a_broken_file_is_a_data_error_that_names_it_and_quotes_nothing(tmp_path: Path, name, content) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError) as error:
        read_people(path, KNOWN)
    assert name in str(error.value)
    assert "not json" not in str(error.value)


def test_an_absent_file_is_a_data_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_people(tmp_path / "none.jsonl", KNOWN)
