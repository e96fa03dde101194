"""A watched folder: each bundle is answered once, under a name that tells nobody."""

import json
import sys
from hashlib import sha256
from pathlib import Path

import pytest
from applied_run import TASKS, applied_run

from xhaim.errors import DataError
from xhaim.run.apply_folder import watched
from xhaim.run.watch import Quiet

sys.path.append(str(Path(__file__).parents[1] / "serve"))

from made_up_bundle import made_up_bundle, packed


def test_each_bundle_is_answered_once_and_what_is_none_is_told_so(tmp_path):
    root = applied_run().run.directory.root
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    good, bad = packed(made_up_bundle("ada-lovelace")), b"SECRET, and no bundle"
    (folder / "a-good.json").write_bytes(good)
    (folder / "b-same.json").write_bytes(good)
    (folder / "c-bad.json").write_bytes(bad)
    (folder / "notes.txt").write_bytes(good)
    (folder / "d-link.json").symlink_to("/etc/hostname")
    answers = watched(root, folder, out, Quiet(), [TASKS[1]], every_s=0.01)
    first, second = next(answers), next(answers)
    assert [one.name for one in (first, second)] == [f"{sha256(one).hexdigest()[:32]}.json" for one in (good, bad)]
    told = json.loads(first.read_text())
    assert [one["task_id"] for one in told["predictions"]] == [TASKS[1]]
    assert told["explanations"][0]["risk"] == told["predictions"][0]["risk"]
    assert "error" not in told
    refused = json.loads(second.read_text())
    assert (refused["error"], refused["predictions"]) == ("this is not a bundle", [])
    assert "SECRET" not in second.read_text()
    later = packed(made_up_bundle(others=[{"resourceType": "Claim", "id": "c"}]))
    (folder / "a-good.json").write_bytes(later)  # it changed: it is another bundle
    assert next(answers).name == f"{sha256(later).hexdigest()[:32]}.json"
    assert sorted(one.suffix for one in out.iterdir()) == [".json"] * 3
    again = watched(root, folder, out, Quiet(), [TASKS[1]], every_s=0.01)
    (folder / "e-new.json").write_bytes(b"[]")
    assert next(again).name == f"{sha256(b'[]').hexdigest()[:32]}.json"  # and none of the others again
    with pytest.raises(DataError, match="no such folder"):
        next(watched(root, tmp_path / "none", out, Quiet()))
