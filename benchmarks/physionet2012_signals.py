"""What the records of PhysioNet 2012 measure, in which words and units, and which values are errors."""

from __future__ import annotations

import polars as pl

HOURS = 48
MISSING = -1.0
"""How a record says that a descriptor is not known; never a value."""

SIGNALS: dict[str, tuple[str, float, float]] = {
    "ALP": ("alkaline phosphatase", 5, 5000),
    "ALT": ("ALT", 1, 20000),
    "AST": ("AST", 1, 30000),
    "Albumin": ("albumin", 0.5, 7),
    "BUN": ("urea nitrogen", 1, 250),
    "Bilirubin": ("bilirubin", 0.05, 80),
    "Cholesterol": ("cholesterol", 20, 600),
    "Creatinine": ("creatinine", 0.1, 30),
    "DiasABP": ("diastolic pressure, arterial line", 10, 200),
    "FiO2": ("inspired oxygen fraction", 0.21, 1),
    "GCS": ("Glasgow coma score", 3, 15),
    "Glucose": ("glucose", 5, 1500),
    "HCO3": ("bicarbonate", 2, 60),
    "HCT": ("hematocrit", 5, 70),
    "HR": ("heart rate", 15, 300),
    "K": ("potassium", 1, 12),
    "Lactate": ("lactate", 0.1, 35),
    "MAP": ("mean pressure, arterial line", 15, 200),
    "MechVent": ("ventilated", 1, 1),
    "Mg": ("magnesium", 0.3, 12),
    "NIDiasABP": ("diastolic pressure, cuff", 10, 200),
    "NIMAP": ("mean pressure, cuff", 15, 200),
    "NISysABP": ("systolic pressure, cuff", 25, 300),
    "Na": ("sodium", 90, 190),
    "PaCO2": ("carbon dioxide pressure", 5, 150),
    "PaO2": ("oxygen pressure", 18, 700),
    "Platelets": ("platelets", 1, 2500),
    "RespRate": ("respiratory rate", 1, 90),
    "SaO2": ("oxygen saturation", 20, 100),
    "SysABP": ("systolic pressure, arterial line", 25, 300),
    "Temp": ("temperature", 25, 44),
    "TroponinI": ("troponin I", 0.01, 100),
    "TroponinT": ("troponin T", 0.001, 60),
    "Urine": ("urine", 0, 5000),
    "WBC": ("white cells", 0.05, 500),
    "Weight": ("weight", 25, 300),
    "pH": ("arterial pH", 6.5, 8),
}
"""Parameter -> name in words and the possible values; others are errors of measurement or entry."""
UNITS = ("coronary", "cardiac surgery", "medical", "surgical")
"""ICUType 1 to 4."""
DESCRIPTORS = {
    "RecordID": (0.0, 1e9), "Age": (15.0, 120.0), "Gender": (0.0, 1.0), "Height": (120.0, 230.0), "ICUType": (1.0, 4.0),
}  # fmt: skip
"""Said once, at minute 0; with the possible values. The weight at minute 0 is the first of its series."""


def judged(rows: pl.DataFrame) -> pl.DataFrame:
    """Bring values to their unit and say why a row cannot be used; ``fault`` is null where it can."""
    value, parameter, first = pl.col("value"), pl.col("Parameter"), pl.col("minute") == 0
    height = (
        pl.when(value < 10).then(value * 100)  # metres
        .when(value < 25).then(value * 10)  # decimetres
        .when(value < 100).then(value * 2.54)  # inches
        .when(value > 300).then(value / 2.54)  # centimetres, taken for inches
        .otherwise(value)
    )  # fmt: skip
    rows = rows.with_columns(
        pl.when(value == MISSING)
        .then(None)
        .when(parameter == "Height")
        .then(height)
        .when((parameter == "pH") & value.is_between(650, 800))
        .then(value / 100)
        .otherwise(value)
        .alias("value"),
        (value == MISSING).alias("marked"),
    )
    bounds = {name: (low, high) for name, (_, low, high) in SIGNALS.items()} | DESCRIPTORS
    limits = pl.DataFrame(
        [(name, low, high) for name, (low, high) in bounds.items()], schema=["Parameter", "low", "high"], orient="row"
    )
    static = parameter.is_in(list(DESCRIPTORS))
    return rows.join(limits, on="Parameter", how="left").with_columns(
        pl.when(pl.col("here").is_null())
        .then(pl.lit("a stay without an outcome"))
        .when(pl.col("low").is_null())
        .then(pl.lit("unknown parameter"))
        .when(pl.col("marked"))
        .then(pl.lit("missing, -1"))
        .when(value.is_null() | pl.col("minute").is_null())
        .then(pl.lit("no number or no time"))
        .when(~pl.col("minute").is_between(0, HOURS * 60) | (static & ~first))
        .then(pl.lit("outside the 48 hours"))
        .when(~value.is_between(pl.col("low"), pl.col("high")))
        .then(pl.lit("impossible value"))
        .alias("fault")
    )
