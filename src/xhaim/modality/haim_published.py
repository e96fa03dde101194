"""LEAKY, for the baseline "HAIM as published" alone: the rows that HAIM let a sample see (Soenksen et al. 2022).

Nothing here asks when a fact was known; nothing of xHAIM reads it. What HAIM did, and a store can express:

- Bedside values, laboratory values and notes count by the time they are charted for, up to and with the prediction
  time: a result stored later is seen, and so is the index image's own report where it is charted at the image's time.
- Procedures of the whole ICU stay count, those after the prediction time too: nothing filters them.
- Bedside values and procedures are those of the ICU stay; laboratory values and notes those of the admission.
- Tests are pooled by their label, whatever the fluid; units are not converted, and impossible values stay.
- Categories are numbered by the alphabet of everything in the store.

What a store cannot express: rows without a time, which HAIM keeps, are set aside on reading; series have the order of
time and not of the file, but for MIMIC-IV's laboratory rows, which have that of their ids; age is by the calendar year
of the prediction and not of the anchor; HAIM's private lists of ECG, echo and radiology notes by ICU stay are the
admission's notes here.
"""

from __future__ import annotations

import polars as pl

from xhaim.events import BIRTH, GENDER, IMAGE, INSURANCE, LANGUAGE, MARITAL_STATUS, NOTE, RACE, code_is
from xhaim.modality.haim import CODED, GROUPS
from xhaim.modality.haim_series import haim_statistics, haim_wide
from xhaim.signals import catalogue

KINDS = dict(zip(CODED, (GENDER, RACE, MARITAL_STATUS, LANGUAGE, INSURANCE), strict=True))
LARGEST = 1e38
"""Of a statistic: the variance of an impossible value may be beyond what a feature can hold."""
_OTHER_LABEL = {"vancomycin": "vancomycin"}
"""Of a signal whose label here is not, in small letters, the laboratory's own."""
_ROW = r"^hosp/labevents#(\d+)$"
_T = pl.col("prediction_time")


def wanted_codes(codes: pl.DataFrame) -> pl.DataFrame:
    """Return code, signal and group of HAIM's 41 signals: a test by its label in ``codes``, or by the catalogue."""
    own = pl.DataFrame(
        [(code, s.name, s.group) for s in catalogue().values() if s.haim for code in s.codes],
        schema=["prefix", "signal", "group"],
        orient="row",
    )
    labels = pl.DataFrame(
        [
            (_OTHER_LABEL.get(s.name, s.label.lower()), s.name, s.group)
            for s in catalogue().values()
            if s.haim and s.group == "lab"
        ],
        schema=["label", "signal", "group"],
        orient="row",
    )
    prefix = pl.col("code").str.split("//").list.head(2).list.join("//")
    label = pl.col("description").str.to_lowercase().str.replace(r" \([^()]*\)$", "")
    by_code = codes.select("code", prefix.alias("prefix")).join(own, on="prefix")
    by_label = codes.filter(pl.col("code").str.starts_with("LAB//")).select("code", label.alias("label"))
    found = pl.concat([frame.select("code", "signal", "group") for frame in (by_code, by_label.join(labels, "label"))])
    return found.unique("code", keep="first", maintain_order=True).sort("code")


def keys_of(samples: pl.DataFrame, stays: pl.DataFrame) -> pl.DataFrame:
    """Return what the functions below ask of each sample.

    sample_id, subject_id, prediction_time, current_hadm_id, current_stay_id, admittime, intime, outtime. ``stays`` has
    subject_id, stay_id and the last three; of a sample in no stay they are null.
    """
    times = stays.select("subject_id", "stay_id", "admittime", "intime", "outtime")
    return (
        samples.select("sample_id", "subject_id", "prediction_time", "hadm_id", "stay_id")
        .join(times, on=["subject_id", "stay_id"], how="left", maintain_order="left")
        .rename({"hadm_id": "current_hadm_id", "stay_id": "current_stay_id"})
    )


