"""Ways to retrieve, for ``benchmarks.ablation``: the product's parts put together anew, one part exchanged at a time.

Options that raised no number are not in the product; they live here, so that the table can be made again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from xhaim.config import RetrieveSettings
from xhaim.records import Chunk
from xhaim.retrieve import hybrid
from xhaim.retrieve.choose import choose
from xhaim.retrieve.copies import copies
from xhaim.retrieve.lexical import bm25, coverage, min_max
from xhaim.retrieve.reading import Reading, read
from xhaim.task import Task
from xhaim.text.elsewhere import bare

Vector = NDArray[np.float64]
Embed = Callable[[Sequence[str]], NDArray[np.float32]]
SETTINGS = RetrieveSettings()

PASSAGES = {
    "pleural_effusion": (
        "Moderate right pleural effusion with blunting of the costophrenic angle and compressive basilar atelectasis.",
        "Dense opacity at the left base with a meniscus, likely layering fluid, which obscures the hemidiaphragm.",
    ),
    "cardiomegaly": (
        "The cardiomediastinal silhouette is enlarged, with a cardiothoracic ratio of more than one half.",
        "Echocardiography shows a dilated left ventricle with a reduced ejection fraction.",
    ),
    "pneumonia": (
        "New airspace opacity in the right lower lobe with air bronchograms, concerning for pneumonia.",
        "Fever, leukocytosis and purulent sputum, treated with antibiotics for pneumonia.",
    ),
    "mortality_48h": (
        "The patient is in refractory shock on several vasopressors with rising lactate and multiorgan failure.",
        "The patient was extubated, weaned off pressors and is improving.",
    ),
    "los_48h": (
        "The patient is on room air, walking, tolerating a diet, and ready to go home.",
        "The patient remains intubated on vasopressors and is worsening.",
    ),
}
"""Hypothetical passages (HyDE): what a note that answers the question could say."""


@dataclass(frozen=True)
class Pool:
    """The chunks of one sample and modality, newest first, with what every form needs to know of them."""

    task: Task
    chunks: tuple[Chunk, ...]
    texts: list[str]
    vectors: NDArray[np.float32]
    readings: list[Reading]

    @classmethod
    def of(cls, task: Task, chunks: Sequence[Chunk], embed: Embed) -> Pool:
        """Prepare a pool."""
        newest = hybrid.newest_first(chunks)
        texts = [" ".join(one.text.split()) for one in newest]
        return cls(task, tuple(newest), texts, embed(texts), [read(one.text, task) for one in newest])

    def take(self, rows: Sequence[int]) -> Pool:
        """Return some of it."""
        return Pool(
            self.task, tuple(self.chunks[at] for at in rows), [self.texts[at] for at in rows],
            self.vectors[list(rows)], [self.readings[at] for at in rows],
        )  # fmt: skip


def terms(task: Task) -> tuple[str, ...]:
    """Every term of a task."""
    return tuple(dict.fromkeys(bare(term) for concept in task.concepts for term in concept.terms))


def joined(task: Task) -> tuple[str, ...]:
    """The paper's: the anchors as one query."""
    return (" ".join(task.anchors),)


def joined_with_terms(task: Task) -> tuple[str, ...]:
    """One query of all anchors and terms: the words that the default has, in the peers' form."""
    return (" ".join([*task.anchors, *task.negated_anchors, *terms(task)]),)


def with_passages(task: Task) -> tuple[str, ...]:
    """Hypothetical passages beside the other queries."""
    return (*hybrid.queries(task), *PASSAGES[task.id])


def with_rationale(task: Task) -> tuple[str, ...]:
    """The question with all that speaks for and against it, as one more query."""
    sides = {way: ", ".join(one.name for one in task.concepts if one.points == way) for way in ("for", "against")}
    return (*hybrid.queries(task), f"{task.question} For it: {sides['for']}. Against it: {sides['against']}.")


def linear(alpha: float, *, weighted: bool) -> Callable[[Vector, Vector, Vector], Vector]:
    """``alpha * BM25 + (1 - alpha) * SBERT``, the best of the queries."""

    def fuse(lexical: Vector, dense: Vector, covered: Vector) -> Vector:
        words = lexical * covered if weighted else lexical
        scores = np.round(alpha * np.round(words, 4) + (1 - alpha) * np.round(dense, 4), 4)
        return np.asarray(scores.max(axis=0), dtype=np.float64)

    return fuse


_DEFAULT_SCORE = linear(SETTINGS.alpha, weighted=True)


def reciprocal_ranks(constant: int) -> Callable[[Vector, Vector, Vector], Vector]:
    """Reciprocal-rank fusion of the best words and the best vectors: too small beside the bonus for new documents."""

    def fuse(lexical: Vector, dense: Vector, covered: Vector) -> Vector:
        total = np.zeros(lexical.shape[1])
        for scores in ((lexical * covered).max(axis=0), dense.max(axis=0)):
            total[np.argsort(-scores, kind="stable")] += 1 / (constant + np.arange(1, len(scores) + 1))
        return total

    return fuse


def top(order: list[int], pool: Pool, k: int) -> list[int]:
    """The first k."""
    return order[:k]


def chosen(order: list[int], pool: Pool, k: int) -> list[int]:
    """As the product chooses."""
    return choose(order, pool.readings, k)


def slots_alone(order: list[int], pool: Pool, k: int) -> list[int]:
    """Places by polarity, each by score: without a look at what is said already."""
    return choose(order, [replace(one, statements=frozenset()) for one in pool.readings], k)


