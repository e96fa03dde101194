"""Runs for the tests of the clinic's pages: one made up, with predictions; and a small real one."""

from __future__ import annotations

import atexit
import json
import shutil
import sys
import tempfile
from datetime import timedelta
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import polars as pl
from made_up_served import TASK, T, make_run, make_sample

from xhaim.config import RetrieveSettings
from xhaim.run.predictions import PREDICTION_SCHEMA

RISKS = (0.05, 0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75)
THRESHOLD = 0.5


def prediction(sample_id, subject_id, risk, split=0, part="test", abstains=False, label=0):
    return {
        "sample_id": sample_id, "subject_id": subject_id, "task_id": TASK, "model": "xhaim", "split": split,
        "part": part,
        "label": label, "raw": risk, "risk": risk, "low": max(0.0, risk - 0.1), "high": min(1.0, risk + 0.1),
        "abstains": abstains,
    }  # fmt: skip


def make_clinic_run(root, rows=None, **changes):
    """The made-up run of eight explained samples, with a prediction of each; the fifth abstains."""
    make_run(root, **changes)
    samples = [make_sample(number) for number in range(8)]
    rows = rows or [
        prediction(one.sample_id, one.subject_id, risk, abstains=place == 4, label=place % 2)
        for place, (one, risk) in enumerate(zip(samples, RISKS, strict=True))
    ]
    write_predictions(root, rows)
    manifest = json.loads((root / "manifest.json").read_text())
    manifest["settings"] |= {
        "split": {"repeats": 1},
        "retrieve": RetrieveSettings(encoder="no-such-encoder").model_dump(),
    }
    (root / "manifest.json").write_text(json.dumps(manifest))
    parts = [{"split": 0, "sample_id": row["sample_id"], "part": row["part"]} for row in rows]
    (root / f"splits/{TASK}").mkdir(parents=True)
    pl.DataFrame(parts).write_parquet(root / f"splits/{TASK}/splits.parquet")
    return root


def write_predictions(root, rows):
    folder = root / f"models/{TASK}"
    for split in {row["split"] for row in rows}:
        (folder / f"split-{split}/xhaim").mkdir(parents=True, exist_ok=True)
        facts = {
            "base_rate": 0.2, "n_train": 900, "n_validation": 120,
            "operating_point": {"threshold": THRESHOLD, "target": 0.9, "sensitivity": 0.91, "specificity": 0.5},
        }  # fmt: skip
        (folder / f"split-{split}/xhaim/model.json").write_text(json.dumps({"facts": facts}))
        frame = pl.DataFrame([row for row in rows if row["split"] == split], schema=PREDICTION_SCHEMA)
        frame.write_parquet(folder / f"split-{split}.parquet")


def later_sample(root, hours, risk):
    """Add to the first stay a prediction some hours later."""
    first = make_sample(0)
    later = {name: getattr(first, name) for name in first.__dataclass_fields__}
    later["prediction_time"] = T + timedelta(hours=hours)
    later["sample_id"] = f"{first.stay_id}-{later['prediction_time']:%Y%m%dT%H%M%S}"
    path = root / "samples/samples.parquet"
    frame = pl.read_parquet(path)
    pl.concat([frame, pl.DataFrame([later], schema=frame.schema)]).write_parquet(path)
    kept = pl.read_parquet(root / f"models/{TASK}/split-0.parquet").to_dicts()
    write_predictions(root, [*kept, prediction(later["sample_id"], first.subject_id, risk)])
    return later["sample_id"]


@cache
def small_run() -> Path:
    """A real run of few simulated stays, made once in a process: every stage, one system, a random encoder."""
    folder = Path(tempfile.mkdtemp(prefix="xhaim-clinic-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    sys.path.append(str(Path(__file__).parents[1] / "run"))
    from tiny_run import tiny_encoder, tiny_settings

    from xhaim.run.pipeline import begin, execute
    from xhaim.run.watch import Quiet
    from xhaim.source.mimic_iv import MimicIV
    from xhaim.source.simulate import simulate

    settings = tiny_settings(tiny_encoder(folder / "bert"), 32)
    fusion = settings.fusion.model_copy(update={"members": ("xgboost:values", "linear:embeddings")})
    settings = settings.model_copy(update={"systems": ("xhaim",), "fusion": fusion})
    simulate(folder / "files", stays=80, seed=3)
    MimicIV().ingest(folder / "files", folder / "store")
    execute(begin(folder / "store", settings, folder / "run", Quiet(), workers=1))
    return folder / "run"


class Page(HTMLParser):
    """What a browser would make of a page, as far as the tests ask."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self._open: list[tuple[str, str | None]] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.elements.append((tag, attributes))
        if tag not in {"meta", "link", "input", "br", "img", "line", "circle", "rect", "path"}:
            self._open.append((tag, attributes.get("id")))

    def handle_endtag(self, tag):
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data):
        self.words += data
        for _, name in self._open:
            if name:
                self.texts[name] = self.texts.get(name, "") + data

    def of(self, tag, **wanted):
        return [one for name, one in self.elements if name == tag and all(one.get(k) == v for k, v in wanted.items())]
