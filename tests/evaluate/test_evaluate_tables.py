"""The tables, in the terminal and in words: stamps, refusals, and no zero where nothing was computed."""

import io

import polars as pl
import pytest
from made_up_run import make_attrition, make_header, make_predictions
from rich.console import Console
from sklearn.metrics import roc_auc_score

from xhaim.errors import DataError
from xhaim.evaluate.figures import figures
from xhaim.evaluate.grids import grids, print_tables
from xhaim.evaluate.metrics import Unscored
from xhaim.evaluate.svg import inline_svg
from xhaim.evaluate.tables import all_tables, models_in
from xhaim.task import load_task

TASKS = [load_task("pleural_effusion")]


def tables_of(predictions, header=None, truth=None, tasks=TASKS):
    ids = tuple(task.id for task in tasks)
    return all_tables(predictions, make_attrition(ids), truth, header or make_header(), tasks, resamples=50)


def printed(tables, header, width=200):
    text = io.StringIO()
    print_tables(Console(file=text, width=width, color_system=None), grids(tables, header))
    return text.getvalue()


def test_table_1_adds_up_and_counts_samples_once(predictions):
    row = tables_of(predictions).table_1[0]
    assert row.balanced
    assert [(step.n, step.lost) for step in row.steps] == [
        (250, False), (50, True), (200, False), (10, True), (30, True), (160, False)
    ]  # fmt: skip
    once = predictions.unique("sample_id")
    assert (row.labelled, row.subjects, row.positives) == (160, 80, once["label"].sum())


def test_attrition_that_does_not_add_up_is_said(predictions):
    header = make_header()
    wrong = make_attrition().with_columns(n=pl.when(pl.col("reason") == "blank").then(29).otherwise(pl.col("n")))
    tables = all_tables(predictions, wrong, None, header, TASKS, resamples=10)
    assert not tables.table_1[0].balanced
    assert "do not add up" in printed(tables, header)


def test_a_task_without_attrition_is_refused(predictions):
    with pytest.raises(DataError, match="no attrition of task pleural_effusion"):
        all_tables(predictions, make_attrition(()), None, make_header(), TASKS)


def test_table_2_holds_the_mean_over_the_splits(predictions):
    row = tables_of(predictions).table_2[0]
    test = predictions.filter((pl.col("model") == "xhaim") & (pl.col("part") == "test"))
    plain = [roc_auc_score(part["label"], part["raw"]) for _, part in test.group_by("split")]
    assert (row.model, row.auc.mean) == ("xhaim", pytest.approx(sum(plain) / 3))
    assert row.rows == test.height


def test_an_uncalibrated_baseline_has_no_brier(predictions):
    row = next(row for row in tables_of(predictions).table_2 if row.model == "carry_forward")
    assert row.brier == row.slope == Unscored("no calibrated risk")
    assert row.auc.splits == 3


def test_models_stand_in_the_order_of_the_report():
    frame = make_predictions(n=8, splits=1, models=("zebra", "haim", "xhaim"))
    assert models_in(frame, "pleural_effusion") == ("xhaim", "haim", "zebra")


def test_every_table_says_simulated_and_leaky_when_it_is(predictions):
    leaky = make_header(report_policy={"pleural_effusion": "index_included"})
    for grid in grids(tables_of(predictions, leaky), leaky):
        assert grid.stamps == ("SIMULATED", "LEAKY")
    text = printed(tables_of(predictions, leaky), leaky)
    assert text.count("SIMULATED · LEAKY") == 3
    honest = make_header(simulated=False)
    text = printed(tables_of(predictions, honest), honest)
    assert "SIMULATED" not in text
    assert "LEAKY" not in text


def test_a_leak_stamps_the_task_it_is_in():
    tasks = [*TASKS, load_task("mortality_48h")]
    frame = make_predictions(splits=2, tasks=("pleural_effusion", "mortality_48h"))
    header = make_header(
        report_policy={"pleural_effusion": "index_included", "mortality_48h": "admissible"}, leaky=True
    )
    leaky = {row.task_id: row.leaky for row in tables_of(frame, header, tasks=tasks).table_2}
    assert leaky == {"pleural_effusion": True, "mortality_48h": False}
    unknown = make_header(leaky=True)
    assert all(row.leaky for row in tables_of(frame, unknown, tasks=tasks).table_2)


def test_the_report_policy_stands_beside_every_number(predictions):
    header = make_header()
    _, second, third = grids(tables_of(predictions, header), header)
    assert all("[prior_only]" in row[0] for row in (*second.body, *third.body))


def test_what_is_not_scored_is_never_shown_as_a_number(predictions):
    one = predictions.with_columns(label=(pl.col("sample_id") == "300-x").cast(pl.Int8))
    header = make_header()
    tables = tables_of(one, header)
    _, second, third = grids(tables, header)
    for row in second.body:
        auc, auprc, slope = row[2], row[3], row[5]
        assert {cell.split(":")[0] for cell in (auc, auprc)} == {"not computed"}
        assert "positive" in auc
        assert slope.startswith("not computed")
    assert all(row[2].startswith("not computed") and set(row[3:]) == {""} for row in third.body)
    assert all(figure.svg is None for figure in figures(one, header, TASKS) if figure.kind == "roc")


def test_a_task_that_no_model_predicted_is_not_left_out(predictions):
    header = make_header()
    tables = tables_of(predictions.clear(), header)
    reason = Unscored("no predictions: no model was fitted")
    assert [(row.model, row.auc) for row in tables.table_2] == [("xhaim", reason)]
    assert grids(tables, header)[0].body[-2:] == (("positives", "nobody"), ("report policy", "prior_only"))
    assert [figure.svg for figure in figures(predictions.clear(), header, TASKS)] == [None, None]


def test_best_possible_is_shown_only_where_the_truth_is_known(predictions):
    header = make_header()
    ids = predictions["sample_id"].unique().sort()
    truth = pl.DataFrame({"sample_id": ids, "task_id": TASKS[0].id, "best": [i / len(ids) for i in range(len(ids))]})
    with_truth, without = (grids(tables_of(predictions, header, known), header)[1] for known in (truth, None))
    assert "Best possible" in with_truth.columns
    assert "Best possible" not in without.columns


def test_cells_are_never_read_as_terminal_markup():
    frame = make_predictions(models=("xhaim", "[red]evil[/red]", "haim"))
    header = make_header()
    assert "[red]evil[/red]" in printed(tables_of(frame, header), header)


def test_figures_are_the_same_every_time_and_say_what_they_are(predictions):
    header = make_header()
    first, second = (figures(predictions.sample(fraction=1, shuffle=True, seed=s), header, TASKS) for s in (1, 2))
    assert first == second
    assert [figure.kind for figure in first] == ["roc", "calibration"]
    for figure in first:
        assert f">SIMULATED · {figure.caption}</title>" in figure.svg
        assert "style=" not in figure.svg
        assert "currentColor" in figure.svg
    assert "Last known label: not drawn, no calibrated risk" in first[1].notes


def test_a_title_cannot_leave_its_figure():
    svg = inline_svg(lambda canvas: None, "k", "</title><script>alert(1)</script>", 2.0)
    assert "<script" not in svg


def luminance(colour):
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_curves_can_be_seen_on_the_light_and_on_the_dark_card():
    from xhaim.evaluate.figures import COLOURS

    for colour in COLOURS:
        for card in ("#ffffff", "#19212a"):
            light, dark = sorted((luminance(colour), luminance(card)), reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= 3, (colour, card)
