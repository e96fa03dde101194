"""What a language model by itself says the risk is: the question, summaries and tables in words; one number back.

Nothing is fitted and nothing is calibrated. An answer that cannot be used is no prediction: it has a reason, and no
number stands in for it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from string import Template
from typing import Any

from xhaim.errors import BackendError
from xhaim.llm.fence import fence_all, nonce, without_marks
from xhaim.llm.replies import UnusableReplyError, fault_of
from xhaim.ports import LanguageModel
from xhaim.task import Task

PROMPTS = "v1"
"""Version of the prompts: a folder of ``prompts/``. The ledger keeps each prompt as it was sent."""
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"probability": {"type": "number", "minimum": 0, "maximum": 100}},
    "required": ["probability"],
    "additionalProperties": False,
}
NOTHING = "Nothing is known."
"""Said in place of a part that is empty."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One answer, or why there is none."""

    probability: float | None
    """[0, 1], as the model said it."""
    reason: str | None
    """Why there is none, without a word of the answer; ``None`` where there is one."""


def ask_risk(task: Task, summaries: Mapping[str, str], told: Sequence[str], model: LanguageModel) -> Asked:
    """Ask a model for the probability that a task's question is answered by yes.

    ``summaries``: what a part of the chart is called -> its text; ``told``: tables and time series in sentences. They
    go as data between marks that no text can forge. Asked once: a server that fails, an answer that is cut, no JSON,
    or no number from 0 to 100 is a reason. Raises what is no fault of one question (a spent budget).
    """
    parts = {**summaries, "tables": "\n".join(told)}
    shown = [(n, name, without_marks(text).strip() or NOTHING) for n, (name, text) in enumerate(parts.items(), 1)]
    pieces = fence_all(shown, nonce(*(text for _, _, text in shown)))
    user = Template(_template("user")).substitute(question=task.question, pieces=pieces)
    try:
        reply = model.ask(_template("system"), user, SCHEMA)
        fault = fault_of(reply, SCHEMA)
    except UnusableReplyError as error:
        return Asked(None, error.why)
    except BackendError as error:
        return Asked(None, error.what)
    if fault is not None:
        return Asked(None, fault)
    return Asked(float(json.loads(reply.text)["probability"]) / 100, None)


def _template(name: str) -> str:
    return files("xhaim.predict").joinpath("prompts", PROMPTS, f"{name}.txt").read_text(encoding="utf-8").strip()
