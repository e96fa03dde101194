"""Tables that set models side by side over tasks (the paper's Table 2) and over report policies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from xhaim.evaluate.compare import Estimate, by_split, over_splits, rows_of_test
from xhaim.evaluate.experiment import POLICIES, Experiment, stamps_of
from xhaim.evaluate.grids import POLICY_WORDS
from xhaim.evaluate.metrics import Unscored, auc
from xhaim.evaluate.names import is_leaky_model, kind_of, model_words
from xhaim.evaluate.typed_table import Cell, Column, Table, number, words
from xhaim.records import ReportPolicy


def policy_table(experiments: Sequence[Experiment]) -> Table:
    """Return the AUC of every model under each report policy, side by side: one row for each task and model."""
    policies = [policy for policy in POLICIES if any(item.policy == policy for item in experiments)]
    rows: list[Mapping[str, Cell]] = []
    for task_id, title in dict.fromkeys((item.task.id, item.task.title) for item in experiments):
        mine = {item.policy: item for item in experiments if item.task.id == task_id}
        for model in dict.fromkeys(model for item in mine.values() for model in item.models):
            row: dict[str, Cell] = {"task": title, "task_id": task_id, "kind": kind_of(model), "model": model}
            row |= {"label": model_words(model, leaky=any(item.leaky for item in mine.values()))}
            row |= {"simulated": any(item.simulated for item in experiments)}
            rows.append(row | {policy: _auc(mine.get(policy), model) for policy in policies})
    return Table(
        "policies",
        stamps_of(experiments),
        "AUC by what may be read about the images",
        (
            Column("Task", "task", words),
            Column("", "kind", words, once=True),
            Column("Model", "label", words),
            *(
                Column(f"{policy}{' · LEAKY' if policy == 'index_included' else ''}", policy, number())
                for policy in policies
            ),
        ),
        tuple(rows),
        (
            "Mean ± standard error over the splits. Empty: not run under this policy, or no such model for the task.",
            *(f"{policy}: {POLICY_WORDS[policy]}." for policy in policies),
        ),
    )


def table_2(experiments: Sequence[Experiment]) -> Table:
    """Return the paper's Table 2: AUC in per cent, models by tasks, with their average; one block for each policy.

    A task that has no image is the same under every policy and stands in each block.
    """
    tasks = list(dict.fromkeys((item.task.id, item.task.title) for item in experiments))
    shared = [item for item in experiments if item.policy == "admissible"]
    policies = [policy for policy in POLICIES[1:] if any(item.policy == policy for item in experiments)] or [
        POLICIES[0]
    ]
    rows: list[Mapping[str, Cell]] = []
    for policy in policies:
        mine = {item.task.id: item for item in experiments if item.policy == policy} | {i.task.id: i for i in shared}
        leaky = any(item.leaky for item in mine.values())
        for model in dict.fromkeys(model for item in mine.values() for model in item.models):
            scores: dict[str, Cell] = {task_id: _percent(_auc(mine.get(task_id), model)) for task_id, _ in tasks}
            means = [score.mean for score in scores.values() if isinstance(score, Estimate)]
            rows.append(
                {
                    "policy": _marked(policy),
                    "leaky": leaky or is_leaky_model(model),
                    "simulated": any(item.simulated for item in experiments),
                    "kind": kind_of(model),
                    "model": model,
                    "label": model_words(model, leaky=leaky),
                    **scores,
                    "average": float(np.mean(means)) if len(means) == len(tasks) else None,
                }
            )
    return Table(
        "table-2",
        stamps_of(experiments),
        "Table 2. Models by tasks: AUC in per cent",
        (
            Column("Report policy", "policy", words),
            Column("", "kind", words, once=True),
            Column("Model", "label", words),
            *(Column(f"{title}{_always(shared, task_id)}", task_id, number(1)) for task_id, title in tasks),
            Column("Average", "average", number(1)),
        ),
        tuple(rows),
        (
            "Mean ± standard error over the splits. The average is given where every task has a score.",
            *(f"{policy}: {POLICY_WORDS[policy]}." for policy in policies),
        ),
    )


def _marked(policy: ReportPolicy) -> str:
    return f"{policy}{' · LEAKY' if policy == 'index_included' else ''}"


def _always(shared: Sequence[Experiment], task_id: str) -> str:
    return " [admissible]" if any(item.task.id == task_id for item in shared) else ""


def _auc(item: Experiment | None, model: str) -> Estimate | Unscored | None:
    """Return the AUC of a model; ``None`` where it was not asked for."""
    if item is None or model not in item.models:
        return None
    return over_splits(by_split(rows_of_test(item.predictions, item.task.id, model), auc))


def _percent(score: Estimate | Unscored | None) -> Estimate | Unscored | None:
    if not isinstance(score, Estimate):
        return score
    return Estimate(100 * score.mean, None if score.se is None else 100 * score.se, score.splits, score.of)
