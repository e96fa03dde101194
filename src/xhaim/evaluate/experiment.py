"""One task under one report policy, with every model's predictions: what an evaluation's tables are made of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from xhaim.evaluate.names import is_leaky_model, kind_of, order_of
from xhaim.evaluate.tables import models_in
from xhaim.records import ReportPolicy
from xhaim.task import Task

POLICIES: tuple[ReportPolicy, ...] = ("admissible", "none", "prior_only", "prior_plus_indication", "index_included")
"""From the least text about the images to the most; ``admissible`` is of outcome tasks, which are about no image."""


@dataclass(frozen=True, slots=True)
class Worth:
    """What each modality is worth to one system, split by split."""

    system: str
    """``haim``, ``haim_sources`` or ``xhaim``."""
    models: int
    """Fitted for each split."""
    combinations: pl.DataFrame
    """split, combination (names of modalities), auc, reason."""
    values: pl.DataFrame
    """split, modality, value (Shapley, in AUC), reason."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """One task under one report policy."""

    task: Task
    policy: ReportPolicy
    simulated: bool
    predictions: pl.DataFrame
    """Columns of ``compare.PREDICTION_COLUMNS``, of this task alone."""
    groups: pl.DataFrame
    """``subgroups.GROUP_SCHEMA``: of each sample, the groups it belongs to."""
    truth: pl.DataFrame | None = None
    """sample_id, task_id, best: the latent probability, where patients are simulated."""
    worth: tuple[Worth, ...] = ()
    """Of the systems whose combinations of modalities were asked for."""

    @property
    def leaky(self) -> bool:
        """Whether the models could read the report that states the label."""
        return self.policy == "index_included"

    @property
    def title(self) -> str:
        """The task, the policy beside it, and the stamp where it is leaky."""
        return f"{self.task.title} [{self.policy}{' · LEAKY' if self.leaky else ''}]"

    @property
    def models(self) -> tuple[str, ...]:
        """Every model that predicted: systems, then ablations, then what must be beaten; xHAIM alone if none did."""
        return tuple(sorted(models_in(self.predictions, self.task.id) or ("xhaim",), key=order_of))

    @property
    def reference(self) -> str | None:
        """The model that the others are compared with: xHAIM, else the first system; ``None`` where there is none."""
        systems = [model for model in self.models if kind_of(model) == "systems"]
        return "xhaim" if "xhaim" in systems else systems[0] if systems else None


def stamps_of(experiments: Sequence[Experiment]) -> tuple[str, ...]:
    """Return the words that stand before the caption of whatever shows numbers of these."""
    simulated = any(item.simulated for item in experiments)
    leaky = any(item.leaky or any(map(is_leaky_model, item.models)) for item in experiments)
    return (*(("SIMULATED",) if simulated else ()), *(("LEAKY",) if leaky else ()))


def each_model(experiments: Sequence[Experiment]) -> Iterator[tuple[Experiment, str]]:
    """Give every model of every experiment, in the order of the tables."""
    for item in experiments:
        for model in item.models:
            yield item, model
