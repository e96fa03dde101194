import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from xhaim.predict.vocabulary import Vocabulary

TEXTS = (
    "No pleural effusion. The heart is large.",
    "Small pleural effusion on the left. No edema.",
    "No pleural effusion, no edema. Possible pneumonia.",
    "Large pleural effusion. Possible pneumonia.",
    "The heart is large. Possible pneumonia is seen. No pleural effusion.",
    "",
)


def test_a_denied_word_is_another_word_than_an_affirmed_one(monkeypatch):
    monkeypatch.setattr("xhaim.predict.vocabulary.FEWEST", 2)
    vocabulary = Vocabulary.of(TEXTS)
    assert {"effusion", "effusion, denied", "pleural effusion, denied", "pneumonia, uncertain"} <= set(vocabulary.names)
    found = vocabulary.matrix(TEXTS)
    column = {name: found[:, at] > 0 for at, name in enumerate(vocabulary.names)}
    assert column["effusion"].tolist() == [False, True, False, True, False, False]
    assert column["pleural effusion, denied"].tolist() == [True, False, True, False, True, False]
    assert column["edema, denied"].tolist() == [False, True, True, False, False, False]


def test_rows_are_the_weights_of_scikit_learn(monkeypatch):
    monkeypatch.setattr("xhaim.predict.vocabulary.FEWEST", 1)
    texts = ["heart heart lungs", "lungs clear", "heart clear clear"]
    vocabulary = Vocabulary.of(texts)
    peer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True).fit(texts)
    order = [list(peer.get_feature_names_out()).index(name) for name in vocabulary.names]
    assert np.allclose(vocabulary.matrix(texts), peer.transform(texts).toarray()[:, order])
    assert np.allclose(np.linalg.norm(vocabulary.matrix(texts), axis=1), 1)


def test_rare_words_and_new_ones_are_no_columns():
    vocabulary = Vocabulary.of(["edema", "edema", "edema", "rare", "rare"])
    assert vocabulary.terms == ("edema",)
    assert vocabulary.matrix(["rare newword", ""]).tolist() == [[0], [0]]


def test_only_the_most_frequent_terms_are_kept_whatever_the_order_of_texts(monkeypatch):
    monkeypatch.setattr("xhaim.predict.vocabulary.MOST", 2)
    texts = ["edema heart", "edema heart", "edema lungs", "lungs heart edema", "lungs"]
    kept = {Vocabulary.of([texts[i] for i in np.random.default_rng(seed).permutation(5)]) for seed in range(6)}
    assert {one.terms for one in kept} == {("edema", "heart")} or {one.terms for one in kept} == {("edema", "lungs")}


@pytest.mark.parametrize("texts", [[], ["", ""], ["one", "two", "three"], ["12 34 !!"] * 5])
def test_no_words_are_no_columns(texts):
    vocabulary = Vocabulary.of(texts)
    assert vocabulary.terms == ()
    assert vocabulary.matrix(["edema", ""]).shape == (2, 0)
