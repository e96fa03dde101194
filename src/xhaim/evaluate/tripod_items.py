"""The items of TRIPOD+AI (Collins et al., BMJ 2024;385:e078378): 27 items in 52 parts, by number and short name."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Item:
    """One part of the checklist; the statement itself says what it asks for."""

    number: str
    section: str
    name: str
    applies: str
    """D: development, E: evaluation of a model."""


_SECTIONS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "Title": (("1", "Title", "D;E"),),
    "Abstract": (("2", "Abstract", "D;E"),),
    "Introduction": (
        ("3a", "Healthcare context and rationale", "D;E"),
        ("3b", "Target population, purpose and users", "D;E"),
        ("3c", "Known health inequalities", "D;E"),
        ("4", "Objectives", "D;E"),
    ),
    "Methods": (
        ("5a", "Sources of data", "D;E"),
        ("5b", "Dates of the data", "D;E"),
        ("6a", "Setting and centres", "D;E"),
        ("6b", "Eligibility", "D;E"),
        ("6c", "Treatments", "D;E"),
        ("7", "Data preparation", "D;E"),
        ("8a", "Outcome and time horizon", "D;E"),
        ("8b", "Outcome assessors", "D;E"),
        ("8c", "Blinding of the outcome", "D;E"),
        ("9a", "Choice of initial predictors", "D"),
        ("9b", "Definition of the predictors", "D;E"),
        ("9c", "Predictor assessors", "D;E"),
        ("10", "Sample size", "D;E"),
        ("11", "Missing data", "D;E"),
        ("12a", "Use and partition of the data", "D"),
        ("12b", "Handling of the predictors", "D"),
        ("12c", "Type of model and how it was built", "D"),
        ("12d", "Heterogeneity between clusters", "D;E"),
        ("12e", "Measures of performance", "D;E"),
        ("12f", "Model updating", "E"),
        ("12g", "How predictions were calculated", "E"),
        ("13", "Class imbalance", "D;E"),
        ("14", "Fairness", "D;E"),
        ("15", "Model output and thresholds", "D"),
        ("16", "Differences of development and evaluation", "D;E"),
        ("17", "Ethical approval", "D;E"),
    ),
    "Open science": (
        ("18a", "Funding", "D;E"),
        ("18b", "Conflicts of interest", "D;E"),
        ("18c", "Protocol", "D;E"),
        ("18d", "Registration", "D;E"),
        ("18e", "Data sharing", "D;E"),
        ("18f", "Code sharing", "D;E"),
    ),
    "Patient and public involvement": (("19", "Patient and public involvement", "D;E"),),
    "Results": (
        ("20a", "Flow of participants", "D;E"),
        ("20b", "Characteristics of participants", "D;E"),
        ("20c", "Comparison with the development data", "E"),
        ("21", "Participants and events in each analysis", "D;E"),
        ("22", "Full model specification", "D"),
        ("23a", "Performance, with key subgroups", "D;E"),
        ("23b", "Heterogeneity of performance", "D;E"),
        ("24", "Results of model updating", "E"),
    ),
    "Discussion": (
        ("25", "Interpretation", "D;E"),
        ("26", "Limitations", "D;E"),
        ("27a", "Poor or unavailable input", "D"),
        ("27b", "Interaction and expertise of users", "D"),
        ("27c", "Next steps and generalisability", "D;E"),
    ),
}
ITEMS: tuple[Item, ...] = tuple(Item(number, section, name, applies) for section, parts in _SECTIONS.items()
                                for number, name, applies in parts)  # fmt: skip
