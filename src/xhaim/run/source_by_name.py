"""A source by name, with its options as words: what the verb ``ingest`` is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, is_dataclass

import yaml
from pydantic import TypeAdapter, ValidationError

from xhaim.backends import load
from xhaim.errors import DataError, did_you_mean
from xhaim.ports import Source


def source_with(name: str, options: Sequence[str] = ()) -> Source:
    """Return the source with the options ``key=value``; a source's options are the fields of its dataclass.

    Raises PrerequisiteError for an unknown source, DataError for an unknown option or a value that does not fit it.
    """
    kind = load("sources", name)
    known = {field.name: field for field in fields(kind)} if is_dataclass(kind) else {}
    given = {}
    for option in options:
        key, _, value = option.partition("=")
        if key not in known or not value:
            raise DataError(
                f"{name} has no option '{key[:40]}'",
                got=option[:80],
                expected=f"key=value with {did_you_mean(key, known)}" if known else "no options",
            )
        given[key] = yaml.safe_load(value)
    try:
        source: Source = TypeAdapter(kind).validate_python(given) if given else kind()
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise DataError(
            f"options that {name} cannot take", got=" ".join(options)[:200], expected=faults[:300]
        ) from None
    return source
