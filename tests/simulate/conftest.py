"""One simulated cohort for all tests of the folder, and a way to read its tables."""

from functools import cache
from pathlib import Path

import polars as pl
import pytest

from xhaim.source.simulate import simulate
from xhaim.source.simulate.layout import TABLES


@pytest.fixture(scope="session")
def cohort(tmp_path_factory):
    root = tmp_path_factory.mktemp("simulated") / "cohort"
    return root, simulate(root, stays=200, seed=0, images=False)


@pytest.fixture(scope="session")
def read():
    """A table of a cohort by its short name, with its times as times."""

    @cache
    def reader(root: Path, table: str) -> pl.DataFrame:
        frame = pl.read_csv(root / TABLES[table], infer_schema_length=None)
        times = [name for name in frame.columns if name.endswith("time") or name == "known_at"]
        return frame.with_columns(pl.col(name).str.to_datetime() for name in times if frame[name].dtype == pl.String)

    return reader
