"""Counts, comparisons and bounds of claims, by examples that were worked out by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xhaim.verify.entail_clauses import Rarity, clause_columns
from xhaim.verify.entail_features import columns
from xhaim.verify.entail_numbers import number_columns
from xhaim.verify.entail_rows import references, rows
from xhaim.verify.entail_tables import table_columns
from xhaim.verify.entail_words import content, numbers

EVENTS = """Primary trial:
Adverse Events 1:
  Total: 15/130 (11.54%)
  Febrile neutropenia 5/130 (3.85%)
  Anaemia 0/130 (0.00%)
Adverse Events 2:
  Total: 17/180 (9.44%)
  Febrile neutropenia 1/180 (0.56%)
  Anaemia 2/180 (1.11%)
Secondary trial:
Adverse Events 1:
  Total: 2/50 (4.00%)
  Nausea 2/50 (4.00%)
"""
FOLDED = " ".join(EVENTS.split())
"""As a premise comes from ``text.entailment.support``: one line."""


@pytest.mark.parametrize("evidence", [EVENTS, FOLDED])
def test_rows_know_their_source_their_arm_and_their_name(evidence):
    found = [(row.part, row.arm, row.n, row.of) for row in rows(evidence)]
    assert found == [
        (0, 1, 15, 130), (0, 1, 5, 130), (0, 1, 0, 130),
        (0, 2, 17, 180), (0, 2, 1, 180), (0, 2, 2, 180),
        (1, 1, 2, 50), (1, 1, 2, 50),
    ]  # fmt: skip
    assert rows(evidence)[5].name == frozenset(content("anemia"))


@pytest.mark.parametrize(
    ("claim", "column", "value"),
    [
        ("Febrile neutropenia was seen in the primary trial.", "table_exists", 1),
        ("There were no cases of febrile neutropenia in the primary trial.", "table_exists", -1),
        ("There were no cases of anemia in cohort 1 of the primary trial.", "table_exists", 1),
        ("Anemia was seen in cohort 1 of the primary trial.", "table_exists", -1),
        ("There were no cases of pancreatitis in the primary trial.", "table_exists", 0.5),
        ("Cohort 1 of the primary trial had more febrile neutropenia than cohort 2.", "table_compare", 1),
        ("Cohort 2 of the primary trial had more febrile neutropenia than cohort 1.", "table_compare", -1),
        ("Cohort 1 of the primary trial had fewer adverse events than cohort 2.", "table_compare", 1),
        ("A higher percent had adverse events in cohort 1 of the primary trial than in cohort 2.", "table_compare", 1),
        ("The primary trial had more cases of nausea than the secondary trial.", "table_compare", -1),
        ("The secondary trial had more cases of nausea than the primary trial.", "table_compare", 1),
        ("More than 4 patients had febrile neutropenia in the primary trial.", "table_threshold", 1),
        ("More than 9 patients had febrile neutropenia in the primary trial.", "table_threshold", -1),
        ("At most 2 patients had nausea in the secondary trial.", "table_threshold", 1),
        ("3.85% had febrile neutropenia in cohort 1 of the primary trial.", "table_plain", 1),
        ("6 patients of the primary trial had febrile neutropenia.", "table_derived", 1),
        ("7 patients of the primary trial had febrile neutropenia.", "table_derived", 0),
    ],
)
def test_a_claim_is_held_against_the_table(claim, column, value):
    assert table_columns(claim, EVENTS)[column] == value
    assert table_columns(claim, FOLDED)[column] == value


def test_places_are_read_in_order():
    assert references("Cohort 1 of the primary trial and cohort two of the secondary trial") == [(0, 1), (1, 2)]
    assert references("the secondary trial") == [(1, None)]
    assert references("nobody") == []


def test_what_one_source_denies_and_the_other_affirms_is_a_contrast():
    evidence = "Primary trial:\nDaily aspirin\nSecondary trial:\nA placebo tablet\n"
    rarity = Rarity(2, {})
    right = "The secondary trial uses a placebo, unlike the primary trial which does not use a placebo."
    wrong = "The primary trial uses a placebo, unlike the secondary trial which does not use a placebo."
    assert clause_columns(right, evidence, rarity)["source_contrast"] > 0
    assert clause_columns(wrong, evidence, rarity)["source_contrast"] < 0
    denied = clause_columns("The primary trial does not use a placebo.", evidence, rarity)
    said = clause_columns("The primary trial uses a placebo.", evidence, rarity)
    assert denied["clause_turned"] > 0 > said["clause_turned"]


def test_numbers_are_sought_with_their_unit_and_their_words():
    evidence = "Trastuzumab 4 mg/kg, then lapatinib 1,500 mg daily"
    right = number_columns("lapatinib at 1500 milligrams", evidence)
    wrong = number_columns("lapatinib at 4 milligrams per day", "lapatinib 1500 mg")
    assert right["number_unit"] == 1
    assert right["number_near"] > 0 > wrong["number_near"]
    assert number_columns("no number here", evidence)["number_unit"] == -1


def test_numbers_in_digits_and_in_words():
    assert numbers("Two of 1,234 patients (5.5%) had 3mg, once") == [2, 1234, 5.5, 3, 1]


def test_a_criterion_under_exclusion_speaks_against_eligible():
    evidence = "Inclusion criteria:\nBreast cancer\nExclusion criteria:\nPrior chemotherapy\nPregnancy\n"
    rarity = Rarity(1, {})
    eligible = columns("Patients with prior chemotherapy are eligible.", evidence, rarity, None)
    excluded = columns("Patients with prior chemotherapy are excluded.", evidence, rarity, None)
    assert (eligible["criterion_agrees"], excluded["criterion_agrees"]) == (-1, 1)


@given(st.text(max_size=200), st.text(max_size=400))
def test_any_two_texts_have_the_same_finite_columns(claim, evidence):
    found = columns(claim, evidence, Rarity(3, {"fever": 2}), None)
    assert list(found) == list(columns("a", "a", Rarity(3, {}), None))
    assert all(value == value and abs(value) < 1e6 for value in found.values())
