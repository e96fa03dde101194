"""Stage: images in words. A vision model's description of each sample's image, put beside the documents it may see.

A description is made at the prediction, of images that the guard let through, and is as admissible as they are: it
holds nothing else. That of the index image, which is an input although it was taken at t, is dated just before t, as
the guard dates an indication: so everywhere behind this stage ``known_at < t`` holds for text without an exception.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import TypeAlias

import polars as pl

from xhaim.cohort.samples import as_samples
from xhaim.cohort.times import FRONTAL
from xhaim.config import LanguageModelSettings
from xhaim.errors import BackendError, DataError, PrerequisiteError
from xhaim.events import NOTE
from xhaim.llm.limits import each
from xhaim.llm.pictures import ImagesRefusedError, bounded
from xhaim.llm.privacy import images_stay, is_trusted
from xhaim.ports import LanguageModel
from xhaim.records import Image, ReportPolicy, Sample
from xhaim.run.context import Run
from xhaim.run.directory import Stage
from xhaim.run.known import Known
from xhaim.run.parallel import each_shard
from xhaim.run.people import People
from xhaim.run.words import language_model
from xhaim.summarize.images import Described, Shown, describe
from xhaim.summarize.sight import BlindModelError, must_see

KIND = "image description"
"""Of the document; its modality is ``cxr``, and its doc_id leads to the image: ``image_of``."""
_PREFIX = "image-words:"
_JUST = timedelta(microseconds=1)
IMAGE_WORDS_SCHEMA = {
    "sample_id": pl.String(),
    "image_id": pl.String(),  # null: the sample has no image that could be described
    "image_path": pl.String(),
    "time": pl.Datetime("us"),  # of the image
    "compared_with": pl.List(pl.String()),  # earlier images that were shown, newest first
    "model": pl.String(),
    "text": pl.String(),  # null: nothing was said; reason says why
    "dropped": pl.Int64(),
    "reason": pl.String(),
}
_Row: TypeAlias = dict[str, str | int | datetime | list[str] | None]


def image_of(doc_id: str) -> str | None:
    """Return the id of the image that a document describes; ``None`` for any other document."""
    return doc_id.removeprefix(_PREFIX) if doc_id.startswith(_PREFIX) else None


def with_image_words(run: Run, people: People, known: dict[ReportPolicy, Stage]) -> dict[ReportPolicy, Stage]:
    """Return what was known and the image descriptions beside it, for each policy; without a vision model, ``known``.

    The descriptions go to ``image_words/``, one for each sample, the same under every policy: they hold no report. A
    server that refuses images, or whose model does not see them, is told once, and the run goes on without; so is a
    sample whose image or answer cannot be used, with the reason in its row. Raises PrivacyError where the vision
    model's host is not trusted.
    """
    settings = run.settings.llm.for_images()
    if settings is None or settings.url is None:
        return known
    if not is_trusted(settings.url, settings):
        raise images_stay()
    first = known[run.policies[0]]
    try:
        words = _describe_all(run, people, first, settings)
    except (ImagesRefusedError, BlindModelError) as error:
        run.watch.note(f"no image descriptions: {error.what}; {error.do}")
        return known
    return {policy: _joined(run, policy, stage, words, people) for policy, stage in known.items()}


def _describe_all(run: Run, people: People, known: Stage, settings: LanguageModelSettings) -> Stage:
    key = run.key("image words", people.key, known.key, settings.decisive(), settings.max_images)
    stage = run.directory.stage("image_words", key)
    eyes = replace(run, settings=run.settings.model_copy(update={"llm": settings}))
    model: LanguageModel | None = None

    def work(_: Run, index: int, samples: pl.DataFrame) -> pl.DataFrame:
        nonlocal model
        model = model or seeing(eyes)
        shard = Known.read(known.shard(index))
        todo = [(sample, shard.images.get(sample.sample_id, ())) for sample in as_samples(samples)]
        rows = each(partial(describe_one, run, model), todo, settings.concurrency)
        return pl.DataFrame(rows, schema=IMAGE_WORDS_SCHEMA, orient="row")

    with run.watch.stage("images in words") as progress:  # budgets are of one process
        return each_shard(run.alone, stage, run.shards(people.samples), work, progress)


def seeing(run: Run) -> LanguageModel:
    """Return the model of a run whose ``llm`` is the vision model's. Raises BlindModelError where it does not see."""
    model = language_model(run)
    if model is None:
        raise PrerequisiteError("no vision model is configured", do="set llm.image_model")
    must_see(model)
    return model


