"""The open eICU demo, 2,520 real unit stays of 186 hospitals, where it lies beside the checkout."""

from pathlib import Path

import polars as pl
import pytest

from xhaim.cohort.guard import admissible
from xhaim.cohort.samples import draw
from xhaim.cohort.stays import stays
from xhaim.config import SampleSettings
from xhaim.events import GENDER, ICU_ADMISSION, RACE, code_is
from xhaim.modality.measurements import measurements
from xhaim.signals import catalogue
from xhaim.source.eicu import NOT_READ, Eicu
from xhaim.source.store import Store
from xhaim.text.sentences import sentences

pytestmark = pytest.mark.real_data

MIMIC_MEDIANS = {
    "heart_rate": 90, "respiratory_rate": 20, "spo2": 97, "temperature": 36.9, "fio2": 40, "weight": 93,
    "sbp_noninvasive": 113, "dbp_noninvasive": 62, "mbp_noninvasive": 74,
    "gcs_eye": 4, "gcs_motor": 6, "gcs_verbal": 4,
    "glucose": 122, "potassium": 4.1, "sodium": 138, "chloride": 101, "creatinine": 1.0, "urea_nitrogen": 19,
    "bicarbonate": 25, "anion_gap": 14, "hemoglobin": 9.8, "hematocrit": 29.9, "magnesium": 2.0, "phosphate": 3.5,
    "platelet_count": 190, "white_blood_cells": 9.3, "calcium_total": 8.5, "mch": 30.1, "mchc": 32.3, "mcv": 91,
    "red_blood_cells": 3.33, "rdw": 15.4, "neutrophils": 64, "vancomycin": 15.5, "lactate": 1.8, "albumin": 3.6,
    "bilirubin_total": 0.5, "inr": 1.3, "ph": 7.38, "po2": 99,
}  # fmt: skip
"""Of the open MIMIC-IV demo, through the same catalogue."""


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    root = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "eicu_demo_2.0"
    if not root.is_dir():
        pytest.skip("needs the open eICU demo beside the checkout")
    out = tmp_path_factory.mktemp("eicu-demo") / "store"
    return Eicu().ingest(root, out), Store.open(out).events(), out


def test_the_public_demo_is_read_whole(demo):
    info, events, out = demo
    counts = info["counts"]
    assert (counts["stays"], counts["subjects"], counts["persons"]) == (2520, 2174, 1841)
    tables = info["tables"]
    assert (tables["hospital"]["rows_in"], tables["lab"]["rows_in"], tables["note"]["rows_in"]) == (186, 29961, 24758)
    assert sum(n["rows_set_aside"] for n in tables.values()) == 0
    for name, n in tables.items():
        assert n["rows_in"] == n["rows_used"] + n["rows_not_used"] > 0, name
    assert info["absent"] == ["vitalperiodic", "nursecharting"]
    assert set(info["not_read"]) == set(NOT_READ)
    frame = stays(events)
    assert (frame.height, frame["died_in_hospital"].sum()) == (2520, 212)
    assert (frame["outtime"] >= frame["intime"]).all()
    persons = pl.read_parquet(out / "metadata" / "persons.parquet")
    assert persons["subject_id"].to_list() == sorted(frame["subject_id"].unique())
    assert persons["person_id"].n_unique() == 1841


def test_times_of_day_are_the_real_ones(demo):
    root = Path(demo[0]["root"])
    units = pl.read_csv(root / "patient.csv.gz", infer_schema=False).select(
        stay_id=pl.col("patientunitstayid").cast(pl.Int64), clock="unitadmittime24", year="hospitaldischargeyear"
    )
    frame = stays(demo[1]).join(units, on="stay_id")
    assert (frame["intime"].dt.strftime("%H:%M") == frame["clock"].str.slice(0, 5)).all()
    ended = frame.drop_nulls("dischtime")
    assert (ended["dischtime"].dt.year().cast(pl.String) == ended["year"]).all()


def test_facts_are_in_the_words_that_features_understand(demo):
    events = demo[1].filter(code_is(GENDER) | code_is(RACE) | code_is(ICU_ADMISSION)).collect()
    assert set(events.filter(code_is(GENDER))["code"]) == {"GENDER//F", "GENDER//M"}
    races = ("AMERICAN INDIAN", "ASIAN", "BLACK", "HISPANIC", "UNKNOWN", "WHITE")
    assert sorted(set(events.filter(code_is(RACE))["code"])) == [f"RACE//{race}" for race in races]
    assert events.filter(code_is(ICU_ADMISSION)).height == 2520


def test_at_hour_24_the_cohort_is_that_of_the_reference_figures(demo):
    """1,626 stays of at least 24 h in the unit, one of them after hospital discharge; 141 deaths in hospital."""
    events = demo[1]
    frame = stays(events)
    drawn, _ = draw(events, frame, SampleSettings(landmark_hours=24))
    ends = drawn.select("stay_id").join(frame, on="stay_id")
    assert (drawn.height, ends["died_in_hospital"].sum()) == (1625, 141)
    assert ends["dischtime"].null_count() == 25  # 20 without a status, 5 alive though dead in the unit
    seen = admissible(events, drawn.head(60), "admissible")
    assert (seen["known_at"].drop_nulls() < seen.drop_nulls("known_at")["prediction_time"]).all()
    assert not seen["code"].str.contains("MEDS_DEATH|HOSPITAL_DISCHARGE").any()
    assert (seen["subject_id"] == seen["hadm_id"]).all()
    assert measurements(seen)["signal"].n_unique() >= 15


def test_each_mapped_signal_is_near_mimic_in_the_catalogues_unit(demo):
    """As a sample far in the future sees them: what is left out by unit or bounds is a fraction of a hundred."""
    mapped = {
        code: signal for signal in catalogue().values() for code in signal.codes if not code.split("//")[1].isdigit()
    }
    prefix = pl.col("code").str.split("//").list.head(2).list.join("//")
    rows = demo[1].filter(prefix.is_in(mapped) & pl.col("numeric_value").is_not_null()).collect()
    rows = rows.filter((pl.col("stay_id") % 4 == 0) | ~pl.col("code").str.contains("noninvasive"))  # most are cuffs
    seen = rows.with_columns(sample_id=pl.lit("s"), prediction_time=pl.datetime(2100, 1, 1).cast(pl.Datetime("us")))
    found = measurements(seen)
    assert found.height > 0.99 * rows.height
    medians = dict(found.group_by("signal").agg(pl.col("value").median()).iter_rows())
    missing = {name for name in MIMIC_MEDIANS if name not in medians}
    assert missing == set()
    for name, median in medians.items():
        low, high = catalogue()[name].bounds
        assert low < median < high or name.startswith("gcs"), name
        if name in MIMIC_MEDIANS:
            assert abs(median - MIMIC_MEDIANS[name]) <= 0.3 * MIMIC_MEDIANS[name], (name, median)


def test_documents_are_lines_that_are_sentences(demo):
    notes = demo[1].filter(code_is("NOTE")).collect()
    assert notes["source"].is_unique().all()
    texts = notes["text_value"].sort().gather_every(40).to_list()
    lines = [line for text in texts for line in text.split("\n")]
    assert all(line.endswith(".") and line[0] == line[0].upper() for line in lines)
    whole = sum(text[start:end] in text.split("\n") for text in texts for start, end in sentences(text))
    assert whole > 0.995 * len(lines)
    words = notes["text_value"].str
    assert not words.contains("Skip Screen|View Options|Save Options|Obtain Options|scored\\.|\\|").any()
