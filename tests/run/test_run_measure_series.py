"""Time series without some measurements, computed by signal, are to the last bit what doing all again gives."""

from datetime import datetime, timedelta

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from xhaim.explain.facts import Removal
from xhaim.modality.measurements import MEASUREMENT_SCHEMA
from xhaim.modality.time_series import STATISTICS, column, statistics, wide
from xhaim.run.measure import Series
from xhaim.signals import catalogue

T = datetime(2180, 1, 1)
SIGNALS = sorted(catalogue())[:5]
ROW = st.tuples(st.sampled_from(SIGNALS), st.integers(0, 40), st.floats(0.5, 300, width=32))


def measurements(rows):
    made = [
        {"sample_id": "s", "measurement_id": f"m{n}", "signal": signal, "label": signal, "value": round(value, 6),
         "time": T - timedelta(hours=hours), "known_at": T, "hours_before": float(hours)}
        for n, (signal, hours, value) in enumerate(rows)
    ]  # fmt: skip
    return pl.DataFrame(made, schema=MEASUREMENT_SCHEMA)


def joined_one_signal_after_the_other(stats, ids, signals):
    """A plain reference of ``wide``."""
    made = pl.DataFrame({"sample_id": ids}, schema={"sample_id": pl.String()})
    for signal in signals:
        part = stats.filter(pl.col("signal") == signal).select("sample_id", *STATISTICS)
        renamed = part.rename({one: column(signal, one) for one in STATISTICS})
        made = made.join(renamed, on="sample_id", how="left", maintain_order="left")
    return made.drop("sample_id")


@settings(max_examples=40, deadline=None)
@given(rows=st.lists(ROW, max_size=40), ids=st.permutations(["s", "nobody", "other"]))
def test_wide_is_what_joining_one_signal_after_the_other_gives(rows, ids):
    frame = measurements(rows)
    stats = statistics(pl.concat([frame, frame.head(5).with_columns(sample_id=pl.lit("other"))]))
    names, found = wide(stats, ids, SIGNALS)
    assert names == found.columns
    assert found.equals(joined_one_signal_after_the_other(stats, ids, SIGNALS), null_equal=True)


@settings(max_examples=40, deadline=None)
@given(rows=st.lists(ROW, min_size=1, max_size=40), data=st.data())
def test_only_what_is_touched_is_computed_again_and_nothing_else_changes(rows, data):
    frame = measurements(rows)
    ids = st.sampled_from([*frame["measurement_id"].to_list(), "not-there"])
    removals = [Removal(measurement_ids=frozenset(one)) for one in data.draw(st.lists(st.sets(ids), max_size=5))]
    found = Series(frame).without(removals)
    for row, removal in zip(found, removals, strict=True):
        left = frame.filter(~pl.col("measurement_id").is_in(sorted(removal.measurement_ids)))
        _, whole = wide(statistics(left), ["s"], catalogue())
        expected = whole.cast(pl.Float32).fill_null(float("nan")).to_numpy()[0]
        assert np.array_equal(row, expected, equal_nan=True)
    assert found.shape == (len(removals), len(catalogue()) * len(STATISTICS))
