"""What a split's image reader sees on the images of every sample: fitted on train, read once and kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from xhaim.errors import DataError
from xhaim.events import CHEXPERT_FINDINGS
from xhaim.records import Features
from xhaim.run.context import Run
from xhaim.run.directory import Stage, write_frame
from xhaim.run.image_numbers import Read, read_earlier, read_images
from xhaim.run.numbers import SEPARATOR, with_block, with_ids
from xhaim.run.people import SplitRows

READER = "image_reader.safetensors"
"""In the folder of a split's models."""
READINGS = "image_readings.parquet"
"""Beside it: what it read."""


def with_images(run: Run, features: Features, images: Stage | None, rows: SplitRows, folder: Path) -> Features:
    """Return the features with the blocks ``image`` and ``earlier_image`` as one split's reader reads them.

    The reader is fitted on the training images and out-of-fold for the training rows; it and what it read are kept in
    ``folder``. Without images, or where no reader can be fitted, the features as they are.
    """
    if images is None:
        return features
    try:
        frame = _readings(run, images, rows, folder)
    except DataError as error:
        run.watch.note(f"no image block: {error.what}")
        return features
    return with_readings(features, frame)


def with_readings(features: Features, frame: pl.DataFrame) -> Features:
    """Return the features with the blocks of what an image reader read, of the same samples in the same order."""
    for block in ("image", "earlier_image"):
        if names := [name for name in frame.columns if name.startswith(block + SEPARATOR)]:
            values = frame.select(names).to_numpy()
            features = with_block(features, block, [name.split(SEPARATOR, 1)[1] for name in names], values)
    return features


def _readings(run: Run, images: Stage, rows: SplitRows, folder: Path) -> pl.DataFrame:
    """Return sample_id and the columns of both blocks, of the labelled samples: read once, then from ``folder``."""
    kept = folder / READINGS
    if kept.exists() and (found := pl.read_parquet(kept))["sample_id"].to_list() == rows.ids:
        return found
    pixels, labels = read_images(images, rows.ids)
    logits = _logits(run, rows, pixels, labels, folder / READER)
    logits[_blank(pixels)] = np.nan
    films, hours = read_earlier(images, rows.ids)
    read = held_out_reader(folder / READER, rows)
    before = None
    if read is not None and not _blank(films).all():
        before = read(films, np.arange(len(rows.ids)))
        before[_blank(films)] = np.nan
    frame = reading_rows(rows.ids, logits, before, hours)
    write_frame(kept, frame)
    return frame


def reading_rows(
    ids: list[str], logits: NDArray[np.float32], before: NDArray[np.float32] | None, hours: NDArray[np.float32]
) -> pl.DataFrame:
    """Return sample_id and the columns of both blocks, of n samples; NaN where there is no image.

    ``logits``: of the index images, [n, 14]; ``before``: of the earlier ones, taken ``hours`` earlier, [n]. ``None``:
    no sample of the run has one, and there is no such block.
    """
    blocks = {"image": pl.DataFrame(logits, schema=[f"image network, {finding}" for finding in CHEXPERT_FINDINGS])}
    if before is not None:
        names = [f"image network, earlier film, {finding}" for finding in CHEXPERT_FINDINGS]
        earlier = pl.DataFrame(before, schema=names)
        blocks["earlier_image"] = earlier.with_columns(pl.Series("earlier film, hours since", hours))
    return with_ids(ids, blocks)


def _blank(pixels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return np.asarray(pixels.reshape(len(pixels), -1).max(axis=1) == 0)


def _logits(
    run: Run, rows: SplitRows, pixels: NDArray[np.uint8], labels: NDArray[np.float32], path: Path
) -> NDArray[np.float32]:
    """Logits [n, 14] of a small network fitted on the training images: out-of-fold for the training rows."""
    from xhaim.predict.image_reader import ImageReader, fit_image_reader

    if path.exists():
        reader = ImageReader.load(path)
    else:
        reader = fit_image_reader(pixels, labels, rows.subjects, rows.train, run.settings.encoder)
        path.parent.mkdir(parents=True, exist_ok=True)
        reader.save(path)
    logits = reader.read(pixels)
    logits[rows.train] = reader.out_of_fold
    return logits


def held_out_reader(path: Path, rows: SplitRows) -> Read | None:
    """Return the split's image reader, which reads every image of a training subject by the network not fitted on it.

    ``None`` where no reader was fitted.
    """
    if not path.exists():
        return None
    from xhaim.predict.image_reader import ImageReader  # it brings torch

    reader = ImageReader.load(path)
    fold_of = np.full(len(rows.ids), -1)
    fold_of[rows.train] = reader.folds
    return lambda films, at: reader.read_held_out(films, fold_of[at])
