"""What a predictor says of samples, and what is to be said of the predictor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xhaim.predict.calibration import OperatingPoint
from xhaim.records import Prediction


@dataclass(frozen=True, slots=True)
class Risks:
    """The predictions of n samples as arrays."""

    raw: NDArray[np.float64]
    """[n], mean of the fusion's probabilities over the fold encoders."""
    risk: NDArray[np.float64]
    """[n], calibrated."""
    low: NDArray[np.float64]
    """[n], 5th percentile of the calibration; NaN where validation was too small to give one."""
    high: NDArray[np.float64]
    """[n], 95th percentile."""
    outcomes: NDArray[np.bool_]
    """[n, 2]: whether outcomes 0 and 1 are in the conformal set; both: the model abstains."""

    def predictions(self, sample_ids: tuple[str, ...], task_id: str, model: str, split: int) -> list[Prediction]:
        """Return one record per sample; an interval that is not there is ``None``."""
        return [
            Prediction(
                sample_id=sample_id,
                task_id=task_id,
                model=model,
                split=split,
                raw=float(self.raw[row]),
                risk=float(self.risk[row]),
                low=None if np.isnan(self.low[row]) else float(self.low[row]),
                high=None if np.isnan(self.high[row]) else float(self.high[row]),
                outcomes=tuple(np.flatnonzero(self.outcomes[row]).tolist()),
            )
            for row, sample_id in enumerate(sample_ids)
        ]


@dataclass(frozen=True, slots=True)
class Facts:
    """What is to be said beside every number of a model."""

    base_rate: float
    """Share of positives among the training samples."""
    operating_point: OperatingPoint
    """Chosen on validation."""
    n_train: int
    n_validation: int
    calibration: str
    """``platt`` or ``isotonic``."""
    encoder: str | None
    """``None``: no texts."""
    fine_tuned: bool
    epochs: Mapping[str, tuple[int, ...]]
    """Modality -> the epoch kept by each fold encoder; 0: pretrained."""
    device: str | None
    precision: str | None
    truncated_texts: int
    """Distinct training and validation texts longer than the encoder takes, which lost their end."""
