"""Units of clinical text, and how many of their base unit each is."""

from __future__ import annotations

from collections.abc import Mapping

SCALES: Mapping[str, tuple[str, float]] = {
    **dict.fromkeys(("mg", "mgs", "milligram", "milligrams"), ("mg", 1.0)),
    **dict.fromkeys(("mcg", "ug", "microgram", "micrograms"), ("mg", 0.001)),
    **dict.fromkeys(("g", "gm", "gms", "gram", "grams"), ("mg", 1000.0)),
    **dict.fromkeys(("kg", "kgs", "kilo", "kilos", "kilogram", "kilograms"), ("kg", 1.0)),
    **dict.fromkeys(("lb", "lbs", "pound", "pounds"), ("kg", 0.45359237)),
    **dict.fromkeys(("oz", "ounce", "ounces"), ("oz", 1.0)),
    **dict.fromkeys(("ml", "cc", "milliliter", "milliliters", "millilitres"), ("ml", 1.0)),
    **dict.fromkeys(("dl", "deciliter", "deciliters"), ("ml", 100.0)),
    **dict.fromkeys(("l", "liter", "liters", "litre", "litres"), ("ml", 1000.0)),
    **dict.fromkeys(("mm", "millimeter", "millimeters", "millimetres"), ("mm", 1.0)),
    **dict.fromkeys(("cm", "cms", "centimeter", "centimeters", "centimetres"), ("mm", 10.0)),
    **dict.fromkeys(("m", "meter", "meters", "metre", "metres"), ("mm", 1000.0)),
    **dict.fromkeys(("in", "inch", "inches"), ("mm", 25.4)),
    **dict.fromkeys(("ft", "foot", "feet"), ("mm", 304.8)),
    **dict.fromkeys(("mile", "miles"), ("mile", 1.0)),
    **dict.fromkeys(("%", "percent", "per cent"), ("%", 1.0)),
    **dict.fromkeys(("mmhg", "mm hg", "millimeters of mercury"), ("mmhg", 1.0)),
    **dict.fromkeys(("bpm", "beats per minute", "beats/min", "beats a minute"), ("/min", 1.0)),
    **dict.fromkeys(("/min", "per minute", "breaths per minute", "breaths/min", "a minute"), ("/min", 1.0)),
    **dict.fromkeys(("second", "seconds", "sec", "secs"), ("min", 1 / 60)),
    **dict.fromkeys(("min", "mins", "minute", "minutes"), ("min", 1.0)),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), ("min", 60.0)),
    **dict.fromkeys(("d", "day", "days"), ("day", 1.0)),
    **dict.fromkeys(("wk", "wks", "week", "weeks"), ("day", 7.0)),
    **dict.fromkeys(("fortnight", "fortnights"), ("day", 14.0)),
    **dict.fromkeys(("mo", "mos", "month", "months"), ("month", 1.0)),
    **dict.fromkeys(("yr", "yrs", "year", "years", "y", "yo", "y/o", "y.o.", "years of age"), ("month", 12.0)),
    **dict.fromkeys(("decade", "decades"), ("month", 120.0)),
    **dict.fromkeys(("unit", "units", "u", "iu", "international units"), ("unit", 1.0)),
    **dict.fromkeys(("tablet", "tablets", "tab", "tabs", "pill", "pills", "capsule", "capsules"), ("tablet", 1.0)),
    **dict.fromkeys(("pack", "packs", "pack-year", "pack-years", "pack years", "ppd"), ("pack", 1.0)),
    **dict.fromkeys(("time", "times", "x", "fold"), ("time", 1.0)),
    **dict.fromkeys(("f", "fahrenheit", "degrees f", "degrees fahrenheit", "\u00b0f", "deg f"), ("f", 1.0)),
    **dict.fromkeys(("c", "celsius", "degrees c", "degrees celsius", "\u00b0c", "deg c"), ("c", 1.0)),
    **dict.fromkeys(("per day", "a day", "daily"), ("/day", 1.0)),
    **dict.fromkeys(("per week", "a week", "weekly"), ("/day", 1 / 7)),
}
"""Unit in lower case -> base unit and how many of it. Months and days are not turned into each other."""
