"""What the simulator says is true, against what it wrote."""

import re

import polars as pl
from sklearn.metrics import roc_auc_score

WORDS = {
    "pleural effusion": r"effusion|fluid|costophrenic|hemidiaphragm|thoracentesis|voltage",
    "cardiomegaly": r"heart|cardi|ventric|thorac",
    "pneumonia": r"pneumonia|PNA|consolid|opacit|infiltrat|lungs|sputum",
}


def test_spans_quote_what_is_said_of_the_concept(cohort, read):
    root, _ = cohort
    texts = pl.concat([read(root, t).select("note_id", "text") for t in ("radiology", "discharge")])
    spans = read(root, "spans").join(texts, on="note_id")
    quoted = [row["text"][row["start"] : row["end"]] for row in spans.iter_rows(named=True)]
    assert all(quote and quote == quote.strip() and quote[0].isupper() and quote.endswith(".") for quote in quoted)
    for concept, words in WORDS.items():
        of_it = [q for q, c in zip(quoted, spans["concept"], strict=True) if c == concept]
        named = sum(bool(re.search(words, quote, re.IGNORECASE)) for quote in of_it) / len(of_it)
        assert named > 0.97, "typing errors alone may hide the word"
    denials = [q for q, p in zip(quoted, spans["polarity"], strict=True) if p == "negated"]
    said = r"\bno|without|normal|resolved|cleared|clear|longer|sharp|not"
    assert sum(bool(re.search(said, q, re.IGNORECASE)) for q in denials) / len(denials) > 0.97


def test_copies_are_verbatim_and_common(cohort, read):
    root, told = cohort
    assert 0.30 <= told["copied_sentences"] / told["sentences"] <= 0.45
    texts = pl.concat([read(root, t).select("note_id", "subject_id", "text") for t in ("radiology", "discharge")])
    spans = read(root, "spans").filter(pl.col("is_copy") == 1).join(texts, on="note_id").head(300)
    by_subject = dict(texts.group_by("subject_id").agg("text").iter_rows())
    for row in spans.iter_rows(named=True):
        quote = " ".join(row["text"][row["start"] : row["end"]].split())
        seen = sum(" ".join(text.split()).count(quote) for text in by_subject[row["subject_id"]])
        assert seen >= 2, "a copy has an original"


def test_the_report_of_a_study_states_its_own_label(cohort, read):
    root, _ = cohort
    labels = read(root, "latent").filter((pl.col("task_id") == "pneumonia") & pl.col("outcome").is_in([0, 1]))
    exams = read(root, "radiology_detail").filter(pl.col("field_value").str.starts_with("CHEST ("))
    notes = read(root, "radiology").join(exams, on="note_id", how="semi").drop("hadm_id")
    second = pl.col("text").str.starts_with("SECOND READ")
    again = notes.filter(second)
    assert 0.02 < again.height / notes.height < 0.12, "some films are read twice"
    notes = notes.filter((pl.col("note_type") == "RR") & ~second).with_columns(time=pl.col("charttime"))
    labels = labels.with_columns(pl.col("time").dt.truncate("1m"))
    both = labels.join(notes, on=["subject_id", "time"])
    assert both.height == labels.height
    spans = read(root, "spans").filter(pl.col("concept") == "pneumonia").unique(["note_id", "polarity"])
    said = both.join(spans, on="note_id")
    expected = said["outcome"].replace_strict({1: "affirmed", 0: "negated"}, return_dtype=pl.String)
    assert (said["polarity"] == expected).all()
    assert said["note_id"].n_unique() == both.height
    first = said.select("subject_id", pl.col("time").alias("charttime"), "polarity", known="storetime")
    twice = again.join(first, on=["subject_id", "charttime"]).join(spans, on="note_id")
    assert twice.height > 10
    assert (twice["polarity"] == twice["polarity_right"]).all(), "a second read says the same"
    assert (twice["storetime"] > twice["charttime"]).all()


