"""How long one sample takes by a run that is there, warm and without a language model: prediction, and explanation.

    python -m benchmarks.latency RUN [--task ID] [--samples 20]

Prediction: features at hand, texts through the fold encoders, fusion, calibration. Another sample each time, so that
no encoding is remembered. Explanation: everything that ``xhaim explain`` does once the run is open: what was known,
evidence, model, every removal measured, composed and verified.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from statistics import median

from xhaim.run.explainer import one_row
from xhaim.run.single import reopen
from xhaim.run.watch import Quiet


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
        start = time.perf_counter()
        explainer.model.predict(row)
        predicted.append(time.perf_counter() - start)
    for sample_id in wanted:
        sample = explainer.sample(rows[sample_id])
        start = time.perf_counter()
        explainer.explain(sample)
        explained.append(time.perf_counter() - start)
    said = "SIMULATED" if results.run.store.simulated else "of real records"
    for name, taken in (("prediction", predicted[1:]), ("explanation", explained[1:])):  # the first one loads
        print(
            f"{task_id}, {said}: {name} {1000 * median(taken):.0f} ms, most {1000 * max(taken):.0f}, {len(taken)} times"
        )


if __name__ == "__main__":
    main()
