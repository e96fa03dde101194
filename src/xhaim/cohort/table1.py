"""The paper's Table 1 for any store: who is in each task, in all and in each part of the first split."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from xhaim.events import BIRTH, GENDER, code_is

TABLE_1_SCHEMA = {
    "task_id": pl.String(),
    "part": pl.String(),  # all, then train, validation, test of split 0
    "samples": pl.Int64(),
    "subjects": pl.Int64(),
    "stays": pl.Int64(),  # 0 where samples are in none
    "positives": pl.Int64(),
    "positive_share": pl.Float64(),  # null where there is no sample
    "age_median": pl.Float64(),  # years at the prediction time; null where no birth is known
    "age_low": pl.Float64(),  # first quartile
    "age_high": pl.Float64(),  # third quartile
    "age_unknown": pl.Int64(),
    "female": pl.Int64(),
    "sex_unknown": pl.Int64(),
}
PARTS = ("all", "train", "validation", "test")
_YEAR = 365.25 * 24 * 3600


def table_1(
    events: pl.LazyFrame,
    samples: pl.DataFrame,
    labels: Mapping[str, pl.DataFrame],
    splits: Mapping[str, pl.DataFrame],
) -> pl.DataFrame:
    """Return TABLE_1_SCHEMA, by task in the order of ``labels``, then by part; a part without samples has zeros.

    ``labels``: task id -> sample_id, subject_id (of the person) and label without nulls; ``splits``: task id -> split,
    sample_id, part. Ages and sexes are counted once for each sample, as the paper counts data points.
    """
    people = samples.join(_persons(events), on="subject_id", how="left").with_columns(
        age=(pl.col("prediction_time") - pl.col("birth")).dt.total_seconds() / _YEAR
    )
    rows = []
    for task_id, labelled in labels.items():
        # of a label, subject_id is the person's, where a person is several subjects
        who = labelled.select("sample_id", "label", pl.col("subject_id").alias("person_id"))
        mine = people.join(who, on="sample_id", how="inner")
        first = splits[task_id].filter(pl.col("split") == 0).select("sample_id", "part")
        parted = mine.join(first, on="sample_id", how="left")
        for part in PARTS:
            chosen = parted if part == "all" else parted.filter(pl.col("part") == part)
            rows.append({"task_id": task_id, "part": part, **_counts(chosen)})
    return pl.DataFrame(rows, schema=TABLE_1_SCHEMA)


def _persons(events: pl.LazyFrame) -> pl.DataFrame:
    sex = pl.col("code").filter(code_is(GENDER)).sort().first().str.split("//").list.last().str.to_uppercase()
    return (
        events.filter(code_is(BIRTH) | code_is(GENDER))
        .group_by("subject_id")
        .agg(pl.col("time").filter(code_is(BIRTH)).min().alias("birth"), sex.alias("sex"))
        .collect()
    )


def _counts(chosen: pl.DataFrame) -> dict[str, int | float | None]:
    n, positives = chosen.height, int(chosen["label"].sum())
    age = chosen["age"].drop_nulls()
    quartiles = [age.quantile(q, "linear") for q in (0.25, 0.5, 0.75)]
    return {
        "samples": n,
        "subjects": chosen["person_id"].n_unique(),
        "stays": chosen["stay_id"].drop_nulls().n_unique(),
        "positives": positives,
        "positive_share": positives / n if n else None,
        "age_low": quartiles[0],
        "age_median": quartiles[1],
        "age_high": quartiles[2],
        "age_unknown": n - len(age),
        "female": int(chosen["sex"].is_in(["F", "FEMALE"]).sum()),
        "sex_unknown": int((~chosen["sex"].is_in(["F", "FEMALE", "M", "MALE"]).fill_null(value=False)).sum()),
    }
