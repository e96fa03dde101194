"""What a run compares: xHAIM, what is left of it without one of its parts, HAIM, and what a real model must beat.

A system is a name. ``plan`` says what its name stands for: which features, which labels, which fusion.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from xhaim.backends import load
from xhaim.config import FusionSettings
from xhaim.errors import DataError, TaskError, did_you_mean
from xhaim.evaluate.names import BLOCKS, MODEL_LABELS, SHARE
from xhaim.records import MODALITIES, Features
from xhaim.run.baselines import BASELINES
from xhaim.run.haim_numbers import RADIOLOGY, without_block
from xhaim.run.llm_only import LLM_ONLY
from xhaim.run.people import SplitRows

HAIMS_OWN = ("xgboost:embeddings+values",)
"""One booster over all columns: the paper's fusion and HAIM's."""
FITTED = tuple(name for name in MODEL_LABELS if name not in (*BASELINES, LLM_ONLY))
"""What has a plan. Any may end in ``_25pct`` or another share: learned from that much of train."""
SYSTEMS = (*FITTED, LLM_ONLY)
"""What can be asked for."""
_DEMOGRAPHIC = ("age", "sex", "race", "insurance", "language", "marital status")


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that fits one system on one split."""

    features: Features
    labels: NDArray[np.int8]
    train: NDArray[np.int64]
    fine_tune: bool
    fusion: FusionSettings


Texts = Callable[[], dict[str, tuple[str, ...]]]
"""Modality -> a text for each labelled sample."""


@dataclass(frozen=True)
class Split:
    """One split of one task: what systems are built of."""

    rows: SplitRows
    ours: Features
    haim: Callable[[], Features]
    """HAIM's features, read when first wanted."""
    haim_published: Callable[[], Features]
    """LEAKY: the same as published."""
    evidence_texts: Texts
    """The evidence itself, cut to the length of a summary."""
    newest_texts: Texts
    """The newest admissible text, cut to the length of a summary."""
    fusion: FusionSettings
    seed: int

    @cached_property
    def theirs(self) -> Features:
        """HAIM's features."""
        return self.haim()

    def plan(self, name: str) -> Plan:
        """Say what a system's name stands for."""
        share = SHARE.search(name)
        if share is None:
            return self._plan(name)
        plan = self._plan(name[: share.start()])
        features = plan.features
        for block in ("image", "earlier_image"):  # their reader has learned from all of train
            features = _less(features, block)
        return replace(plan, features=features, train=self._part(int(share[1]) / 100))

    def _plan(self, name: str) -> Plan:
        rows, ours = self.rows, self.ours
        plain = Plan(ours, rows.labels, rows.train, fine_tune=True, fusion=self.fusion)
        haims = replace(plain, fine_tune=False, fusion=_haims(self.fusion))
        frozen = replace(plain, fine_tune=False)
        match name.split("_", 1):
            case ["without", block]:
                return replace(plain, features=_without(ours, block))
            case ["only", block]:
                return replace(plain, features=_only(ours, block))
        return {
            "xhaim": lambda: plain,
            "xhaim_frozen": lambda: frozen,
            "xhaim_paper_fusion": lambda: replace(plain, fusion=_haims(self.fusion)),
            "no_summary": lambda: replace(plain, features=replace(ours, texts=self.evidence_texts())),
            "no_retrieval": lambda: replace(
                plain, features=_without(replace(ours, texts=self.newest_texts()), "concepts")
            ),
            "haim": lambda: replace(haims, features=self.theirs),
            "haim_no_radiology": lambda: replace(haims, features=without_block(self.theirs, RADIOLOGY)),
            "haim_published": lambda: replace(haims, features=self.haim_published()),
            "haim_our_fusion": lambda: replace(frozen, features=self.theirs, fusion=_ours(self.fusion, self.theirs)),
            "demographics": lambda: replace(frozen, features=_demographics(ours)),
            "another_patients_text": lambda: replace(plain, features=self._swapped()),
            "permuted_labels": lambda: replace(frozen, labels=self._shuffled()),
        }[name]()

    def _part(self, share: float) -> NDArray[np.int64]:
        """Return the training rows of a share of the training subjects; a larger share holds a smaller one."""
        subjects = np.unique(self.rows.subjects[self.rows.train])
        drawn = np.random.default_rng(self.seed).permutation(subjects)[: max(1, round(share * len(subjects)))]
        return self.rows.train[np.isin(self.rows.subjects[self.rows.train], drawn)]

    def _shuffled(self) -> NDArray[np.int8]:
        """Labels permuted among the training rows, and among the validation rows: what chance alone would find."""
        rng = np.random.default_rng(self.seed)
        labels = self.rows.labels.copy()
        for part in (self.rows.train, self.rows.validation):
            labels[part] = rng.permutation(labels[part])
        return labels

    def _swapped(self) -> Features:
        """Texts and concepts of another sample of the same part: what a summary's style alone would tell."""
        rng = np.random.default_rng(self.seed)
        place = np.arange(len(self.rows.ids))
        for part in (self.rows.train, self.rows.validation, self.rows.test):
            place[part] = rng.permutation(part)
        ours = self.ours
        texts = {name: tuple(found[i] for i in place) for name, found in ours.texts.items()}
        values = ours.values.copy()
        if "concepts" in ours.blocks:
            start, end = ours.blocks["concepts"]
            values[:, start:end] = values[place, start:end]
        return replace(ours, texts=texts, values=values)


