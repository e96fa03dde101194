import re
from datetime import datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xhaim.errors import DataError
from xhaim.modality.words import Drug, drugs, in_words, marked
from xhaim.records import Measurement, Record, Sample
from xhaim.signals import catalogue
from xhaim.text.values import abnormality, usual_range, value_words

T = datetime(2150, 10, 13, 15, 5)


def value(signal: str, number: float, hours: float, known: float | None = None) -> Measurement:
    """A value ``hours`` before the prediction, known ``known`` hours before it."""
    time = T - timedelta(hours=hours)
    told = catalogue()[signal]
    known_at = T - timedelta(hours=hours if known is None else known)
    return Measurement(f"{signal}-{hours:g}", signal, told.label, number, told.unit, time, known_at)


def record(*values: Measurement, **static: str | float | None) -> Record:
    return Record(Sample("s", 1, 2, 3, T), static, (), values, ())


def drug(name: str, hours: float, amount: float | None = None, unit: str | None = None) -> Drug:
    time = T - timedelta(hours=hours)
    return Drug(f"{name}@{hours:g}", name, amount, unit, time, time + timedelta(minutes=5))


def test_a_chart_in_sentences_by_hand() -> None:
    told = in_words(
        record(
            value("lactate", 2.0, 6.5),
            value("lactate", 6.25, 3),
            value("lactate", 4.1, 35 / 60),
            value("heart_rate", 88, 1),
            value("sodium", 140, 30),
            value("potassium", 3.6, 20),
            value("potassium", 4.4, 2),
            value("weight", 81.5, 2),
            value("invasive_ventilation", 600, 14, known=4),
            **{"sex": "M", "age, years": 67.9, "hours in hospital": 30.4, "hours in ICU": None, "race": "WHITE"},
        ),
        [drug("Norepinephrine", 3, 2.125, "mg"), drug("Norepinephrine", 5, 1, "mg"), drug("Insulin", 40)],
        wanted=["lactate", "inr", "ph"],
    )
    assert [(one.sentence, one.pointers) for one in told] == [
        (
            "Man, 67 years old, 30 h in hospital.",
            ("fact:sex", "fact:age, years", "fact:hours in hospital"),
        ),
        (
            "Lactate 4.1 mmol/L at 13 Oct 14:30 (35 min before; above the usual range of 0.5 to 2), up from 2 mmol/L "
            "at 13 Oct 08:35, most abnormal 6.25 mmol/L at 13 Oct 12:05.",
            ("lactate-0.583333", "lactate-6.5", "lactate-3"),
        ),
        (
            "Norepinephrine 2.125 mg given from 13 Oct 12:05 (3 h before), charted 13 Oct 12:10.",
            ("Norepinephrine@3",),
        ),
        (
            "Invasive ventilation from 13 Oct 01:05 for 600 min, charted 13 Oct 11:05.",
            ("invasive_ventilation-14",),
        ),
        (
            "Potassium 4.4 mEq/L at 13 Oct 13:05 (2 h before; within the usual range of 3.5 to 5.1), up from 3.6 "
            "mEq/L at 12 Oct 19:05.",
            ("potassium-2", "potassium-20"),
        ),
        ("Heart rate 88 bpm at 13 Oct 14:05 (60 min before; within the usual range of 60 to 100).", ("heart_rate-1",)),
        ("Body weight 81.5 kg at 13 Oct 13:05 (2 h before).", ("weight-2",)),
        (
            "Sodium 140 mEq/L at 12 Oct 09:05 (30 h before; within the usual range of 135 to 145).",
            ("sodium-30",),
        ),
        ("No value before the prediction: INR, Arterial pH.", ()),
    ]


def test_the_furthest_from_usual_goes_first_and_what_is_beyond_the_number_is_the_least_telling() -> None:
    chart = record(value("sodium", 150, 1), value("lactate", 9, 2), value("creatinine", 0.9, 1), value("ph", 7.4, 1))
    told = in_words(chart, wanted=["inr"], most=4)
    assert [one.sentence.split()[0] for one in told] == ["Patient,", "Lactate", "Sodium", "No"]
    assert told == in_words(chart, wanted=["inr"])[:3] + told[-1:]
    assert in_words(chart, most=1) == told[:1]
    assert in_words(chart, most=0) == ()


def test_who_the_patient_is_where_nothing_is_recorded() -> None:
    (told,) = in_words(record(sex=None))
    assert (told.sentence, told.pointers) == ("Patient, sex not recorded, age not recorded.", ())


@pytest.mark.parametrize("known", [0, -1])
def test_what_was_known_only_at_the_prediction_is_refused(known: float) -> None:
    with pytest.raises(DataError, match="known only at or after"):
        in_words(record(value("lactate", 4, 1, known=known)))
    with pytest.raises(DataError, match="known only at or after"):
        in_words(record(), [Drug("x", "x", None, None, T - timedelta(hours=1), T - timedelta(hours=known))])


def test_marks_are_short_one_for_each_measurement() -> None:
    told = in_words(record(value("lactate", 4, 1), value("lactate", 2, 3), value("sodium", 150, 1)))
    lines, meant = marked(told[1:])
    assert [line[line.rindex("[") :] for line in lines] == ["[m1, m2]", "[m3]"]
    assert meant == {"m1": "lactate-1", "m2": "lactate-3", "m3": "sodium-1"}


