"""The rubric and verdict files: what ships, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from xhaim.errors import DataError
from xhaim.judge.rubric import SHIPPED, load_rubric
from xhaim.judge.verdicts import slug, verdict_from_json, verdict_json
from xhaim.records import DIMENSIONS, Issue, Verdict

VERDICT = Verdict(
    "7-21800726T041000", "pleural_effusion", "f" * 64, "Rater Ä", {"citation": 1, "factuality": None, "quality": 5},
    {"factuality": "could not tell"}, (Issue("quality", "minor", "twice", "words", None, 2),), "fine",
)  # fmt: skip
AXIS = {
    "name": "tone", "title": "Tone", "question": "Is it calm?",
    "levels": [{"score": 0, "text": "No.", "example": "Alas!"}, {"score": 1, "text": "Yes.", "example": "So."}],
}  # fmt: skip


def test_the_three_dimensions_have_five_described_levels_each():
    axes = load_rubric().axes
    assert tuple(one.name for one in axes) == DIMENSIONS
    for axis in axes:
        assert [one.score for one in axis.levels] == [1, 2, 3, 4, 5]
        assert len({one.text for one in axis.levels}) == len({one.example for one in axis.levels}) == 5
        assert axis.level(3).text in load_rubric().words()


def test_further_axes_come_behind_and_begin_where_they_say(tmp_path):
    wide = load_rubric(SHIPPED)
    assert len(wide.axes) == 3 + 12
    assert wide.axis("no_bias").scores == range(2)
    own = tmp_path / "own.yaml"
    own.write_text(yaml.safe_dump({"title": "Mine", "axes": [AXIS]}))
    assert [one.name for one in load_rubric([own]).axes] == [*DIMENSIONS, "tone"]
    with pytest.raises(DataError, match="stands twice"):
        load_rubric([own, own])


@pytest.mark.parametrize("score", [0, 6, -1, 2.0, True, None, "3"])
def test_a_score_outside_the_levels_is_refused(score):
    with pytest.raises(DataError, match="no such score"):
        load_rubric().axis("quality").level(score)


@pytest.mark.parametrize(
    "content",
    [
        "", "[]", "title: x", "title: x\naxes: []", "{", "!!python/object:os.system {}", "a: &a [*a, *a]",
        yaml.safe_dump({"title": "x", "axes": [AXIS | {"name": "Bad name"}]}),
        yaml.safe_dump({"title": "x", "axes": [AXIS | {"levels": AXIS["levels"][:1]}]}),
        yaml.safe_dump({"title": "x", "axes": [AXIS | {"levels": AXIS["levels"][::-1]}]}),
        yaml.safe_dump({"title": "x", "axes": [AXIS | {"more": 1}]}),
        "x" * 300_000,
    ],
)  # fmt: skip
def test_what_is_no_rubric_is_refused(tmp_path, content):
    path = tmp_path / "bad.yaml"
    path.write_text(content)
    with pytest.raises(DataError, match="no rubric"):
        load_rubric([path])
    with pytest.raises(DataError, match="no rubric"):
        load_rubric([tmp_path / "nothing.yaml"])


def test_a_verdict_comes_back_as_it_was():
    assert verdict_from_json(verdict_json(VERDICT)) == VERDICT


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"scores": {"citation": 0, "factuality": 1, "quality": 1}}, "outside 1 to 5"),
        ({"scores": {"citation": 6, "factuality": 1, "quality": 1}}, "outside 1 to 5"),
        ({"scores": {"citation": 2.5, "factuality": 1, "quality": 1}}, "scores.citation"),
        ({"scores": {"citation": "2", "factuality": 1, "quality": 1}}, "scores.citation"),
        ({"scores": {"citation": True, "factuality": 1, "quality": 1}}, "scores.citation"),
        ({"scores": {"citation": 1}}, "no factuality"),
        ({"reasons": {}}, "null without a reason"),
        ({"reasons": {"factuality": " "}}, "null without a reason"),
        ({"more": 1}, "unknown keys"),
        ({"rater": 3}, "rater"),
        ({"issues": [{"dimension": "style"}]}, "issues.0"),
    ],
)
def test_what_is_no_verdict_is_refused_without_its_words(fields, says):
    raw = json.loads(verdict_json(VERDICT)) | fields
    with pytest.raises(DataError, match="is not a verdict") as told:
        verdict_from_json(json.dumps(raw))
    assert says in str(told.value)
    for text in ("", "[]", "null", "{", "[" * 100_000, json.dumps(raw)[:50], " " * 2_000_000):
        with pytest.raises(DataError):
            verdict_from_json(text)


@given(st.text(max_size=80), st.text(max_size=80))
def test_raters_have_folders_of_their_own(one, other):
    assert set(slug(one)) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert slug(one)
    assert (slug(one) == slug(other)) == (one == other)


def test_a_verdict_keeps_which_scores_there_are():
    wide = replace(VERDICT, scores={**VERDICT.scores, "no_bias": 0})
    assert verdict_from_json(verdict_json(wide)).scores["no_bias"] == 0
