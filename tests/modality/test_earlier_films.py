from datetime import datetime, timedelta

import polars as pl

from xhaim.modality.earlier_films import COLUMNS, earlier_films, film_labels, without_studies

T = datetime(2180, 5, 6, 12)


def events(*rows):
    """Rows: sample, hours before t, finding, CheXpert's value, study."""
    return pl.DataFrame(
        [
            {
                "sample_id": who,
                "time": T - timedelta(hours=h),
                "code": f"LABEL//CXR//{f}",
                "numeric_value": v,
                "study_id": n,
            }
            for who, h, f, v, n in rows
        ],
        schema={"sample_id": pl.String(), "time": pl.Datetime("us"), "code": pl.String(), "numeric_value": pl.Float32(),
                "study_id": pl.Int64()},
    )  # fmt: skip


SEEN = events(
    ("a", 50, "Pleural Effusion", 1, 1),
    ("a", 20, "Pleural Effusion", -1, 2),
    ("a", 20, "Edema", 0, 2),
    ("b", 3, "Edema", 1, 3),
    ("b", 3, "Edema", 0, 4),
    ("b", 3, "Something Else", 1, 4),
    ("b", 1, "Fracture", None, 5),
    ("b", 1, "Fracture", 7, 5),
)
TIMES = {"b": T, "nobody": T, "a": T}


def column(frame, what):
    return frame[f"earlier films, {what}"].to_list()


def test_last_and_mean_label_of_each_finding_by_hand():
    frame = earlier_films(film_labels(SEEN), TIMES)
    assert tuple(frame.columns) == COLUMNS
    assert column(frame, "number") == [1, 0, 2]  # two labels of one time are of one film
    assert column(frame, "hours since the last") == [3, None, 20]
    assert column(frame, "Pleural Effusion, last label") == [None, None, 0.5]
    assert column(frame, "Pleural Effusion, mean label") == [None, None, 0.75]
    assert column(frame, "Edema, last label") == [1, None, 0]  # of one time the greater
    assert column(frame, "Edema, mean label") == [0.5, None, 0]
    assert column(frame, "Fracture, last label") == [None, None, None]


def test_any_order_of_events_gives_the_same():
    for seed in range(5):
        shuffled = SEEN.sample(fraction=1, shuffle=True, seed=seed)
        assert earlier_films(film_labels(shuffled), TIMES).equals(earlier_films(film_labels(SEEN), TIMES))


def test_a_study_taken_out_is_as_if_it_had_never_been():
    labels = film_labels(SEEN)
    left = earlier_films(without_studies(labels, {2}), TIMES)
    assert left.equals(earlier_films(film_labels(SEEN.filter(pl.col("study_id") != 2)), TIMES))
    assert column(left, "Pleural Effusion, last label") == [None, None, 1]
    unnumbered = SEEN.with_columns(study_id=pl.lit(None, pl.Int64()))
    assert without_studies(film_labels(unnumbered), {2}).height == film_labels(unnumbered).height


def test_no_events_are_no_films():
    frame = earlier_films(film_labels(SEEN.clear()), TIMES)
    assert column(frame, "number") == [0, 0, 0]
    assert all(frame[name].null_count() == 3 for name in COLUMNS[1:])