def leaky_series(events: pl.LazyFrame, keys: pl.DataFrame, codes: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """LEAKY. Return chart [n, 99], lab [n, 242] and procedure [n, 110], rows in the order of ``keys``.

    HAIM's statistics with all their quirks; ``codes`` as ``wanted_codes`` returns them.
    """
    time, group = pl.col("time"), pl.col("group")
    by_then = time <= _T
    of_stay = _of("stay_id", "current_stay_id", time.is_between("intime", "outtime"))
    of_admission = _of("hadm_id", "current_hadm_id", time >= pl.col("admittime"))
    window = (
        pl.when(group == "procedure").then(of_stay).when(group == "vital").then(of_stay & by_then)
    ).otherwise(of_admission & by_then)  # fmt: skip
    values = (
        events.filter(pl.col("numeric_value").is_finite() & time.is_not_null())
        .join(codes.lazy(), on="code")
        .join(keys.lazy(), on="subject_id")
        .filter(window)
        .with_columns(row=pl.col("source").str.extract(_ROW).cast(pl.Int64), value=pl.col("numeric_value"))
        .sort("sample_id", "signal", "row", "time", "value")
        .select("sample_id", "signal", "value")
        .collect()
    )
    stats, ids = haim_statistics(values), keys["sample_id"].to_list()
    signals = {
        name: [s.name for s in catalogue().values() if s.haim and s.group == group] for group, name in GROUPS.items()
    }
    bounded = pl.all().clip(-LARGEST, LARGEST)
    return {name: haim_wide(stats, ids, names).select(bounded) for name, names in signals.items()}


def leaky_demographics(events: pl.LazyFrame, keys: pl.DataFrame, codes: pl.DataFrame) -> pl.DataFrame:
    """LEAKY. Return [n, 6]: age in calendar years, and five categories as their place in the store's alphabet.

    -1 = not recorded. ``codes``: all codes of the store, those of other splits' patients too, as HAIM had them.
    """
    kinds = pl.any_horizontal(code_is(kind) for kind in (*KINDS.values(), BIRTH))
    own = (pl.col("hadm_id") == pl.col("current_hadm_id")).fill_null(value=False)
    seen = (
        events.filter(kinds)
        .join(keys.lazy(), on="subject_id")
        .filter(pl.col("time").is_null() | (pl.col("time") <= _T))
        .with_columns(own=own)
        .sort("sample_id", "own", "time", "code", nulls_last=False)
        .collect()
    )
    born = seen.filter(code_is(BIRTH)).group_by("sample_id").agg(pl.col("time").dt.year().last().alias("born"))
    frame = keys.select("sample_id", year=_T.dt.year()).join(born, on="sample_id", how="left", maintain_order="left")
    frame = frame.with_columns(age=(pl.col("year") - pl.col("born")).cast(pl.Float64))
    for name, kind in KINDS.items():
        known = sorted(code for code in codes.filter(code_is(kind))["code"].to_list() if not code.endswith("//UNK"))
        places = {code: float(place) for place, code in enumerate(known)}
        place = pl.col("code").last().replace_strict(places, default=-1.0, return_dtype=pl.Float64)
        mine = seen.filter(code_is(kind)).group_by("sample_id", maintain_order=True).agg(place.alias(f"{name} (code)"))
        frame = frame.join(mine, on="sample_id", how="left", maintain_order="left")
    columns = [f"{name} (code)" for name in CODED]
    return frame.select("age", *(pl.col(column).fill_null(-1.0) for column in columns))


def leaky_notes(events: pl.LazyFrame, keys: pl.DataFrame) -> pl.DataFrame:
    """LEAKY. Return the admission's notes charted for the prediction time or before, with their sample_id."""
    mine = _of("hadm_id", "current_hadm_id", pl.col("time") >= pl.col("admittime"))
    seen = events.filter(code_is(NOTE)).join(keys.lazy(), on="subject_id")
    return seen.filter((pl.col("time") <= _T) & mine).collect()


def leaky_films(events: pl.LazyFrame, keys: pl.DataFrame) -> pl.DataFrame:
    """LEAKY. Return sample_id, prediction_time, time and image_path of all films of the subject, of any time.

    In the order of HAIM's list of them: by study and file, which is not that of time.
    """
    films = events.filter(code_is(IMAGE) & pl.col("image_path").is_not_null() & pl.col("time").is_not_null())
    return (
        films.join(keys.lazy(), on="subject_id")
        .sort("sample_id", "study_id", "source", "image_path", "time")
        .select("sample_id", "prediction_time", "time", "image_path")
        .collect()
    )


def _of(own: str, current: str, during: pl.Expr) -> pl.Expr:
    """Say which rows belong to the current admission or stay: by its id, or, without one, by their time.

    Of a sample in no admission, which HAIM has none of, all rows do.
    """
    named = pl.col(own).is_not_null() & pl.col(current).is_not_null()
    return pl.when(named).then(pl.col(own) == pl.col(current)).otherwise(during.fill_null(value=True))
