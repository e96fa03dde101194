"""Findings read off real chest X-ray reports (Open-I), and predicted from why the film was asked for.

    python -m benchmarks.openi FOLDER [--policies findings ...] [--fine-tune findings] [--keep FOLDER]

FOLDER holds reports.tgz, or the XML files. Labels are MeSH terms given by people who read findings and impression:
with either as input this is *extraction*, only the indication alone is *prediction*. Pneumonia (31 positives) is
reported and not compared. Five folds; reports with the same text are in one fold, and are drawn as one by the
bootstrap. Everything else (vocabularies, C, trees, early stopping, weights of the members) is chosen inside the
training side, by folds of texts. Scores of the five folds are put together as log-odds.

The peer is scikit-learn's TF-IDF of one and two words with logistic regression, C by grouped folds. The fused model is
the product's own: its learners, its words (each with its polarity), its concepts, its fine-tuned encoder, its weights.
``fused`` has the members of the product's settings; ``fused, every word`` two lines more over all one and two words,
plain and with polarity, without the product's cap of 2,000 terms and with the peer's weaker ridges (``openi_words``).

The search, for the record. Looked at before, on folds of the same reports with seeds 0 and 1 (out of fold, AP of
cardiomegaly / effusion / opacity): plain words .957/.726/.704, words with polarity .954/.847/.788, these with
concepts in one line .949/.906/.816, trees over both .965/.875/.821, characters worse everywhere; C = 1 worse than 10,
100 equal. What came of it is in the product (``predict/vocabulary.py``). Two members that saw words beside concepts,
a line and trees, stood in the first tables and went: cardiomegaly .955 where fused had .956, effusion .893 and .894,
opacity .812 and .814. Every word was then looked at for cardiomegaly on folds with seeds 2 and 3, no fine-tuning (AUC /
AP): the peer .9926/.9583 and .9933/.9591, fused .9927/.9572 and .9923/.9543, with every plain word .9930/.9631 and
.9933/.9617, with every word of both kinds .9933/.9635 and .9936/.9622. After the first table (indication,
cardiomegaly) five inner folds became three, for time alone. The encoder is tuned with less than the product's folds,
epochs and layers: see ``openi_views``.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold

from benchmarks.openi_reports import POLICIES, Texts, read_reports, texts_of
from benchmarks.openi_views import FINE_TUNING, concepts, fine_tuned, frozen
from benchmarks.openi_words import plain_words, words_with_polarity
from benchmarks.out_of_fold import Fitted, Outer, member, outer, weighed
from benchmarks.resampled import score, table
from xhaim.config import FusionSettings
from xhaim.predict.encoder import TextEncoder, load_encoder
from xhaim.predict.folds import grouped_folds
from xhaim.predict.vocabulary import Vocabulary

Floats = NDArray[np.float64]
Matrix = NDArray[np.float32]

FOLDS = 5
SETTINGS = FusionSettings(grid="small", folds=3)
PEER = "TF-IDF + logistic (peer)"
FUSED, EVERY = "fused", "fused, every word"
COMPARED = ("cardiomegaly", "effusion", "opacity")


def peer(texts: Texts, y: NDArray[np.int8], train: NDArray[np.int64], held: NDArray[np.int64]) -> Floats:
    """Return the peer's log-odds of the held texts."""
    words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    seen = words.fit_transform([texts.texts[row] for row in train])
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0)
    line = LogisticRegression(solver="liblinear", max_iter=1000)
    search = GridSearchCV(line, {"C": [1.0, 10.0, 100.0]}, scoring="roc_auc", cv=folds)
    search.fit(seen, y[train], groups=texts.groups[train])
    new = words.transform([texts.texts[row] for row in held])
    return np.asarray(search.decision_function(new), dtype=np.float64)


