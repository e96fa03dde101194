"""What FHIR says late: corrections, versions, discharge summaries by any name, reports that are of imaging."""

import random
from datetime import datetime, timedelta
from itertools import permutations

import polars as pl
import pytest
from tiny_fhir import (
    ADA,
    BOB,
    ENCOUNTERS,
    INPATIENT,
    LOINC,
    NOTES,
    OTHERS,
    PATIENTS,
    RESOURCES,
    concept,
    data_of,
    ingest,
    observed,
    packed,
    quantity,
    write_fhir,
)

from xhaim.cohort.guard import admissible
from xhaim.cohort.samples import draw
from xhaim.cohort.stays import stays
from xhaim.config import SampleSettings
from xhaim.source.fhir import FHIR
from xhaim.source.store import Store

NEW_YORK = "America/New_York"
LATE = "2024-03-04T09:00:00-05:00"
UNDATED = "status: changed after its first issue, and no meta.lastUpdated says when"
UNORDERED = "one of several versions, and no meta.lastUpdated says since when"


def lactate(value, updated=None, version=None, **others):
    made = observed("x", "2524-7", issued="2024-03-01T13:40:00-05:00", valueQuantity=quantity(value, "mmol/L"))
    meta = {"lastUpdated": updated, "versionId": version}
    return {**made, **others, "meta": {key: word for key, word in meta.items() if word}}


def document(text, encounter=INPATIENT, **others):
    context = {"context": {"encounter": [encounter]}} if encounter else {}
    return {
        "resourceType": "DocumentReference",
        "id": "d",
        "status": "current",
        "docStatus": "final",
        "subject": ADA,
        "date": "2024-03-02T08:00:00-05:00",
        "content": [{"attachment": {"contentType": "text/plain", "data": packed(text)}}],
    } | {**context, **others}


def told(tmp_path, *resources, kind="LOINC|NOTE", place="f"):
    """What is said of the ingest, and the events of a kind, by the time they were known."""
    root = write_fhir(tmp_path / place, [*PATIENTS, *ENCOUNTERS, *OTHERS, *resources])
    info, events = ingest(root, tmp_path / f"{place}-store", zone=NEW_YORK)
    return info, events.filter(pl.col("code").str.contains(f"^({kind})")).sort("known_at", "source")


def values(events):
    return events.select("numeric_value", pl.col("known_at").dt.strftime("%m-%d %H:%M")).rows()


# ---- corrections and versions ----


@pytest.mark.parametrize("status", ["amended", "corrected", "appended"])
def test_a_changed_result_is_known_when_it_was_changed(tmp_path, status):
    _, events = told(tmp_path, lactate(9.0, LATE, status=status))
    assert values(events) == [(9.0, "03-04 09:00")]
    report = {**NOTES[0], "status": status, "meta": {"lastUpdated": LATE}}
    _, events = told(tmp_path, report, document("x", docStatus=status, meta={"lastUpdated": LATE}), place="g")
    assert set(events["known_at"]) == {datetime(2024, 3, 4, 9)}
    assert events.height == 2


def test_a_change_that_nobody_dates_is_set_aside(tmp_path):
    mine = [lactate(9.0, status="corrected"), {**NOTES[0], "status": "amended"}, document("x", docStatus="amended")]
    info, events = told(tmp_path, *mine)
    assert events.is_empty()
    assert Store.open(tmp_path / "f-store").quarantine().collect()["reason"].to_list() == [UNDATED] * 3
    assert {kind: info["tables"][kind]["rows_set_aside"] for kind in ("Observation", "DocumentReference")} == {
        "Observation": 1,
        "DocumentReference": 1,
    }


def test_what_was_seen_first_stays_beside_its_correction(tmp_path):
    first, second = lactate(2.0, "2024-03-01T19:00:00Z"), lactate(3.0, LATE, version="2", status="corrected")
    for nth, mine in enumerate(permutations([first, second, lactate(3.0, "2024-05-01T00:00:00Z", status="corrected")])):
        info, events = told(tmp_path, *mine, place=f"f{nth}")
        assert values(events) == [(2.0, "03-01 13:40"), (3.0, "03-04 09:00")]  # not when it was copied once more
        assert events["source"].to_list() == ["Observation/x", "Observation/x/_history/2"]
        assert info["tables"]["Observation"]["not_used"] == {"the same resource again": 1}


