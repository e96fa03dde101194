"""The evidence filter on SIMULATED charts, as two more rows of ``benchmarks.ablation``.

    python -m benchmarks.evidence_filter_simulated FOLDER [--train bioasq] [--data FOLDER] [--scratch FOLDER]

FOLDER is one that ``benchmarks.ablation --keep FOLDER`` has filled; the filter is trained on a collection of questions.

In place of the default's score a chunk has the filter's highest probability over the same queries; copies, recency and
the choice of k are the default's, or the first k are shown. ``differs``: recall less the default's, 95 % bootstrap
interval over samples (several are of one patient, so intervals are somewhat too narrow).
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.ablation import COLUMNS, Case, cases, row
from benchmarks.ablation_forms import DEFAULT, Embed, Form, Pool, top
from benchmarks.evidence_filter import Corpus, Score, training
from benchmarks.retrieval_open import COLLECTIONS, Embeddings, interval
from xhaim.records import MODALITIES
from xhaim.retrieve import hybrid
from xhaim.run.demo import demo_settings
from xhaim.run.embedding_cache import FILE, EmbeddingCache
from xhaim.run.known import store_known
from xhaim.run.people import gather
from xhaim.run.pipeline import begin
from xhaim.run.vectors import Vectors, load_encoder
from xhaim.run.watch import Quiet

TASKS = ("pleural_effusion", "cardiomegaly", "pneumonia", "mortality_48h", "los_48h")


@dataclass(frozen=True)
class Filtered(Form):
    """A form whose score is the filter's."""

    score: Score | None = None

    def __call__(self, pool: Pool, embed: Embed, k: int) -> list[str]:
        """Return the ids of the shown chunks, best first."""
        pool = pool.take(self.kept(pool))
        if not pool.chunks or self.score is None:
            return []
        asked = self.queries(pool.task)
        X = Corpus.of(pool.texts, pool.vectors).features(asked, embed(asked))[1]
        odds = np.round(self.score(X.reshape(-1, X.shape[2])).reshape(X.shape[:2]).max(axis=0), 4)
        worth = np.round(odds + self.recency * hybrid.freshness(pool.chunks), 4)
        order = [int(one) for one in np.argsort(-worth, kind="stable")]
        return [pool.chunks[one].chunk_id for one in self.choose(order, pool, k)]


def simulated(folder: Path, scores: Mapping[str, Score], k: int = 10) -> None:
    """Print a table for each task and modality of a folder that ``benchmarks.ablation --keep`` has filled."""
    forms: list[Form] = [DEFAULT]
    for name, score in scores.items():
        chosen = Filtered(name=f"{name}, chosen", score=score)
        forms += [chosen, replace(chosen, name=f"{name}, first k", choose=top)]
    run = begin(folder / "store", demo_settings(TASKS), folder / "run", Quiet())
    people, name = gather(run), run.settings.retrieve.encoder
    vectors = Vectors(name, EmbeddingCache(run.store.path / FILE, load_encoder(name).name))
    found = list(cases(run, people, store_known(run, people), vectors))
    for task in run.tasks:
        for modality in MODALITIES:
            mine = [one for one in found if one.pool.task.id == task.id and one.modality == modality]
            if mine:
                _table(f"SIMULATED, {task.id}, {modality}: {len(mine)} samples", mine, forms, vectors, k)


def _table(title: str, found: Sequence[Case], forms: Sequence[Form], vectors: Vectors, k: int) -> None:
    print(f"\n{title}\n  {'':<30}{''.join(f'{name:>10}' for name in COLUMNS)}   differs")
    base = np.array([one.marked(DEFAULT(one.pool, vectors, k), k).recall for one in found])
    for form in forms:
        marks = [one.marked(form(one.pool, vectors, k), k) for one in found]
        beside = interval(np.array([one.recall for one in marks]) - base)
        print(f"{row(form.name, marks)}   {beside}", flush=True)


def main() -> None:
    """Fit, then print the tables."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("folder", type=Path)
    asked.add_argument("--train", choices=tuple(COLLECTIONS), default="bioasq")
    asked.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[1].parent / "shared" / "data")
    asked.add_argument("--scratch", type=Path, default=Path(tempfile.gettempdir()) / "xhaim-retrieval-open")
    given = asked.parse_args()
    simulated(given.folder, training(COLLECTIONS[given.train](given.data), Embeddings(given.scratch)))


if __name__ == "__main__":
    main()
