"""The open MIMIC-IV demo, 100 real patients, where it lies beside the checkout."""

import gzip
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest
from tiny_mimic import ingest, one


@pytest.mark.real_data
def test_the_public_demo_is_read_whole(tmp_path):
    root = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "mimic_iv_demo_2.2"
    if not root.is_dir():
        pytest.skip("needs the open MIMIC-IV demo beside the checkout")
    info, events = ingest(root, tmp_path / "s")
    assert (info["counts"]["subjects"], info["counts"]["stays"]) == (100, 140)
    assert sum(n["rows_set_aside"] for n in info["tables"].values()) == 0
    for name, n in info["tables"].items():
        with gzip.open(root / n["file"], "rt", encoding="utf-8", newline="") as file:
            assert n["rows_in"] == pl.read_csv(file.read().encode(), infer_schema=False).height, name
        assert n["rows_in"] == n["rows_used"] + n["rows_not_used"], name
    assert events["subject_id"].n_unique() == 100
    lactate = one(events, "hosp/labevents#200606")
    assert lactate["code"] == "LAB//50813//mmol/L"
    assert (lactate["numeric_value"], lactate["unit"]) == (pytest.approx(2.8), "mmol/L")
    assert (lactate["time"], lactate["known_at"]) == (datetime(2177, 3, 24, 22, 0), datetime(2177, 3, 24, 22, 31))
    deaths = events.filter(pl.col("code") == "MEDS_DEATH")
    assert deaths.drop_nulls("hadm_id").height == 15
    assert deaths["subject_id"].is_unique().all()
