"""From FHIR to a store: what becomes of each resource, and when it is known."""

import json
from datetime import datetime

import meds
import polars as pl
import pyarrow.parquet as parquet
import pytest
from tiny_fhir import (
    ACT,
    ADA,
    BOB,
    ENCOUNTERS,
    INPATIENT,
    LOINC,
    NOTES,
    PATIENTS,
    RESOURCES,
    concept,
    data_of,
    ingest,
    observed,
    one,
    packed,
    quantity,
    write_fhir,
)

from xhaim.cohort.guard import admissible
from xhaim.cohort.samples import draw
from xhaim.cohort.stays import stays
from xhaim.config import SampleSettings
from xhaim.events import EVENT_SCHEMA
from xhaim.modality.documents import documents, images, modality_of
from xhaim.modality.measurements import measurements, set_aside
from xhaim.modality.tabular import static_facts
from xhaim.source.fhir import FHIR
from xhaim.source.store import Store


def at(text):
    return datetime.fromisoformat(text) if text else None


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    return (*ingest(write_fhir(folder / "fhir"), folder / "store", zone="America/New_York"), folder / "store")


GOLDEN = [
    ("Patient/ada", "MEDS_BIRTH", "1950-05-01", "1950-05-01", None, None),
    ("Patient/ada", "GENDER//F", None, None, None, None),
    ("Patient/ada", "RACE//WHITE", None, None, None, None),
    ("Patient/ada", "LANGUAGE//ENGLISH", None, None, None, None),
    # discharged dead at 02:00, died at 02:30 by Patient: the later, more exact one
    ("Patient/ada", "MEDS_DEATH", "2024-03-06 02:30", "2024-03-06 02:30", None, None),
    ("Patient/zoe", "MEDS_DEATH", "2024-05-01 23:59:59.999999", "2024-05-01 23:59:59.999999", None, None),
    ("Encounter/adm1", "HOSPITAL_ADMISSION//URGENT", "2024-03-01 10:00", "2024-03-01 10:00", None, "Emergency room"),
    ("Encounter/adm1", "HOSPITAL_DISCHARGE//DIED", "2024-03-06 02:00", "2024-03-06 02:30", None, None),
    ("Encounter/icu1", "ICU_ADMISSION//Medical ICU", "2024-03-01 12:00", "2024-03-01 12:00", None, None),
    ("Encounter/icu1", "ICU_DISCHARGE//Medical ICU", "2024-03-05 20:00", "2024-03-05 20:00", None, None),
    ("Encounter/adm2", "HOSPITAL_ADMISSION//EMERGENCY", "2024-04-01 04:00", "2024-04-01 04:00", None, None),
    # two units that touch are one stay; the second ends when the ward begins
    (
        "Encounter/adm2",
        "ICU_ADMISSION//Surgical Intensive Care Unit",
        "2024-04-02 02:00",
        "2024-04-02 02:00",
        None,
        None,
    ),
    (
        "Encounter/adm2",
        "ICU_DISCHARGE//Surgical Intensive Care Unit",
        "2024-04-06 08:00",
        "2024-04-06 08:00",
        None,
        None,
    ),
    (
        "Encounter/adm2",
        "HOSPITAL_DISCHARGE//UNK",
        "2024-04-09 23:59:59.999999",
        "2024-04-09 23:59:59.999999",
        None,
        None,
    ),
    ("Encounter/clinic", "VISIT//AMB", "2024-02-01", "2024-02-01 23:59:59.999999", None, None),
    ("Observation/lactate", "LOINC//2524-7//mmol/L", "2024-03-01 13:00", "2024-03-01 13:40", 2.8, None),
    ("Observation/k", "LOINC//2823-3//meq/L", "2024-03-01 13:00", "2024-03-01 19:00", 4.1, None),
    ("Observation/hr", "LOINC//8867-4///min", "2024-03-01 13:00", "2024-03-01 13:00", 88, None),
    ("Observation/troponin", "LOINC//6598-7", "2024-03-01 13:00", "2024-03-01 19:00", None, "<0.01 ng/mL"),
    ("Observation/gcs", "LOINC//9270-0", "2024-03-01 13:00", "2024-03-01 13:00", 4, None),
    ("Observation/bp", "LOINC//8480-6//mm[Hg]", "2024-03-01 13:00", "2024-03-01 13:00", 120, None),
    ("Observation/bp", "LOINC//8462-4//mm[Hg]", "2024-03-01 13:00", "2024-03-01 13:00", 70, None),
    ("Observation/rhythm", "LOINC//8884-9", "2024-03-01 13:00", "2024-03-01 19:00", None, "sinus rhythm"),
    ("Observation/smoker", "LOINC//72166-2", "2024-03-01 13:00", "2024-03-01 19:00", None, "true"),
    ("Observation/colour", "LOINC//5778-6", "2024-03-02", "2024-03-03 05:59:59.999999", None, "amber"),
    ("Observation/amended", "LOINC//1751-7//g/dL", "2024-03-01 13:00", "2024-03-04 09:00", 3.1, None),
    ("Condition/hf", "DIAGNOSIS//ICD//10//I509", "2024-03-01", "2024-04-05 02:00", None, None),
    ("Condition/asthma", "DIAGNOSIS//SNOMED//195967001", "1999-01-01", "2024-04-03 23:59:59.999999", None, None),
    ("MedicationRequest/rx", "PRESCRIPTION//furosemide", "2024-03-01 15:00", "2024-03-01 15:00", None, "40 mg IV"),
    ("MedicationAdministration/given", "MEDICATION//RXNORM//4603", "2024-03-01 15:30", "2024-03-01 16:00", 40, None),
    ("Procedure/tube", "PROCEDURE//SNOMED//112798008", "2024-03-01 13:00", "2024-03-01 13:20", 20, None),
    ("Procedure/open", "PROCEDURE//mechanical-ventilation", "2024-03-01 13:00", "2024-03-06 02:00", None, None),
    ("ImagingStudy/cxr1#1.2.3.1.1", "IMAGE//CXR", "2024-03-02 09:00", "2024-03-02 09:00", None, None),
    ("ImagingStudy/cxr1#1.2.3.2.1", "IMAGE//CXR", "2024-03-02 09:00", "2024-03-02 09:00", None, None),
    (
        "DiagnosticReport/xr",
        "NOTE//radiology",
        "2024-03-02 09:00",
        "2024-03-02 11:15",
        None,
        "FINDINGS: Small effusion, 2 µm, left.\n\nCONCLUSION: Small effusion.",
    ),
    (
        "DocumentReference/progress",
        "NOTE//progress",
        "2024-03-02 08:00",
        "2024-03-02 08:00",
        None,
        "Course: stable.\nA&O",
    ),
    # begun on the first day: what it says of the end was not known before the end
    (
        "DocumentReference/discharge",
        "NOTE//discharge",
        "2024-03-01 12:00",
        "2024-03-06 02:00",
        None,
        "Hospital course: died.",
    ),
    ("DocumentReference/social", "NOTE//social-work", "2024-04-03 04:00", "2024-04-03 04:00", None, "Lives alone."),
]


