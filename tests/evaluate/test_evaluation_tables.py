"""The tables of an evaluation against plain computations; stamps, policies and reasons beside every number."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from made_up_experiments import MODELS, make_experiments
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, roc_auc_score

from xhaim.evaluate.compare import Estimate, auc_interval_over_splits, paired_difference, rows_of_test
from xhaim.evaluate.evaluation_tables import evaluation_tables
from xhaim.evaluate.metrics import Unscored, calibration_slope_intercept
from xhaim.evaluate.score_tables import performance
from xhaim.evaluate.wording import MINUS

TASK = "pleural_effusion"


@pytest.fixture(scope="module")
def experiments():
    return make_experiments()


@pytest.fixture(scope="module")
def tables(experiments):
    return {table.key: table for table in evaluation_tables(experiments, resamples=60, seed=2)}


def of(table, model, policy="prior_only"):
    (row,) = [row for row in table.rows if (row["model"], row["policy"]) == (model, policy)]
    return row


def test_every_model_of_every_task_and_policy_has_a_row_in_order(tables):
    rows = tables["performance"].rows
    assert [(row["policy"], row["model"]) for row in rows] == [
        *(("prior_only", model) for model in ("xhaim", "haim", "xhaim_frozen", "demographics", "carry_forward")),
        *(("index_included", model) for model in ("xhaim", "haim", "xhaim_frozen", "demographics", "carry_forward")),
        ("admissible", "xhaim"),
    ]
    assert [row["kind"] for row in rows[:5]] == ["systems"] * 2 + ["ablations"] + ["what a real model must beat"] * 2
    assert all(table.stamps == ("SIMULATED", "LEAKY") for table in tables.values())


def test_the_policy_stands_beside_every_number_and_leaky_where_it_is(tables):
    for table in tables.values():
        if table.key not in ("policies", "table-2"):
            assert all(f"[{row['policy']}" in row["task"] for row in table.rows)
            assert all(
                ("LEAKY" in row["task"]) == row["leaky"] == (row["policy"] == "index_included") for row in table.rows
            )
    assert [column.heading for column in tables["policies"].columns[3:]] == [
        "admissible", "prior_only", "index_included · LEAKY"
    ]  # fmt: skip


def test_performance_is_that_of_plain_loops(tables, experiments):
    row, frame = of(tables["performance"], "haim"), experiments[0].predictions
    test = rows_of_test(frame, TASK, "haim")
    plain = [roc_auc_score(part["label"], part["raw"]) for _, part in test.group_by("split")]
    assert row["auc"].mean == pytest.approx(np.mean(plain))
    assert row["auc"].se == pytest.approx(np.std(plain, ddof=1) / np.sqrt(3))
    assert row["interval"] == auc_interval_over_splits(test, resamples=60, seed=2)
    assert row["interval"][0] < row["auc"].mean < row["interval"][1]
    assert (row["samples"], row["rows"]) == (test["sample_id"].n_unique(), test.height)
    assert isinstance(row["best"], Estimate)


def test_the_interval_over_splits_is_that_of_a_plain_loop_over_subjects(experiments):
    test = rows_of_test(experiments[0].predictions, TASK, "haim")
    subjects = sorted(set(test["subject_id"]))
    rng = np.random.default_rng(4)
    means = []
    for times in rng.multinomial(len(subjects), [1 / len(subjects)] * len(subjects), size=40):
        drawn = dict(zip(subjects, times, strict=True))
        values = []
        for _, part in test.group_by("split", maintain_order=True):
            weights = [drawn[subject] for subject in part["subject_id"]]
            values.append(roc_auc_score(np.repeat(part["label"], weights), np.repeat(part["raw"], weights)))
        means.append(np.mean(values))
    found = auc_interval_over_splits(test, resamples=40, seed=4)
    assert found == pytest.approx(tuple(np.percentile(means, [2.5, 97.5])))


def test_a_task_that_no_model_predicted_is_not_left_out(tables):
    reason = Unscored("no predictions: no model was fitted")
    row = of(tables["performance"], "xhaim", "admissible")
    assert row["auc"] == row["interval"] == row["auprc"] == reason
    assert tables["performance"].grid.body[-1][3:5] == (str(reason), "not computed")
    assert not [row for row in tables["comparisons"].rows if row["task_id"] == "mortality_48h"]


def test_differences_are_the_bootstraps_and_delongs_of_the_reference_against_all(tables, experiments):
    mine = [row for row in tables["comparisons"].rows if row["policy"] == "prior_only"]
    assert [row["other"] for row in mine] == ["haim", "xhaim_frozen", "demographics", "carry_forward"]
    plain = paired_difference(experiments[0].predictions, TASK, "xhaim", "haim", resamples=60, seed=2)
    assert (mine[0]["difference"], mine[0]["bootstrap"]) == (plain.mean, plain.interval)
    assert mine[0]["delong"][0] < plain.mean < mine[0]["delong"][1]
    assert all(row["p_holm"] >= row["p"] for row in mine)
    assert mine[0]["compared"] == f"xHAIM {MINUS} HAIM, de-leaked"


def test_two_equal_models_have_a_reason_and_no_p(experiments):
    frame = experiments[0].predictions.filter(pl.col("model") == "xhaim")
    twin = frame.with_columns(model=pl.lit("haim"))
    item = make_experiments()[0]
    same = type(item)(item.task, item.policy, False, pl.concat([frame, twin]), item.groups)
    (row,) = {t.key: t for t in evaluation_tables([same], resamples=20)}["comparisons"].rows
    assert (row["difference"], row["p"]) == (0, Unscored("both rank every pair alike"))


def test_calibration_is_that_of_plain_loops(tables, experiments):
    row = of(tables["calibration"], "haim")
    test = rows_of_test(experiments[0].predictions, TASK, "haim", "risk")
    parts = [(part["label"].to_numpy(), part["risk"].to_numpy()) for _, part in test.group_by("split")]
    assert row["brier"].mean == pytest.approx(np.mean([brier_score_loss(y, p) for y, p in parts]))
    assert row["excess"].mean == pytest.approx(np.mean([p.mean() - y.mean() for y, p in parts]))
    slopes = [
        LogisticRegression(C=np.inf, tol=1e-10, max_iter=10_000).fit(np.log(p / (1 - p))[:, None], y).coef_[0, 0]
        for y, p in parts
    ]
    assert row["slope"].mean == pytest.approx(np.mean(slopes), rel=1e-4)
    assert of(tables["calibration"], "carry_forward")["brier"] == Unscored("no calibrated risk")


def test_the_slope_of_nearly_equal_risks_is_found_too():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=400)
    y = (rng.random(400) < 1 / (1 + np.exp(-logits))).astype(int)
    slope, _ = calibration_slope_intercept(y, 1 / (1 + np.exp(-logits)))
    flat, _ = calibration_slope_intercept(y, 1 / (1 + np.exp(-logits / 1000)))
    assert flat == pytest.approx(1000 * slope, rel=1e-6)


def test_net_benefit_has_the_row_of_acting_on_everybody(tables):
    rows = [row for row in tables["net-benefit"].rows if row["policy"] == "prior_only"]
    assert [row["model"] for row in rows] == [*sorted(MODELS, key=["xhaim", "haim", "xhaim_frozen", "demographics",
                                                                    "carry_forward"].index), "everybody"]  # fmt: skip
    assert rows[-1]["benefit_50"].mean < 0 < rows[0]["benefit_20"].mean
    assert rows[-2]["benefit_20"] == Unscored("no calibrated risk")
    alone = [row for row in tables["net-benefit"].rows if row["policy"] == "admissible"]
    assert [row["model"] for row in alone] == ["xhaim"]


def test_subgroups_are_of_systems_alone(tables):
    rows = tables["subgroups"].rows
    assert {row["model"] for row in rows} == {"xhaim", "haim"}
    assert {(row["attribute"], row["group"]) for row in rows} == {
        ("sex", "F"), ("sex", "M"), ("age", "45-64"), ("age", "80 and over"), ("age", "not recorded")
    }  # fmt: skip


def test_table_2_is_in_per_cent_and_averages_only_what_is_whole(tables, experiments):
    rows = tables["table-2"].rows
    auc = of(tables["performance"], "xhaim")["auc"]
    assert (rows[0]["policy"], rows[0]["model"]) == ("prior_only", "xhaim")
    assert rows[0][TASK].mean == pytest.approx(100 * auc.mean)
    assert rows[0]["average"] is None  # mortality has no score
    assert rows[1]["mortality_48h"] is None  # and HAIM none at all there
    assert [row["policy"] for row in rows if row["leaky"]] == ["index_included · LEAKY"] * 5
    whole = {t.key: t for t in evaluation_tables(experiments[:1], resamples=20)}["table-2"]
    assert whole.rows[0]["average"] == pytest.approx(100 * auc.mean)


def test_policies_stand_side_by_side(tables):
    row = tables["policies"].rows[0]
    assert row["prior_only"].mean == pytest.approx(of(tables["performance"], "xhaim")["auc"].mean)
    assert row["index_included"].mean == pytest.approx(of(tables["performance"], "xhaim", "index_included")["auc"].mean)
    assert row["admissible"] is None
    assert row["prior_only"] != row["index_included"]


def test_every_table_is_the_same_for_any_row_order(tables, experiments):
    shuffled = [
        type(item)(item.task, item.policy, item.simulated, item.predictions.sample(fraction=1, shuffle=True, seed=3),
                   item.groups.sample(fraction=1, shuffle=True, seed=3), item.truth)
        for item in experiments
    ]  # fmt: skip
    for table in evaluation_tables(shuffled, resamples=60, seed=2):
        assert table.grid == tables[table.key].grid


def test_a_model_that_leaks_by_itself_is_marked_under_an_honest_policy():
    item = make_experiments(policies=("prior_only",))[0]
    frame = item.predictions.with_columns(pl.col("model").replace("haim", "haim_published"))
    found = evaluation_tables([type(item)(item.task, item.policy, False, frame, item.groups)], resamples=20)
    assert all(table.stamps == ("LEAKY",) for table in found)
    rows = {row["model"]: row for row in found[1].rows}
    assert (rows["haim_published"]["leaky"], rows["xhaim"]["leaky"]) == (True, False)
    assert rows["haim_published"]["label"] == "HAIM, as published · LEAKY"


def test_rows_without_a_score_are_counted_and_never_scored(experiments):
    item = experiments[0]
    mute = (pl.col("model") == "haim") & (pl.col("sample_id").is_in(["300-x", "301-x", "302-x", "303-x"]))
    frame = item.predictions.with_columns(raw=pl.when(mute).then(None).otherwise(pl.col("raw")))
    lost = frame.filter((pl.col("part") == "test") & pl.col("raw").is_null()).height
    assert lost > 0
    found = performance([type(item)(item.task, item.policy, True, frame, item.groups)], resamples=20)
    rows = {row["model"]: row for row in found.rows}
    assert (rows["haim"]["unanswered"], rows["xhaim"]["unanswered"]) == (lost, 0)
    assert rows["haim"]["rows"] + lost == rows["xhaim"]["rows"]
    assert found.columns[-1].heading == "Rows without a score"
    assert "Rows without a score" not in {column.heading for column in performance(experiments, resamples=5).columns}
