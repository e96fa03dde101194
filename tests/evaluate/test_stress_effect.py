"""What is measured of a perturbation, against plain references; the audit on what was planted and what was not."""

from __future__ import annotations

from itertools import product

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import brier_score_loss, roc_auc_score

from xhaim.evaluate.header import RunHeader
from xhaim.evaluate.metrics import Unscored
from xhaim.evaluate.stress import STRESS_SCHEMA, effect, sign_flip_p
from xhaim.evaluate.stress_grids import stress_grids
from xhaim.evaluate.stress_groups import by_group, held_out, not_held_out, relative_robustness
from xhaim.evaluate.stress_hidden import audit
from xhaim.evaluate.stress_words import StressRow, TaskStress


def rows(
    noise: float, *, n: int = 200, splits: int = 2, seed: int = 0, failed: int = 0, draw: int = 100
) -> pl.DataFrame:
    """Risks before; after, the same with noise on their log-odds."""
    rng = np.random.default_rng(seed)
    parts = []
    for split in range(splits):
        label = rng.integers(0, 2, n)
        before = 1 / (1 + np.exp(-(1.5 * (label - 0.5) + rng.normal(size=n))))
        logit = np.log(before / (1 - before)) + noise * np.random.default_rng(draw + split).normal(size=n)
        after = 1 / (1 + np.exp(-logit))
        parts.append(
            pl.DataFrame(
                {
                    "sample_id": [f"{split}-{row}" for row in range(n)], "subject_id": np.arange(n) // 2,
                    "split": split,
                    "label": label, "threshold": 0.4, "raw_before": before, "risk_before": before, "raw": after,
                    "risk": after, "made": 3, "undone": 1, "beside": 0, "failed": None,
                }
            )
        )  # fmt: skip
    frame = pl.concat(parts).select([pl.col(name).cast(kind) for name, kind in STRESS_SCHEMA.items()])
    lost = pl.int_range(pl.len()) < failed
    return frame.with_columns(
        [pl.when(lost).then(None).otherwise(pl.col(name)).alias(name) for name in ("raw", "risk")]
        + [pl.when(lost).then(pl.lit("step.py")).otherwise("failed").alias("failed")]
    )


def test_an_effect_is_what_plain_code_says():
    frame = rows(1.0)
    found = effect(frame, resamples=200)
    halves = [frame.filter(pl.col("split") == split) for split in (0, 1)]
    before, after = ([roc_auc_score(half["label"], half[name]) for half in halves] for name in ("raw_before", "raw"))
    assert found.auc_before.mean == pytest.approx(np.mean(before))
    assert found.auc_after.mean == pytest.approx(np.mean(after))
    assert found.difference.mean == pytest.approx(np.mean(after) - np.mean(before))
    assert found.difference.interval[0] < found.difference.mean < found.difference.interval[1] < 0
    assert found.moved == pytest.approx(float((frame["risk"] - frame["risk_before"]).abs().mean()))
    assert found.crossed == pytest.approx(float(((frame["risk"] >= 0.4) != (frame["risk_before"] >= 0.4)).mean()))
    assert found.brier_after.mean == pytest.approx(np.mean([brier_score_loss(h["label"], h["risk"]) for h in halves]))
    assert found.slope_after.mean < found.slope_before.mean
    assert (found.rows, found.subjects, found.made, found.undone) == (400, 100, 1200, 400)
    assert found.against is None


def test_nothing_done_is_nothing_found():
    found = effect(rows(0.0), ("more of the same", rows(0.0)), resamples=50)
    assert found.moved == pytest.approx(0, abs=1e-12)
    assert found.crossed == 0
    assert found.difference.mean == 0
    assert isinstance(found.against.p, Unscored)


def test_a_control_that_moves_more_is_told_from_one_that_does_not():
    frame = rows(0.3)
    more, alike = (
        effect(frame, (name, rows(size, draw=200)), resamples=20) for name, size in (("more", 1.5), ("alike", 0.3))
    )
    assert more.against.p < 0.01
    assert more.against.moved > more.moved
    assert alike.against.p > 0.05


def test_rows_that_failed_are_counted_and_left_out():
    found = effect(rows(0.5, failed=7), resamples=20)
    assert (found.rows, found.failed) == (393, 7)
    nobody = effect(rows(0.5).with_columns(pl.lit(None, pl.Float64).alias("raw")), ("x", rows(0.5)), resamples=20)
    assert nobody.rows == 0
    assert isinstance(nobody.moved, Unscored)
    assert isinstance(nobody.difference, Unscored)
    empty = effect(pl.DataFrame(schema=STRESS_SCHEMA), resamples=20)
    assert empty.made is None
    assert isinstance(empty.auc_after, Unscored)


