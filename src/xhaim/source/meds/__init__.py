"""Any MEDS dataset (0.3 and later), by whatever converter, to a store; a store of xHAIM is one and gives itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xhaim.ports import Progress, silent
from xhaim.source.draft import SUBJECTS_PER_SHARD, ingest_once
from xhaim.source.meds.columns import plan_columns
from xhaim.source.meds.files import Layout, find_layout, fingerprint, opened
from xhaim.source.meds.run import Run
from xhaim.source.write import LAYOUT


@dataclass(frozen=True, slots=True)
class Meds:
    """The source ``meds``.

    Rules, beside those of ``meds_codes.CLOCK``: a time with a zone is kept as UTC without one, a finer one is cut to
    microseconds; NaN is no value; of rows that are identical in every column that is kept, one is kept, since MEDS has
    no row key and converters repeat rows (a store of xHAIM is taken as it is); admissions and ICU stays without an id
    are numbered. Columns that the store does not have, and ``parent_codes``, are named and not kept.
    """

    subjects_per_shard: int | None = None
    """None: as in the store that is read, else the common number."""

    def ingest(self, root: Path, out: Path, progress: Progress = silent) -> dict[str, Any]:
        """Read the MEDS dataset at ``root`` into a store at ``out``; return what its ``ingest.json`` says.

        ``unchanged`` is added to what is returned: true where the store at ``out`` already holds these very files,
        and nothing was done. Raises DataError when a file cannot be trusted as a whole, or ``out`` is not a store;
        then ``out`` is as it was.
        """
        layout = find_layout(root)
        size = self.subjects_per_shard or _shard_size(layout)
        same = {
            "layout": LAYOUT,
            "fingerprint": fingerprint(layout),
            "root": str(layout.root),
            "subjects_per_shard": size,
            "source": "meds",
        }
        return ingest_once(out.resolve(), same, lambda store: Run(layout, store, progress).everything(size))

    def look(self, root: Path) -> dict[str, Any]:
        """Say which columns and how many rows there are. Raises DataError when this is no MEDS dataset."""
        layout = find_layout(root)
        schemas, rows = {}, 0
        for path in layout.shards:
            with opened(path, layout.name(path)) as file:
                schemas[layout.name(path)] = file.schema_arrow
                rows += file.metadata.num_rows
        plan = plan_columns(schemas, layout.ours is not None)
        return {
            "kind": "a MEDS dataset that xHAIM wrote" if plan.ours else "a MEDS dataset",
            "simulated": layout.simulated,
            "name": layout.about.get("dataset_name"),
            "shards": len(layout.shards),
            "rows": rows,
            "columns": dict(plan.chosen),
            "columns not kept": list(plan.not_kept),
            "known_at": "given" if "known_at" in plan.chosen else "not given: guessed late from the event's time",
            "remarks": list(layout.remarks),
        }


def _shard_size(layout: Layout) -> int:
    given = (layout.ours or {}).get("subjects_per_shard")
    return given if isinstance(given, int) and 0 < given <= 10**6 else SUBJECTS_PER_SHARD
