"""A run written by hand: two patients, their records, and an explanation of each in which everything holds."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

from xhaim.cohort.samples import SAMPLE_SCHEMA
from xhaim.config import RunSettings
from xhaim.events import EVENT_SCHEMA
from xhaim.explain.render import to_json
from xhaim.records import Citation, Explanation, KnowledgeCitation, KnowledgeLine, Sample, Statement
from xhaim.run.directory import code_hash, write_frame, write_json
from xhaim.run.judge_items import Item, stored_items
from xhaim.task import load_task

NOW = datetime(2180, 7, 26, 4, 10)
TASK = load_task("pleural_effusion")
EFFECT = "; without this value the risk would be 68 % (-3 points)."
LINE = KnowledgeLine("pe:sign:1", "criterion", "Low albumin is one of the causes.", "A book", None, "own words", None)
FILMS = {7: "There is a moderate left pleural effusion.", 8: "There is a small right pleural effusion."}
ALBUMINS = {7: 2.9, 8: 2.1}


def sample(stay: int) -> Sample:
    return Sample(f"{stay}-21800726T041000", stay + 10, 5, stay, NOW)


def events(stay: int) -> list[dict[str, object]]:
    """A film of 22 hours before, albumin, oxygen saturation and a lactate."""

    def row(code: str, hours: float, **more: object) -> dict[str, object]:
        time = NOW - timedelta(hours=hours)
        one = dict.fromkeys(EVENT_SCHEMA) | {"subject_id": stay + 10, "stay_id": stay, "hadm_id": 5}
        one |= {"code": code, "time": time, "known_at": time, "sample_id": sample(stay).sample_id}
        one |= {"prediction_time": NOW, **more}
        return one

    text = f"FINDINGS: {FILMS[stay]} Heart size is normal."
    return [
        row("NOTE//radiology", 22, text_value=text, title="Radiology: CHEST (AP)", source=f"note#{stay}"),
        row("LAB//50862//g/dL", 2, numeric_value=ALBUMINS[stay], unit="g/dL"),
        row("CHART//220277//%", 1, numeric_value=97.0, unit="%"),
        row("LAB//50813//mmol/L", 13, numeric_value=1.3, unit="mmol/L"),
    ]


def explanation(stay: int) -> Explanation:
    """Its sentences are as the product writes them."""

    def cited(marker: int, code: str, label: str, quote: str, hours: float, start: int | None = None) -> Citation:
        time = NOW - timedelta(hours=hours)
        kind = "span" if start is not None else "measurement"
        source = code if start is not None else f"{code}@{time:%Y%m%dT%H%M%S}"
        end = None if start is None else start + len(quote)
        return Citation(marker, kind, source, label, quote, time, time, start, end, effect=0.03)

    film, albumin = FILMS[stay], f"{ALBUMINS[stay]} g/dL"
    statements = (
        Statement(
            "The calibrated risk of a pleural effusion on the chest X-ray is 71 % (90 % interval 60 to 80 %), against "
            "a base rate of 45 % among the training stays; it lies at or above the operating point of 40 %.",
            "risk", (),
        ),
        Statement(
            f'The radiology report of 25 Jul 06:10 (22 h before) says "{film}"; without this passage the risk would be '
            "68 % (-3 points).", "for", (1,),
        ),
        Statement(
            f"Albumin was {albumin} at 26 Jul 02:10 (2 h before; below the usual range of 3.5 to 5.2){EFFECT}", "for",
            (2,),
        ),
        Statement(
            f"Oxygen saturation was 97 % at 26 Jul 03:10 (60 min before; within the usual range of 94 to 100){EFFECT}",
            "against", (3,),
        ),
        Statement(
            f"Serum albumin below 3.5 g/dL: met; Albumin {albumin} 2 h before, needed: below 3.5 g/dL.", "checklist",
            (2,), (1,), "met",
        ),
        Statement(
            "Lactate above 2 mmol/L: not met; Lactate 1.3 mmol/L 13 h before, needed: above 2 mmol/L.", "checklist",
            (4,), (1,), "not met",
        ),
        Statement("No value before the prediction: NT-proBNP.", "missing", ()),
        Statement("An effect is what this model's risk changes by when the evidence is taken out.", "limits", ()),
    )  # fmt: skip
    citations = (
        cited(1, f"note#{stay}", "Radiology: CHEST (AP)", film, 22, 10),
        cited(2, "LAB//50862//g/dL", "Albumin", albumin, 2),
        cited(3, "CHART//220277//%", "Oxygen saturation", "97 %", 1),
        cited(4, "LAB//50813//mmol/L", "Lactate", "1.3 mmol/L", 13),
    )
    return Explanation(
        sample(stay).sample_id, TASK.id, TASK.question, "prior_only", 0.71, 0.60, 0.80, 0.45, 0.40, False,
        statements, citations, {}, (), "composed", True, knowledge=(KnowledgeCitation(1, LINE),),
    )  # fmt: skip


def write_run(root: Path, **more: Explanation) -> Path:
    """Write the run of both patients; ``s7``, ``s8``: another explanation of one of them."""
    told = {7: more.get("s7") or explanation(7), 8: more.get("s8") or explanation(8)}
    manifest = {
        "layout": 1, "code": code_hash(), "store": str(root.parent / "store"), "version": "0",
        "report_policy": {TASK.id: "prior_only"}, "tasks": {TASK.id: TASK.model_dump(mode="json")},
        "settings": RunSettings(tasks=(TASK.id,)).model_dump(mode="json"),
    }  # fmt: skip
    write_json(root / "manifest.json", manifest)
    rows = [{name: asdict(sample(stay))[name] for name in SAMPLE_SCHEMA} for stay in told]
    write_frame(root / "samples" / "samples.parquet", pl.DataFrame(rows, schema=SAMPLE_SCHEMA))
    schema = {**EVENT_SCHEMA, "sample_id": pl.String(), "prediction_time": pl.Datetime("us")}
    for place, stay in enumerate(told):
        write_frame(
            root / "admissible" / "prior_only" / f"{place:05d}.parquet", pl.DataFrame(events(stay), schema=schema)
        )
    folder = root / "explanations" / TASK.id
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "stage.json", {"key": "x"})
    for one in told.values():
        (folder / f"{one.sample_id}.json").write_text(to_json(one), encoding="utf-8")
    return root


def items(root: Path) -> list[Item]:
    return stored_items(write_run(root))


def changed(one: Explanation, place: int, **fields: object) -> Explanation:
    """The explanation with one of its sentences changed."""
    statement = replace(one.statements[place], **fields)  # type: ignore[arg-type]
    return replace(one, statements=(*one.statements[:place], statement, *one.statements[place + 1 :]))
