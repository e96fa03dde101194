"""From eICU's files to a store: where minutes become times, what becomes of each row, and what is never mixed."""

import gzip
import hashlib

import meds
import polars as pl
import pyarrow.parquet as parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiny_eicu import FIRST, OTHER_YEAR, ROWS, at, exam, ingest, write

from xhaim.cohort.guard import admissible
from xhaim.cohort.samples import draw
from xhaim.cohort.stays import stays
from xhaim.config import SampleSettings
from xhaim.errors import DataError
from xhaim.events import EVENT_SCHEMA
from xhaim.source.eicu import NOT_READ, Eicu
from xhaim.source.store import Store


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("eicu")
    info, events = ingest(write(folder / "eicu"), folder / "store")
    return info, events, folder / "store"


# ---- events -------------------------------------------------------------------------------------------------------

WARFARIN, URINE, ED = "WARFARIN 5 MG PO TABS", "Urine; E. coli; cefazolin: Sensitive", "Emergency Department"
CHARTED, ENTERED = "2015-01-01 08:50:30", "2015-01-01 09:03:30"


@pytest.mark.parametrize(
    ("source", "code", "time", "known_at", "number", "text"),
    [
        ("patient#11", "HOSPITAL_ADMISSION//Emergency Department", "2014-01-01 22:00", None, None, ED),
        ("patient#11", "HOSPITAL//7", "2014-01-01 22:00", None, None, "100 - 249 beds; Midwest; teaching"),
        ("patient#12", "HOSPITAL//8", "2015-01-01 08:30:30", None, None, "<100 beds"),
        ("patient#11", "RACE//WHITE", "2014-01-01 22:00", None, None, None),
        ("patient#12", "RACE//UNKNOWN", "2015-01-01 08:30:30", None, None, None),
        ("patient#11", "MEDS_BIRTH", "1924-01-01", None, None, None),  # > 89: 90
        ("patient#12", "MEDS_BIRTH", "1963-01-01", None, None, None),
        # died in the second unit at 18:00; the hospital's discharge is 40 minutes later, and nobody knows before it
        ("patient#11", "MEDS_DEATH", "2014-01-04 18:00", "2014-01-04 18:40", None, None),
        ("patient#11", "HOSPITAL_DISCHARGE//Death", "2014-01-04 18:40", None, None, None),
        ("patient#12", "HOSPITAL_DISCHARGE//Home", "2015-01-03 10:30:30", None, None, None),
        ("patient#11-101", "ICU_ADMISSION//MICU", "2014-01-02 00:00", None, None, ED),
        ("patient#11-101", "ICU_DISCHARGE//Step-Down Unit (SDU)", "2014-01-03 01:00", None, None, None),
        ("patient#11-102", "ICU_ADMISSION//MICU", "2014-01-03 01:00", None, None, ED),
        ("patient#11-102", "UNIT_STAY_TYPE//stepdown/other", "2014-01-03 01:00", None, 2, None),
        ("lab#1", "LAB//lactate//mmol/L", "2014-01-02 01:00", "2014-01-02 01:35", 2.5, None),
        ("lab#2", "LAB//Temperature//°C", "2014-01-01 23:30", "2014-01-02 05:30", 37, None),  # no entry: six hours
        ("lab#3", "LAB//lactate//mmol/L", "2014-01-03 01:10", "2014-01-03 01:10", None, "<0.3"),  # entered before drawn
        ("vitalperiodic#5", "CHART//heartrate//bpm", "2015-01-01 08:35:30", "2015-01-01 08:40:30", 88, None),
        ("vitalperiodic#5", "CHART//temperature//°C", "2015-01-01 08:35:30", "2015-01-01 08:40:30", 36.6, None),
        ("vitalaperiodic#7", "CHART//noninvasivesystolic//mmHg", "2015-01-01 08:36:30", None, 120, None),
        ("nursecharting#8", "CHART//Temperature (F)//°F", CHARTED, ENTERED, 98.6, None),
        ("nursecharting#9", "CHART//Glasgow coma score Eyes//UNK", CHARTED, ENTERED, 4, None),
        ("nursecharting#10", "CHART//Heart Rate//UNK", CHARTED, ENTERED, 91, None),
        ("nursecharting#11", "CHART//Pain Level//UNK", CHARTED, ENTERED, None, "unable to report"),
        ("respiratorycharting#13", "CHART//FiO2//%", "2014-01-02 00:40", None, 80, None),
        ("intakeoutput#14", "OUTPUT//Urine//mL", "2014-01-02 01:00", "2014-01-02 02:10", 75, None),
        ("intakeoutput#15", "CHART//Bodyweight (lb)//lb", "2014-01-02 01:00", "2014-01-02 02:10", 150, None),
        ("infusiondrug#16", "INPUT//Norepinephrine//mcg/min", "2014-01-02 00:50", None, 5, None),
        ("infusiondrug#17", "INPUT//Norepinephrine//mcg/min", "2014-01-02 00:55", None, None, "OFF"),
        ("medication#19", f"PRESCRIPTION//{WARFARIN}", "2014-01-01 23:00", "2014-01-02 02:14", None, "5 mg PO"),
        ("medication#20", "PRESCRIPTION//HICL 182", "2014-01-02 01:10", None, None, None),
        ("microlab#22", "MICROBIOLOGY//Urine//E. coli", "2014-01-02", "2014-01-10", None, URINE),
        ("physicalexam#2", "CHART//HR Current//bpm", "2014-01-02 00:30", None, 107, None),
        ("physicalexam#4", "CHART//Motor Score//UNK", "2014-01-02 00:30", None, 6, None),
    ],
)  # fmt: skip
def test_each_row_becomes_its_event_at_its_time(made, source, code, time, known_at, number, text):
    rows = made[1].filter((pl.col("source") == source) & (pl.col("code") == code))
    assert rows.height == 1, made[1].filter(pl.col("source") == source)["code"].to_list()
    event = rows.row(0, named=True)
    assert (event["time"], event["known_at"]) == (at(time), at(known_at or time))
    assert event["numeric_value"] == (pytest.approx(number) if number is not None else None)
    assert event["text_value"] == text


