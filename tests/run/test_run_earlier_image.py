"""Which earlier image is read, and by whom."""

from datetime import datetime, timedelta

import polars as pl
import pytest

from xhaim.events import EVENT_SCHEMA
from xhaim.run.image_numbers import earlier_paths

T = datetime(2180, 5, 6, 12)


def film(sample, hours, path, study, view="AP", **other):
    return {
        "sample_id": sample, "code": "IMAGE//CXR", "time": T - timedelta(hours=hours), "image_path": path,
        "study_id": study, "title": view, "prediction_time": T, **other,
    }  # fmt: skip


def seen(*rows):
    kinds = {"sample_id": pl.String(), "prediction_time": pl.Datetime("us"), **EVENT_SCHEMA}
    return pl.DataFrame(list(rows), schema=kinds, orient="row")


SAMPLES = pl.DataFrame(
    {"sample_id": ["a", "b", "c", "d"], "index_study_id": [9, 9, None, 9], "prediction_time": [T] * 4},
    schema={"sample_id": pl.String(), "index_study_id": pl.Int64(), "prediction_time": pl.Datetime("us")},
)
FILMS = (
    film("a", 0, "index.jpg", 9),
    film("a", 0.5, "index sibling.jpg", 9),
    film("a", 3, "lateral.jpg", 8, view="LATERAL"),
    film("a", 5, "newest.jpg", 7),
    film("a", 5, "o same time.jpg", 7, view="PA"),
    film("a", 50, "oldest.jpg", 6),
    film("b", 0, "only the index.jpg", 9),
    film("c", 2, "no index.jpg", 4),
    film("d", 2, None, 4),
)


@pytest.mark.parametrize("turned", [False, True])
def test_the_newest_frontal_image_of_another_study(turned):
    frame = seen(*(reversed(FILMS) if turned else FILMS))
    assert earlier_paths(frame, SAMPLES) == {"a": ("newest.jpg", 5.0), "c": ("no index.jpg", 2.0)}


def test_nothing_at_or_after_the_prediction_even_if_it_were_shown():
    assert earlier_paths(seen(film("a", 0, "now.jpg", 7), film("a", -1, "later.jpg", 7)), SAMPLES) == {}
