"""What an evaluation's tables are made of: each task of a finished run, with everything that was predicted for it."""

from __future__ import annotations

import polars as pl

from xhaim.evaluate.experiment import Experiment, Worth
from xhaim.evaluate.subgroups import GROUP_SCHEMA, age_band
from xhaim.modality.tabular import static_facts
from xhaim.run.baselines import BASELINES
from xhaim.run.directory import Stage
from xhaim.run.known import store_known
from xhaim.run.modality_values import modality_values
from xhaim.run.models import all_predictions
from xhaim.run.parallel import close_engines
from xhaim.run.pipeline import Results
from xhaim.run.truth import best_possible
from xhaim.task import Task

ATTRIBUTES = ("sex", "race", "insurance", "language")
_READ = ["sample_id", "prediction_time", "time", "code"]  # of what was known: no note is read for this


def experiments_of(results: Results) -> list[Experiment]:
    """Return each task of a finished run: the systems that its settings name, and the baselines beside them."""
    run, people = results.run, results.people
    shown = {"xhaim", *run.settings.systems, *BASELINES}
    known = store_known(run, people)  # there already: only read
    groups = {policy: groups_of(stage) for policy, stage in known.items()}
    truth = best_possible(run.store, people, run.tasks)
    worth = {task.id: _worth(results, task) for task in run.tasks}
    return [
        Experiment(
            task,
            run.policy(task),
            run.store.simulated,
            all_predictions([results.predictions[task.id]]).filter(pl.col("model").is_in(sorted(shown))),
            groups[run.policy(task)],
            truth,
            worth[task.id],
        )
        for task in run.tasks
    ]


def _worth(results: Results, task: Task) -> tuple[Worth, ...]:
    """Return what each modality is worth to the systems that the settings name for it; fitted if it is not there."""
    explainer = results.explainers[task.id]
    try:
        return tuple(modality_values(results.run, results.people, explainer.inputs, results.predictions[task.id], task))
    finally:
        close_engines()


def groups_of(known: Stage) -> pl.DataFrame:
    """Return GROUP_SCHEMA: sex, age band, race, insurance and language of each sample, as far as they are recorded."""
    rows = []
    for path in known.shards():
        for sample_id, facts in static_facts(pl.read_parquet(path, columns=_READ)).items():
            years = facts.get("age, years")
            band = age_band(years if isinstance(years, float) else None)
            stated = {"age": band, **{name: facts.get(name) for name in ATTRIBUTES}}
            rows += [(sample_id, name, str(group)) for name, group in stated.items() if group is not None]
    return pl.DataFrame(rows, schema=GROUP_SCHEMA, orient="row")
