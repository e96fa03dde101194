"""Explanations as text and as JSON; JSON from strangers."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import replace

import pytest
from explain_cases import Additive, document, explained, full_case, record, scored
from hypothesis import given, settings
from hypothesis import strategies as st

from xhaim.errors import DataError
from xhaim.explain.render import from_json, to_json, to_text


@pytest.fixture(scope="module")
def explanation():
    return explained(*full_case())


@pytest.mark.parametrize("width", [40, 100])
def test_text_has_marks_sources_and_fits(explanation, width):
    text = to_text(explanation, width)
    flat = " ".join(text.split())
    assert "the risk would be 49 % (-22 points) [1]." in flat
    assert "[3] Radiology: CHEST (PA AND LAT), 2180-07-24 06:10, known 2180-07-24 06:40 (r1, characters" in flat
    assert "SIMULATED" in text
    assert max(len(line) for line in text.splitlines()) <= width
    headings = ["Evidence for", "Evidence against", "Missing or stale", "What would change it", "Sources"]
    assert [line for line in text.splitlines() if line in headings] == headings


def test_real_data_is_not_called_simulated_and_what_was_dropped_is_counted(explanation):
    text = to_text(replace(explanation, simulated=False, dropped=("a", "b")))
    assert "SIMULATED" not in text
    assert "2 items" in text


@settings(max_examples=60, deadline=None)
@given(st.text(min_size=1, max_size=60))
def test_text_lets_nothing_invisible_through(words):
    note = document("n", "nursing", f"{words} pleural effusion", 3, title=words)
    chunk = scored(note, "notes")
    explanation = explained(record([note]), [chunk], Additive({chunk.chunk.chunk_id: 0.2}))
    assert from_json(to_json(explanation)) == explanation
    assert not [sign for sign in to_text(explanation) if sign != "\n" and unicodedata.category(sign)[0] == "C"]


def test_json_comes_back_equal(explanation):
    assert from_json(to_json(explanation)) == explanation
    assert to_json(from_json(to_json(explanation))) == to_json(explanation)


@pytest.mark.parametrize(
    ("path", "new"),
    [
        (("risk",), 1.5), (("risk",), "0.7"), (("risk",), float("nan")), (("risk",), True), (("low",), -0.1),
        (("threshold",), float("inf")), (("extra",), 1), (("statements", 0, "role"), "cause"),
        (("statements", 0, "text"), 5), (("citations", 0, "kind"), "url"), (("citations", 0, "marker"), "1"),
        (("citations", 0, "time"), "2180-07-25T15:10:00Z"), (("citations", 0, "time"), "yesterday"),
        (("citations", 0, "__class__"), "os.system"), (("statements",), {}), (("sample_id",), None),
    ],
)  # fmt: skip
def test_json_from_strangers_is_refused(explanation, path, new):
    data = json.loads(to_json(explanation))
    place = data
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = new
    with pytest.raises(DataError, match="not an explanation"):
        from_json(json.dumps(data))


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", "{", "[" * 100_000, '{"risk": 1e999}', "\ud800", "9" * 9_000])
def test_text_that_is_no_explanation_is_refused(text):
    with pytest.raises(DataError):
        from_json(text)


def test_a_missing_key_is_refused_by_its_name(explanation):
    data = json.loads(to_json(explanation))
    del data["citations"][0]["quote"]
    with pytest.raises(DataError, match=r"citations\.0\.quote"):
        from_json(json.dumps(data))
