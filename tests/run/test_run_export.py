"""A store, labels and predictions, written for other MEDS tools."""

import json
from datetime import datetime

import polars as pl
import pytest
from meds.schema import CodeMetadataSchema, DataSchema, LabelSchema
from pyarrow import parquet

from xhaim.errors import DataError, PrerequisiteError
from xhaim.events import EVENT_SCHEMA
from xhaim.run.export import PREDICTION_COLUMNS, export
from xhaim.source.account import Outcome
from xhaim.source.draft import Draft, ingest_once
from xhaim.source.meds import Meds
from xhaim.source.store import Store

T1, T2 = datetime(2150, 1, 1, 12), datetime(2150, 1, 2, 12)


@pytest.fixture
def store(tmp_path):
    """A store of three events, one of them stored late."""
    rows = [
        {
            "subject_id": 1,
            "time": T1,
            "known_at": T2,
            "code": "LAB//50813//mmol/L",
            "numeric_value": 2.5,
            "unit": "mmol/L",
        },
        {"subject_id": 1, "time": None, "known_at": None, "code": "GENDER//F"},
        {"subject_id": 2, "time": T2, "known_at": T2, "code": "NOTE//discharge", "text_value": "well", "source": "d#1"},
    ]
    events = pl.DataFrame([{name: row.get(name) for name in EVENT_SCHEMA} for row in rows], schema=EVENT_SCHEMA)

    def make(folder):
        draft = Draft(folder)
        draft.expect(pl.Series([1, 2]), 1)
        draft.account.open("t", "t")
        draft.account.read("t", 3, pl.DataFrame(schema={"row": pl.Int64, "line": pl.Int64, "reason": pl.String}))
        draft.add(Outcome("t", events, 3))
        tables, counts = draft.finish(
            "Tiny", "1", lambda codes: codes.with_columns(description=pl.lit(None, pl.String))
        )
        return {"simulated": True, "truth": None, "image_root": None, "tables": tables, "counts": counts}

    ingest_once(tmp_path / "store", {"layout": 1, "fingerprint": "f" * 16, "subjects_per_shard": 1}, make)
    return tmp_path / "store"


SAMPLES = pl.DataFrame(
    {
        "sample_id": ["a", "b", "c", "d"],
        "subject_id": [3, 1, 2, 2],
        "prediction_time": pl.Series([T1, T1, T2, T1], dtype=pl.Datetime("us")),
    }
)
PREDICTION_ROW = {"task_id": "los", "low": None, "high": None, "abstains": None}


def predictions(split):
    rows = []
    for model, risk in (("xhaim", 0.3), ("keywords", None)):
        for sample, part, label, raw in (("a", "test", 1, 0.9), ("c", "test", 0, 2.0), ("b", "validation", 1, 0.1)):
            subject = SAMPLES.filter(pl.col("sample_id") == sample)["subject_id"][0]
            rows.append(
                {
                    "sample_id": sample,
                    "subject_id": subject,
                    "model": model,
                    "split": split,
                    "part": part,
                    "label": label,
                }
                | {"raw": raw, "risk": risk + label / 10 if risk else None}
            )
    return pl.DataFrame(rows, schema_overrides={"label": pl.Int8, "risk": pl.Float64})


@pytest.fixture
def run(tmp_path):
    """A finished run of one task and two splits, as its stages write it."""
    return write_run(tmp_path / "run", "prior_only")