@pytest.mark.parametrize(
    ("source", "code", "title", "time", "known_at", "text"),
    [
        # the navigation row is gone; both rows were entered at minute 70, another note at 80
        ("note#101-70-Admission-note", "progress", "Admission note", "01:00", "01:10",
         "Social History, Ethanol Use: none.\nReview Of Systems, Pulmonary: negative."),
        ("note#101-80-CPR-note", "progress", "CPR note", "01:00", "01:20", "Time-Out Process, Time-Out performed: x."),
        ("physicalexam#101-30", "exam", "Physical examination", "00:30", "00:30",
         "Constitutional, HR Current: 107.\nConstitutional, HR Highest: 131.\nNeurologic, GCS, Motor Score: 6.\n"
         "Pulmonary, Auscultation: no rales."),
        ("physicalexam#101-400", "exam", "Physical examination", "06:40", "06:40", "Skin: erythema."),
        ("diagnosis#101-90", "diagnosis", "Diagnoses", "01:30", "01:30",
         "Cardiovascular: sepsis (primary).\nNeurologic, seizures: from metabolic derangement."),
        ("treatment#101-91", "treatment", "Treatments", "01:31", "01:31",
         "Pulmonary, ventilation and oxygenation: mechanical ventilation."),
        ("pasthistory#101-75", "history", "Past history", "01:00", "01:15",
         "Past medical history, Pulmonary: COPD - severe."),
        ("admissiondx#101-162", "admission", "Admission diagnosis", "02:42", "02:42",
         "Admission diagnosis, Non-operative, Cardiovascular: Sepsis, pulmonary."),
        ("careplangeneral#101-200", "care_plan", "Care plan", "03:20", "03:20", "Care Limitation: Do not resuscitate."),
        ("nurseassessment#101-420", "nursing", "Nursing assessment", "05:00", "07:00",
         "Cardiovascular, Edema: generalized."),
        ("nursecare#101-290", "nursing", "Nursing care", "05:00", "05:00", "Activity: bedrest."),  # entered before
        ("allergy#101-80", "allergy", "Allergies", "01:10", "01:20", "Allergy to penicillins (non drug)."),
        ("admissiondrug#101-31", "home_medication", "Medication before admission", "00:24", "00:31",
         "Took ASPIRIN 81 mg daily before admission."),
    ],
)  # fmt: skip
def test_what_was_entered_together_is_one_document(made, source, code, title, time, known_at, text):
    event = made[1].filter(pl.col("source") == source).row(0, named=True)
    assert (event["code"], event["title"]) == (f"NOTE//{code}", title)
    assert (event["time"], event["known_at"]) == (at(f"2014-01-02 {time}"), at(f"2014-01-02 {known_at}"))
    assert event["text_value"] == text
    assert (event["subject_id"], event["hadm_id"], event["stay_id"]) == (11, 11, 101)