@pytest.mark.parametrize(("source", "code", "time", "known_at", "number", "text"), GOLDEN)
def test_each_resource_becomes_its_event_at_its_time(made, source, code, time, known_at, number, text):
    event = one(made[1], source, code)
    assert (event["time"], event["known_at"]) == (at(time), at(known_at))
    assert event["numeric_value"] == (pytest.approx(number) if number is not None else None)
    assert event["text_value"] == text


def test_the_golden_list_is_nearly_everything(made):
    others = set(made[1].select("source", "code").iter_rows()) - {row[:2] for row in GOLDEN}
    assert others == {
        ("Patient/2", "MEDS_BIRTH"),
        ("Patient/2", "GENDER//M"),
        ("Observation/bare", "LOINC//2345-7//unknown"),
    }


def test_resources_are_booked_and_add_up(made):
    tables = made[0]["tables"]
    for name, n in tables.items():
        assert n["rows_in"] == n["rows_used"] + n["rows_set_aside"] + n["rows_not_used"], name
    assert sum(n["rows_in"] for n in tables.values()) == len(RESOURCES)
    assert {name: n["not_used"] for name, n in tables.items() if n["not_used"]} == {
        "Encounter": {"status: cancelled": 1},
        "Observation": {"no value of a kind that is read": 1, "status: entered-in-error": 1},
        "DiagnosticReport": {"no text": 1},
        "DocumentReference": {"an attachment by url: never fetched": 1},
        "ImagingStudy": {"no plain film": 1},
        "other types": {"Practitioner: not read": 1},
    }
    aside = Store.open(made[2]).quarantine().collect().sort("line")
    assert aside.rows() == [
        ("Observation.ndjson.gz", 14, 14, "subject: not among the patients"),
        ("Observation.ndjson.gz", 15, 15, "value: not a finite number of 32 bits"),
        ("Observation.ndjson.gz", 16, 16, "effective: missing, or not a date or time"),
    ]
    assert made[0]["counts"]["subjects"] == 3
    assert made[0]["counts"]["stays"] == 2


