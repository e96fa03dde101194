"""The risk of one sample in words and places, from its stored prediction or its explanation, and how sure it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from xhaim.evaluate.page import Scale
from xhaim.evaluate.wording import interval, percent, share
from xhaim.records import Explanation, Sample
from xhaim.serve.clinic.enrolled import why_unstored
from xhaim.serve.results import StoredRun
from xhaim.task import Task

NEAR = 0.05
"""Risks within this distance are counted as given the same risk."""
ENOUGH = 10
"""Samples without which nothing is said of how often such a risk came true."""
MADE = "Made on opening, by this server"
"""Said wherever something is shown that the run does not store."""


@dataclass(frozen=True, slots=True)
class RiskView:
    """One risk as a reader is shown it."""

    risk: str
    """In words; ``not given`` where there is none."""
    scale: Scale | None
    interval: str
    side: str
    """``above``, ``below``, ``abstains`` or ``none``."""
    decision: str
    sure: tuple[str, ...]
    """Sentences that say how far to trust it."""
    made: str = ""
    """Of a risk that the run does not store: who made it, and why it is not stored."""


def risk_view(run: StoredRun, task: Task, sample: Sample, explanation: Explanation | None) -> RiskView:
    """Return the risk of a sample, the explanation's where there is one: a sample may have been explained anew."""
    row = _row(run, task, sample.sample_id)
    made = ""
    if explanation is not None and explanation.risk is not None and explanation.base_rate is not None:
        told: dict[str, Any] = {name: getattr(explanation, name) for name in ("risk", "low", "high", "abstains")}
        told |= {"threshold": explanation.threshold, "base_rate": explanation.base_rate}
        made = "" if row is not None else f"{MADE}: the run stores none, since {why_unstored(run, task, sample)}."
    elif row is not None:
        point = run.points[task.id, row["split"]]
        told = {name: row[name] for name in ("risk", "low", "high", "abstains")}
        told |= {"threshold": point.threshold, "base_rate": point.base_rate}
    else:
        why = explanation.unscored if explanation is not None else None
        reason = why or f"none of this stay is stored, since {why_unstored(run, task, sample)}"
        return RiskView("not given", None, "", "none", f"No risk: {reason}.", ())
    scale = _scale(told)
    side = "abstains" if told["abstains"] else "above" if scale.flagged else "below"
    return RiskView(
        risk=percent(told["risk"]),
        scale=scale,
        interval=interval(told["low"], told["high"]),
        side=side,
        decision=_decision(side, scale),
        sure=_sure(run, task, row, told["risk"]),
        made=made,
    )


def _row(run: StoredRun, task: Task, sample_id: str) -> dict[str, Any] | None:
    found = run.predictions.filter((pl.col("task_id") == task.id) & (pl.col("sample_id") == sample_id))
    return found.row(0, named=True) if found.height else None


def _scale(told: dict[str, Any]) -> Scale:
    return Scale(
        risk=min(max(told["risk"], 0.01), 0.99),
        low=told["low"],
        high=told["high"],
        base_rate=told["base_rate"],
        base_rate_words=share(told["base_rate"]),
        threshold=told["threshold"],
        threshold_words=share(told["threshold"]),
        flagged=told["risk"] >= told["threshold"],
    )


def _decision(side: str, scale: Scale) -> str:
    acts = f"{'At or above' if scale.flagged else 'Below'} the operating point of {scale.threshold_words}"
    if side == "abstains":
        return f"The model abstains: both answers stay possible. {acts}."
    return f"{acts}."


def _sure(run: StoredRun, task: Task, row: dict[str, Any] | None, risk: float) -> tuple[str, ...]:
    """Say what the operating point finds, how often a risk like this came true, and what is odd about this one."""
    if row is None:
        return ()
    point = run.points[task.id, row["split"]]
    said = []
    if point.sensitivity is not None:
        said.append(
            f"The operating point finds {share(point.sensitivity)} of the positives among {point.n_validation} "
            f"validation stays; the model was fitted on {point.n_train:,}."
        )
    near = (pl.col("risk") - risk).abs() <= NEAR
    tested = (pl.col("part") == "test") & (pl.col("sample_id") != row["sample_id"])
    held = run.predictions.filter((pl.col("task_id") == task.id) & tested & near)
    low, high = max(0.0, risk - NEAR), min(1.0, risk + NEAR)
    given = f"a risk of {100 * low:.0f} to {100 * high:.0f} %"
    if held.height >= ENOUGH:
        true = int(held["label"].sum())
        said.append(
            f"Of {held.height} other held-out stays given {given}, {true} ({share(true / held.height)}) had it."
        )
    else:
        few = f"Only {held.height} other held-out stays were" if held.height else "No other held-out stay was"
        said.append(f"{few} given {given}: too few to say how often it came true.")
    if row["part"] == "validation":
        said.append("The calibration was fitted on this stay among others, so this is not quite a new patient's risk.")
    return tuple(said)
