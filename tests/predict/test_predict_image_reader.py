import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from xhaim.config import EncoderSettings
from xhaim.errors import DataError
from xhaim.events import CHEXPERT_FINDINGS
from xhaim.predict import image_reader as module
from xhaim.predict.image_reader import ImageReader, fit_image_reader

EFFUSION = CHEXPERT_FINDINGS.index("Pleural Effusion")
CARDIOMEGALY = CHEXPERT_FINDINGS.index("Cardiomegaly")
SETTINGS = EncoderSettings(folds=2)


def chests(n=120, seed=0, side=80):
    """Noise with a bright lower corner for an effusion; cardiomegaly is rare, all else unknown."""
    generator = np.random.default_rng(seed)
    effusion = generator.random(n) < 0.5
    images = generator.normal(90, 25, size=(n, side, side))
    images[:, side // 3 :, side // 3 : 2 * side // 3] += 40
    images[effusion, -side // 4 :, -side // 3 :] += 60
    labels = np.full((n, 14), np.nan, dtype=np.float32)
    labels[:, EFFUSION] = effusion
    labels[generator.random(n) < 0.2, EFFUSION] = np.nan
    labels[:, CARDIOMEGALY] = np.arange(n) < 9
    return np.clip(images, 0, 255).astype(np.uint8), labels, effusion, np.arange(n) // 2


@pytest.fixture(scope="module")
def fitted():
    images, labels, effusion, subjects = chests()
    train = np.arange(90)
    return images, labels, effusion, subjects, train, fit_image_reader(images, labels, subjects, train, SETTINGS)


def test_a_finding_is_read_out_of_fold_and_in_new_images(fitted):
    images, _, effusion, _, train, reader = fitted
    assert reader.out_of_fold.shape == (90, 14)
    assert roc_auc_score(effusion[train], reader.out_of_fold[:, EFFUSION]) > 0.85
    found = reader.read(images[90:])
    assert found.shape == (30, 14)
    assert found.dtype == np.float32
    assert roc_auc_score(effusion[90:], found[:, EFFUSION]) > 0.85


def test_findings_with_too_few_images_of_a_class_are_not_read(fitted):
    images, *_, reader = fitted
    assert np.flatnonzero(reader.read_findings).tolist() == [EFFUSION]
    unread = ~reader.read_findings
    assert np.isnan(reader.out_of_fold[:, unread]).all()
    assert np.isnan(reader.read(images[:3])[:, unread]).all()


def test_the_network_is_small(fitted):
    network = fitted[-1].networks[0]
    assert sum(parameter.numel() for parameter in network.parameters()) < 100_000


def test_saved_and_loaded_it_reads_the_same(fitted, tmp_path):
    images, *_, reader = fitted
    reader.save(tmp_path / "reader.safetensors")
    loaded = ImageReader.load(tmp_path / "reader.safetensors")
    assert np.array_equal(loaded.read(images), reader.read(images), equal_nan=True)
    assert np.array_equal(loaded.out_of_fold, reader.out_of_fold, equal_nan=True)
    (tmp_path / "reader.safetensors").write_bytes(b"not weights")
    with pytest.raises(DataError, match="no image reader"):
        ImageReader.load(tmp_path / "reader.safetensors")


def test_a_reading_is_a_function_of_its_image_alone(fitted):
    images, *_, reader = fitted
    assert np.array_equal(reader.read(images[5:6])[0], reader.read(images)[5], equal_nan=True)
    assert reader.read(images[:0]).shape == (0, 14)


def test_fitting_repeats_and_looks_at_training_rows_only(monkeypatch):
    monkeypatch.setattr(module, "EPOCHS", 2)
    images, labels, _, subjects = chests(60)
    train = np.arange(40)
    first = fit_image_reader(images, labels, subjects, train, SETTINGS)
    images[40:], labels[40:] = 0, 1
    torch.manual_seed(9)
    again = fit_image_reader(images, labels, subjects, train, SETTINGS)
    assert np.array_equal(first.out_of_fold, again.out_of_fold, equal_nan=True)


def test_random_labels_are_memorised_in_sample_but_not_read_out_of_fold(monkeypatch):
    monkeypatch.setattr(module, "EPOCHS", 30)
    monkeypatch.setattr(module, "_SHIFT", 0)
    _, labels, _, subjects = chests(60)
    labels[:, EFFUSION] = np.random.default_rng(1).integers(0, 2, 60)
    images = np.random.default_rng(2).integers(0, 255, size=(60, 64, 64)).astype(np.uint8)
    reader = fit_image_reader(images, labels, subjects, np.arange(60), SETTINGS)
    seen = np.mean([module._logits(network, module._prepare(images)) for network in reader.networks], axis=0)
    assert roc_auc_score(labels[:, EFFUSION], seen[:, EFFUSION]) > 0.75
    assert abs(roc_auc_score(labels[:, EFFUSION], reader.out_of_fold[:, EFFUSION]) - 0.5) < 0.2


def test_what_cannot_be_fitted_says_so():
    images, labels, _, subjects = chests(30)
    with pytest.raises(DataError, match="do not fit"):
        fit_image_reader(images.astype(np.float32), labels, subjects, np.arange(30), SETTINGS)
    with pytest.raises(DataError, match="too few"):
        fit_image_reader(images, np.full_like(labels, np.nan), subjects, np.arange(30), SETTINGS)
