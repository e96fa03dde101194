"""MIMIC-IV (1.0, 2.x, 3.x) with MIMIC-IV-Note, MIMIC-CXR-JPG and MIMIC-IV-ECG, from the published files to a store."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xhaim.ports import Progress, silent
from xhaim.source.draft import SUBJECTS_PER_SHARD, ingest_once
from xhaim.source.mimic_iv import cxr_files
from xhaim.source.mimic_iv import images as mimic_images
from xhaim.source.mimic_iv import notes as mimic_notes
from xhaim.source.mimic_iv import tables as mimic_tables
from xhaim.source.mimic_iv.layout import Layout, find_layout, fingerprint
from xhaim.source.mimic_iv.run import Run, signals
from xhaim.source.mimic_iv.unread import not_read
from xhaim.source.write import LAYOUT

CLOCK: dict[str, str] = {**mimic_tables.CLOCK, **mimic_notes.CLOCK, **mimic_images.CLOCK}
"""When the facts of each table were known, in words. Never before they happened; a fact without a time has none."""


@dataclass(frozen=True, slots=True)
class MimicIV:
    """The source ``mimic-iv``."""

    subjects_per_shard: int = SUBJECTS_PER_SHARD
    only_signals: bool = False
    """Of bedside charts, laboratory tests and procedures, keep the items of the signal catalogue only: the pipeline
    reads no others. Several times faster; what is left out is counted. The store cannot answer for other items."""

    def ingest(self, root: Path, out: Path, progress: Progress = silent) -> dict[str, Any]:
        """Read the MIMIC-IV files below ``root`` into a store at ``out``; return what its ``ingest.json`` says.

        ``unchanged`` is added to what is returned: true where the store at ``out`` already holds these very files,
        and nothing was done. Raises DataError when a file cannot be trusted as a whole, or ``out`` is not a store;
        then ``out`` is as it was.
        """
        layout = find_layout(root.resolve())
        out = out.resolve()
        files = cxr_files.chest_files(layout)
        same = {
            "layout": LAYOUT,
            "fingerprint": fingerprint(layout, files.select("path", "size", "crc").iter_rows()),
            "root": str(layout.root),
            "subjects_per_shard": self.subjects_per_shard,
            "only_signals": self.only_signals,
        }

        def make(store: Path) -> dict[str, Any]:
            only = signals() if self.only_signals else {}
            result = Run(layout, files, store, progress, only).everything(self.subjects_per_shard)
            return {**_about(layout, cxr_files.root_of_images(layout, files)), **result, "clock": CLOCK}

        return ingest_once(out, same, make)

    def look(self, root: Path) -> dict[str, Any]:
        """Say which tables lie below ``root``. Raises DataError when this is not MIMIC-IV."""
        layout = find_layout(root)
        return {
            "kind": "records in MIMIC-IV's layout",
            "simulated": layout.simulated,
            "tables": {name: file.relative_to(root).as_posix() for name, file in layout.tables.items()},
            "absent": list(layout.absent),
            "not_read": not_read(layout),
            "remarks": list(layout.remarks),
        }


def _about(layout: Layout, image_root: Path | None) -> dict[str, Any]:
    return {
        "source": "mimic-iv",
        "time_zone": "local",
        "simulated": layout.simulated,
        "truth": str(layout.truth) if layout.truth else None,
        "image_root": str(image_root) if image_root else None,
        "absent": list(layout.absent),
        "not_read": not_read(layout),
        "remarks": list(layout.remarks),
    }
