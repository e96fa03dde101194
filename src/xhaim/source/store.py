"""Reading a store: events, codes and images, with what ``ingest.json`` says of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pyarrow import parquet

from xhaim.errors import DataError, PrerequisiteError
from xhaim.source.image_files import grey
from xhaim.source.write import LAYOUT, stored_info


@dataclass(frozen=True, slots=True)
class Store:
    """A MEDS dataset with xHAIM's columns (``events.py``), on disk."""

    path: Path
    info: dict[str, Any]
    """What ``ingest.json`` says."""

    @classmethod
    def open(cls, path: Path) -> Store:
        """Open a store.

        Raises PrerequisiteError where there is none or one of another layout, DataError where something else is.
        """
        info = stored_info(path)
        if info is None:
            raise PrerequisiteError(
                "there is no store", got=path, expected="a folder that ingest wrote", do="xhaim ingest SOURCE STORE"
            )
        if info["layout"] != LAYOUT:
            raise PrerequisiteError(
                f"{path} was written by another version",
                got=f"layout {info['layout']}",
                expected=f"layout {LAYOUT}",
                do="ingest the source again",
            )
        if info["image_root"]:  # a store's own images move with it; an absolute path stays as it is
            info = {**info, "image_root": str(path / info["image_root"])}
        return cls(path, info)

    @property
    def simulated(self) -> bool:
        """Whether the patients are simulated: said wherever a number from them appears."""
        return bool(self.info["simulated"])

    @property
    def fingerprint(self) -> str:
        """16 hex digits of what was ingested, with which options, by which code."""
        return str(self.info.get("identity", self.info["fingerprint"]))

    @property
    def truth(self) -> Path | None:
        """The folder in which a simulator wrote what it knows; ``None`` for real patients."""
        return Path(self.info["truth"]) if self.info["truth"] else None

    @property
    def image_root(self) -> Path | None:
        """The folder that image paths are relative to; ``None`` where there are no images."""
        return Path(self.info["image_root"]) if self.info["image_root"] else None

    def events(self, subjects: Sequence[int] | None = None) -> pl.LazyFrame:
        """Return all events, or those of some subjects: ``EVENT_SCHEMA``, sorted within a subject by time, code, value.

        Of files that hold none of the ``subjects`` nothing is read.
        """
        if subjects is None:
            shards = sorted((self.path / "data").glob("*.parquet"), key=lambda shard: int(shard.stem))
            return pl.scan_parquet(shards, glob=False)
        wanted = np.unique(np.asarray(subjects, dtype=np.int64))
        files = _ranges(self.path, (self.path / "data").stat().st_mtime_ns)
        near = [
            path for path, low, high in files if np.searchsorted(wanted, low) < np.searchsorted(wanted, high, "right")
        ]
        mine = pl.col("subject_id").is_in(wanted.tolist())
        return pl.scan_parquet(near or [path for path, _, _ in files[:1]], glob=False).filter(mine)

    def persons(self) -> pl.DataFrame | None:
        """Return ``subject_id`` and ``person_id`` where one person is several subjects; ``None``: none is."""
        path = self.path / "metadata" / "persons.parquet"
        return pl.read_parquet(path) if path.exists() else None

    def codes(self) -> pl.DataFrame:
        """Return ``code``, ``description`` (null where there is none), ``parent_codes``, sorted by code."""
        return pl.read_parquet(self.path / "metadata" / "codes.parquet")

    def quarantine(self) -> pl.LazyFrame:
        """Return what was set aside: ``file``, ``line``, ``row``, ``reason``."""
        return pl.scan_parquet(self.path / "quarantine.parquet", glob=False)

    def image(self, image_path: str) -> NDArray[np.uint8]:
        """Return an image as grey [h, w].

        DICOM, JPG or PNG: ``image_files.grey`` says how. Raises DataError where the path leaves the image root, or the
        image is missing, broken or far too large; PrerequisiteError where what decompresses it is not installed.
        """
        root = self.image_root
        if root is None:
            raise DataError("this store has no images", got=image_path)
        try:
            path = (root / image_path).resolve()
            if not path.is_relative_to(root.resolve()):
                raise DataError("an image path leaves its folder", got=image_path, expected=f"a path below {root}")
            return grey(path)
        except (OSError, ValueError) as error:  # a path with a NUL, or of links in a circle
            raise DataError("an image cannot be read", got=type(error).__name__, expected="a path below it") from error


@lru_cache(maxsize=8)
def _ranges(store: Path, _: int) -> list[tuple[Path, int, int]]:
    """Return each file of events with its lowest and highest subject, from the statistics in its footer.

    Files are read again when the folder has changed. One without statistics, or events, may hold anyone.
    """
    found = []
    for path in sorted((store / "data").glob("*.parquet"), key=lambda shard: int(shard.stem)):
        footer = parquet.read_metadata(path)
        place = footer.schema.to_arrow_schema().get_field_index("subject_id")
        spans = [footer.row_group(group).column(place).statistics for group in range(footer.num_row_groups)]
        known = all(span is not None and span.has_min_max for span in spans) and spans
        low = min(span.min for span in spans) if known else np.iinfo(np.int64).min
        high = max(span.max for span in spans) if known else np.iinfo(np.int64).max
        found.append((path, low, high))
    return found
