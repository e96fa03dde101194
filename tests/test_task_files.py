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


def test_the_catalogue_is_whole():
    signals = catalogue()
    haim = [signal for signal in signals.values() if signal.haim]
    assert [sum(s.group == g for s in haim) for g in ("vital", "lab", "procedure")] == [9, 22, 10]
    assert len(signal_of_code()) == sum(len(s.codes) for s in signals.values())
    for signal in signals.values():
        assert signal.bounds[0] < signal.bounds[1]
        if signal.normal:
            assert signal.bounds[0] <= signal.normal[0] <= signal.normal[1] <= signal.bounds[1]
