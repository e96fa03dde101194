"""The command line: JSON from every verb, dry runs that do nothing, faults without a traceback."""

from __future__ import annotations

import json

import pytest
from PIL import Image

from xhaim.cli import main
from xhaim.cli.words import build_settings, parse_hours
from xhaim.errors import DataError


def call(monkeypatch, capsys, *arguments: str) -> tuple[int, str, str]:
    monkeypatch.setattr("sys.argv", ["xhaim", *arguments])
    try:
        main()
        code = 0
    except SystemExit as stop:
        code = int(stop.code or 0)
    out = capsys.readouterr()
    return code, out.out, out.err


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    from xhaim.source.mimic_iv import MimicIV
    from xhaim.source.simulate import simulate

    root = tmp_path_factory.mktemp("cli")
    simulate(root / "files", stays=5, seed=1)
    MimicIV().ingest(root / "files", root / "store")
    return root / "store"


def test_simulate_ingest_and_doctor_speak_json(monkeypatch, capsys, tmp_path):
    files, made = str(tmp_path / "files"), str(tmp_path / "store")
    code, out, _ = call(monkeypatch, capsys, "simulate", files, "--stays", "3", "--json")
    assert (code, json.loads(out)["stays"]) == (0, 3)
    code, out, _ = call(monkeypatch, capsys, "ingest", "mimic-iv", files, "--out", made, "--json")
    assert code == 0
    tables = json.loads(out)["tables"]
    for table in tables.values():
        assert table["rows_in"] == table["rows_used"] + table["rows_set_aside"] + table["rows_not_used"]
    for place, kind in ((files, "records in MIMIC-IV's layout"), (made, "store")):
        code, out, _ = call(monkeypatch, capsys, "doctor", place, "--json")
        assert (code, json.loads(out)[place]["kind"]) == (0, kind)


def test_dry_runs_say_what_they_would_do_and_do_nothing(monkeypatch, capsys, tmp_path, store):
    new = tmp_path / "new"
    for arguments in (
        ("simulate", str(new)),
        ("demo", "--out", str(new)),
        ("ingest", "mimic-iv", str(store.parent / "files"), "--out", str(new)),
        ("run", str(store), "--out", str(new), "--task", "pneumonia"),
    ):
        code, out, _ = call(monkeypatch, capsys, *arguments, "--dry-run", "--json")
        assert code == 0, arguments
        assert json.loads(out)
        assert not new.exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("ingest", "mimic-v", ".", "--out", "x"), "did you mean 'mimic-iv'"),
        (("ingest", "mimic-iv", "nowhere", "--out", "x"), "no such folder"),
        (("run", "nowhere", "--out", "x"), "there is no store"),
        (("explain", "nowhere", "--task", "t", "--sample", "s"), "not a run directory"),
        (("report", "nowhere"), "not a run directory"),
        (("doctor", "nowhere"), "does not exist"),
        (("doctor", "."), "no records that an installed source can read"),
    ],
)
def test_faults_of_the_user_show_no_traceback(monkeypatch, capsys, tmp_path, arguments, said):
    monkeypatch.chdir(tmp_path)
    code, _, err = call(monkeypatch, capsys, *arguments)
    assert code == 2
    assert said in err
    assert "Traceback" not in err
    code, out, _ = call(monkeypatch, capsys, *arguments, "--json")
    assert code == 2
    assert json.loads(out)["error"]


def test_rows_set_aside_are_told_by_file_reason_and_first_line(monkeypatch, capsys, tmp_path):
    (tmp_path / "in").mkdir()
    for name in "ab":
        Image.new("L", (4, 4)).save(tmp_path / "in" / f"{name}.png")
    rows = ["p,1,a,2024-01-02,PA,a.png", "p,1,b,soon,PA,b.png", "p,1,c,never,PA,b.png", "p,1,d,2024-01-02,PA,d.png"]
    head = "subject_id,study_id,image_id,time,view,path"
    (tmp_path / "in" / "images.csv").write_text("\n".join([head, *rows]), encoding="utf-8")
    code, out, _ = call(monkeypatch, capsys, "ingest", "dicom", str(tmp_path / "in"), "--out", str(tmp_path / "s"))
    assert code == 0
    assert "images.csv: time: not a date or time" in out
    code, out, _ = call(monkeypatch, capsys, "doctor", str(tmp_path / "s"), "--json")
    assert (code, json.loads(out)[str(tmp_path / "s")]["rows set aside, why"]) == (
        0,
        {
            "images.csv: time: not a date or time": "2, first in line 3",
            "images.csv: path: no such file": "1, first in line 5",
        },
    )


def test_options_of_a_source_are_checked_by_name_and_by_type(monkeypatch, capsys, tmp_path, store):
    files, made = str(store.parent / "files"), tmp_path / "made"
    ingest = ("ingest", "mimic-iv", files, "--out", str(made), "--json", "--set")
    for option, said in (("subjects_per_shrad=2", "subjects_per_shard"), ("subjects_per_shard=two", "valid integer")):
        code, out, _ = call(monkeypatch, capsys, *ingest, option)
        assert (code, made.exists()) == (2, False)
        assert said in json.loads(out)["expected"]
    code, out, _ = call(monkeypatch, capsys, *ingest, "subjects_per_shard=2")
    assert (code, json.loads(out)["subjects_per_shard"]) == (0, 2)


def test_a_run_that_cannot_begin_says_why(monkeypatch, capsys, tmp_path, store):
    out = tmp_path / "run"
    code, _, err = call(monkeypatch, capsys, "run", str(store), "--out", str(out), "--task", "pneumona")
    assert code == 2
    assert "did you mean 'pneumonia'" in err
    code, _, err = call(monkeypatch, capsys, "run", str(store), "--out", str(out), "--landmark", "5000h")
    assert code == 2
    assert "no samples could be drawn" in err


def test_durations_and_settings():
    assert [parse_hours(text) for text in ("24h", "36", "2d", "90min")] == [24, 36, 48, 1.5]
    for text in ("", "-3h", "0", "soon", "3 weeks"):
        with pytest.raises(DataError, match="landmark"):
            parse_hours(text)
    made = build_settings({"tasks": ("pneumonia",)}, ["encoder.epochs=3", "retrieve.alpha=0.4"])
    assert (made.encoder.epochs, made.retrieve.alpha) == (3, 0.4)
    for wrong in ("encoder.epoch=3", "encoder.epochs=0", "encoder.epochs", "=3", "tasks.x=1", "retrieve.alpha=2"):
        with pytest.raises(DataError):
            build_settings({"tasks": ("pneumonia",)}, [wrong])
