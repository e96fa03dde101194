"""A whole run does not see the future: what is planted at or after t comes out nowhere, what is changed there changes
nothing. What is planted one second before t does come out, so that this test can fail."""

from __future__ import annotations

import hashlib
import json
import random
import re
import shutil
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
import torch
import yaml
from tokenizers import BertWordPieceTokenizer
from transformers import BertConfig, BertModel, BertTokenizerFast

from xhaim.cohort.samples import draw
from xhaim.cohort.stays import stays
from xhaim.config import (
    EncoderSettings,
    ExplainSettings,
    FusionSettings,
    RetrieveSettings,
    RunSettings,
    SampleSettings,
    SplitSettings,
)
from xhaim.errors import DataError, TaskError
from xhaim.events import EVENT_SCHEMA
from xhaim.run.people import gather
from xhaim.run.pipeline import begin, execute
from xhaim.run.reporting import write_report
from xhaim.run.watch import Quiet
from xhaim.source.mimic_iv import MimicIV
from xhaim.source.simulate import simulate
from xhaim.source.store import Store
from xhaim.task import shipped_tasks

SECOND = timedelta(seconds=1)
PLANTED = {-1: ("zanzibar", 7.71357), 0: ("timbuktu", 7.72468), 1: ("samarkand", 7.73579)}
"""Seconds from t -> a word and a value (of albumin, higher than any other) that nothing else holds."""
WHEN_AND_WHAT = ("IMAGE", "LABEL", "MEDS", "HOSPITAL", "ICU", "GENDER", "RACE")
"""Codes that say who is drawn and labelled how: those are no inputs after t, and may not be changed."""


@pytest.fixture(scope="module")
def settings(tmp_path_factory) -> RunSettings:
    folder = tmp_path_factory.mktemp("encoder")
    (folder / "corpus").write_text("small left pleural effusion. no effusion. the heart is enlarged. stable\n" * 50)
    tokenizer = BertWordPieceTokenizer(lowercase=True)
    tokenizer.train([str(folder / "corpus")], vocab_size=150, min_frequency=1)
    tokenizer.save_model(str(folder))
    BertTokenizerFast(vocab_file=str(folder / "vocab.txt"), model_max_length=512).save_pretrained(folder)
    torch.manual_seed(0)
    size = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    BertModel(BertConfig(vocab_size=200, **size)).save_pretrained(folder)
    return RunSettings(
        tasks=("pleural_effusion",),
        split=SplitSettings(repeats=1),
        retrieve=RetrieveSettings(encoder=str(folder)),
        encoder=EncoderSettings(name=str(folder), folds=2, epochs=1, trainable_layers=1, precision="float32"),
        fusion=FusionSettings(grid="small"),
        explain=ExplainSettings(samples=6),
    )


def planted(subject: int, t: datetime) -> pl.DataFrame:
    rows = []
    for seconds, (word, value) in PLANTED.items():
        known = t + seconds * SECOND
        base = {**dict.fromkeys(EVENT_SCHEMA), "subject_id": subject, "time": t - timedelta(hours=3), "known_at": known}
        note = {
            "code": "NOTE//radiology",
            "title": "Radiology: PORTABLE ABDOMEN",
            "source": f"planted#{subject}-{seconds}",
        }
        note["text_value"] = f"There is a small left pleural effusion, said {word} of {subject}."
        lab = {"code": "LAB//50862//g/dL", "unit": "g/dL", "numeric_value": value, "source": f"lab#{subject}-{seconds}"}
        rows += [{**base, **note}, {**base, **lab}]
    return pl.DataFrame(rows, schema=EVENT_SCHEMA)


def write(store: Path, change) -> None:
    for shard in (store / "data").glob("*.parquet"):
        change(pl.read_parquet(shard)).write_parquet(shard)


