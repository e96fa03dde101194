"""Several resources of one name: the same again (two searches, two files), or versions, each known when it came."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import polars as pl

from xhaim.events import EVENT_SCHEMA
from xhaim.source.account import Outcome
from xhaim.source.fhir.names import Name
from xhaim.source.fhir.times import Clock
from xhaim.source.fhir.values import at

AGAIN = "the same resource again"
OLDER = "an older version of the same resource"
NOTHING_NEW = "a version that says nothing new"
UNORDERED = "one of several versions, and no meta.lastUpdated says since when"
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
    "updated_at": pl.Datetime("us"),
}
"""An event, the version of the resource that it is of, its place among the events of that, and meta.lastUpdated."""
_KEY = ["subject_id", "name", "digest"]
_UTC = Clock(None)


class Version(NamedTuple):
    """The order of several resources of one name."""

    updated: int
    """meta.lastUpdated in microseconds; 0 where there is none."""
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


def nameless(resource: dict[str, Any]) -> Name:
    """Return the name of a resource that has neither an id nor a fullUrl: by its content."""
    return Name(f"{resource['resourceType']}/#{version_of(resource).digest & (1 << 64) - 1:016x}")


def told_once(resources: pl.DataFrame, facts: pl.DataFrame) -> tuple[list[Outcome], pl.DataFrame]:
    """Return the account of ``resources`` (``RESOURCE_SCHEMA``), and the events of all versions that were seen.

    The first version is known by its own clock, a later one never before its meta.lastUpdated; what it repeats is told
    once. A version is not unmade by a later one: it was seen. Of an imaging study or a Media only the newest version
    counts: it tells of pictures, and a picture is as old as it is.
    """
    versions = _judged(resources)
    kept = versions.filter(pl.col("why").is_null()).select(*_KEY, "later", "number", url="source")
    mine = facts.join(kept, on=[*_KEY, "url"], how="inner").sort("updated_at", "known_at", nulls_last=True)
    mine = mine.unique([*_KEY, "nth"], keep="first", maintain_order=True).sort(*_KEY, "nth")
    history = pl.format("{}/_history/{}", "url", pl.when(pl.col("number") > 0).then("number").otherwise("digest"))
    dated = mine.with_columns(
        known_at=pl.when("later").then(pl.max_horizontal("known_at", "updated_at")).otherwise("known_at"),
        source=pl.when(pl.col("later") & (pl.col("source") == pl.col("url"))).then(history).otherwise("source"),
    )
    content = [*_KEY[:2], *(name for name in EVENT_SCHEMA if name not in {"subject_id", "known_at", "source"})]
    dated = dated.with_columns(copy=pl.int_range(pl.len()).over([*content, "digest"]))
    once = dated.sort("known_at", "later", "digest", nulls_last=False).unique(
        [*content, "copy"], keep="first", maintain_order=True
    )
    said = once.select(_KEY).unique().with_columns(says=pl.lit(value=True))
    silent = pl.col("why").is_null() & pl.col("says").is_null()
    booked = versions.join(said, on=_KEY, how="left").with_columns(
        why=pl.when(silent).then(pl.lit(NOTHING_NEW)).otherwise("why")
    )
    nothing = pl.DataFrame(schema=EVENT_SCHEMA)
    outcomes = []
    for (kind,), rows in sorted(booked.partition_by("kind", as_dict=True).items()):
        unused = dict(rows["why"].drop_nulls().value_counts().sort("why").iter_rows())
        outcomes.append(Outcome(str(kind), nothing, rows["why"].null_count(), unused=unused))
    return outcomes, once.select(list(EVENT_SCHEMA))


def _judged(resources: pl.DataFrame) -> pl.DataFrame:
    """Return ``resources`` with ``why`` one is not used (null where it is), and whether it is a ``later`` version."""
    undated = pl.col("updated") == 0
    again = ~pl.struct(_KEY).is_first_distinct()  # of the same content the first copy says since when it stood there
    copies = resources.sort(*_KEY, undated, "updated", "number", "source").with_columns(again=again)
    named = ["subject_id", "name"]
    picture = pl.col("kind").is_in(["ImagingStudy", "Media"])
    counted = ~pl.col("again") & (pl.col("unused").is_null() | picture)
    versions = copies.filter(counted).sort(*named, "updated", "number", "digest")
    alone = (pl.col("updated") == pl.col("updated").first()) & (pl.col("number") == pl.col("number").first())
    versions = versions.with_columns(
        later=~picture & ~(alone & (alone.sum() == 1)).over(named),
        older=picture & (pl.int_range(pl.len()) < pl.len() - 1).over(named),
    ).select(*_KEY, "source", "later", "older")
    judged = copies.join(versions, on=[*_KEY, "source"], how="left").with_columns(
        pl.col("later", "older").fill_null(value=False)
    )
    return judged.with_columns(
        why=pl.when("again")
        .then(pl.lit(AGAIN))
        .when("older")
        .then(pl.lit(OLDER))
        .when(pl.col("later") & undated)
        .then(pl.lit(UNORDERED))
        .otherwise("unused")
    )
