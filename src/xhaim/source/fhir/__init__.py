"""FHIR R4: bundles (.json), NDJSON bulk exports (.ndjson), each also gzipped, from a folder to a store."""

from __future__ import annotations

import gzip
import hashlib
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xhaim.errors import DataError
from xhaim.ports import Progress, silent
from xhaim.source.crc import stored_crc
from xhaim.source.draft import SUBJECTS_PER_SHARD, ingest_once
from xhaim.source.fhir import clinical as fhir_clinical
from xhaim.source.fhir import media as fhir_media
from xhaim.source.fhir import notes as fhir_notes
from xhaim.source.fhir import studies as fhir_studies
from xhaim.source.fhir.pictures import FOLDER, put_beside
from xhaim.source.fhir.read import SUFFIXES, fhir_files
from xhaim.source.fhir.run import Run
from xhaim.source.fhir.times import Clock
from xhaim.source.write import LAYOUT

CLOCK: dict[str, str] = {
    "all": "a status of amended, corrected or appended, and every version after the first: never before "
    "meta.lastUpdated, which may be as late as an export or a migration; without one it is not used. An earlier "
    "version stays, known when it was: it was seen. A date is known at the end of that day, a month at its "
    "end; without the option zone, at the end of that day everywhere on earth (UTC-12)",
    "Patient": "birth, sex, race, language: static; death: deceasedDateTime, as late as it can be read",
    "Encounter": "admission at period.start, with the priority and origin of its first version; discharge at "
    "period.end; ICU stays likewise",
    **fhir_clinical.CLOCK,
    **fhir_notes.CLOCK,
    **fhir_studies.CLOCK,
    **fhir_media.CLOCK,
}
"""When the facts of each resource type were known, in words. Never before they happened."""
_RESOURCE = re.compile(rb'"resourceType"\s*:\s*"([A-Za-z]{1,64})"')
_PEEK = 1 << 16


@dataclass(frozen=True, slots=True)
class FHIR:
    """The source ``fhir``."""

    zone: str | None = None
    """The zone of the hospital, as ``Europe/Berlin``, in whose local times the store is written. ``None``: UTC; what
    has no offset is then taken as late as it can be meant."""
    subjects_per_shard: int = SUBJECTS_PER_SHARD

    def ingest(self, root: Path, out: Path, progress: Progress = silent) -> dict[str, Any]:
        """Read the FHIR files below ``root`` into a store at ``out``; return what its ``ingest.json`` says.

        A resource, line or bundle that cannot be read is set aside with its file, line and reason. Raises DataError
        where there is no Patient, a gzip file did not arrive whole, or ``out`` is not a store; then ``out`` is as it
        was. ``metadata/ids.parquet`` says which id each number of the store stands for.
        """
        clock = Clock.of(self.zone)
        root, out = root.resolve(), out.resolve()
        files = _files(root)
        images = fhir_studies.image_files(root)
        same = {
            "layout": LAYOUT,
            "fingerprint": _fingerprint(root, files, images),
            "root": str(root),
            "zone": self.zone,
            "subjects_per_shard": self.subjects_per_shard,
        }

        def make(store: Path) -> dict[str, Any]:
            result = Run(root, files, clock, store, progress).everything(self.subjects_per_shard)
            own = put_beside(store / FOLDER, root / FOLDER, images.values())
            about = _about(root, Path(FOLDER) if own else root / FOLDER if images else None)
            return {**about, "time_zone": self.zone or "UTC", **result, "clock": CLOCK}

        return ingest_once(out, same, make)

    def look(self, root: Path) -> dict[str, Any]:
        """Say which files below ``root`` begin with FHIR, and with what. Raises DataError where none does."""
        files = _files(root)
        first = {path.relative_to(root).as_posix(): kind for path in files if (kind := _first_kind(path))}
        if not first:
            raise DataError(
                f"{root} holds no FHIR resources",
                got=f"{len(files)} files named as JSON, none with a resourceType",
                expected="FHIR R4 bundles or NDJSON",
            )
        return {"kind": "FHIR resources", "simulated": _simulated(root), "files": len(first), "begin with": first}


def _files(root: Path) -> list[Path]:
    if not root.is_dir():
        raise DataError("no such folder", got=root, expected="a folder with FHIR bundles or NDJSON")
    files = fhir_files(root)
    if not files:
        raise DataError(
            f"{root} holds no FHIR files", got="no such names", expected=", ".join(f"*{s}" for s in SUFFIXES)
        )
    return files


def _first_kind(path: Path) -> str | None:
    """Return the first resourceType in a file's first 64 KiB."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            found = _RESOURCE.search(file.read(_PEEK))
    except (OSError, EOFError, zlib.error):
        return None
    return found[1].decode() if found else None


def _simulated(root: Path) -> bool:
    return (root / "SIMULATED").exists()


def _about(root: Path, image_root: Path | None) -> dict[str, Any]:
    return {
        "source": "fhir",
        "version": {"detected": "R4", "evidence": "assumed: files do not say"},
        "simulated": _simulated(root),
        "truth": None,
        "image_root": str(image_root) if image_root else None,
        "absent": [],
        "remarks": [],
    }


def _fingerprint(root: Path, files: list[Path], images: dict[str, str]) -> str:
    """Return 16 hex digits over names, sizes and CRCs of the files, and over the images' names."""
    digest = hashlib.sha256()
    for path in files:
        where = path.relative_to(root).as_posix()
        digest.update(f"{where}\0{path.stat().st_size}\0{stored_crc(path)}\n".encode(errors="surrogateescape"))
    for uid, file in sorted(images.items()):
        digest.update(f"{uid}\0{file}\n".encode())
    digest.update(f"{_simulated(root)}".encode())
    return digest.hexdigest()[:16]