@pytest.fixture(scope="module")
def stores(tmp_path_factory) -> tuple[Path, Path, pl.DataFrame]:
    """The planted store, the same with another future, and the samples of subjects who have but one."""
    root = tmp_path_factory.mktemp("cohort")
    simulate(root / "files", stays=60, seed=4)
    MimicIV().ingest(root / "files", root / "one")
    events = Store.open(root / "one").events()
    drawn, _ = draw(events, stays(events), SampleSettings())
    single = drawn.filter(~pl.col("subject_id").is_duplicated())
    extra = pl.concat([planted(who, t) for who, t in single.select("subject_id", "prediction_time").iter_rows()])
    write(root / "one", lambda frame: with_more(frame, extra))
    shutil.copytree(root / "one", root / "two")
    last = drawn.group_by("subject_id").agg(pl.col("prediction_time").max().alias("t"))
    write(root / "two", lambda frame: with_another_future(frame, last))
    return root / "one", root / "two", single


def with_more(frame: pl.DataFrame, extra: pl.DataFrame) -> pl.DataFrame:
    mine = extra.join(frame.select("subject_id").unique(), on="subject_id", how="semi")
    return pl.concat([frame, mine]).sort("subject_id", "time", "code", "numeric_value", nulls_last=False)


def with_another_future(frame: pl.DataFrame, last: pl.DataFrame) -> pl.DataFrame:
    """Delete a third of what was known at or after the subject's last t, make the rest say other things, shuffle."""
    dice = random.Random(1)
    fixed = pl.any_horizontal(pl.col("code").str.starts_with(kind) for kind in WHEN_AND_WHAT)
    rows = frame.join(last, on="subject_id", how="left", maintain_order="left")
    future = rows.select((~fixed & (pl.col("known_at") >= pl.col("t"))).fill_null(value=False)).to_series()
    fate = pl.Series([dice.randrange(3) if late else -1 for late in future])
    changed = rows.with_columns(fate.alias("fate")).filter(pl.col("fate") != 0)
    assert (fate == 0).sum() > 1000
    other = pl.col("fate") > 0
    return (
        changed.with_columns(
            pl.when(other).then(pl.col("numeric_value") * 0.5 + 1).otherwise("numeric_value").alias("numeric_value"),
            pl.when(other & pl.col("text_value").is_not_null())
            .then(pl.lit("A large right effusion, in another future."))
            .otherwise("text_value")
            .alias("text_value"),
            pl.when(other).then(pl.col("known_at") + timedelta(days=3)).otherwise("known_at").alias("known_at"),
        )
        .select(frame.columns)
        .sample(fraction=1.0, shuffle=True, seed=2)
    )


@pytest.fixture(scope="module")
def runs(tmp_path_factory, stores, settings) -> tuple[Path, Path]:
    roots = []
    for store in stores[:2]:
        root = tmp_path_factory.mktemp("out") / "run"
        write_report(execute(begin(store, settings, root, Quiet(), workers=1)))
        roots.append(root)
    return roots[0], roots[1]


def test_tasks_by_a_label_file_and_by_a_value_are_gathered(stores, tmp_path):
    """The file says the prediction times; the other tasks of the run are labelled there too."""
    events = Store.open(stores[0]).events()
    drawn, _ = draw(events, stays(events), SampleSettings(landmark_hours=12))
    said = drawn.select("subject_id", "prediction_time", boolean_value=pl.int_range(pl.len()) % 2 == 0)
    said.write_parquet(tmp_path / "labels.parquet")
    raw = yaml.safe_load(shipped_tasks()["mortality_48h"].read_text())
    for name, rule in {
        "given": {"kind": "meds_labels", "path": "labels.parquet"},
        "tachycardia": {"kind": "value_crosses", "signal": "heart_rate", "above": 90, "horizon_hours": 24},
    }.items():
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(raw | {"id": name, "label": rule}))
    asked = RunSettings(tasks=tuple(str(tmp_path / f"{name}.yaml") for name in ("given", "tachycardia")))
    people = gather(begin(stores[0], asked, tmp_path / "run", Quiet(), workers=1))
    assert people.samples["prediction_time"].sort().to_list() == drawn["prediction_time"].sort().to_list()
    assert people.labels["given"].height == drawn.height
    assert people.labels["given"]["label"].sum() == said["boolean_value"].sum()
    assert 0 < people.labels["tachycardia"]["label"].sum() < people.labels["tachycardia"].height
    wrong = asked.model_copy(update={"sample": SampleSettings(landmark_hours=6)})
    other = begin(stores[0], wrong, tmp_path / "other", Quiet(), workers=1)
    with pytest.raises(DataError, match="the label file says the prediction times"):
        gather(other)
    (tmp_path / "labels.parquet").unlink()
    third = begin(stores[0], asked, tmp_path / "third", Quiet(), workers=1)
    with pytest.raises(TaskError, match="no such file"):
        gather(third)


