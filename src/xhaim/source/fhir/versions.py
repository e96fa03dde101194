"""Several resources of one name: the same again (two searches, two files), or versions. The newest is taken."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import polars as pl

from xhaim.events import EVENT_SCHEMA
from xhaim.source.account import Outcome
from xhaim.source.fhir.times import Clock
from xhaim.source.fhir.values import at

AGAIN = "the same resource again"
OLDER = "an older version of the same resource"
RESOURCE_SCHEMA: dict[str, pl.DataType] = {
    "subject_id": pl.Int64(),
    "name": pl.String(),
    "kind": pl.String(),
    "source": pl.String(),
    "updated": pl.Int64(),
    "number": pl.Int64(),
    "digest": pl.Int64(),
    "unused": pl.String(),
}
"""A resource of the second pass: its name, its version, and why no event was made of it."""
FACT_SCHEMA: dict[str, pl.DataType] = {
    **EVENT_SCHEMA,
    "name": pl.String(),
    "url": pl.String(),
    "digest": pl.Int64(),
    "nth": pl.Int64(),
}
"""An event, the version of the resource that it is of, and its place among the events of that."""
_UTC = Clock(None)


class Version(NamedTuple):
    """Which of several resources of one name is taken: the greatest."""

    updated: int
    """meta.lastUpdated in microseconds: it orders versions, but does not say when a fact was known."""
    number: int
    """meta.versionId, where it is a number."""
    digest: int
    """Of the content without meta."""


def version_of(resource: dict[str, Any]) -> Version:
    """Return a resource's version."""
    updated = _UTC.moment(at(resource, "meta", "lastUpdated"))
    stated = at(resource, "meta", "versionId")
    number = (
        int(stated) if isinstance(stated, str) and stated.isascii() and stated.isdigit() and len(stated) < 18 else 0
    )
    content = json.dumps({key: value for key, value in resource.items() if key != "meta"}, sort_keys=True)
    digest = int.from_bytes(hashlib.sha256(content.encode()).digest()[:8], "big", signed=True)
    return Version(
        (updated.first - datetime(1970, 1, 1)) // timedelta(microseconds=1) if updated else 0, number, digest
    )


def newest(resources: pl.DataFrame, facts: pl.DataFrame) -> tuple[list[Outcome], pl.DataFrame]:
    """Return the account of ``resources`` (``RESOURCE_SCHEMA``), and the events of the newest versions among them."""
    down = {"updated": True, "number": True, "digest": True}
    by = ["subject_id", "name", *down, "source"]
    ordered = resources.sort(by, descending=[down.get(name, False) for name in by])
    first = pl.col("digest").first().over("subject_id", "name")
    repeated = ~pl.struct("subject_id", "name").is_first_distinct()
    judged = ordered.with_columns(
        why=pl.when(repeated & (pl.col("digest") == first))
        .then(pl.lit(AGAIN))
        .when(repeated)
        .then(pl.lit(OLDER))
        .otherwise("unused")
    )
    nothing = pl.DataFrame(schema=EVENT_SCHEMA)
    outcomes = []
    for (kind,), rows in sorted(judged.partition_by("kind", as_dict=True).items()):
        unused = dict(rows["why"].drop_nulls().value_counts().sort("why").iter_rows())
        outcomes.append(Outcome(str(kind), nothing, rows["why"].null_count(), unused=unused))
    key = ["subject_id", "name", "digest", "url"]
    taken = judged.filter(pl.col("why").is_null()).select("subject_id", "name", "digest", url="source")
    mine = facts.join(taken, on=key, how="semi").unique([*key, "nth"], keep="first")
    return outcomes, mine.select(list(EVENT_SCHEMA))