def test_admissions_stays_and_studies_have_numbers_that_lead_back(made):
    ids = dict(pl.read_parquet(made[2] / "metadata" / "ids.parquet").select("id", "number").iter_rows())
    lactate, picture, report = (
        one(made[1], s) for s in ("Observation/lactate", "ImagingStudy/cxr1#1.2.3.1.1", "DiagnosticReport/xr")
    )
    assert lactate["subject_id"] == ids["Patient/ada"]
    assert lactate["hadm_id"] == ids["Encounter/adm1"]
    assert one(made[1], "Encounter/icu1", "ICU_ADMISSION//Medical ICU")["stay_id"] == ids["Encounter/icu1"]
    assert one(made[1], "Encounter/icu1", "ICU_ADMISSION//Medical ICU")["hadm_id"] == ids["Encounter/adm1"]
    assert picture["study_id"] == report["study_id"] == ids["ImagingStudy/cxr1"]
    assert (picture["title"], picture["image_path"]) == ("PA", "1.2.3.1.1.png")
    assert report["title"] == "Radiology: XR Chest 2 Views"
    assert one(made[1], "Patient/2", "GENDER//M")["subject_id"] == 2
    assert one(made[1], "Patient/ada", "MEDS_DEATH")["hadm_id"] == ids["Encounter/adm1"]


def test_the_store_is_valid_meds_and_what_a_run_reads_of_it_is_there(made):
    table = parquet.read_table(made[2] / "data" / "0.parquet")
    meds.DataSchema.validate(table)
    assert pl.DataFrame(pl.from_arrow(table)).schema == pl.Schema(EVENT_SCHEMA)
    meds.CodeMetadataSchema.validate(parquet.read_table(made[2] / "metadata" / "codes.parquet"))
    meds.DatasetMetadataSchema.validate(json.loads((made[2] / "metadata" / "dataset.json").read_text()))
    events = made[1].lazy()
    when = stays(events)
    assert when.height == 2
    drawn, _ = draw(events, when, SampleSettings(landmark_hours=24))
    assert drawn.height == 2
    seen = admissible(events, drawn, "prior_only")
    ids = dict(pl.read_parquet(made[2] / "metadata" / "ids.parquet").select("id", "number").iter_rows())
    sample = drawn.filter(pl.col("stay_id") == ids["Encounter/icu1"]).row(0, named=True)
    values = dict(measurements(seen).filter(sample_id=sample["sample_id"]).select("signal", "value").iter_rows())
    assert values == {
        "lactate": pytest.approx(2.8),
        "potassium": pytest.approx(4.1),
        "heart_rate": 88,
        "sbp_noninvasive": 120,
        "dbp_noninvasive": 70,
        "gcs_verbal": 4,
    }
    # a bare 5.5 may be mmol/L or mg/dL: refused, not guessed
    assert set_aside(seen).rows() == [("glucose", "unknown unit", 1), ("troponin_t", "value in words", 1)]
    facts = static_facts(seen)[sample["sample_id"]]
    assert (facts["sex"], facts["race"], facts["admission"], facts["hours in ICU"]) == ("F", "WHITE", "URGENT", 24.0)
    notes = documents(seen)[sample["sample_id"]]
    assert [note.kind for note in notes] == ["progress", "radiology"]
    assert [modality_of(note) for note in notes] == ["notes", "cxr"]
    assert images(seen)[sample["sample_id"]][0].view == "PA"
    at_image, _ = draw(events, when, SampleSettings())
    assert at_image["index_image_id"].to_list() == ["ImagingStudy/cxr1#1.2.3.1.1"]
    assert at_image["prediction_time"].to_list() == [at("2024-03-02 09:00")]


def test_nothing_is_known_before_it_happened(made, tmp_path):
    for events in (made[1], ingest(write_fhir(tmp_path / "f"), tmp_path / "s")[1]):
        timed = events.filter(pl.col("time").is_not_null())
        assert (timed["known_at"] >= timed["time"]).all()
        assert events.filter(pl.col("time").is_null())["code"].str.contains("^(GENDER|RACE|LANGUAGE)//").all()


