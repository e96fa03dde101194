"""Which sentence is the wrong one: what is learnt, probabilities for any text, and files that are no ranker."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xhaim.errors import DataError
from xhaim.verify.wrong_sentence import SHAPE, Penalties, Ranker, learn

VIGNETTES = [
    ["A 40-year-old man comes to the physician.", "He has had a cough for 3 days.", f"Suspected of {name}."]
    for name in ("asthma", "gout", "measles", "anthrax")
] + [
    ["A woman comes to the physician.", f"Patient is diagnosed with {name}.", "Her pulse is 80/min.", "She smokes."]
    for name in ("asthma", "gout", "mumps", "sepsis")
]
WRONG = [2] * 4 + [1] * 4


@pytest.fixture(scope="module")
def ranker() -> Ranker:
    return learn(VIGNETTES, WRONG)


def test_learns_how_wrong_sentences_are_worded_and_not_only_where_they_stand(ranker: Ranker) -> None:
    new = ["Patient is diagnosed with cholera.", "He comes to the physician.", "His pulse is 90/min.", "He smokes."]
    assert int(np.argmax(ranker.rank(new))) == 0


def test_place_alone_is_learnt_where_words_may_not_count() -> None:
    last = [["One thing is so.", "Another thing is so.", "A third thing is so."]] * 5
    by_place = learn(last, [2] * 5, Penalties(words=1e6, shape=1.0))
    assert int(np.argmax(by_place.rank(["Zebra.", "Yak.", "Xerus.", "Wombat."]))) == 3


def test_weights_are_at_the_minimum_of_the_penalised_likelihood(ranker: Ranker) -> None:
    """Oracle: moving any weight a little, the loss as its definition says it grows."""

    def loss(one: Ranker) -> float:
        data = -sum(np.log(one.rank(text)[at]) for text, at in zip(VIGNETTES, WRONG, strict=True))
        penalties = Penalties()
        return float(
            data
            + 0.5 * penalties.words * sum(weight**2 for _, weight in one.terms.values())
            + 0.5 * penalties.shape * sum(weight**2 for *_, weight in one.shape)
        )

    best = loss(ranker)
    for term in ("suspected of", "diagnosed", "physician"):
        for step in (-0.05, 0.05):
            idf, weight = ranker.terms[term]
            assert loss(Ranker({**ranker.terms, term: (idf, weight + step)}, ranker.shape)) > best
    for at in range(len(SHAPE)):
        for step in (-0.05, 0.05):
            shape = list(ranker.shape)
            shape[at] = (*shape[at][:2], shape[at][2] + step)
            assert loss(Ranker(ranker.terms, tuple(shape))) > best


def test_same_ranks_for_any_order_of_the_training_texts(ranker: Ranker) -> None:
    turned = learn(VIGNETTES[::-1], WRONG[::-1])
    assert turned.rank(VIGNETTES[0]) == pytest.approx(ranker.rank(VIGNETTES[0]), abs=1e-4)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(max_size=60), max_size=8))
def test_any_text_gets_probabilities_that_sum_to_one(ranker: Ranker, text: list[str]) -> None:
    chances = ranker.rank(text)
    assert chances.shape == (len(text),)
    assert np.isfinite(chances).all()
    assert chances.sum() == pytest.approx(1.0 if text else 0.0)


def test_a_huge_sentence_does_not_hang(ranker: Ranker) -> None:
    chances = ranker.rank(["(" * 200_000, "Suspected of gout."])
    assert int(np.argmax(chances)) == 1


def test_a_saved_ranker_ranks_the_same(ranker: Ranker, tmp_path: Path) -> None:
    ranker.save(tmp_path / "ranker.json")
    loaded = Ranker.load(tmp_path / "ranker.json")
    for text in VIGNETTES:
        assert loaded.rank(text) == pytest.approx(ranker.rank(text), abs=1e-4)


@pytest.mark.parametrize("wrong", [[3], [-1]])
def test_a_wrong_sentence_outside_its_text_is_refused(wrong: list[int]) -> None:
    with pytest.raises(ValueError, match="wrong sentence"):
        learn([["One.", "Two.", "Three."]], wrong)


def test_no_text_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        learn([], [])


def _broken(change: str) -> str:
    good = {
        "format": "xhaim wrong sentence 1",
        "shape": {name: [0.0, 1.0, 0.0] for name in SHAPE},
        "terms": {"a": [1.0, 0.5]},
    }
    if change == "deviation":
        good["shape"]["last"] = [0.0, 0.0, 1.0]  # type: ignore[index]
    elif change == "not finite":
        good["terms"]["a"] = [1.0, float("inf")]  # type: ignore[index]
    elif change == "columns":
        good["shape"].pop("last")  # type: ignore[attr-defined]
    elif change == "format":
        good["format"] = "another"
    elif change == "terms":
        good["terms"] = ["a"]
    elif change == "three numbers":
        good["terms"]["a"] = [1.0, 2.0, 3.0]  # type: ignore[index]
    return json.dumps(good)


def test_the_file_that_the_next_test_breaks_is_whole(tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text(_broken("nothing"))
    assert Ranker.load(tmp_path / "r.json").terms == {"a": (1.0, 0.5)}


@pytest.mark.parametrize("change", ["deviation", "not finite", "columns", "format", "terms", "three numbers"])
def test_a_file_that_is_no_ranker_is_told(tmp_path: Path, change: str) -> None:
    (tmp_path / "r.json").write_text(_broken(change))
    with pytest.raises(DataError, match="no ranker of wrong sentences"):
        Ranker.load(tmp_path / "r.json")


@pytest.mark.parametrize("data", [b"", b"[]", b"\xff\xfe", b"[" * 100_000, b"null"])
def test_bytes_that_are_no_json_object_are_told(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "r.json").write_bytes(data)
    with pytest.raises(DataError, match="no ranker of wrong sentences"):
        Ranker.load(tmp_path / "r.json")


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no ranker of wrong sentences"):
        Ranker.load(tmp_path / "absent.json")
