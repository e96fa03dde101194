"""Cards by name or path. Faults are named by their path in the file, with got and expected, as in task files."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from xhaim.errors import DataError, did_you_mean
from xhaim.knowledge.card import Card, CriterionLine, Line, ScoreLine, Source, SpokenLine, ValueLine
from xhaim.knowledge.rules import RULES, AllOf, AnyOf, FirstOf, WordsRule
from xhaim.strict_yaml import parse
from xhaim.task import Task

_MAX_BYTES = 256_000
_MODELS: dict[str, type[BaseModel]] = {
    "sources": Source, "definition": Line, "signs": SpokenLine, "mimics": SpokenLine, "values": ValueLine,
    "criteria": CriterionLine, "scores": ScoreLine,
}  # fmt: skip


def shipped_cards() -> dict[str, Path]:
    """Return the cards that come with the product: task id -> path."""
    folder = Path(str(files("xhaim").joinpath("cards")))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def card_of(task: Task, own: Path | None = None) -> Card | None:
    """Return the card of a task: the user's own where there is one, else the shipped one; None where there is none.

    Raises DataError for a card that cannot be read, is of another task, or names a concept that the task lacks.
    """
    path = own or shipped_cards().get(task.id)
    if path is None:
        return None
    card = load_card(path)
    known = [concept.name for concept in task.concepts]
    faults = [
        f"  $.criteria[{at}].rule: got concept {name!r}; expected {did_you_mean(name, known)}"
        for at, one in enumerate(card.criteria)
        for name in _concepts(one)
        if name not in known
    ]
    if card.task != task.id:
        faults.insert(0, f"  $.task: got {card.task!r}; expected {task.id!r}")
    if faults:
        raise DataError(f"{path} is no card of the task '{task.id}'\n" + "\n".join(faults))
    return card


def load_card(name_or_path: str | Path) -> Card:
    """Read a shipped card by its task's id, or any YAML file by path.

    Raises DataError with the YAML path, what was got and what is expected, one line for each fault: a line without a
    source, a source without an address, an address that is none, a rule that no signal can answer.
    """
    shipped = shipped_cards()
    path = shipped.get(str(name_or_path)) or Path(name_or_path)
    raw = _read(path, did_you_mean(str(name_or_path), shipped))
    if not isinstance(raw, dict):
        raise DataError(f"{path} holds no card", got=type(raw).__name__, expected="a mapping with task, sources, …")
    try:
        card = Card.model_validate(raw)
        faults = [f"  {one}" for one in card.faults()]
    except ValidationError as error:
        faults = [_fault(dict(item)) for item in error.errors(include_url=False)]
    if faults:
        what = f"{path} is not a card: {len(faults)} fault(s)\n" + "\n".join(faults[:40])
        raise DataError(what, do=f"mend the file; {next(iter(shipped.values()))} is one that works")
    return card


def _read(path: Path, known: str) -> Any:  # noqa: ANN401  (whatever the file holds)
    if not path.is_file():
        raise DataError(f"no card '{path}'", expected=known, do="name a task with a card, or a YAML file by its path")
    if path.stat().st_size > _MAX_BYTES:
        raise DataError(f"{path} is too large for a card", expected=f"at most {_MAX_BYTES:,} bytes")
    try:
        return parse(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise DataError(f"{path} is not UTF-8") from None
    except DataError as error:
        raise DataError(f"{path} is not plain YAML", got=error.what) from None


def _concepts(one: CriterionLine) -> list[str]:
    """Name the task's concepts that a criterion's rule looks for."""
    rules = one.rule.rules if isinstance(one.rule, AnyOf | AllOf | FirstOf) else (one.rule,)
    return [rule.concept for rule in rules if isinstance(rule, WordsRule) and rule.concept is not None]


def _fault(item: dict[str, Any]) -> str:
    """One line: ``$.criteria[0].rule.within_hours: got -1; expected greater than 0``."""
    parts = [part for part in item["loc"] if part not in RULES]
    path = "$" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
    if item["type"] == "extra_forbidden":
        return f"  {path}: unknown key; expected {did_you_mean(str(parts[-1]), _keys_beside(item['loc']))}"
    if item["type"] == "missing":
        return f"  {path}: missing; expected {item['msg'].lower()}"
    if item["type"].startswith("union_tag"):
        return f"  {path}.kind: got {str(item['ctx'].get('tag'))[:60]!r}; expected one of {', '.join(RULES)}"
    message, _, expected = item["msg"].removeprefix("Value error, ").partition("|")
    got = "" if isinstance(item["input"], dict | list) else f"got {str(item['input'])[:100]!r}"
    told = [message, got, f"expected {expected}"] if expected else [got, f"expected {message.removeprefix('Input ')}"]
    return f"  {path}: " + "; ".join(part for part in told if part)


def _keys_beside(place: tuple[Any, ...]) -> list[str]:
    """Name the keys that could have stood where an unknown one stands."""
    model: type[BaseModel] = _MODELS.get(str(place[0]), Card) if len(place) > 1 else Card
    for part in place[:-1]:
        model = RULES.get(str(part), model)
    return list(model.model_fields)