def test_prevalence_and_the_best_possible_auc_are_those_of_a_hard_but_answerable_question(cohort, read):
    root, _ = cohort
    latent = read(root, "latent")
    studies = latent.filter(pl.col("sample_id").is_not_null() & (pl.col("anchor") == "study"))
    bounds = {
        "pleural_effusion": (0.32, 0.58, 0.88, 0.97),
        "cardiomegaly": (0.32, 0.58, 0.88, 0.97),
        "pneumonia": (0.28, 0.55, 0.86, 0.96),
        "mortality_48h": (0.03, 0.13, 0.75, 0.95),
        "los_48h": (0.07, 0.25, 0.74, 0.90),
    }
    for task, (fewest, most, worst, best) in bounds.items():
        asked = studies.filter(pl.col("task_id") == task)
        known = asked.filter(pl.col("outcome").is_in([0, 1]))
        assert fewest < known["outcome"].mean() < most, task
        assert worst < roc_auc_score(known["outcome"], known["probability"]) < best, task
        assert known.height / asked.height > 0.65


def test_probabilities_of_outcomes_are_calibrated_at_the_landmark(cohort, read):
    root, _ = cohort
    landmark = read(root, "latent").filter(pl.col("anchor") == "icu_24h")
    for task in ("mortality_48h", "los_48h"):
        asked = landmark.filter(pl.col("task_id") == task)
        risk, n = asked["probability"], asked.height
        error = (risk * (1 - risk)).sum() ** 0.5 / n
        assert abs(asked["outcome"].mean() - risk.mean()) < 3.5 * error, task


def test_outcomes_agree_with_the_admissions(cohort, read):
    root, _ = cohort
    admissions = read(root, "admissions").select("hadm_id", "dischtime", "hospital_expire_flag")
    latent = (
        read(root, "latent")
        .join(admissions, on="hadm_id")
        .filter(pl.col("task_id").is_in(["mortality_48h", "los_48h"]))
    )
    soon = latent["dischtime"] <= latent["time"].dt.offset_by("48h")
    died = latent["hospital_expire_flag"] == 1
    death = latent["task_id"] == "mortality_48h"
    assert (latent["outcome"].cast(bool) == (soon & (died == death))).all()


def test_canaries_are_known_only_after_every_decision_time(cohort, read):
    root, _ = cohort
    canaries = read(root, "canaries")
    assert {"sentence", "value"} == set(canaries["kind"])
    latest = (
        read(root, "latent").filter(pl.col("sample_id").is_not_null()).group_by("subject_id").agg(pl.col("time").max())
    )
    late = canaries.join(latest, on="subject_id", how="left")
    assert (late["known_at"] > late["time"]).drop_nulls().all()
    texts = pl.concat([read(root, t).select("note_id", "text", "storetime") for t in ("radiology", "discharge")])
    for row in canaries.filter(pl.col("kind") == "sentence").iter_rows(named=True):
        holds = texts.filter(pl.col("text").str.replace_all("\n", " ").str.contains(row["value"], literal=True))
        assert holds["note_id"].to_list() == [row["source"].split("#")[1]]
        assert holds["storetime"].item() == row["known_at"]
    lactates = read(root, "labevents").filter(pl.col("valuenum") == 37.77)
    planted = canaries.filter(pl.col("kind") == "value")
    assert set(planted["source"]) == {f"hosp/labevents#{number}" for number in lactates["labevent_id"]}
    assert (lactates["storetime"].dt.offset_by("-20h") > lactates["charttime"]).all(), "drawn early, known late"


def test_contradictions_are_there_to_be_read(cohort, read):
    root, _ = cohort
    pairs = read(root, "contradictions")
    assert {"addendum", "next_report"} == set(pairs["kind"])
    assert (pairs["denied_time"] > pairs["affirmed_time"]).all()
    spans = read(root, "spans").select("note_id", "concept", "polarity")
    said = set(spans.iter_rows())
    for row in pairs.iter_rows(named=True):
        assert (row["affirmed_note_id"], row["concept"], "affirmed") in said
        assert (row["denied_note_id"], row["concept"], "negated") in said
    parents = read(root, "radiology_detail").filter(pl.col("field_name") == "parent_note_id")
    assert set(pairs.filter(pl.col("kind") == "addendum")["denied_note_id"]) == set(parents["note_id"])


