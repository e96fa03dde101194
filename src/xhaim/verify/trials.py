"""The records of NLI4CT: trials as four sections of lines, one JSON each, in a folder or packed as a tar."""

from __future__ import annotations

import json
import re
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xhaim.errors import DataError

MAX_TRIAL_BYTES = 4 * 2**20
MAX_TRIALS = 100_000
_TRIAL = re.compile(r"NCT\d{8}")
_NEEDED = ("Statement", "Section_id", "Primary_id")


def is_statement(row: object) -> bool:
    """Say whether a value of the JSON is a statement of NLI4CT."""
    return isinstance(row, Mapping) and all(isinstance(row.get(name), str) for name in _NEEDED)


@dataclass(frozen=True, slots=True)
class Trials:
    """The trials that statements speak of, by id, each as its sections of lines."""

    sections: Mapping[str, Mapping[str, Any]]

    @classmethod
    def open(cls, place: Path) -> Trials:
        """Read the trials of a folder, of its ``CT_json`` or ``CT json``, or of a tar. Raises DataError.

        Only members named ``NCT<8 digits>.json`` are read, and nothing is unpacked to the disk.
        """
        inside = [place / "CT_json", place / "CT json", place / "CT_json.tar.gz"] if place.is_dir() else []
        place = next((one for one in inside if one.exists()), place)
        if place.is_dir():
            found = {path.stem: path for path in sorted(place.glob("NCT*.json")) if _TRIAL.fullmatch(path.stem)}
            sections = {key: _sections(key, path.read_bytes()[: MAX_TRIAL_BYTES + 1]) for key, path in found.items()}
        elif place.is_file():
            sections = _of_tar(place)
        else:
            sections = {}
        if not sections:
            raise DataError(
                f"no trial record at '{place}'",
                expected="a folder with NCT<8 digits>.json, or CT_json.tar.gz",
                do="give its place as --trials",
            )
        return cls(sections)

    def group(self, row: Mapping[str, Any]) -> str:
        """Return the primary trial: its statements stay together."""
        return str(row["Primary_id"])

    def evidence(self, row: Mapping[str, Any]) -> str:
        """Return the section of the one or two trials that a statement speaks of, each under its heading."""
        named = [("Primary trial:", row["Primary_id"]), ("Secondary trial:", row.get("Secondary_id"))]
        return "\n".join(
            line for heading, key in named if key for line in (heading, *self._lines(str(key), row["Section_id"]))
        )

    def _lines(self, key: str, section: str) -> list[str]:
        lines = self.sections.get(key, {}).get(section)
        if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
            raise DataError(
                f"no section '{section[:40]}' of trial '{key[:11]}'",
                expected="every trial that a statement names, with its sections as lists of lines",
            )
        return [*lines]


def _of_tar(path: Path) -> dict[str, Mapping[str, Any]]:
    sections: dict[str, Mapping[str, Any]] = {}
    try:
        with tarfile.open(path, "r:*") as packed:
            for member in packed:
                key = Path(member.name).stem
                if not (member.isfile() and member.name.endswith(".json") and _TRIAL.fullmatch(key)):
                    continue
                file = packed.extractfile(member)
                if file is None or len(sections) >= MAX_TRIALS:
                    raise DataError(
                        f"'{path.name}' is no set of trials", expected=f"at most {MAX_TRIALS:,} plain files"
                    )
                sections[key] = _sections(key, file.read(MAX_TRIAL_BYTES + 1))
    except (tarfile.TarError, OSError, EOFError) as error:
        raise DataError(f"'{path.name}' cannot be read", got=type(error).__name__, do="fetch it again") from None
    return sections


def _sections(key: str, data: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(data) if len(data) <= MAX_TRIAL_BYTES else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise DataError(f"trial '{key}' is no record", expected=f"one JSON object of at most {MAX_TRIAL_BYTES:,} bytes")
    return found
