"""PhysioNet 2012 from hand-written records: what is no value, what is brought to its unit, what a column says."""

import polars as pl
import pytest
from benchmarks.physionet2012_features import features, lean, simple_features
from benchmarks.physionet2012_members import grades
from benchmarks.physionet2012_records import read_set

from xhaim.errors import DataError

OUTCOMES = """RecordID,SAPS-I,SOFA,Length_of_stay,Survival,In-hospital_death
101,6,1,8,-1,0
102,16,8,-1,40,0
103,21,11,3,3,1
"""
RECORDS = {
    101: """Time,Parameter,Value
00:00,RecordID,101
00:00,Age,54
00:00,Gender,0
00:00,Height,1.8
00:00,ICUType,4
00:00,Weight,80
00:07,HR,60
47:00,HR,90
01:00,SysABP,120
00:07,SysABP,0
02:00,pH,735
03:00,Temp,-17.8
03:00,Temp,36.0
03:00,Temp,38.0
04:00,Urine,100
04:00,Urine,380
06:30,MechVent,1
45:00,PaO2,80
44:00,FiO2,0.4
""",
    102: """Time,Parameter,Value
00:00,RecordID,102
00:00,Age,70
00:00,Gender,-1
00:00,Height,68
00:00,ICUType,2
00:00,Weight,-1
01:00,Lactate,5
30:00,Lactate,1
49:00,Lactate,9
xx:00,HR,80
02:00,HR,fast
02:00,Mood,3
a line cut sh
""",
    103: """Time,Parameter,Value
00:00,RecordID,103
00:00,Age,70
00:00,Gender,1
00:00,Height,431.8
00:00,ICUType,2
00:00,Weight,0
""",
}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "set-x").mkdir()
    (tmp_path / "Outcomes-x.txt").write_text(OUTCOMES)
    for stay, text in RECORDS.items():
        (tmp_path / "set-x" / f"{stay}.txt").write_text(text)
    return tmp_path


def test_every_row_is_used_or_set_aside_for_a_reason(folder):
    stays = read_set(folder)
    assert stays.account == {
        "used": 28,
        "missing, -1": 2,
        "impossible value": 3,  # arterial pressure 0, temperature of 0 F, weight 0
        "outside the 48 hours": 1,
        "no number or no time": 2,
        "unknown parameter": 2,
    }
    assert sum(stays.account.values()) == sum(len(text.splitlines()) - 1 for text in RECORDS.values())


def test_values_are_brought_to_their_unit(folder):
    stays = read_set(folder)
    found = {
        (i, s, t): v for i, s, t, v in stays.measurements.select("sample_id", "signal", "time", "value").iter_rows()
    }
    assert found["101", "arterial pH", 120] == pytest.approx(7.35)
    assert found["101", "temperature", 180] == pytest.approx(37.0)  # two at one minute
    assert found["101", "urine", 240] == pytest.approx(480.0)  # two outputs at one minute
    assert ("101", "systolic pressure, arterial line", 7) not in found
    assert stays.descriptors["Height"].to_list() == pytest.approx([180.0, 172.72, 170.0])
    assert stays.descriptors["Gender"].to_list() == [0.0, None, 1.0]


def test_outcomes_are_labels_and_never_columns(folder):
    stays = read_set(folder)
    assert stays.outcomes["death"].to_list() == [0, 0, 1]
    assert stays.outcomes["long_stay"].to_list() == [1, None, 0]
    names = features(stays).columns + simple_features(stays).columns
    assert not [name for name in names if "stay" in name.lower() or "surviv" in name.lower() or "SAPS" in name]
    other = OUTCOMES.replace("8,-1,0", "99,7,1").replace("6,1,", "30,20,")
    (folder / "Outcomes-x.txt").write_text(other)
    assert features(read_set(folder)).equals(features(stays))


def test_columns_say_what_the_records_say(folder):
    row = features(read_set(folder)).row(0, named=True)
    assert (row["heart rate, mean"], row["heart rate, last"], row["heart rate, min"]) == (75.0, 90.0, 60.0)
    assert row["heart rate, change of daily mean"] == 30.0
    assert row["heart rate, mean, last 12 h"] == 90.0
    assert row["shock index, last"] is None  # no pressure within an hour before either
    assert row["P/F ratio, mean"] == pytest.approx(200.0)
    assert row["organ points: lungs, last 24 h"] == 2.0  # below 400 and 300, not below 200
    assert row["urine per kg and hour, mean"] == pytest.approx(1.0)  # 480 mL in 6 h at 80 kg
    assert (row["ventilated, hours charted"], row["ventilated, last 24 h"]) == (1.0, 0.0)
    assert (row["lactate, mean"], row["lactate, ever measured"], row["heart rate, ever measured"]) == (None, 0.0, 1.0)
    assert (row["unit: surgical"], row["unit: medical"]) == (1.0, 0.0)


def test_columns_do_not_depend_on_the_set(folder):
    (folder / "alone").mkdir()
    (folder / "alone" / "103.txt").write_text(RECORDS[103])
    head, _, _, last = OUTCOMES.splitlines()
    (folder / "alone" / "Outcomes-y.txt").write_text(f"{head}\n{last}\n")
    alone, together = features(read_set(folder / "alone")), features(read_set(folder))
    assert alone.columns == together.columns
    assert alone.row(0) == together.row(2)
    assert set(lean(alone.columns)) < set(alone.columns)


def test_a_table_and_text_files_are_read_alike(folder):
    rows = [
        (stay, int(time[:2]) * 60 + int(time[3:]), name, float(value))
        for stay in (101, 103)
        for time, name, value in (line.split(",") for line in RECORDS[stay].splitlines()[1:])
    ]
    head, first, _, last = OUTCOMES.splitlines()
    (folder / "Outcomes-x.txt").write_text("\n".join([head, last, first]))
    as_text = read_set(folder / "Outcomes-x.txt")
    table = pl.DataFrame(rows, schema=["rid", "minute", "Parameter", "Value"], orient="row")
    table.sample(fraction=1.0, shuffle=True, seed=1).write_parquet(folder / "events_set_x.parquet")
    as_table = read_set(folder / "Outcomes-x.txt")
    assert as_table.ids == as_text.ids == ["101", "103"]
    assert features(as_table).equals(features(as_text))


def test_a_stay_without_a_record_is_refused(folder):
    (folder / "set-x" / "102.txt").unlink()
    with pytest.raises(DataError, match=r"1 stays of Outcomes-x\.txt without a record"):
        read_set(folder)


def test_a_folder_with_two_sets_asks_which(folder):
    (folder / "Outcomes-y.txt").write_text(OUTCOMES)
    with pytest.raises(DataError, match="2 outcomes files"):
        read_set(folder)


def test_grades_keep_the_outcomes_apart(folder):
    found = grades(read_set(folder).outcomes)
    assert found["death"].tolist() == [0.0, 0.5, 1.0]  # alive; dead within 60 days of leaving; dead in hospital
    eight_days, _, three_days = found["long_stay"]
    assert three_days < 0.5 < eight_days
