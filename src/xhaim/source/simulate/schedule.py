"""When things are measured: sets of signals that share a clock, calibrated to real gaps and to what is left out.

For each day of a stay it is drawn how often a set is measured; the times stand about evenly, and at the bedside most
of them on the hour by the clock on the wall. At each time a group of signals is measured or not, and of a group each
signal.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from statistics import NormalDist
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from xhaim.source.simulate.latent import Array

SHARES = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
"""At which shares of days, or of stays, the calibration holds quantiles."""
PHASES = 4
"""Some monitors measure a few minutes past the hour: a habit of the stay."""

SETS: dict[str, dict[str, tuple[str, ...]]] = {
    "bedside": {"monitor": ("heart_rate", "respiratory_rate", "spo2")},
    "cuff": {"cuff": ("sbp_noninvasive", "dbp_noninvasive", "mbp_noninvasive")},
    "warmth": {"warmth": ("temperature",)},
    "coma": {"coma": ("gcs_eye", "gcs_verbal", "gcs_motor")},
    "oxygen": {"oxygen": ("fio2",)},
    "blood": {
        "chemistry": (
            "sodium", "potassium", "chloride", "bicarbonate", "urea_nitrogen", "creatinine", "anion_gap", "glucose",
        ),
        "minerals": ("calcium_total", "magnesium", "phosphate"),
        "count": (
            "hemoglobin", "hematocrit", "platelet_count", "white_blood_cells", "red_blood_cells", "mch", "mchc", "mcv",
            "rdw",
        ),
    },
    "differential": {"differential": ("neutrophils",)},
    "clotting": {"clotting": ("inr",)},
    "gas": {"gas": ("ph", "po2")},
    "lactate": {"lactate": ("lactate",)},
    "liver": {"liver": ("bilirubin_total",)},
    "protein": {"protein": ("albumin",)},
    "peptide": {"peptide": ("ntprobnp",)},
    "troponin": {"troponin": ("troponin_t",)},
    "drug_level": {"drug_level": ("vancomycin",)},
}  # fmt: skip
"""Set -> group -> signals of the catalogue."""

BEDSIDE = ("bedside", "cuff", "warmth", "coma", "oxygen")
"""Sets that are charted in intensive care alone; the others are sent to the laboratory."""

SIGNALS: tuple[str, ...] = tuple(name for groups in SETS.values() for group in groups.values() for name in group)
_PLACE = {name: number for number, name in enumerate(SIGNALS)}
_NORMAL = NormalDist()
_ROUNDS = (1, 2, 3, 4, 6, 8, 12)
_LOOSE = {"bedside": 0.05, "coma": 0.15}
"""Share of a round that is charted at any minute of its hour."""


@cache
def calibration() -> dict[str, Any]:
    """Return ``calibration.yaml``: summary statistics of real stays."""
    text = files("xhaim.source.simulate").joinpath("calibration.yaml").read_text(encoding="utf-8")
    book: dict[str, Any] = yaml.safe_load(text)
    return book


@cache
def root_of_correlation() -> Array:
    """Return [s, s] R with R @ R.T the correlations of the scores."""
    size, given = len(SIGNALS), np.array(calibration()["correlation"].split(), dtype=float)
    matrix = np.eye(size)
    matrix[np.tril_indices(size, -1)] = given
    matrix = np.maximum(matrix, matrix.T) + np.minimum(matrix, matrix.T) - np.eye(size)
    values, vectors = np.linalg.eigh(matrix)
    root: Array = vectors * np.sqrt(np.maximum(values, 1e-3))
    unit: Array = root / np.sqrt((root**2).sum(axis=1, keepdims=True))
    return unit


@dataclass(frozen=True, slots=True)
class Times:
    """When a set is measured: minutes since admission, in order, each once."""

    minutes: NDArray[np.int64]
    whole: NDArray[np.bool_]
    """Where the whole set is measured: on the bedside round, or as a day's first draw of blood."""


