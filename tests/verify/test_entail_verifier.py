"""A verifier that is fitted, saved, read back and asked; and what happens to a folder that was changed."""

import hashlib
import json
import random
from dataclasses import dataclass

import numpy as np
import pytest

from xhaim.errors import DataError, PrerequisiteError
from xhaim.text.entailment import support
from xhaim.verify.entail_line import Line, balance
from xhaim.verify.entail_model import MAX_PREMISE, fit
from xhaim.verify.entail_saved import load_verifier, verifier
from xhaim.verify.pairs import Pair

DRUGS = ["aspirin", "heparin", "insulin", "warfarin", "morphine", "ondansetron", "furosemide", "metoprolol"]


@dataclass(frozen=True)
class Hashing:
    """An encoder made here: letters counted by a hash."""

    name: str = "hashing@0/torch/float32"

    def encode(self, texts, progress=None):
        rows = np.zeros((len(texts), 8), dtype=np.float32)
        for at, text in enumerate(texts):
            for word in text.lower().split():
                rows[at, hashlib.sha256(word.encode()).digest()[0] % 8] += 1
        return (rows + 1e-3) / np.linalg.norm(rows + 1e-3, axis=1, keepdims=True)


def pair(at, draw):
    """A claim that is right, wrong by a denial, or of a drug that the evidence does not name."""
    drug, other = draw.sample(DRUGS, 2)
    label = ("entailment", "neutral", "contradiction")[at % 3]
    named = {"entailment": drug, "neutral": other, "contradiction": drug}[label]
    denied = "did not receive" if label == "contradiction" else "received"
    evidence = f"On day {draw.randint(1, 9)} the patient received {drug} without complaint."
    return Pair(str(at), f"The patient {denied} {named}.", evidence, label, drug)


def some(n, seed):
    draw = random.Random(seed)
    return [pair(at, draw) for at in range(n)]


def asked(model, pairs):
    return model.odds([(one.claim, one.evidence) for one in pairs])


@pytest.fixture(scope="module")
def fitted():
    return fit(some(150, 0), Hashing())


def test_it_learns_what_the_evidence_says_and_not_the_claim_alone(fitted):
    found = asked(fitted, some(60, 1)).argmax(axis=1)
    assert (found == np.arange(60) % 3).mean() > 0.9
    held = [Pair(one.pair_id, one.claim, "Nothing was given to him.", one.label, "") for one in some(60, 1)]
    assert (asked(fitted, held).argmax(axis=1) == 0).mean() < 0.2


def test_the_order_of_the_pairs_does_not_matter(fitted):
    mixed = some(150, 0)
    random.Random(5).shuffle(mixed)
    assert fit(mixed, Hashing()).name == fitted.name
    assert fit(some(151, 0), Hashing()).name != fitted.name


def test_probabilities_sum_to_one_and_a_label_that_was_never_seen_is_zero():
    two = fit([one for one in some(150, 0) if one.label != "neutral"])
    found = two.infer("The patient received aspirin.", "The patient received aspirin.")
    assert found.neutral == 0
    assert found.entailment + found.contradiction == pytest.approx(1, abs=2e-4)
    assert found.entailment > 0.5


def test_it_is_an_entailment_model_of_sentences(fitted):
    said = support("The patient did not receive heparin.", ["On day 2 the patient received heparin."], fitted)
    assert said.fault(0.5) == "they say the contrary"
    assert fitted.infer("x" * MAX_PREMISE, "y") is None


def test_what_is_saved_is_what_is_read(tmp_path):
    plain = fit(some(90, 2))
    plain.save(tmp_path / "model")
    again = verifier(str(tmp_path / "model"))
    assert again.name == plain.name
    one = some(3, 9)[2]
    assert again.infer(one.evidence, one.claim) == plain.infer(one.evidence, one.claim)
    said = (tmp_path / "model" / "verifier.json").read_text()
    assert "patient received" not in said
    assert sum(path.stat().st_size for path in (tmp_path / "model").iterdir()) < 200_000


@pytest.mark.parametrize("harm", ["weights", "format", "columns", "gone", "deep", "shape"])
def test_a_folder_that_was_changed_is_refused(tmp_path, harm):
    fit(some(90, 2)).save(tmp_path)
    path = tmp_path / "verifier.json"
    said = json.loads(path.read_text())
    if harm == "weights":
        data = bytearray((tmp_path / "lines.safetensors").read_bytes())
        data[-1] ^= 1
        (tmp_path / "lines.safetensors").write_bytes(data)
    elif harm == "format":
        path.write_text(json.dumps(said | {"format": "another"}))
    elif harm == "columns":
        path.write_text(json.dumps(said | {"columns": said["columns"][::-1]}))
    elif harm == "shape":
        path.write_text(json.dumps(said | {"labels": said["labels"][:2]}))
    elif harm == "gone":
        (tmp_path / "lines.safetensors").unlink()
    else:
        path.write_text("[" * 100_000)
    with pytest.raises(PrerequisiteError, match="no verifier in"):
        load_verifier(tmp_path)


def test_too_little_to_learn_from_is_said():
    with pytest.raises(DataError, match="too few"):
        fit(some(12, 0))
    with pytest.raises(DataError, match="have no label"):
        fit([*some(60, 0), Pair("x", "A.", "B.", None, "")])


def test_a_line_is_that_of_scikit_learn_where_columns_are_taken_as_they_are():
    from sklearn.linear_model import LogisticRegression

    draw = np.random.default_rng(0)
    X, labels = draw.normal(size=(80, 4)).astype(np.float32), draw.integers(0, 3, 80)
    X[:, 0] += labels
    oracle = LogisticRegression(C=0.5, max_iter=500).fit(X, labels, sample_weight=balance(labels))
    line = Line.fit(X, labels, 0.5, ranks=False)
    np.testing.assert_allclose(line.odds(X), oracle.predict_proba(X), atol=1e-5)


def test_ranks_make_a_line_blind_to_the_scale_of_a_column():
    draw = np.random.default_rng(0)
    X, labels = draw.normal(size=(80, 2)).astype(np.float32), draw.integers(0, 2, 80)
    X[:, 0] += labels
    stretched = np.exp(X * 2).astype(np.float32)
    plain, other = Line.fit(X, labels, 0.1, ranks=True), Line.fit(stretched, labels, 0.1, ranks=True)
    np.testing.assert_allclose(plain.odds(X), other.odds(stretched), atol=0.02)