def one_fold(
    texts: Texts, label: str, fold: NDArray[np.bool_], views: Mapping[str, Matrix], known: Matrix,
    encoder: TextEncoder | None, folder: Path,
) -> dict[str, Floats]:  # fmt: skip
    """Return each row's log-odds of the held fold; ``known``: concepts; ``encoder``: to be fine-tuned."""
    y, train, held = texts.labels[label], np.flatnonzero(~fold), np.flatnonzero(fold)
    side = outer(y[train], texts.groups[train], SETTINGS)
    said = [texts.texts[row] for row in train]
    vocabulary = Vocabulary.of(said)
    words, asked = vocabulary.matrix(said), vocabulary.matrix([texts.texts[row] for row in held])
    alone = {name: member("linear", side, view[train], view[held]) for name, view in views.items()}
    alone["words with polarity"] = member("words", side, words, asked)
    alone["concepts, trees"] = member("xgboost", side, known[train], known[held])
    alone["concepts, steps"] = member("steps", side, known[train], known[held])
    fused = [alone["concepts, trees"], alone["concepts, steps"], alone["words with polarity"]]
    if encoder is not None:
        seen, new = fine_tuned(said, y[train], texts.groups[train], [texts.texts[row] for row in held], encoder, folder)
        alone["fine-tuned MiniLM [CLS]"] = member("linear", side, seen, *new)
        fused += [alone["fine-tuned MiniLM [CLS]"], _trees(side, known, (train, held), seen, new)]
    new_texts = [texts.texts[row] for row in held]
    alone["every word, plain"] = plain_words(side, said, new_texts)
    alone["every word, polarity"] = words_with_polarity(side, said, new_texts)
    every = [*fused, alone["every word, plain"], alone["every word, polarity"]]
    rows = {PEER: peer(texts, y, train, held), **{name: one.held for name, one in alone.items()}}
    return rows | {FUSED: weighed(fused, side).held, EVERY: weighed(every, side).held}


def _trees(
    side: Outer, known: Matrix, rows: tuple[NDArray[np.int64], NDArray[np.int64]], seen: Matrix, new: Matrix
) -> Fitted:
    """Fit trees over embeddings and concepts: the paper's own member."""
    train, held = rows
    width = seen.shape[1]
    given = [np.hstack([one, known[held]]) for one in new]
    blocks = [(0, width), (width, width + known.shape[1])]
    return member("xgboost", side, np.hstack([seen, known[train]]), *given, blocks=blocks)


def by_folds(
    texts: Texts, label: str, views: Mapping[str, Matrix], encoder: TextEncoder | None, folder: Path
) -> dict[str, Floats]:
    """Return each row's log-odds of all texts, [n], none by a model that saw a text like it."""
    fold_of = grouped_folds(texts.labels[label], texts.groups, FOLDS, 0)
    known = concepts(label, texts.texts)
    found: dict[str, Floats] = {}
    for fold in range(FOLDS):
        here = fold_of == fold
        for name, margins in one_fold(texts, label, here, views, known, encoder, folder / f"fold-{fold}").items():
            found.setdefault(name, np.zeros(len(here)))[here] = margins
    return found


def run_policy(name: str, texts: Texts, tuned: bool, keep: Path) -> None:
    """Print the tables of one policy."""
    what = "PREDICTION: what was asked, before the film was read" if name == "indication" else (
        "EXTRACTION: the label was made from these very words"
    )  # fmt: skip
    print(f"\n==== {name}. {what}. {len(texts.texts)} reports, {len(set(texts.groups.tolist()))} distinct texts")
    start = time.perf_counter()
    encoder = load_encoder("minilm", FINE_TUNING.trainable_layers, "auto")
    views = frozen(texts.texts, encoder)
    print(f"frozen embeddings: {time.perf_counter() - start:.0f} s", flush=True)
    for label, y in texts.labels.items():
        if label not in COMPARED:
            print(f"\n{label}: {y.sum()} positives: reported, not compared")
        start = time.perf_counter()
        tune = encoder if tuned and label in COMPARED else None
        found = by_folds(texts, label, views, tune, keep / name.replace(" ", "") / label)
        rows = {row: score(y, margins[None], texts.groups) for row, margins in found.items()}
        against = {
            f"{FUSED} - peer": (FUSED, PEER),
            f"{EVERY} - peer": (EVERY, PEER),
            f"{EVERY} - fused": (EVERY, FUSED),
            "words with polarity - peer": ("words with polarity", PEER),
        }
        title = f"{name}: {label}, {y.sum()} of {len(y)}"
        table(title, rows, against if label in COMPARED else {})
        print(f"  ({time.perf_counter() - start:.0f} s)", flush=True)


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path)
    parser.add_argument("--policies", nargs="*", default=list(POLICIES), choices=list(POLICIES))
    parser.add_argument("--fine-tune", nargs="*", default=["findings"], choices=list(POLICIES))
    parser.add_argument("--keep", type=Path, help="where fold encoders stay for the next time")
    given = parser.parse_args()
    torch.set_num_threads(1)
    start = time.perf_counter()
    reports = read_reports(given.path)
    with tempfile.TemporaryDirectory() as scratch:
        for name in given.policies:
            run_policy(name, texts_of(reports, POLICIES[name]), name in given.fine_tune, given.keep or Path(scratch))
    print(f"\nall: {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