def test_there_are_no_other_documents_and_outcomes_are_never_read(made):
    info, events, _ = made
    assert info["counts"]["notes"] == {
        "admission": 1, "allergy": 1, "care_plan": 1, "diagnosis": 1, "exam": 2, "history": 1,
        "home_medication": 1, "nursing": 2, "progress": 2, "treatment": 1,
    }  # fmt: skip
    assert info["not_read"] == {"apachepatientresult": NOT_READ["apachepatientresult"]}
    words = " ".join(events["text_value"].drop_nulls()) + " ".join(events["code"])
    assert not any(word in words for word in ("EXPIRED", "9999", "True"))


def test_no_fact_is_known_before_it_happened(made):
    timed = made[1].filter(pl.col("time").is_not_null())
    assert (timed["known_at"] >= timed["time"]).all()
    assert made[1].filter(pl.col("time").is_null())["code"].unique().sort().to_list() == ["GENDER//F", "GENDER//M"]


def test_every_row_is_accounted_for(made):
    info = made[0]
    for name, rows in ROWS.items():
        if name.lower() not in NOT_READ:
            assert info["tables"][name.lower()]["rows_in"] == len(rows), name
    for name, n in info["tables"].items():
        assert n["rows_in"] == n["rows_used"] + n["rows_set_aside"] + n["rows_not_used"], name
        assert n["rows_set_aside"] == 0
    says_nothing = "steers the software, or says nothing"
    assert {name: n["not_used"] for name, n in info["tables"].items() if n["not_used"]} == {
        "lab": {"no value": 1},
        "vitalperiodic": {"no value": 1},
        "nursecharting": {"no value": 1},
        "infusiondrug": {"no rate": 1},
        "medication": {"no drug named": 1},
        "note": {says_nothing: 1},
        "physicalexam": {says_nothing: 1},
        "careplangeneral": {says_nothing: 1},
    }
    assert set(info["clock"]) >= set(info["tables"])
    assert info["absent"] == []


# ---- stays, persons, what may be known ----------------------------------------------------------------------------


def test_stays_are_placed_and_end_as_the_hospital_says(made):
    frame = stays(made[1].lazy())
    columns = ("stay_id", "subject_id", "intime", "outtime", "dischtime", "death", "died_in_hospital")
    times = [
        ("2014-01-02 00:00", "2014-01-03 01:00", "2014-01-04 18:40", "2014-01-04 18:00"),
        ("2014-01-03 01:00", "2014-01-04 18:00", "2014-01-04 18:40", "2014-01-04 18:00"),
        ("2015-01-01 08:30:30", "2015-01-02 17:50:30", "2015-01-03 10:30:30", None),
        ("2015-01-01 08:30:30", "2015-01-02 17:50:30", None, None),  # how it ended is unclear
    ]
    who = [(101, 11), (102, 11), (103, 12), (104, 13)]
    expected = [
        (*ids, *(at(time) if time else None for time in row), ids[1] == 11) for ids, row in zip(who, times, strict=True)
    ]
    assert frame.select(columns).rows() == expected


def test_a_hospital_stay_never_knows_another_of_the_same_person(made):
    _, events, store = made
    drawn, _ = draw(events.lazy(), stays(events.lazy()), SampleSettings(landmark_hours=24))
    seen = admissible(events.lazy(), drawn, "admissible")
    later = seen.filter(pl.col("sample_id").str.starts_with("103-"))
    assert later.height
    assert later["hadm_id"].drop_nulls().unique().to_list() == [12]
    within = seen.filter(pl.col("sample_id").str.starts_with("102-"))  # of its own hospital stay it knows all before
    assert set(within["stay_id"].drop_nulls()) == {101, 102}
    assert not seen["code"].str.contains("DEATH|HOSPITAL_DISCHARGE").any()
    persons = pl.read_parquet(store / "metadata" / "persons.parquet")
    assert persons["subject_id"].to_list() == [11, 12, 13]
    first, second, third = persons["person_id"]
    assert first == second != third