def test_without_a_zone_a_day_is_known_when_it_has_ended_everywhere(tmp_path):
    _, events = ingest(write_fhir(tmp_path / "f"), tmp_path / "s")
    clinic = one(events, "Encounter/clinic")
    assert (clinic["time"], clinic["known_at"]) == (at("2024-02-01"), at("2024-02-02 11:59:59.999999"))
    assert one(events, "Observation/lactate")["time"] == at("2024-03-01 18:00")


@pytest.mark.parametrize("shape", ["searchset", "transaction"])
def test_bundles_hold_what_ndjson_holds(made, tmp_path, shape):
    info, events = ingest(write_fhir(tmp_path / "f", shape=shape), tmp_path / "s", zone="America/New_York")
    known = ["subject_id", "time", "code", "numeric_value", "text_value", "known_at", "hadm_id", "stay_id", "study_id"]
    assert events.select(known).sort(known).equals(made[1].select(known).sort(known))
    assert sum(n["rows_in"] for n in info["tables"].values()) == len(RESOURCES)
    beginnings = {"searchset": "http://hospital.example/fhir/", "transaction": "urn:uuid:"}
    assert events["source"].str.starts_with(beginnings[shape]).all()


@pytest.mark.parametrize("shape", ["ndjson", "searchset"])
def test_no_order_of_files_lines_or_entries_changes_a_byte(tmp_path, shape):
    stores = []
    for seed in (None, 1, 2, 3):
        out = tmp_path / f"s{seed}"
        FHIR().ingest(write_fhir(tmp_path / f"f{seed}", shape=shape, shuffle=seed), out)
        stores.append(data_of(out))
    assert stores[0] == stores[1] == stores[2] == stores[3]


def test_the_same_again_counts_once_and_a_version_once(tmp_path):
    lactate = observed("x", "2524-7", valueQuantity=quantity(2.0, "mmol/L"))
    newer = {**lactate, "valueQuantity": quantity(3.0, "mmol/L"), "meta": {"lastUpdated": "2024-03-09T00:00:00Z"}}
    error = observed("y", "2524-7", status="entered-in-error")
    before = observed("y", "2524-7", valueQuantity=quantity(9.0, "mmol/L"), meta={"versionId": "1"})
    error["meta"] = {"versionId": "2"}
    mine = [*PATIENTS, *ENCOUNTERS, PATIENTS[0], newer, lactate, lactate, newer, error, before]
    info, events = ingest(write_fhir(tmp_path / "f", mine), tmp_path / "s")
    assert events.filter(pl.col("code").str.starts_with("LOINC"))["numeric_value"].to_list() == [2.0, 3.0, 9.0]
    assert info["tables"]["Observation"]["not_used"] == {
        "the same resource again": 2,
        "status: entered-in-error": 1,
    }
    assert info["tables"]["Patient"]["not_used"] == {"the same resource again": 1}
    assert events.filter(pl.col("code") == "MEDS_DEATH").height == 2


def test_one_id_on_two_servers_is_no_patient(tmp_path):
    entries = [
        {"fullUrl": f"http://{server}.example/Patient/7", "resource": {**PATIENTS[1], "id": "7"}} for server in "ab"
    ]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    root = write_fhir(
        tmp_path / "f", [*PATIENTS, observed("o", "2524-7", valueInteger=1) | {"subject": {"reference": "Patient/7"}}]
    )
    (root / "both.json").write_text(json.dumps(bundle))
    info, events = ingest(root, tmp_path / "s")
    assert info["tables"]["Patient"]["rows_set_aside"] == 1
    assert "7" not in set(events["subject_id"].cast(pl.String))
    reasons = Store.open(tmp_path / "s").quarantine().collect()["reason"].to_list()
    assert sorted(reasons) == ["id: the same on two servers", "subject: not among the patients"]


def test_a_patient_of_another_server_is_another_patient(tmp_path):
    theirs = observed("o", "2524-7", valueInteger=1) | {"subject": {"reference": "http://elsewhere.example/Patient/2"}}
    root = write_fhir(tmp_path / "f", [*PATIENTS, theirs], shape="searchset")
    ingest(root, tmp_path / "s")
    assert Store.open(tmp_path / "s").quarantine().collect()["reason"].to_list() == [
        "subject: a patient of another server"
    ]