def test_medicaid_is_measured_less_but_is_as_ill(cohort, read):
    root, _ = cohort
    who = read(root, "patients").join(read(root, "admissions"), on="subject_id").select("hadm_id", "insurance")
    stays = read(root, "icustays").join(who, on="hadm_id")
    counts = read(root, "chartevents").group_by("stay_id").len().join(stays, on="stay_id")
    rate = counts.group_by(pl.col("insurance") == "Medicaid").agg(pl.col("len").sum() / pl.col("los").sum())
    usual, fewer = rate.sort("insurance")["len"]
    assert fewer < 0.75 * usual


def test_text_is_heavy_tailed_and_within_its_volume(cohort, read):
    root, told = cohort
    assert told["words"] <= 1700 * told["stays"]
    per_subject = read(root, "radiology").group_by("subject_id").len()["len"]
    assert per_subject.max() > 100, "a few hundred of one patient"
    assert per_subject.quantile(0.25) <= 6, "and a few of many"
    words = read(root, "discharge")["text"].str.count_matches(r"\S+")
    assert words.min() > 200
    assert words.max() < 800
    assert 250 < words.mean() < 600


def test_most_of_the_text_is_about_other_things(cohort, read):
    root, _ = cohort
    spans = read(root, "spans")
    texts = pl.concat([read(root, t).select("note_id", "text") for t in ("radiology", "discharge")])
    said = (spans["end"] - spans["start"]).sum() / texts["text"].str.len_chars().sum()
    assert 0.05 < said < 0.35


def test_house_styles_differ_and_keep_to_their_headings(cohort, read):
    root, _ = cohort
    exams = read(root, "radiology_detail").filter(pl.col("field_value").str.starts_with("CHEST ("))
    films = read(root, "radiology").filter(pl.col("note_type") == "RR").join(exams, on="note_id", how="semi")
    told = {
        heading: films.filter(pl.col("text").str.contains(rf"(?m)^{heading}:")).height
        for heading in ("REASON FOR EXAM", "INDICATION", "CLINICAL HISTORY", "HISTORY", "CONCLUSION", "Pleura")
    }
    assert min(told.values()) > 0.08 * films.height, told
    organs = films.filter(pl.col("text").str.contains(r"(?m)^Pleura:"))["text"]
    assert organs.str.contains(r"(?m)^INDICATION:").all(), "one house, one style"


def test_grammar_is_followed_to_the_end(cohort, read):
    root, _ = cohort
    texts = pl.concat([read(root, t)["text"] for t in ("radiology", "discharge")])
    assert not texts.str.contains(r"[<>{}|]").any()
    ecg = read(root, "machine_measurements").select(pl.concat_str("report_0", "report_1", ignore_nulls=True))
    assert not ecg.to_series().str.contains(r"[<>{}|]").any()
    women = read(root, "discharge").filter(pl.col("text").str.contains("Sex: F", literal=True))["text"]
    assert women.str.replace_all("\n", " ").str.contains(r"\b(?:she|She|her)\b").mean() > 0.8
    assert not women.str.contains(r"\b(?:he|He|his)\b").any()


def test_other_effusions_are_said_but_are_no_evidence(cohort, read):
    root, _ = cohort
    texts = read(root, "radiology").select("note_id", text=pl.col("text").str.replace_all("\n", " "))
    for other in ("joint effusion", "pericardial effusion"):
        holds = texts.filter(pl.col("text").str.contains(other, literal=True))
        assert holds.height > 5
        for row in holds.join(read(root, "spans"), on="note_id").iter_rows(named=True):
            assert other not in row["text"][row["start"] : row["end"]]
