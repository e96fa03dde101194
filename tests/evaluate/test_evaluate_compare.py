"""Splits, paired differences and the latent truth, against plain loops."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_run import make_predictions
from sklearn.metrics import roc_auc_score

from xhaim.errors import DataError
from xhaim.evaluate.compare import (
    Estimate,
    auc_interval,
    best_possible,
    by_split,
    check_predictions,
    over_splits,
    paired_difference,
    rank_auc,
    rows_of_test,
)
from xhaim.evaluate.metrics import Unscored, auc

TASK = "pleural_effusion"


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 5), st.integers(0, 3)), min_size=2, max_size=40))
def test_weighted_auc_is_that_of_the_rows_repeated(rows):
    y, s, w = (np.array(column) for column in zip(*rows, strict=True))
    repeated = np.repeat(y, w)
    found = rank_auc(y, s.astype(float), w[None, :].astype(float))[0]
    if 0 < repeated.sum() < repeated.size:
        assert found == pytest.approx(roc_auc_score(repeated, np.repeat(s, w)))
    else:
        assert np.isnan(found)


def test_the_bootstrap_is_that_of_a_plain_loop_over_subjects(predictions):
    found = paired_difference(predictions, TASK, "xhaim", "haim", resamples=40, seed=5)
    ours, theirs = (rows_of_test(predictions, TASK, model) for model in ("xhaim", "haim"))
    subjects = sorted(set(ours["subject_id"]))
    rng = np.random.default_rng(5)
    means = []
    for times in rng.multinomial(len(subjects), [1 / len(subjects)] * len(subjects), size=40):
        drawn = dict(zip(subjects, times, strict=True))
        values = []
        for split in range(3):
            a, b = (rows.filter(pl.col("split") == split) for rows in (ours, theirs))
            weights = [drawn[subject] for subject in a["subject_id"]]
            labels = np.repeat(a["label"].to_numpy(), weights)
            scores = [np.repeat(rows["raw"].to_numpy(), weights) for rows in (a, b)]
            values.append(roc_auc_score(labels, scores[0]) - roc_auc_score(labels, scores[1]))
        means.append(np.mean(values))
    assert found.interval == pytest.approx(tuple(np.percentile(means, [2.5, 97.5])))
    assert found.subjects == len(subjects)
    assert found.rows == ours.height
    plain = [roc_auc_score(part["label"], part["raw"]) for rows in (ours, theirs) for _, part in rows.group_by("split")]
    assert found.mean == pytest.approx(np.mean(plain[:3]) - np.mean(plain[3:]))


def test_the_interval_of_one_model_is_that_of_a_plain_loop_over_subjects(predictions):
    rows = rows_of_test(predictions, TASK, "xhaim").filter(pl.col("split") == 1)
    subjects = sorted(set(rows["subject_id"]))
    values = []
    for times in np.random.default_rng(3).multinomial(len(subjects), [1 / len(subjects)] * len(subjects), size=60):
        drawn = dict(zip(subjects, times, strict=True))
        weights = [drawn[subject] for subject in rows["subject_id"]]
        labels = np.repeat(rows["label"].to_numpy(), weights)
        if 0 < labels.sum() < labels.size:
            values.append(roc_auc_score(labels, np.repeat(rows["raw"].to_numpy(), weights)))
    found = auc_interval(rows, resamples=60, seed=3)
    assert found == pytest.approx(tuple(np.percentile(values, [2.5, 97.5])))
    assert isinstance(auc_interval(rows.filter(pl.col("label") == 1), resamples=60), Unscored)


def test_a_model_does_not_differ_from_itself_and_a_difference_has_two_directions(predictions):
    same = paired_difference(predictions, TASK, "xhaim", "xhaim", resamples=50)
    assert (same.mean, same.interval) == (0.0, (0.0, 0.0))
    there = paired_difference(predictions, TASK, "xhaim", "haim", resamples=50)
    back = paired_difference(predictions, TASK, "haim", "xhaim", resamples=50)
    assert there.mean == pytest.approx(-back.mean)
    assert there.interval == pytest.approx((-back.interval[1], -back.interval[0]))


def test_the_order_of_rows_changes_nothing(predictions):
    shuffled = predictions.sample(fraction=1, shuffle=True, seed=1)
    for model in ("haim", "carry_forward"):
        assert paired_difference(shuffled, TASK, "xhaim", model, resamples=30) == paired_difference(
            predictions, TASK, "xhaim", model, resamples=30
        )


def test_only_rows_that_both_scored_are_compared(predictions):
    half = predictions.with_columns(
        raw=pl.when((pl.col("model") == "haim") & (pl.col("subject_id") % 2 == 0)).then(None).otherwise(pl.col("raw"))
    )
    found = paired_difference(half, TASK, "xhaim", "haim", resamples=20)
    assert found.rows == rows_of_test(half, TASK, "haim").height < rows_of_test(half, TASK, "xhaim").height


def test_too_few_positives_leave_a_difference_unscored(predictions):
    none = predictions.with_columns(label=pl.lit(0, pl.Int8))
    found = paired_difference(none, TASK, "xhaim", "haim", resamples=20)
    assert isinstance(found, Unscored)
    assert found.reason.startswith("0 positives of ")


def test_train_rows_never_count(predictions):
    spoilt = predictions.with_columns(
        raw=pl.when(pl.col("part") == "train").then(1.0 - pl.col("label")).otherwise(pl.col("raw"))
    )
    assert by_split(rows_of_test(spoilt, TASK, "xhaim"), auc) == by_split(rows_of_test(predictions, TASK, "xhaim"), auc)


def test_mean_and_standard_error_are_over_the_scored_splits():
    assert over_splits([0.8, Unscored("x"), 0.9]) == Estimate(pytest.approx(0.85), pytest.approx(0.05), 2, 3)
    assert over_splits([0.8]) == Estimate(0.8, None, 1, 1)
    assert over_splits([Unscored("1 positive of 27")]) == Unscored("1 positive of 27")
    assert over_splits([]) == Unscored("no predictions: no model was fitted")


def test_best_possible_is_the_latent_truths_auc_on_the_same_rows(predictions):
    ids = predictions["sample_id"].unique().sort()
    latent = pl.DataFrame({"sample_id": ids, "task_id": TASK, "best": np.random.default_rng(0).random(len(ids))})
    found = best_possible(predictions, latent, TASK)
    rows = rows_of_test(predictions, TASK, "xhaim").join(latent, on="sample_id")
    plain = [roc_auc_score(part["label"], part["best"]) for _, part in rows.group_by("split", maintain_order=True)]
    assert found.mean == pytest.approx(np.mean(plain))
    missing = best_possible(predictions, latent.head(10), TASK)
    assert isinstance(missing, Unscored)
    assert "no latent probability for" in missing.reason


def test_predictions_that_are_not_as_described_are_refused(predictions):
    check_predictions(predictions)
    with pytest.raises(DataError, match="no raw, risk"):
        check_predictions(predictions.drop("raw", "risk"))
    with pytest.raises(DataError, match="scored twice"):
        check_predictions(pl.concat([predictions, predictions.head(1)]))
    with pytest.raises(DataError, match="not 0 or 1"):
        check_predictions(predictions.with_columns(label=pl.lit(-1, pl.Int8)))


def test_the_interval_of_two_models_alike_holds_zero_about_as_often_as_it_says():
    """Coverage: 95 % intervals of models of one quality should hold 0 in nearly all of 40 simulated runs."""
    held = 0
    for seed in range(40):
        frame = make_predictions(n=120, splits=1, models=("xhaim",), seed=seed)
        noise = np.random.default_rng(1000 + seed).normal(size=frame.height)
        labels = frame["label"].to_numpy()
        other = frame.with_columns(model=pl.lit("haim"), raw=pl.Series(1 / (1 + np.exp(-(2 * labels - 1 + noise)))))
        found = paired_difference(pl.concat([frame, other]), TASK, "xhaim", "haim", resamples=200)
        held += found.interval[0] <= 0 <= found.interval[1]
    assert 33 <= held <= 40
