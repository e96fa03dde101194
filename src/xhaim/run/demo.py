"""The demonstration: a simulated cohort through the whole of xHAIM, in minutes, with nothing but this package."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from xhaim.config import EncoderSettings, FusionSettings, RunSettings, SplitSettings, SummarizeSettings, settings_hash
from xhaim.errors import DataError
from xhaim.explain.render import to_text
from xhaim.records import Explanation
from xhaim.run.context import Watcher
from xhaim.run.directory import code_hash, read_json, write_json
from xhaim.run.explanations import read_explanations
from xhaim.run.pipeline import begin, execute
from xhaim.run.reporting import Report, write_report
from xhaim.source.mimic_iv import MimicIV
from xhaim.source.simulate import simulate

SEED = 0
TASKS = ("pleural_effusion", "mortality_48h")


def demo_settings(tasks: tuple[str, ...] = TASKS) -> RunSettings:
    """Return small settings that fit two cores and five minutes; the paper's are the defaults of ``xhaim run``."""
    return RunSettings(
        tasks=tasks,
        split=SplitSettings(repeats=2),
        summarize=SummarizeSettings(max_tokens=128),
        encoder=EncoderSettings(folds=3, epochs=3, learning_rate=1e-4),  # two layers of a small encoder take more
        fusion=FusionSettings(grid="small"),
    )


@dataclass(frozen=True, slots=True)
class Demo:
    """What the demonstration made."""

    report: Report
    explanation: Explanation | None
    """The one that cites most, of the first task."""
    summary: dict[str, Any]

    def show(self, console: Console) -> None:
        """Print the tables, one explanation and where the page lies."""
        if self.explanation is not None:
            text = to_text(self.explanation, width=min(console.width, 100))
            console.print(text, highlight=False, markup=False, soft_wrap=True)
        console.rule()
        self.report.show(console)
        run = self.report.path.parent
        console.print(f"pages: xhaim serve {run}", highlight=False, markup=False, soft_wrap=True)


def run_demo(out: Path, stays: int, watch: Watcher) -> Demo:
    """Simulate, ingest and run in ``out``; what is there from the same code and arguments is kept."""
    cohort, store = out / "cohort", out / "store"
    _cohort(cohort, stays, watch)
    with watch.stage("ingest") as progress:
        MimicIV().ingest(cohort, store, progress)
    results = execute(begin(store, demo_settings(), out / "run", watch))
    report = write_report(results)
    explained = [item for item in read_explanations(results.explanations[TASKS[0]]) if item.citations]
    shown = max(explained, key=lambda item: (len(item.citations), item.sample_id), default=None)
    return Demo(report, shown, report.summary)


def _cohort(cohort: Path, stays: int, watch: Watcher) -> None:
    key = settings_hash("cohort", code_hash(), stays, SEED)
    mark = cohort / "demo.json"
    if mark.exists() and read_json(mark).get("key") == key:
        return
    if cohort.exists() and any(cohort.iterdir()):
        if not mark.exists() and not (cohort / "SIMULATED").exists():
            raise DataError(f"{cohort} holds something else", do="choose another --out")
        shutil.rmtree(cohort)
    with watch.stage(f"simulate {stays} stays") as progress:
        simulate(cohort, stays=stays, seed=SEED, progress=progress)
    write_json(mark, {"key": key, "stays": stays, "seed": SEED})
