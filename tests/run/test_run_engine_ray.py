"""The same jobs on a local Ray cluster of two processes: the same bytes, and the same faults."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

import engine_jobs
import pytest
from tiny_run import artefacts, empty_run, tiny_encoder, tiny_settings, tiny_store

from xhaim.errors import BackendError, DataError, PrerequisiteError
from xhaim.ports import silent
from xhaim.run import on_ray
from xhaim.run.nodes import Terms
from xhaim.run.parallel import close_engines, share
from xhaim.run.pipeline import begin, execute
from xhaim.run.watch import Quiet

pytestmark = pytest.mark.skipif(find_spec("ray") is None, reason="the extra xhaim[ray] is not installed")
LOOPBACK = {"0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000"}


@pytest.fixture
def _alone(monkeypatch):
    """A cluster of this machine, whatever the environment says, and nothing left of it."""
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(on_ray, "TRIES", 1)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=os.pathsep)  # for its processes: engine_jobs
    yield
    close_engines()
    import ray  # not before: it reads what on_ray sets

    assert not ray.is_initialized()


def listening() -> set[tuple[str, str]]:
    """Address and inode of every TCP socket of this machine that listens."""
    rows = [line.split() for table in ("tcp", "tcp6") for line in Path(f"/proc/net/{table}").read_text().splitlines()]
    return {(row[1].split(":")[0], row[9]) for row in rows if row[3] == "0A"}


@pytest.mark.usefixtures("_alone")
def test_jobs_and_faults_are_those_of_the_local_engine(tmp_path, monkeypatch, capsys):
    before = listening()
    run = empty_run(tmp_path / "well", "ray", 2)
    share(run, engine_jobs.unlucky, range(6), silent)
    assert (run.directory.root / "killed").exists()
    assert engine_jobs.marked(run) == set(range(6))
    assert run.watch.notes == [f"job {n}" for n in range(6)]
    assert capsys.readouterr().out == ""  # it is for results, as JSON
    own = _sockets_of_ray()
    opened = {address for address, inode in listening() - before if inode in own}
    assert opened
    assert opened <= LOOPBACK
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"

    run = empty_run(tmp_path / "poisoned", "ray", 2)
    with pytest.raises(DataError, match=r"2 parts of this stage failed[\s\S]*ValueError") as caught:
        share(run, engine_jobs.poisoned, range(7), silent)
    assert engine_jobs.marked(run) == {0, 1, 3, 4, 6}
    assert engine_jobs.SECRET not in f"{caught.value} {caught.value.__cause__}"

    run = empty_run(tmp_path / "killed", "ray", 2)
    with pytest.raises(BackendError, match=r"killed[\s\S]*--workers 1"):
        share(run, engine_jobs.too_big, range(3), silent)
    with pytest.raises(PrerequisiteError, match="pip install weights"):
        share(run, engine_jobs.missing, range(3), silent)

    elsewhere = Terms(tmp_path / "nowhere", "0" * 64, (tmp_path,), "code", "kind")
    monkeypatch.setattr(Terms, "of", lambda _: elsewhere)
    run = empty_run(tmp_path / "unseen", "ray", 2)
    with pytest.raises(PrerequisiteError, match=r"does not see the run directory[\s\S]*all nodes share"):
        share(run, engine_jobs.mark, range(3), silent)
    assert engine_jobs.marked(run) == set()


def _sockets_of_ray() -> set[str]:
    """Inodes of the sockets of the processes that this session's Ray has started."""
    import ray

    found = set()
    session = ray._private.worker.global_worker.node.session_name
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if session in (process / "cmdline").read_text():
                links = [os.readlink(link) for link in (process / "fd").iterdir()]
                found |= {link[8:-1] for link in links if link.startswith("socket:[")}
        except OSError:
            continue
    return found


@pytest.mark.usefixtures("_alone")
def test_a_run_has_the_same_bytes_as_on_the_local_engine(tmp_path):
    store = tiny_store(tmp_path, stays=60)
    settings = tiny_settings(tiny_encoder(tmp_path / "encoder"), shard_size=24)
    results = [
        execute(begin(store, settings, tmp_path / engine, Quiet(), workers, engine))
        for engine, workers in (("local", 1), ("ray", 2))
    ]
    local, on_cluster = (artefacts(tmp_path / engine) for engine in ("local", "ray"))
    assert local == on_cluster
    assert results[0].run.watch.notes == results[1].run.watch.notes
    assert sum(path.startswith("evidence") for path in local) > 2
