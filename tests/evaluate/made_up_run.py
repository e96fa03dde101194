"""A small run made up for the tests: frames as ``run`` writes them, and two explained samples."""

from datetime import datetime, timedelta
from functools import cache

import numpy as np
import polars as pl

from xhaim.evaluate.header import RunHeader
from xhaim.records import (
    Citation,
    CitedSentence,
    Document,
    Explanation,
    Image,
    Measurement,
    Record,
    Sample,
    Statement,
    Summary,
)
from xhaim.task import load_task

known_task = cache(load_task)
T = datetime(2180, 7, 26, 4, 10)
ECHO = (
    "FINDINGS\nThe left atrium is mildly dilated. Overall systolic function is low normal (LVEF 50-55 %).\n\n"
    "There is a trivial pericardial effusion without signs of tamponade. "
    "A moderate left pleural effusion is present.\n\n"
    "IMPRESSION\nLow normal systolic function. Moderate left pleural effusion."
)
FILM = (
    "EXAMINATION: CHEST (PORTABLE AP)\n\nINDICATION: Dyspnea.\n\n"
    "FINDINGS: New blunting of the left costophrenic angle. "
    "The heart is mildly enlarged. No pneumothorax.\n\nIMPRESSION: Small left effusion is possible."
)
OLD = "FINDINGS: No pleural effusion or pneumothorax. Lungs are clear."


def make_predictions(n=160, splits=3, models=("xhaim", "haim", "carry_forward"), tasks=("pleural_effusion",), seed=0):
    """Rows of two samples a subject; later models rank worse; the last has no calibrated risk."""
    rows = []
    for task in tasks:
        rng = np.random.default_rng([seed, len(task)])
        labels = (rng.random(n) < 0.35).astype(int)
        for split in range(splits):
            part = np.where(rng.random(n) < 0.4, "test", "train")
            for place, model in enumerate(models):
                raw = 1 / (1 + np.exp(-(labels * 2.0 / (1 + place) - 1 + rng.normal(size=n))))
                calibrated = place < max(1, len(models) - 1)
                rows += [
                    (f"{300 + i}-x", 100 + i // 2, task, model, split, str(part[i]), int(labels[i]), float(raw[i]),
                     float(raw[i]) if calibrated else None, None, None, False)
                    for i in range(n)
                ]  # fmt: skip
    schema = {
        "sample_id": pl.String, "subject_id": pl.Int64, "task_id": pl.String, "model": pl.String, "split": pl.Int64,
        "part": pl.String, "label": pl.Int8, "raw": pl.Float64, "risk": pl.Float64, "low": pl.Float64,
        "high": pl.Float64, "abstains": pl.Boolean,
    }  # fmt: skip
    return pl.DataFrame(rows, schema=schema, orient="row")


def make_attrition(tasks=("pleural_effusion",), kept=160):
    return pl.DataFrame(
        [
            row
            for task in tasks
            for row in (
                (task, "samples", "ICU stays in the store", kept + 90),
                (task, "samples", "no chest image inside the ICU stay", 50),
                (task, "samples", "samples drawn", kept + 40),
                (task, "label", "uncertain", 10),
                (task, "label", "blank", 30),
                (task, "kept", "samples kept", kept),
            )
        ],
        schema={"task_id": pl.String, "step": pl.String, "reason": pl.String, "n": pl.Int64},
        orient="row",
    )


def make_header(**changes):
    settled = {
        "title": "Test run",
        "simulated": True,
        "report_policy": {"pleural_effusion": "prior_only", "mortality_48h": "admissible"},
        "versions": {"xhaim": "0.1.0"},
        "config_hash": "91ab0123456789ef",
        "data_fingerprint": "7c1e0123456789ef",
        "n_subjects": 80,
        "n_stays": 160,
        "modalities_absent": ("echocardiography",),
        "notes": ("Demonstration settings: small grid.",),
    }
    return RunHeader(**{**settled, **changes})


def make_document(doc_id, kind, title, text, hours):
    time = T - timedelta(hours=hours)
    return Document(doc_id, kind, title, text, time, time + timedelta(minutes=40), source=f"note#{doc_id}")