def icu(id_, first, last=None, where=(), **others):
    """An inpatient encounter from one day of January to another, in these places."""
    return {
        "resourceType": "Encounter",
        "id": id_,
        "status": "finished",
        "subject": BOB,
        "class": {"system": ACT, "code": "IMP"},
        "period": days(first, last),
        "location": [{"location": {"display": name}, "period": days(*when)} for name, *when in where],
        **others,
    }


def days(first, last=None):
    said = {"start": f"2024-01-0{first}T00:00:00Z"}
    return {**said, "end": f"2024-01-0{last}T00:00:00Z"} if last else said


def part_of(id_):
    return {"partOf": {"reference": f"Encounter/{id_}"}}


ICU = [{"text": "Intensive care"}]


@pytest.mark.parametrize(
    ("encounters", "expected"),
    [
        # by its own type, without a parent: an admission that is one stay
        ([icu("a", 1, 3, type=ICU)], [(1, 3)]),
        # a name that only sounds like one
        ([icu("a", 1, 3, [("Ward for circulatory disease", 1)])], []),
        # two stays of one admission, with the ward between them; the second has no end yet
        ([icu("a", 1, None, [("MICU", 1, 2), ("Ward", 2, 3), ("MICU", 3)])], [(1, 2), (3, None)]),
        # overlapping units are one stay, until the later end
        ([icu("a", 1, 9, [("MICU", 1, 4), ("SICU", 2, 3)])], [(1, 4)]),
        # two stays that are encounters of their own, although they overlap
        (
            [icu("a", 1, 9), icu("b", 2, 4, type=ICU, **part_of("a")), icu("c", 3, 5, type=ICU, **part_of("a"))],
            [(2, 4), (3, 5)],
        ),
        # encounters that are part of each other in a circle still end
        (
            [icu("a", 1, **part_of("b")), icu("b", 1, 2, type=ICU, **part_of("a"))],
            [(1, 2)],
        ),
        # a stay of no length; one that ends before it starts
        ([icu("a", 1, 1, type=ICU)], [(1, 1)]),
        ([icu("a", 3, 1, type=ICU)], []),
    ],
)  # fmt: skip
def test_icu_stays_by_the_rule(tmp_path, encounters, expected):
    _, events = ingest(write_fhir(tmp_path / "f", [*PATIENTS, *encounters]), tmp_path / "s")
    if not expected:
        assert not events["code"].str.starts_with("ICU_").any()
        return
    found = stays(events.lazy()).sort("intime")
    assert found.select("intime", "outtime").rows() == [
        tuple(n and datetime(2024, 1, n) for n in pair) for pair in expected
    ]
    assert found["hadm_id"].n_unique() == 1
    assert found["admittime"].null_count() == 0


UNDECODED = "attachment: not base64, or not text in its charset"


@pytest.mark.parametrize(
    ("kind", "data", "text", "why"),
    [
        ("text/plain; charset=ISO-8859-1", "RvxoZXI=", "Füher", None),
        ("text/html", packed("a<br/>b&#xD800;&#0;&lt;script&gt;"), "a\nb\ufffd\ufffd<script>", None),
        ("text/html", packed("<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><p>x &e;"), None, None),
        ("text/plain", "not base64!", None, UNDECODED),
        ("text/plain", "/////w==", None, UNDECODED),
        ("text/plain", packed("a\0b"), None, "attachment: text with NUL"),
        ("text/plain; charset=utf-7", packed("x"), None, "attachment: a charset that is not read"),
        ("application/pdf", packed("%PDF"), None, None),
    ],
)
def test_attachments_are_read_strictly_and_only_inline(tmp_path, kind, data, text, why):
    note = {**NOTES[2], "content": [{"attachment": {"contentType": kind, "data": data}}]}
    _, events = ingest(write_fhir(tmp_path / "f", [*PATIENTS, note]), tmp_path / "s")
    found = events.filter(pl.col("code").str.starts_with("NOTE//"))["text_value"].to_list()
    if text is not None:
        assert found == [text]
    assert all("root:" not in words for words in found)
    assert Store.open(tmp_path / "s").quarantine().collect()["reason"].to_list() == ([why] if why else [])
    if why:
        assert found == []


