"""The whole of xHAIM on simulated patients: what comes out, what must not, and what a kill -9 in every stage leaves."""

from __future__ import annotations

import hashlib
import json
import re
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import polars as pl
import pytest
from tiny_run import tiny_encoder

from xhaim.config import (
    EncoderSettings,
    ExplainSettings,
    FusionSettings,
    LanguageModelSettings,
    RetrieveSettings,
    RunSettings,
    SplitSettings,
)
from xhaim.errors import DataError
from xhaim.explain.render import from_json
from xhaim.records import Statement
from xhaim.run.pipeline import Results, begin, execute
from xhaim.run.prepared import NOT_PHRASED
from xhaim.run.reporting import write_report
from xhaim.run.single import explain_one, list_samples, record_in_words
from xhaim.run.watch import Quiet
from xhaim.source.mimic_iv import MimicIV
from xhaim.source.simulate import simulate

TASKS = ("pleural_effusion", "mortality_48h")

KILLED = """
import json, os, signal, sys
from contextlib import contextmanager
from pathlib import Path
from xhaim.config import RunSettings
from xhaim.run.pipeline import begin, execute
from xhaim.run.watch import Quiet

class Killer(Quiet):
    stages = 0
    @contextmanager
    def stage(self, name):
        Killer.stages += 1
        mine = Killer.stages
        def tell(done, total):
            if mine == int(sys.argv[4]) and done:
                os.kill(os.getpid(), signal.SIGKILL)
        yield tell

if __name__ == "__main__":
    settings = RunSettings.model_validate_json(sys.argv[3])
    execute(begin(Path(sys.argv[1]), settings, Path(sys.argv[2]), Killer(), workers=1))
    print(Killer.stages)
"""


@pytest.fixture(scope="module")
def encoder(tmp_path_factory) -> Path:
    """Real code, no knowledge."""
    return tiny_encoder(tmp_path_factory.mktemp("encoder") / "bert")


@pytest.fixture(scope="module")
def settings(encoder) -> RunSettings:
    return RunSettings(
        tasks=TASKS,
        split=SplitSettings(repeats=1),
        retrieve=RetrieveSettings(encoder=str(encoder)),
        encoder=EncoderSettings(name=str(encoder), folds=2, epochs=1, precision="float32"),
        fusion=FusionSettings(grid="small"),
        explain=ExplainSettings(samples=4),
        shard_size=32,
    )


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("cohort")
    simulate(root / "files", stays=90, seed=3)
    MimicIV().ingest(root / "files", root / "store")
    return root / "store"


@pytest.fixture(scope="module")
def finished(tmp_path_factory, store, settings) -> Results:
    results = execute(begin(store, settings, tmp_path_factory.mktemp("out") / "run", Quiet(), workers=1))
    write_report(results)
    return results


def explanations(root: Path) -> list[Path]:
    return sorted(path for path in (root / "explanations").glob("*/*.json") if path.name != "stage.json")


def artefacts(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.name not in {"report.html", "report.json"}
    }


def test_models_are_compared_and_what_cannot_be_fitted_is_said(finished):
    report = json.loads((finished.run.directory.root / "report.json").read_text())
    assert report["simulated"]
    models = {row["model"] for row in report["table_2"] if row["task_id"] == "pleural_effusion"}
    assert models >= {"xhaim", "xhaim_frozen", "haim", "haim_no_radiology", "carry_forward", "permuted_labels"}
    assert report["citations"]["total"] > 0
    assert report["citations"]["resolved"] == report["citations"]["total"]
    assert report["citations"]["sentence_faults"] == 0
    page = (finished.run.directory.root / "report.html").read_text()
    assert "SIMULATED" in page
    assert "<script src" not in page
    if not any(row["task_id"] == "mortality_48h" and row["model"] == "haim" for row in report["table_2"]):
        assert any("no model was fitted" in note for note in report["notes"])


def test_every_citation_is_in_the_record_before_the_prediction_time(finished):
    """Read back from the store's own events, not through the steps that wrote it."""
    events = finished.run.store.events().collect()
    samples = {row["sample_id"]: row for row in finished.people.samples.iter_rows(named=True)}
    checked = 0
    for path in explanations(finished.run.directory.root):
        item = from_json(path.read_text())
        sample = samples[item.sample_id]
        mine = events.filter(pl.col("subject_id") == sample["subject_id"])
        for citation in item.citations:
            checked += 1
            if citation.source_id == sample["index_image_id"]:
                continue
            assert citation.known_at < sample["prediction_time"]
            if citation.kind == "image":
                assert mine.filter(pl.col("source") == citation.source_id)["known_at"].max() < sample["prediction_time"]
            elif citation.kind == "span":
                text = mine.filter(pl.col("source") == citation.source_id)["text_value"][0]
                assert text[citation.start : citation.end] == citation.quote
            else:
                code, _, rest = citation.source_id.rpartition("@")
                values = mine.filter((pl.col("code") == code) & (pl.col("time") == citation.time))["numeric_value"]
                said = float(citation.quote.split()[0])
                celsius = [(value - 32) / 1.8 for value in values] if code.endswith("°F") else []
                assert any(said == pytest.approx(value, abs=0.06) for value in (*values, *celsius)), rest
    assert checked > 20


