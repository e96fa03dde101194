"""What xHAIM made, in the formats of the MEDS tools: the store as a MEDS dataset, labels, and predictions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import polars as pl
import pyarrow as pa
from meds.schema import LabelSchema
from pyarrow import parquet

from xhaim.errors import DataError, PrerequisiteError
from xhaim.run.directory import RunDirectory, read_json, write_json
from xhaim.run.export_readme import SIMULATED, readme
from xhaim.source.meds.export import export_store, validate
from xhaim.source.store import Store
from xhaim.source.write import building

What = Literal["data", "labels", "predictions"]
MANIFEST = "export.json"
LABEL_COLUMNS = pa.schema(
    {"subject_id": pa.int64(), "prediction_time": pa.timestamp("us"), "boolean_value": pa.bool_()}
)
PREDICTION_COLUMNS = pa.schema(
    [
        *LABEL_COLUMNS,
        pa.field("predicted_boolean_value", pa.bool_()),
        pa.field("predicted_boolean_probability", pa.float32()),
    ]
)
"""Those of ``meds_evaluation.schema.PredictionSchema``, version 0.0.6."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


def export(
    path: Path, out: Path, what: Sequence[What] = (), *, plain: bool = False, everything: bool = False
) -> dict[str, Any]:
    """Write what a store or a run holds for MEDS tools to ``out``; return what its ``export.json`` says.

    A store gives ``data``: its MEDS dataset, with ``plain`` in MEDS's own columns only (so without ``known_at``). A
    run gives ``labels`` (``labels/<task>.parquet``) and ``predictions``
    (``predictions/<task>/<model>/split-<n>.parquet``: the test part, with ``everything`` the validation part too).
    Without ``what``: all that the path can give. All files are there when it ends, or none. Raises DataError where
    ``out`` holds something else or the path cannot give what is asked, PrerequisiteError where a run is unfinished.
    """
    _refuse_others(out)
    is_run = (path / "manifest.json").is_file()
    able: tuple[What, ...] = ("labels", "predictions") if is_run else ("data",)
    impossible = sorted(set(what) - set(able))
    if impossible:
        raise DataError(
            f"a {'run' if is_run else 'store'} gives no {impossible[0]}",
            got=path,
            expected=" or ".join(able),
            do="xhaim export STORE OUT for data, xhaim export RUN OUT for labels and predictions",
        )
    with building(out.resolve()) as folder:
        said = _run(path, folder, what or able, everything) if is_run else export_store(Store.open(path), folder, plain)
        write_json(folder / MANIFEST, said)
        if said["simulated"]:
            (folder / "SIMULATED").write_text(f"{SIMULATED}\n", encoding="utf-8")
        (folder / "README.txt").write_text(readme(said, MANIFEST), encoding="utf-8")
    return said


def _refuse_others(out: Path) -> None:
    """Raise DataError where something is at ``out`` that is not an earlier export."""
    if out.exists() and not (out / MANIFEST).is_file() and not (out.is_dir() and not any(out.iterdir())):
        raise DataError(f"{out} is there and is no export", expected="a new folder, or an earlier export")


def _run(path: Path, folder: Path, what: Sequence[What], everything: bool) -> dict[str, Any]:
    manifest = RunDirectory.open(path).manifest()
    tasks = [_safe(task) for task in sorted(manifest["tasks"])]
    leaky = [task for task in tasks if manifest["report_policy"].get(task) == "index_included"]
    times = _frame(path / "samples" / "samples.parquet").select("sample_id", "subject_id", "prediction_time")
    said: dict[str, Any] = {
        "what": list(what),
        "of": "run",
        "data_fingerprint": manifest["data_fingerprint"],
        "code": manifest["code"],
        "settings_hash": manifest["settings_hash"],
        "report_policy": manifest["report_policy"],
        "simulated": manifest["simulated"],
        "leaky": leaky,
    }
    if "labels" in what:
        said["labels"] = {task: _labels(path, folder, task, times) for task in tasks}
    if "predictions" in what:
        parts = ["test", "validation"] if everything else ["test"]
        splits = int(manifest["settings"]["split"]["repeats"])
        said["parts"] = parts
        said["predictions"] = {
            task: _predictions(path, folder, task, times, splits, parts, "LEAKY-" if task in leaky else "")
            for task in tasks
        }
    return said


