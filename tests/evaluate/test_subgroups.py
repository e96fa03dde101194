"""Groups of patients: AUC over pairs within a split, the gap to the rest, and a reason where a class is too small."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from made_up_run import make_predictions

from xhaim.evaluate.metrics import Unscored
from xhaim.evaluate.subgroups import GROUP_SCHEMA, age_band, subgroups

TASK = "pleural_effusion"


def grouped(predictions, rule, attribute="sex"):
    ids = predictions["sample_id"].unique().sort().to_list()
    rows = [(sample_id, attribute, group) for sample_id in ids if (group := rule(int(sample_id.split("-")[0])))]
    return pl.DataFrame(rows, schema=GROUP_SCHEMA, orient="row")


def plain_auc(rows):
    """Pairs within a split, counted over all splits."""
    right = pairs = 0.0
    for split in {row["split"] for row in rows}:
        mine = [row for row in rows if row["split"] == split]
        for a in (row for row in mine if row["label"] == 1):
            for b in (row for row in mine if row["label"] == 0):
                right += (a["raw"] > b["raw"]) + 0.5 * (a["raw"] == b["raw"])
                pairs += 1
    return right / pairs


def test_auc_and_gap_are_those_of_a_plain_loop_over_pairs(predictions):
    found = subgroups(predictions, grouped(predictions, lambda n: "F" if n % 2 else "M"), TASK, "xhaim", resamples=50)
    test = predictions.filter((pl.col("model") == "xhaim") & (pl.col("part") == "test")).to_dicts()
    women = [row for row in test if int(row["sample_id"].split("-")[0]) % 2]
    men = [row for row in test if not int(row["sample_id"].split("-")[0]) % 2]
    assert [(one.attribute, one.group) for one in found] == [("sex", "F"), ("sex", "M")]
    assert [one.auc for one in found] == pytest.approx([plain_auc(women), plain_auc(men)])
    assert found[0].gap == pytest.approx(plain_auc(women) - plain_auc(men)) == -found[1].gap
    assert found[0].gap_interval == pytest.approx(tuple(-end for end in reversed(found[1].gap_interval)))
    assert found[0].samples == len({row["sample_id"] for row in women})
    assert found[0].positives == len({row["sample_id"] for row in women if row["label"]})
    assert found[0].excess == pytest.approx(np.mean([row["risk"] - row["label"] for row in women]))


def test_who_is_in_no_group_is_shown_and_not_ranked(predictions):
    groups = grouped(predictions, lambda n: {0: "A", 1: "B"}.get(n % 3))
    a, b, rest = subgroups(predictions, groups, TASK, "xhaim", resamples=20)
    assert (a.group, b.group, rest.group) == ("A", "B", "not recorded")
    assert rest.auc == rest.gap == Unscored("what the group is was not recorded")
    everybody = predictions.filter((pl.col("model") == "xhaim") & (pl.col("part") == "test"))["sample_id"].n_unique()
    assert a.samples + b.samples + rest.samples == everybody
    assert a.gap == pytest.approx(-b.gap)  # the rest of A is B: whose group is unknown is in neither


def test_a_small_group_says_which_class_is_too_small(predictions):
    few, many = subgroups(predictions, grouped(predictions, lambda n: "few" if n < 312 else "many"), TASK, "xhaim")
    assert isinstance(few.auc, Unscored)
    assert few.auc.reason.endswith("in the group; 10 are needed")
    assert many.auc == few.auc.__class__(few.auc.reason.replace("the group", "the rest"))
    assert few.samples + many.samples <= 160


def test_a_group_of_few_tells_nothing_of_one_of_them(predictions):
    few, many = subgroups(predictions, grouped(predictions, lambda n: "few" if n < 309 else "many"), TASK, "xhaim")
    assert few.samples < 10
    assert few.excess == Unscored("fewer than 10 samples")
    assert isinstance(many.excess, float)


def test_a_planted_gap_is_found_and_none_where_there_is_none():
    frame = make_predictions(n=600, splits=3, models=("xhaim", "other"), seed=7)
    rng = np.random.default_rng(0)
    worse = frame.with_columns(
        raw=pl.when(pl.col("sample_id").str.head(3).cast(pl.Int64, strict=False) % 2 == 1)
        .then(pl.Series(rng.random(frame.height)))
        .otherwise(pl.col("raw"))
    )
    groups = grouped(frame, lambda n: "odd" if int(str(n)[:3]) % 2 else "even")
    (even, odd), (_, fair) = (subgroups(one, groups, TASK, "xhaim", resamples=300) for one in (worse, frame))
    assert odd.gap_interval[1] < 0 < even.gap_interval[0]
    assert odd.interval[0] < odd.auc < odd.interval[1]
    assert fair.gap_interval[0] < 0 < fair.gap_interval[1]


def test_an_uncalibrated_model_has_no_excess(predictions):
    groups = grouped(predictions, lambda n: "F" if n % 2 else "M")
    assert subgroups(predictions, groups, TASK, "carry_forward", resamples=5)[0].excess == Unscored(
        "no calibrated risk"
    )
    assert subgroups(predictions, groups, TASK, "nobody") == ()


def test_a_group_whose_classes_never_meet_in_a_split_is_not_ranked():
    rows = [
        (f"{group}{label}{i}", 1000 * label + 100 * (group == "b") + i, split, label, i / 12)
        for group in "ab" for label in (0, 1) for i in range(12)
        for split in ([label] if group == "a" else [0, 1])
    ]  # fmt: skip
    names = {"sample_id": pl.String, "subject_id": pl.Int64, "split": pl.Int64, "label": pl.Int8, "raw": pl.Float64}
    frame = pl.DataFrame(rows, schema=names, orient="row").with_columns(
        task_id=pl.lit(TASK), model=pl.lit("xhaim"), part=pl.lit("test"), risk=pl.col("raw")
    )
    ids = frame["sample_id"].unique().sort()
    groups = pl.DataFrame({"sample_id": ids, "attribute": "site", "group": ids.str.head(1)})
    a, b = subgroups(frame, groups, TASK, "xhaim", resamples=20)
    assert a.auc == a.gap == b.gap == Unscored("no split holds both classes of the group and of the rest")
    assert b.auc == 0.5


@pytest.mark.parametrize(
    ("years", "band"),
    [(None, None), (float("nan"), None), (17.99, "under 18"), (18, "18-44"), (44.9, "18-44"), (45, "45-64"),
     (79.99, "65-79"), (80, "80 and over"), (120.0, "80 and over")],
)  # fmt: skip
def test_age_bands(years, band):
    assert age_band(years) == band
