"""What the benchmarks on open data read, and how they score, on examples made by hand."""

import io
import tarfile

import numpy as np
import polars as pl
import pytest
from benchmarks.covid_chestxray import OUTCOMES
from benchmarks.covid_chestxray_patients import read
from benchmarks.eicu_cohort import CODE_STATUS
from benchmarks.openi_reports import POLICIES, read_reports, texts_of
from benchmarks.resampled import average_precision, score
from sklearn.metrics import average_precision_score, roc_auc_score


def report(number, terms, **sections):
    parts = "".join(f'<AbstractText Label="{name}">{text}</AbstractText>' for name, text in sections.items())
    mesh = "".join(f"<major>{term}</major>" for term in terms) + "<automatic>cardiomegaly</automatic>"
    return f'<eCitation><uId id="CXR{number}"/><Abstract>{parts}</Abstract><MeSH>{mesh}</MeSH></eCitation>'


@pytest.fixture
def reports(tmp_path):
    made = {
        "10.xml": report(10, ["Pleural Effusion/left/small"], FINDINGS="Small  left effusion.", IMPRESSION="Effusion."),
        "9.xml": report(9, ["normal"], FINDINGS="SMALL left effusion.", INDICATION="Dyspnea."),
        "2.xml": report(2, ["Lung", "Consolidation/lung"], FINDINGS="Dense lung.", IMPRESSION="", INDICATION="Cough."),
        "3.xml": report(3, ["Infiltrates"], INDICATION="Fever."),
    }  # fmt: skip
    with tarfile.open(tmp_path / "reports.tgz", "w:gz") as tar:
        for name, xml in made.items():
            member = tarfile.TarInfo(f"ecgen-radiology/{name}")
            member.size = len(xml.encode())
            tar.addfile(member, io.BytesIO(xml.encode()))
    return read_reports(tmp_path)


def test_labels_are_what_people_wrote_and_begin_with_the_word(reports):
    assert [one.report_id for one in reports] == ["CXR2", "CXR3", "CXR9", "CXR10"]
    found = texts_of(reports, POLICIES["findings"])
    assert found.report_ids == ("CXR2", "CXR9", "CXR10")  # one has no findings
    assert {name: y.tolist() for name, y in found.labels.items()} == {
        "cardiomegaly": [0, 0, 0],  # a program's terms do not count
        "effusion": [0, 0, 1],
        "opacity": [1, 0, 0],
        "pneumonia": [0, 0, 0],
    }
    asked = texts_of(reports, POLICIES["indication"])
    assert asked.labels["opacity"].tolist() == [1, 0, 0], "'infiltrates' is another word than 'infiltrate'"


def test_equal_texts_are_one_group_and_policies_show_their_sections_alone(reports):
    found = texts_of(reports, POLICIES["findings"])
    assert found.groups[1] == found.groups[2] != found.groups[0]  # but for case and spaces
    assert texts_of(reports, POLICIES["findings + impression"]).texts[2] == "Small left effusion. Effusion."
    assert texts_of(reports, POLICIES["indication"]).texts == ("Cough.", "Fever.", "Dyspnea.")


def test_no_reports_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"reports\.tgz"):
        read_reports(tmp_path)


@pytest.mark.parametrize(
    ("line", "states"),
    [
        ("Care Limitation: Do not resuscitate.", True),
        ("Care Limitation: Full therapy.", True),
        ("Ordered Protocols: End of life.", True),
        ("General, quality measures: palliative care consultation.", True),
        ("Toxicology, drug withdrawal: alcohol withdrawal.", False),
        ("Neurologic, Sensation: withdraws to pain.", False),
        ("Discussed withdrawal of support with the family.", True),
    ],
)
def test_lines_about_code_status(line, states):
    assert bool(CODE_STATUS.search(line)) is states


def test_a_patient_with_two_outcomes_is_set_aside_and_sources_join(tmp_path):
    rows = [
        # patient, offset, survival, doi, url, notes
        ("a", "3", "N", "10.1/X", "u1", "He died. Fever."),
        ("a", "0", "N", "10.1/X", "u1", "Fever."),
        ("b", "0", "Y", "10.1/x ", "u2", None),
        ("c", "0", "Y", None, "u2", "Cough."),
        ("d", "0", "Y", None, "u4", "Cough."),
        ("e", "0", "Y", None, "u5", "Cough."),
        ("e", "1", "N", None, "u5", "Cough."),
        ("f", "0", None, None, "u6", "Cough."),
    ]
    names = ["patientid", "offset", "survival", "doi", "url", "clinical_notes"]
    frame = pl.DataFrame(rows, schema=names, orient="row").with_columns(
        sex=pl.lit("F"), age=pl.lit("40"), went_icu=pl.lit(None, pl.String), view=pl.lit("AP Supine"),
        image384=pl.lit("none.jpg"),
    )  # fmt: skip
    frame.write_csv(tmp_path / "metadata_xray.csv")
    column, meaning, *_ = OUTCOMES["death"]
    found = read(tmp_path, column, meaning)
    assert found.labels.tolist() == [1, 0, 0, 0]
    assert found.set_aside == 1
    assert found.notes[0] == ("Fever.", "He died."), "distinct sentences, the first film's first"
    joined = found.sources.tolist()
    assert joined[0] == joined[1] == joined[2] != joined[3], "a and b by doi, b and c by url"
    assert found.taking[0].tolist() == [0.0, 1.0, 1.0, 0.0, 2.0]
    assert np.isnan(found.pixels).all()


def test_scores_are_scikit_learns_and_draws_are_of_groups():
    rng = np.random.default_rng(3)
    labels = (rng.random(80) < 0.3).astype(np.int8)
    scores = np.round(rng.normal(size=80) + labels, 1)  # ties
    groups = np.repeat(np.arange(40), 2).astype(np.int64)
    weights = rng.integers(0, 3, size=(2, 80)).astype(float)
    for row, found in zip(weights, average_precision(labels, scores, weights), strict=True):
        assert found == pytest.approx(average_precision_score(labels, scores, sample_weight=row))
    both = score(labels, np.stack([scores, -scores]), groups, draws=50)
    assert both.auc == pytest.approx(0.5)  # the mean of a ranking and its reverse
    alone = score(labels, scores[None], groups, draws=50)
    assert alone.auc == pytest.approx(roc_auc_score(labels, scores))
    assert alone.ap == pytest.approx(average_precision_score(labels, scores))
    whole = score(labels, scores[None], np.zeros(80, dtype=np.int64), draws=5)
    assert np.ptp(whole.auc_draws) == 0, "one group: every draw is the same"
    assert np.ptp(alone.auc_draws) > 0
