"""What a model must beat to have learned anything: the last label carried forward, keywords, a bag of words."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from xhaim.events import IMAGE_LABEL
from xhaim.run.context import Run
from xhaim.run.directory import Stage
from xhaim.run.known import Known
from xhaim.run.people import SplitRows
from xhaim.task import FindingLabel, Task

BASELINES = ("prevalence", "keywords", "bag_of_words", "carry_forward")
"""Always beside the systems; the last for findings alone."""


def scores(run: Run, known: Stage, concepts: Stage, task: Task, rows: SplitRows) -> dict[str, NDArray[np.float64]]:
    """Return baseline -> a score for every labelled sample, higher for the positive answer; fitted on train alone."""
    base = float(rows.labels[rows.train].mean())
    found = {
        "prevalence": np.full(len(rows.ids), base),
        "keywords": _keywords(concepts, task, rows, base),
        "bag_of_words": _bag_of_words(known, rows),
    }
    if isinstance(task.label, FindingLabel):
        found["carry_forward"] = _carry_forward(known, task.label.finding, rows, base)
    return found


def _keywords(concepts: Stage, task: Task, rows: SplitRows, base: float) -> NDArray[np.float64]:
    """Whether the newest mention of the task's first concept in the evidence affirms it; never said: the base rate."""
    column = f"concepts|{task.concepts[0].name}, last said"
    asked = pl.DataFrame({"sample_id": rows.ids})
    frame = asked.join(concepts.frame().select("sample_id", column), "sample_id", how="left", maintain_order="left")
    said = frame[column].fill_nan(None).cast(pl.Float64).to_numpy()
    return np.where(np.isnan(said), base, 0.5 + said / 2)


def _carry_forward(known: Stage, finding: str, rows: SplitRows, base: float) -> NDArray[np.float64]:
    """CheXpert's label of the newest earlier study whose report was known; none: the base rate."""
    earlier = (
        pl.concat([pl.read_parquet(path) for path in known.shards()])
        .filter(pl.col("code") == f"{IMAGE_LABEL}//{finding}")
        .sort("sample_id", "time", "numeric_value")
        .group_by("sample_id", maintain_order=True)
        .agg(pl.col("numeric_value").last().replace(-1.0, 0.5).cast(pl.Float64).alias("last"))
    )
    frame = pl.DataFrame({"sample_id": rows.ids}).join(earlier, on="sample_id", how="left", maintain_order="left")
    return frame["last"].fill_null(base).to_numpy()


def _bag_of_words(known: Stage, rows: SplitRows) -> NDArray[np.float64]:
    """Logistic regression on the words of everything admissible."""
    texts: dict[str, str] = {}
    for path in known.shards():
        texts |= {
            sample_id: "\n".join(document.text for document in documents)
            for sample_id, documents in Known.read(path).documents.items()
        }
    corpus = [texts.get(sample_id, "") for sample_id in rows.ids]
    words = TfidfVectorizer(min_df=2, max_features=20_000, sublinear_tf=True)
    model = make_pipeline(words, LogisticRegression(max_iter=1000, class_weight="balanced"))
    try:
        model.fit([corpus[i] for i in rows.train], rows.labels[rows.train])
    except ValueError:  # no words at all: the baseline knows nothing
        return np.full(len(corpus), float(rows.labels[rows.train].mean()))
    probabilities: NDArray[np.float64] = model.predict_proba(corpus)[:, 1]
    return probabilities
