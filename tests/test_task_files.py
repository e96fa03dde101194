"""Task files: the shipped ones work, a user's own works from any path, and faults are named by their YAML path."""

from __future__ import annotations

import pytest
import yaml

from xhaim.errors import TaskError
from xhaim.signals import catalogue, signal_of_code
from xhaim.task import load_task, shipped_tasks


def test_the_five_tasks_of_the_paper_are_shipped():
    assert set(shipped_tasks()) >= {"pleural_effusion", "cardiomegaly", "pneumonia", "mortality_48h", "los_48h"}
    for name in shipped_tasks():
        task = load_task(name)
        assert task.id == name
        assert task.anchors
        assert task.concepts[0].terms


def test_a_users_own_task_works_from_any_path(tmp_path):
    raw = yaml.safe_load(shipped_tasks()["mortality_48h"].read_text())
    raw |= {"id": "death_24h", "label": {"kind": "death_within", "horizon_hours": 24}}
    path = tmp_path / "anything.yaml"
    path.write_text(yaml.safe_dump(raw))
    assert load_task(path).label.horizon_hours == 24


VALUE = {"kind": "value_crosses", "signal": "lactate", "above": 4, "horizon_hours": 24}


def broken(tmp_path, base="mortality_48h", **changes):
    raw = yaml.safe_load(shipped_tasks()[base].read_text()) | changes
    path = tmp_path / "task.yaml"
    path.write_text(yaml.safe_dump({key: value for key, value in raw.items() if value is not None}))
    with pytest.raises(TaskError) as caught:
        load_task(path)
    return str(caught.value)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"label": {"kind": "death_within", "horizon_hours": -48}}, "$.label.horizon_hours: got -48; expected greater"),
        (
            {"label": {"kind": "death_within", "horizon_hours": 1e9}},
            "$.label.horizon_hours: got 1000000000.0; expected",
        ),
        ({"label": {"kind": "death_within", "horizon_hours": "soon"}}, "$.label.horizon_hours: got 'soon'; expected"),
        ({"label": {"kind": "dies"}}, "$.label.kind: got 'dies'; expected one of"),
        ({"ancors": ["x"]}, "$.ancors: unknown key; expected one of anchors"),
        ({"anchors": None}, "$.anchors: missing"),
        ({"anchors": [" "]}, "$.anchors: blank sentence"),
        ({"signals": ["lactat"]}, "did you mean 'lactate'?"),
        ({"concepts": [{"name": "x", "synonym": []}]}, "$.concepts[0].synonym: unknown key"),
        ({"label": {"kind": "chexpert", "finding": "Pneumona"}}, "did you mean 'Pneumonia'?"),
        ({"label": {"kind": "chexpert", "finding": "Pneumonia"}}, "would show the model the report"),
        ({"label": {"kind": "event_within", "code": "has space first", "horizon_hours": 1}}, "$.label.code: got"),
        ({"label": VALUE | {"signal": "lactat"}}, "$.label.signal: unknown signal; got 'lactat'; expected one of"),
        ({"label": VALUE | {"code": "LAB//1"}}, "$.label: signal and code: one of them"),
        ({"label": VALUE | {"signal": None}}, "$.label: signal and code: one of them"),
        ({"label": VALUE | {"below": 2}}, "$.label: above and below: one of them"),
        ({"label": VALUE | {"above": None}}, "$.label: above and below: one of them"),
        ({"label": VALUE | {"above": 4000}}, "$.label: the threshold is not a possible value of lactate"),
        ({"label": VALUE | {"above": float("nan")}}, "$.label.above: got nan; expected"),
        ({"label": VALUE | {"unit": "mmol/L"}}, "$.label: unit: a signal has its own"),
        ({"label": VALUE | {"horizon_hours": 0}}, "$.label.horizon_hours: got 0; expected greater"),
        ({"label": VALUE | {"first": True}}, "$.label.first: unknown key; expected one of above"),
        ({"label": VALUE | {"unmeasured": "guess"}}, "$.label.unmeasured: got 'guess'; expected"),
        ({"label": {"kind": "meds_labels"}}, "$.label.path: missing"),
        ({"label": {"kind": "meds_labels", "path": ""}}, "$.label.path: got ''; expected"),
        ({"label": {"kind": "aces", "path": 3}}, "$.label.path: got 3; expected"),
        ({"label": {"kind": "aces", "file": "x.yaml"}}, "$.label.file: unknown key; expected one of kind, path"),
        ({"report_policy": "all"}, "$.report_policy: got 'all'; expected"),
        ({"id": "../../etc"}, "$.id: got"),
    ],
)
def test_faults_are_named_by_path_with_got_and_expected(tmp_path, changes, expected):
    assert expected in broken(tmp_path, **changes)


def test_what_is_no_task_at_all(tmp_path):
    with pytest.raises(TaskError, match="did you mean 'pneumonia'"):
        load_task("pneumona")
    path = tmp_path / "task.yaml"
    for content, said in ((b"[1, 2]", "holds no task"), (b"a: [", "is not YAML"), (b"\xff\xfe\x00", "is not YAML")):
        path.write_bytes(content)
        with pytest.raises(TaskError, match=said):
            load_task(path)
    path.write_text("a: !!python/object/apply:os.system ['true']")
    with pytest.raises(TaskError, match="is not YAML"):
        load_task(path)


def test_a_label_file_is_looked_for_beside_the_task_file(tmp_path):
    raw = yaml.safe_load(shipped_tasks()["mortality_48h"].read_text())
    path = tmp_path / "task.yaml"
    for said, expected in (("labels/x.parquet", tmp_path / "labels/x.parquet"), ("/data/x.parquet", "/data/x.parquet")):
        path.write_text(yaml.safe_dump(raw | {"id": "asked", "label": {"kind": "meds_labels", "path": said}}))
        assert str(load_task(path).label_file) == str(expected)
    assert load_task("mortality_48h").label_file is None


def test_a_value_that_crosses_a_threshold_can_be_asked_for(tmp_path):
    raw = yaml.safe_load(shipped_tasks()["mortality_48h"].read_text())
    path = tmp_path / "task.yaml"
    path.write_text(yaml.safe_dump(raw | {"id": "high_lactate", "label": VALUE | {"first_time": True}}))
    rule = load_task(path).label
    assert (rule.threshold, rule.words, rule.first_time, rule.unmeasured) == (4, "lactate above 4", True, "drop")


def test_the_catalogue_is_whole():
    signals = catalogue()
    haim = [signal for signal in signals.values() if signal.haim]
    assert [sum(s.group == g for s in haim) for g in ("vital", "lab", "procedure")] == [9, 22, 10]
    assert len(signal_of_code()) == sum(len(s.codes) for s in signals.values())
    for signal in signals.values():
        assert signal.bounds[0] < signal.bounds[1]
        if signal.normal:
            assert signal.bounds[0] <= signal.normal[0] <= signal.normal[1] <= signal.bounds[1]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id: a\nid: b\n", "the key 'id' twice in one mapping, line 1"),
        ("a: &x [1]\nid: *x\n", "an alias; write the value out"),
        ("id: [", "is not YAML"),
    ],
)
def test_a_task_file_says_each_key_once_and_in_full(tmp_path, text, said):
    path = tmp_path / "task.yaml"
    path.write_text(text)
    with pytest.raises(TaskError, match="is not YAML") as caught:
        load_task(path)
    assert said in str(caught.value)
