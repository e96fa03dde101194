"""The cost sheet of a run: calls, tokens, seconds, and money at given prices, from its ledger."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from xhaim.errors import DataError, PrerequisiteError
from xhaim.llm.ledger import FILE, VERSION

COST_SCHEMA: dict[str, pl.DataType] = {
    "model": pl.String(),
    "requests": pl.Int64(),  # different questions
    "answered": pl.Int64(),
    "failed": pl.Int64(),  # without a good answer so far
    "calls": pl.Int64(),  # attempts, failed ones included
    "tokens_in": pl.Int64(),  # of all calls, as the server counted; null: it did not count
    "tokens_out": pl.Int64(),
    "uncounted": pl.Int64(),  # requests, some call of which came back without a count
    "seconds": pl.Float64(),  # spent waiting, calls side by side counted each
    "money": pl.Float64(),  # null: no price of the model was given, or nothing was counted
}
_QUERY = """
SELECT model, count(*), sum(status = 'ok'), sum(status = 'failed'), sum(attempts), sum(spent_in), sum(spent_out),
       sum(uncounted), sum(spent_s)
FROM calls GROUP BY model ORDER BY model
"""


@dataclass(frozen=True, slots=True)
class Price:
    """What a model costs, in any currency, for a million tokens."""

    tokens_in: float
    tokens_out: float


def costs(run_dir: Path, prices: Mapping[str, Price]) -> pl.DataFrame:
    """Return rows of COST_SCHEMA, one for each model that the run asked; ``prices``: model -> Price.

    Raises PrerequisiteError where the run asked no model, DataError where its ledger cannot be read.
    """
    path = run_dir / FILE
    if not path.is_file():
        raise PrerequisiteError(
            f"{run_dir} holds no ledger: no language model was asked",
            do=f"xhaim run STORE --out {run_dir} --llm-url URL --llm-model MODEL",
        )
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=60)) as ledger:
            (version,) = ledger.execute("PRAGMA user_version").fetchone()
            if version != VERSION:
                raise DataError(f"{path} is a ledger of another version", got=version, expected=VERSION)
            rows = ledger.execute(_QUERY).fetchall()
    except sqlite3.Error as error:
        raise DataError(f"{path} is not a ledger", got=str(error)) from None
    priced = [(*row, _money(prices.get(row[0]), row[5], row[6])) for row in rows]
    return pl.DataFrame(priced, schema=COST_SCHEMA, orient="row")


def _money(price: Price | None, tokens_in: int | None, tokens_out: int | None) -> float | None:
    if price is None or tokens_in is None or tokens_out is None:
        return None
    return (tokens_in * price.tokens_in + tokens_out * price.tokens_out) / 1e6
