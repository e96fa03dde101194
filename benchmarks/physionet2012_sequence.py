"""A small recurrent network over 24 steps of two hours, for the course that summary columns lose.

The last value of each signal decays towards its mean with the time since (GRU-D, Che 2018). Beside the two outcomes it
learns graded ones of the training stays (longer than k days, dead within k days): they teach what severity is, and are
never inputs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks.physionet2012_records import StaySet
from benchmarks.physionet2012_signals import HOURS, SIGNALS

Floats = NDArray[np.float32]

STEPS = 24
WIDTH = 64
EPOCHS = 10
BATCH = 64
RATE = 2e-3
LONGER_THAN = (4, 5, 10, 14, 21)
DEAD_WITHIN = (30, 180, 720)
HELPERS_WEIGH = 0.3
_QUANTILES = np.linspace(0, 1, 201)
_STATIC = ("age, years", "sex: M", "height, cm", "weight, last")


@dataclass(frozen=True, slots=True)
class Course:
    """Stays as the network sees them."""

    values: Floats
    """[n, steps, signals]: normal scores by the training stays, carried forward; 0 before the first."""
    measured: Floats
    """[n, steps, signals], 1 where there is a value in the step."""
    since: Floats
    """[n, steps, signals]: share of the 48 hours since the last value, at most 1."""
    static: Floats
    """[n, d]: age, sex, height, weight, unit; standardised by the training stays, 0 = not known."""

    def rows(self, chosen: NDArray[np.int64]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return some stays."""
        several = (self.values, self.measured, self.since, self.static)
        a, b, c, d = (torch.from_numpy(one[chosen]) for one in several)
        return a, b, c, d


def courses(stays: StaySet, features: pl.DataFrame, train: StaySet, train_features: pl.DataFrame) -> Course:
    """Return the courses of ``stays``, scaled by the training stays."""
    values, reference = _grid(stays), _grid(train)
    for signal in range(values.shape[2]):
        seen = reference[:, :, signal]
        values[:, :, signal] = _normal(values[:, :, signal], seen[np.isfinite(seen)])
    measured = np.isfinite(values)
    carried, since = np.zeros_like(values), np.ones_like(values)
    last, wait = np.zeros_like(values[:, 0]), np.full_like(values[:, 0], STEPS)
    for step in range(STEPS):
        here = measured[:, step]
        last = np.where(here, values[:, step], last)
        wait = np.where(here, 0, wait + 1)
        carried[:, step], since[:, step] = last, np.minimum(wait / STEPS, 1)
    names = [*_STATIC, *(name for name in train_features.columns if name.startswith("unit: "))]
    raw, base = (table.select(names).cast(pl.Float32).to_numpy() for table in (features, train_features))
    static = np.nan_to_num((raw - np.nanmean(base, axis=0)) / np.nanstd(base, axis=0))
    return Course(carried, measured.astype(np.float32), since, static.astype(np.float32))


def targets(outcomes: pl.DataFrame) -> Floats:
    """Return death, long stay and the helpers, [n, 2 + helpers]; NaN = not known."""
    death, days, survival = (outcomes[name].cast(pl.Float32).to_numpy() for name in ("death", "days", "survival"))
    long = outcomes["long_stay"].cast(pl.Float32).to_numpy()
    later = [np.where(np.isnan(days), np.nan, days > k) for k in LONGER_THAN]
    dead = [(death == 1) | ((survival >= 0) & (survival <= k)) for k in DEAD_WITHIN]
    return np.stack([death, long, *later, *dead], axis=1).astype(np.float32)


