"""Whether a model serves some patients worse: AUC and calibration of each group, and the gap to everybody else.

Pairs of a positive and a negative are compared within a split and counted over all splits, so that a small group is
not lost because each split holds too few of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from xhaim.evaluate.bootstrap import RESAMPLES, Floats, concordance, percentiles, resampled
from xhaim.evaluate.compare import rows_of_test
from xhaim.evaluate.metrics import Unscored

GROUP_SCHEMA = {"sample_id": pl.String(), "attribute": pl.String(), "group": pl.String()}
NOT_RECORDED = "not recorded"
MIN_MEMBERS = 10
"""Different samples of each class without which a group, or the rest, is not ranked."""
AGE_BANDS = ((18.0, 45.0), (45.0, 65.0), (65.0, 80.0))
"""Years at the prediction, the upper end not included; who is older or younger is in a band of their own."""

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Subgroup:
    """One group of patients under one model, on the test rows of all splits."""

    attribute: str
    group: str
    samples: int
    """Different ones: a sample can be in the test part of several splits."""
    subjects: int
    positives: int
    auc: float | Unscored
    interval: Interval | Unscored
    """95 %, bootstrap of subjects."""
    gap: float | Unscored
    """AUC of the group less that of all others whose group is recorded too."""
    gap_interval: Interval | Unscored
    excess: float | Unscored
    """Mean calibrated risk less the share of positives: above 0 the group's risk is put too high."""


def age_band(years: float | None) -> str | None:
    """Return the band of an age in years: ``65-79``."""
    if years is None or not np.isfinite(years):
        return None
    for low, high in AGE_BANDS:
        if low <= years < high:
            return f"{low:.0f}-{high - 1:.0f}"
    return f"{AGE_BANDS[-1][1]:.0f} and over" if years >= AGE_BANDS[-1][1] else f"under {AGE_BANDS[0][0]:.0f}"


def subgroups(
    predictions: pl.DataFrame,
    groups: pl.DataFrame,
    task_id: str,
    model: str,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[Subgroup, ...]:
    """Return every group of every attribute, in order of both; who is in none is ``not recorded``.

    ``groups``: rows of GROUP_SCHEMA, at most one for each sample and attribute.
    """
    rows = rows_of_test(predictions, task_id, model)
    if rows.is_empty():
        return ()
    found: list[Subgroup] = []
    for attribute in groups["attribute"].unique().sort():
        mine = groups.filter(pl.col("attribute") == attribute).select("sample_id", "group")
        joined = rows.join(mine, on="sample_id", how="left").with_columns(pl.col("group").fill_null(NOT_RECORDED))
        found += _of_attribute(joined.sort("split", "sample_id"), attribute, resamples, seed)
    return tuple(found)


def _of_attribute(rows: pl.DataFrame, attribute: str, resamples: int, seed: int) -> list[Subgroup]:
    names = [name for name in rows["group"].unique().sort() if name != NOT_RECORDED]
    recorded = rows.filter(pl.col("group") != NOT_RECORDED)
    parts = [part for _, part in recorded.group_by("split", maintain_order=True)]
    reasons = {name: _too_few(recorded, name) for name in names}
    ranked = [name for name in names if reasons[name] is None]

    def pairs(part: pl.DataFrame, weights: Floats) -> Floats:
        return _pairs(part, weights, ranked)

    once = np.mean([pairs(part, np.ones((1, part.height))) for part in parts], axis=0) if ranked else np.empty(0)
    drawn = resampled(parts, pairs, resamples, seed) if ranked else np.empty(0)
    found = []
    for name in [*names, *([NOT_RECORDED] if recorded.height < rows.height else [])]:
        members = rows.filter(pl.col("group") == name)
        reason = reasons.get(name, Unscored("what the group is was not recorded"))
        if reason is not None:
            scores: tuple[float | Unscored, Interval | Unscored, float | Unscored, Interval | Unscored]
            scores = (reason, reason, reason, reason)
        else:
            place = ranked.index(name)
            (ours, theirs), each = _ratios(once[:, place])[0], _ratios(drawn[:, place])
            gap = ours - theirs
            apart = Unscored("no split holds both classes of the group and of the rest")
            scores = (
                float(ours) if np.isfinite(ours) else apart,
                percentiles(each[:, 0]),
                float(gap) if np.isfinite(gap) else apart,
                percentiles(each[:, 0] - each[:, 1]),
            )
        found.append(_subgroup(attribute, name, members, scores))
    return found


def _subgroup(
    attribute: str,
    name: str,
    members: pl.DataFrame,
    scores: tuple[float | Unscored, Interval | Unscored, float | Unscored, Interval | Unscored],
) -> Subgroup:
    once = members.unique("sample_id")
    risks = members.filter(pl.col("risk").is_not_null() & pl.col("risk").is_finite())
    excess: float | Unscored = Unscored("no calibrated risk")
    if risks["sample_id"].n_unique() >= MIN_MEMBERS:
        excess = float(np.mean(risks["risk"].to_numpy() - risks["label"].to_numpy()))
    elif risks.height:  # nor could a label be told from it
        excess = Unscored(f"fewer than {MIN_MEMBERS} samples")
    return Subgroup(
        attribute, name, once.height, once["subject_id"].n_unique(), int(once["label"].cast(pl.Int64).sum()), *scores,
        excess=excess,
    )  # fmt: skip


def _too_few(rows: pl.DataFrame, name: str) -> Unscored | None:
    """Say which class of the group, or of the rest, is too small to be ranked."""
    once = rows.unique("sample_id")
    for who, chosen in (("the group", pl.col("group") == name), ("the rest", pl.col("group") != name)):
        labels = once.filter(chosen)["label"]
        positives = int(labels.cast(pl.Int64).sum())
        for n, word in ((positives, "positive"), (len(labels) - positives, "negative")):
            if n < MIN_MEMBERS:
                return Unscored(f"{n} {word}{'' if n == 1 else 's'} in {who}; {MIN_MEMBERS} are needed")
    return None


def _pairs(part: pl.DataFrame, weights: Floats, names: Sequence[str]) -> Floats:
    """Return [b, groups, 2 (group, rest), 2 (concordant, all)]: the weight of a split's pairs."""
    labels, scores = part["label"].to_numpy().astype(np.int64), part["raw"].to_numpy().astype(float)
    member = part["group"].to_numpy()
    found = np.empty((len(weights), len(names), 2, 2))
    for place, name in enumerate(names):
        inside: NDArray[np.bool_] = member == name
        for side, mask in enumerate((inside, ~inside)):
            found[:, place, side] = np.stack(concordance(labels[mask], scores[mask], weights[:, mask]), axis=1)
    return found


def _ratios(pairs: Floats) -> Floats:
    """Return [b, 2]: the AUC of the group and of the rest; NaN where no pair was drawn."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(pairs[..., 0] / np.where(pairs[..., 1] > 0, pairs[..., 1], np.nan))
