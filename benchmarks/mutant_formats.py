"""The formats whose readers are tried: valid small files, how they are damaged, and the reader itself."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import numpy as np
import polars as pl

from benchmarks import mutate
from benchmarks.mutant_dicoms import dicoms
from benchmarks.mutate_dicom import damage_dicom
from xhaim.source.csv_tables import cast, rows
from xhaim.source.csv_tables.checked import columns, read_table
from xhaim.source.dicom.header import read_header
from xhaim.source.fhir.read import read_fhir_file
from xhaim.source.image_files import grey

READ, ASIDE = "read", "rows set aside"


@dataclass(frozen=True, slots=True)
class Format:
    """One kind of file."""

    suffix: str
    seeds: Sequence[bytes]
    damage: mutate.Mutator
    read: Callable[[Path], str]
    """READ or ASIDE. Raises XhaimError for what is refused; AssertionError where rows are lost or ways disagree."""


# ---- csv ----------------------------------------------------------------------------------------------------------

_COLUMNS = columns("id int!  at time!  value number  words text  later text?")
_CSV = (
    b"id,at,value,words\n" + b"".join(b"%d,2150-01-0%d 10:00:00,%d.5,ok\n" % (n, n % 9 + 1, n) for n in range(1, 9)),
    b'id,at,value,words,later\n1,2150-01-01,,"a ""quoted"", word",\n2,2150-01-02 01:02:03.5,-1e3,"two\nlines",x\n',
    'words,value,at,id\r\n"é漢",0.1,2150-01-01 00:00:00,7\r\n,,2150-01-01 00:00:00,8\r\n'.encode(),
    b"id,at,value,words\n",
)


def _rows(path: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    batches = list(read_table(path, _COLUMNS, threads=1))
    return pl.concat([batch.good for batch in batches]), pl.concat([batch.bad for batch in batches])


@contextmanager
def _only_exactly() -> Iterator[None]:
    """Leave only Python's own parser."""
    with ExitStack() as stack:
        stack.enter_context(patch.object(cast, "grid", lambda *_: None))
        stack.enter_context(patch.object(rows, "_fast", lambda *_: None))
        yield


def _read_csv(path: Path) -> str:
    """Read: each row comes out once. One in four is read by the exact way too: the same rows."""
    good, bad = _rows(path)
    if zlib.crc32(path.read_bytes()) % 4 == 0:
        with _only_exactly():
            exact, exact_bad = _rows(path)
        assert good.equals(exact), "good rows differ between the fast and the exact way"
        assert bad.equals(exact_bad), "rows set aside differ between the fast and the exact way"
    numbers = pl.concat([good["row"], bad["row"]]).sort().to_list()
    assert numbers == list(range(1, len(numbers) + 1)), "a row is lost, or there twice"
    return ASIDE if bad.height else READ


# ---- FHIR ---------------------------------------------------------------------------------------------------------

_SUBJECT = {"reference": "Patient/p1"}
_RESOURCES: list[dict[str, object]] = [
    {"resourceType": "Patient", "id": "p1", "gender": "female", "birthDate": "1950-02-03"},
    {
        "resourceType": "Observation",
        "id": "o1",
        "status": "final",
        "subject": _SUBJECT,
        "effectiveDateTime": "2024-01-02T03:04:05+01:00",
        "issued": "2024-01-02T04:04:05.123Z",
        "code": {"coding": [{"system": "http://loinc.org", "code": "2524-7", "display": "Lactate"}]},
        "valueQuantity": {"value": 2.5, "unit": "mmol/L"},
        "component": [{"code": {"text": "x"}, "valueString": "y"}],
    },
    {
        "resourceType": "DocumentReference",
        "id": "d1",
        "subject": _SUBJECT,
        "date": "2024-01-02",
        "content": [{"attachment": {"contentType": "text/plain", "data": base64.b64encode(b"A note.").decode()}}],
    },
    {"resourceType": "Encounter", "id": "e1", "subject": _SUBJECT, "period": {"start": "2024-01-01", "end": None}},
]
_BUNDLE = {
    "resourceType": "Bundle",
    "type": "collection",
    "entry": [{"fullUrl": f"http://x/{item['resourceType']}/{item['id']}", "resource": item} for item in _RESOURCES],
}


def _read_fhir(path: Path) -> str:
    found = list(read_fhir_file(path))
    for row in found:
        assert (row.resource is None) == (row.fault is not None), "a row is neither read nor set aside, or both"
    return ASIDE if any(row.fault for row in found) else READ


# ---- DICOM --------------------------------------------------------------------------------------------------------


def _read_dicom(path: Path) -> str:
    header = read_header(path)
    image = grey(path)
    assert (image.dtype, image.ndim) == (np.uint8, 2), "no grey image"
    return ASIDE if isinstance(header, str) else READ


FORMATS: dict[str, Callable[[], Format]] = {
    "csv": lambda: Format(".csv", _CSV, mutate.damage_csv, _read_csv),
    "gz": lambda: Format(".csv.gz", _CSV, mutate.damage_gzip, _read_csv),
    "fhir": lambda: Format(".json", [json.dumps(_BUNDLE).encode()], mutate.damage_json, _read_fhir),
    "ndjson": lambda: Format(
        ".ndjson", [b"\n".join(json.dumps(item).encode() for item in _RESOURCES)], mutate.damage_json, _read_fhir
    ),
    "dicom": lambda: Format("", dicoms(), damage_dicom, _read_dicom),
}