def statements_alone(order: list[int], pool: Pool, k: int) -> list[int]:
    """What is not said already, without places by polarity."""
    return choose(order, [replace(one, side=None) for one in pool.readings], k)


def diverse(order: list[int], pool: Pool, k: int) -> list[int]:
    """Maximal marginal relevance: 0.7 of the rank's worth, less 0.3 of the likeness to what is chosen."""
    worth = {row: 1 - at / len(order) for at, row in enumerate(order)}
    likeness = pool.vectors @ pool.vectors.T
    found: list[int] = []
    left = list(order)
    while left and len(found) < k:
        near = {row: max((float(likeness[row, one]) for one in found), default=0.0) for row in left}
        found.append(max(left, key=lambda row: round(0.7 * worth[row] - 0.3 * near[row], 6)))
        left.remove(found[-1])
    return found


def followed_up(order: list[int], pool: Pool, k: int) -> list[int]:
    """As chosen; then up to two concepts that the record names and no shown chunk does take the last empty places."""
    found = chosen(order, pool, k)
    for at in range(len(pool.task.concepts)):
        naming = [row for row in order if pool.readings[row].says[at] is not None]
        idle = [row for row in found if pool.readings[row].polarity is None]
        if naming and idle and not set(naming) & set(found):
            found[found.index(idle[-1])] = naming[0]
    return found


def no_copies(pool: Pool) -> list[int]:
    """Every row."""
    return list(range(len(pool.chunks)))


def copied_forward(pool: Pool) -> list[int]:
    """Rows that are no copies, as the product tells them: word for word."""
    said = [(reading.says, one.section) for reading, one in zip(pool.readings, pool.chunks, strict=True)]
    return list(copies([one.text for one in pool.chunks], said))


def near_copies(pool: Pool) -> list[int]:
    """Rows of which no newer one is like by cosine, reads alike, and affirms or doubts all that it does."""
    near = np.round(pool.vectors @ pool.vectors.T, 4) >= 0.85
    kept: list[int] = []
    for at, older in enumerate(pool.readings):
        newer = [pool.readings[row] for row in kept if near[at, row]]
        if not any(older.says == one.says and older.findings <= one.findings for one in newer):
            kept.append(at)
    return kept


@dataclass(frozen=True)
class Form:
    """One way to retrieve."""

    name: str
    queries: Callable[[Task], tuple[str, ...]] = hybrid.queries
    fuse: Callable[[Vector, Vector, Vector], Vector] = _DEFAULT_SCORE
    kept: Callable[[Pool], list[int]] = copied_forward
    """The rows that are ranked."""
    recency: float = SETTINGS.recency
    choose: Callable[[list[int], Pool, int], list[int]] = chosen

    def __call__(self, pool: Pool, embed: Embed, k: int) -> list[str]:
        """Return the ids of the shown chunks, best first."""
        pool = pool.take(self.kept(pool))
        if not pool.chunks:
            return []
        asked = self.queries(pool.task)
        dense = np.clip((embed(asked).astype(np.float64) @ pool.vectors.T + 1) / 2, 0, 1)
        lexical = min_max(bm25(asked, pool.texts, SETTINGS.k1, SETTINGS.b))
        scores = self.fuse(lexical, dense, coverage(asked, pool.texts))
        worth = np.round(scores + self.recency * hybrid.freshness(pool.chunks), 4)
        shown = set(self.choose([int(row) for row in np.argsort(-worth, kind="stable")], pool, k))
        return [pool.chunks[int(row)].chunk_id for row in np.argsort(-scores, kind="stable") if int(row) in shown]


def _plain(name: str, alpha: float, queries: Callable[[Task], tuple[str, ...]] = joined) -> Form:
    return Form(name, queries, linear(alpha, weighted=False), no_copies, 0.0, top)


PEERS = (
    _plain("BM25 alone", 1.0),
    _plain("SBERT alone", 0.0),
    _plain("plain hybrid (the paper)", 0.5),
    _plain("BM25 alone, all our words", 1.0, joined_with_terms),
    _plain("SBERT alone, all our words", 0.0, joined_with_terms),
    _plain("plain hybrid, all our words", 0.5, joined_with_terms),
)
DEFAULT = Form("default")
WITHOUT = (
    replace(DEFAULT, name="- anchors joined, not apart", queries=joined_with_terms),
    replace(DEFAULT, name="- BM25 not by coverage", fuse=linear(0.5, weighted=False)),
    replace(DEFAULT, name="- copies shown", kept=no_copies),
    replace(DEFAULT, name="- no recency", recency=0.0),
    replace(DEFAULT, name="- no slots by polarity", choose=statements_alone),
    replace(DEFAULT, name="- no look at what is said", choose=slots_alone),
    replace(DEFAULT, name="- neither: the first k", choose=top),
)
WITH = (
    replace(DEFAULT, name="+ reciprocal ranks, 60", fuse=reciprocal_ranks(60), recency=0.0),
    replace(DEFAULT, name="+ reciprocal ranks, 100", fuse=reciprocal_ranks(100), recency=0.0),
    replace(DEFAULT, name="+ hypothetical passages", queries=with_passages),
    replace(DEFAULT, name="+ rationale as a query", queries=with_rationale),
    replace(DEFAULT, name="+ diversity (MMR), alone", choose=diverse),
    replace(DEFAULT, name="+ recency doubled", recency=2 * SETTINGS.recency),
    replace(DEFAULT, name="+ near copies not shown", kept=near_copies),
    replace(DEFAULT, name="+ follow-up by concept", choose=followed_up),
)
