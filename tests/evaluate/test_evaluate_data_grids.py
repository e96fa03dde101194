"""Tables about the data: one row for each signal, nothing that the future decides, stamped."""

from __future__ import annotations

import polars as pl
from made_up_run import make_header

from xhaim.evaluate.data_grids import DataTables, data_grids
from xhaim.task import load_task

TASK = load_task("pleural_effusion")
WHO = {
    "task_id": "pleural_effusion", "part": "all", "samples": 4, "subjects": 3, "stays": 4, "positives": 1,
    "positive_share": 0.25, "age_median": 60.0, "age_low": 50.0, "age_high": 71.0, "age_unknown": 0, "female": 1,
    "sex_unknown": 2,
}  # fmt: skip


def tables(aside=(), reports=(), who=(WHO,)) -> DataTables:
    aside_schema = {"signal": pl.String, "fault": pl.String, "n": pl.Int64}
    report_schema = {
        "how": pl.String, "doubtful": pl.Boolean, "known_before": pl.Boolean, "notes": pl.Int64, "samples": pl.Int64
    }  # fmt: skip
    return DataTables(
        pl.DataFrame(list(who)),
        pl.DataFrame(list(aside), schema=aside_schema, orient="row"),
        pl.DataFrame(list(reports), schema=report_schema, orient="row"),
    )


def test_who_is_said_in_words_and_what_is_not_known_is_not_guessed():
    unknown = {**WHO, "part": "test", "age_median": None, "sex_unknown": 4}
    (grid,) = data_grids(tables(who=(WHO, unknown, {**WHO, "part": "train", "samples": 0})), make_header(), [TASK])
    assert [row[1:] for row in grid.body] == [
        ("all", "4", "3", "4", "1 (25.0%)", "60 (50-71)", "50%"),
        ("test", "4", "3", "4", "1 (25.0%)", "not known", "not known"),
    ]


def test_a_signal_has_one_row_and_a_reason_one_column():
    aside = [("lactate", "value in words", 1200), ("lactate", "no time", 2), ("Notes", "without text", 3)]
    grid = data_grids(tables(aside), make_header(), [TASK])[1]
    assert grid.columns == ("Signal", "No time", "Value in words", "Without text")
    assert grid.body == (("Notes", "", "", "3"), ("Lactate", "2", "1,200", ""))
    assert all(span == 1 for span in grid.spans)


def test_only_reports_known_before_are_on_the_page_and_every_table_is_stamped():
    reports = [("study id", False, False, 9, 9), ("time and exam", True, True, 2, 1)]
    header = make_header(simulated=True, report_policy={TASK.id: "index_included"})
    shown = data_grids(tables(reports=reports), header, [TASK])
    assert [grid.key for grid in shown] == ["table-1b", "index-reports"]
    assert shown[1].body == (("time and exam (doubtful)", "2", "1"),)
    assert all(grid.stamps == ("SIMULATED", "LEAKY") for grid in shown)