@pytest.mark.parametrize(
    ("hospital", "unit", "died", "discharged"),
    [
        ("Alive", "Alive", False, True),
        ("Expired", "Alive", True, True),
        ("", "Expired", True, True),
        ("Alive", "Expired", False, False),  # the two contradict each other: how it ended is unclear
        ("", "Alive", False, False),
    ],
)
def test_how_a_stay_ended(tmp_path, hospital, unit, died, discharged):
    row = OTHER_YEAR | {"hospitaldischargestatus": hospital, "unitdischargestatus": unit}
    info, events = ingest(write(tmp_path / "e", {"patient": [row]}), tmp_path / "s")
    assert events["code"].is_in(["MEDS_DEATH"]).any() is died
    assert events["code"].str.starts_with("HOSPITAL_DISCHARGE").any() is discharged
    assert any("end is unclear" in remark for remark in info["remarks"]) is not discharged


def test_the_store_is_valid_meds(made):
    store = made[2]
    for shard in (store / "data").glob("*.parquet"):
        meds.DataSchema.validate(parquet.read_table(shard))
    meds.CodeMetadataSchema.validate(parquet.read_table(store / "metadata" / "codes.parquet"))
    assert made[1].schema == pl.Schema(EVENT_SCHEMA)
    assert set(Store.open(store).codes()["code"]) == set(made[1]["code"])


# ---- files --------------------------------------------------------------------------------------------------------


def test_any_order_and_any_case_gives_the_same_data(tmp_path):
    trees = []
    ways = [{}, {"shuffle": 1}, {"shuffle": 2, "upper": True, "packed": False}]
    for i, way in enumerate(ways):
        Eicu().ingest(write(tmp_path / f"e{i}", **way), tmp_path / f"s{i}")
        files = sorted((tmp_path / f"s{i}").rglob("*.parquet"))
        trees.append({path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files})
    assert trees[0] == trees[1] == trees[2]
    assert set(trees[0]) == {"0.parquet", "codes.parquet", "persons.parquet", "quarantine.parquet"}


def test_a_part_of_lab_is_taken_by_its_columns_and_said(tmp_path):
    root = write(tmp_path / "e")
    (root / "lab.csv.gz").rename(root / "lab_some_stays.csv.gz")
    (root / "labels.csv").write_text("a,b\n1,2\n")
    info, events = ingest(root, tmp_path / "s")
    assert events.filter(pl.col("source") == "lab#1").height == 1
    assert "lab: read from lab_some_stays.csv.gz, which may hold some stays only" in info["remarks"]
    assert info["not_read"]["labels"] == "not a table of eICU that is known here"
    (root / "lab_others.csv.gz").write_bytes((root / "lab_some_stays.csv.gz").read_bytes())
    with pytest.raises(DataError, match="more than one file for the table lab"):
        Eicu().look(root)


def test_look_says_what_is_there_and_what_is_not(tmp_path):
    seen = Eicu().look(write(tmp_path / "e", {"lab": None}))
    assert seen["kind"] == "records in eICU's layout"
    assert seen["tables"]["vitalperiodic"] == "vitalPeriodic.csv.gz"
    assert seen["absent"] == ["lab"]
    assert list(seen["not_read"]) == ["apachepatientresult"]


@pytest.mark.parametrize("changes", [{"patient": None}, {"patient": [{"subject_id": 1, "gender": "F"}]}])
def test_another_folder_is_refused(tmp_path, changes):
    with pytest.raises(DataError, match="not an eICU folder"):
        Eicu().ingest(write(tmp_path / "e", changes), tmp_path / "s")
    assert not (tmp_path / "s").exists()


def test_the_same_files_are_not_read_twice_and_changed_ones_are(tmp_path):
    root = write(tmp_path / "e")
    assert Eicu().ingest(root, tmp_path / "s")["unchanged"] is False
    assert Eicu().ingest(root, tmp_path / "s")["unchanged"] is True
    write(root, {"allergy": []} | {"lab": ROWS["lab"][:1]})
    (root / "allergy.csv.gz").unlink()
    assert Eicu().ingest(root, tmp_path / "s")["unchanged"] is False


