"""HAIM on what was known, and HAIM as published, of the same few patients in a store by hand."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from datetime import datetime, timedelta
from importlib.resources import files
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image
from scipy.special import expit
from tiny_run import tiny_encoder

from xhaim.cohort.samples import SAMPLE_SCHEMA
from xhaim.config import EncoderSettings, RetrieveSettings, RunSettings
from xhaim.events import CHEXPERT_FINDINGS, EVENT_SCHEMA
from xhaim.predict.columns import check_features
from xhaim.predict.image_reader import fit_image_reader
from xhaim.records import Features
from xhaim.run import image_readings
from xhaim.run.context import Run
from xhaim.run.directory import RunDirectory, write_json
from xhaim.run.haim_numbers import haim_features, store_haim, without_block
from xhaim.run.haim_published import PREFIX, haim_published_features, store_haim_published
from xhaim.run.image_numbers import read_images, store_images
from xhaim.run.image_readings import READER, held_out_reader, with_images
from xhaim.run.known import store_known
from xhaim.run.numbers import with_block
from xhaim.run.people import People, SplitRows
from xhaim.run.vectors import Vectors, embed_documents
from xhaim.run.watch import Quiet
from xhaim.source.store import Store
from xhaim.source.write import write_metadata, write_shard
from xhaim.task import load_task

START = datetime(2150, 1, 1)
T = START + timedelta(hours=36)
N = 12
WIDTH = 32
REPORT = "the heart is enlarged"


def hours(count):
    return START + timedelta(hours=count)


def rows_of(subject):
    own = {"subject_id": subject, "hadm_id": 100 + subject}
    stay = {**own, "stay_id": 10 + subject}
    yield {**own, "code": "HOSPITAL_ADMISSION//URGENT", "time": START}
    yield {**stay, "code": "ICU_ADMISSION//MICU", "time": START}
    yield {**stay, "code": "ICU_DISCHARGE//MICU", "time": hours(96)}
    yield {**own, "code": "HOSPITAL_DISCHARGE//HOME", "time": hours(120)}
    yield {**own, "code": "LAB//50912//mg/dL", "numeric_value": 2.0, "unit": "mg/dL", "time": hours(10)}
    late = {"time": hours(35), "known_at": hours(40)}
    yield {**own, "code": "LAB//50912//mg/dL", "numeric_value": 9.0, "unit": "mg/dL", **late}
    report = {"code": "NOTE//radiology", "text_value": REPORT, "source": f"n#{subject}", "study_id": 1000 + subject}
    yield {**own, **report, "time": T, "known_at": hours(38)}
    films = [(0, 36.0, 1000)] if subject == 0 else [(0, 1.0, 500), (1, 36.0, 1000 + subject), (2, 60.0, 600)]
    for n, when, study in films:  # listed by study: of most subjects those of hours 1, 60 and 36
        named = {"source": f"cxr#{subject}-{n}", "image_path": f"{subject}-{n}.png", "study_id": study}
        yield {**named, "subject_id": subject, "code": "IMAGE//CXR", "title": "AP", "time": hours(when)}


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    root = tmp_path_factory.mktemp("haim")
    encoder = str(tiny_encoder(root / "encoder"))
    events = [row for subject in range(N) for row in rows_of(subject)]
    full = [{name: {"known_at": row["time"], **row}.get(name) for name in EVENT_SCHEMA} for row in events]
    frame = pl.DataFrame(full, schema=EVENT_SCHEMA)
    (root / "store").mkdir()
    write_shard(root / "store", 0, frame)
    codes = frame.select(pl.col("code").unique()).with_columns(description=pl.lit(None, pl.String))
    write_metadata(root / "store", "By hand", "1", codes)
    info = {"layout": 1, "fingerprint": "x", "simulated": True, "truth": None, "image_root": str(root / "images")}
    write_json(root / "store" / "ingest.json", info)
    (root / "images").mkdir()
    rng = np.random.default_rng(0)
    for name in frame["image_path"].drop_nulls():
        Image.fromarray(rng.integers(0, 255, (64, 64), dtype=np.uint8)).save(root / "images" / name)
    settings = RunSettings(
        tasks=("pleural_effusion",),
        retrieve=RetrieveSettings(encoder=encoder),
        encoder=EncoderSettings(name=encoder, folds=2),
        shard_size=5,
    )
    write_json(root / "run" / "manifest.json", {"layout": 1})
    tasks = (load_task("pleural_effusion"),)
    return Run(RunDirectory(root / "run"), Store.open(root / "store"), settings, tasks, Quiet())


@pytest.fixture(scope="module")
def people() -> People:
    rows = [
        {
            "sample_id": f"{10 + subject}-x",
            "subject_id": subject,
            "hadm_id": 100 + subject,
            "stay_id": 10 + subject,
            "prediction_time": T,
            "index_study_id": 1000 + subject,
            "index_image_id": f"cxr#{subject}-{0 if subject == 0 else 1}",
        }
        for subject in range(N)
    ]
    return People("key", pl.DataFrame(rows, schema=SAMPLE_SCHEMA).sort("sample_id"), pl.DataFrame(), {}, {})


@pytest.fixture(scope="module")
def rows(people) -> SplitRows:
    place = np.arange(N)
    labels = (place % 2).astype(np.int8)
    return SplitRows(people.samples["sample_id"].to_list(), labels, place, place[:8], place[8:10], place[10:])


@pytest.fixture(scope="module")
def published(run, people):
    return store_haim_published(run, people)


@pytest.fixture(scope="module")
def images(run, people):
    known = store_known(run, people)["prior_only"]
    return store_images(run, people, known)


def block(features, name):
    start, end = features.blocks[name]
    return features.values[:, start:end]


def value(features, name):
    return features.values[:, features.names.index(name)]


def test_the_eleven_sources_have_their_widths_and_say_whose_they_are(published, images, rows):
    found = haim_published_features(published, images, rows, lambda films, _: np.zeros((len(films), 14)), finding=False)
    check_features(found)
    assert {name: end - start for name, (start, end) in found.blocks.items()} == {
        "demographics": 6, "chart": 99, "lab": 242, "procedure": 110, "index_image_dense": 1024,
        "all_images_dense": 1024, "index_image_readings": 14, "all_images_readings": 14,
        "ecg_notes": WIDTH, "echo_notes": WIDTH, "radiology_notes": WIDTH,
    }  # fmt: skip
    assert all(name.startswith(PREFIX) for name in found.names)
    assert not np.isnan(np.delete(found.values, found.names.index(f"{PREFIX}age"), axis=1)).any()
    assert "LEAKY" in published.folder.name


def test_a_finding_has_no_radiology_notes_and_no_images_no_image_blocks(published, images, rows):
    found = haim_published_features(published, images, rows, None, finding=True)
    assert "radiology_notes" not in found.blocks
    assert "index_image_dense" in found.blocks
    assert "index_image_readings" not in found.blocks
    check_features(found)
    assert len(haim_published_features(published, None, rows, None, finding=False).blocks) == 7


def test_what_was_stored_after_the_prediction_time_is_in_haim_published_and_not_in_haim(run, people, published, rows):
    known = store_known(run, people)
    haim = store_haim(run, people, known["prior_only"], embed_documents(run, people, known))
    leaky = haim_published_features(published, None, rows, None, finding=False)
    honest = haim_features(haim, rows.ids, leaky)
    assert value(leaky, f"{PREFIX}creatinine, max").tolist() == [9.0] * N
    assert value(honest, "Creatinine, max").tolist() == [2.0] * N
    vectors = Vectors(run.settings.retrieve.encoder)
    assert block(leaky, "radiology_notes") == pytest.approx(np.repeat(vectors([REPORT]), N, axis=0), abs=1e-3)
    assert block(leaky, "ecg_notes") == pytest.approx(np.repeat(vectors([""]), N, axis=0), abs=1e-3)
    assert not block(honest, "radiology_notes").any()
    assert not any(name.startswith(PREFIX) for name in honest.names)


def test_the_mean_of_all_images_takes_films_of_the_future_with_the_times_of_others(published, images, rows):
    def read(films, at):  # says which row asked, and one grey value
        return np.stack([at, films[:, 7, 7] / 255, *[np.full(len(at), np.nan)] * 12], axis=1).astype(np.float32)

    found = haim_published_features(published, images, rows, read, finding=False)
    pixels, _ = read_images(images, rows.ids)
    index, mean = block(found, "index_image_readings"), block(found, "all_images_readings")
    assert index[:, 0] == pytest.approx(expit(np.arange(N)))
    assert (index[:, 2:] == 0.5).all()
    assert not mean[0].any()  # one film: no weights
    assert not block(found, "all_images_dense")[0].any()
    films = pl.concat([pl.read_parquet(path) for path in (published.folder / "films").glob("*.parquet")])
    one = films.filter(pl.col("sample_id") == rows.ids[1])
    assert one["weight"].to_list() == [0.0, 1.0]
    future = np.asarray(Image.open(published.folder.parents[1] / "images" / "1-2.png"))  # of hour 60, for that of 36
    assert (np.frombuffer(one["pixels"][1], np.uint8) == future.ravel()).all()
    assert mean[1, :2] == pytest.approx(expit([1.0, future[7, 7] / 255]), abs=1e-6)
    assert index[1, 1] == pytest.approx(expit(pixels[1, 7, 7] / 255), abs=1e-6)


def test_a_shard_that_is_lost_comes_back_with_the_same_bytes(run, people, published):
    def bytes_of():
        return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in published.folder.rglob("*.parquet")}

    before = bytes_of()
    assert len(published.shards()) == 3
    published.shard(1).unlink()
    store_haim_published(run, people)
    assert bytes_of() == before


def reader_of_eight(pixels, path):
    """A reader of 40 images, kept as if only the first eight had been the training rows."""
    n = 44
    many = np.random.default_rng(1).integers(0, 255, (n, 64, 64), dtype=np.uint8)
    many[:N] = pixels
    labels = np.full((n, len(CHEXPERT_FINDINGS)), np.nan, np.float32)
    labels[:, 1] = np.arange(n) % 2
    train = np.r_[np.arange(8), np.arange(N, n)]
    reader = fit_image_reader(many, labels, np.arange(n), train, EncoderSettings(folds=2))
    own = type(reader)(reader.out_of_fold[:8], reader.folds[:8], reader.read_findings, reader.networks)
    own.save(path)
    return reader


def test_an_image_of_a_training_subject_is_read_by_the_network_that_never_saw_it(images, rows, tmp_path):
    pixels, _ = read_images(images, rows.ids)
    reader = reader_of_eight(pixels, tmp_path / "own")
    read = held_out_reader(tmp_path / "own", rows)
    found = read(pixels, np.arange(N))
    assert found[:8, 1].tolist() == reader.out_of_fold[:8, 1].tolist()
    assert found[8:, 1] == pytest.approx(reader.read(pixels[8:])[:, 1])
    assert np.abs(found[:8, 1] - reader.read(pixels[:8])[:, 1]).min() > 0
    assert np.isnan(found[:, 0]).all()
    assert held_out_reader(tmp_path / "none", rows) is None


def test_images_are_read_once_and_what_was_read_is_kept(run, images, rows, tmp_path, monkeypatch):
    pixels, _ = read_images(images, rows.ids)
    reader = reader_of_eight(pixels, tmp_path / READER)
    bare = Features(tuple(rows.ids), {}, np.zeros((N, 1), np.float32), ("x",), {"tabular": (0, 1)})
    first = with_images(run, bare, images, rows, tmp_path)
    assert list(first.blocks) == ["tabular", "image", "earlier_image"]
    start, _ = first.blocks["image"]
    assert first.values[:8, start + 1].tolist() == reader.out_of_fold[:8, 1].tolist()
    monkeypatch.setattr(image_readings, "read_images", None)
    again = with_images(run, bare, images, rows, tmp_path)
    assert (again.names, again.blocks) == (first.names, first.blocks)
    assert np.array_equal(again.values, first.values, equal_nan=True)
    with pytest.raises(TypeError):  # of other samples nothing is kept
        with_images(run, bare, images, replace(rows, ids=rows.ids[::-1]), tmp_path)


def test_the_image_readings_of_xhaim_are_taken_over_and_a_block_can_be_left_out(run, people, rows):
    known = store_known(run, people)
    haim = store_haim(run, people, known["prior_only"], embed_documents(run, people, known))
    nothing = Features(tuple(rows.ids), {}, np.zeros((N, 0), np.float32), (), {})
    assert "image" not in haim_features(haim, rows.ids, nothing).blocks
    theirs = haim_features(haim, rows.ids, with_block(nothing, "image", ("a",), np.full((N, 1), np.nan)))
    assert block(theirs, "image").tolist() == [[0.0]] * N
    less = without_block(theirs, "lab")
    check_features(less)
    assert "lab" not in less.blocks
    assert (block(less, "procedure") == block(theirs, "procedure")).all()


def test_nothing_but_the_baseline_reads_what_is_leaky():
    root = Path(str(files("xhaim")))
    leaky = re.compile(r"^\s*(?:from xhaim\.modality import .*haim_published|.*modality\.haim_published)", re.MULTILINE)
    readers = {str(path.relative_to(root)) for path in root.rglob("*.py") if leaky.search(path.read_text())}
    assert readers - {"modality/haim_published.py"} == {"run/haim_films.py", "run/haim_published.py"}
