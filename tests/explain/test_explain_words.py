"""Figures as they are written and as they are read back."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from explain_cases import NOW, value
from hypothesis import given
from hypothesis import strategies as st

from xhaim.explain import words
from xhaim.explain.figures import figures
from xhaim.text import values


@pytest.mark.parametrize(
    ("change", "said"),
    [(-0.14, "-14 points"), (0.006, "+0.6 points"), (-0.0101, "-1 point"), (0.0096, "+1 point"), (-1.0, "-100 points")],
)
def test_points(change, said):
    assert words.points(change) == said


@pytest.mark.parametrize(
    ("ago", "said"),
    [
        (timedelta(minutes=35), "35 min before"), (timedelta(hours=22, minutes=20), "22 h before"),
        (timedelta(hours=71), "71 h before"), (timedelta(days=4), "4 days before"), (timedelta(), "0 min before"),
    ],
)  # fmt: skip
def test_how_long_before(ago, said):
    assert values.before(NOW - ago, NOW) == said


def test_the_year_is_said_where_it_is_another():
    assert values.when(datetime(2180, 7, 5, 6, 3), NOW) == "5 Jul 06:03"
    assert values.when(datetime(2179, 12, 31, 23, 59), NOW) == "31 Dec 2179 23:59"


@pytest.mark.parametrize(
    ("number", "said"),
    [(4.199999809265137, "4.2"), (98.5999984741211, "98.6"), (35000, "35000"), (0.009999999776482582, "0.01"),
     (-2.0, "-2"), (0.0, "0"), (1234567.0, "1234567"), (1e-6, "0.000001")],
)  # fmt: skip
def test_values_that_were_stored_in_32_bits(number, said):
    assert values.value_words(value("lactate", "Lactate", number, "mmol/L", 1)) == f"{said} mmol/L"


def test_the_usual_range_is_only_said_in_its_own_unit():
    assert values.usual_range(value("lactate", "Lactate", 4.2, "mmol/L", 1)) == "above the usual range of 0.5 to 2"
    assert values.usual_range(value("lactate", "Lactate", 4.2, "mg/dL", 1)) is None
    assert values.usual_range(value("gcs_motor", "GCS", 1, None, 1)) in (None, "below the usual value of 6")
    assert values.usual_range(value("unheard_of", "X", 1, "mg", 1)) is None


@given(st.floats(0, 1))
def test_a_risk_is_shown_within_1_to_99(risk):
    (figure,) = figures(words.percent(risk))
    assert 1 <= int(figure.text) <= 99
    assert figure.unit == "%"


@given(st.datetimes(datetime(1900, 1, 1), datetime(2300, 1, 1)))
def test_a_time_is_read_back_as_one_of_its_forms(time):
    (figure,) = figures(values.when(time, NOW))
    assert (figure.unit, figure.text in words.day_forms(time)) == ("time", True)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Lactate 4.20 mmol/L, then 1,200 mL", [("4.2", "mmol/L"), ("1200", None)]),
        ("fell by \N{MINUS SIGN}14 points", [("-14", "points")]),
        ("0.5 to 2.0 and 60-80 %", [("0.5", None), ("2", None), ("60", None), ("80", "%")]),
        ("90 % interval, 22 h before, 24 h.", [("90", "% interval"), ("22", "h before"), ("24", "h")]),
        ("SpO2 and T4 are names; 3x is not", [("3", None)]),
        ("at 03:10 on 2180-07-26", [("03:10", "time"), ("2180-07-26", "time")]),
        ("\N{FULLWIDTH DIGIT FOUR} mg/dL", [("4", "mg/dL")]),
        ("4.2mmol/dL", [("4.2", "mmol/dL")]),
    ],
)
def test_figures_are_read_with_their_units(text, found):
    assert [(one.text, one.unit) for one in figures(text)] == found


@given(st.text(max_size=80))
def test_what_is_shown_can_neither_close_a_quotation_nor_forge_a_mark(text):
    said = words.shown(text)
    assert not set('"[]“”\n\r\t\x00\u202e') & set(said)
    assert words.shown(said) == said