def _labels(path: Path, folder: Path, task: str, times: pl.DataFrame) -> int:
    """Write a task's labels; return how many."""
    frame = _frame(path / "labels" / task / "labels.parquet").join(times, on="sample_id")
    known = frame.filter(pl.col("label").is_not_null()).sort("subject_id", "prediction_time", "sample_id")
    table = _table(known.with_columns(boolean_value=pl.col("label") == 1), LABEL_COLUMNS)
    validate(LabelSchema, table, f"labels/{task}.parquet")
    _write(table, folder / "labels" / f"{task}.parquet")
    return known.height


def _predictions(
    path: Path, folder: Path, task: str, times: pl.DataFrame, splits: int, parts: Sequence[str], mark: str
) -> dict[str, Any]:
    """Write a task's predictions, a file for each model and split; return what they hold, or why there are none."""
    found: dict[str, Any] = {}
    for split in range(splits):
        models = path / "models" / f"{mark}{task}"
        frame = _frame(models / f"split-{split}.parquet")
        for (model,), mine in frame.filter(pl.col("part").is_in(list(parts))).group_by("model", maintain_order=True):
            name = _safe(str(model))
            threshold = _threshold(models / f"split-{split}" / name / "model.json")
            # baselines have no calibrated risk: their score ranks, as MEDS-evaluation allows
            calibrated = mine["risk"].null_count() == 0
            score = pl.col("risk" if calibrated else "raw")
            decided = pl.lit(None, pl.Boolean) if threshold is None or not calibrated else score >= threshold
            # of a prediction, subject_id is the person's, who may be several subjects of the store
            rows = (
                mine.drop("subject_id").join(times, on="sample_id").sort("subject_id", "prediction_time", "sample_id")
            )
            table = _table(
                rows.with_columns(
                    boolean_value=pl.col("label") == 1,
                    predicted_boolean_value=decided,
                    predicted_boolean_probability=score,
                ),
                PREDICTION_COLUMNS,
            )
            validate(LabelSchema, table.select(LABEL_COLUMNS.names), f"predictions of {name}")
            _write(table, folder / "predictions" / task / name / f"{mark}split-{split}.parquet")
            entry = found.setdefault(name, {"score": "calibrated risk" if calibrated else "raw score", "splits": {}})
            entry["splits"][str(split)] = {"rows": rows.height, "operating_point": threshold}
    return found or {"none": "no model was fitted: the report of the run says why"}


def _threshold(path: Path) -> float | None:
    """Return the operating point of a saved model; ``None`` where there is no model, or it says none."""
    if not path.is_file():
        return None
    point = read_json(path).get("facts", {}).get("operating_point", {}).get("threshold")
    return float(point) if isinstance(point, int | float) else None


def _safe(name: str) -> str:
    """Return a name that may become a file's. Raises DataError for any other."""
    if not _NAME.fullmatch(name):
        raise DataError("a task or a model has a name that cannot be a file's", got=name[:100])
    return name


def _frame(path: Path) -> pl.DataFrame:
    if not path.is_file():
        raise PrerequisiteError(
            "the run is unfinished", got=f"no {path.name} in {path.parent}", do="go on with: xhaim run STORE --out RUN"
        )
    try:
        return pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"{path} cannot be read", got=type(error).__name__, do="delete it and run again") from error


def _table(frame: pl.DataFrame, schema: pa.Schema) -> pa.Table:
    return frame.select(schema.names).to_arrow(compat_level=pl.CompatLevel.oldest()).cast(schema)


def _write(table: pa.Table, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(table, path, compression="zstd")
