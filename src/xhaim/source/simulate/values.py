"""Vital signs and laboratory tests of one admission, from its latent course.

A value is a score z, part severities (``items.py``) and part a wandering that no severity explains: what is usual for
this patient, what moves over hours, and the noise of one measurement; scores of signals hang together as in real
stays. The quantiles of real values (``calibration.yaml``) turn it into a value.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from xhaim.source.simulate.items import ITEMS, SHIFTS
from xhaim.source.simulate.latent import Array
from xhaim.source.simulate.patients import CONDITIONS, Admission
from xhaim.source.simulate.schedule import SIGNALS, calibration, root_of_correlation

_SCORES = np.array([-3.6, -2.326, -1.645, -1.282, -0.674, 0.0, 0.674, 1.282, 1.645, 2.326, 3.6])
"""Normal scores of the calibrated quantiles, and those of the lowest and the highest value that are written."""
_LEVEL = np.array([0.52, 0.83, 0.31, 0.56, 0.11, 0.24, -0.12])
_SPREAD = np.array([1.03, 0.90, 0.97, 0.95, 0.85, 0.93, 0.92])
"""Mean and standard deviation of the severities over hours of intensive care."""
_ORDER = [ITEMS[name] for name in SIGNALS]
_DECIMALS = np.array([item.decimals for item in _ORDER])


@cache
def _model() -> tuple[Array, Array, Array, Array, Array, Array]:
    """Return [7, s] weights of severities, [s] of the rest; [s] between, moving, white; [s] hours of memory."""
    about = [calibration()["signals"][name] for name in SIGNALS]
    loads = np.array([item.loads for item in _ORDER]).T * _SPREAD[:, None]
    chronic = sum((CONDITIONS[name][0] * _shift(name) ** 2 for name in SHIFTS), np.zeros(len(SIGNALS)))
    noise = np.array([item.noise for item in _ORDER])
    total = np.sqrt((loads**2).sum(axis=0) + chronic + noise**2)
    between, moving = (np.array([one[key] for one in about]) for key in ("between", "moving"))
    white = np.sqrt(np.maximum(1 - between - moving, 0.0))
    hours = np.array([float(one["hours"]) for one in about])
    return loads / total, noise / total, np.sqrt(between), np.sqrt(moving), white, hours


@cache
def _tables() -> list[tuple[Array, Array]]:
    """Return, by signal, scores and the values there; a scale of few points goes up in steps."""
    found = []
    for name, item in zip(SIGNALS, _ORDER, strict=True):
        about = calibration()["signals"][name]
        if "shares" in about:
            edges = norm.ppf(np.cumsum(list(about["shares"].values()))[:-1].clip(1e-4, 1 - 1e-4))
            values = np.array([float(value) for value in about["shares"]])
            found.append((np.repeat(edges, 2) + np.tile([-1e-6, 1e-6], len(edges)), np.repeat(values, 2)[1:-1]))
            continue
        inner = np.array(about["quantiles"])
        if item.unit == "°F":
            inner = inner * 1.8 + 32
        found.append((_SCORES, np.concatenate([[min(item.low, inner[0])], inner, [max(item.high, inner[-1])]])))
    return found


@cache
def _shift(condition: str) -> Array:
    return np.array([SHIFTS.get(condition, {}).get(name, 0.0) for name in SIGNALS])


@cache
def _chronic(conditions: tuple[str, ...]) -> Array:
    """Return [s] what a patient's conditions add to the scores, centred over patients."""
    total = _model()[1] / np.array([item.noise for item in _ORDER])
    here = sum((_shift(name) for name in conditions if name in SHIFTS), np.zeros(len(SIGNALS)))
    usual = sum((CONDITIONS[name][0] * _shift(name) for name in SHIFTS), np.zeros(len(SIGNALS)))
    shifted: Array = (here - usual) * total
    return shifted


def scores(stay: Admission, rng: np.random.Generator) -> Array:
    """Return [hours, s] the scores of an admission's hours, without the noise of single measurements."""
    weights, rest, between, moving, _, hours = _model()
    states = (stay.course.states - _LEVEL) / _SPREAD
    keep = np.exp(-1.0 / hours)
    steps = rng.standard_normal((len(states), len(SIGNALS))) @ root_of_correlation().T
    steps[1:] *= np.sqrt(1 - keep**2)
    left = np.power(keep, np.arange(len(states))[:, None])
    wander = left * np.cumsum(steps / left, axis=0)
    own: Array = states @ weights + _chronic(stay.patient.conditions)
    found: Array = own + rest * (between * stay.patient.habit + moving * wander)
    return found


def values_of(minutes: NDArray[np.int64], places: NDArray[np.int64], z: Array, rng: np.random.Generator) -> Array:
    """Turn scores at minutes and places of ``SIGNALS`` into values; the noise of one minute is shared."""
    white = _model()[1] * _model()[4]
    at, of = np.unique(minutes, return_inverse=True)
    noise = rng.standard_normal((len(at), len(SIGNALS))) @ root_of_correlation().T
    noise *= np.where(rng.random(noise.shape) < 0.25, 1.86, 0.45)  # most are close, some are far off: variance 1
    z = z + white[places] * noise[of, places]
    values = np.empty(len(z))
    for place, (at_score, table) in enumerate(_tables()):
        own = places == place
        values[own] = np.round(np.interp(z[own], at_score, table), _DECIMALS[place])
    return values
