"""The TRIPOD+AI checklist of an evaluation: each item from the run's own artefacts, or left to the authors."""

from __future__ import annotations

from xhaim.evaluate import artefacts as say
from xhaim.evaluate.artefacts import Artefacts
from xhaim.evaluate.experiment import stamps_of
from xhaim.evaluate.grids import Grid
from xhaim.evaluate.tripod_items import ITEMS

AUTHORS = "for the authors to fill"
_REPORT = "report.html of the run"
_MANIFEST = "manifest.json of the run"


def checklist(facts: Artefacts) -> Grid:
    """Return the checklist as a table: item, name, where it applies, what the run says, and where that stands."""
    known = _answers(facts)
    body = tuple(
        (item.section, item.number, item.name, item.applies, *known.get(item.number, (AUTHORS, ""))) for item in ITEMS
    )
    filled = sum(item.number in known for item in ITEMS)
    return Grid(
        key="tripod-ai",
        stamps=stamps_of(facts.experiments),
        caption=f"TRIPOD+AI checklist: {facts.header.title}",
        columns=("Section", "Item", "Name", "Applies", "What the run says", "Where"),
        body=body,
        notes=(
            f"{filled} of {len(ITEMS)} parts are answered, wholly or in part, by the run; the others are left to the "
            "authors. Applies: D development, E evaluation. Items: Collins et al., BMJ 2024;385:e078378; their wording "
            "is in the statement.",
        ),
    )


def _answers(facts: Artefacts) -> dict[str, tuple[str, str]]:
    """Item -> (what the run says, where it stands); an item that a run cannot know has none."""
    return _methods(facts) | _results(facts)


def _methods(facts: Artefacts) -> dict[str, tuple[str, str]]:
    return {
        "5a": (
            f"In part. {say.data(facts)} Why they were chosen: {AUTHORS}.",
            f"{_MANIFEST}; ingest.json of the store",
        ),
        "5b": (say.period(facts), "samples/samples.parquet of the run"),
        "6b": (f"Samples: {facts.when}. Who was left out, and why: Table 1.", f"Table 1, {_REPORT}"),
        "7": (
            "Values in a unit that cannot be converted and impossible values are set aside and counted; nothing is "
            "guessed. Whether that is alike in all groups of patients was not looked at.",
            f"table of values set aside, {_REPORT}",
        ),
        "8a": (say.outcomes(facts), f"{_MANIFEST}, tasks"),
        "9a": ("All signals of the catalogue, all documents and images; none was chosen by its outcome.", _MANIFEST),
        "9b": (
            f"Only what was known before the prediction. {say.policies(facts)}",
            f"admissible/ of the run; {_MANIFEST}, report_policy",
        ),
        "10": ("In part. All samples of the records were used; no sample size was calculated.", f"Table 1, {_REPORT}"),
        "11": (say.missing(facts), f"{_REPORT}, modalities absent"),
        "12a": (say.partition(facts), "splits/ of the run"),
        "12b": (say.missing(facts), "models/ of the run"),
        "12c": (say.models(facts), f"{_MANIFEST}, settings; models/ of the run"),
        "12d": ("Not modelled: the records are taken as one source. Subjects are the clusters of all intervals.", ""),
        "12e": (
            "AUC, AUPRC, sensitivity at set specificities, Brier, ECE, slope, calibration in the large, net benefit; "
            f"compared by paired bootstrap of subjects and DeLong. Models: {say.compared(facts)}",
            "tables/performance, calibration, comparisons, net-benefit; figures/",
        ),
        "12f": ("None: nothing was updated after the evaluation.", ""),
        "12g": ("By the fitted models of each split on its test part.", "models/<task>/split-<n>.parquet of the run"),
        "13": (
            "Classes are not re-weighted or resampled; risks are calibrated on validation.",
            f"{_MANIFEST}, settings",
        ),
        "14": (f"Measured, not corrected. {say.fairness(facts)}", "tables/subgroups"),
        "15": (
            "Calibrated risks with intervals and conformal sets. Thresholds: sensitivity target "
            f"{facts.settings.fusion.sensitivity:g} in the run, Youden here, both chosen on validation.",
            "tables/operating-points",
        ),
        "16": ("Same source, eligibility, outcome and predictors: the parts differ by subjects alone.", "splits/"),
    }


def _results(facts: Artefacts) -> dict[str, tuple[str, str]]:
    return {
        "18f": ("In part. The code is xHAIM, Apache-2.0. Of the authors' own code: " + AUTHORS + ".", _MANIFEST),
        "20a": ("Everybody, who was left out for which reason, who was kept.", f"Table 1, {_REPORT}"),
        "20b": ("In part. Age and sex, overall and in each part of the first split.", f"Table 1b, {_REPORT}"),
        "20c": ("In part. Parts of the same records, by age and sex.", f"Table 1b, {_REPORT}"),
        "21": (
            "Samples and positives of each task, and of the test parts.",
            f"Tables 1 and 1b, {_REPORT}; tables/performance",
        ),
        "22": ("Weights of the encoders, the trees and lines of the fusion, calibrators.", "models/<task>/split-<n>/"),
        "23a": (" ".join(say.results(facts)) or "Nothing was scored.", "tables/performance, calibration, subgroups"),
        "23b": ("In part. By groups of patients. By hospital: xhaim stress.", "tables/subgroups"),
        "24": ("None: nothing was updated.", ""),
        "26": (
            "In part. One source of records; overlapping test parts; intervals given the fitted models."
            + (" Patients are simulated." if facts.simulated else ""),
            "model-card.md, caveats",
        ),
        "27a": (f"In part. {say.missing(facts)} Noisy and missing input: xhaim stress.", ""),
    }
