"""The index report is found by id, by time and exam, by its words; what was known later decides nothing of what is
seen."""

from __future__ import annotations

import polars as pl
import pytest

from xhaim.cohort.guard import admissible
from xhaim.cohort.index_report import index_reports

READING = (
    "FINDINGS: A moderate left pleural effusion has appeared since the film of the morning, with adjacent "
    "atelectasis; the endotracheal tube ends four centimetres above the carina and the heart is of normal size."
)
INDEX = {"study_id": 7, "time": "2150-01-02T12:00:00", "known_at": "2150-01-02T15:00:00"}


def note(source: str, kind: str = "radiology", **changes: object) -> dict[str, object]:
    base = {
        "code": f"NOTE//{kind}", "time": "2150-01-02T12:05:00", "known_at": "2150-01-02T15:00:00", "source": source,
        "text_value": "FINDINGS: Clear lungs.", "title": "Radiology: CHEST (PORTABLE AP)",
    }  # fmt: skip
    return {**base, **changes}


@pytest.fixture
def listed(events, samples):
    def ask(*rows: dict[str, object]) -> dict[str, tuple[str, bool]]:
        found = index_reports(events(*rows), samples({"index_study_id": 7}))
        return {row["source"]: (row["how"], row["doubtful"]) for row in found.iter_rows(named=True)}

    return ask


@pytest.fixture
def kept(events, samples):
    def ask(*rows: dict[str, object], policy: str = "prior_only") -> list[str]:
        return sorted(admissible(events(*rows), samples({"index_study_id": 7}), policy)["source"].to_list())

    return ask


def test_by_id_by_time_and_exam_and_what_is_no_index_report(listed):
    assert listed(
        note("by id, weeks later", study_id=7, time="2150-02-01T00:00:00", known_at="2150-02-01T01:00:00"),
        note("near", time="2150-01-02T12:10:00"),
        note("edge", time="2150-01-02T10:00:00"),
        note("dictated late", time="2150-01-03T12:00:00", known_at="2150-01-03T13:00:00"),
        note("exam not said", title="Radiology", text_value="FINDINGS: There is fluid."),
        note("exam said in the text", title=None, text_value="EXAMINATION: CHEST RADIOGRAPH. Clear."),
        note("of another study, near", study_id=8),
        note("of another study", study_id=8, time="2150-01-02T12:30:00"),
        note("a CT of it", study_id=7, title="Radiology: CT CHEST"),
        note("a nurse's words of it", "procedure", study_id=7, title=None),
        note("before the window", time="2150-01-02T09:59:59"),
        note("after it", time="2150-01-03T12:00:01", known_at="2150-01-03T13:00:00"),
        note("another exam", title="Radiology: CT HEAD W/O CONTRAST"),
        note("CT of the chest", title="Radiology: CT CHEST W/CONTRAST"),
        note("not said, not near", title="Radiology", time="2150-01-02T12:30:00", text_value="FINDINGS: Fluid."),
    ) == {
        "by id, weeks later": ("study id", False),
        "near": ("time and exam", False),
        "edge": ("time and exam", True),
        "dictated late": ("time and exam", True),
        "exam not said": ("time and exam", True),
        "exam said in the text": ("time and exam", False),
        "of another study, near": ("time and exam", True),
        "a CT of it": ("study id", False),
        "a nurse's words of it": ("study id", False),
    }


def test_scores_fall_with_the_distance(events, samples):
    rows = [note("at t", time="2150-01-02T12:00:00"), note("an hour before", time="2150-01-02T11:00:00"),
            note("half a day", time="2150-01-03T00:00:00"), note("by id", study_id=7)]  # fmt: skip
    found = index_reports(events(*rows), samples({"index_study_id": 7}))
    assert dict(found.select("source", "score").iter_rows()) == {
        "at t": 1.0, "an hour before": 0.5, "half a day": 0.5, "by id": 1.0
    }  # fmt: skip


def test_what_may_be_the_index_report_is_withheld_when_it_was_known_before(kept):
    early = {"known_at": "2150-01-02T11:59:00"}
    rows = [
        note("near", **early, time="2150-01-02T11:55:00"),
        note("doubtful", **early, time="2150-01-02T10:30:00"),
        note("earlier film", **early, time="2150-01-02T09:00:00"),
        note("of another study", **early, time="2150-01-02T11:30:00", study_id=8),
        note("CT head", **early, time="2150-01-02T11:55:00", title="Radiology: CT HEAD"),
    ]
    assert kept(*rows) == ["CT head", "earlier film", "of another study"]
    assert kept(*rows, policy="admissible") == sorted(str(row["source"]) for row in rows)
    assert kept(*rows, policy="none") == []


def test_a_re_read_repeats_the_words_and_a_template_does_not(listed):
    template = "FINDINGS: The lungs are clear. The heart is of normal size. There is no effusion and no pneumothorax."
    other = {"title": "Radiology: PORTABLE ABDOMEN"}
    assert listed(
        note("index", **INDEX, text_value=f"INDICATION: Fever and cough for three days.\n{READING}"),
        note("re-read", **other, text_value=f"WET READ VERSION 2\n{READING}\nDiscussed by telephone."),
        note("half of it", **other, text_value=READING[:130]),
        note("the indication only", **other, text_value="INDICATION: Fever and cough for three days. FINDINGS: None."),
    ) == {"index": ("study id", False), "re-read": ("text", False), "half of it": ("text", True)}
    assert listed(
        note("earlier", study_id=5, time="2150-01-01T00:00:00", known_at="2150-01-01T03:00:00", text_value=template),
        note("index", **INDEX, text_value=template),
        note("another film of the day", **other, text_value=template),
    ) == {"index": ("study id", False)}


