"""Every table of an evaluation, in the order of its page."""

from __future__ import annotations

from collections.abc import Sequence

from xhaim.evaluate.bootstrap import RESAMPLES
from xhaim.evaluate.comparison_tables import comparisons, subgroup_table
from xhaim.evaluate.decision_tables import benefits, operating_points
from xhaim.evaluate.experiment import Experiment
from xhaim.evaluate.modality_tables import combination_table, shapley_table
from xhaim.evaluate.score_tables import calibration, performance
from xhaim.evaluate.side_by_side import policy_table, table_2
from xhaim.evaluate.typed_table import Table
from xhaim.ports import Progress, silent


def evaluation_tables(
    experiments: Sequence[Experiment], *, resamples: int = RESAMPLES, seed: int = 0, progress: Progress = silent
) -> tuple[Table, ...]:
    """Compute every table; those with a bootstrap take the time, and tell the progress."""
    slow = (performance, comparisons, subgroup_table)
    made = []
    for place, work in enumerate(slow):

        def tell(done: int, total: int, place: int = place) -> None:
            progress(place * 1000 + 1000 * done // max(total, 1), 1000 * len(slow))

        made.append(work(experiments, resamples=resamples, seed=seed, progress=tell))
    ranked, compared, grouped = made
    worth = (combination_table(experiments), shapley_table(experiments)) if any(e.worth for e in experiments) else ()
    return (
        table_2(experiments),
        ranked,
        compared,
        policy_table(experiments),
        calibration(experiments),
        operating_points(experiments),
        benefits(experiments),
        grouped,
        *worth,
    )