def test_a_later_version_is_known_when_it_came_even_if_its_status_says_nothing(tmp_path):
    _, events = told(tmp_path, lactate(2.0, "2024-03-01T19:00:00Z"), lactate(3.0, LATE))
    assert values(events) == [(2.0, "03-01 13:40"), (3.0, "03-04 09:00")]


def test_a_withdrawal_does_not_unmake_what_was_seen(tmp_path):
    info, events = told(tmp_path, lactate(2.0, "2024-03-01T19:00:00Z"), lactate(2.0, LATE, status="entered-in-error"))
    assert values(events) == [(2.0, "03-01 13:40")]
    assert info["tables"]["Observation"]["not_used"] == {"status: entered-in-error": 1}


def test_a_version_that_says_nothing_new_is_told_once_and_as_early_as_any_says(tmp_path):
    early, late = lactate(2.0, "2024-03-01T19:00:00Z", status="preliminary"), lactate(2.0, LATE)
    info, events = told(tmp_path, early, late)
    assert values(events) == [(2.0, "03-01 13:40")]
    assert info["tables"]["Observation"]["not_used"] == {"a version that says nothing new": 1}


@pytest.mark.parametrize(
    ("mine", "expected", "reasons"),
    [
        # nothing orders them: neither can be taken for the first
        ([lactate(2.0), lactate(3.0)], [], {UNORDERED: 2}),
        # ordered by number, but the second is not dated
        ([lactate(2.0, version="1"), lactate(3.0, version="2")], [(2.0, "03-01 13:40")], {UNORDERED: 1}),
        # written in one moment: none is the first, all are known then
        ([lactate(2.0, LATE), lactate(3.0, LATE)], [(2.0, "03-04 09:00"), (3.0, "03-04 09:00")], {}),
        # what had no value yet is no first version
        ([lactate(2.0, "2024-03-01T18:00:00Z", status="registered"), lactate(3.0, LATE)], [(3.0, "03-01 13:40")],
         {"status: registered": 1}),
    ],
)  # fmt: skip
def test_versions_that_are_not_dated_are_not_guessed_early(tmp_path, mine, expected, reasons):
    info, events = told(tmp_path, *mine)
    assert sorted(values(events)) == expected
    assert info["tables"]["Observation"]["not_used"] == reasons


def test_of_an_imaging_study_the_newest_version_is_taken(tmp_path):
    study = next(r for r in RESOURCES if r["id"] == "cxr1")
    older = {**study, "series": study["series"][:1], "meta": {"lastUpdated": "2024-03-02T15:00:00Z"}}
    info, events = told(tmp_path, older, {**study, "meta": {"lastUpdated": LATE}}, kind="IMAGE")
    assert events["known_at"].to_list() == [datetime(2024, 3, 2, 9)] * 2  # a picture is as old as it is
    assert events["source"].to_list() == ["ImagingStudy/cxr1#1.2.3.1.1", "ImagingStudy/cxr1#1.2.3.2.1"]
    assert info["tables"]["ImagingStudy"]["not_used"] == {"an older version of the same resource": 1}


def test_how_an_admission_began_is_what_its_first_version_says(tmp_path):
    priority = concept("http://terminology.hl7.org/CodeSystem/v3-ActPriority", "EL")
    source = {"hospitalization": {"admitSource": {"text": "Clinic"}}}
    first = {**ENCOUNTERS[0], **source, "priority": priority, "status": "in-progress"}
    first["meta"] = {"lastUpdated": "2024-03-01T15:00:00Z"}
    planned = {**first, "status": "planned", "priority": {}, "meta": {"lastUpdated": "2024-02-01T15:00:00Z"}}
    last = {**ENCOUNTERS[0], "meta": {"lastUpdated": LATE}}
    _, events = ingest(write_fhir(tmp_path / "f", [*PATIENTS, last, planned, first]), tmp_path / "s", zone=NEW_YORK)
    begun = events.filter(pl.col("code").str.starts_with("HOSPITAL_"))
    assert begun.select("code", "text_value").rows() == [
        ("HOSPITAL_ADMISSION//ELECTIVE", "Clinic"),
        ("HOSPITAL_DISCHARGE//DIED", None),  # how it ended is what the last says
    ]


def test_a_document_without_docstatus_may_have_grown_since_its_date(tmp_path):
    bare = {key: word for key, word in document("x").items() if key != "docStatus"}
    _, events = told(tmp_path, {**bare, "meta": {"lastUpdated": LATE}}, {**bare, "id": "e"}, document("y", id="f"))
    assert dict(events.select("source", "known_at").iter_rows()) == {
        "DocumentReference/d": datetime(2024, 3, 4, 9),
        "DocumentReference/e": datetime(2024, 3, 3, 8),
        "DocumentReference/f": datetime(2024, 3, 2, 8),
    }


