"""What the reports of earlier chest films were labelled, as numbers: the last label of each finding, and their mean.

Beyond the paper: the last known label alone was measured to rank as well as HAIM does, so a model must know it. Labels
are known when the report is; which of them are admissible is the guard's business, as for every event.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

import polars as pl

from xhaim.events import CHEXPERT_FINDINGS, IMAGE_LABEL

UNCERTAIN = 0.5
"""For CheXpert's -1."""
LAST, MEAN = "last label", "mean label"
COLUMNS: tuple[str, ...] = (
    "earlier films, number",
    "earlier films, hours since the last",
    *(f"earlier films, {finding}, {what}" for finding in CHEXPERT_FINDINGS for what in (LAST, MEAN)),
)


def film_labels(admissible: pl.DataFrame) -> pl.DataFrame:
    """Return sample_id, study_id, time, finding, label in 0, 0.5 (uncertain), 1 of admissible label events."""
    finding = pl.col("code").str.strip_prefix(f"{IMAGE_LABEL}//")
    return (
        admissible.filter(pl.col("code").str.starts_with(f"{IMAGE_LABEL}//") & pl.col("numeric_value").is_not_null())
        .select(
            "sample_id",
            "study_id",
            "time",
            finding.alias("finding"),
            pl.col("numeric_value").cast(pl.Float64).replace(-1.0, UNCERTAIN).alias("label"),
        )
        .filter(pl.col("finding").is_in(list(CHEXPERT_FINDINGS)) & pl.col("label").is_between(0, 1))
    )


def earlier_films(labels: pl.DataFrame, times: Mapping[str, datetime]) -> pl.DataFrame:
    """Return COLUMNS for each sample of ``times`` (sample_id -> prediction time), in its order; null = never labelled.

    ``labels``: rows of ``film_labels``. Of films of one time the greater label is the last.
    """
    ordered = labels.sort("sample_id", "finding", "time", "label")
    each = ordered.group_by("sample_id", "finding", maintain_order=True).agg(
        pl.col("label").last().alias(LAST), pl.col("label").mean().alias(MEAN)
    )
    films = labels.group_by("sample_id").agg(
        pl.col("time").n_unique().cast(pl.Float64).alias(COLUMNS[0]), pl.col("time").max().alias("newest")
    )
    when = pl.DataFrame(
        {"sample_id": list(times), "t": list(times.values())},
        schema={"sample_id": pl.String(), "t": pl.Datetime("us")},
    )
    frame = when.join(films, on="sample_id", how="left", maintain_order="left").with_columns(
        ((pl.col("t") - pl.col("newest")).dt.total_seconds() / 3600).alias(COLUMNS[1])
    )
    for finding in CHEXPERT_FINDINGS:
        mine = each.filter(pl.col("finding") == finding).select(
            "sample_id", *(pl.col(what).alias(f"earlier films, {finding}, {what}") for what in (LAST, MEAN))
        )
        frame = frame.join(mine, on="sample_id", how="left", maintain_order="left")
    return frame.select(pl.col(COLUMNS[0]).fill_null(0.0), *COLUMNS[1:])


def without_studies(labels: pl.DataFrame, studies: Collection[int]) -> pl.DataFrame:
    """Return the labels without those of some studies."""
    return labels.filter(~pl.col("study_id").is_in(list(studies)).fill_null(value=False))
