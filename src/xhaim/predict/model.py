"""The fitted predictor of one task and split: predict, attribute, save, load. ``fit.py`` makes it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from xhaim.atomic import write_bytes
from xhaim.errors import DataError, PrerequisiteError
from xhaim.predict.calibration import Calibrator, ConformalSet, OperatingPoint
from xhaim.predict.columns import assemble, check_features, describe_columns
from xhaim.predict.encoder import BaseWeights, load_encoder
from xhaim.predict.finetune import FoldEncoders, load_fold_encoders
from xhaim.predict.fusion import Fusion
from xhaim.predict.risks import Facts, Risks
from xhaim.predict.vocabulary import Vocabulary
from xhaim.records import MODALITIES, Features


@dataclass(frozen=True, slots=True)
class Model:
    """A fitted predictor."""

    fusion: Fusion
    encoders: Mapping[str, FoldEncoders]
    """Modality -> its fold encoders; empty where the model reads no text."""
    words: Mapping[str, Vocabulary]
    """Modality -> the words of its summaries that are columns."""
    value_names: tuple[str, ...]
    value_blocks: Mapping[str, tuple[int, int]]
    calibrator: Calibrator
    conformal: ConformalSet
    facts: Facts
    inputs: str
    """Fingerprint of the training and validation rows, the settings and the encoder's weights."""

    def predict(self, features: Features) -> Risks:
        """Return the risks of n samples with the columns of training. Raises DataError if the columns differ."""
        raw = mean_probability(self.fusion, self._matrices(features))
        low, high = self.calibrator.interval(raw)
        return Risks(raw, self.calibrator.risk(raw), low, high, self.conformal.outcomes(raw))

    def contributions(
        self, features: Features
    ) -> tuple[NDArray[np.float64], tuple[str, ...], dict[str, tuple[int, int]]]:
        """Return what each column adds in log-odds, [n, d + 1] with the bias last, the names, and block -> range.

        TreeSHAP of trees, slope times value of lines. Averaged over the fold encoders, so a row sums to ``margins`` of
        its sample.
        """
        found = np.mean([self.fusion.contributions(X) for X in self._matrices(features)], axis=0)
        names, blocks = describe_columns(features, self._dim, self.words)
        return found, names, blocks

    def margins(self, features: Features) -> NDArray[np.float64]:
        """Return the log-odds, [n], averaged over the fold encoders."""
        each = [self.fusion.margins(X) for X in self._matrices(features)]
        return np.asarray(np.mean(each, axis=0), dtype=np.float64)

    @property
    def _dim(self) -> int:
        return next((found.encoder.dim for found in self.encoders.values()), 0)

    def _matrices(self, features: Features) -> Iterator[NDArray[np.float32]]:
        """Return X as each fold encoder sees it, K of [n, d], of features with the columns of training."""
        check_features(features)
        expected = (self.value_names, dict(self.value_blocks), set(self.encoders))
        if (features.names, dict(features.blocks), set(features.texts)) != expected:
            raise DataError(
                "these features are not those the model was trained on",
                got=f"texts of {sorted(features.texts)}, {len(features.names)} columns",
                expected=f"texts of {sorted(self.encoders)}, {len(self.value_names)} columns of the same names",
                do="build the features with the settings of the run that trained the model",
            )
        return matrices(features, self.encoders, self.words)

    def save(self, folder: Path) -> None:
        """Write the model into a folder: safetensors, JSON and, last, ``model.json``; no pickle."""
        (folder / "model.json").unlink(missing_ok=True)  # a crash must not leave it beside files of another model
        for modality, encoders in self.encoders.items():
            encoders.save(folder / modality)
        self.fusion.save(folder)
        first = next(iter(self.encoders.values()), None)
        plain = {
            "inputs": self.inputs,
            "words": {key: asdict(found) for key, found in self.words.items()},
            "value_names": self.value_names,
            "value_blocks": dict(self.value_blocks),
            "calibrator": asdict(self.calibrator),
            "conformal": asdict(self.conformal),
            "facts": asdict(self.facts),
            "base": None if first is None else asdict(first.encoder.base),
            "encoders": {key: {"epochs": found.epochs, "inputs": found.inputs} for key, found in self.encoders.items()},
        }
        write_bytes(folder / "model.json", json.dumps(plain, indent=1, allow_nan=False).encode())

    @classmethod
    def load(cls, folder: Path, *, encoder: str | None = None) -> Model:
        """Read what ``save`` wrote; its predictions are the same to the last bit on the same machine.

        ``encoder`` says where the base weights lie if not under the name of training. Raises PrerequisiteError where
        there is no model, or where the base weights are missing or have changed; DataError where files are broken.
        """
        if not (folder / "model.json").is_file():
            raise PrerequisiteError(f"no model in {folder}", expected="model.json", do="train one with: xhaim run")
        try:
            plain = json.loads((folder / "model.json").read_text(encoding="utf-8"))
            return cls(
                fusion=Fusion.load(folder),
                encoders=_load_encoders(folder, plain, encoder),
                words={
                    modality: Vocabulary(tuple(found["terms"]), tuple(found["idf"]))
                    for modality, found in plain["words"].items()
                    if modality in MODALITIES
                },
                value_names=tuple(plain["value_names"]),
                value_blocks={key: (int(start), int(end)) for key, (start, end) in plain["value_blocks"].items()},
                calibrator=_calibrator(plain["calibrator"]),
                conformal=ConformalSet(**plain["conformal"]),
                facts=_facts(plain["facts"]),
                inputs=plain["inputs"],
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(
                f"{folder} holds no model that can be read", got=type(error).__name__, do="train again"
            ) from error


def matrices(
    features: Features, encoders: Mapping[str, FoldEncoders], words: Mapping[str, Vocabulary]
) -> Iterator[NDArray[np.float32]]:
    """Yield X as each of the K fold encoders sees it, [n, d]; one without texts."""
    embedded = {modality: found.embed(features.texts[modality]) for modality, found in encoders.items()}
    said = {modality: found.matrix(features.texts[modality]) for modality, found in words.items()}
    for k in range(next((len(found) for found in embedded.values()), 1)):
        yield assemble(features, {modality: found[k] for modality, found in embedded.items()}, said)


def mean_probability(fusion: Fusion, seen: Iterator[NDArray[np.float32]]) -> NDArray[np.float64]:
    """Return the raw prediction, [n]: the probability averaged over what the fold encoders see, K of [n, d]."""
    return np.asarray(np.mean([expit(fusion.margins(X)) for X in seen], axis=0), dtype=np.float64)


def _load_encoders(folder: Path, plain: dict[str, Any], name: str | None) -> dict[str, FoldEncoders]:
    if not plain["encoders"]:
        return {}
    base = BaseWeights(**plain["base"])
    encoder = load_encoder(name or base.name, base.trainable_layers, base.precision)
    if encoder.base.fingerprint != base.fingerprint:
        raise PrerequisiteError(
            f"the weights of '{encoder.base.name}' are not those that the model in {folder} was trained on",
            got=encoder.base.fingerprint,
            expected=base.fingerprint,
            do="put the former weights back, or train again",
        )
    return {
        modality: load_fold_encoders(folder / modality, encoder, tuple(found["epochs"]), found["inputs"])
        for modality, found in plain["encoders"].items()
        if modality in MODALITIES
    }


def _calibrator(plain: dict[str, Any]) -> Calibrator:
    x, y, low, high = (tuple(plain[key]) for key in ("x", "y", "low", "high"))
    return Calibrator(plain["kind"], x, y, low, high)


def _facts(plain: dict[str, Any]) -> Facts:
    epochs = {modality: tuple(found) for modality, found in plain["epochs"].items()}
    point = OperatingPoint(**plain["operating_point"])
    return Facts(**{**plain, "epochs": epochs, "operating_point": point})
