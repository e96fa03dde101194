"""Stage: HAIM's own blocks on what was known, the de-leaked baseline; as published they are in ``haim_published``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import numpy as np
import polars as pl
from numpy.typing import NDArray

from xhaim.modality import haim
from xhaim.modality.time_series import statistics
from xhaim.records import Document, Features
from xhaim.run.context import Run
from xhaim.run.directory import Stage
from xhaim.run.known import Known
from xhaim.run.numbers import assemble, with_block, with_ids
from xhaim.run.parallel import each_shard
from xhaim.run.people import People
from xhaim.run.set_aside import SetAside
from xhaim.run.vectors import Vectors, chunks_of, embedded_text

RADIOLOGY = "radiology_notes"
"""The block that HAIM leaves out of pathology tasks."""


def store_haim(run: Run, people: People, known: Stage, embeddings: Stage) -> Stage:
    """Write HAIM's own blocks to ``haim/<policy>/``."""
    policy = known.folder.name
    stage = run.directory.stage(f"haim/{policy}", run.key("haim", known.key, embeddings.key))
    with run.watch.stage(f"HAIM's features ({policy})") as progress:
        return each_shard(run, stage, run.shards(people.samples), partial(_haim_shard, known, embeddings), progress)


def haim_features(haim: Stage, sample_ids: Sequence[str], ours: Features) -> Features:
    """Return HAIM's blocks of some samples, with the same image readings as ``ours`` has; 0 where one is missing."""
    theirs = assemble(sample_ids, [haim], None)
    for block in [one for one in ("image", "earlier_image") if one in ours.blocks]:
        start, end = ours.blocks[block]
        theirs = with_block(theirs, block, ours.names[start:end], np.nan_to_num(ours.values[:, start:end]))
    return theirs


def without_block(features: Features, block: str) -> Features:
    """Return the features without one of their numeric blocks."""
    start, end = features.blocks[block]
    width = end - start
    kept = {
        name: (a, b) if b <= start else (a - width, b - width)
        for name, (a, b) in features.blocks.items()
        if name != block
    }
    keep = np.r_[0:start, end : features.values.shape[1]]
    return replace(features, values=features.values[:, keep], names=tuple(features.names[i] for i in keep), blocks=kept)


def _haim_shard(known: Stage, embeddings: Stage, run: Run, index: int, samples: pl.DataFrame) -> pl.DataFrame:
    shard = Known.read(known.shard(index))
    vectors = Vectors(run.settings.retrieve.encoder)
    vectors.load(embeddings.shard(index))
    ids = samples["sample_id"].to_list()
    stats = statistics(shard.values)
    blocks = {"demographics": haim.demographics(shard.facts, ids), **haim.series(stats, ids)}
    blocks |= _note_blocks(run, shard, dict(samples.select("sample_id", "prediction_time").iter_rows()), vectors)
    return with_ids(ids, blocks)


def _note_blocks(run: Run, shard: Known, times: Mapping[str, datetime], vectors: Vectors) -> dict[str, pl.DataFrame]:
    """Return HAIM's note embeddings, one block for each kind of note."""
    width = vectors([""]).shape[1]

    def embed(document: Document) -> NDArray[np.float32]:
        texts = [embedded_text(chunk) for chunks in chunks_of(run, [document]).values() for chunk in chunks]
        mean: NDArray[np.float32] = vectors(texts).mean(axis=0) if texts else np.zeros(width, np.float32)
        return mean

    def row(sample_id: str, time: datetime, kind: str) -> NDArray[np.float32]:
        aside = SetAside()  # step 1 has set the same sample aside, and counted it: nobody reads its row
        with aside.trying(sample_id):
            seen = shard.documents.get(sample_id, ())
            return haim.note_embedding(seen, _admitted(shard, sample_id, time), kind, embed, width)
        return np.full(width, np.nan, np.float32)

    blocks = {}
    for kind in haim.NOTE_KINDS:
        rows = [row(sample_id, time, kind) for sample_id, time in times.items()]
        blocks[f"{kind}_notes"] = pl.DataFrame(np.stack(rows), schema=[f"{kind} notes, {i}" for i in range(width)])
    return blocks


def _admitted(shard: Known, sample_id: str, time: datetime) -> datetime | None:
    hours = shard.facts.get(sample_id, {}).get("hours in hospital")
    if not isinstance(hours, float):
        return None
    return time - timedelta(hours=hours)
