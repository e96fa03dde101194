"""The indication is shown and the reading is not, however the report is written. To lose an indication is harmless."""

from __future__ import annotations

import re
from datetime import timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xhaim.cohort.guard import admissible
from xhaim.cohort.indication import before_reading

READ = "Large left effusion"


@pytest.fixture
def shown(events, samples):
    """What a model sees of an index report that was read after the prediction time."""

    def ask(text: str) -> str | None:
        report = {
            "code": "NOTE//radiology", "title": "Radiology: CHEST (PORTABLE AP)", "study_id": 7, "text_value": text,
            "time": "2150-01-02T12:00:00", "known_at": "2150-01-02T18:00:00",
        }  # fmt: skip
        seen = admissible(events(report), samples({"index_study_id": 7}), "prior_plus_indication")
        assert seen.filter(pl.col("known_at") >= pl.col("prediction_time") + timedelta(0)).is_empty()
        return seen["text_value"][0] if seen.height else None

    return ask


@pytest.mark.parametrize(
    "heading",
    ["INDICATION", "INDICATIONS", "CLINICAL INDICATION", "REASON FOR EXAM", "REASON FOR EXAMINATION",
     "REASON FOR THIS EXAMINATION", "HISTORY", "CLINICAL HISTORY", "CLINICAL INFORMATION"],
)  # fmt: skip
def test_the_first_sentence_under_each_heading_of_an_indication(shown, heading):
    expected = f"{heading}: 80 year old with dyspnea."
    for end in ("\n\n", "\n", "\r\n\r\n", " "):
        assert shown(f"{heading}: 80 year old with dyspnea.{end}FINDINGS: {READ}.") == expected
    assert shown(f"{heading}:\n  80 year old with dyspnea.\n\nFINDINGS: {READ}.") == expected
    assert shown(f"EXAM: AP\n{heading}: Tube\nTECHNIQUE: AP\nFINDINGS: {READ}.\nIMPRESSION: {READ}.") == (
        f"{heading}: Tube"
    )


def test_a_decimal_number_ends_no_sentence_and_two_sections_are_both_kept(shown):
    text = f"HISTORY: Fever of 38.5 degrees.\nINDICATION: Pneumonia?\n\nFINDINGS: {READ}."
    assert shown(text) == "HISTORY: Fever of 38.5 degrees.\nINDICATION: Pneumonia?"


@pytest.mark.parametrize(
    "text",
    [
        "INDICATION: dyspnea.\n\nThere is a {}.\n",
        "HISTORY: cough.\n\nAP chest compared to prior: {}, new.\n",
        "HISTORY: cough.\nAP chest. {}, new.\n",
        "EXAMINATION: CHEST (PORTABLE AP)\n\nINDICATION: sob\n\nPFI: {}.\n\nFINDINGS: {}.",
        "REASON FOR EXAM: tube\nReport:\n{}.\nFINDINGS: {}.",
        "REASON FOR EXAM: tube\nReport: {}.\nFINDINGS: {}.",
        "REASON FOR EXAM: tube PFI: {}.\nFINDINGS: {}.",
        "REASON FOR EXAM: tube Report {}.\nFINDINGS: {}.",
        "REASON FOR EXAM: tube\nPRELIMINARY REPORT: {}\nFINDINGS: {}.",
        "REASON FOR EXAM: tube\nWET READ VERSION #1: ___ 9:16 PM {}\nFINDINGS: {}.",
        "REASON FOR EXAM: tube\nwet read\n{}\nFINDINGS: {}.",
        "REASON FOR EXAM: tube\n{}.\nIMPRESSION: {}.",
        "REASON FOR EXAM: tube\n{}.\nFINDINGS: {}.",
        "REASON FOR EXAM: There is a {}.\nFINDINGS: {}.",
        "REASON FOR EXAM: tube. {}.\nFINDINGS: {}.",
        "REASON FOR EXAM: tube\nCHEST: {}.\nHEART: big\nFINDINGS: {}.",
        "REASON FOR EXAM: tube\nLUNGS: {}.",
        "INDICATION:\n\n{}.\n\nFINDINGS: {}.",
        "INDICATION: {}. IMPRESSION: stable.",
        "INDICATION: {}.\nCOMPARISON: none.",
        "TECHNIQUE: Single AP view. {} is seen.\nFINDINGS: {}.",
        "EXAMINATION: {}.\nFINDINGS: {}.",
        "FINDINGS: {}.\nHISTORY: {}.",
        "WET READ: {}.\nFINDINGS: {}.",
        "{}",
        "",
    ],
)
def test_a_reading_is_never_shown(shown, text):
    for said in (READ, READ.lower()):
        assert said.lower() not in (shown(text.replace("{}", said)) or "").lower()


PIECES = ["INDICATION:", "HISTORY:", "TECHNIQUE:", "Report:", "COMPARISON:", " ", "\n", "\n\n", ". ", "cough", "fluid"]


@given(st.lists(st.sampled_from(PIECES), max_size=14), st.sampled_from(["", "\nIMPRESSION: effusion"]))
def test_without_findings_nothing_is_kept_whatever_the_order(parts, end):
    assert before_reading("".join(parts) + end) == ""
    kept = before_reading(f"{''.join(parts)}\nFINDINGS: opacity")
    assert "opacity" not in kept
    assert all(len(re.findall(":", line)) == 1 for line in kept.splitlines())