def write_run(root, policy, simulated=False):
    task = "LEAKY-los" if policy == "index_included" else "los"

    def put(frame, *where):
        path = root.joinpath(*where)
        path.parent.mkdir(parents=True, exist_ok=True)
        frame.write_parquet(path)

    put(SAMPLES, "samples", "samples.parquet")
    labels = {"sample_id": ["a", "b", "c", "d"], "label": [1, 1, 0, None], "reason": [None, None, None, "unknown"]}
    put(pl.DataFrame(labels, schema_overrides={"label": pl.Int8}), "labels", "los", "labels.parquet")
    for split in (0, 1):
        put(predictions(split), "models", task, f"split-{split}.parquet")
        folder = root / "models" / task / f"split-{split}" / "xhaim"
        folder.mkdir(parents=True)
        (folder / "model.json").write_text(json.dumps({"facts": {"operating_point": {"threshold": 0.35}}}))
    manifest = {
        "layout": 1, "code": "c", "settings_hash": "s", "data_fingerprint": "f", "simulated": simulated,
        "leaky": policy == "index_included", "report_policy": {"los": policy}, "tasks": {"los": {}},
        "settings": {"split": {"repeats": 2}},
    }  # fmt: skip
    (root / "manifest.json").write_text(json.dumps(manifest))
    return root


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_store_goes_out_as_valid_meds_and_comes_back_the_same(store, tmp_path):
    said = export(store, tmp_path / "out")
    assert (said["rows"], said["simulated"], said["known_at"]) == (3, True, "given")
    written = files(tmp_path / "out")
    assert written == ["README.txt", "SIMULATED", "data/0.parquet", "data/1.parquet", "export.json",
                       "metadata/codes.parquet", "metadata/dataset.json"]  # fmt: skip
    for name in ("data/0.parquet", "data/1.parquet"):
        DataSchema.validate(parquet.read_table(tmp_path / "out" / name))
        assert (tmp_path / "out" / name).read_bytes() == (store / name).read_bytes()
    CodeMetadataSchema.validate(parquet.read_table(tmp_path / "out" / "metadata" / "codes.parquet"))
    assert "SIMULATED" in (tmp_path / "out" / "README.txt").read_text()
    info = Meds(subjects_per_shard=1).ingest(tmp_path / "out", tmp_path / "again")
    assert (info["simulated"], info["known_at"]) == (True, "given")
    for name in ("data/0.parquet", "data/1.parquet"):
        assert (tmp_path / "again" / name).read_bytes() == (store / name).read_bytes()


def test_a_plain_export_has_medss_columns_only_and_says_what_that_costs(store, tmp_path):
    said = export(store, tmp_path / "out", plain=True)
    table = parquet.read_table(tmp_path / "out" / "data" / "0.parquet")
    DataSchema.validate(table)
    assert table.column_names == ["subject_id", "time", "code", "numeric_value", "text_value"]
    assert said["known_at"] == "left out"
    assert "Without known_at" in (tmp_path / "out" / "README.txt").read_text()
    info = Meds().ingest(tmp_path / "out", tmp_path / "again")
    assert info["known_at"] == "time"
    assert info["simulated"] is True
    about = json.loads((tmp_path / "out" / "metadata" / "dataset.json").read_text())
    assert about["other_extension_columns"] == []


@pytest.mark.parametrize("plain", [False, True])
def test_who_is_one_person_goes_out_and_comes_back(store, tmp_path, plain):
    assert export(store, tmp_path / "none", plain=plain)["persons"] is None
    persons = pl.DataFrame({"subject_id": [1, 2], "person_id": [70, 70]})
    persons.write_parquet(store / "metadata" / "persons.parquet")
    said = export(store, tmp_path / "out", plain=plain)
    assert said["persons"] == "metadata/persons.parquet"
    assert "persons.parquet" in (tmp_path / "out" / "README.txt").read_text()
    Meds().ingest(tmp_path / "out", tmp_path / "again")
    assert Store.open(tmp_path / "again").persons().equals(persons)


def test_labels_are_valid_and_only_the_known_ones(run, tmp_path):
    export(run, tmp_path / "out", ["labels"])
    table = parquet.read_table(tmp_path / "out" / "labels" / "los.parquet")
    LabelSchema.validate(table)
    assert pl.DataFrame(pl.from_arrow(table)).rows() == [(1, T1, True), (2, T2, False), (3, T1, True)]
    assert not (tmp_path / "out" / "predictions").exists()


def test_predictions_are_those_of_the_test_part_with_the_models_own_operating_point(run, tmp_path):
    said = export(run, tmp_path / "out")
    folder = tmp_path / "out" / "predictions" / "los"
    assert files(folder) == ["keywords/split-0.parquet", "keywords/split-1.parquet", "xhaim/split-0.parquet",
                             "xhaim/split-1.parquet"]  # fmt: skip
    table = parquet.read_table(folder / "xhaim" / "split-1.parquet")
    assert table.schema.equals(PREDICTION_COLUMNS)
    rows = pl.DataFrame(pl.from_arrow(table)).rows()
    assert rows == [(2, T2, False, False, pytest.approx(0.3)), (3, T1, True, True, pytest.approx(0.4))]
    raw = pl.read_parquet(folder / "keywords" / "split-0.parquet").rows()
    assert raw == [(2, T2, False, None, 2.0), (3, T1, True, None, pytest.approx(0.9))]
    found = said["predictions"]["los"]
    assert (found["xhaim"]["score"], found["keywords"]["score"]) == ("calibrated risk", "raw score")
    assert found["xhaim"]["splits"]["0"] == {"rows": 2, "operating_point": 0.35}


