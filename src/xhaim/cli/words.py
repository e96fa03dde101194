"""What the verbs take from the command line as words, and how they answer."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
import yaml
from pydantic import ValidationError

from xhaim.config import RunSettings
from xhaim.errors import DataError, did_you_mean
from xhaim.task import shipped_tasks

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of words.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]


def parse_hours(text: str) -> float:
    """Return hours of ``24h``, ``36``, ``2d`` or ``90min``. Raises DataError."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(h|d|min)?\s*", text)
    if not found or float(found[1]) <= 0:
        raise DataError(
            "not a landmark", got=text[:40], expected="a time after ICU admission, such as 24h, 2d or 90min"
        )
    return float(found[1]) * {"h": 1.0, None: 1.0, "d": 24.0, "min": 1 / 60}[found[2]]


def build_settings(base: dict[str, Any], overrides: list[str]) -> RunSettings:
    """Return the settings of the options and of ``section.key=value`` overrides. Raises DataError with the path."""
    for item in overrides:
        path, _, value = item.partition("=")
        keys = path.strip().split(".")
        if not value or not all(keys):
            raise DataError("not a setting", got=item, expected="section.key=value, as in encoder.epochs=3")
        place = base
        for key in keys[:-1]:
            place = place.setdefault(key, {})
            if not isinstance(place, dict):
                raise DataError(f"no such setting: {path}", got=item, expected="section.key=value")
        place[keys[-1]] = yaml.safe_load(value)
    try:
        return RunSettings.model_validate(base)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}, got {e['input']!r}" for e in error.errors())
        raise DataError(
            "settings that do not fit",
            got=faults[:600],
            do="the settings and their limits are the fields of xhaim.config.RunSettings",
        ) from None


def prices(words: list[str]) -> dict[str, Any]:
    """Return model -> price of ``MODEL=IN,OUT``. Raises DataError."""
    from xhaim.llm.costs import Price

    found = {}
    for word in words:
        model, _, rest = word.rpartition("=")
        parts = rest.split(",")
        try:
            found[model] = Price(float(parts[0]), float(parts[1]))
        except (IndexError, ValueError):
            raise DataError("not a price", got=word[:80], expected="MODEL=IN,OUT, as in llama=0.5,1.5") from None
    return found


def absolute(name: str) -> str:
    """Return a task file's whole path; a shipped task's name as it is."""
    path = Path(name)
    return str(path.resolve()) if name not in shipped_tasks() and path.exists() else name


def one_of(what: list[str]) -> list[Any]:
    """Return what may be exported. Raises DataError for another word."""
    known = ("data", "labels", "predictions")
    for word in what:
        if word not in known:
            raise DataError("nothing that can be exported", got=word[:40], expected=" or ".join(known))
    return what


def engine_named(word: str) -> Literal["local", "ray"]:
    """Return an engine by its name. Raises DataError for another word."""
    known: dict[str, Literal["local", "ray"]] = {"local": "local", "ray": "ray"}
    if word not in known:
        raise DataError("no such engine", got=word[:40], expected=" or ".join(known))
    return known[word]


def one_word(word: str, known: Sequence[str], what: str) -> str:
    """Return a word that is known. Raises DataError for another."""
    if word not in known:
        raise DataError(f"no such {what}", got=word[:40], expected=did_you_mean(word, known))
    return word


def watch(quiet: bool) -> Any:  # noqa: ANN401  (Bars or Quiet)
    """Return who shows the progress: nobody where the answer is JSON."""
    from xhaim.run.watch import Bars, Quiet

    return Quiet() if quiet else Bars()


def rows_in_words(rows: Sequence[dict[str, Any]]) -> str:
    """Return rows of the same columns as aligned text; three decimals, and a dash for what is not there."""
    if not rows:
        return "none"
    cells = [[*rows[0]], *([_cell(value) for value in row.values()] for row in rows)]
    widths = [max(len(row[at]) for row in cells) for at in range(len(cells[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells
    )


def _cell(value: Any) -> str:  # noqa: ANN401
    return "-" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)


def say(content: Any, *, as_json: bool) -> None:  # noqa: ANN401
    """Print an answer: words as they are, anything else as JSON or YAML."""
    if as_json:
        typer.echo(json.dumps(content, indent=2, ensure_ascii=False, default=str))
    elif isinstance(content, str):
        typer.echo(content)
    else:
        typer.echo(
            yaml.safe_dump(json.loads(json.dumps(content, default=str)), sort_keys=False, allow_unicode=True).rstrip()
        )
