"""The hidden-attribute audit of a run: which columns, which attributes, one row for each subject."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from xhaim.evaluate.stress_hidden import LEAST, Hidden, Matrix, audit
from xhaim.modality.tabular import CATEGORIES
from xhaim.run.explainer import Explainer
from xhaim.run.stress_facts import drawn
from xhaim.run.vectors import Vectors

ATTRIBUTES = ("sex", "race", "insurance")
AT_MOST = 1000
"""Subjects, drawn: more change a p of a hundred permutations little and take long."""


def hidden_attributes(explainer: Explainer, permutations: int) -> list[Hidden]:
    """Return what each block of a task's features reveals of each attribute; nothing where there is no tabular block.

    Of sex one category is asked for, of the others each; one that too few have is one row that says so. Texts are read
    by the retrieval encoder as it came: what a fine-tuned encoder keeps of them it has from there.
    """
    features = explainer.features
    if "tabular" not in features.blocks:
        return []
    start, end = features.blocks["tabular"]
    names = features.names[start:end]
    rows = _one_each(features.sample_ids, explainer.rows.subjects)
    tabular = features.values[rows, start:end].astype(np.float64)
    blocks = _blocks(explainer, rows)
    found: list[Hidden] = []
    for attribute in ATTRIBUTES:
        mine = np.array([name.startswith(f"{attribute}: ") for name in names])
        said = ~np.isnan(tabular[:, mine]).any(axis=1)
        if f"{attribute}: UNKNOWN" in names:
            said &= tabular[:, names.index(f"{attribute}: UNKNOWN")] != 1
        asked = [category for category in CATEGORIES[attribute] if category != "UNKNOWN"]
        for category in asked[:1] if attribute == "sex" else asked:
            column = tabular[:, names.index(f"{attribute}: {category}")]
            others = tabular[:, ~mine][said]
            cut = {block: columns[said] for block, columns in blocks.items()}
            if min((column[said] == 1).sum(), (column[said] == 0).sum()) < LEAST:
                cut = {"every block": others}  # one row that says how many there are, instead of one for each block
            found += audit(f"{attribute}: {category}", column[said] == 1, others, cut, permutations=permutations)
    return found


def _one_each(sample_ids: tuple[str, ...], subjects: NDArray[np.int64]) -> NDArray[np.int64]:
    """One sample of each subject, drawn, of at most AT_MOST subjects."""
    drawn_first = sorted(range(len(sample_ids)), key=lambda row: (drawn("audit", sample_ids[row]).random(), row))
    one = pl.DataFrame({"row": drawn_first, "subject": subjects[drawn_first]}).unique("subject", maintain_order=True)
    return one["row"].head(AT_MOST).sort().to_numpy()


def _blocks(explainer: Explainer, rows: NDArray[np.int64]) -> Mapping[str, Matrix]:
    features = explainer.features
    vectors = Vectors(explainer.run.settings.retrieve.encoder)
    found: dict[str, Matrix] = {}
    for modality, texts in features.texts.items():
        mine = [texts[row] for row in rows]
        columns = vectors(mine).astype(np.float64)
        columns[[not text for text in mine]] = 0.0
        found[modality] = columns
    for block, (start, end) in features.blocks.items():
        if block != "tabular":
            found[block] = features.values[rows, start:end].astype(np.float64)
    return found