def test_a_leaky_run_says_so_in_every_name_and_predicts_for_nobody(store, settings, tmp_path):
    leaky = settings.model_copy(update={"tasks": ("pleural_effusion",), "report_policy": "index_included"})
    results = execute(begin(store, leaky, tmp_path / "run", Quiet(), workers=2))
    report = write_report(results)
    assert report.path.name == "LEAKY-report.html"
    unmarked = [path for path in artefacts(tmp_path / "run") if "pleural_effusion" in path and "LEAKY" not in path]
    assert all(path.startswith(("labels/", "splits/")) for path in unmarked)
    policies = [path for path in artefacts(tmp_path / "run") if "index_included" in path]
    assert policies
    assert all("LEAKY-index_included" in path for path in policies)
    page = report.path.read_text()
    captions = re.findall("<caption id.*?</caption>|<figcaption.*?</figcaption>", page, re.DOTALL)
    stamped = [caption for caption in captions if "SIMULATED" in caption]
    assert len(stamped) > 3
    assert all("LEAKY" in caption for caption in stamped)
    with pytest.raises(DataError, match="LEAKY"):
        explain_one(tmp_path / "run", "pleural_effusion", results.people.samples["sample_id"][0], Quiet())


def test_canaries_known_after_the_prediction_time_come_out_nowhere(finished):
    canaries = pl.read_csv(finished.run.store.truth / "canaries.csv")
    texts = canaries.filter(pl.col("kind") == "sentence")["value"].to_list()
    assert texts
    kept = pl.concat(
        [pl.read_parquet(path) for path in (finished.run.directory.root / "admissible").rglob("*.parquet")]
    )
    assert (
        kept.filter(pl.col("known_at") >= pl.col("prediction_time"))
        .filter(~pl.col("code").str.starts_with("IMAGE"))
        .is_empty()
    )
    assert kept.filter((pl.col("numeric_value") - 37.77).abs() < 1e-3).is_empty()
    seen = "\n".join(kept["text_value"].drop_nulls().to_list())
    out = "\n".join(path.read_text() for path in explanations(finished.run.directory.root))
    out += (finished.run.directory.root / "report.html").read_text()
    for text in texts:
        assert text not in seen
        assert text not in out


def test_a_second_run_does_nothing(finished, store, settings):
    root = finished.run.directory.root
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*.parquet")}
    execute(begin(store, settings, root, Quiet(), workers=1))
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*.parquet")} == before


def test_one_sample_on_request(finished):
    root = finished.run.directory.root
    ids = [one["sample_id"] for one in list_samples(root, "pleural_effusion")]
    explained = explain_one(root, "pleural_effusion", ids[0], Quiet())
    assert explained.explanation.sample_id == ids[0]
    assert explained.explanation.statements[0].role == "risk"
    with pytest.raises(DataError, match="no sample matches"):
        explain_one(root, "pleural_effusion", "nobody", Quiet())


def test_the_record_of_a_sample_in_words_points_to_what_it_rests_on(finished):
    root, store = finished.run.directory.root, finished.run.store
    sample = finished.people.of(finished.run.tasks[0]).row(0, named=True)
    lines, marks = record_in_words(root, "pleural_effusion", sample["sample_id"], Quiet())
    assert {mark for line in lines for mark in re.findall(r"\bm\d+\b", line)} == set(marks)
    codes = set(store.codes()["code"].to_list())
    known = [name for name in marks.values() if not name.startswith("fact:")]
    assert known
    for name in known:
        code, _, when = name.partition("#")[0].rpartition("@")
        assert code in codes
        assert when < f"{sample['prediction_time']:%Y%m%dT%H%M%S}"
    with pytest.raises(DataError, match="no sample matches"):
        record_in_words(root, "pleural_effusion", "nobody", Quiet())


class Babble(BaseHTTPRequestHandler):
    """A server that answers every question with prose."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        message = {"role": "assistant", "content": "Certainly! The patient is fine."}
        reply = {"id": "1", "object": "chat.completion", "created": 0, "model": "babble",
                 "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}  # fmt: skip
        body = json.dumps(reply).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def test_a_model_that_answers_in_prose_changes_nothing_and_the_explanation_says_so(store, settings, tmp_path, finished):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Babble)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        llm = LanguageModelSettings(url=f"http://127.0.0.1:{server.server_port}/v1", model="babble")
        watch = Quiet()
        babbled = execute(begin(store, settings.model_copy(update={"llm": llm}), tmp_path / "run", watch, workers=1))
    finally:
        server.shutdown()
    assert any("extractive summary, since" in note for note in watch.notes)
    assert any("composed explanation, since" in note for note in watch.notes)
    ours, theirs = (explanations(results.run.directory.root) for results in (finished, babbled))
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        plain, told = from_json(one.read_text()), from_json(other.read_text())
        said = () if plain.risk is None else (Statement(NOT_PHRASED, "limits", ()),)
        assert told == replace(plain, statements=(*plain.statements, *said))


def test_killed_in_every_stage_and_gone_on_with_more_workers_it_ends_the_same(finished, store, settings, tmp_path):
    root = tmp_path / "killed"
    script = tmp_path / "killed.py"
    script.write_text(KILLED)
    # samples, known twice, embedding, numbers, images, retrieve, summarize, concepts, HAIM, predict, explain
    for stage in range(1, 13):
        arguments = [str(store), str(root), settings.model_dump_json(), str(stage)]
        done = subprocess.run([sys.executable, str(script), *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == -signal.SIGKILL, done.stderr
    execute(begin(store, settings, root, Quiet(), workers=2))
    assert artefacts(root) == artefacts(finished.run.directory.root)