def check_systems(names: Sequence[str], fusion: FusionSettings) -> None:
    """Raise TaskError for a system, or a view of a member, that stands for nothing; PrerequisiteError for a learner.

    Said before the first step, not after the second.
    """
    views = {"values", "embeddings", "words", *BLOCKS, *(f"{modality}_words" for modality in MODALITIES)}
    for member in fusion.members:
        learner, seen = member.split(":")
        load("learners", learner)
        for view in seen.split("+"):
            if view not in views:
                raise TaskError(f"member {member} of the fusion sees no '{view}'", expected=did_you_mean(view, views))
    for name in names:
        if SHARE.sub("", name) not in FITTED and name != LLM_ONLY:
            raise TaskError(f"no system '{name}'", expected=did_you_mean(name, SYSTEMS), do="see docs/prediction.md")


def _ours(fusion: FusionSettings, theirs: Features) -> FusionSettings:
    """Our fusion over HAIM's blocks: its embeddings are summed up by a line, as ours are."""
    embedded = "+".join(block for block in theirs.blocks if block.endswith("_notes"))
    others = "+".join(block for block in theirs.blocks if not block.endswith("_notes"))
    members = (f"xgboost:{others}", f"xgboost:{others}+{embedded}", f"steps:{others}", f"linear:{embedded}")
    return fusion.model_copy(update={"members": members})


def _haims(ours: FusionSettings) -> FusionSettings:
    """HAIM's booster and its own grid; in a demonstration, the small one for both."""
    return ours.model_copy(update={"members": HAIMS_OWN, "grid": "small" if ours.grid == "small" else "haim"})


def _without(features: Features, block: str) -> Features:
    """Leave a block out. Raises DataError where there is none: the same system twice is no comparison."""
    if block not in features.texts and block not in features.blocks:
        raise DataError(f"there is no block {block}", got=f"{', '.join([*features.texts, *features.blocks])}")
    return _less(features, block)


def _less(features: Features, block: str) -> Features:
    if block in MODALITIES:
        return replace(features, texts={name: found for name, found in features.texts.items() if name != block})
    return without_block(features, block) if block in features.blocks else features


def _only(features: Features, block: str) -> Features:
    for other in (*features.texts, *features.blocks):
        features = features if other == block else _less(features, other)
    return features


def _demographics(features: Features) -> Features:
    alone = _only(features, "tabular")
    keep = [i for i, name in enumerate(alone.names) if name.startswith(_DEMOGRAPHIC)]
    names = tuple(alone.names[i] for i in keep)
    return replace(alone, values=alone.values[:, keep], names=names, blocks={"tabular": (0, len(keep))})
