"""The words in which a summary is asked for: templates in files, the chart as data between marks."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from string import Template

from xhaim.llm.fence import fence_all, fenced, nonce, without_marks
from xhaim.summarize.excerpt import Piece
from xhaim.task import Task

TEMPLATES = "v4"
"""Version of the prompts: a folder of ``prompts/``. The ledger keeps each prompt as it was sent."""
_SHOWN_AGAIN = 6000
"""Characters of an answer that are shown to the model when it is asked to mend it."""


def system() -> str:
    """Return what is the same for every summary."""
    return _template("system").strip()


def user(task: Task, pieces: Sequence[Piece], words: int, again: str) -> str:
    """Fill the template: the task, then the pieces, then what changes, so that prompts share their beginnings."""
    told = [(one.number, f"{one.chunk.time:%Y-%m-%d}", "\n".join(one.lines)) for one in pieces]
    return Template(_template("user").strip()).substitute(
        question=task.question,
        concepts="; ".join(concept.name for concept in task.concepts),
        pieces=fence_all(told, _key(pieces)),
        words=words,
        again=again,
    )


def again(pieces: Sequence[Piece], why: Sequence[str], answer: str) -> str:
    """Return what is added to ask for an answer once more: why, and the last one, which cannot close its marks."""
    shown = without_marks(answer)[:_SHOWN_AGAIN]
    return Template(_template("again").rstrip()).substitute(
        why="; ".join(why[:20]), answer=fenced("answer", _key(pieces), shown) if shown else ""
    )


def _key(pieces: Sequence[Piece]) -> str:
    """Return what tells the marks from chart text: nothing that is shown holds it."""
    return nonce(*(one.text for one in pieces))


def _template(name: str) -> str:
    return files("xhaim.summarize").joinpath("prompts", TEMPLATES, f"{name}.txt").read_text(encoding="utf-8")