def clock(name: str, start: float, end: float, watched: float, past: int, rng: np.random.Generator) -> Times:
    """Return when a set is measured in [start, end) (hours).

    ``watched``: share of the usual measurements. ``past``: minutes past the hour on the wall at minute 0.
    """
    about = calibration()["clocks"][name]
    if rng.random() < about["never"]:
        return Times(np.zeros(0, np.int64), np.zeros(0, bool))
    usual, phase = rng.standard_normal(), _phase(about["phase"], rng.random())
    minutes, whole = [], []
    for day, begin in enumerate(np.arange(start, end, 24.0).tolist()):
        length = min(24.0, end - begin)
        busy = _NORMAL.cdf(0.7 * usual + 0.714 * rng.standard_normal())
        often = float(np.interp(busy, SHARES, about["later" if day else "first"])) * watched
        least = 0 if day else int(min(about["first"][0], 1))  # what everybody has is done at admission
        count = max(int(often * length / 24 + rng.random()), least)
        if name in BEDSIDE:
            round_, extra = _rounds(count, often, begin, length, past - phase, rng)
            loose = rng.random(len(round_)) < _LOOSE.get(name, 0.0)
            round_ = np.where(loose, round_ + np.floor(55 * rng.random(len(round_))), round_)
        else:
            drawn = _written(60 * (begin + _even(count, length, rng)), past, rng)
            round_, extra = drawn[:1], drawn[1:]
        minutes += [round_, extra]
        whole += [np.ones(len(round_), bool), np.zeros(len(extra), bool)]
    found, first = np.unique(np.concatenate(minutes).astype(np.int64), return_index=True)
    inside = (found >= start * 60) & (found < end * 60)
    return Times(found[inside], np.concatenate(whole)[first][inside])


def _even(count: int, length: float, rng: np.random.Generator) -> Array:
    """Return hours in [0, length), about evenly: each moved by up to most of a slot."""
    even = (np.arange(count) + 0.5 + 1.6 * (rng.random(count) - 0.5)) * length / max(count, 1)
    spread: Array = np.sort(np.clip(even, 0.0, length))
    return spread


def _written(minutes: Array, past: int, rng: np.random.Generator) -> Array:
    """Round some times to five minutes on the wall, as people who write them down do."""
    rounded = np.round((minutes + past) / 5) * 5 - past
    return np.where(rng.random(len(minutes)) < 0.35, rounded, minutes)


def _rounds(
    count: int, often: float, begin: float, length: float, past: int, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Return minutes on the round (every hour, two, three, four, ... by the clock on the wall) and those between.

    What is more than a round comes in bursts of about three, often on the quarter of an hour.
    """
    every = next((gap for gap in _ROUNDS if 24 / gap <= often), 24)
    first = math.ceil((begin * 60 + past) / 60)
    hours = np.arange(first, math.ceil(begin + length + past / 60), every) + int(rng.random() * every)
    regular = (hours * 60 - past)[:count].astype(float)
    more = max(count - len(regular), 0)
    around = begin + length * rng.random(more // 3 + 1)
    minutes = 60 * np.floor(around[(rng.random(more) * len(around)).astype(int)]) + np.floor(90 * rng.random(more))
    quarters = np.round((minutes + past) / 15) * 15 - past
    return regular, np.where(rng.random(more) < 0.6, quarters, minutes)


def _phase(shares: list[float], chance: float) -> int:
    return int(np.searchsorted(np.cumsum(shares), chance * sum(shares)))


def chosen(name: str, whole: NDArray[np.bool_], rng: np.random.Generator) -> Iterator[tuple[int, NDArray[np.bool_]]]:
    """Yield, for each signal of a set, its place in ``SIGNALS`` and at which of the times it is measured."""
    for group in calibration()["clocks"][name]["groups"].values():
        sent = _measured(group["share"], whole, rng)
        for signal, share in group["items"].items():
            yield _PLACE[signal], sent & _measured(share, whole, rng)


def _measured(share: float, whole: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Draw which times measure something: the whole ones do, and of all about the share."""
    sure = int(whole.sum())
    rest = (share * len(whole) - sure) / max(len(whole) - sure, 1)
    found: NDArray[np.bool_] = whole | (rng.random(len(whole)) < rest)
    return found
