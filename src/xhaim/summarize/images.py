"""Chest images into words: a vision model says finding by finding what it sees, and the sentences are ours.

The paper (section 4) lets Qwen2.5-VL describe an image with its report. The report of the index image holds the label,
so here a prompt holds pixels and nothing of any report. What comes back is states from fixed lists, and one sentence of
the model's own for a finding, which is dropped where it says more than pixels can (``seen_words``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from string import Template
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from xhaim.events import CHEXPERT_FINDINGS
from xhaim.llm.replies import UnusableReplyError, fault_of
from xhaim.ports import LanguageModel, Pixels
from xhaim.summarize.seen_words import holds
from xhaim.text.values import when

TEMPLATES = "images-v1"
"""Version of the prompts: a folder of ``prompts/``."""
_NAMES = {
    "Edema": "pulmonary edema",
    "Enlarged Cardiomediastinum": "enlarged mediastinum",
    "Lung Lesion": "lung nodule or mass",
    "Pleural Other": "pleural thickening",
}
CHECKLIST: Mapping[str, str] = {
    finding: _NAMES.get(finding, finding.lower()) for finding in CHEXPERT_FINDINGS if finding != "No Finding"
}
"""CheXpert's name -> ours, of every finding that a pathology task can ask for, and support devices: one question for
all tasks, so that an image is described once, and no task's words hang on which others are run beside it."""
_DEVICES = "support devices"
VIEWS = {"AP": "frontal view, AP", "PA": "frontal view, PA", "LATERAL": "lateral view", "LL": "lateral view"}
"""What a prompt says of a view; any other words of the records are not shown to the model."""
_CHANGES = {"new": "new since", "larger": "larger than on", "smaller": "smaller than on",
            "unchanged": "unchanged since", "gone": "gone since"}  # fmt: skip
_LONG_AGO = datetime(1, 1, 1)
"""A time is told with its year."""


class _Finding(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    state: Literal["present", "absent", "uncertain", "not visible"]
    side: Literal["left", "right", "both"] | None = None
    size: Literal["small", "moderate", "large"] | None = None
    change: Literal["new", "larger", "smaller", "unchanged", "gone"] | None = None
    words: str | None = None


_ANSWER = TypeAdapter(dict[str, _Finding])


@dataclass(frozen=True, slots=True)
class Shown:
    """An image as it is shown to the model."""

    pixels: Pixels
    time: datetime
    view: str | None = None
    """As the records have it."""


@dataclass(frozen=True, slots=True)
class Described:
    """What a model sees in an image, in our sentences."""

    sentences: tuple[str, ...]
    """In the order of CHECKLIST; empty where no finding could be judged."""
    dropped: int
    """Sentences of the model's own that did not hold, and changes against an image that it was not shown."""


def describe(images: Sequence[Shown], model: LanguageModel) -> Described:
    """Return what ``model`` sees in the first image; the others are earlier ones of the same patient, newest first.

    An answer that cannot be used (no JSON, a finding that was not asked for, one left out, states of its own) is asked
    for once more. Raises BackendError when there is none that can be used, or as the model does.
    """
    try:
        found = _ask(images, model, "")
    except UnusableReplyError as error:
        found = _ask(images, model, Template(_template("again")).substitute(why=error.why))
    told: list[str] = []
    dropped = 0
    states = {name: one.state for name, one in found.items()}
    for name in CHECKLIST.values():
        one = found[name]
        if one.state != "not visible":
            compared = one.change is not None and len(images) > 1
            told.append(_sentence(name, one, images[1].time if compared else None))
            dropped += one.change is not None and not compared
        own = " ".join((one.words or "").split())
        if not own:
            continue
        if not holds(own, states, "both" if name == _DEVICES else one.side, compared=len(images) > 1):
            dropped += 1
        elif one.state in ("present", "uncertain"):  # of the others it could only say the same again
            told.append(f"An image model describes: {own.rstrip('.')}.")
    return Described(tuple(told), dropped)


def _ask(images: Sequence[Shown], model: LanguageModel, again: str) -> dict[str, _Finding]:
    schema = answer_schema()
    reply = model.ask(_template("system"), _prompt(images, again), schema, [one.pixels for one in images])
    fault = fault_of(reply, schema)
    if fault is not None:
        raise UnusableReplyError(model.name, fault, reply)
    try:
        return _ANSWER.validate_json(reply.text)
    except ValidationError as error:  # what the schema lets through and the types do not
        raise UnusableReplyError(model.name, f"not what was asked for ({error.error_count()} faults)", reply) from None


def answer_schema() -> dict[str, Any]:
    """Return the shape of an answer: every finding of CHECKLIST once, and nothing else."""
    choices = {
        "state": ["present", "absent", "uncertain", "not visible"],
        "side": ["left", "right", "both", None],
        "size": ["small", "moderate", "large", None],
        "change": [*_CHANGES, None],
    }
    properties: dict[str, Any] = {name: {"enum": values} for name, values in choices.items()}
    properties["words"] = {"type": ["string", "null"]}
    finding = {"type": "object", "properties": properties, "required": ["state"], "additionalProperties": False}
    names = list(CHECKLIST.values())
    return {
        "type": "object",
        "properties": dict.fromkeys(names, finding),
        "required": names,
        "additionalProperties": False,
    }


def _prompt(images: Sequence[Shown], again: str) -> str:
    """Say what the images are: which is described, how much older the others are, and nothing that tells whose."""
    lines = []
    for n, one in enumerate(images, start=1):
        view = VIEWS.get((one.view or "").strip().upper(), "chest X-ray")
        hours = (images[0].time - one.time).total_seconds() / 3600
        age = f"{hours:.0f} hours" if hours < 72 else f"{hours / 24:.0f} days"
        lines.append(f"Image {n}: {view}" + (", the image to describe." if n == 1 else f", {age} earlier."))
    findings = "; ".join(CHECKLIST.values())
    return Template(_template("user")).substitute(shown="\n".join(lines), findings=findings, again=again)


def _sentence(name: str, one: _Finding, compared_with: datetime | None) -> str:
    """Compose ``An image model sees: moderate left pleural effusion, larger than on the chest X-ray of ...``."""
    change = ""
    if one.change is not None and compared_with is not None:
        change = f", {_CHANGES[one.change]} the chest X-ray of {when(compared_with, _LONG_AGO)}"
    if one.state == "absent":
        return f"An image model sees no {name}{change if one.change == 'gone' else ''}."
    side = "bilateral" if one.side == "both" else one.side
    what = " ".join(part for part in (one.size, side, name) if part)
    return f"An image model sees: {'possible ' if one.state == 'uncertain' else ''}{what}{change}."


def _template(name: str) -> str:
    text = files("xhaim.summarize").joinpath("prompts", TEMPLATES, f"{name}.txt").read_text(encoding="utf-8")
    return text.rstrip() if name == "again" else text.strip()
