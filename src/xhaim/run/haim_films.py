"""LEAKY: the images of HAIM as published. The index image, and the mean of all, each dense and as readings."""

from __future__ import annotations

from functools import cache, partial

import numpy as np
import polars as pl
from numpy.typing import NDArray

from xhaim.events import CHEXPERT_FINDINGS
from xhaim.modality import haim_films, haim_published
from xhaim.modality.pixels import SIDE
from xhaim.run.context import Run
from xhaim.run.directory import Stage
from xhaim.run.image_numbers import Read, pixels_of, read_images
from xhaim.run.people import SplitRows

FOLDER = "films"
"""Of the stage ``haim_published``: the images that are averaged, small, with their weights."""


def leaky_films(run: Run, events: pl.LazyFrame, keys: pl.DataFrame) -> pl.DataFrame:
    """LEAKY. Return sample_id, weight and pixels of the images that HAIM averages for each sample."""
    listed = haim_published.leaky_films(events, keys)
    shrunk = cache(partial(pixels_of, run))
    rows = [
        (one, weight, shrunk(path))
        for (one, time), mine in listed.group_by("sample_id", "prediction_time", maintain_order=True)
        for path, weight in haim_films.leaky_weights(mine.select("time", "image_path").rows(), time)
    ]
    kinds = {"sample_id": pl.String(), "weight": pl.Float64(), "pixels": pl.Binary()}
    return pl.DataFrame(rows, schema=kinds, orient="row").drop_nulls("pixels")


def leaky_sources(
    stage: Stage, images: Stage, rows: SplitRows, read: Read | None
) -> list[tuple[str, tuple[str, ...], NDArray[np.float32]]]:
    """LEAKY. Return each image source: its block, the names of its columns, and its values, [n, d].

    Zeros where there is no image, or no mean that is a number. Without anyone to ``read`` there are no readings.
    """
    pixels, _ = read_images(images, rows.ids)
    there = pixels.reshape(len(pixels), -1).any(axis=1, keepdims=True)
    kinds: list[tuple[str, tuple[str, ...], Read]] = [
        ("dense", haim_films.DENSE_NAMES, lambda films, _: haim_films.dense(films))
    ]
    if read is not None:
        see: Read = lambda films, at: haim_films.probabilities(read(films, at))  # noqa: E731
        kinds.append(("readings", CHEXPERT_FINDINGS, see))
    found = []
    for what, names, see in kinds:
        index = see(pixels, np.arange(len(rows.ids))) * there
        found.append((f"index_image_{what}", names, index))
        found.append((f"all_images_{what}", names, _mean(stage, rows, see, len(names))))
    return found


def _mean(stage: Stage, rows: SplitRows, see: Read, width: int) -> NDArray[np.float32]:
    """Return [n, width]: the weighted mean over all images of each sample."""
    found = np.zeros((len(rows.ids), width), np.float32)
    places = pl.DataFrame({"sample_id": rows.ids, "place": range(len(rows.ids))})
    for path in sorted(stage.path(FOLDER).glob("*.parquet")):
        films = pl.read_parquet(path).join(places, on="sample_id", maintain_order="left")
        if films.is_empty():
            continue
        at, weights = films["place"].to_numpy().astype(np.int64), films["weight"].to_numpy()
        seen = see(np.frombuffer(b"".join(films["pixels"]), np.uint8).reshape(-1, SIDE, SIDE), at)
        for place in np.unique(at).tolist():
            mine = at == place
            if weights[mine].sum() > 0:
                found[place] = np.average(seen[mine], axis=0, weights=weights[mine])
    return found
