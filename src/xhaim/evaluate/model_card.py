"""A model card (Mitchell et al., Model Cards for Model Reporting, 2019), filled from a run's own artefacts."""

from __future__ import annotations

from xhaim.evaluate import artefacts as say
from xhaim.evaluate.artefacts import Artefacts
from xhaim.evaluate.experiment import stamps_of
from xhaim.evaluate.markup import markdown_text

UNKNOWN = "Not known to the run; for the authors to fill."


def model_card(facts: Artefacts) -> str:
    """Return the card in Markdown. A section that a run cannot know says so."""
    marks = stamps_of(facts.experiments)
    lines = [f"# Model card: {markdown_text(facts.header.title)}", ""]
    lines += [f"**{' · '.join(marks)}**", ""] if marks else []
    for title, entries in _sections(facts):
        lines += [f"## {title}", ""]
        lines += [f"- **{label}.** {markdown_text(text)}" for label, text in entries]
        lines += [""]
    return "\n".join(lines)


def _sections(facts: Artefacts) -> list[tuple[str, list[tuple[str, str]]]]:
    header = facts.header
    versions = ", ".join(f"{name} {version}" for name, version in sorted(header.versions.items()))
    questions = " ".join(dict.fromkeys(f"{item.task.question}" for item in facts.experiments))
    return [
        (
            "Model details",
            [
                ("Person or organisation", UNKNOWN),
                ("Date", "Not kept: the same data, settings and code give the same bytes on any day."),
                ("Version", f"{versions}; settings {header.config_hash}; data {header.data_fingerprint}."),
                ("Type", say.models(facts)),
                ("Features", "Tables, time series, notes and images as far as they were known before the prediction."),
                ("Radiology text", say.policies(facts)),
                ("Licence", "The code is under Apache-2.0. Of the encoder's weights and the data: unknown to the run."),
                ("Where to send questions", UNKNOWN),
            ],
        ),
        (
            "Intended use",
            [
                ("Primary use", f"Research on: {questions}"),
                ("When", f"Predictions are made at {facts.when}."),
                ("Primary users", UNKNOWN),
                ("Out of scope", "The care of patients: research software, not a medical device." + _leak(facts)),
            ],
        ),
        (
            "Factors",
            [
                ("Groups", say.fairness(facts)),
                ("Instruments", say.missing(facts)),
                ("Environment", "One source of records; other hospitals and years were not looked at here."),
            ],
        ),
        (
            "Metrics",
            [
                (
                    "Measures",
                    "AUC, AUPRC, sensitivity at set specificities (ranking); Brier score, expected calibration error, "
                    "slope, calibration in the large; net benefit.",
                ),
                ("Thresholds", "Youden's, chosen on validation; net benefit at risks named beforehand."),
                (
                    "Uncertainty",
                    "Standard error over the splits, bootstrap of subjects, DeLong's test with subjects as clusters.",
                ),
            ],
        ),
        (
            "Evaluation data",
            [
                ("Records", say.data(facts)),
                ("Period", say.period(facts)),
                ("Why these records", UNKNOWN),
                ("Preparation", f"{say.partition(facts)} Left out, with reasons: Table 1 of the run's report."),
            ],
        ),
        ("Training data", [("Records", f"The other parts of the same splits of the same records. {_who(facts)}")]),
        (
            "Quantitative analyses",
            [
                *(("Unitary", sentence) for sentence in say.results(facts)),
                ("By group", "tables/subgroups: AUC, gap to all others, excess of the risk, each with its interval."),
                ("Intersectional", "Not computed: no group of two attributes at once was looked at."),
            ],
        ),
        (
            "Ethical considerations",
            [
                ("Sensitive data", "The records of patients; no text of theirs stands in this card or in the tables."),
                ("Consent, approval, risks and harms", UNKNOWN),
                ("Hidden attributes", "What a model can tell of sex, race or insurance: xhaim stress looks at that."),
            ],
        ),
        ("Caveats and recommendations", [("Caveat", text) for text in _caveats(facts)]),
    ]


def _leak(facts: Artefacts) -> str:
    leaky = "LEAKY" in stamps_of(facts.experiments)
    return " Nor anything that is marked LEAKY: it could read text that states the label." if leaky else ""


def _who(facts: Artefacts) -> str:
    grid = facts.data.get("table-1b")
    if grid is None:
        return "No table of who is in each part was made."
    rows = [row for row in grid.body if row[1] != "all"]
    return "; ".join(f"{row[0]}, {row[1]}: {row[2]} samples of {row[3]} subjects" for row in rows) + " (first split)."


def _caveats(facts: Artefacts) -> list[str]:
    found = ["Patients are simulated: no number says anything about real ones."] if facts.simulated else []
    found += [
        "Intervals and tests are given the fitted models: what another training set would change is not in them.",
        "The test parts of the splits overlap; the standard error over the splits understates.",
        "Development and evaluation share one source; nothing is said about another hospital.",
    ]
    return [*found, *(f"Of the records: {remark}" for remark in facts.remarks), *facts.header.notes]
