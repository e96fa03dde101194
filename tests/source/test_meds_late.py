"""MEDS datasets without known_at are dated late; notes and images have names of their own; nothing goes unsaid."""

import random
from datetime import timedelta

import polars as pl
import pytest
from meds_datasets import at, frame, ingest_meds, write_meds

from xhaim.errors import DataError
from xhaim.source.meds import Meds
from xhaim.source.store import Store

TEXT = {"hadm_id": pl.Int64(), "title": pl.String(), "source": pl.String(), "image_path": pl.String()}


def made(tmp_path, rows, about=None, **extra):
    root = write_meds(tmp_path / "m", {"0.parquet": frame(rows, **{**TEXT, **extra})}, about)
    return ingest_meds(root, tmp_path / "s")


def event(code, time, subject=1, **others):
    return {"subject_id": subject, "code": code, "time": time, **others}


@pytest.mark.parametrize(
    ("code", "hours"),
    [
        ("NOTE//progress", 24),
        ("NOTE", 24),
        ("NOTEBOOK//x", 0),
        ("LABEL//CXR//Edema", 24),
        ("LAB//glucose//mg", 6),
        ("LOINC/2345-7", 6),
        ("LOINC//2345-7", 6),
        ("LOINC/8867-4", 0),  # heart rate
        ("MICROBIOLOGY//1//2", 192),
        ("DIAGNOSIS//ICD//10//I509", 720),
        ("ICD10CM/I50.9", 720),
        ("CHART//220045//bpm", 0),
        ("MEDS_DEATH", 0),
        ("IMAGE//CXR", 0),
    ],
)
def test_a_guess_is_late_by_kind_and_midnight_is_a_date(tmp_path, code, hours):
    rows = [event(code, "2150-01-02T10:30"), event(code, "2150-01-03T00:00", subject=2)]
    info, events = made(tmp_path, rows)
    late = dict(events.select("subject_id", pl.col("known_at") - pl.col("time")).rows())
    assert late == {1: timedelta(hours=hours), 2: timedelta(hours=hours + 24)}
    assert "24 h" in info["clock"]["data"]
    assert "6 h" in info["clock"]["data"]
    assert "midnight" in info["clock"]["data"]


def test_a_row_elsewhere_moves_no_clock(tmp_path):
    rows = [event("X//y", "2150-01-03T00:00"), event("X//y", "2160-01-03T00:00", subject=2)]
    _, before = made(tmp_path / "a", rows)
    _, after = made(tmp_path / "b", [rows[0], event("X//y", "2160-01-03T10:30", subject=2)])
    first = pl.col("subject_id") == 1
    assert before.filter(first).equals(after.filter(first))


def test_where_a_given_known_at_is_null_the_guess_is_taken(tmp_path):
    rows = [
        event("NOTE//x", "2150-01-02T10:00", text_value="a"),
        event("NOTE//y", "2150-01-02T10:00", text_value="a", known_at="2150-01-02T11:00"),
    ]
    info, events = made(tmp_path, rows, known_at=pl.Datetime("us"))
    assert events.sort("code")["known_at"].to_list() == [at("2150-01-03T10:00"), at("2150-01-02T11:00")]
    assert any("known_at is null in 1 rows" in remark and "24 h" in remark for remark in info["remarks"])


@pytest.mark.parametrize(
    ("code", "title", "ours", "called"),
    [
        ("NOTE//discharge", None, "NOTE//discharge", None),
        ("NOTE//discharge-summary", None, "NOTE//discharge", "discharge-summary"),
        ("NOTE//Discharge summary", "DS", "NOTE//discharge", "DS"),
        ("NOTE//DISCHARGE_SUMMARY//v2", None, "NOTE//discharge", "DISCHARGE_SUMMARY//v2"),
        ("NOTE//summary", " Discharge Summary", "NOTE//discharge", " Discharge Summary"),
        ("NOTE//nursing", "before discharge", "NOTE//nursing", "before discharge"),
        ("LAB//discharge", "Discharge fluid", "LAB//discharge", "Discharge fluid"),
    ],
)
def test_every_spelling_of_a_discharge_summary_is_one(tmp_path, code, title, ours, called):
    _, events = made(tmp_path, [event(code, "2150-01-02T10:00", title=title, text_value="x")])
    assert events.select("code", "title").rows() == [(ours, called)]


def test_a_note_belongs_to_the_admission_that_holds_its_time(tmp_path):
    rows = [
        event("HOSPITAL_ADMISSION//A", "2150-01-01T10:00", hadm_id=5),
        event("HOSPITAL_DISCHARGE//HOME", "2150-01-05T10:00", hadm_id=5),
        event("HOSPITAL_ADMISSION//A", "2150-02-01T10:00", hadm_id=6),
        event("NOTE//a", "2150-01-01T09:59", text_value="before"),
        event("NOTE//discharge", "2150-01-05T10:00", text_value="at its end"),
        event("NOTE//c", "2150-01-05T10:01", text_value="after"),
        event("NOTE//d", "2150-03-01T10:00", text_value="in the open one"),
        event("NOTE//e", "2150-03-01T10:00", text_value="said", hadm_id=99),
        event("NOTE//f", "2150-01-02T10:00", subject=2, text_value="another's"),
        event("LAB//g", "2150-01-02T10:00"),
    ]
    _, events = made(tmp_path, rows)
    places = dict(events.filter(~pl.col("code").str.starts_with("HOSP")).select("code", "hadm_id").rows())
    assert places == {
        "NOTE//a": None, "NOTE//discharge": 5, "NOTE//c": None, "NOTE//d": 6, "NOTE//e": 99, "NOTE//f": None,
        "LAB//g": None,
    }  # fmt: skip


