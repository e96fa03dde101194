"""Demographics as categories, notes as documents, evidence as concept counts, HAIM's way beside ours."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest

from xhaim.modality.absent import absent
from xhaim.modality.concepts import concept_columns, concept_features
from xhaim.modality.documents import MAX_CHARACTERS, documents, images, modality_of, too_long
from xhaim.modality.haim import demographics, note_embedding
from xhaim.modality.pixels import shrink
from xhaim.modality.tabular import static_facts, tabular
from xhaim.records import Chunk, Document
from xhaim.task import load_task

T = datetime(2150, 1, 2, 12)


def admitted(events, *rows):
    return events(*rows).collect().with_columns(pl.lit("s").alias("sample_id"), pl.lit(T).alias("prediction_time"))


def test_categories_never_become_numbers_for_names(events):
    facts = static_facts(
        admitted(
            events,
            {"code": "GENDER//F"},
            {"code": "MEDS_BIRTH", "time": "2080-01-02T12:00:00"},
            {"code": "RACE//WHITE - RUSSIAN", "time": "2150-01-01T00:00:00"},
            {"code": "INSURANCE//Medicare", "time": "2150-01-01T00:00:00"},
            {"code": "LANGUAGE//?", "time": "2150-01-01T00:00:00"},
            {"code": "HOSPITAL_ADMISSION//EW EMER.", "time": "2149-01-01T00:00:00"},
            {"code": "HOSPITAL_ADMISSION//ELECTIVE", "time": "2150-01-01T12:00:00"},
        )
    )["s"]
    assert facts["sex"] == "F"
    assert facts["race"] == "WHITE"
    assert facts["insurance"] == "MEDICARE"
    assert facts["language"] is None
    assert facts["admission"] == "ELECTIVE"
    assert facts["age, years"] == pytest.approx(70, abs=0.05)
    assert facts["hours in hospital"] == 24
    assert facts["earlier admissions"] == 1
    row = tabular({"s": facts}, ["s", "nobody"])
    assert row["sex: F"].to_list() == [1.0, None]
    assert row["race: BLACK"].to_list() == [0.0, None]
    assert row["language: ENGLISH"].to_list() == [None, None]


def test_documents_and_their_modality(events):
    note = {"time": "2150-01-01T10:00:00", "text_value": "words"}
    found = documents(
        admitted(
            events,
            {**note, "code": "NOTE//radiology", "title": "Radiology: CHEST (PORTABLE AP)", "source": "r1"},
            {**note, "code": "NOTE//radiology", "title": "Radiology: CT CHEST W/CONTRAST", "source": "r2"},
            {**note, "code": "NOTE//cxr", "source": "r3"},
            {**note, "code": "NOTE//discharge", "source": "r4"},
            {**note, "code": "NOTE//discharge", "source": "r4", "text_value": "other words"},
            {**note, "code": "NOTE//ecg", "source": "r5", "text_value": None},
        )
    )["s"]
    assert {d.doc_id: modality_of(d) for d in found} == {
        "r1": "cxr", "r2": "notes", "r3": "cxr", "r4": "notes", "r4~2": "notes",
    }  # fmt: skip
    shown = images(
        admitted(
            events, {"code": "IMAGE//CXR//AP", "time": "2150-01-01T10:00:00", "image_path": "a.jpg", "source": "i"}
        )
    )
    assert shown["s"][0].path == "a.jpg"


def chunk(text: str, hours: float) -> Chunk:
    time = T - timedelta(hours=hours)
    return Chunk(f"d:{hours}", "d", "cxr", "radiology", "FINDINGS", 0, len(text), text, time, time)


def test_concepts_count_what_is_affirmed_and_denied():
    task = load_task("pleural_effusion")
    columns = concept_columns(task)
    chunks = [
        chunk("There is a small left pleural effusion. Blunting of the costophrenic angle.", 30),
        chunk("No pleural effusion.", 10),
    ]
    row = dict(zip(columns, concept_features(task, chunks, T), strict=True))
    assert row["pleural effusion, affirmed"] == 2
    assert row["pleural effusion, negated"] == 1
    assert row["pleural effusion, last said"] == -1
    assert row["pleural effusion, hours since last said"] == 10
    assert math.isnan(row["thoracentesis, last said"])
    assert row["thoracentesis, affirmed"] == 0


def test_haim_codes_and_note_weights():
    row = demographics({"s": {"age, years": 70.0, "sex": "M", "race": None}}, ["s"])
    assert row["sex (code)"].to_list() == [1.0]
    assert row["race (code)"].to_list() == [-1.0]
    admission = T - timedelta(hours=10)
    notes = [
        Document(str(h), "radiology", "", "x", admission + timedelta(hours=h), admission + timedelta(hours=h))
        for h in (-5, 3, 9)
    ]
    vectors = {"-5": 0.0, "3": 1.0, "9": 2.0}
    found = note_embedding(notes, admission, "radiology", lambda d: np.full(2, vectors[d.doc_id], np.float32), 2)
    assert found == pytest.approx([(1 * 0 + 3 * 1 + 9 * 2) / 13] * 2)
    assert note_embedding(notes, admission, "ecg", lambda d: np.ones(2, np.float32), 2).tolist() == [0.0, 0.0]


def test_shrink_pads_to_a_square():
    small = shrink(np.full((100, 50), 200, np.uint8))
    assert small.shape == (64, 64)
    assert small[:, 0].max() == 0
    assert small[32, 32] == 200


def test_absent_modalities_say_what_it_costs(events):
    found = absent(events({"code": "LAB//1"}, {"code": "GENDER//F"}))
    assert set(found) == {"notes", "chest images", "vital signs"}


def test_a_note_of_many_megabytes_is_counted_and_left_out(events):
    rows = events(
        {"code": "NOTE//nursing", "time": "2150-01-01", "text_value": "Stable.", "source": "n#1"},
        {"code": "NOTE//nursing", "time": "2150-01-01", "text_value": "x" * (MAX_CHARACTERS + 1), "source": "n#2"},
    )
    seen = rows.collect().with_columns(sample_id=pl.lit("s"))
    assert [document.doc_id for document in documents(seen)["s"]] == ["n#1"]
    assert too_long(seen) == 1


def test_what_is_said_of_a_relative_counts_for_nothing():
    task = load_task("pleural_effusion")
    at = datetime(2150, 1, 1)

    def row(text: str) -> list[str]:
        chunk = Chunk(f"d:0-{len(text)}", "d", "notes", "note", "", 0, len(text), text, at, at)
        return [str(value) for value in concept_features(task, [chunk], at + timedelta(hours=1))]  # nan equals nan

    assert row("Father had a pleural effusion.") == row("The lines are in place.")
    assert row("The patient had a pleural effusion.") != row("The lines are in place.")
