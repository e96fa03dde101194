"""Where MIMIC-IV's files lie under a folder, which version they are, and a fingerprint of them."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from xhaim.errors import DataError
from xhaim.source.crc import stored_crc
from xhaim.source.csv_tables.checked import header_of
from xhaim.source.one_file import one_file

MAX_DEPTH = 4
"""Folders below the root in which tables are looked for: ``mimic-iv/mimic-iv-2.2/hosp`` and the like."""
REQUIRED = ("patients", "admissions", "icustays")
OPTIONAL = (
    *("transfers", "labevents", "microbiologyevents", "diagnoses_icd", "prescriptions", "emar", "d_labitems"),
    *("d_icd_diagnoses", "chartevents", "procedureevents", "inputevents", "outputevents", "d_items"),
    *("radiology", "radiology_detail", "discharge", "cxr_metadata", "cxr_chexpert", "cxr_split"),
    *("machine_measurements", "echo_notes", "ecg_notes"),
)
TABLES = (*REQUIRED, *OPTIONAL)
_CXR = re.compile(r"mimic-cxr-\d+\.\d+\.\d+-(metadata|chexpert|split)")
_RELEASE = re.compile(r"^mimic-cxr-\d+\.\d+\.\d+-")


@dataclass(frozen=True, slots=True)
class Layout:
    """What was found under a root."""

    root: Path
    tables: dict[str, Path]
    """Table -> file, in the order of ``TABLES``."""
    remarks: tuple[str, ...]
    """What a reader should know about the choice of files."""
    unread: tuple[tuple[str, Path], ...]
    """Other csv files below the root: what they are called, and where they are."""
    file_roots: tuple[Path, ...]
    """Folders that hold a ``files`` folder, as MIMIC-CXR's do: of images, or of reports beside them."""
    truth: Path | None
    """What a simulator knows of its patients."""
    simulated: bool

    @property
    def absent(self) -> tuple[str, ...]:
        """Tables that were not found."""
        return tuple(name for name in TABLES if name not in self.tables)

    @property
    def image_root(self) -> Path | None:
        """The folder that image paths are relative to; ``None`` without chest images."""
        return self.tables["cxr_metadata"].parent if "cxr_metadata" in self.tables else None


def find_layout(root: Path) -> Layout:
    """Find the tables by file name. Raises DataError when this is not MIMIC-IV, or holds a table twice."""
    if not root.is_dir():
        raise DataError("no such folder", got=root, expected="a folder with MIMIC-IV's hosp and icu folders")
    files = sorted(_walk(root, 0))  # sorted: the same choice whatever the order of the folder's entries
    found: dict[str, list[Path]] = {}
    unread: list[tuple[str, Path]] = []
    for path in files:
        name = _table_name(path.name)
        if name in TABLES:
            found.setdefault(name, []).append(path)
        elif name is not None:
            unread.append((_RELEASE.sub("", name), path))
    remarks: list[str] = []
    tables = {name: one_file(root, name, found[name], remarks, "MIMIC-IV") for name in TABLES if name in found}
    _refuse_others(root, files, tables)
    truth = root / "truth"
    return Layout(
        root=root,
        tables=tables,
        remarks=tuple(remarks),
        unread=tuple(unread),
        file_roots=tuple(path.parent for path in files if path.name == "files"),
        truth=truth if truth.is_dir() else None,
        simulated=truth.is_dir() or (root / "SIMULATED").exists(),
    )


def _walk(folder: Path, depth: int) -> Iterator[Path]:
    """Yield the files, and the folders named ``files`` without what is in them."""
    for entry in os.scandir(folder):
        if entry.is_file() or entry.name == "files":
            yield Path(entry.path)
        elif depth < MAX_DEPTH and entry.is_dir() and entry.name != "truth" and not entry.name.startswith("."):
            yield from _walk(Path(entry.path), depth + 1)


def _table_name(file_name: str) -> str | None:
    stem = file_name.removesuffix(".gz")
    if not stem.endswith(".csv"):
        return None
    stem = stem.removesuffix(".csv")
    chest = _CXR.fullmatch(stem)
    return f"cxr_{chest[1]}" if chest else stem


def _refuse_others(root: Path, files: Sequence[Path], tables: dict[str, Path]) -> None:
    names = {path.name.split(".")[0] for path in files}
    patients = header_of(tables["patients"]) if "patients" in tables else []
    if names & {"PATIENTS", "NOTEEVENTS", "ICUSTAYS"} or {"row_id", "ROW_ID", "dob", "DOB"} & set(patients):
        raise DataError(
            f"{root} holds MIMIC-III",
            got="its file or column names",
            expected="MIMIC-IV 1.0, 2.x or 3.x (hosp/, icu/)",
            do="convert it to MEDS with a converter, then: xhaim ingest meds FOLDER --out STORE",
        )
    missing = [name for name in REQUIRED if name not in tables]
    if missing:
        raise DataError(
            f"{root} is not a MIMIC-IV folder: no {', '.join(missing)}",
            got=f"{len(files)} files, tables: {', '.join(tables) or 'none'}",
            expected=f"{', '.join(f'{name}.csv.gz' for name in REQUIRED)} at most {MAX_DEPTH} folders below",
            do="point at the folder that holds hosp/ and icu/",
        )


def detect_version(layout: Layout, year_groups: Sequence[str]) -> dict[str, str]:
    """Return ``detected`` and ``evidence``: the version as far as columns and years tell it."""
    columns = set(header_of(layout.tables["admissions"]))
    if "ethnicity" in columns:
        return {"detected": "1.0", "evidence": "admissions has ethnicity, not race"}
    if any("2020" in group for group in year_groups):
        return {"detected": "3.0 or later", "evidence": "patients has anchor_year_group up to 2020 - 2022"}
    if "admit_provider_id" in columns:
        return {"detected": "2.2 or later", "evidence": "admissions has race and admit_provider_id"}
    return {"detected": "2.0 or 2.1", "evidence": "admissions has race and no admit_provider_id"}


def fingerprint(layout: Layout, chest_files: Iterable[tuple[str, int, int]]) -> str:
    """Return 16 hex digits over names, sizes and CRCs of the tables and ``chest_files``, and what else is there."""
    digest = hashlib.sha256()
    for name, path in layout.tables.items():
        where = path.relative_to(layout.root).as_posix()
        digest.update(f"{name}\0{where}\0{path.stat().st_size}\0{stored_crc(path)}\n".encode())
    for where, size, crc in chest_files:
        digest.update(f"{where}\0{size}\0{crc}\n".encode())
    for _, path in layout.unread:  # ingest.json names them
        digest.update(f"{path.relative_to(layout.root).as_posix()}\n".encode())
    digest.update(f"{layout.simulated}".encode())
    return digest.hexdigest()[:16]
