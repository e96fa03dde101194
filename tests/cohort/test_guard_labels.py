"""Labels of films go where the words go that they were read off."""

from datetime import datetime, timedelta

import polars as pl
import pytest

from xhaim.cohort.guard import admissible
from xhaim.cohort.samples import SAMPLE_SCHEMA
from xhaim.events import EVENT_SCHEMA

T = datetime(2180, 5, 6, 12)


def row(code, minutes, study, text=None, value=None, source="s"):
    time = T - timedelta(minutes=minutes)
    return {**dict.fromkeys(EVENT_SCHEMA), "subject_id": 1, "time": time, "known_at": time, "code": code, "hadm_id": 1,
            "study_id": study, "text_value": text, "numeric_value": value, "source": source}  # fmt: skip


def label(minutes, study, value=1.0):
    return row("LABEL//CXR//Edema", minutes, study, value=value)


def seen(policy, *rows):
    events = pl.DataFrame(list(rows), schema=EVENT_SCHEMA)
    sample = {"sample_id": "a", "subject_id": 1, "hadm_id": 1, "stay_id": 1, "prediction_time": T, "index_study_id": 9,
              "index_image_id": "film"}  # fmt: skip
    found = admissible(events.lazy(), pl.DataFrame([sample], schema=SAMPLE_SCHEMA), policy)
    return found.filter(pl.col("code").str.starts_with("LABEL"))["study_id"].to_list()


REPORT = "CHEST (PORTABLE AP). FINDINGS: There is pulmonary edema. IMPRESSION: Edema."


@pytest.mark.parametrize(("policy", "kept"), [("none", []), ("prior_only", [7]), ("prior_plus_indication", [7])])
def test_without_radiology_text_there_are_no_labels_of_earlier_films(policy, kept):
    rows = [label(3000, 7), row("NOTE//radiology", 3000, 7, text=REPORT, source="report")]
    assert seen(policy, *rows) == kept
    assert seen(policy, label(3000, 7)) == kept


def test_the_labels_of_the_index_study_are_never_seen():
    for policy in ("none", "prior_only", "prior_plus_indication", "index_included"):
        assert seen(policy, label(1, 9)) == []


def test_the_labels_of_a_withheld_report_are_withheld_with_it():
    doubtful = row("NOTE//radiology", 5, 8, text=REPORT, source="report")
    kept = [row("NOTE//radiology", 3000, 7, text=REPORT, source="old"), label(3000, 7)]
    assert seen("prior_only", doubtful, label(5, 8), *kept) == [7]