def test_notes_and_images_never_share_a_source(tmp_path):
    day = "2150-01-02T10:00"
    rows = [
        event("IMAGE//CXR", time, subject=subject, source="radiology", image_path=path)
        for subject in (1, 2)
        for time, path in ((day, "index.png"), ("2150-01-03T10:00", "index.png"), (day, "x.png"), (day, "x.png~2"))
    ]
    rows += [event("IMAGE//CXR", day, source="radiology", image_path="x.png", title="AP")]
    rows += [event("NOTE//progress", day, text_value=text) for text in ("b", "a", "c")]
    rows += [event("LAB//k", day, source="lab"), event("LAB//l", day, source="lab")]
    _, events = made(tmp_path, rows)
    named = events.filter(~pl.col("code").str.starts_with("LAB"))
    assert named.height == 12
    assert named["source"].n_unique() == 12
    assert named["source"].null_count() == 0
    notes = events.filter(pl.col("code") == "NOTE//progress").sort("text_value")["source"].to_list()
    first = "meds#1/NOTE//progress@21500102T100000.000000"
    assert notes == [first, f"{first}~2", f"{first}~3"]
    assert events.filter(pl.col("code").str.starts_with("LAB"))["source"].to_list() == ["lab", "lab"]
    random.Random(1).shuffle(rows)
    again = write_meds(tmp_path / "n", {f"{i}.parquet": frame(rows[i::3], **TEXT) for i in range(3)})
    assert ingest_meds(again, tmp_path / "t", subjects_per_shard=1)[1].equals(events)


def test_notes_without_text_and_rows_without_a_time_are_counted(tmp_path):
    rows = [
        event("NOTE//a", "2150-01-02T10:00"),
        event("NOTE//b", "2150-01-02T10:00", text_value=" \n"),
        event("NOTE//c", "2150-01-02T10:00", text_value="words"),
        event("LAB//a", None, numeric_value=1.0),
        *(event(code, None) for code in ("GENDER//F", "RACE//WHITE", "INSURANCE//X", "LANGUAGE//E")),
        *(event(code, None) for code in ("MEDS_BIRTH", "MARITAL_STATUS//S")),
    ]
    info, events = made(tmp_path, rows)
    assert events.height == len(rows)
    assert "2 rows are notes without text: kept, and nothing is read in them" in info["remarks"]
    assert [remark for remark in info["remarks"] if remark.startswith("1 rows have no time")]
    none, _ = made(tmp_path / "none", rows[2:3])
    assert not [remark for remark in none["remarks"] if "rows are notes" in remark or "rows have no time" in remark]


def with_persons(tmp_path, persons):
    root = write_meds(tmp_path / "m", {"0.parquet": frame([event("A", "2150-01-02T10:00", s) for s in (1, 2, 3)])})
    persons.write_parquet(root / "metadata" / "persons.parquet")
    return root


def test_who_is_one_person_is_carried_over_and_booked(tmp_path):
    persons = pl.DataFrame({"subject_id": [2, 1, 9, 2, None], "person_id": [70, 70, 71, 70, 72]})
    root = with_persons(tmp_path, persons)
    info = Meds().ingest(root, tmp_path / "s")
    assert Store.open(tmp_path / "s").persons().rows() == [(1, 70), (2, 70)]
    table = info["tables"]["persons"]
    assert (table["rows_in"], table["rows_used"], table["rows_set_aside"]) == (5, 2, 1)
    assert table["not_used"] == {"the subject has no events": 1, "said more than once": 1}
    pl.DataFrame({"subject_id": [1, 2], "person_id": [70, 71]}).write_parquet(root / "metadata" / "persons.parquet")
    assert Meds().ingest(root, tmp_path / "s")["unchanged"] is False


def test_a_subject_that_is_two_persons_is_refused(tmp_path):
    root = with_persons(tmp_path, pl.DataFrame({"subject_id": [1, 1], "person_id": [70, 71]}))
    with pytest.raises(DataError, match="contradicts itself") as caught:
        Meds().ingest(root, tmp_path / "s")
    assert "1 subjects with more than one person_id" in str(caught.value)
    assert not (tmp_path / "s").exists()


def test_a_link_to_persons_elsewhere_is_refused(tmp_path):
    root = with_persons(tmp_path, pl.DataFrame({"subject_id": [1], "person_id": [1]}))
    (root / "metadata" / "persons.parquet").rename(tmp_path / "p.parquet")
    (root / "metadata" / "persons.parquet").symlink_to(tmp_path / "p.parquet")
    with pytest.raises(DataError, match="link"):
        Meds().ingest(root, tmp_path / "s")
