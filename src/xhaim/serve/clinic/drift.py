"""Whether later samples look like those that the model was fitted on: inputs column by column, and calibration.

Population stability index (Siddiqi 2006): bins at the training deciles and one for missing values, half a sample added
to each; over 0.25 is usually called a shift. Of few samples it is large by chance alone: with B bins, n and m samples
about (B - 1)(1/n + 1/m) on average, which is given beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from xhaim.evaluate.metrics import Unscored, calibration_slope_intercept
from xhaim.serve.clinic.space import features_of_split, parts_of
from xhaim.serve.results import StoredRun
from xhaim.task import Task

_BINS = 10
SHIFT = 0.25
LISTED = 12


@dataclass(frozen=True, slots=True)
class Shift:
    """One column."""

    name: str
    block: str
    psi: float
    by_chance: float
    """What a PSI of so many samples and bins is on average where nothing has changed."""
    before: float | None
    """Median of the training samples; ``None`` where none has a value."""
    now: float | None
    missing_before: float
    """Share, [0, 1]."""
    missing_now: float

    @property
    def shifted(self) -> bool:
        """Say whether it is more than chance, by the usual rule above it."""
        return self.psi > SHIFT + self.by_chance


@dataclass(frozen=True, slots=True)
class Calibration:
    """One part's risks and outcomes."""

    part: str
    n: int
    mean_risk: float
    observed: float
    slope: float | None
    """Of the outcome on the log-odds of the risk; 1 is right; ``None`` where it cannot be given."""


@dataclass(frozen=True, slots=True)
class Drift:
    """One task's first split."""

    n_train: int
    n_test: int
    columns: int
    shifts: tuple[Shift, ...]
    """The greatest first."""
    shifted: int
    calibration: tuple[Calibration, ...]


def psi(before: NDArray[np.float64], now: NDArray[np.float64]) -> tuple[float, float]:
    """Return the PSI of two samples of one column (NaN: missing), and what it is by chance on average."""
    known = before[np.isfinite(before)]
    edges = np.unique(np.quantile(known, np.linspace(0, 1, _BINS + 1)[1:-1])) if known.size else np.array([])
    counts = [_counts(one, edges) for one in (before, now)]
    used = (counts[0] + counts[1]) > 0
    bins = int(used.sum())
    shares = [(one[used] + 0.5) / (one[used] + 0.5).sum() for one in counts]
    value = float(np.sum((shares[1] - shares[0]) * np.log(shares[1] / shares[0])))
    return value, (bins - 1) * (1 / max(1, before.size) + 1 / max(1, now.size))


def _counts(values: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.float64]:
    known = values[np.isfinite(values)]
    inside = np.bincount(np.searchsorted(edges, known, side="left"), minlength=edges.size + 1)
    return np.append(inside, values.size - known.size).astype(np.float64)


def drift(run: StoredRun, task: Task, split: int = 0) -> Drift | None:
    """Compare the training with the test samples of a split; ``None`` where either has none."""
    ids, parts = parts_of(run, task, split)
    train, test = (np.array([part == name for part in parts]) for name in ("train", "test"))
    if not train.any() or not test.any():
        return None
    features = features_of_split(run, task, split, ids)
    values = features.values.astype(np.float64)
    shifts = []
    for block, (start, end) in features.blocks.items():
        for column in range(start, end):
            if not np.isfinite(values[:, column]).any():
                continue
            before, now = values[train, column], values[test, column]
            shifts.append(_shift(features.names[column], block, before, now))
    shifts.sort(key=lambda one: (-(one.psi - one.by_chance), one.name))
    return Drift(
        int(train.sum()),
        int(test.sum()),
        len(shifts),
        tuple(shifts[:LISTED]),
        sum(one.shifted for one in shifts),
        tuple(_calibration(run, task, split)),
    )


def _shift(name: str, block: str, before: NDArray[np.float64], now: NDArray[np.float64]) -> Shift:
    value, chance = psi(before, now)
    middles = [float(np.nanmedian(one)) if np.isfinite(one).any() else None for one in (before, now)]
    missing = [float(np.mean(~np.isfinite(one))) for one in (before, now)]
    return Shift(name, block, value, chance, middles[0], middles[1], missing[0], missing[1])


def _calibration(run: StoredRun, task: Task, split: int) -> Sequence[Calibration]:
    path = run.root / "models" / task.id / f"split-{split}.parquet"
    if not path.is_file():
        return []
    rows = pl.read_parquet(path).filter((pl.col("model") == "xhaim") & pl.col("risk").is_not_null())
    found = []
    for part in ("validation", "test"):
        mine = rows.filter(pl.col("part") == part)
        if mine.is_empty():
            continue
        risks, labels = mine["risk"].to_numpy(), mine["label"].to_numpy()
        slope, _ = calibration_slope_intercept(labels, risks)
        told = None if isinstance(slope, Unscored) else float(slope)
        found.append(Calibration(part, mine.height, float(risks.mean()), float(labels.mean()), told))
    return found