def describe_one(run: Run, model: LanguageModel, job: tuple[Sample, Sequence[Image]]) -> _Row:
    """Return a row of IMAGE_WORDS_SCHEMA: what the model says of a sample's image, or why it says nothing."""
    sample, images = job
    chosen = to_describe(sample, images)[: run.settings.llm.max_images]
    if not chosen:
        return _row(sample, chosen, None, "no frontal image was known")
    try:
        shown = _shown(run, chosen)
        found = describe(list(shown.values()), model)
    except ImagesRefusedError:
        raise
    except (BackendError, DataError) as error:
        run.watch.note(f"{sample.sample_id}: no image description, since {error.what}")
        return _row(sample, chosen[:1], None, error.what)
    return _row(sample, list(shown), found, None if found.sentences else "no finding could be judged", model.name)


def _row(
    sample: Sample, images: Sequence[Image], found: Described | None, reason: str | None, model: str | None = None
) -> _Row:
    return {
        "sample_id": sample.sample_id,
        "image_id": images[0].image_id if images else None,
        "image_path": images[0].path if images else None,
        "time": images[0].time if images else None,
        "compared_with": [one.image_id for one in images[1:]],
        "model": model,
        "text": "\n".join(found.sentences) if found and found.sentences else None,
        "dropped": found.dropped if found else 0,
        "reason": reason,
    }


def to_describe(sample: Sample, images: Sequence[Image]) -> list[Image]:
    """Return the image to describe, and the newest frontal one of each earlier study, newest first.

    It is the index image; where the sample has none, the newest frontal one. Raises DataError for an image known at
    or after the prediction time: only the index image, at that time, is an input.
    """
    t = sample.prediction_time
    index = [one for one in images if (one.image_id, one.study_id) == (sample.index_image_id, sample.index_study_id)]
    index = [one for one in index if one.time == t]
    if any(max(one.known_at, one.time) >= t for one in images if one not in index):
        raise DataError("an image known only at or after the prediction was about to be shown to a model")
    frontal = [one for one in images if one.view in FRONTAL and one not in index]
    newest = sorted(frontal, key=lambda one: (one.time, one.image_id, one.path), reverse=True)
    chosen = index[:1] or newest[:1]
    studies = {one.study_id for one in chosen}
    for one in newest:
        if chosen and one not in chosen and one.time < chosen[0].time and one.study_id not in studies:
            chosen.append(one)
            studies.add(one.study_id)
    return chosen


def _shown(run: Run, images: Sequence[Image]) -> dict[Image, Shown]:
    """Read the pixels; an earlier image that cannot be read is left out, the described one cannot be."""
    shown: dict[Image, Shown] = {}
    for one in images:
        try:
            shown[one] = Shown(bounded(run.store.image(one.path)), one.time, one.view)
        except DataError as error:
            if not shown:
                raise
            run.watch.note(f"image left out: {error.what}")
    return shown


def _joined(run: Run, policy: ReportPolicy, known: Stage, words: Stage, people: People) -> Stage:
    """Write what was known under a policy and the descriptions to ``described/<policy>/``."""
    stage = run.policy_stage("described", policy, run.key("described", known.key, words.key))
    with run.watch.stage(f"images in words ({policy})") as progress:
        return each_shard(run, stage, run.shards(people.samples), partial(_beside_shard, known, words), progress)


def _beside_shard(known: Stage, words: Stage, _: Run, index: int, __: pl.DataFrame) -> pl.DataFrame:
    return beside(pl.read_parquet(known.shard(index)), pl.read_parquet(words.shard(index)))


def beside(known: pl.DataFrame, words: pl.DataFrame) -> pl.DataFrame:
    """Return the admissible events of some samples, and a note for each description of one of their images."""
    place = ["sample_id", "source", "image_path", "time"]
    said = words.drop_nulls("text").select(*place[:1], *place[2:], "model", words="text", source="image_id")
    images = known.join(said, on=place, how="inner").unique(place, keep="first", maintain_order=True)
    view = pl.when(pl.col("title").is_in(FRONTAL)).then(pl.format(" ({})", "title")).otherwise(pl.lit(""))
    notes = images.with_columns(
        code=pl.lit(f"{NOTE}//{KIND}"),
        text_value="words",
        title=pl.format("Chest X-ray{}, described by the image model {}, not by a radiologist", view, "model"),
        source=pl.format(_PREFIX + "{}", "source"),
        known_at=pl.min_horizontal("known_at", pl.col("prediction_time") - _JUST),
        image_path=pl.lit(None, pl.String()),
    )
    return pl.concat([known, notes.select(known.columns)])
