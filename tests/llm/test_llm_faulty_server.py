"""A server with every fault there is, through step 2: nobody's summary is lost, and nothing false is shown."""

import json
import re
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from xhaim.config import LanguageModelSettings, RunSettings
from xhaim.llm.limits import each
from xhaim.llm.scripted import Sent, completion, serve
from xhaim.records import Chunk, Evidence, ScoredChunk
from xhaim.run.words import _door, summary_writer
from xhaim.summarize.checks import faults
from xhaim.task import load_task

TASK = load_task("pleural_effusion")
AT = datetime(2150, 1, 1)


def told(*sentences: tuple[str, object]) -> str:
    return json.dumps({"sentences": [{"text": text, "chunks": chunks} for text, chunks in sentences]})


def good(n: int) -> tuple[str, list[int]]:
    return f"A left pleural effusion of {n} cm was seen.", [1]


FALSE = "A right pleural effusion of 77 cm was seen in patient 10000032."
FAULTS: dict[str, Any] = {
    "none": lambda n: told(good(n)),
    "too late": lambda n: Sent(completion(told(good(n))), wait_s=1.2),
    "slow drip": lambda n: Sent(completion(told(good(n))), drip_s=0.02),
    "reset": lambda n: Sent(completion(told(good(n))), reset_after=20),
    "reset before a word": lambda n: Sent(completion(told(good(n))), reset_after=0),
    "500": lambda _: Sent(b"{}", status=500),
    "429": lambda _: Sent(b"{}", status=429, headers={"Retry-After": "0.01"}),
    "400": lambda _: Sent(b"{}", status=400),
    "401": lambda _: Sent(b"{}", status=401),
    "truncated JSON": lambda n: told(good(n))[:-9],
    "truncated body": lambda n: Sent(completion(told(good(n)))[:-30]),
    "HTML": lambda _: Sent(b"<html><body>Welcome to the gateway</body></html>"),
    "wrong schema": lambda n: json.dumps({"summary": FALSE, "n": n}),
    "more than was asked for": lambda n: told(good(n))[:-1] + ', "probability": 0}',
    "a key twice": lambda n: f'{{"sentences": [{{"text": "{FALSE}", "chunks": [1]}}], {told(good(n))[1:]}',
    "not a number": lambda _: '{"sentences": [{"text": "x", "chunks": [NaN]}]}',
    "half a character": lambda _: "\ud800",
    "half a character inside": lambda n: told((f"A left\ud800 pleural effusion of {n} cm was seen.", [1])),
    "another patient": lambda n: told(good(n), (FALSE, [1])),
    "another patient's chunk": lambda n: told(good(n), (FALSE, ["10000032-RR-15:0-40"])),
    "a chunk that does not exist": lambda n: told(good(n), (FALSE, [99]), (good(n)[0], [0, -1])),
    "a quote that is not there": lambda n: told(good(n), ('The report says "no effusion is seen".', [1])),
    "denied": lambda n: told(good(n), ("No pleural effusion was seen.", [1])),
    "50 MB": lambda n: Sent(completion("x" * 50_000_000)),
    "another model": lambda n: Sent(completion(told(good(n)), model="another-model")),
    "cut by its length": lambda n: Sent(completion(told(good(n)), "length")),
    "withheld": lambda n: Sent(completion(told(good(n)), "content_filter")),
    "empty": lambda _: "",
    "thoughts alone": lambda n: f"<think>{FALSE}",
    "no sentences": lambda _: told(),
    "a thousand sentences": lambda n: told(*[(f"{good(n)[0]} {FALSE}", [1])] * 1000),
    "nested": lambda _: "[" * 90_000,
}  # fmt: skip


def evidence(n: int) -> Evidence:
    text = f"There is a {n} cm left pleural effusion."
    chunk = Chunk(f"d{n}:0-{len(text)}", f"d{n}", "cxr", "cxr", "", 0, len(text), text, AT, AT)
    return Evidence(f"s{n}", TASK.id, "cxr", (ScoredChunk(chunk, 0.5, 0.5, 0.5, 1, "q", None),), 1)


def test_a_server_with_every_fault_loses_nobody_and_shows_nothing_false(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("xhaim.llm.client._RETRIES", 0)
    monkeypatch.setattr("xhaim.predict.encoder.token_counter", lambda _: lambda text: 2 + len(text.split()))
    kinds = list(FAULTS)

    def answer(_: str, user: str) -> str | Sent:
        number = re.search(r"a (\d+) cm left", user)
        assert number
        found: str | Sent = FAULTS[kinds[int(number[1]) - 1]](int(number[1]))
        return found

    with serve(answer) as server:
        llm = LanguageModelSettings(url=server.url, model="m", timeout_s=0.7, concurrency=6)
        chosen = RunSettings(tasks=(TASK.id,), llm=llm)
        run: Any = SimpleNamespace(settings=chosen, directory=SimpleNamespace(root=tmp_path))
        _door(tmp_path, llm)[0]._model.failures = 99  # what the breaker does is tested apart
        write = summary_writer(run, TASK, {f"s{n}": 1 for n in range(1, len(kinds) + 1)})
        written = dict(zip(kinds, each(write, [evidence(n) for n in range(1, len(kinds) + 1)], 6), strict=True))
    for n, (kind, (summary, note)) in enumerate(written.items(), start=1):
        text = evidence(n).chunks[0].chunk.text
        assert summary.sentences, kind
        for one in summary.sentences:
            assert one.chunk_ids == (f"d{n}:0-{len(text)}",), kind
            assert one.text == text or faults(one.text, [text], [AT], TASK) == (), kind
            assert str(n) in one.text, kind
            assert not re.search(r"77|10000032|[Nn]o |right|\"", one.text), kind
        assert (summary.writer == "extractive") == (note is not None), kind
    by_model = {kind for kind, (summary, _) in written.items() if summary.writer == "m"}
    assert by_model == {
        "none", "another patient", "a chunk that does not exist",
        "a quote that is not there", "denied", "another model",
    }  # fmt: skip
    assert all(summary.dropped for kind, (summary, _) in written.items() if kind in ("another patient", "denied"))