def test_signs_are_flipped_by_subject():
    rng = np.random.default_rng(1)
    frame = pl.DataFrame({"subject_id": np.arange(20) // 2, "difference": np.repeat(rng.normal(0.3, 1, 10), 2)})
    sums = frame.group_by("subject_id").agg(pl.sum("difference"))["difference"].to_numpy()
    every = [abs(np.dot(signs, sums)) >= abs(sums.sum()) - 1e-9 for signs in product((-1, 1), repeat=10)]
    assert sign_flip_p(frame, flips=20_000) == pytest.approx(np.mean(every), abs=0.02)
    assert sign_flip_p(frame.with_columns(subject_id=pl.int_range(pl.len()))) < 0.5 * sign_flip_p(frame)
    assert sign_flip_p(frame.sample(fraction=1, shuffle=True, seed=2)) == sign_flip_p(frame)


def test_groups_against_all_others():
    rng = np.random.default_rng(0)
    label = rng.integers(0, 2, 600)
    group = np.where(np.arange(600) < 400, "large", "small")
    risk = np.where(group == "large", 0.3 + 0.4 * label, 0.5) + rng.normal(0, 0.15, 600)
    frame = pl.DataFrame(
        {"group": group, "subject_id": np.arange(600), "label": label, "risk": np.clip(risk, 0, 1)}
    ).vstack(pl.DataFrame({"group": ["tiny"], "subject_id": [999], "label": [1], "risk": [0.5]}))
    large, small, tiny = by_group(frame, resamples=100)
    assert [one.group for one in (large, small, tiny)] == ["large", "small", "tiny"]
    mine, rest = frame.filter(pl.col("group") == "small"), frame.filter(pl.col("group") != "small")
    inside, outside = (roc_auc_score(part["label"], part["risk"]) for part in (rest, mine))
    assert small.auc == pytest.approx(outside)
    assert small.robustness == pytest.approx(1 - (inside - outside) / inside)
    assert small.interval[0] < outside < small.interval[1]
    assert large.robustness > 1 > small.robustness
    assert isinstance(tiny.robustness, Unscored)
    assert isinstance(relative_robustness(Unscored("x"), 0.5), Unscored)


def test_held_out_houses_against_the_others_and_against_the_run_itself():
    rng = np.random.default_rng(0)
    label = rng.integers(0, 2, 300)
    held = np.arange(300) < 100
    raw = np.clip(0.5 + np.where(held, 0.05, 0.2) * (2 * label - 1) + rng.normal(0, 0.15, 300), 0, 1)
    own = np.clip(raw + 0.1 * (2 * label - 1), 0, 1)
    frame = pl.DataFrame({"held": held, "subject_id": np.arange(300), "label": label, "raw": raw, "run": own})
    found = held_out("hospital 1", 500, frame, resamples=100)
    inside, outside = (roc_auc_score(label[part], raw[part]) for part in (~held, held))
    assert (found.inside, found.outside) == (pytest.approx(inside), pytest.approx(outside))
    assert found.robustness == pytest.approx(1 - (inside - outside) / inside)
    assert found.own == pytest.approx(roc_auc_score(label[held], own[held]))
    assert found.interval[0] < outside < found.interval[1] < inside
    nobody = not_held_out("hospital 2", "there are 3 positive", 40, 2)
    assert isinstance(nobody.robustness, Unscored)
    task = TaskStress("mortality_48h", "Death", None, (), (), (), "hospital", (found, nobody))
    shown = stress_grids([task], RunHeader("x", simulated=False, report_policy={"mortality_48h": "admissible"}))
    assert [row[1] for row in shown[-1].body] == ["hospital 1", "hospital 2"]
    assert "there are 3 positive" in shown[-1].body[1][4]


@pytest.fixture(scope="module")
def audited():
    """An attribute that demographics half know, one block that knows it whole, one that knows it by chance alone."""
    rng = np.random.default_rng(0)
    having = rng.random(160) < 0.4
    demographics = np.column_stack([having + rng.normal(0, 1.5, 160), rng.normal(size=160)])
    telling = np.column_stack([having + rng.normal(0, 0.7, 160), rng.normal(size=(160, 3))])
    telling[::9, 2] = np.nan
    noise = rng.normal(size=(160, 4))
    noise[:, 1] = np.nan
    blocks = {"telling": telling, "noise": noise}
    return {one.block: one for one in audit("insurance: X", having, demographics, blocks, permutations=19)}


def test_the_audit_finds_what_was_planted_and_nothing_else(audited):
    telling, noise = audited["telling"], audited["noise"]
    assert telling.auc > 0.7
    assert telling.p == pytest.approx(1 / 20)
    assert telling.beyond.interval[0] > 0
    assert telling.everything - telling.dropped > 0.08
    assert noise.p > 0.05
    assert noise.beyond.interval[0] < 0
    assert abs(noise.everything - noise.dropped) < 0.05
    assert telling.demographics == noise.demographics < telling.auc


def test_too_few_subjects_are_said_and_not_scored():
    (only,) = audit("race: X", np.arange(50) < 5, np.zeros((50, 1)), {"block": np.zeros((50, 2))})
    assert isinstance(only.auc, Unscored)
    assert "5 of 50" in only.auc.reason


def test_tables_carry_stamps_policies_and_controls(audited):
    seen = effect(rows(0.3), ("more", rows(1.5)), resamples=20)
    tested = (StressRow("typos", "notes", "mistyped", None, seen), StressRow("other", "notes", "more", "typos", seen))
    task = TaskStress("mortality_48h", "Death", None, tested, (), tuple(audited.values()), "hospital")
    header = RunHeader("x", simulated=True, report_policy={"mortality_48h": "admissible"})
    shown = stress_grids([task], header)
    assert all(grid.stamps == ("SIMULATED",) for grid in shown)
    assert all(len(row) == len(grid.columns) for grid in shown for row in grid.body)
    assert shown[0].body[0][0] == "Death [admissible]"
    assert [row[1] for row in shown[0].body] == ["mistyped", "control: more"]
    leaky = stress_grids([task], RunHeader("x", simulated=False, report_policy={"mortality_48h": "index_included"}))
    assert all("LEAKY" in grid.stamps for grid in leaky)
