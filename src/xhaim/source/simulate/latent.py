"""The latent course of an admission: severities hour by hour, and the hazards of leaving that follow from them.

Everything that the simulator writes is drawn from these states at, or before, its own time. Severities are in
standard deviations of an adult intensive-care patient (about -2 to 3). Each follows an Ornstein-Uhlenbeck walk
around the patient's own mean; death, transfer out of intensive care and discharge alive are competing events with
piecewise-constant hourly hazards, so the probability of each within 48 h is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

DIMENSIONS = ("effusion", "cardiomegaly", "pneumonia", "edema", "atelectasis", "acuity", "recovery")
ACUITY, RECOVERY = DIMENSIONS.index("acuity"), DIMENSIONS.index("recovery")
_MOVING = [ACUITY, RECOVERY]
MAX_HOURS = 504
HORIZON_HOURS = 48
SETTLING_HOURS = 6
"""Nobody leaves intensive care in its first hours, so that every stay can have a film."""

_MEMORY_HOURS = np.array([130.0, 3000.0, 100.0, 70.0, 80.0, 150.0, 150.0])
"""Time constants: an effusion changes over days, the heart's size over months."""
_SPREAD = np.array([0.70, 0.25, 0.75, 0.70, 0.80, 0.90, 0.90])
"""Stationary standard deviation of the moving part."""
_DRIFT = np.array([0.0, 0.0, 0.0, 0.0, 0.0, -0.4, 1.1])
"""Where the means move to during an admission, with a time constant of 100 h: people get better."""
_PATHS = 128
_ICU_DISCHARGE = 0.25
"""Hazard of going home straight from intensive care, as a share of that from the ward."""


@dataclass(frozen=True, slots=True)
class Course:
    """One admission on an hourly grid that starts at admission."""

    states: Array
    """[hours, 7] severities in the order of ``DIMENSIONS``."""
    base: Array
    """[7] the patient's means."""
    icu_in: int | None
    """Hour of admission to intensive care; ``None``: never."""
    icu_out: int | None
    end: int
    """Hour of discharge or death."""
    died: bool


def _means(base: Array, hours: NDArray[np.int64]) -> Array:
    """Return [n, 7] means at these hours."""
    means: Array = base + np.outer(1.0 - np.exp(-hours / 100.0), _DRIFT)
    return means


def _walk(base: Array, start: Array, rng: np.random.Generator) -> Array:
    """Return [MAX_HOURS, 7] an Ornstein-Uhlenbeck walk from ``start``."""
    keep = np.exp(-1.0 / _MEMORY_HOURS)
    noise = rng.standard_normal((MAX_HOURS, len(DIMENSIONS))) * _SPREAD * np.sqrt(1.0 - keep**2)
    means = _means(base, np.arange(MAX_HOURS))
    away = np.empty_like(noise)
    away[0] = start - means[0]
    for hour in range(1, MAX_HOURS):
        away[hour] = away[hour - 1] * keep + noise[hour]
    walked: Array = means + away
    return walked


def _hazards(acuity: Array, recovery: Array, in_icu: Array) -> tuple[Array, Array, Array]:
    """Return hourly hazards of death, of discharge alive and of transfer out of intensive care."""
    death = np.exp(-7.9 + 1.75 * acuity)
    discharge = np.exp(-5.9 + 1.35 * recovery - 0.5 * acuity) * np.where(in_icu > 0, _ICU_DISCHARGE, 1.0)
    transfer = np.exp(-4.5 + 0.7 * recovery - 0.5 * acuity)
    return death, discharge, transfer