def test_everything_is_the_validation_part_too(run, tmp_path):
    said = export(run, tmp_path / "out", ["predictions"], everything=True)
    rows = pl.read_parquet(tmp_path / "out" / "predictions" / "los" / "xhaim" / "split-0.parquet")
    assert rows["subject_id"].to_list() == [1, 2, 3]
    assert said["parts"] == ["test", "validation"]
    assert "test and validation part" in (tmp_path / "out" / "README.txt").read_text()


def test_predictions_have_the_columns_of_meds_evaluation(run, tmp_path):
    # meds_evaluation.schema.PredictionSchema 0.0.6: LabelSchema and these two, of which one must hold something
    names = [
        "subject_id",
        "prediction_time",
        "boolean_value",
        "predicted_boolean_value",
        "predicted_boolean_probability",
    ]
    kinds = ["int64", "timestamp[us]", "bool", "bool", "float"]
    assert (PREDICTION_COLUMNS.names, [str(kind) for kind in PREDICTION_COLUMNS.types]) == (names, kinds)
    schema = pytest.importorskip("meds_evaluation.schema", reason="the columns above were checked without it")
    export(run, tmp_path / "out")
    for path in (tmp_path / "out" / "predictions").rglob("*.parquet"):
        schema.PredictionSchema.validate(parquet.read_table(path))


def test_a_leaky_policy_is_stamped_on_every_file_of_predictions(tmp_path):
    said = export(write_run(tmp_path / "run", "index_included", simulated=True), tmp_path / "out")
    written = [path.name for path in (tmp_path / "out" / "predictions").rglob("*.parquet")]
    assert len(written) == 4
    assert all(name.startswith("LEAKY-split-") for name in written)
    readme = (tmp_path / "out" / "README.txt").read_text()
    assert "LEAKY" in readme
    assert "SIMULATED" in readme
    assert said["leaky"] == ["los"]
    assert "LEAKY" not in str(files(tmp_path / "out" / "labels"))  # labels are the same under every policy


def test_an_honest_run_is_not_stamped(run, tmp_path):
    export(run, tmp_path / "out")
    assert "LEAKY" not in (tmp_path / "out" / "README.txt").read_text() + str(files(tmp_path / "out"))
    assert not (tmp_path / "out" / "SIMULATED").exists()


def test_a_task_without_a_model_says_so(run, tmp_path):
    for split in (0, 1):
        predictions(split).clear().write_parquet(run / "models" / "los" / f"split-{split}.parquet")
    said = export(run, tmp_path / "out")
    assert said["predictions"]["los"] == {"none": "no model was fitted: the report of the run says why"}


def test_an_unfinished_run_leaves_nothing_behind(run, tmp_path):
    (run / "models" / "los" / "split-1.parquet").unlink()
    before = sorted(tmp_path.iterdir())
    with pytest.raises(PrerequisiteError, match="unfinished"):
        export(run, tmp_path / "out")
    assert sorted(tmp_path.iterdir()) == before


def test_what_is_there_is_overwritten_only_if_it_is_an_export(run, store, tmp_path):
    export(run, tmp_path / "out")
    export(store, tmp_path / "out")
    assert not (tmp_path / "out" / "labels").exists()
    with pytest.raises(DataError, match="no export"):
        export(run, store)
    Store.open(store)


def test_what_cannot_be_given_is_refused(run, store, tmp_path):
    with pytest.raises(DataError, match="a store gives no labels"):
        export(store, tmp_path / "out", ["labels"])
    with pytest.raises(DataError, match="a run gives no data"):
        export(run, tmp_path / "out", ["data"])
    with pytest.raises(PrerequisiteError, match="no store"):
        export(tmp_path / "none", tmp_path / "out")
    (run / "labels" / "los" / "labels.parquet").write_text("no Parquet")
    with pytest.raises(DataError, match="cannot be read"):
        export(run, tmp_path / "out")


def test_a_model_whose_name_is_a_path_writes_nowhere(run, tmp_path):
    evil = predictions(0).with_columns(model=pl.lit("../../../evil"))
    evil.write_parquet(run / "models" / "los" / "split-0.parquet")
    with pytest.raises(DataError, match="cannot be a file's"):
        export(run, tmp_path / "out")
    assert not list(tmp_path.rglob("*evil*"))
