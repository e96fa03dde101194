"""Opening a store, and its images."""

import json

import numpy as np
import pytest
from PIL import Image
from tiny_mimic import FILES, write_mimic

from xhaim.errors import DataError, PrerequisiteError
from xhaim.source.mimic_iv import MimicIV
from xhaim.source.store import Store


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    root = write_mimic(folder / "mimic")
    image = folder / "mimic" / FILES / "s50000001"
    Image.new("RGB", (4, 3), (255, 0, 0)).save(image / "colour.png")
    (image / "broken.jpg").write_bytes((image / "aa-1.jpg").read_bytes()[:200])
    (image / "text.jpg").write_text("no image")
    Image.new("1", (8_100, 8_100)).save(image / "huge.png")
    Image.new("L", (1, 1)).save(folder / "outside.png")
    (image / "link.png").symlink_to(folder / "outside.png")
    MimicIV().ingest(root, folder / "store")
    return Store.open(folder / "store")


def test_an_image_is_grey_with_its_height_first(store):
    image = store.image("files/p10/p10000001/s50000001/aa-1.jpg")
    assert image.shape == (6, 8)
    assert image.dtype == np.uint8
    assert (image == 77).all()
    assert store.image("files/p10/p10000001/s50000001/colour.png").shape == (3, 4)


@pytest.mark.parametrize(
    "path",
    ["../../outside.png", "/etc/passwd", "files/p10/p10000001/s50000001/link.png", "files/../../../outside.png", ""]
    + [f"files/p10/p10000001/s50000001/{name}" for name in ("broken.jpg", "text.jpg", "none.jpg", "huge.png", "a\0b")],
)
def test_an_image_that_is_outside_missing_or_broken_is_refused(store, path):
    with pytest.raises(DataError):
        store.image(path)


def test_what_is_no_store_is_refused(tmp_path, store):
    with pytest.raises(PrerequisiteError, match="no store"):
        Store.open(tmp_path / "nothing")
    with pytest.raises(PrerequisiteError, match="no store"):
        Store.open(tmp_path)
    (tmp_path / "ingest.json").write_text("{")
    with pytest.raises(DataError, match="not a store"):
        Store.open(tmp_path)
    (tmp_path / "ingest.json").write_text(json.dumps({**store.info, "layout": 0}))
    with pytest.raises(PrerequisiteError, match="another version"):
        Store.open(tmp_path)


def test_what_a_store_says_of_itself(store):
    assert store.simulated is False
    assert store.truth is None
    assert store.fingerprint == store.info["identity"]
    assert store.image_root is not None
    assert store.image_root.name == "mimic-cxr-jpg"
