"""What an evaluation's own runs say of themselves, in sentences: the model card and the checklist are filled from it.

Nothing else is used. What a run cannot know has no sentence here, and the documents say so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePath

from xhaim.config import RunSettings
from xhaim.evaluate.compare import Estimate
from xhaim.evaluate.experiment import Experiment
from xhaim.evaluate.grids import Grid
from xhaim.evaluate.header import RunHeader
from xhaim.evaluate.metrics import Unscored
from xhaim.evaluate.names import kind_of, model_words
from xhaim.evaluate.typed_table import Cell, Table, number

_UNSAID = ("kind", "path")  # a path is of one machine


@dataclass(frozen=True, slots=True)
class Artefacts:
    """The runs of one evaluation."""

    header: RunHeader
    """Of the first run; the others differ in report policy and tasks alone."""
    settings: RunSettings
    source: str
    """What was ingested: ``mimic-iv``."""
    when: str
    """When predictions are made, in words."""
    first: datetime | None
    """Earliest and latest prediction time, as the records state them; ``None``: there is no sample."""
    last: datetime | None
    remarks: tuple[str, ...]
    """What ingest said of the records."""
    experiments: tuple[Experiment, ...]
    tables: Mapping[str, Table]
    data: Mapping[str, Grid]
    """The run report's tables about its data: ``table-1`` (attrition), ``table-1b`` (who is in it), ``set-aside``."""

    @property
    def simulated(self) -> bool:
        """Whether patients are simulated."""
        return self.header.simulated


def data(facts: Artefacts) -> str:
    """Where the records come from."""
    who = f"{facts.header.n_stays:,} ICU stays of {facts.header.n_subjects:,} subjects" if facts.header.n_stays else ""
    made_up = "SIMULATED patients, made up by a program, in the layout of " if facts.simulated else "records of "
    words = f"{made_up}{facts.source}; data fingerprint {facts.header.data_fingerprint}"
    return f"{words}; {who} have samples." if who else f"{words}."


def period(facts: Artefacts) -> str:
    """When predictions were made."""
    if facts.first is None or facts.last is None:
        return "There is no sample."
    return (
        f"Prediction times from {facts.first:%Y-%m-%d} to {facts.last:%Y-%m-%d}, as the records state them; "
        "de-identified records have shifted dates."
    )


def outcomes(facts: Artefacts) -> str:
    """What is predicted, and how it is labelled."""
    tasks = {item.task.id: item.task for item in facts.experiments}
    return " ".join(
        f"{task.title}: {task.outcome}. Rule {task.label.kind}: {_first_line(task.label.__doc__)} "
        f"({', '.join(f'{name} {value}' for name, value in task.label.model_dump().items() if name not in _UNSAID)})."
        for task in tasks.values()
    )


def _first_line(text: str | None) -> str:
    return (text or "").strip().splitlines()[0] if text else ""


def policies(facts: Artefacts) -> str:
    """What may be read about the images."""
    return "; ".join(dict.fromkeys(item.title for item in facts.experiments)) + "."


def partition(facts: Artefacts) -> str:
    """How the samples were split."""
    split = facts.settings.split
    return (
        f"{split.repeats} repeated splits by subject, stratified by the label: {split.test_share:.0%} test; of the "
        f"rest {split.validation_share:.0%} validation, on which risks are calibrated and thresholds chosen. No "
        "subject is in two parts of a split."
    )


def models(facts: Artefacts) -> str:
    """What kind of model it is, and how it was built."""
    encoder, fusion, door = facts.settings.encoder, facts.settings.fusion, facts.settings.llm
    return (
        f"Texts become embeddings by the encoder {PurePath(encoder.name).name}, fine-tuned for each task and split "
        f"(AdamW, at most {encoder.epochs} epochs, {encoder.folds} grouped folds, out-of-fold embeddings for what "
        f"follows). Fusion: {', '.join(fusion.members)}, search grid {fusion.grid}, {fusion.folds} grouped folds of "
        f"the training part. Calibration on validation: isotonic from {fusion.isotonic_from:,} rows, else Platt. "
        f"Split-conformal sets at error {fusion.conformal_error:g}. Seeds {encoder.seed} and {fusion.seed}. "
        f"Language model: {door.model or 'none'}; image model: {door.image_model or 'none'}."
    )


def compared(facts: Artefacts) -> str:
    """Which models stand in the tables."""
    names = dict.fromkeys(model for item in facts.experiments for model in item.models)
    return "; ".join(f"{model_words(name)} ({kind_of(name)})" for name in names) + "."


def missing(facts: Artefacts) -> str:
    """What is missing and how it is dealt with."""
    absent = ", ".join(facts.header.modalities_absent) or "none"
    return (
        "A value that is not there stays missing for trees; linear members take the training median with an indicator; "
        f"a modality without data is an empty block with an indicator. Modalities absent from these records: {absent}."
    )


def results(facts: Artefacts) -> list[str]:
    """One sentence for each task and system: AUC with its interval, calibration slope."""
    slopes = {_key(row): row["slope"] for row in facts.tables["calibration"].rows}
    return [
        f"{row['task']}, {row['label']}: AUC {number()(row['auc'])}"
        + (f" (95 % interval {number()(row['interval'])})" if isinstance(row["auc"], Estimate) else "")
        + f"; calibration slope {number(2)(slopes[_key(row)])}."
        for row in facts.tables["performance"].rows
        if row["kind"] == "systems"
    ]


def fairness(facts: Artefacts) -> str:
    """How many groups were looked at, and where a gap is resolved."""
    rows = facts.tables["subgroups"].rows
    unscored = sum(isinstance(row["auc"], Unscored) for row in rows)
    apart = [row for row in rows if isinstance(row["gap_interval"], tuple) and _apart(row["gap_interval"])]
    listed = "; ".join(f"{row['task']}, {row['label']}, {row['attribute']} {row['group']}" for row in apart)
    return (
        f"{len(rows)} groups (task, model, attribute, value) looked at by {_attributes(rows)}; {unscored} could not be "
        f"ranked, as a class is too small or the group is not recorded. Gaps whose 95 % interval excludes 0, not "
        f"corrected for how many: {listed or 'none'}."
    )


def _attributes(rows: Sequence[Mapping[str, Cell]]) -> str:
    return ", ".join(sorted({str(row["attribute"]) for row in rows})) or "nothing: no attribute is recorded"


def _apart(interval: tuple[float, float]) -> bool:
    return interval[0] > 0 or interval[1] < 0


def _key(row: Mapping[str, Cell]) -> tuple[Cell, Cell, Cell]:
    return row["task_id"], row["policy"], row["model"]
