"""Reading a store: events, codes and images, with what ``ingest.json`` says of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from xhaim.errors import DataError, PrerequisiteError
from xhaim.source.write import LAYOUT, stored_info

MAX_PIXELS = 64_000_000
"""A chest X-ray has about 8 million; what claims far more is not decoded."""


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
        return cls(path, info)

    @property
    def simulated(self) -> bool:
        """Whether the patients are simulated: said wherever a number from them appears."""
        return bool(self.info["simulated"])

    @property
    def fingerprint(self) -> str:
        """16 hex digits of what was ingested."""
        return str(self.info["fingerprint"])

    @property
    def truth(self) -> Path | None:
        """The folder in which a simulator wrote what it knows; ``None`` for real patients."""
        return Path(self.info["truth"]) if self.info["truth"] else None

    @property
    def image_root(self) -> Path | None:
        """The folder that image paths are relative to; ``None`` where there are no images."""
        return Path(self.info["image_root"]) if self.info["image_root"] else None

    def events(self) -> pl.LazyFrame:
        """Return all events: ``EVENT_SCHEMA``, sorted within a subject by time, code and value."""
        shards = sorted((self.path / "data").glob("*.parquet"), key=lambda shard: int(shard.stem))
        return pl.scan_parquet(shards, glob=False)

    def codes(self) -> pl.DataFrame:
        """Return ``code``, ``description`` (null where there is none), ``parent_codes``, sorted by code."""
        return pl.read_parquet(self.path / "metadata" / "codes.parquet")

    def quarantine(self) -> pl.LazyFrame:
        """Return what was set aside: ``file``, ``line``, ``row``, ``reason``."""
        return pl.scan_parquet(self.path / "quarantine.parquet", glob=False)

    def image(self, image_path: str) -> NDArray[np.uint8]:
        """Return an image as grey [h, w].

        Raises DataError where the path leaves the image root, or the image is missing, broken or far too large.
        """
        root = self.image_root
        if root is None:
            raise DataError("this store has no images", got=image_path)
        try:
            path = (root / image_path).resolve()
            if not path.is_relative_to(root.resolve()):
                raise DataError("an image path leaves its folder", got=image_path, expected=f"a path below {root}")
            with Image.open(path) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise DataError("an image is too large", got=image.size, expected=f"at most {MAX_PIXELS} pixels")
                return np.asarray(image.convert("L"), dtype=np.uint8)
        except (OSError, ValueError, SyntaxError, UnidentifiedImageError, Image.DecompressionBombError) as error:
            raise DataError(
                "an image cannot be read", got=f"{image_path}: {type(error).__name__}", expected="a whole JPG or PNG"
            ) from error
