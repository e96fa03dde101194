"""A run directory made up for the tests of the server: stored results without a model and without a store."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import polars as pl
from argon2 import PasswordHasher

from xhaim.cohort.samples import SAMPLE_SCHEMA
from xhaim.events import EVENT_SCHEMA
from xhaim.explain.render import to_json
from xhaim.records import Citation, Explanation, Sample, Statement
from xhaim.run.known import Known
from xhaim.serve import accounts
from xhaim.task import load_task

T = datetime(2180, 7, 26, 4, 10)
TASK = "mortality_48h"
WORDS = "Blood pressure falls despite fluids."
HOSTILE = (
    "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">",
    "\"><svg onload=document.title='owned'> javascript:alert(1) ](javascript:alert(1)) {{ 7*7 }} {% raw %}",
    "evil \u202etxt.exe\u202c \u200b\u0000 </textarea></pre></style><style>*{display:none}</style>",
)


def make_sample(number):
    return Sample(f"{3000 + number}-{T:%Y%m%dT%H%M%S}", 100 + number, 200 + number, 3000 + number, T, None, None)


def make_events(sample, note):
    rows = [
        {"code": "NOTE//nursing", "time": T - timedelta(hours=6), "text_value": note, "title": "Nursing",
         "source": "n#1"},
        {"code": "NOTE//physician", "time": T - timedelta(hours=30), "text_value": "Stable. " * 900,
         "title": "Physician", "source": "n#2"},
        *(
            {"code": "LAB//50813//mmol/L", "time": T - timedelta(hours=hours), "numeric_value": value, "unit": "mmol/L",
             "source": f"labevents#{hours}"}
            for hours, value in ((20, 1.9), (8, 3.1), (2, 4.2))
        ),
    ]  # fmt: skip
    empty = dict.fromkeys(EVENT_SCHEMA)
    whole = [
        {**empty, **row, "subject_id": sample.subject_id, "known_at": row["time"], "hadm_id": sample.hadm_id,
         "sample_id": sample.sample_id, "prediction_time": T}
        for row in rows
    ]  # fmt: skip
    schema = {**EVENT_SCHEMA, "sample_id": pl.String(), "prediction_time": pl.Datetime("us")}
    return pl.DataFrame(whole, schema=schema).sort("time", "code")


def make_explanation(record, risk, extra=""):
    note = next(one for one in record.documents if one.title == "Nursing")
    start = note.text.index(WORDS)
    citations = [
        Citation(
            1, "span", note.doc_id, note.title, WORDS, note.time, note.known_at, start, start + len(WORDS), None, 0.1
        )
    ]
    if record.measurements:
        last = record.measurements[-1]
        quote = f"{last.value:g} {last.unit}"
        citations.append(
            Citation(2, "measurement", last.measurement_id, last.label, quote, last.time, last.known_at, effect=0.05)
        )
    statements = (
        Statement(f"The calibrated risk is {100 * risk:.0f} %.", "risk", ()),
        Statement(f"The note says: {WORDS} {extra}", "for", (1,)),
        *([Statement("The lactate was high.", "for", (2,))] if record.measurements else []),
        Statement("Nothing speaks against it.", "limits", ()),
    )
    return Explanation(
        record.sample.sample_id, TASK, "Will the patient die?", "admissible", risk, None, None, 0.2, 0.5, False,
        statements, tuple(citations), {"notes": 0.4}, ("SECRET-REASON",), "SECRET-WRITER", True,
    )  # fmt: skip


def make_run(root, n=8, hostile=False, extra=""):
    """Write a run of ``n`` explained samples: risks go up, every second label is 1."""
    task = load_task(TASK)
    samples = [make_sample(number) for number in range(n)]
    (root / "samples").mkdir(parents=True)
    for name in ("admissible/admissible", f"explanations/{TASK}", f"labels/{TASK}"):
        (root / name).mkdir(parents=True)
    notes = [f"NURSING\n{HOSTILE[place % 3] if hostile else ''}\n{WORDS} Patient {place}." for place in range(n)]
    events = {one.sample_id: make_events(one, note) for one, note in zip(samples, notes, strict=True)}
    pl.concat(events.values()).write_parquet(root / "admissible/admissible/00000.parquet")
    rows = [{name: getattr(one, name) for name in SAMPLE_SCHEMA} for one in samples]
    pl.DataFrame(rows, schema=SAMPLE_SCHEMA).write_parquet(root / "samples/samples.parquet")
    (root / "samples/stage.json").write_text('{"key": "k"}')
    for place, one in enumerate(samples):
        record = Known(events[one.sample_id]).record(one)
        said = f"{HOSTILE[place % 3]} {extra}" if hostile else extra
        text = to_json(make_explanation(record, (place + 0.5) / n, said))
        (root / f"explanations/{TASK}/{one.sample_id}.json").write_text(text, encoding="utf-8")
    labels = [{"sample_id": one.sample_id, "label": place % 2, "reason": None} for place, one in enumerate(samples)]
    pl.DataFrame(labels).write_parquet(root / f"labels/{TASK}/labels.parquet")
    manifest = {
        "layout": 1, "version": "0", "code": "c", "store": str(root / "no-store"), "data_fingerprint": "f",
        "simulated": True, "leaky": False, "report_policy": {TASK: "admissible"}, "settings": {"shard_size": 1000},
        "settings_hash": "s", "tasks": {TASK: task.model_dump(mode="json")},
    }  # fmt: skip
    (root / "manifest.json").write_text(json.dumps(manifest))
    return root


# ---- a server -----------------------------------------------------------------------------------------------

HERE = "http://127.0.0.1:8080"
PAGE = {"accept": "text/html"}
PASSWORD = "correct horse battery"


accounts._hasher = lambda: PasswordHasher(time_cost=1, memory_cost=64)  # the same, at a hundredth of its cost


def make_app(tmp_path, n=8, settings=None, **changes):
    from xhaim.serve.app import create_app

    run = tmp_path / "run"
    if not run.exists():
        make_run(run, n, **changes)
    return create_app(run, settings, f"sqlite:///{tmp_path / 'served.sqlite'}")


def make_client(app, login=None):
    """A browser; with ``login`` one that has a session already, and sends the forms' token with all it changes."""
    from fastapi.testclient import TestClient

    from xhaim.serve.access import COOKIE, begin_session

    client = TestClient(app, base_url=HERE, raise_server_exceptions=False, follow_redirects=False)
    if login is not None:
        client.cookies.set(COOKIE, begin_session(app.state.database, login, 1), domain="127.0.0.1")
    return client


def token_of(client, app):
    """The token that the pages of this browser's session hold."""
    import hmac

    from xhaim.serve.access import COOKIE

    return hmac.new(app.state.form_key, client.cookies.get(COOKIE, "").encode(), "sha256").hexdigest()


def add_account(app, login, role, subjects=None, password=PASSWORD):
    from xhaim.serve.accounts import add

    add(app.state.database, login, role, password, subjects)
