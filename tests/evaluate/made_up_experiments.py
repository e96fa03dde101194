"""Experiments made up for the tests: a task under two report policies, and one that no model predicted."""

from __future__ import annotations

from datetime import datetime

import polars as pl
from made_up_run import make_header, make_predictions

from xhaim.config import RunSettings
from xhaim.evaluate.artefacts import Artefacts
from xhaim.evaluate.evaluation_tables import evaluation_tables
from xhaim.evaluate.experiment import Experiment
from xhaim.evaluate.grids import Grid
from xhaim.evaluate.subgroups import GROUP_SCHEMA
from xhaim.task import load_task

MODELS = ("xhaim", "haim", "xhaim_frozen", "demographics", "carry_forward")
HOSTILE = (
    "Evil | <script>alert(1)</script> # **b** `c` [a](http://evil.example) ![i](x) \\input{/etc/passwd} $x^2$ & % ~ "
    "_u_ www.evil.example \N{RIGHT-TO-LEFT OVERRIDE}&lt;b&gt;\n\n| a | b |\n- x"
)


def with_validation(frame):
    """What is no test row becomes validation: every row is of use."""
    part = pl.when(pl.col("part") == "test").then(pl.lit("test")).otherwise(pl.lit("validation"))
    return frame.with_columns(part.alias("part"))


def make_groups(frame):
    ids = frame["sample_id"].unique().sort().to_list()
    rows = [(name, "sex", "F" if int(name.split("-")[0]) % 2 else "M") for name in ids]
    rows += [(name, "age", "80 and over" if place < 8 else "45-64") for place, name in enumerate(ids) if place % 5]
    return pl.DataFrame(rows, schema=GROUP_SCHEMA, orient="row")


def make_experiments(title=None, simulated=True, policies=("prior_only", "index_included")):
    task = load_task("pleural_effusion")
    task = task.model_copy(update={"title": title}) if title else task
    frame = with_validation(make_predictions(models=MODELS))
    groups = make_groups(frame)
    ids = frame["sample_id"].unique().sort()
    truth = pl.DataFrame({"sample_id": ids, "task_id": task.id, "best": [i / len(ids) for i in range(len(ids))]})
    other = with_validation(make_predictions(models=MODELS, seed=1))
    found = [
        Experiment(task, policy, simulated, other if place else frame, groups, truth if simulated else None)
        for place, policy in enumerate(policies)
    ]
    nobody = load_task("mortality_48h")
    return [*found, Experiment(nobody, "admissible", simulated, frame.clear(), groups, None)]


def make_artefacts(experiments, resamples=40, **changes):
    header = make_header(title=f"xHAIM: {experiments[0].task.title}", simulated=experiments[0].simulated)
    settled = {
        "header": header,
        "settings": RunSettings(tasks=("pleural_effusion", "mortality_48h")),
        "source": "mimic-iv",
        "when": "one drawn chest image of each ICU stay",
        "first": datetime(2180, 1, 2),
        "last": datetime(2190, 3, 4),
        "remarks": ("lab: some stays only",),
        "experiments": tuple(experiments),
        "tables": {table.key: table for table in evaluation_tables(experiments, resamples=resamples)},
        "data": {
            "table-1b": Grid("table-1b", (), "Who", ("Task", "Part", "Samples", "Subjects"),
                             (("T", "all", "160", "80"), ("T", "train", "100", "50")), ())
        },
    }  # fmt: skip
    return Artefacts(**{**settled, **changes})
