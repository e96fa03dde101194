"""A few hundred damaged files of each kind through the readers; ``benchmarks/mutants.py`` tries 100,000."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from benchmarks import mutants
from benchmarks.mutant_formats import ASIDE, FORMATS, READ

from xhaim.errors import DataError

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def alarm():
    before = signal.getsignal(signal.SIGALRM)
    mutants.watch()
    yield
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("name", FORMATS)
def test_no_damaged_file_is_more_than_refused(name, tmp_path):
    made = FORMATS[name]()
    path = tmp_path / f"mutant{made.suffix}"
    outcomes = {}
    for number in range(300):
        data = mutants.mutant(name, made, 1, number)
        outcome, problem = mutants.try_one(made, path, data)
        assert outcome != mutants.FAULT, f"mutant {number} of seed 1: {problem}"
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
    assert outcomes.get(READ, 0) > 20  # the damage is not such that nothing gets past the first check
    assert outcomes.get(ASIDE, 0) > 20


@pytest.mark.parametrize("name", FORMATS)
def test_whole_files_are_read_and_mutants_are_the_same_every_time(name, tmp_path):
    made = FORMATS[name]()
    path = tmp_path / f"mutant{made.suffix}"
    whole = replace(made, damage=lambda random, data: data)
    if name != "gz":  # its seeds are packed by the damage
        for seed in made.seeds:
            assert mutants.try_one(whole, path, seed)[1] is None
            assert mutants.try_one(whole, path, seed)[0] in {READ, ASIDE}
    again = FORMATS[name]()
    assert [mutants.mutant(name, made, 2, i) for i in range(30)] == [
        mutants.mutant(name, again, 2, i) for i in range(30)
    ]


def refuse(error):
    def read(path):
        raise error

    return read


def hang(path):
    while True:
        try:
            sum(range(1000))
        except Exception:
            continue


@pytest.mark.parametrize(
    ("read", "expected"),
    [
        (lambda path: READ, READ),
        (refuse(DataError("no")), mutants.REFUSED),
        (refuse(ValueError("no")), mutants.FAULT),
        (refuse(MemoryError()), mutants.FAULT),
        (hang, mutants.FAULT),
    ],
)
def test_what_is_a_fault(read, expected, tmp_path, monkeypatch):
    monkeypatch.setattr(mutants, "SECONDS", 0.2)
    made = replace(FORMATS["csv"](), read=read)
    assert mutants.try_one(made, tmp_path / "x", b"")[0] == expected


def test_a_reader_that_eats_memory_is_a_fault(tmp_path):
    """In a process of its own: the most that a process ever held never falls.

    It eats far more than the limit, as a process that once held more than it does now may eat that much unseen.
    """
    code = """
from dataclasses import replace; from pathlib import Path; from benchmarks import mutants as m; m.watch()
m.MEMORY = 32 << 20
eat = lambda path: len(b"x" * (320 << 20)) and "read"
print(m.try_one(replace(m.FORMATS["csv"](), read=eat), Path("x"), b"")[0])
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
    )
    assert done.stdout.decode().strip() == mutants.FAULT


def test_a_worker_that_dies_costs_one_mutant_and_the_others_are_read(tmp_path):
    def kill_the_first():
        while not (children := multiprocessing.active_children()):
            time.sleep(0.01)
        children[0].kill()

    thread = threading.Thread(target=kill_the_first)
    thread.start()
    total = mutants.shepherd("fhir", 1, range(5), tmp_path / "keep")
    thread.join()
    assert total[mutants.OUTCOMES.index(mutants.FAULT)] == 1
    assert sum(total[:4]) == 5
    assert [path.name for path in sorted((tmp_path / "keep").iterdir())] == ["fhir-0.json", "fhir-0.txt"]