def fit_network(course: Course, wanted: Floats, rows: NDArray[np.int64], seed: int) -> Network:
    """Fit on some stays; the number of epochs is fixed, so that nothing is held back."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    drawn = np.random.default_rng(seed)
    net = Network(course.values.shape[2], course.static.shape[1], wanted.shape[1])
    optimiser = torch.optim.AdamW(net.parameters(), RATE, weight_decay=1e-4)
    batches = len(rows) // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=EPOCHS * batches, pct_start=0.2)
    weights = torch.tensor([1.0, 1.0] + [HELPERS_WEIGH] * (wanted.shape[1] - 2))
    for _ in range(EPOCHS):
        order = drawn.permutation(rows)
        for start in range(0, batches * BATCH, BATCH):
            chosen = order[start : start + BATCH]
            y = torch.from_numpy(wanted[chosen])
            known = ~torch.isnan(y)
            margins = net(*course.rows(chosen))
            loss = nn.functional.binary_cross_entropy_with_logits(margins, torch.nan_to_num(y), reduction="none")
            optimiser.zero_grad()
            ((loss * known * weights).sum() / BATCH).backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimiser.step()
            schedule.step()
    return net.eval()


def margins(net: Network, course: Course, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the log-odds of death and of a long stay, [n, 2]."""
    with torch.no_grad():
        parts = [net(*course.rows(some)) for some in np.array_split(rows, max(1, len(rows) // 500))]
    return torch.cat(parts)[:, :2].double().numpy()


class Network(nn.Module):
    """GRU on decayed values and what is measured; its end, mean and maximum, and the static facts, to one layer."""

    def __init__(self, signals: int, static: int, outcomes: int) -> None:
        super().__init__()
        self.decay = nn.Parameter(torch.full((signals,), -1.0))
        self.enter = nn.Sequential(nn.Dropout(0.3), nn.Linear(2 * signals, WIDTH), nn.ReLU())
        self.course = nn.GRU(WIDTH, WIDTH, batch_first=True)
        self.facts = nn.Sequential(nn.Linear(static, WIDTH // 2), nn.ReLU())
        self.leave = nn.Sequential(
            nn.Dropout(0.3), nn.Linear(3 * WIDTH + WIDTH // 2, WIDTH), nn.ReLU(), nn.Dropout(0.3),
            nn.Linear(WIDTH, outcomes),
        )  # fmt: skip

    def forward(self, values: Tensor, measured: Tensor, since: Tensor, static: Tensor) -> Tensor:
        """Return log-odds, [n, outcomes]."""
        kept = torch.exp(-nn.functional.softplus(self.decay) * since * 8)
        x, _ = self.course(self.enter(torch.cat([values * kept, measured], dim=-1)))
        whole = torch.cat([x[:, -1], x.mean(dim=1), x.amax(dim=1), self.facts(static)], dim=-1)
        return torch.as_tensor(self.leave(whole))


def _grid(stays: StaySet) -> Floats:
    """Return the mean of each signal in each step, [n, steps, signals]; NaN = none."""
    place = {sample_id: at for at, sample_id in enumerate(stays.ids)}
    signal = {name: at for at, (name, _, _) in enumerate(SIGNALS.values())}
    step = (pl.col("time") * STEPS // (HOURS * 60)).clip(0, STEPS - 1)
    found = (
        stays.measurements.group_by("sample_id", "signal", step.alias("step"))
        .agg(pl.col("value").sort().mean())
        .with_columns(pl.col("sample_id").replace_strict(place), pl.col("signal").replace_strict(signal))
    )
    grid = np.full((len(place), STEPS, len(signal)), np.nan, np.float32)
    grid[found["sample_id"].to_numpy(), found["step"].to_numpy(), found["signal"].to_numpy()] = found[
        "value"
    ].to_numpy()
    return grid


def _normal(values: Floats, reference: Floats) -> Floats:
    """Return normal scores by the reference's quantiles; NaN stays."""
    from scipy.special import ndtri

    corners = np.unique(np.quantile(reference, _QUANTILES)) if len(reference) else np.zeros(0)
    if len(corners) < 3:
        return np.where(np.isnan(values), np.nan, 1).astype(np.float32)
    ranks = np.interp(values, corners, np.linspace(0.003, 0.997, len(corners)))
    return np.where(np.isnan(values), np.nan, ndtri(ranks)).astype(np.float32)
