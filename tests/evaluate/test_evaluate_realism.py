"""The realism report: what it counts, against stores written by hand, and whether it can tell a difference at all."""

from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest

from xhaim.errors import DataError
from xhaim.evaluate.realism import as_text, compare
from xhaim.evaluate.realism_rows import icu_stays, measurements, rows_per_stay, signal_statistics, stay_table
from xhaim.evaluate.realism_text import compare_texts, text_as_table
from xhaim.events import EVENT_SCHEMA

START = datetime(2150, 1, 1, 8)


def row(subject: int, stay: int | None, hours: float, code: str, value: float | None = None, unit: str | None = None):
    at = START + timedelta(hours=hours)
    given = {"subject_id": subject, "stay_id": stay, "time": at, "known_at": at, "code": code}
    return {name: {**given, "numeric_value": value, "unit": unit}.get(name) for name in EVENT_SCHEMA}


def store(rows) -> pl.LazyFrame:
    return pl.DataFrame(rows, schema=EVENT_SCHEMA).lazy()


def stay(subject: int, number: int, length: float, rows):
    edges = [row(subject, number, 0, "ICU_ADMISSION//X"), row(subject, number, length, "ICU_DISCHARGE//X")]
    return [*edges, *(row(subject, None, *one) for one in rows)]


HAND = store(
    [
        *stay(
            1,
            10,
            48,
            [
                (1.0, "CHART//220045//bpm", 80.0, "bpm"),
                (2.5, "CHART//220045//bpm", 90.0, "bpm"),
                (30.0, "CHART//220045//bpm", 100.0, "bpm"),
                (2.0, "CHART//223761//F", 98.6, "°F"),
                (3.0, "CHART//220045//bpm", 9999.0, "bpm"),  # out of bounds
                (60.0, "CHART//220045//bpm", 70.0, "bpm"),  # after the stay
                (4.0, "LAB//50983//mEq/L", 140.0, "mEq/L"),
            ],
        ),
        *stay(2, 20, 24, [(1.0, "LAB//99999//x", 1.0, "x")]),
    ]
)


def test_measurements_by_hand():
    stays = icu_stays(HAND)
    rows = measurements(HAND, stays)
    assert rows.select("stay_id", "signal", "hours", "minute", "value", "gap").rows() == [
        (10, "heart_rate", 1.0, 0.0, 80.0, None),
        (10, "heart_rate", 2.5, 30.0, 90.0, 1.5),
        (10, "heart_rate", 30.0, 0.0, 100.0, 27.5),
        (10, "sodium", 4.0, 0.0, 140.0, None),
        (10, "temperature", 2.0, 0.0, pytest.approx(37.0, abs=1e-4), None),
    ]
    about = signal_statistics(rows, stays)["heart_rate"]
    assert about["rows"] == 3
    assert about["values"][2] == 90.0
    assert about["measured"]["share"] == 0.5, "one stay of two"
    assert about["on_the_hour"] == pytest.approx(2 / 3)
    assert about["persistence"] is None, "two pairs say nothing"
    wide = stay_table(rows, stays)
    assert wide["mean_heart_rate"].to_list() == [85.0, None], "the third is after 24 h"
    assert wide["count_heart_rate"].to_list() == [2.0, None]
    counts = rows_per_stay(HAND, stays)
    assert counts["LAB"]["mean"] == 1.0
    assert counts["CHART"]["mean"] == 2.5, "five in one stay, none in the other; what is out of bounds is a row"


def drawn(seed: int, mean: float, spread: float = 10.0, subjects: int = 60) -> pl.LazyFrame:
    rng = np.random.default_rng(seed)
    rows = []
    for subject in range(subjects):
        values = [(h, "CHART//220045//bpm", round(rng.normal(mean, spread)), "bpm") for h in range(1, 24, 3)]
        labs = [(h + 0.5, "LAB//50983//mEq/L", round(rng.normal(138, 4)), "mEq/L") for h in range(1, 24, 8)]
        rows += stay(subject, 100 + subject, 30, values + labs)
    return store(rows)


@pytest.fixture(scope="module")
def same():
    return compare(drawn(0, 90), drawn(1, 90))


def test_a_classifier_cannot_tell_two_draws_of_the_same_but_can_tell_another(same):
    other = compare(drawn(0, 90), drawn(1, 120))
    for view in ("rows", "rows_with_clock", "stays"):
        assert same["classifier"][view]["low"] < 0.5 < same["classifier"][view]["high"] + 0.05
        assert same["classifier"][view]["auc"] < 0.7
        assert other["classifier"][view]["auc"] > 0.8
    assert next(iter(other["classifier"]["rows"]["by_signal"])) == "heart_rate"
    assert "heart_rate" in next(iter(other["classifier"]["stays"]["telling"]))
    assert other["signals"]["heart_rate"]["ks"] > 0.8 > 0.1 > same["signals"]["heart_rate"]["ks"]


def test_the_report_says_what_is_simulated_and_what_is_real(same):
    text = as_text(same, "the hospital")
    assert text.startswith("# SIMULATED against REAL (the hospital)")
    assert "60 simulated stays of 60 subjects, 60 real stays of 60" in text
    assert "| heart_rate |" in text


def test_a_store_without_stays_is_refused():
    with pytest.raises(DataError, match="real store"):
        compare(drawn(0, 90), HAND.filter(pl.col("subject_id") > 9))


def test_texts_are_compared_by_counts_and_none_of_their_words_come_out():
    said = [f"No effusion in zone {name}. The heart is normal. Lungs are clear today." for name in "abcdefgh"] * 10
    real = [f"Patient number {at} came walking. He denies pain in the knee of visit {at}." for at in range(80)]
    found = compare_texts(said, real)
    assert found["simulated"]["notes"] == 80
    assert found["simulated"]["words_of_a_note"][2] == 13
    assert found["simulated"]["sentences_said_before"] == pytest.approx(1 - 10 / 240)
    assert found["simulated"]["negated_sentences"] == pytest.approx(1 / 3)
    assert found["auc"] > 0.95
    assert compare_texts(said, said)["auc"] < 0.6
    shown = text_as_table(found, "notes")
    assert shown.startswith("## SIMULATED against REAL")
    assert "walking" not in shown
    with pytest.raises(DataError, match="no text"):
        compare_texts(said, [])