FIRST = datetime(2024, 3, 1, 19)
STATUSES = ["final", "final", "preliminary", "corrected", "amended", "entered-in-error", "registered"]


@pytest.mark.parametrize("hours", [1, 5, 12])
def test_no_later_version_changes_what_was_known(tmp_path, hours):
    """What an export of today says was known before t is what an export made at t says was known then."""
    rng = random.Random(hours)

    def written(case, nth, since, issued, status, value):
        made = lactate(value, f"{(FIRST + timedelta(hours=since)).isoformat()}Z", str(nth + 1), status=status)
        return {**made, "id": f"case{case}", "issued": f"{(FIRST + timedelta(hours=issued)).isoformat()}Z"}

    today, then = [], []
    for case in range(300):
        later = [
            (rng.randrange(15), rng.randrange(-2, 15), rng.choice(STATUSES), float(rng.randrange(1, 4)))
            for _ in range(rng.randrange(5))
        ]
        mine = [(0, 0, "preliminary", 1.0), *sorted(later)]
        today += [written(case, nth, *version) for nth, version in enumerate(mine)]
        then += [written(case, nth, *version) for nth, version in enumerate(mine) if version[0] < hours]
    t = FIRST + timedelta(hours=hours)
    known = []
    for name, resources in (("today", today), ("then", then)):
        rng.shuffle(resources)
        _, events = ingest(write_fhir(tmp_path / name, [PATIENTS[0], *resources]), tmp_path / f"{name}-s")
        seen = events.filter(pl.col("known_at") < t, pl.col("code").str.starts_with("LOINC"))
        known.append(seen.select("known_at", "numeric_value", "source").sort(pl.all()).rows())
    assert known[0] == known[1]
    assert len(known[0]) >= 300


# ---- discharge summaries ----

END = datetime(2024, 3, 6, 2)


@pytest.mark.parametrize(
    "named",
    [
        {"type": {"text": "Discharge Summary"}},
        {"type": {"text": "DISCHARGE  NOTE"}},
        {"type": {"text": "Hospital discharge summary"}},
        {"type": {"text": "Physician summary of discharge"}},
        {"type": {"text": "Death summary"}},
        {"type": {"text": "Entlassungsbrief"}},
        {"type": concept(LOINC, "18842-5")},
        {"type": concept(LOINC, "99999-9", "Discharge summary")},
        {"type": {"text": "Note"}, "category": [{"text": "Discharge documents"}]},
        {"type": concept(LOINC, "11506-3", "Progress note"), "description": "Discharge summary"},
        {"type": {"text": "Letter", "coding": [{"system": "x", "code": "y", "display": "Discharge letter"}]}},
    ],
)
def test_a_discharge_summary_by_any_name_is_not_known_before_the_end(tmp_path, named):
    for place, encounter in (("f", INPATIENT), ("g", {"reference": "Encounter/icu1"}), ("h", None)):
        _, events = told(tmp_path, document("She died on 6 March.", encounter, **named), place=place)
        row = events.row(0, named=True)
        assert (row["code"], row["known_at"]) == ("NOTE//discharge", END)
        ids = dict(pl.read_parquet(tmp_path / f"{place}-store/metadata/ids.parquet").select("id", "number").iter_rows())
        assert row["hadm_id"] == ids["Encounter/adm1"]


def test_the_guard_keeps_the_own_discharge_summary_out(tmp_path):
    mine = [document("She died.", None, type={"text": "Discharge Summary"}), document("Day 2.", id="p")]
    root = write_fhir(tmp_path / "f", [*PATIENTS, *ENCOUNTERS, *OTHERS, *mine])
    _, events = ingest(root, tmp_path / "s", zone=NEW_YORK)
    drawn, _ = draw(events.lazy(), stays(events.lazy()), SampleSettings(landmark_hours=48))
    seen = admissible(events.lazy(), drawn.filter(pl.col("subject_id") == events["subject_id"].max()), "admissible")
    assert not seen["text_value"].str.contains("died").fill_null(value=False).any()
    late = drawn.with_columns(pl.lit(datetime(2024, 3, 7)).alias("prediction_time"))
    assert "Day 2." in admissible(events.lazy(), late, "admissible")["text_value"].to_list()
    assert "She died." not in admissible(events.lazy(), late, "admissible")["text_value"].to_list()


