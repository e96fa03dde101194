"""LEAKY stage: HAIM as published, a baseline. It reads the store and not what was known; nothing of xHAIM reads it.

Eleven sources, as HAIM has them: demographics (6), chart (99), laboratory (242), procedures (110), the index image
and the mean of all images (each dense, 1,024, and as readings, 14 where HAIM has 18), ECG, echo and radiology notes
(each of the sentence encoder's width where HAIM's is 768; a sentence encoder's vector where it has ClinicalBERT's
pooler). What of HAIM's leaks and quirks a store can express is in ``modality.haim_published``, ``haim_notes`` and
``haim_films``.
"""

from __future__ import annotations

import os
from functools import cache, partial

import numpy as np
import polars as pl

from xhaim.cohort.stays import stays
from xhaim.events import BIRTH, IMAGE, NOTE, code_is
from xhaim.modality import haim_notes, haim_published
from xhaim.modality.documents import documents
from xhaim.modality.haim import NOTE_KINDS, is_of_kind
from xhaim.records import Features
from xhaim.run import haim_films
from xhaim.run.context import Run
from xhaim.run.directory import Stage, write_frame
from xhaim.run.embedding_cache import FILE, SWITCH, EmbeddingCache
from xhaim.run.haim_films import leaky_sources
from xhaim.run.haim_numbers import RADIOLOGY, without_block
from xhaim.run.image_numbers import Read
from xhaim.run.numbers import assemble, with_block, with_ids
from xhaim.run.parallel import each_shard
from xhaim.run.people import People, SplitRows
from xhaim.run.vectors import Vectors, load_encoder

FOLDER = "LEAKY-haim_published"
PREFIX = "HAIM as published: "
"""Before the name of every column."""
WORD_PIECES = 254
"""To which long notes are packed. HAIM packs 510, all that its encoder reads; MiniLM reads 256 with its two marks."""


def store_haim_published(run: Run, people: People) -> Stage:
    """Write HAIM's blocks as published to ``LEAKY-haim_published/``, the same for all tasks and policies.

    All images of every subject are read, and the pieces of all notes embedded: it takes as long as both for xHAIM.
    """
    own = (run.settings.encoder.name, load_encoder(run.settings.retrieve.encoder).name)
    stage = run.directory.stage(FOLDER, run.key("haim published", people.key, *own))
    with run.watch.stage("HAIM's features as published") as progress:
        return each_shard(run, stage, run.shards(people.samples), partial(_shard, stage), progress)


def haim_published_features(
    stage: Stage, images: Stage | None, rows: SplitRows, read: Read | None, *, finding: bool
) -> Features:
    """LEAKY. Return HAIM's eleven sources of the labelled samples of a task; ten for a ``finding``.

    HAIM leaves the radiology notes out where the label comes from a report. Without images there are no image blocks,
    without anyone to ``read`` them no readings (``haim_films.held_out_reader``).
    """
    theirs = assemble(rows.ids, [stage], None)
    if finding:
        theirs = without_block(theirs, RADIOLOGY)
    for block, names, values in [] if images is None else leaky_sources(stage, images, rows, read):
        named = [f"{PREFIX}{block.replace('_', ' ')}, {name}" for name in names]
        theirs = with_block(theirs, block, named, values)
    return theirs


def _shard(stage: Stage, run: Run, index: int, samples: pl.DataFrame) -> pl.DataFrame:
    codes = run.store.codes()
    signals = haim_published.wanted_codes(codes)
    kinds = (NOTE, IMAGE, BIRTH, *haim_published.KINDS.values())
    events = run.store.events(samples["subject_id"].unique().to_list())
    wanted = pl.col("code").is_in(signals["code"].to_list()) | pl.any_horizontal(code_is(kind) for kind in kinds)
    keys = haim_published.keys_of(samples, stays(events, required=False))
    events = events.filter(wanted).collect().lazy()
    films = haim_films.leaky_films(run, events, keys)
    write_frame(stage.path(haim_films.FOLDER) / f"{index:05d}.parquet", films)  # before the shard, as its mark
    blocks = {"demographics": haim_published.leaky_demographics(events, keys, codes)}
    blocks |= haim_published.leaky_series(events, keys, signals)
    blocks |= _note_blocks(run, events, keys)
    named = {block: frame.rename(lambda name: f"{PREFIX}{name}") for block, frame in blocks.items()}
    return with_ids(keys["sample_id"].to_list(), named)


def _note_blocks(run: Run, events: pl.LazyFrame, keys: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Return the note embeddings, one block for each kind of note."""
    from xhaim.predict.encoder import token_counter  # it brings torch

    counted, encoder = token_counter(run.settings.encoder.name), run.settings.retrieve.encoder
    marks = counted("")
    kept = run.engine == "local" and os.environ.get(SWITCH, "").lower() != "off"
    vectors = Vectors(encoder, EmbeddingCache(run.store.path / FILE, load_encoder(encoder).name) if kept else None)

    @cache
    def split(text: str) -> tuple[str, ...]:
        cut = haim_notes.pieces(text, lambda part: counted(part) - marks, WORD_PIECES)
        return tuple(" ".join(piece.split()) for piece in cut)

    notes = documents(haim_published.leaky_notes(events, keys))
    admitted = dict(keys.select("sample_id", pl.coalesce("admittime", "intime")).iter_rows())
    blocks = {}
    for kind in NOTE_KINDS:
        of_kind = {one: [note for note in notes.get(one, ()) if is_of_kind(note, kind)] for one in admitted}
        rows = [haim_notes.mean_vector(mine, admitted[one], split, vectors) for one, mine in of_kind.items()]
        names = [f"{kind} notes, {i}" for i in range(rows[0].size)]
        blocks[f"{kind}_notes"] = pl.DataFrame(np.stack(rows), schema=names)
    if vectors.cache:
        vectors.cache.close()
    return blocks
