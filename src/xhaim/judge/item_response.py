"""Which raters, and which dimensions, tell good explanations from bad ones: a two-parameter logistic model.

Every rater in every dimension is a question that an explanation meets (a score of at least 4) or not:
P(met) = 1 / (1 + exp(-a (theta - b))), theta ~ N(0, 1) the quality of the explanation (Birnbaum 1968). A question
whose discrimination a is not clearly above 0 says nothing of that quality.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, log_expit, logsumexp

Floats = NDArray[np.float64]

MET = 4.0
"""A score from which the dimension counts as met."""
FEWEST_ITEMS, FEWEST_QUESTIONS = 30, 3
"""Two questions have one correlation, and cannot tell two discriminations apart."""
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(31)
_LOG_WEIGHTS = np.log(_WEIGHTS / _WEIGHTS.sum())
_PRIOR_A, _PRIOR_D = (1.0, 1.0), (0.0, 3.0)
"""Mean and SD of the normal priors of a and of -a b: they hold what few items leave open, and permit an a below 0."""
_STEP = 1e-4


@dataclass(frozen=True, slots=True)
class Question:
    """One rater in one dimension."""

    rater: str
    dimension: str
    items: int
    met: float
    """Share of the scored items that meet it."""
    discrimination: float | None
    """a; ``None`` where ``reason`` says why."""
    low: float | None
    high: float | None
    """Its 95 % interval, from the curvature of the posterior."""
    difficulty: float | None
    """b, in standard deviations of quality; ``None`` also where a is too small to place it."""
    discriminates: bool | None
    """Whether the whole interval of a lies above 0."""
    reason: str | None = None


def item_response(scores: Mapping[tuple[str, str], Floats], met: float = MET) -> list[Question]:
    """Return each question of ``scores``, (rater, dimension) -> [n] with NaN where none was given, in their order.

    Penalised marginal likelihood, theta integrated over 31 Gauss-Hermite nodes. A rater whose answers are all the same
    has no discrimination; with fewer than 30 items, or three questions that vary, none has one.
    """
    answers = {key: np.where(np.isfinite(given), given >= met, np.nan) for key, given in scores.items()}
    varied = {key: given for key, given in answers.items() if len(np.unique(given[np.isfinite(given)])) == 2}
    items = int(np.any([np.isfinite(given) for given in varied.values()], axis=0).sum()) if varied else 0
    if items < FEWEST_ITEMS:
        reason = f"{items} items: fewer than {FEWEST_ITEMS}"
    elif len(varied) < FEWEST_QUESTIONS:
        reason = f"{len(varied)} of the raters' dimensions vary: fewer than {FEWEST_QUESTIONS}"
    else:
        fitted = dict(zip(varied, _fit(np.stack(list(varied.values()), axis=1)), strict=True))
        return [_question(key, given, fitted.get(key)) for key, given in answers.items()]
    return [_question(key, given, None, reason) for key, given in answers.items()]


def _question(
    key: tuple[str, str], given: Floats, fitted: tuple[float, float, float] | None, reason: str | None = None
) -> Question:
    known = given[np.isfinite(given)]
    share = float(known.mean()) if known.size else 0.0
    if fitted is None:
        alike = "no scores" if not known.size else "all answers are the same" if share in (0.0, 1.0) else None
        return Question(*key, known.size, share, None, None, None, None, None, alike or reason)
    a, intercept, se = fitted
    low, high = a - 1.96 * se, a + 1.96 * se
    difficulty = -intercept / a if abs(a) > 0.1 else None
    return Question(*key, known.size, share, a, low, high, difficulty, low > 0)


def _fit(answers: Floats) -> list[tuple[float, float, float]]:
    """Return (a, -a b, standard error of a) of each column of ``answers`` [n, q]: 1, 0 or NaN."""
    known, yes = np.isfinite(answers), answers == 1.0
    q = answers.shape[1]
    start = np.concatenate([np.ones(q), np.zeros(q)])
    found = minimize(_loss, start, args=(known, yes), jac=True, method="L-BFGS-B", options={"maxiter": 500})
    steps = np.eye(2 * q) * _STEP
    hessian = np.array(
        [(_loss(found.x + step, known, yes)[1] - _loss(found.x - step, known, yes)[1]) / (2 * _STEP) for step in steps]
    )
    errors = np.sqrt(np.diag(np.linalg.inv((hessian + hessian.T) / 2)))
    return [(float(found.x[i]), float(found.x[q + i]), float(errors[i])) for i in range(q)]


def _loss(at: Floats, known: NDArray[np.bool_], yes: NDArray[np.bool_]) -> tuple[float, Floats]:
    """Return the negative log posterior of a and intercepts, [2 q], and its gradient."""
    q = known.shape[1]
    a, d = at[:q], at[q:]
    z = a * _NODES[:, None] + d  # [nodes, q]
    likelihood = (known & yes) @ log_expit(z).T + (known & ~yes) @ log_expit(-z).T + _LOG_WEIGHTS  # [n, nodes]
    whole = logsumexp(likelihood, axis=1)
    posterior = np.exp(likelihood - whole[:, None])
    # Expected answers less what the model says, at each node, over the items that were asked.
    excess = posterior.T @ (known & yes) - (posterior.T @ known) * expit(z)  # [nodes, q]
    off_a, off_d = (a - _PRIOR_A[0]) / _PRIOR_A[1], (d - _PRIOR_D[0]) / _PRIOR_D[1]
    loss = -whole.sum() + 0.5 * (off_a @ off_a + off_d @ off_d)
    gradient = np.concatenate([-(_NODES @ excess) + off_a / _PRIOR_A[1], -excess.sum(axis=0) + off_d / _PRIOR_D[1]])
    return float(loss), gradient