def test_other_words_are_no_discharge_summary(tmp_path):
    for n, words in enumerate(("Wound care: no discharge seen", "Progress note", "Nursing")):
        _, events = told(tmp_path, document("x", type={"text": words}), place=f"f{n}")
        assert (events["code"] != "NOTE//discharge").all()
        assert events["known_at"].to_list() == [datetime(2024, 3, 2, 8)]


def test_a_discharge_report_and_one_whose_encounter_has_no_end(tmp_path):
    report = {**NOTES[0], "id": "s", "category": [], "code": {"text": "Discharge summary"}, "imagingStudy": []}
    _, events = told(tmp_path, report)
    assert events.select("code", "known_at").rows() == [("NOTE//discharge", END)]
    still = {**ENCOUNTERS[3], "id": "still", "class": {"code": "IMP"}, "period": {"start": "2024-02-01"}}
    kind = {"type": {"text": "Discharge summary"}, "subject": BOB, "date": "2024-02-05T08:00:00-05:00"}
    there = document("x", {"reference": "Encounter/still"}, **kind)
    nowhere = document("x", None, id="e", **kind)
    over = {**nowhere, "id": "g", "context": {"period": {"end": "2024-02-04T08:00:00-05:00"}}}
    before = document("x", None, id="h", **{**kind, "date": "2024-01-05T08:00:00-05:00"})
    _, events = told(tmp_path, still, there, nowhere, over, before, place="g")
    # of one that is not over nothing says when it ended; before every admission, the date is all there is
    assert events.select("source", "known_at").rows() == [("DocumentReference/h", datetime(2024, 1, 5, 8))]
    reasons = Store.open(tmp_path / "g-store").quarantine().collect()["reason"].to_list()
    assert reasons == ["a discharge summary, and its encounter has no end"] * 3


# ---- imaging ----


@pytest.mark.parametrize(
    ("others", "kind"),
    [
        ({"imagingStudy": [{"reference": "ImagingStudy/cxr1"}], "code": {"text": "Scan"}}, "radiology"),
        ({"category": [concept("http://x", "imaging")], "code": {"text": "Scan"}}, "radiology"),
        ({"category": [concept("http://x", "RAD")], "code": {"text": "Scan"}}, "radiology"),
        ({"category": [{"text": "Diagnostic imaging"}], "code": {"text": "Scan"}}, "radiology"),
        ({"code": {"text": "XR CHEST AP PORTABLE"}}, "radiology"),
        ({"code": {"text": "Chest x-ray"}}, "radiology"),
        ({"code": concept(LOINC, "11524-6"), "category": [concept("http://x", "imaging")]}, "ecg"),
        ({"code": {"text": "Extra blood film"}}, "extra-blood-film"),
        ({"code": {"text": "Radical resection"}}, "radical-resection"),
    ],
)
def test_a_report_of_imaging_is_radiology_whatever_it_is_coded_in(tmp_path, others, kind):
    report = {**NOTES[0], "category": [], "imagingStudy": [], **others}
    _, events = told(tmp_path, report)
    assert events["code"].to_list() == [f"NOTE//{kind}"]


def test_a_document_of_a_film_is_radiology_too(tmp_path):
    _, events = told(tmp_path, document("FINDINGS: clear.", type={"text": "XR Chest 1 View"}))
    assert events.select("code", "title").rows() == [("NOTE//radiology", "Radiology: XR Chest 1 View")]


# ---- the zone ----


@pytest.mark.parametrize(("zone", "said"), [(None, "UTC"), ("Europe/Berlin", "Europe/Berlin")])
def test_the_store_says_on_which_clock_it_is(tmp_path, zone, said):
    assert FHIR(zone).ingest(write_fhir(tmp_path / "f"), tmp_path / "s")["time_zone"] == said


def test_no_order_of_versions_changes_a_byte(tmp_path):
    mine = [
        *RESOURCES,
        lactate(2.0, "2024-03-01T19:00:00Z"),
        lactate(3.0, LATE, status="corrected"),
        lactate(2.5, LATE),
    ]
    stores = []
    for seed in (None, 1, 2):
        FHIR().ingest(write_fhir(tmp_path / f"f{seed}", mine, shuffle=seed), tmp_path / f"s{seed}")
        stores.append(data_of(tmp_path / f"s{seed}"))
    assert stores[0] == stores[1] == stores[2]