def test_tables_of_headers_only_give_an_empty_store(tmp_path):
    root = write(tmp_path / "e")
    for path in root.iterdir():
        path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()).split(b"\n")[0] + b"\n"))
    info, events = ingest(root, tmp_path / "s")
    assert events.is_empty()
    assert set(info["empty"]) == set(info["tables"])


def test_a_table_without_a_needed_column_is_refused_by_name(tmp_path):
    lab = [{key: value for key, value in row.items() if key != "labname"} for row in ROWS["lab"]]
    with pytest.raises(DataError, match="no column 'labname'"):
        Eicu().ingest(write(tmp_path / "e", {"lab": lab}), tmp_path / "s")


def test_faulty_rows_are_set_aside_with_their_reason_and_no_text(tmp_path):
    bad = 10 * 366 * 1440 + 1
    changes = {
        "patient": [
            *ROWS["patient"],
            FIRST | {"unittype": "ZZZ"},
            OTHER_YEAR | {"patientunitstayid": 201, "patienthealthsystemstayid": 21, "hospitaladmittime24": "SECRET"},
            OTHER_YEAR | {"patientunitstayid": 202, "patienthealthsystemstayid": 22, "hospitaldischargeyear": 20},
            OTHER_YEAR | {"patientunitstayid": 203, "patienthealthsystemstayid": 23, "unitdischargeoffset": bad},
            OTHER_YEAR | {"patientunitstayid": 204, "uniquepid": "SECRET"},
        ],
        "allergy": [
            ROWS["allergy"][0] | {"patientunitstayid": 999, "allergyname": "SECRET"},
            ROWS["allergy"][0] | {"allergyenteredoffset": -bad},
            ROWS["allergy"][0] | {"allergyoffset": "SECRET"},
        ],
    }
    _, events = ingest(write(tmp_path / "e", changes), tmp_path / "s")
    aside = Store.open(tmp_path / "s").quarantine().collect()
    assert sorted(aside.select("file", "line", "reason").rows()) == [
        ("allergy.csv.gz", 2, "patientunitstayid: not in patient"),
        ("allergy.csv.gz", 3, "allergyenteredoffset: more than ten years away"),
        ("allergy.csv.gz", 4, "allergyoffset: not a whole number"),
        ("patient.csv.gz", 6, "patientunitstayid: more than once; the first by content is kept"),
        ("patient.csv.gz", 7, "hospitaladmittime24: not a time of day"),
        ("patient.csv.gz", 8, "hospitaldischargeyear: not a year"),
        ("patient.csv.gz", 9, "unitdischargeoffset: more than ten years away"),
        ("patient.csv.gz", 10, "uniquepid: another person has this hospital stay"),
    ]
    assert events["subject_id"].unique().sort().to_list() == [11, 12, 13]
    assert "SECRET" not in (tmp_path / "s" / "ingest.json").read_text()


WORD = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\x00\r"), max_size=12)
MINUTES = st.one_of(st.integers(-(2**63), 2**63 - 1), st.sampled_from([0, 60, -5, ""]), WORD)


@given(
    st.lists(st.tuples(MINUTES, MINUTES, WORD, WORD, st.sampled_from([101, 103, 7, ""])), max_size=6),
    st.lists(st.tuples(MINUTES, WORD, WORD, WORD), max_size=6),
)
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_stands_in_the_rows_they_add_up_and_times_hold(tmp_path_factory, labs, exams):
    folder = tmp_path_factory.mktemp("any")
    keys = ("labresultoffset", "labresultrevisedoffset", "labname", "labresulttext", "patientunitstayid")
    changes = {
        "lab": [ROWS["lab"][0] | dict(zip(keys, row, strict=True)) for row in labs] or ROWS["lab"],
        "physicalExam": [exam(1, path, value, text, minute) for minute, path, value, text in exams]
        or ROWS["physicalExam"],
    }
    info, events = ingest(write(folder / "e", changes), folder / "s")
    for name, n in info["tables"].items():
        assert n["rows_in"] == n["rows_used"] + n["rows_set_aside"] + n["rows_not_used"], name
    assert info["tables"]["lab"]["rows_in"] == len(changes["lab"])
    timed = events.filter(pl.col("time").is_not_null())
    assert (timed["known_at"] >= timed["time"]).all()
    for text in events.filter(pl.col("code").str.starts_with("NOTE//"))["text_value"]:
        assert all(line.endswith(".") for line in text.split("\n"))
