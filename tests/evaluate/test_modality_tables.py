"""What each modality is worth, as tables: means over the splits, and the reason where there is no number."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest
from made_up_experiments import make_experiments

from xhaim.evaluate.evaluation_tables import evaluation_tables
from xhaim.evaluate.experiment import Worth
from xhaim.evaluate.modality_tables import combination_table, shapley_table


def worth(reason=None):
    score = (lambda value: (None, reason)) if reason else (lambda value: (value, None))
    rows = [(1, ["text"], *score(0.8)), (0, ["text"], *score(0.6)), (0, ["tabular", "text"], *score(0.9))]
    values = [(0, "text", *score(0.2)), (1, "text", *score(0.4)), (0, "tabular", *score(-0.1))]
    return Worth(
        "haim",
        15,
        pl.DataFrame(rows, schema=["split", "combination", "auc", "reason"], orient="row"),
        pl.DataFrame(values, schema=["split", "modality", "value", "reason"], orient="row"),
    )


def experiments(*worths):
    first, *others = make_experiments(policies=("index_included",))
    return [replace(first, worth=worths), *others]


def test_means_over_the_splits_stamped_and_said_of_whom():
    table = combination_table(experiments(worth()))
    assert [(row["modalities"], row["size"]) for row in table.rows] == [("text", 1), ("tabular + text", 2)]
    assert table.rows[0]["auc"].mean == pytest.approx(0.7)
    assert (table.rows[0]["auc"].splits, table.rows[1]["auc"].splits) == (2, 1)
    assert table.stamps == ("SIMULATED", "LEAKY")
    assert table.frame["system"].to_list() == ["haim", "haim"]
    values = shapley_table(experiments(worth()))
    assert [(row["modality"], round(row["value"].mean, 6)) for row in values.rows] == [("text", 0.3), ("tabular", -0.1)]


def test_where_nothing_was_scored_the_reason_stands_and_no_number():
    table = shapley_table(experiments(worth("4 positives of 13")))
    assert table.frame["value"].null_count() == 2
    assert "4 positives of 13" in table.grid.body[0][-1]


def test_an_evaluation_has_these_tables_only_where_they_were_asked_for():
    keys = [table.key for table in evaluation_tables(experiments(), resamples=10)]
    assert "shapley" not in keys
    asked = [table.key for table in evaluation_tables(experiments(worth()), resamples=10)]
    assert asked == [*keys, "combinations", "shapley"]
