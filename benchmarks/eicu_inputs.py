"""What the members of the eICU benchmark see: blocks of numbers, lines of pick lists, the product's words."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer

from benchmarks.eicu_cohort import Cohort
from xhaim.predict.vocabulary import Vocabulary

Matrix = NDArray[np.float32]
Rows = NDArray[np.int64]

FEWEST = 20
"""Stays that must have a value of a column."""
FEWEST_LINES = 8
"""Training stays that must have a line."""
TEXT, NO_CODE_TEXT, PERMUTED = "text", "text, no code status", "text of another patient"


class Lines:
    """Whole lines as terms: counted once, weighed by the training rows of each fold."""

    def __init__(self, texts: Sequence[str]) -> None:
        count = CountVectorizer(token_pattern=r"[^\n]+", min_df=FEWEST_LINES, dtype=np.float32)
        self._counts = count.fit_transform(texts).tocsr()

    def __call__(self, train: Rows, held: Rows) -> tuple[Matrix, Matrix]:
        """Return the matrices of the training and the held rows, for terms that enough training rows have."""
        frequent = np.flatnonzero(np.asarray((self._counts[train] > 0).sum(axis=0)).ravel() >= FEWEST_LINES)
        weighed_ = TfidfTransformer(sublinear_tf=True).fit(self._counts[train][:, frequent])
        seen, new = (weighed_.transform(self._counts[rows][:, frequent]).toarray() for rows in (train, held))
        return seen.astype(np.float32), new.astype(np.float32)


def words(texts: Sequence[str], train: Rows, held: Rows) -> tuple[Matrix, Matrix]:
    """Return the product's words of the training and the held rows."""
    vocabulary = Vocabulary.of([texts[row] for row in train])
    return vocabulary.matrix([texts[row] for row in train]), vocabulary.matrix([texts[row] for row in held])


class Inputs:
    """The columns of one task's labelled stays."""

    def __init__(self, cohort: Cohort, task: str, seed: int) -> None:
        labelled = np.flatnonzero(cohort.labels[task] >= 0)
        self.labels, self.persons = cohort.labels[task][labelled], cohort.persons[labelled]
        self.apache = cohort.apache[task][labelled]
        blocks = {name: values[labelled] for name, (_, values) in cohort.blocks.items()}
        self.blocks = {name: one[:, np.isfinite(one).sum(axis=0) >= FEWEST] for name, one in blocks.items()}
        said, clean = ([texts[row] for row in labelled] for texts in (cohort.words, cohort.without_code_status()))
        drugs = [cohort.drugs[row] for row in labelled]
        whose = np.random.default_rng(seed).permutation(len(labelled))
        self.texts = {TEXT: said, NO_CODE_TEXT: clean, PERMUTED: [said[row] for row in whose]}
        with_drugs = {name: [f"{a}\n{b}" for a, b in zip(one, drugs, strict=True)] for name, one in self.texts.items()}
        with_drugs[PERMUTED] = [f"{said[row]}\n{drugs[row]}" for row in whose]
        self.lines = {name: Lines(one) for name, one in with_drugs.items()}

    def numbers(self, names: Sequence[str]) -> tuple[Matrix, list[tuple[int, int]]]:
        """Return some blocks side by side, and their column ranges."""
        ends = np.cumsum([0, *(self.blocks[name].shape[1] for name in names)]).tolist()
        return np.hstack([self.blocks[name] for name in names]), list(pairwise(ends))
