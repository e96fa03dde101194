"""What a judge that reads is shown of one explanation: numbered evidence and sentences, as data between marks."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from string import Template

from xhaim.judge.rubric import Rubric
from xhaim.llm.fence import fence_all, fenced, nonce, without_marks
from xhaim.records import Explanation, Statement

PROMPTS = "v1"
"""Version of the prompts: a folder of ``prompts/``. The ledger keeps each prompt as it was sent."""
NOWHERE = "(this citation points to nothing in the patient's record)"
NOTHING = "(nothing is cited)"


@dataclass(frozen=True, slots=True)
class Case:
    """One explanation to be judged."""

    explanation: Explanation
    digest: str
    """SHA-256 of its JSON."""
    evidence: Mapping[int, str | None]
    """Marker -> the words that it rests on; ``None``: it points nowhere."""

    @property
    def mark(self) -> str:
        """What the sample is called in prompts and replies: no identifier of a patient, and no other sample's."""
        told = f"{self.explanation.task_id} {self.explanation.sample_id} {self.digest}"
        return "item-" + hashlib.sha256(told.encode()).hexdigest()[:10]


def system(name: str, case: Case, rubric: Rubric) -> str:
    """Return a role's instructions: ``analyst`` or ``evaluator``."""
    axes = [axis.name for axis in rubric.axes]
    return Template(_template(name)).substitute(
        rubric=rubric.words(),
        sample=case.mark,
        example=", ".join(f'"{axis.name}": {axis.scores[len(axis.scores) // 2]}' for axis in rubric.axes),
        why=", ".join(f'"{name}": "..."' for name in axes),
    )


def question(case: Case, critique: str | None = None, reading: int = 0) -> str:
    """Return the question; ``critique``: of the first stage, for the second. ``reading``: the same, read once more."""
    told = without_marks("\n".join(_line(one) for one in case.explanation.statements))
    pieces = [
        (marker, "evidence", without_marks(NOWHERE if words is None else words).strip())
        for marker, words in sorted(case.evidence.items())
    ]
    said = without_marks(critique or "")
    key = nonce(told, said, *(text for _, _, text in pieces))
    user = Template(_template("user")).substitute(
        sample=case.mark,
        question=case.explanation.question,
        evidence=fence_all(pieces, key) if pieces else NOTHING,
        explanation=fenced("answer", key, told),
    )
    if critique is not None:
        user += "\n\nThe critique:\n" + fence_all([(1, "critique", said)], key)
    return user + (f"\n\nReading {reading + 1} of the same." if reading else "")


def _line(statement: Statement) -> str:
    marks = "".join([f"[{one}]" for one in statement.markers] + [f"[K {one}]" for one in statement.knowledge])
    return f"{statement.role}: {statement.text} {marks}".rstrip()


def _template(name: str) -> str:
    return files("xhaim.judge").joinpath("prompts", PROMPTS, f"{name}.txt").read_text(encoding="utf-8").strip()