def test_text_that_was_copied_forward_from_an_earlier_report_stays(kept):
    """Else the absence of an earlier report would tell what the index report says."""
    earlier = {"study_id": 5, "time": "2150-01-01T00:00:00", "known_at": "2150-01-01T03:00:00"}
    assert kept(note("earlier", **earlier, text_value=READING), note("index", **INDEX, text_value=READING)) == [
        "earlier"
    ]


def test_words_of_a_later_report_in_an_earlier_note_are_listed_and_not_withheld(listed, kept):
    rows = [
        note("index", **INDEX, text_value=READING),
        note("misdated", "nursing", time="2150-01-01T09:00:00", known_at="2150-01-01T09:00:00", text_value=READING),
        note("harmless", "nursing", time="2150-01-01T09:00:00", known_at="2150-01-01T09:00:00", text_value="Fluid?"),
    ]
    assert listed(*rows)["misdated"] == ("overlap", True)
    assert "harmless" not in listed(*rows)
    assert kept(*rows) == ["harmless", "misdated"]  # what is seen may not hang on what was read later


def test_a_copy_of_an_index_report_that_was_itself_known_early_is_withheld(kept):
    early = {"time": "2150-01-02T11:58:00", "known_at": "2150-01-02T11:59:00"}
    assert kept(
        note("index", study_id=7, **early, text_value=READING),
        note("copy", "nursing", **early, text_value=f"Radiology called: {READING}"),
        note("other words", "nursing", **early, text_value="Resting."),
    ) == ["other words"]


def test_the_leaky_policy_lets_in_what_is_certain_and_the_indication_is_cut_and_dated(events, samples):
    rows = events(
        note("index", **INDEX, text_value=f"INDICATION: Fever.\n{READING}"),
        note("near, unlinked", time="2150-01-02T12:08:00", text_value="INDICATION: Cough.\nFINDINGS: Fluid."),
        note("doubtful", time="2150-01-02T16:00:00", known_at="2150-01-02T17:00:00"),
        note("later film", study_id=8, time="2150-01-02T18:00:00", known_at="2150-01-02T19:00:00"),
    )
    leaky = admissible(rows, samples({"index_study_id": 7}), "index_included")
    assert sorted(leaky["source"]) == ["index", "near, unlinked"]
    cut = admissible(rows, samples({"index_study_id": 7}), "prior_plus_indication")
    assert sorted(cut["text_value"]) == ["INDICATION: Cough.", "INDICATION: Fever."]
    t = pl.col("prediction_time")
    assert cut.filter((pl.col("known_at") >= t) | (pl.col("time") >= t)).is_empty()


def test_the_end_of_the_admission_and_the_index_label_are_no_inputs_whatever_their_time_says(events, samples):
    day = {"time": "2150-01-01T00:00:00", "known_at": "2150-01-01T00:00:00"}
    rows = events(
        note("summary", "discharge", **day, hadm_id=100),
        note("earlier summary", "discharge", **day, hadm_id=99),
        note("no admission said", "discharge", **day),
        note("of another, no admission said", "discharge", time="2149-12-30T00:00:00", known_at="2149-12-31T00:00:00"),
        note("slug", "discharge-summary", **day, hadm_id=100),
        note("spelt", "Discharge summary", **day, hadm_id=100),
        note("by its title", "document", **day, title="Physician Discharge Summary", hadm_id=100),
        note("by its study", "discharge", **day, hadm_id=100, study_id=7),
        {"code": "HOSPITAL_ADMISSION//EW", "time": "2150-01-01T06:00:00", "hadm_id": 100, "source": "came"},
        {"code": "HOSPITAL_DISCHARGE//HOME", **day, "hadm_id": 100, "source": "left"},
        {"code": "DIAGNOSIS//ICD//10//I50", **day, "hadm_id": 100, "source": "billing"},
        {"code": "LABEL//CXR//Edema", **day, "study_id": 7, "numeric_value": 1.0, "source": "label"},
        {"code": "LABEL//CXR//Edema", **day, "study_id": 6, "numeric_value": 1.0, "source": "earlier label"},
    )
    for policy in ("none", "prior_only", "prior_plus_indication", "index_included"):
        seen = admissible(rows, samples({"index_study_id": 7}), policy)
        label = [] if policy == "none" else ["earlier label"]  # it was read off radiology text
        assert sorted(seen["source"]) == ["came", *label, "earlier summary", "of another, no admission said"]


def test_a_report_of_imaging_by_its_study_id_is_withheld_under_any_kind(kept):
    early = {"time": "2150-01-01T11:56:00", "known_at": "2150-01-01T11:59:00", "title": "Thorax"}
    rows = [
        note("of the index study", "document", **early, study_id=7),
        note("of another", "document", **early, study_id=8),
    ]
    assert kept(*rows) == ["of another"]
    assert kept(*rows, policy="none") == []
    assert len(kept(*rows, policy="admissible")) == 2


def test_any_order_of_rows_gives_the_same_list(events, samples):
    rows = [note(f"{n}", time=f"2150-01-02T12:{n:02d}:00", text_value=READING[n:]) for n in range(20)]
    sample = samples({"index_study_id": 7}, {"sample_id": "10-y", "index_study_id": 7})
    one = index_reports(events(*rows), sample)
    assert one.height == 40
    assert index_reports(events(*reversed(rows)), sample).equals(one)
    assert index_reports(events(*rows), samples()).is_empty()  # a landmark has no index report
