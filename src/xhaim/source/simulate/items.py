"""What is measured: MIMIC-IV item ids, names and units, and how each value follows from the latent severities.

Loadings are in the order of ``latent.DIMENSIONS``, in the unit of the value for one standard deviation of severity.
They are weak on purpose: no vital sign or laboratory test gives a finding away.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Item:
    """One vital sign or laboratory test."""

    itemid: int
    label: str
    unit: str
    mean: float
    noise: float
    """Standard deviation that no severity explains."""
    loads: tuple[float, ...]
    """Of effusion, cardiomegaly, pneumonia, edema, atelectasis, acuity, recovery."""
    low: float
    high: float
    decimals: int
    group: str
    normal: tuple[float, float] = (0.0, 0.0)
    log: bool = False
    """Mean, noise and loads are of the natural logarithm."""


VITALS: tuple[Item, ...] = (
    Item(220045, "Heart Rate", "bpm", 86, 11, (1, 1, 3, 1, 0, 6, -2), 25, 190, 0, "Routine Vital Signs"),
    Item(
        220179,
        "Non Invasive Blood Pressure systolic",
        "mmHg",
        122,
        14,
        (0, 0, -1, 1, 0, -7, 3),
        45,
        230,
        0,
        "Routine Vital Signs",
    ),
    Item(
        220180,
        "Non Invasive Blood Pressure diastolic",
        "mmHg",
        65,
        10,
        (0, 0, 0, 0, 0, -4, 1),
        20,
        140,
        0,
        "Routine Vital Signs",
    ),
    Item(
        220181,
        "Non Invasive Blood Pressure mean",
        "mmHg",
        79,
        10,
        (0, 0, -1, 0, 0, -5, 2),
        28,
        160,
        0,
        "Routine Vital Signs",
    ),
    Item(220210, "Respiratory Rate", "insp/min", 19, 4, (0.8, 0.3, 1.4, 1.1, 0.4, 1.3, -0.8), 5, 55, 0, "Respiratory"),
    Item(
        220277,
        "O2 saturation pulseoxymetry",
        "%",
        96.5,
        1.8,
        (-0.3, 0, -0.7, -0.6, -0.3, -0.5, 0.2),
        62,
        100,
        0,
        "Respiratory",
    ),
    Item(
        223761,
        "Temperature Fahrenheit",
        "°F",
        98.5,
        0.8,
        (0, 0, 0.5, 0, 0.1, 0.1, -0.1),
        92,
        105,
        1,
        "Routine Vital Signs",
    ),
)

GCS: tuple[tuple[int, str, tuple[str, ...]], ...] = (
    (220739, "GCS - Eye Opening", ("None", "To Pain", "To Speech", "Spontaneously")),
    (
        223900,
        "GCS - Verbal Response",
        ("No Response", "Incomprehensible sounds", "Inappropriate Words", "Confused", "Oriented"),
    ),
    (
        223901,
        "GCS - Motor Response",
        ("No response", "Abnormal extension", "Abnormal Flexion", "Flex-withdraws", "Localizes Pain", "Obeys Commands"),
    ),
)

_NO = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
_C, _H, _G = "Chemistry", "Hematology", "Blood Gas"

LABS: tuple[Item, ...] = (
    Item(50931, "Glucose", "mg/dL", 4.88, 0.28, (0, 0, 0.02, 0, 0, 0.06, -0.02), 40, 700, 0, _C, (70, 100), True),
    Item(50971, "Potassium", "mEq/L", 4.2, 0.45, (0, 0, 0, 0.05, 0, 0.1, 0), 2.2, 7.8, 1, _C, (3.3, 5.1)),
    Item(50983, "Sodium", "mEq/L", 138.5, 3.6, (-0.5, -0.2, 0, -0.3, 0, -0.3, 0.2), 112, 165, 0, _C, (133, 145)),
    Item(50902, "Chloride", "mEq/L", 103.5, 4.5, (-0.4, 0, 0, -0.3, 0, 0.2, 0), 75, 130, 0, _C, (96, 108)),
    Item(
        50912, "Creatinine", "mg/dL", 0.12, 0.38, (0.05, 0.05, 0, 0.1, 0, 0.2, -0.08), 0.2, 12, 1, _C, (0.5, 1.2), True
    ),
    Item(51006, "Urea Nitrogen", "mg/dL", 3.0, 0.38, (0.06, 0.06, 0, 0.1, 0, 0.2, -0.1), 3, 180, 0, _C, (6, 20), True),
    Item(50882, "Bicarbonate", "mEq/L", 24.2, 2.9, (0, 0, 0, 0.2, 0, -1.3, 0.4), 6, 45, 0, _C, (22, 32)),
    Item(50868, "Anion Gap", "mEq/L", 13.8, 2.5, (0, 0, 0.1, 0, 0, 1.2, -0.3), 4, 38, 0, _C, (8, 20)),
    Item(50960, "Magnesium", "mg/dL", 2.05, 0.27, _NO, 0.9, 4.5, 1, _C, (1.6, 2.6)),
    Item(50970, "Phosphate", "mg/dL", 3.5, 0.9, (0, 0, 0, 0.1, 0, 0.3, -0.1), 0.8, 11, 1, _C, (2.7, 4.5)),
    Item(50893, "Calcium, Total", "mg/dL", 8.6, 0.6, (-0.1, 0, 0, 0, 0, -0.1, 0.1), 5.5, 13, 1, _C, (8.4, 10.3)),
    Item(51222, "Hemoglobin", "g/dL", 10.4, 1.7, (-0.2, -0.1, -0.1, 0, 0, -0.3, 0.2), 4.5, 18, 1, _H, (12, 17.5)),
    Item(51221, "Hematocrit", "%", 31.5, 4.8, (-0.6, -0.3, -0.3, 0, 0, -0.8, 0.5), 14, 55, 1, _H, (36, 51)),
    Item(51265, "Platelet Count", "K/uL", 5.25, 0.5, (0, 0, 0.03, 0, 0, -0.14, 0.06), 8, 900, 0, _H, (150, 440), True),
    Item(
        51301,
        "White Blood Cells",
        "K/uL",
        2.3,
        0.4,
        (0.03, 0, 0.16, 0, 0.02, 0.12, -0.06),
        0.3,
        60,
        1,
        _H,
        (4, 11),
        True,
    ),
    Item(51248, "MCH", "pg", 29.8, 2.2, _NO, 18, 40, 1, _H, (27, 32)),
    Item(51279, "Red Blood Cells", "m/uL", 3.5, 0.6, (-0.06, 0, 0, 0, 0, -0.1, 0.06), 1.5, 6.5, 2, _H, (4.2, 5.9)),
    Item(51249, "MCHC", "g/dL", 32.9, 1.3, _NO, 27, 37, 1, _H, (31, 35)),
    Item(51250, "MCV", "fL", 91, 6.2, _NO, 64, 122, 0, _H, (82, 98)),
    Item(51277, "RDW", "%", 15.3, 1.9, (0.2, 0.2, 0, 0.1, 0, 0.4, -0.2), 11.5, 28, 1, _H, (10.5, 15.5)),
)
"""The daily panel: drawn together."""

SOME_LABS: tuple[tuple[float, Item], ...] = (
    (0.30, Item(51256, "Neutrophils", "%", 76, 9, (0, 0, 3.5, 0, 0, 2, -1), 20, 98, 1, _H, (50, 70))),
    (0.10, Item(51009, "Vancomycin", "ug/mL", 15.5, 5, (0, 0, 0, 0, 0, 1, 0), 2, 50, 1, _C, (10, 20))),
    (
        0.40,
        Item(50813, "Lactate", "mmol/L", 0.5, 0.35, (0, 0, 0.05, 0, 0, 0.32, -0.1), 0.4, 20, 1, _G, (0.5, 2.0), True),
    ),
    (0.30, Item(50862, "Albumin", "g/dL", 3.2, 0.45, (-0.2, 0, -0.05, 0, 0, -0.15, 0.1), 1.1, 5.2, 1, _C, (3.5, 5.2))),
    (
        0.35,
        Item(
            50885,
            "Bilirubin, Total",
            "mg/dL",
            -0.3,
            0.55,
            (0.05, 0, 0, 0, 0, 0.25, -0.1),
            0.1,
            40,
            1,
            _C,
            (0, 1.5),
            True,
        ),
    ),
    (
        0.18,
        Item(50963, "NTproBNP", "pg/mL", 6.8, 1.0, (0.25, 0.7, 0, 0.5, 0, 0.2, -0.1), 20, 70000, 0, _C, (0, 852), True),
    ),
    (
        0.22,
        Item(
            51003, "Troponin T", "ng/mL", -3.4, 0.9, (0, 0.25, 0, 0.1, 0, 0.35, -0.1), 0.01, 20, 2, _C, (0, 0.01), True
        ),
    ),
    (0.60, Item(51237, "INR(PT)", "", 0.28, 0.24, (0.02, 0.02, 0, 0, 0, 0.1, -0.03), 0.8, 10, 1, _H, (0.9, 1.1), True)),
    (0.40, Item(50820, "pH", "units", 7.38, 0.06, (0, 0, -0.01, 0, 0, -0.04, 0.01), 6.85, 7.65, 2, _G, (7.35, 7.45))),
    (
        0.40,
        Item(
            50821,
            "pO2",
            "mm Hg",
            4.6,
            0.38,
            (-0.03, 0, -0.12, -0.1, -0.04, -0.05, 0.03),
            30,
            480,
            0,
            _G,
            (85, 105),
            True,
        ),
    ),
    (0.40, Item(50818, "pCO2", "mm Hg", 40, 7.5, (0.4, 0, 0.8, 0.3, 0.2, 0.8, -0.3), 18, 110, 0, _G, (35, 45))),
)
"""Tests that are sent with a panel now and then: the share of panels."""

SHIFTS: dict[str, dict[int, float]] = {
    "kidney": {50912: 0.8, 51006: 0.6, 50970: 0.8},
    "diabetes": {50931: 0.3},
    "cirrhosis": {50885: 1.1, 51265: -0.7, 51237: 0.3, 50862: -0.4},
    "heart_failure": {50963: 0.8},
    "copd": {50818: 5.0, 50882: 1.8},
}
"""What a chronic condition adds, on the item's own scale."""