def test_the_words_of_the_index_report_in_an_earlier_note_fail_the_run(stores, settings, tmp_path):
    shutil.copytree(stores[0], tmp_path / "store")
    keys = stores[2].select("subject_id", "prediction_time", study_id="index_study_id")
    reports = Store.open(stores[0]).events().filter(pl.col("code").str.starts_with("NOTE")).collect()
    early = pl.col("prediction_time") - timedelta(hours=5)
    leaks = reports.join(keys, on=["subject_id", "study_id"]).with_columns(
        pl.lit("NOTE//nursing").alias("code"), pl.lit("misdated").alias("source"), time=early, known_at=early
    )
    leaks = leaks.with_columns(study_id=pl.lit(None, pl.Int64())).select(reports.columns)
    write(tmp_path / "store", lambda frame: with_more(frame, leaks))
    run = begin(tmp_path / "store", settings, tmp_path / "run", Quiet(), workers=1)
    with pytest.raises(DataError, match=r"notes of \d+ samples were known before") as caught:
        gather(run)
    assert not re.search(r"\d{8}", str(caught.value).split("see how")[0])
    listed = pl.read_parquet(tmp_path / "run" / "samples" / "index_reports.parquet")
    assert listed.filter(pl.col("how") == "overlap")["source"].unique().to_list() == ["misdated"]
    leaky = settings.model_copy(update={"report_policy": "index_included"})
    gather(begin(tmp_path / "store", leaky, tmp_path / "leaky", Quiet(), workers=1))


def texts_and_numbers(root: Path) -> tuple[dict[str, str], dict[str, set[float]]]:
    """Everything that a run wrote, file by file, as text and as the numbers of its tables."""
    texts, numbers = {}, {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if path.suffix == ".parquet":
            frame = pl.read_parquet(path)
            texts[name] = json.dumps(frame.select(pl.exclude(pl.Binary)).to_dicts(), default=str)
            floats = frame.select(pl.col(pl.Float32, pl.Float64).cast(pl.Float64).round(4))
            numbers[name] = {value for column in floats for value in column.drop_nulls().to_list()}
        elif path.is_file():
            texts[name] = path.read_bytes().decode("utf-8", "replace")
    return texts, numbers


def test_what_is_planted_at_or_after_t_comes_out_nowhere(runs, stores):
    texts, numbers = texts_and_numbers(runs[0])
    found = {}
    for seconds, (word, value) in PLANTED.items():
        in_text = {name for name, text in texts.items() if word in text}
        found[seconds] = in_text | {name for name, some in numbers.items() if round(value, 4) in some}
    assert found[0] == found[1] == set()
    folders = {name.split("/")[0] for name in found[-1]}
    assert folders >= {"admissible", "evidence", "summaries", "numbers", "explanations", "report.html"}
    kept = pl.read_parquet(runs[0] / "admissible" / "prior_only" / "00000.parquet")
    assert kept.filter(pl.col("source").str.starts_with("planted")).height == stores[2].height


def test_another_future_changes_no_byte(runs):
    """But of what names the store, and of the list of index reports, which is about the future."""
    one, two = ({str(path.relative_to(root)): path for path in root.rglob("*") if path.is_file()} for root in runs)
    assert set(one) == set(two)
    about_the_future = {"manifest.json", "report.json", "samples/index_reports.parquet"}
    differ = {
        name
        for name in set(one) - about_the_future
        if hashlib.sha256(one[name].read_bytes()).digest() != hashlib.sha256(two[name].read_bytes()).digest()
    }
    assert differ == set()
    assert one["manifest.json"].read_bytes() != two["manifest.json"].read_bytes()
    assert any(name.startswith("models/") for name in one)