def course(base: Array, start: Array, icu_in: int | None, rng: np.random.Generator, *, mortal: bool) -> Course:
    """Draw an admission. ``mortal`` is false for earlier admissions, which the patient is known to have survived."""
    states = _walk(base, start, rng)
    chance = rng.random((3, MAX_HOURS))
    hours = np.arange(MAX_HOURS)
    first = (icu_in if icu_in is not None else 18) + SETTLING_HOURS
    acuity, recovery = states[:, ACUITY], states[:, RECOVERY]
    icu_out = None
    if icu_in is not None:
        _, _, transfer = _hazards(acuity, recovery, np.ones(MAX_HOURS))
        icu_out = _first(hours, (chance[0] < 1.0 - np.exp(-transfer)) & (hours >= first))
    in_icu = hours < (icu_out or 0)
    death, discharge, _ = _hazards(acuity, recovery, in_icu.astype(float))
    death = death if mortal else np.zeros(MAX_HOURS)
    end = _first(hours, (chance[1] < 1.0 - np.exp(-death - discharge)) & (hours >= first))
    died = bool(chance[2, end] * (death[end] + discharge[end]) < death[end])
    return Course(states[: end + 1], base, icu_in, None if icu_out is None else min(icu_out, end), end, died)


def _first(hours: NDArray[np.int64], happens: NDArray[np.bool_]) -> int:
    """Return the first hour at which it happens; the last of the grid where it never does."""
    return int(hours[happens][0]) if happens.any() else MAX_HOURS - 1


@cache
def _futures() -> tuple[Array, Array]:
    """Return [48, 1, 2] how much of today's deviation is left at each hour ahead, and [48, paths, 2] what is added.

    The same for every outlook, so that outlooks compare.
    """
    rng = np.random.default_rng(HORIZON_HOURS)
    half = rng.standard_normal((HORIZON_HOURS, _PATHS // 2, 2))
    noise = np.concatenate([half, -half], axis=1)
    keep = np.exp(-1.0 / _MEMORY_HOURS[_MOVING])
    added = np.zeros_like(noise)
    scale = _SPREAD[_MOVING] * np.sqrt(1.0 - keep**2)
    for step in range(HORIZON_HOURS):
        added[step] = (added[step - 1] * keep if step else 0.0) + noise[step] * scale
    left: Array = keep ** np.arange(1.0, HORIZON_HOURS + 1)[:, None, None]
    return left, added


def outlook(stay: Course, hour: int) -> tuple[float, float]:
    """Return the probabilities of death and of discharge alive in (hour, hour + 48], given the state at ``hour``.

    The state's future is averaged over 128 antithetic walks; the hazards compete (cumulative incidence). Nothing
    after ``hour`` is looked at, but for whether the patient is in intensive care at ``hour``.
    """
    left, added = _futures()
    means = _means(stay.base, np.arange(hour, hour + HORIZON_HOURS + 1))[:, None, _MOVING]
    future = means[1:] + (stay.states[hour, _MOVING] - means[0]) * left + added
    death, from_icu, transfer = _hazards(future[..., 0], future[..., 1], np.ones(_PATHS))
    from_ward = from_icu / _ICU_DISCHARGE
    moves = 1.0 - np.exp(-transfer)
    leaves_icu, leaves_ward = 1.0 - np.exp(-death - from_icu), 1.0 - np.exp(-death - from_ward)
    dies_icu, dies_ward = leaves_icu * death / (death + from_icu), leaves_ward * death / (death + from_ward)
    in_icu = np.full(_PATHS, float(stay.icu_out is not None and hour < stay.icu_out))
    on_ward = 1.0 - in_icu
    dead = np.zeros(_PATHS)
    first = 0 if stay.icu_in is None else max(0, stay.icu_in + SETTLING_HOURS - hour - 1)
    for step in range(first, min(HORIZON_HOURS, MAX_HOURS - 1 - hour)):
        moved = in_icu * moves[step]
        in_icu, on_ward = in_icu - moved, on_ward + moved
        dead += in_icu * dies_icu[step] + on_ward * dies_ward[step]
        in_icu, on_ward = in_icu * (1.0 - leaves_icu[step]), on_ward * (1.0 - leaves_ward[step])
    return float(dead.mean()), float((1.0 - dead - in_icu - on_ward).mean())