def test_a_view_that_is_not_clear_is_not_said(tmp_path):
    def study(id_, **others):
        series = {"uid": "1", "modality": {"code": "CR"}, "instance": [{"uid": f"9.{id_}"}]}
        return {"resourceType": "ImagingStudy", "id": id_, "status": "available", "subject": ADA} | {
            "started": "2024-03-02T09:00:00Z",
            "series": [{**series, **others}],
        }

    mine = [
        study("1", description="CHEST PA AND LATERAL"),
        study("2", description="Chest portable AP"),
        study("3", bodySite={"code": "51185008"}),
        study("4", description="KNEE AP"),
        study("5", bodySite={"display": "Thoracic spine"}),
        study("6", bodySite={"display": "CHEST"}, instance=[]),
    ]
    info, events = ingest(write_fhir(tmp_path / "f", [*PATIENTS, *mine]), tmp_path / "s")
    shown = dict(events.filter(pl.col("code") == "IMAGE//CXR").select("source", "title").iter_rows())
    assert shown == {
        "ImagingStudy/1#9.1": None,
        "ImagingStudy/2#9.2": "AP",
        "ImagingStudy/3#9.3": None,
        "ImagingStudy/6": None,
    }
    assert info["tables"]["ImagingStudy"]["not_used"] == {"no film of the chest": 2}


def test_resources_without_an_id(tmp_path):
    nameless = [
        {k: v for k, v in r.items() if k != "id"}
        for r in (PATIENTS[0], RESOURCES[-7 - 1], observed("o", "9270-0", valueInteger=3))
    ]
    info, events = ingest(write_fhir(tmp_path / "f", [*PATIENTS, *nameless]), tmp_path / "s")
    assert nameless[1]["resourceType"] == "ImagingStudy"
    assert Store.open(tmp_path / "s").quarantine().collect()["reason"].to_list() == ["id: missing, and no fullUrl"] * 2
    assert events.filter(pl.col("code") == "LOINC//9270-0")["source"].str.contains("^Observation/#[0-9a-f]{16}$").all()
    assert info["tables"]["Observation"]["rows_used"] == 1


def test_codes_of_mimic_and_of_unknown_systems(tmp_path):
    mimic = "http://mimic.mit.edu/fhir/mimic/CodeSystem/mimic-"

    def coded(id_, code):
        return observed(id_, "x", valueQuantity=quantity(1, "mmol/L")) | {"code": code}

    both = {"coding": [{"system": "http://other.example/lab", "code": "L1"}, {"system": LOINC, "code": "2524-7"}]}
    mine = [
        coded("a", concept(f"{mimic}d-labitems", "50813")),
        coded("b", concept(f"{mimic}chartevents-d-items", "220045")),
        coded("c", concept("http://other.example/lab", "L1")),
        coded("d", both),
        coded("e", {"text": "Lactate, bedside"}),
        coded("f", {}),
    ]
    _, events = ingest(write_fhir(tmp_path / "f", [*PATIENTS, *mine]), tmp_path / "s")
    codes = dict(events.filter(pl.col("source").str.starts_with("Obs")).select("source", "code").iter_rows())
    assert {key[-1]: code.removesuffix("//mmol/L") for key, code in codes.items()} == {
        "a": "LAB//50813",
        "b": "CHART//220045",
        "c": "OBSERVATION//other.example/lab|L1",
        "d": "LOINC//2524-7",
        "e": "OBSERVATION//lactate-bedside",
    }
    assert Store.open(tmp_path / "s").quarantine().collect()["reason"].to_list() == ["code: missing"]


def test_a_day_of_death_after_a_discharge_alive_is_not_of_the_admission(tmp_path):
    bob = {**PATIENTS[1], "deceasedDateTime": "2024-04-09"}
    _, events = ingest(write_fhir(tmp_path / "f", [bob, *ENCOUNTERS]), tmp_path / "s", zone="UTC")
    assert one(events, "Patient/2", "MEDS_DEATH")["hadm_id"] is not None  # the last day of an unknown disposition
    bob["deceasedDateTime"] = "2024-04-10"
    _, events = ingest(write_fhir(tmp_path / "g", [bob, *ENCOUNTERS]), tmp_path / "t", zone="UTC")
    assert one(events, "Patient/2", "MEDS_DEATH")["hadm_id"] is None


def test_an_encounter_of_somebody_else_lends_no_admission(tmp_path):
    theirs = observed("o", "2524-7", valueInteger=1) | {"subject": BOB, "encounter": INPATIENT}
    _, events = ingest(write_fhir(tmp_path / "f", [*PATIENTS, *ENCOUNTERS, theirs]), tmp_path / "s")
    assert one(events, "Observation/o")["hadm_id"] is None