OTHER_ITEMS: tuple[tuple[int, str, str, str, str, str], ...] = (
    (223835, "Inspired O2 Fraction", "chartevents", "Respiratory", "None", "Numeric"),
    (225792, "Invasive Ventilation", "procedureevents", "2-Ventilation", "None", "Processes"),
    (224385, "Intubation", "procedureevents", "1-Intubation/Extubation", "None", "Processes"),
    (225802, "Dialysis - CRRT", "procedureevents", "Dialysis", "None", "Processes"),
    (225441, "Hemodialysis", "procedureevents", "4-Procedures", "None", "Processes"),
    (224270, "Dialysis Catheter", "procedureevents", "Access Lines - Invasive", "None", "Processes"),
    (224264, "PICC Line", "procedureevents", "Access Lines - Invasive", "None", "Processes"),
    (229351, "Foley Catheter", "procedureevents", "GI/GU", "None", "Processes"),
    (225400, "Bronchoscopy", "procedureevents", "4-Procedures", "None", "Processes"),
    (221223, "EEG", "procedureevents", "4-Procedures", "None", "Processes"),
    (221906, "Norepinephrine", "inputevents", "Medications", "mg", "Solution"),
    (226559, "Foley", "outputevents", "Output", "mL", "Numeric"),
)
"""itemid, label, table, category, unit, type of the remaining items of ``d_items``."""
