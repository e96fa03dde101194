"""Perturbed measurements: what goes, what comes back, what the units' rules refuse, and any order of rows."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

import numpy as np
import polars as pl
import pytest

from xhaim.modality.measurements import values
from xhaim.run.stress_values import UNIT_SHARE, dropped, noisy, other_unit, spread_of

T = datetime(2150, 1, 10, 12)
EDITS = {
    "dropped": partial(dropped, share=0.3),
    "noisy": partial(noisy, share=0.5),
    **{said: partial(other_unit, said=said) for said in ("rightly", "wrongly", "lost")},
}


def chart(samples: int = 20, each: int = 30) -> pl.DataFrame:
    """Creatinine, temperature and heart rate of some samples, as ``values`` returns them."""
    rng = np.random.default_rng(0)
    usual = {"LAB//50912//mg/dL": (1.4, 0.5, "mg/dL"), "CHART//223762//°C": (37.2, 0.6, "°C"),
             "CHART//220045//bpm": (90, 15, "bpm")}  # fmt: skip
    rows = [
        {
            "sample_id": f"s{sample:02d}", "prediction_time": T, "time": T - timedelta(hours=at + 1),
            "known_at": T - timedelta(hours=at + 1), "code": code, "numeric_value": abs(rng.normal(mean, sd)) + 0.01,
            "unit": unit, "source": "x",
        }
        for sample in range(samples) for code, (mean, sd, unit) in usual.items() for at in range(each)
    ]  # fmt: skip
    return values(pl.DataFrame(rows))


def key(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select("sample_id", "signal", "time", "value").sort(pl.all())


@pytest.mark.parametrize("name", EDITS)
def test_the_same_for_any_order_of_rows_and_any_company(name):
    rows, spread = chart(), {"creatinine": 0.5, "temperature": 0.6, "heart_rate": 15.0}
    edit = EDITS[name]
    whole, turned = edit(rows, spread), edit(rows.reverse(), spread)
    assert key(whole.values).equals(key(turned.values))
    assert whole.counts.equals(turned.counts)
    alone = edit(rows.filter(pl.col("sample_id") == "s07"), spread)
    assert key(alone.values).equals(key(whole.values.filter(pl.col("sample_id") == "s07")))
    empty = edit(rows.clear(), spread)
    assert empty.values.is_empty()
    assert empty.counts.is_empty()
    assert set(whole.values.columns) == set(rows.columns)


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_a_share_is_left_out_and_the_rest_is_untouched(share):
    rows = chart()
    found = dropped(rows, {}, share=share)
    out = int(found.counts["made"].sum())
    assert out == rows.height - found.values.height
    assert abs(out / rows.height - share) < 4 * np.sqrt(share * (1 - share) / rows.height)
    assert key(found.values).join(key(rows), on=rows.select("sample_id", "signal", "time", "value").columns).height == (
        found.values.height
    )


def test_noise_is_of_the_said_size_and_stays_possible():
    rows = chart()
    spread = spread_of(rows)
    assert spread["heart_rate"] == pytest.approx(rows.filter(pl.col("signal") == "heart_rate")["value"].std())
    found = noisy(rows, spread, share=0.5)
    both = rows.join(found.values, on=["sample_id", "signal", "time"])
    for signal in ("heart_rate", "temperature"):
        moved = both.filter(pl.col("signal") == signal).select(pl.col("value_right") - pl.col("value")).to_series()
        assert moved.std() == pytest.approx(0.5 * spread[signal], rel=0.1)
        assert abs(moved.mean()) < 0.15 * spread[signal]
    wild = noisy(rows, {"creatinine": 500.0}, share=1.0)
    left = wild.values.filter(pl.col("signal") == "creatinine")["value"]
    assert left.is_between(0, 50).all()
    refused = int(wild.counts["undone"].sum())
    assert refused == rows.filter(pl.col("signal") == "creatinine").height - left.len() > 0


def test_a_unit_that_is_said_brings_every_value_back():
    rows = chart()
    found = other_unit(rows, {}, said="rightly")
    assert key(found.values).equals(key(rows))
    made = int(found.counts["made"].sum())
    can = rows.filter(pl.col("signal").is_in(["creatinine", "temperature"])).height
    assert abs(made / can - UNIT_SHARE) < 4 * np.sqrt(UNIT_SHARE * (1 - UNIT_SHARE) / can)
    assert found.counts["undone"].sum() == found.counts["beside"].sum() == 0


@pytest.mark.parametrize("said", ["wrongly", "lost"])
def test_a_wrong_unit_is_refused_or_comes_through_and_both_are_counted(said):
    rows = chart()
    found = other_unit(rows, {}, said=said)
    made, undone, beside = found.counts.select(pl.sum("made", "undone", "beside")).row(0)
    assert found.values.height == rows.height - undone - beside
    assert 0 < undone <= made
    same = key(found.values).join(key(rows), on=["sample_id", "signal", "time", "value"])
    assert found.values.height - same.height == made - undone  # what came through came with another number
    assert found.values.filter(pl.col("signal") == "heart_rate").height == 600
    if said == "lost":  # degrees Fahrenheit without a unit are seen, and the rest of that patient's are then in doubt
        assert beside > 0
