"""One patient out of a FHIR bundle that somebody sent: read into a store of its own, gone with its folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

import polars as pl

from xhaim.errors import DataError, XhaimError
from xhaim.source.fhir import FHIR
from xhaim.source.fhir.json import UnreadableError, parse
from xhaim.source.fhir.pictures import is_picture
from xhaim.source.store import Store

MAX_BYTES = 50_000_000
"""Of a bundle."""
MAX_PICTURES = 20
"""Of a bundle: each may unpack to 64 million pixels."""
_ONE = "a Bundle of exactly one Patient, and what refers to it"


@dataclass(frozen=True, slots=True)
class Left:
    """Resources of a bundle that gave nothing."""

    kind: str
    """Their type."""
    reason: str
    """Never more of a value than its kind."""
    n: int


@dataclass(frozen=True, slots=True)
class OnePatient:
    """A store that holds one subject."""

    store: Store
    subject_id: int
    left: tuple[Left, ...]
    """What was set aside or is of no use here: nothing is silently lost."""


def read_bundle(data: bytes, folder: Path, zone: str | None, most_pictures: int = MAX_PICTURES) -> OnePatient:
    """Read a FHIR R4 Bundle (JSON, UTF-8) into ``folder``, which is empty.

    ``zone``: of the hospital, as ``Europe/Berlin``; ``None``: UTC. ``most_pictures``: of the patient. Raises DataError,
    which quotes nothing of the bundle, for what is no bundle within the limits of size and depth, or is not of exactly
    one patient.
    """
    if len(data) > MAX_BYTES:
        raise DataError("the bundle is too large", got=f"{len(data):,} bytes", expected=f"at most {MAX_BYTES:,}")
    try:
        document = parse(data)
    except UnreadableError as error:
        raise DataError("this is not a bundle", got=str(error), expected="a FHIR R4 Bundle as JSON") from None
    if not isinstance(document, dict) or document.get("resourceType") != "Bundle":
        raise DataError("this is not a bundle", got="another JSON value", expected="resourceType Bundle")
    if (n := _pictures(document)) > most_pictures:
        raise DataError("the bundle holds too many pictures", got=str(n), expected=f"at most {most_pictures}")
    del document
    sent = folder / "sent"
    sent.mkdir(parents=True)
    (sent / "bundle.json").write_bytes(data)
    try:
        info = FHIR(zone=zone).ingest(sent, folder / "store")
    except DataError as error:
        raise DataError("the bundle holds no Patient that can be read", expected=_ONE) from error
    finally:
        (sent / "bundle.json").unlink()
    store = Store.open(folder / "store")
    patients = int(info["counts"]["subjects"])
    if patients != 1:
        raise DataError("the bundle is not of one patient", got=f"{patients} patients", expected=_ONE)
    subjects = store.events().select(pl.col("subject_id").unique()).collect()["subject_id"].to_list()
    if not subjects:
        raise DataError("the bundle says nothing of its patient", expected=_ONE)
    return OnePatient(store, int(subjects[0]), _left(info, store))


def _pictures(document: object) -> int:
    """Count the attachments that say they are pictures, wherever they stand."""
    n, left = 0, [document]
    while left:
        item = left.pop()
        if isinstance(item, dict):
            n += isinstance(item.get("contentType"), str) and is_picture(item)
            left.extend(item.values())
        elif isinstance(item, list):
            left.extend(item)
    return n


def _left(info: Mapping[str, Any], store: Store) -> tuple[Left, ...]:
    unused = [
        Left(kind, str(reason), int(n))
        for kind, table in info["tables"].items()
        for reason, n in table["not_used"].items()
        if n
    ]
    aside = store.quarantine().group_by("reason").len().sort("reason").collect()
    return (*sorted(unused, key=lambda one: (one.kind, one.reason)), *(Left("set aside", *row) for row in aside.rows()))


def zone_of(manifest: Mapping[str, Any]) -> str | None:
    """Return the zone of the store that a run was made from; ``None`` where it says none, or lies there no more."""
    try:
        named = Store.open(Path(manifest["store"])).info.get("time_zone")
    except XhaimError:
        return None
    return str(named) if named in available_timezones() else None