def make_record(stay=30118421, **texts):
    """A record with three documents (texts may be replaced by keyword), two signals and an index image."""
    sample = Sample(f"{stay}-21800726T041000", 10014, 22, stay, T, 5001, "img1")
    documents = (
        make_document("rad-1", "cxr", "Radiology: CHEST (PORTABLE AP)", texts.get("old", OLD), 71),
        make_document("rad-2", "cxr", "Radiology: CHEST (PORTABLE AP)", texts.get("film", FILM), 22),
        make_document("echo-1", "echo", "Echocardiogram", texts.get("echo", ECHO), 14),
    )
    albumin = [2.9, 2.7, 2.4]
    oxygen = [96, 95, 97, 94, 93, 95, 92, 91, 93, 90, 92, 94, 91, 90, 92, 93, 91, 89, 92, 90]
    series = [("albumin", "Albumin", "g/dL", albumin, 20.0), ("spo2", "Oxygen saturation", "%", oxygen, 2.5)]
    measurements = []
    for name, label, unit, values, step in series:
        for place, value in enumerate(values):
            time = T - timedelta(hours=step * (len(values) - place) - 1)
            known = time + timedelta(minutes=30)
            identity = f"{name}@{time:%Y%m%dT%H%M%S}"
            measurements.append(Measurement(identity, name, label, value, unit, time, known))
    image = Image("img1", "p10/img1.jpg", "AP", T, T, 5001)
    static = {"age": 67.0, "gender": "F", "care_unit": "Medical ICU", "race": None}
    return Record(sample, static, documents, tuple(measurements), (image,))


def cite(record, marker, doc_id, words, effect=None, reason=None, polarity=None):
    document = next(item for item in record.documents if item.doc_id == doc_id)
    start = document.text.index(words)
    return Citation(
        marker, "span", doc_id, document.title, words, document.time, document.known_at, start, start + len(words),
        polarity, effect, reason,
    )  # fmt: skip


def cite_value(record, marker, signal, effect=None, reason=None):
    item = [one for one in record.measurements if one.signal == signal][-1]
    quote = f"{item.value:g} {item.unit}"
    return Citation(
        marker, "measurement", item.measurement_id, item.label, quote, item.time, item.known_at, effect=effect,
        effect_reason=reason,
    )  # fmt: skip


def make_citations(record):
    image = record.images[0]
    return (
        cite(record, 1, "echo-1", "A moderate left pleural effusion is present.", 0.22, polarity="affirmed"),
        cite(record, 2, "rad-2", "New blunting of the left costophrenic angle.", 0.14, polarity="affirmed"),
        cite_value(record, 3, "albumin", 0.002),
        cite(record, 4, "rad-1", "No pleural effusion or pneumothorax.", -0.05, polarity="negated"),
        cite_value(record, 5, "spo2", None, "only one value"),
        Citation(
            6, "image", image.image_id, "Chest X-ray (AP)", "Chest X-ray (AP)", image.time, image.known_at, effect=0.06
        ),
    )


def make_explanation(record, task_id="pleural_effusion", risk=0.71, **changes):
    task = known_task(task_id)
    statements = (
        Statement(f"The calibrated risk of {task.outcome} is {100 * risk:.0f} %.", "risk", ()),
        Statement(
            'The echocardiogram of 25 Jul 14:10 (14 h before) says "A moderate left pleural effusion is present.".',
            "for", (1,),
        ),
        Statement("The film of the day before showed new blunting of the left costophrenic angle.", "for", (2,)),
        Statement("Albumin was 2.4 g/dL, and oxygen saturation was falling.", "for", (3, 5)),
        Statement("The small network's reading of the index image raises the risk.", "for", (6,)),
        Statement('The film of 23 Jul says "No pleural effusion or pneumothorax.".', "against", (4,)),
        Statement("No NT-proBNP is known before the prediction.", "missing", ()),
        Statement("Without [1] and [2] the risk is 34 %, below the operating point.", "change", (1, 2)),
        Statement("Effects are measured one at a time and do not add up.", "limits", ()),
    )  # fmt: skip
    settled = {
        "sample_id": record.sample.sample_id,
        "task_id": task_id,
        "question": task.question,
        "report_policy": "prior_only",
        "risk": risk,
        "low": 0.60,
        "high": 0.80,
        "base_rate": 0.29,
        "threshold": 0.40,
        "abstains": False,
        "statements": statements,
        "citations": changes.get("citations") or make_citations(record),
        "contributions": {"notes": 1.2, "cxr": 0.7, "concepts": 0.4, "time_series": -0.3, "tabular": 0.05},
        "dropped": ("number not in its source",),
        "writer": "composed",
        "simulated": True,
    }
    return Explanation(**{**settled, **changes})


def make_summary(record, task_id="pleural_effusion"):
    words = "A moderate left pleural effusion is present."
    start = ECHO.index("There is a trivial")
    return Summary(
        record.sample.sample_id,
        task_id,
        "notes",
        (CitedSentence(words, (f"echo-1:{start}-{start + 112}",)),),
        14,
        "extractive",
    )
