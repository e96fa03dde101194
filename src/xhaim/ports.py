"""What a user may implement: small protocols, one or two methods each. ``backends.py`` finds who implements them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from xhaim.config import FusionSettings

Pixels: TypeAlias = NDArray[np.uint8]
"""A grey image [h, w]."""


class Progress(Protocol):
    """Told how far a long piece of work is."""

    def __call__(self, done: int, total: int) -> None:
        """``done`` of ``total`` units of the work are finished; ``total`` may be an estimate."""


def silent(done: int, total: int) -> None:
    """Progress that nobody watches."""


class Source(Protocol):
    """Records in a hospital's own layout, turned into a store."""

    def ingest(self, root: Path, out: Path, progress: Progress = silent) -> dict[str, Any]:
        """Read ``root``, write a store at ``out``, return what ``ingest.json`` says."""

    def look(self, root: Path) -> dict[str, Any]:
        """Say what of this kind lies below ``root``, with ``kind`` in words, reading no more than it must.

        Raises DataError, with what was got and expected, when ``root`` holds no records of this kind.
        """


class Encoder(Protocol):
    """Texts to vectors."""

    @property
    def name(self) -> str:
        """Id and revision: part of every cache key."""

    def encode(self, texts: Sequence[str], progress: Progress = silent) -> NDArray[np.float32]:
        """Return [n, d] unit vectors, each a function of its text alone."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a language model answered."""

    text: str
    model: str
    finish_reason: str
    tokens_in: int | None
    tokens_out: int | None
    seconds: float


class LanguageModel(Protocol):
    """One question, one answer."""

    @property
    def name(self) -> str:
        """Model id, part of every cache key."""

    def ask(self, system: str, user: str, schema: dict[str, Any] | None = None, images: Sequence[Pixels] = ()) -> Reply:
        """Answer at temperature 0; with ``schema``, JSON that fits it. Raises BackendError.

        ``images`` are shown before ``user``, in their order. They are given only where a model is to see some, so a
        model without eyes need not have the parameter.
        """


@dataclass(frozen=True, slots=True)
class Inference:
    """How a premise bears on a hypothesis: three probabilities whose sum is 1, but for rounding."""

    entailment: float
    neutral: float
    contradiction: float


class Entailment(Protocol):
    """Premise and hypothesis to probabilities."""

    @property
    def name(self) -> str:
        """Id and revision: part of every cache key."""

    def infer(self, premise: str, hypothesis: str) -> Inference | None:
        """Return the probabilities, a function of the two texts alone; None where they are longer than it reads."""


class Member(Protocol):
    """What a learner of the fusion has fitted: columns [n, d] to log-odds, which it can say the parts of."""

    def margins(self, X: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the log-odds of the positive outcome, [n]; NaN in ``X`` = missing."""

    def contributions(self, X: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return what each column adds and the bias last, [n, d + 1]: a row sums to its log-odds."""

    def to_bytes(self) -> bytes:
        """Return all that ``Learner.restore`` needs, as JSON; never a pickle."""


@dataclass(frozen=True, slots=True)
class Learned:
    """A member, and what its learner saw of it."""

    member: Member
    out_of_fold: NDArray[np.float64] | None
    """[n]: log-odds of each training row by a fit without its fold; ``None`` where there was one fold only."""
    chosen: Mapping[str, float]
    """What its search chose, by name."""


class Learner(Protocol):
    """How one member of the fusion is fitted; a module with these two functions is one."""

    def learn(
        self,
        X: NDArray[np.float32],
        labels: NDArray[np.int8],
        folds: NDArray[np.int64],
        weights: NDArray[np.float32],
        settings: FusionSettings,
        progress: Progress = silent,
    ) -> Learned:
        """Fit columns ``X`` [n, d] (NaN = missing) to labels 0 or 1, [n], every choice made between the ``folds``, [n].

        ``weights`` [d]: for learners that draw columns, how likely each should be. The same rows in the same order give
        the same member.
        """

    def restore(self, state: bytes) -> Member:
        """Read what ``Member.to_bytes`` gave; its log-odds are the same to the last bit. Raises ValueError."""
