"""How long one sample takes by a run that is there, warm and without a language model: prediction, and explanation.

    python -m benchmarks.latency RUN [--task ID] [--samples 20]

Prediction: features at hand, texts through the fold encoders, fusion, calibration. Another sample each time, so that
no encoding is remembered. Explanation: everything that ``xhaim explain`` does once the run is open: what was known,
evidence, model, every removal measured, composed and verified. Processor time beside wall time, since a machine may be
busy; to be at most 150 ms for a prediction.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

from xhaim.run.explainer import one_row
from xhaim.run.single import reopen
from xhaim.run.watch import Quiet


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Return the seconds that some work took, by the wall clock and of the processor."""
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - processor


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--task")
    parser.add_argument("--samples", type=int, default=20)
    given = parser.parse_args()
    results = reopen(given.run, Quiet())
    task_id = given.task or next(iter(results.explainers))
    explainer = results.explainers[task_id]
    people = results.people
    wanted = [explainer.rows.ids[i] for i in explainer.rows.test][: given.samples + 1]
    rows = {row["sample_id"]: row for row in people.samples.iter_rows(named=True)}
    predicted, explained = [], []
    for sample_id in wanted:
        row = one_row(explainer.features, sample_id)
        predicted.append(timed(partial(explainer.model.predict, row)))
    for sample_id in wanted:
        sample = explainer.sample(rows[sample_id])
        explained.append(timed(partial(explainer.explain, sample)))
    said = "SIMULATED" if results.run.store.simulated else "of real records"
    for name, taken in (("prediction", predicted[1:]), ("explanation", explained[1:])):  # the first one loads
        wall, processor = (sorted(1000 * one[clock] for one in taken) for clock in (0, 1))
        print(
            f"{task_id}, {said}: {name} {median(wall):.0f} ms (most {wall[-1]:.0f}), of the processor "
            f"{median(processor):.0f} ms (most {processor[-1]:.0f}), {len(taken)} times"
        )


if __name__ == "__main__":
    main()
