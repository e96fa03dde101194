"""The fusion and its calibration as a scikit-learn classifier, for tables of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_consistent_length, check_is_fitted, validate_data

from xhaim.config import FusionSettings
from xhaim.predict.calibration import fit_calibrator
from xhaim.predict.fusion import fit_fusion

Floats = NDArray[np.float64]


class FusionClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Members over views of the columns, stacked and calibrated on rows out of fold; two classes.

    Unlike a run, which calibrates on a part of its own, it calibrates on the out-of-fold log-odds of all its rows.

    Args:
        members: ``learner:view``, as in ``fusion.members``; without ``blocks`` all columns are ``values``.
        grid: ``haim``, ``shallow`` or ``small``, of XGBoost.
        folds: Grouped, in which members choose, are weighed and calibrated.
        blocks: Name -> half-open column range, for members that see some columns only.
        isotonic_from: Rows from which isotonic regression replaces Platt's sigmoid.
        seed: Of folds and draws.

    Attributes:
        classes_: The two labels, sorted; the second is the positive one.
        fusion_: The fitted members and their weights.
        calibrator_: From raw probability to risk.
        out_of_fold_: Raw probability of each training row by members that never saw its group, [n].

    """

    def __init__(
        self,
        members: tuple[str, ...] = ("xgboost:values", "steps:values"),
        *,
        grid: str = "shallow",
        folds: int = 5,
        blocks: Mapping[str, tuple[int, int]] | None = None,
        isotonic_from: int = 1000,
        seed: int = 0,
    ) -> None:
        self.members = members
        self.grid = grid
        self.folds = folds
        self.blocks = blocks
        self.isotonic_from = isotonic_from
        self.seed = seed

    def fit(self, X: ArrayLike, y: ArrayLike, groups: ArrayLike | None = None) -> FusionClassifier:
        """Fit on ``X`` [n, d], NaN = missing, and ``y`` [n] of two classes; rows of one group stay in one fold.

        Raises ValueError for another number of classes, for infinite values, and where the groups do not allow two
        folds with both classes.
        """
        values, target = validate_data(self, X, y, dtype=np.float32, ensure_all_finite="allow-nan")
        if np.isinf(values).any():
            raise ValueError("Input X contains infinity; expected finite values, NaN where missing")
        check_consistent_length(values, groups)
        check_classification_targets(target)
        self.classes_, encoded = np.unique(target, return_inverse=True)
        if len(self.classes_) != 2:
            raise ValueError(
                f"Only binary classification is supported. The type of the target is {type_of_target(target)}, "
                f"with {len(self.classes_)} class" + ("" if len(self.classes_) == 1 else "es")
            )
        subjects = np.arange(len(values)) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
        settings = FusionSettings(members=tuple(self.members), grid=self.grid, folds=self.folds, seed=self.seed)
        labels = encoded.astype(np.int8)
        self.fusion_, margins = fit_fusion(values, labels, subjects, settings, blocks=self.blocks)
        if margins is None:
            raise ValueError("the groups do not allow two folds with both classes; got too few groups of a class")
        self.out_of_fold_ = expit(margins)
        self.calibrator_ = fit_calibrator(self.out_of_fold_, labels, subjects, self.isotonic_from, self.seed)
        return self

    def decision_function(self, X: ArrayLike) -> Floats:
        """Return the log-odds before calibration, [n]."""
        values = self._seen(X)
        return self.fusion_.margins(values)

    def predict_proba(self, X: ArrayLike) -> Floats:
        """Return the calibrated probability of each class, [n, 2]."""
        raw = expit(self.decision_function(X))
        risk = self.calibrator_.risk(raw)
        return np.stack([1 - risk, risk], axis=1)

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the more probable class, [n]."""
        chosen = self.predict_proba(X)[:, 1] >= 0.5
        return np.asarray(self.classes_[chosen.astype(int)])

    def contributions(self, X: ArrayLike) -> Floats:
        """Return what each column adds to the log-odds, and the bias last, [n, d + 1]: a row sums to its log-odds."""
        values = self._seen(X)
        return self.fusion_.contributions(values)

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray[Any]:
        """Return the names of the columns of ``contributions``: those of ``fit``'s frame, or ``x0``, ``x1``, ..."""
        check_is_fitted(self)
        known = getattr(self, "feature_names_in_", None)
        if input_features is not None:
            given = np.asarray(input_features, dtype=object)
            if len(given) != self.n_features_in_ or (known is not None and not np.array_equal(given, known)):
                raise ValueError("input_features is not equal to the columns of fit")
            return given
        return np.array([f"x{i}" for i in range(self.n_features_in_)], dtype=object) if known is None else known

    def __sklearn_tags__(self) -> Any:  # noqa: ANN401
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.input_tags.allow_nan = True
        return tags

    def _seen(self, X: ArrayLike) -> NDArray[np.float32]:
        check_is_fitted(self)
        values: NDArray[np.float32] = validate_data(
            self, X, dtype=np.float32, ensure_all_finite="allow-nan", reset=False
        )
        return values