SIGNALS = sorted(name for name, one in catalogue().items() if one.group != "procedure")


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(SIGNALS), st.floats(0.5, 999, width=32), st.integers(1, 60)),
        max_size=30,
        unique_by=lambda one: (one[0], one[2]),
    ),
    st.randoms(use_true_random=False),
)
def test_every_figure_is_of_a_pointed_measurement_and_no_order_of_rows_changes_a_word(
    rows: list[tuple[str, float, int]], chance: object
) -> None:
    values = [value(*row) for row in rows]
    by_id = {one.measurement_id: one for one in values}
    told = in_words(record(*values), most=100)
    chance.shuffle(values)  # type: ignore[attr-defined]
    assert in_words(record(*values), most=100) == told
    assert len(told) == 1 + len({row[0] for row in rows})
    for one in told[1:]:
        cited = [by_id[pointer] for pointer in one.pointers]
        assert len({measured.signal for measured in cited}) == 1
        rest = one.sentence.replace(cited[0].label, "")
        for measured in cited:
            assert value_words(measured) in rest
            rest = rest.replace(f"{value_words(measured)} at {measured.time.day} Oct {measured.time:%H:%M}", "", 1)
        rest = rest.replace(usual_range(cited[0]) or "", "")
        rest = re.sub(r"\(\d+ (?:min|h|days) before", "", rest)
        assert not re.search(r"\d", rest), rest


def test_tiers_are_in_order() -> None:
    chart = record(
        value("sodium", 150, 1), value("chloride", 90, 30), value("potassium", 3.6, 5), value("potassium", 5, 1),
        value("ph", 7.4, 1), value("hemodialysis", 60, 50),
    )  # fmt: skip
    told = in_words(chart, [drug("Heparin", 1)])
    first = [one.sentence.split()[0].rstrip(",") for one in told]
    assert first == ["Patient", "Sodium", "Heparin", "Potassium", "Arterial", "Chloride", "Hemodialysis"]


def test_treatments_have_a_third_of_the_places_and_no_more_unless_others_are_few() -> None:
    abnormal = [value(name, 0.6, 1) for name in ("sodium", "chloride", "potassium", "ph", "hematocrit", "glucose")]
    given = [drug(name, hours) for name, hours in (("A", 5), ("B", 3), ("C", 1), ("D", 2))]

    def kinds(most: int, *values: Measurement) -> str:
        told = in_words(record(*values), given, most=most)[1:]
        return "".join(one.sentence[0] if " given from" in one.sentence else "." for one in told)

    assert kinds(7, *abnormal) == "....CD"
    assert kinds(3, *abnormal) == ".."
    assert kinds(1, *abnormal) == ""
    assert kinds(5, abnormal[0]) == ".CDB"
    assert kinds(20, *abnormal) == "......CDBA"


def test_a_worst_value_that_was_said_as_the_first_is_not_said_again() -> None:
    chart = record(value("gcs_motor", 1, 20), value("gcs_motor", 1, 12), value("gcs_motor", 6, 1))
    assert in_words(chart)[1].pointers == ("gcs_motor-1", "gcs_motor-20")


def row(code: str, time: datetime, **more: object) -> dict[str, object]:
    return {"sample_id": "s", "code": code, "time": time, "known_at": time, "numeric_value": None, "unit": None,
            "source": "x", **more}  # fmt: skip


def test_drugs_are_what_was_given_by_the_names_of_the_codes() -> None:
    kinds = {"numeric_value": pl.Float32(), "unit": pl.String()}
    frame = pl.DataFrame(
        [
            row("MEDICATION//Heparin//Not Given", T),
            row("MEDICATION//Heparin//Hold Dose", T),
            row("MEDICATION//Heparin//Stopped", T),
            row("MEDICATION//Heparin//Delayed Administered", T),
            row("MEDICATION//aspirin", T + timedelta(hours=1)),
            row("PRESCRIPTION//Insulin", T),
            row("LAB//50813//mmol/L", T, numeric_value=2.0),
            row("INPUT//221906//mg", T, numeric_value=0.25, unit="mg"),
            row("INPUT//221906//mg", T, numeric_value=0.5, unit="mg"),
            row("INPUT//1//", T, sample_id="other"),
        ],
        schema_overrides=kinds,
    )
    found = drugs(frame.reverse(), {"INPUT//221906//mg": "Nor\u202eepinephrine\n"})
    assert [(one.event_id, one.name, one.amount, one.unit) for one in found["s"]] == [
        ("INPUT//221906//mg@21501013T150500", "Norepinephrine", 0.25, "mg"),
        ("INPUT//221906//mg@21501013T150500#2", "Norepinephrine", 0.5, "mg"),
        ("MEDICATION//Heparin//Delayed Administered@21501013T150500", "Heparin", None, None),
        ("MEDICATION//aspirin@21501013T160500", "aspirin", None, None),
    ]
    assert [one.name for one in found["other"]] == ["1"]


def test_abnormality_is_counted_in_widths_of_the_usual_range() -> None:
    assert abnormality(value("sodium", 155, 1)) == pytest.approx(1.0)
    assert abnormality(value("sodium", 130, 1)) == pytest.approx(0.5)
    assert abnormality(value("weight", 400, 1)) == 0
    assert abnormality(value("gcs_eye", 1, 1)) == pytest.approx(0.75)
