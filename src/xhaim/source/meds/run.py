"""One ingest of a MEDS dataset: subjects and codes first, then every row by shard, then each shard written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from xhaim import events as ev
from xhaim.ports import Progress
from xhaim.source.account import Outcome, none_bad
from xhaim.source.draft import Draft
from xhaim.source.meds.codes import CLOCK, translate
from xhaim.source.meds.columns import REQUIRED, Plan, Rows, plan_columns, typed
from xhaim.source.meds.events import told_apart, turn
from xhaim.source.meds.files import Layout, batches, opened
from xhaim.source.meds.metadata import described, persons_of, subject_splits
from xhaim.source.meds.stays import count_stays, with_stays
from xhaim.source.write import write_splits

_NO_EVENTS = pl.DataFrame(schema=ev.EVENT_SCHEMA)


class Run:
    """What the steps of one ingest share."""

    def __init__(self, layout: Layout, store: Path, progress: Progress) -> None:
        """``store`` is the empty folder to write into."""
        self._layout, self._store, self._progress = layout, store, progress
        schemas = {}
        self._rows = 0
        for path in layout.shards:
            with opened(path, layout.name(path)) as file:
                schemas[layout.name(path)] = file.schema_arrow
                self._rows += file.metadata.num_rows
        self._plan: Plan = plan_columns(schemas, layout.ours is not None)
        self._draft = Draft(store)
        self._done = 0
        self._seen: Counter[str] = Counter()

    def everything(self, subjects_per_shard: int) -> dict[str, Any]:
        """Read every shard twice, write the store's shards; return what was found, and the account of every row."""
        subjects, codes = self._first_look()
        spelled = translate(codes, str(self._layout.about.get("dataset_name") or ""))
        if self._plan.ours:
            spelled = spelled.with_columns(ours="code", lag=pl.lit(0, pl.Int64), code_unit=pl.lit(None, pl.String))
        self._draft.expect(subjects, subjects_per_shard)
        self._draft.account.open("data", "data/**/*.parquet")
        for shard, rows in self._all_rows(tuple(name for name in self._plan.chosen)):
            bad = rows.bad.with_columns(file=pl.lit(shard))
            self._draft.account.read("data", rows.good.height, bad)
            self._seen["NaN"] += rows.not_numbers
            self._put_aside(rows.good, spelled)
        if self._layout.splits is not None:
            splits, outcome = subject_splits(self._layout, subjects, self._draft.account)
            self._draft.account.book(outcome)
            write_splits(self._store, splits)
        persons = persons_of(self._layout, subjects, self._draft.account)
        tables, counts = self._draft.finish(
            str(self._layout.about.get("dataset_name") or "MEDS"),
            str(self._layout.about.get("dataset_version") or "unknown"),
            lambda used: described(self._layout, used, spelled, self._draft.account),
            self._made_whole,
            lambda done, shards: self._progress(2 * self._rows + self._rows * done // shards, 3 * self._rows),
        )
        if persons is not None:
            persons.write_parquet(self._store / "metadata" / "persons.parquet")
        counts = {"subjects": len(subjects), **count_stays(self._store), **counts}
        return {**self._about(counts), "tables": tables, "counts": counts}

    def _all_rows(self, wanted: tuple[str, ...]) -> Iterator[tuple[str, Rows]]:
        """Yield the rows of all shards, ours named in ``wanted``, with the shard's name."""
        columns = [self._plan.chosen[name] for name in wanted]
        for path in self._layout.shards:
            name, first = self._layout.name(path), 1
            for batch in batches(path, name, columns):
                yield name, typed(batch, self._plan, first, wanted)
                first += batch.num_rows
                self._done += batch.num_rows
                self._progress(self._done, 3 * self._rows)

    def _first_look(self) -> tuple[pl.Series, pl.DataFrame]:
        """Return the subjects, ascending, and each ``code`` once."""
        subjects = pl.Series(dtype=pl.Int64)
        codes = pl.DataFrame(schema={"code": pl.String()})
        for _, rows in self._all_rows(REQUIRED):
            subjects = pl.concat([subjects, rows.good["subject_id"].unique()]).unique()
            codes = pl.concat([codes, rows.good.select("code").unique()]).unique()
        return subjects.sort(), codes.sort("code")

    def _put_aside(self, rows: pl.DataFrame, spelled: pl.DataFrame) -> None:
        """Turn good rows into events, and count what had to be supposed."""
        turned = turn(rows, spelled, self._plan)
        self._seen.update(turned.supposed)
        self._draft.parts.add("rows", turned.events)
        self._draft.parts.add("more", turned.more)

    def _made_whole(self, shard: int) -> list[pl.DataFrame]:
        """Return a shard's events: each once, admissions and stays said."""
        rows = self._draft.parts.read(shard, "rows", ev.EVENT_SCHEMA)
        if self._plan.ours:
            self._draft.account.book(Outcome("data", _NO_EVENTS, rows.height))
            whole = rows
        else:
            once = rows.unique()
            again = {"identical to another row": rows.height - once.height}
            self._draft.account.book(Outcome("data", _NO_EVENTS, once.height, none_bad(), again))
            more = self._draft.parts.read(shard, "more", ev.EVENT_SCHEMA).unique()
            # the end of a visit tells of its discharge where no event of its own does
            twice = ev.code_is(ev.HOSPITAL_DISCHARGE)
            said = once.filter(twice).select("subject_id", "hadm_id").unique()
            others = more.filter(twice).join(said, on=["subject_id", "hadm_id"], how="anti")
            whole = with_stays(pl.concat([once, more.filter(~twice), others]))
        return [told_apart(whole)]

    def _about(self, counts: Mapping[str, int]) -> dict[str, Any]:
        if self._plan.ours:
            usual: dict[str, Any] = {"truth": None, "image_root": None, "absent": [], "remarks": [], "version": None,
                     "known_at": "given", "clock": {"data": CLOCK["given"]}, "time_zone": "as given"}  # fmt: skip
            said = self._layout.ours or {}
            kept = {name: said.get(name, value) for name, value in usual.items()}
            return {"simulated": self._layout.simulated, **kept}
        about, plan = self._layout.about, self._plan
        clock = "given" if "known_at" in plan.chosen else "none"
        supposed = {
            CLOCK["none"]: clock == "none",
            "no ICU_ADMISSION events: no ICU stays, and no samples can be drawn at them": not counts["stays"],
            "no HOSPITAL_ADMISSION events: no times of admission and discharge": not counts["admissions"],
            f"columns not kept: {', '.join(plan.not_kept)}": bool(plan.not_kept),
            "times have a zone: kept as UTC, without it": plan.zoned,
            f"numeric_value is NaN in {self._seen['NaN']} rows: taken for no value": self._seen["NaN"],
            f"known_at is null in {self._seen['known_at null']} rows with a time: {CLOCK['none'].split(': ', 1)[1]}":
                self._seen["known_at null"],
            f"known_at is before the time in {self._seen['known_at early']} rows: taken to be the time":
                self._seen["known_at early"],
            f"{self._seen['silent']} rows are notes without text: kept, and nothing is read in them":
                self._seen["silent"],
            f"{self._seen['timeless']} rows have no time, though they are no facts of a person (sex, birth, race, "
            "insurance, language, marital status): kept; without a known_at never an input":
                self._seen["timeless"],
        }  # fmt: skip
        return {
            "simulated": self._layout.simulated,
            "time_zone": "UTC" if plan.zoned else "as given",
            "truth": None,
            "image_root": str(self._layout.root) if "image_path" in plan.chosen else None,
            "absent": [
                name for name, path in (("codes", self._layout.codes), ("splits", self._layout.splits)) if not path
            ],
            "remarks": [*self._layout.remarks, *(remark for remark, holds in supposed.items() if holds)],
            "version": {"detected": str(about.get("meds_version") or "unknown"), "evidence": "metadata/dataset.json"},
            "made_by": f"{about.get('etl_name') or 'unknown'} {about.get('etl_version') or ''}".strip(),
            "columns": dict(plan.chosen),
            "columns_not_kept": list(plan.not_kept),
            "known_at": "given" if clock == "given" else "time",
            "clock": {"data": CLOCK[clock]},
        }
