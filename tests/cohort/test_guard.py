"""The guard: nothing known at or after t, of another subject, or against the report policy, gets through."""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from xhaim.cohort.guard import admissible
from xhaim.cohort.samples import SAMPLE_SCHEMA
from xhaim.events import EVENT_SCHEMA

T = datetime(2150, 1, 2, 12)


def kept(frame: pl.DataFrame) -> list[str]:
    return sorted(frame["source"].to_list())


def report(
    source: str, time: str, known: str, study: int | None, text: str = "FINDINGS: Clear lungs."
) -> dict[str, object]:
    return {
        "code": "NOTE//radiology", "time": time, "known_at": known, "study_id": study, "source": source,
        "text_value": text, "title": "CHEST (PORTABLE AP)",
    }  # fmt: skip


def test_known_before_is_seen_and_known_at_or_after_is_not(events, samples):
    frame = events(
        {"code": "LAB//1", "time": "2150-01-02T11:00:00", "known_at": "2150-01-02T11:59:59", "source": "before"},
        {"code": "LAB//1", "time": "2150-01-02T11:00:00", "known_at": "2150-01-02T12:00:00", "source": "at"},
        {"code": "LAB//1", "time": "2150-01-02T11:00:00", "known_at": "2150-01-02T12:00:01", "source": "after"},
        {
            "code": "LAB//1",
            "time": "2150-01-02T11:00:00",
            "known_at": "2150-01-02T11:00:00",
            "source": "other",
            "subject_id": 2,
        },
        {"code": "LAB//1", "time": "2150-01-02T11:00:00", "source": "no time of knowledge", "known_at": None},
        {"code": "GENDER//F", "time": None, "known_at": None, "source": "static"},
    )
    assert kept(admissible(frame, samples(), "admissible")) == ["before", "static"]


def test_report_policies(events, samples):
    frame = events(
        report("index", "2150-01-02T12:00:00", "2150-01-02T15:00:00", 7, "INDICATION: Fever.\n\nFINDINGS: Pneumonia."),
        report("index, known early", "2150-01-02T11:55:00", "2150-01-02T11:58:00", 7),
        report("unlinked, same time", "2150-01-02T11:55:00", "2150-01-02T11:58:00", None),
        report("earlier", "2150-01-01T12:00:00", "2150-01-01T15:00:00", 6),
        {"code": "NOTE//discharge", "time": "2149-01-01T00:00:00", "source": "discharge", "text_value": "Old stay.",
         "hadm_id": 99},
    )  # fmt: skip
    sample = samples({"index_study_id": 7})
    see = {policy: admissible(frame, sample, policy) for policy in (
        "admissible", "none", "prior_only", "prior_plus_indication", "index_included")}  # fmt: skip
    assert kept(see["none"]) == ["discharge"]
    assert kept(see["prior_only"]) == ["discharge", "earlier"]
    assert kept(see["admissible"]) == ["discharge", "earlier", "index, known early", "unlinked, same time"]
    assert kept(see["index_included"]) == ["discharge", "earlier", "index", "index, known early", "unlinked, same time"]
    indication = see["prior_plus_indication"].filter(pl.col("source") == "index")
    assert "Fever" in indication["text_value"][0]
    assert "Pneumonia" not in " ".join(see["prior_plus_indication"]["text_value"].to_list())


def test_index_image_is_an_input_and_its_siblings_are_not(events, samples):
    image = {"code": "IMAGE//CXR", "time": "2150-01-02T12:00:00", "study_id": 7, "image_path": "a.jpg"}
    frame = events({**image, "source": "cxr#a"}, {**image, "source": "cxr#b"})
    seen = admissible(frame, samples({"index_study_id": 7, "index_image_id": "cxr#a"}), "prior_only")
    assert kept(seen) == ["cxr#a"]


def test_the_index_image_is_not_another_film_with_the_same_source_key(events, samples):
    image = {"code": "IMAGE//CXR", "time": "2150-01-02T12:00:00", "study_id": 7, "source": "cxr", "image_path": "a.jpg"}
    frame = events(
        image,
        {**image, "time": "2150-01-03T12:00:00", "image_path": "same study, tomorrow.jpg"},
        {**image, "study_id": 8, "image_path": "another study.jpg"},
        {**image, "study_id": None, "image_path": "no study.jpg"},
    )
    for policy in ("admissible", "none", "index_included"):
        seen = admissible(frame, samples({"index_study_id": 7, "index_image_id": "cxr"}), policy)
        assert seen["image_path"].to_list() == ["a.jpg"]


offsets = st.integers(-50_000, 50_000)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(1, 3), offsets, offsets, st.sampled_from(["LAB//1", "NOTE//radiology", "IMAGE//CXR"]))
    ),
    st.sampled_from(["admissible", "none", "prior_only", "prior_plus_indication"]),
)
def test_nothing_from_the_future_in_any_order(rows, policy):
    base = dict.fromkeys(EVENT_SCHEMA)
    full = [
        {
            **base,
            "subject_id": subject,
            "time": T + timedelta(minutes=a),
            "known_at": T + timedelta(minutes=b),
            "code": code,
            "source": f"{i}",
            "text_value": "FINDINGS: words.",
        }
        for i, (subject, a, b, code) in enumerate(rows)
    ]
    frame = pl.DataFrame(full, schema=EVENT_SCHEMA)
    sample = pl.DataFrame(
        [{"sample_id": "s", "subject_id": 1, "prediction_time": T, "index_study_id": 7}], schema=SAMPLE_SCHEMA
    )
    seen = admissible(frame.lazy(), sample, policy)
    assert seen.filter((pl.col("known_at") >= T) | (pl.col("subject_id") != 1)).is_empty()
    assert admissible(frame.reverse().lazy(), sample, policy).equals(seen)
