"""A task: a clinical question as one YAML file. Faults are named by their path in the file, with got and expected.

Shipped tasks are known by name; a user's own works from any path.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field, ValidationError, field_validator, model_validator

from xhaim.errors import DataError, TaskError, did_you_mean
from xhaim.label_rules import LABELS, AcesLabel, FindingLabel, Label, MedsLabel, Strict, known_signal
from xhaim.records import ReportPolicy
from xhaim.strict_yaml import parse

__all__ = ["Concept", "FindingLabel", "Label", "Task", "load_task", "shipped_tasks"]

UNLESS = " unless "
"""Between a term and the words beside which it means something else."""


class Concept(Strict):
    """Something that a chart says or denies: the finding itself, in its words and by its signs."""

    name: str
    synonyms: tuple[str, ...] = ()
    """Words that mean it; the name is always one."""
    signs: tuple[str, ...] = ()
    """Words that speak for it without naming it: ``blunting of the costophrenic angle``."""
    points: Literal["for", "against"] = "for"
    """Whether its presence raises the answer or lowers it."""
    unless: tuple[Annotated[str, Field(pattern=r"^[^\s,][^,]*$")], ...] = ()
    """Words beside which its terms mean something else: ``joint`` makes an effusion no pleural one."""
    foremost: bool = False
    """Of a film's finding: this too says whether it is there, as a normal heart size does; the first concept always."""

    @property
    def terms(self) -> tuple[str, ...]:
        """The name, the synonyms and the signs; each says beside which words it counts for nothing, if any.

        ``effusion unless joint, knee``: what ``text.polarity.mentions`` looks for; ``text.elsewhere.bare`` is the term.
        """
        words = (self.name, *self.synonyms, *self.signs)
        return tuple(f"{word}{UNLESS}{', '.join(self.unless)}" for word in words) if self.unless else words


class Task(Strict):
    """A clinical question: what is asked, how it is labelled, what is looked for."""

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,60}$")]
    title: str
    question: str
    outcome: str
    """The positive answer in words that fit after ``the risk of``: ``pleural effusion``."""
    label: Label
    report_policy: ReportPolicy = "prior_only"
    """Which radiology text may be used; ``admissible``: all that was known before t (outcome tasks)."""
    anchors: Annotated[tuple[str, ...], Field(min_length=1)]
    """Task sentences that chunks are compared with (paper section 4)."""
    negated_anchors: tuple[str, ...] = ()
    """The same denied; separate queries, so that evidence against is found too."""
    concepts: Annotated[tuple[Concept, ...], Field(min_length=1)]
    signals: tuple[Annotated[str, AfterValidator(known_signal)], ...] = ()
    """Signals that matter to the question, for the explanation's measurements and what is missing."""

    @field_validator("anchors", "negated_anchors")
    @classmethod
    def _not_blank(cls, sentences: tuple[str, ...]) -> tuple[str, ...]:
        for sentence in sentences:
            if not sentence.strip():
                raise ValueError("blank sentence|a sentence such as 'There is a pleural effusion.'")
        return sentences

    @model_validator(mode="after")
    def _policy_fits(self) -> Task:
        if isinstance(self.label, FindingLabel) and self.report_policy == "admissible":
            raise ValueError(
                "report_policy 'admissible' would show the model the report that its label comes from|"
                "one of none, prior_only, prior_plus_indication, index_included"
            )
        return self

    @property
    def needs_image(self) -> bool:
        """Say whether a sample needs an index study to have a label."""
        return isinstance(self.label, FindingLabel)

    @property
    def label_file(self) -> Path | None:
        """The file that says prediction times and labels, or by which ACES finds them; None for all other tasks."""
        return Path(self.label.path) if isinstance(self.label, MedsLabel | AcesLabel) else None


def shipped_tasks() -> dict[str, Path]:
    """Return the tasks that come with the product: id -> path."""
    folder = Path(str(files("xhaim").joinpath("tasks")))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def load_task(name_or_path: str | Path) -> Task:
    """Read a shipped task by name, or any YAML file by path.

    Raises TaskError with the YAML path, what was got and what is expected, one line for each fault.
    """
    shipped = shipped_tasks()
    path = shipped.get(str(name_or_path)) or Path(name_or_path)
    if not path.is_file():
        raise TaskError(
            f"no task '{name_or_path}'",
            expected=did_you_mean(str(name_or_path), shipped),
            do="name a shipped task, or give the path of a YAML file",
        )
    try:
        raw: Any = parse(path.read_text(encoding="utf-8"))
    except (DataError, UnicodeDecodeError) as error:
        raise TaskError(f"{path} is not YAML", got=str(error), expected="UTF-8 YAML, each key once") from None
    if not isinstance(raw, dict):
        raise TaskError(
            f"{path} holds no task",
            got=type(raw).__name__,
            expected="a mapping with id, question, label, anchors",
        )
    try:
        return _beside(Task.model_validate(raw), path.resolve().parent)
    except ValidationError as error:
        raise TaskError(
            f"{path} is not a task: {error.error_count()} fault(s)\n" + "\n".join(_faults(error, raw)),
            do=f"mend the file; {next(iter(shipped.values()))} is one that works",
        ) from None


def _beside(task: Task, folder: Path) -> Task:
    """Take a label file's path from the folder of the task file."""
    if not isinstance(task.label, MedsLabel | AcesLabel):
        return task
    return task.model_copy(update={"label": task.label.model_copy(update={"path": str(folder / task.label.path)})})


def _faults(error: ValidationError, raw: dict[str, Any]) -> list[str]:
    return [_fault(dict(item), raw) for item in error.errors()]


def _fault(item: dict[str, Any], raw: dict[str, Any]) -> str:
    """One line: ``$.label.horizon_hours: got -48; expected greater than 0``."""
    parts = [part for part in item["loc"] if part not in LABELS]
    path = "$" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
    got = f"got {item['input']!r}"[:200]
    if item["type"] == "extra_forbidden":
        return f"  {path}: unknown key; expected {did_you_mean(str(parts[-1]), _keys_beside(parts, raw))}"
    if item["type"] == "missing":
        return f"  {path}: missing; expected {item['msg'].lower()}"
    message, _, expected = item["msg"].removeprefix("Value error, ").partition("|")
    if item["type"] == "union_tag_invalid":
        return f"  {path}.kind: got {item['ctx']['tag']!r}; expected one of {item['ctx']['expected_tags']}"
    if expected:
        return f"  {path}: {message}; {got}; expected {expected}"
    return f"  {path}: {got}; expected {message.removeprefix('Input should be ')}"


def _keys_beside(parts: list[Any], raw: dict[str, Any]) -> list[str]:
    """Name the keys that could have stood where an unknown one stands."""
    model: type[BaseModel] = Task
    if parts[0] == "label":
        label = raw.get("label")
        kind = label.get("kind") if isinstance(label, dict) else None
        model = LABELS.get(str(kind), FindingLabel)
    elif parts[0] == "concepts":
        model = Concept
    return list(model.model_fields)
