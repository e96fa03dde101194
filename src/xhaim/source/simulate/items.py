"""What is measured: MIMIC-IV item ids, names and units, and how each value follows from the latent severities.

Loadings are in the order of ``latent.DIMENSIONS``, for one standard deviation of severity, in the unit of ``noise``.
They are weak on purpose: no vital sign or laboratory test gives a finding away. Which values are usual is not said
here but in ``calibration.yaml``.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Item:
    """One vital sign or laboratory test."""

    itemid: int
    label: str
    unit: str
    noise: float
    """Standard deviation that no severity explains; only its ratio to the loadings matters."""
    loads: tuple[float, ...]
    """Of effusion, cardiomegaly, pneumonia, edema, atelectasis, acuity, recovery."""
    low: float
    high: float
    """The most extreme values that are written."""
    decimals: int
    group: str
    normal: tuple[float, float] = (0.0, 0.0)


_NO = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
_V, _R, _N, _C, _H, _G = "Routine Vital Signs", "Respiratory", "Neurological", "Chemistry", "Hematology", "Blood Gas"

# fmt: off
ITEMS: dict[str, Item] = {
    "heart_rate": Item(220045, "Heart Rate", "bpm", 11, (1, 1, 3, 1, 0, 6, -2), 25, 190, 0, _V),
    "sbp_noninvasive": Item(
        220179, "Non Invasive Blood Pressure systolic", "mmHg", 14,
        (0, 0, -1, 1, 0, -7, 3), 45, 230, 0, _V
    ),
    "dbp_noninvasive": Item(
        220180, "Non Invasive Blood Pressure diastolic", "mmHg", 10,
        (0, 0, 0, 0, 0, -4, 1), 20, 140, 0, _V
    ),
    "mbp_noninvasive": Item(
        220181, "Non Invasive Blood Pressure mean", "mmHg", 10,
        (0, 0, -1, 0, 0, -5, 2), 28, 160, 0, _V
    ),
    "respiratory_rate": Item(
        220210, "Respiratory Rate", "insp/min", 4,
        (0.8, 0.3, 1.4, 1.1, 0.4, 1.3, -0.8), 5, 55, 0, _R
    ),
    "spo2": Item(
        220277, "O2 saturation pulseoxymetry", "%", 1.8,
        (-0.3, 0, -0.7, -0.6, -0.3, -0.5, 0.2), 62, 100, 0, _R
    ),
    "temperature": Item(223761, "Temperature Fahrenheit", "°F", 0.8, (0, 0, 0.5, 0, 0.1, 0.1, -0.1), 92, 105, 1, _V),
    "fio2": Item(223835, "Inspired O2 Fraction", "", 12, (1, 0, 4, 3, 1, 4, -2), 21, 100, -1, _R),
    "glucose": Item(50931, "Glucose", "mg/dL", 0.28, (0, 0, 0.02, 0, 0, 0.06, -0.02), 40, 700, 0, _C, (70, 100)),
    "potassium": Item(50971, "Potassium", "mEq/L", 0.45, (0, 0, 0, 0.05, 0, 0.1, 0), 2.2, 7.8, 1, _C, (3.3, 5.1)),
    "sodium": Item(50983, "Sodium", "mEq/L", 3.6, (-0.5, -0.2, 0, -0.3, 0, -0.3, 0.2), 112, 165, 0, _C, (133, 145)),
    "chloride": Item(50902, "Chloride", "mEq/L", 4.5, (-0.4, 0, 0, -0.3, 0, 0.2, 0), 75, 130, 0, _C, (96, 108)),
    "creatinine": Item(
        50912, "Creatinine", "mg/dL", 0.38,
        (0.05, 0.05, 0, 0.1, 0, 0.2, -0.08), 0.2, 12, 1, _C, (0.5, 1.2)
    ),
    "urea_nitrogen": Item(
        51006, "Urea Nitrogen", "mg/dL", 0.38,
        (0.06, 0.06, 0, 0.1, 0, 0.2, -0.1), 3, 180, 0, _C, (6, 20)
    ),
    "bicarbonate": Item(50882, "Bicarbonate", "mEq/L", 2.9, (0, 0, 0, 0.2, 0, -1.3, 0.4), 6, 45, 0, _C, (22, 32)),
    "anion_gap": Item(50868, "Anion Gap", "mEq/L", 2.5, (0, 0, 0.1, 0, 0, 1.2, -0.3), 4, 38, 0, _C, (8, 20)),
    "magnesium": Item(50960, "Magnesium", "mg/dL", 0.27, _NO, 0.9, 4.5, 1, _C, (1.6, 2.6)),
    "phosphate": Item(50970, "Phosphate", "mg/dL", 0.9, (0, 0, 0, 0.1, 0, 0.3, -0.1), 0.8, 11, 1, _C, (2.7, 4.5)),
    "calcium_total": Item(
        50893, "Calcium, Total", "mg/dL", 0.6,
        (-0.1, 0, 0, 0, 0, -0.1, 0.1), 5.5, 13, 1, _C, (8.4, 10.3)
    ),
    "hemoglobin": Item(
        51222, "Hemoglobin", "g/dL", 1.7,
        (-0.2, -0.1, -0.1, 0, 0, -0.3, 0.2), 4.5, 18, 1, _H, (12, 17.5)
    ),
    "hematocrit": Item(51221, "Hematocrit", "%", 4.8, (-0.6, -0.3, -0.3, 0, 0, -0.8, 0.5), 14, 55, 1, _H, (36, 51)),
    "platelet_count": Item(
        51265, "Platelet Count", "K/uL", 0.5,
        (0, 0, 0.03, 0, 0, -0.14, 0.06), 8, 900, 0, _H, (150, 440)
    ),
    "white_blood_cells": Item(
        51301, "White Blood Cells", "K/uL", 0.4,
        (0.03, 0, 0.16, 0, 0.02, 0.12, -0.06), 0.3, 60, 1, _H, (4, 11)
    ),
    "mch": Item(51248, "MCH", "pg", 2.2, _NO, 18, 40, 1, _H, (27, 32)),
    "red_blood_cells": Item(
        51279, "Red Blood Cells", "m/uL", 0.6,
        (-0.06, 0, 0, 0, 0, -0.1, 0.06), 1.5, 6.5, 2, _H, (4.2, 5.9)
    ),
    "mchc": Item(51249, "MCHC", "g/dL", 1.3, _NO, 27, 37, 1, _H, (31, 35)),
    "mcv": Item(51250, "MCV", "fL", 6.2, _NO, 64, 122, 0, _H, (82, 98)),
    "rdw": Item(51277, "RDW", "%", 1.9, (0.2, 0.2, 0, 0.1, 0, 0.4, -0.2), 11.5, 28, 1, _H, (10.5, 15.5)),
    "neutrophils": Item(51256, "Neutrophils", "%", 9, (0, 0, 3.5, 0, 0, 2, -1), 20, 98, 1, _H, (50, 70)),
    "vancomycin": Item(51009, "Vancomycin", "ug/mL", 5, (0, 0, 0, 0, 0, 1, 0), 2, 50, 1, _C, (10, 20)),
    "lactate": Item(50813, "Lactate", "mmol/L", 0.35, (0, 0, 0.05, 0, 0, 0.32, -0.1), 0.4, 20, 1, _G, (0.5, 2)),
    "albumin": Item(50862, "Albumin", "g/dL", 0.45, (-0.2, 0, -0.05, 0, 0, -0.15, 0.1), 1.1, 5.2, 1, _C, (3.5, 5.2)),
    "bilirubin_total": Item(
        50885, "Bilirubin, Total", "mg/dL", 0.55,
        (0.05, 0, 0, 0, 0, 0.25, -0.1), 0.1, 40, 1, _C, (0, 1.5)
    ),
    "ntprobnp": Item(50963, "NTproBNP", "pg/mL", 1, (0.25, 0.7, 0, 0.5, 0, 0.2, -0.1), 20, 70000, 0, _C, (0, 852)),
    "troponin_t": Item(51003, "Troponin T", "ng/mL", 0.9, (0, 0.25, 0, 0.1, 0, 0.35, -0.1), 0.01, 20, 2, _C, (0, 0.01)),
    "inr": Item(51237, "INR(PT)", "", 0.24, (0.02, 0.02, 0, 0, 0, 0.1, -0.03), 0.8, 10, 1, _H, (0.9, 1.1)),
    "ph": Item(50820, "pH", "units", 0.06, (0, 0, -0.01, 0, 0, -0.04, 0.01), 6.85, 7.65, 2, _G, (7.35, 7.45)),
    "po2": Item(50821, "pO2", "mm Hg", 0.38, (-0.03, 0, -0.12, -0.1, -0.04, -0.05, 0.03), 30, 480, 0, _G, (85, 105)),
    "gcs_eye": Item(220739, "GCS - Eye Opening", "", 1, (0, 0, 0, 0, 0, -0.7, 0.2), 1, 4, 0, _N),
    "gcs_verbal": Item(223900, "GCS - Verbal Response", "", 1, (0, 0, 0, 0, 0, -0.7, 0.2), 1, 5, 0, _N),
    "gcs_motor": Item(223901, "GCS - Motor Response", "", 1, (0, 0, 0, 0, 0, -0.7, 0.2), 1, 6, 0, _N),
}
# fmt: on
"""Signal of the catalogue -> what is written for it."""

ANSWERS: dict[str, tuple[str, ...]] = {
    "gcs_eye": ("None", "To Pain", "To Speech", "Spontaneously"),
    "gcs_verbal": ("No Response", "Incomprehensible sounds", "Inappropriate Words", "Confused", "Oriented"),
    "gcs_motor": (
        "No response",
        "Abnormal extension",
        "Abnormal Flexion",
        "Flex-withdraws",
        "Localizes Pain",
        "Obeys Commands",
    ),
}
"""The words of the coma scale, from 1 point."""

SHIFTS: dict[str, dict[str, float]] = {
    "kidney": {"creatinine": 0.8, "urea_nitrogen": 0.6, "phosphate": 0.8},
    "diabetes": {"glucose": 0.3},
    "cirrhosis": {"bilirubin_total": 1.1, "platelet_count": -0.7, "inr": 0.3, "albumin": -0.4},
    "heart_failure": {"ntprobnp": 0.8},
    "copd": {"bicarbonate": 1.8},
}
"""What a chronic condition adds, in the unit of ``noise``."""

OTHER_ITEMS: tuple[tuple[int, str, str, str, str, str], ...] = (
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
