"""A store as a plain MEDS dataset for other tools, validated by the ``meds`` package itself."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from flexible_schema import SchemaValidationError, TableValidationError  # type: ignore[import-untyped]
from meds.schema import CodeMetadataSchema, DataSchema, SubjectSplitSchema
from pyarrow import parquet

from xhaim.errors import DataError
from xhaim.source.meds.files import opened, read_object
from xhaim.source.store import Store
from xhaim.source.write import write_json

PLAIN = ("subject_id", "time", "code", "numeric_value", "text_value")
"""MEDS's own columns."""


def export_store(store: Store, folder: Path, plain: bool) -> dict[str, Any]:
    """Write a store's MEDS dataset into an empty folder, shard by shard; return what was written.

    With ``plain``, MEDS's own columns only: ``known_at`` is lost, and so is what was stored late. Else the files are
    the store's own, byte for byte. Raises DataError where the store is broken or no valid MEDS.
    """
    (folder / "data").mkdir()
    (folder / "metadata").mkdir()
    rows = 0
    for shard in sorted((store.path / "data").glob("*.parquet")):
        with opened(shard, f"data/{shard.name}") as file:
            table = file.read(columns=list(PLAIN) if plain else None)
        rows += table.num_rows
        validate(DataSchema, table, f"data/{shard.name}")
        if plain:
            parquet.write_table(table, folder / "data" / shard.name, compression="zstd", row_group_size=1 << 19)
        else:
            shutil.copyfile(shard, folder / "data" / shard.name)
    for name, schema in (("codes.parquet", CodeMetadataSchema), ("subject_splits.parquet", SubjectSplitSchema)):
        path = store.path / "metadata" / name
        if path.is_file():
            with opened(path, f"metadata/{name}") as file:
                validate(schema, file.read(), f"metadata/{name}")
            shutil.copyfile(path, folder / "metadata" / name)
    persons = store.path / "metadata" / "persons.parquet"
    if persons.is_file():  # without it, one person could be in several parts of a split
        shutil.copyfile(persons, folder / "metadata" / persons.name)
    about = read_object(store.path / "metadata" / "dataset.json", store.path.resolve())
    if plain:
        extra = ("raw_source_id_columns", "additional_value_modality_columns", "other_extension_columns")
        about = {**about, "etl_name": "xhaim export --plain", **{name: [] for name in extra}}
    write_json(folder / "metadata" / "dataset.json", about)
    return {
        "what": ["data"],
        "of": "store",
        "data_fingerprint": store.fingerprint,
        "simulated": store.simulated,
        "leaky": [],
        "plain": plain,
        "known_at": "left out" if plain else store.info.get("known_at", "given"),
        "rows": rows,
        "persons": "metadata/persons.parquet" if persons.is_file() else None,
    }


def validate(schema: Any, table: Any, name: str) -> None:  # noqa: ANN401  (meds's schema classes, Arrow's table)
    """Ask a schema of the ``meds`` package. Raises DataError with its words where the table does not fit."""
    try:
        schema.validate(table)
    except (SchemaValidationError, TableValidationError) as error:
        raise DataError(f"{name} is not valid MEDS", got=str(error)[:300], do="ingest the source again") from error
