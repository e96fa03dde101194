"""Typed tables: one row as words and as numbers, nothing that was not computed as a number; names and their order."""

from __future__ import annotations

import polars as pl
import pytest

from xhaim.evaluate.compare import Estimate
from xhaim.evaluate.metrics import Unscored
from xhaim.evaluate.names import KINDS, MODEL_LABELS, kind_of, model_words, order_of
from xhaim.evaluate.typed_table import Column, Table, number, p_value, words
from xhaim.evaluate.wording import MINUS
from xhaim.run.systems import SYSTEMS

REASON = Unscored("1 positive of 27")
COLUMNS = (
    Column("Task", "task", words),
    Column("", "kind", words, once=True),
    Column("AUC", "auc", number()),
    Column("95 %", "interval", number(signed=True)),
    Column("p", "p", p_value),
    Column("n", "n", words),
)


def table(*rows):
    return Table("t", ("SIMULATED",), "A table", COLUMNS, tuple(rows))


def row(auc, interval, p, n=1, task="T", kind="systems"):
    return {"task": task, "kind": kind, "auc": auc, "interval": interval, "p": p, "n": n}


def test_in_words():
    shown = table(
        row(Estimate(0.8125, 0.01, 4, 5), (-0.01, 0.5), 0.0004, 1234),
        row(Estimate(0.5, None, 1, 1), None, 0.25),
        row(REASON, REASON, REASON, task="U"),
    ).grid
    assert shown.body == (
        ("T", "systems", "0.812 ± 0.010 [4 of 5 splits]", f"{MINUS}0.010 to +0.500", "under 0.001", "1,234"),
        ("T", "", "0.500 (one split)", "", "0.250", "1"),
        ("U", "systems", "not computed: 1 positive of 27", "not computed", "not computed", "1"),
    )
    assert shown.columns == ("Task", "", "AUC", "95 %", "p", "n")
    assert shown.stamps == ("SIMULATED",)


def test_as_numbers_with_the_reason_beside_what_is_null():
    frame = table(row(Estimate(0.8, 0.01, 4, 5), (-0.01, 0.5), 0.04), row(REASON, REASON, None)).frame
    assert frame.to_dicts() == [
        {"task": "T", "kind": "systems", "auc": 0.8, "auc_se": 0.01, "auc_splits": 4, "interval_low": -0.01,
         "interval_high": 0.5, "p": 0.04, "n": 1, "auc_reason": None, "interval": None, "interval_reason": None},
        {"task": "T", "kind": "systems", "auc": None, "auc_se": None, "auc_splits": None, "interval_low": None,
         "interval_high": None, "p": None, "n": 1, "auc_reason": REASON.reason, "interval": None,
         "interval_reason": REASON.reason},
    ]  # fmt: skip


def test_a_column_without_any_number_is_a_column_of_numbers_still():
    assert table(row(REASON, None, None)).frame.schema["auc"] == pl.Float64


def test_a_table_without_rows_can_be_written(tmp_path):
    empty = table()
    assert empty.grid.body == ()
    empty.frame.write_parquet(tmp_path / "t.parquet")


@pytest.mark.parametrize(
    ("model", "kind", "name"),
    [
        ("xhaim", "systems", "xHAIM"),
        ("haim", "systems", "HAIM, de-leaked"),
        ("haim_published", "systems", "HAIM, as published · LEAKY"),
        ("somebody_elses", "systems", "somebody_elses"),
        ("xhaim_frozen", "ablations", "xHAIM, frozen encoder"),
        ("without_notes", "ablations", "xHAIM without notes"),
        ("no_retrieval", "ablations", "xHAIM, newest text instead of evidence"),
        ("xhaim_25pct", "learning curve", "xHAIM, 25 % of the training part"),
        ("only_cxr", "what a real model must beat", "xHAIM, cxr alone"),
        ("demographics", "what a real model must beat", "Demographics only"),
        ("permuted_labels", "what a real model must beat", "Permuted labels"),
    ],
)
def test_names_and_where_they_stand(model, kind, name):
    assert (kind_of(model), model_words(model)) == (kind, name)


def test_under_a_leaky_policy_nothing_is_called_de_leaked():
    assert model_words("haim", leaky=True) == "HAIM"


def test_every_system_of_a_run_has_its_name_and_the_reference_comes_first():
    assert set(SYSTEMS) < set(MODEL_LABELS)
    found = sorted([*SYSTEMS, "zebra", "xhaim_50pct", "xhaim_5pct", "prevalence"], key=order_of)
    assert found[0] == "xhaim"
    assert [KINDS.index(kind_of(model)) for model in found] == sorted(KINDS.index(kind_of(model)) for model in found)
    assert found.index("xhaim_5pct") + 1 == found.index("xhaim_50pct")
    assert found.index("haim_no_radiology") < found.index("zebra") < found.index("xhaim_frozen")
