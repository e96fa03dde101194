"""What was answered for one patient: a row for each risk, and of the newest all that a page shows."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from xhaim.records import Evidence, Explanation, Prediction, Sample, Summary
from xhaim.run.apply_bundle import Left
from xhaim.serve.arrivals.sent import Sent

LAYOUT = 1


@dataclass(frozen=True, slots=True)
class Risk:
    """One prediction."""

    sample: Sample
    prediction: Prediction
    message: int
    """The last message that was read for it."""
    latest: datetime | None
    """The last thing in the record by then."""
    run: str
    """Which run's model gave it (``identity``): risks of another are not its trend."""
    abstains: bool


@dataclass(frozen=True, slots=True)
class State:
    """What is known of one patient by now."""

    layout: int
    name: str
    """What FHIR calls them: ``Patient/7``."""
    server: str | None
    """Whose patient that is; ``None``: nothing that was sent says so."""
    called: tuple[str, ...] = ()
    """Urns of the same patient."""
    read: int = 0
    """The last message of which all tasks were answered; 0: none yet."""
    run: str = ""
    """By which run's models."""
    until: datetime | None = None
    latest: datetime | None = None
    future: int = 0
    """Facts dated after this server's clock."""
    left: tuple[Left, ...] = ()
    refused: dict[str, str] = field(default_factory=dict)
    """Task id -> why it gives no risk."""
    fault: str = ""
    """Why the last messages could not be read at all."""
    risks: tuple[Risk, ...] = ()
    """In order of their messages."""


@dataclass(frozen=True, slots=True)
class Answer:
    """All that a page shows of one prediction, beside the record."""

    explanation: Explanation
    evidence: tuple[Evidence, ...]
    summaries: tuple[Summary, ...]


_STATE, _ANSWER = TypeAdapter(State), TypeAdapter(Answer)


def state_json(state: State) -> bytes:
    """Return a state as JSON."""
    return _STATE.dump_json(state)


def answer_json(answer: Answer) -> bytes:
    """Return an answer as JSON."""
    return _ANSWER.dump_json(answer)


def read_state(path: Path) -> State | None:
    """Return a state; ``None`` where there is none that this version wrote: it is made again of the messages."""
    try:
        found = _STATE.validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
    return found if found.layout == LAYOUT else None


def read_answer(path: Path) -> Answer | None:
    """Return an answer; ``None`` where there is none, or one of another version."""
    try:
        return _ANSWER.validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def merged(state: State, message: Sent) -> State:
    """Return a state that knows how else the patient is called, and of which server they are."""
    name = state.name or message.patient or ""
    called = {urn for urn, theirs in message.called.items() if theirs == name}
    server = state.server or next(iter(message.servers), None)
    return replace(state, name=name, server=server, called=tuple(sorted({*state.called, *called})))
