"""What was examined, by the title of a radiology report or, where that does not say, by its first words."""

from __future__ import annotations

import polars as pl

from xhaim.events import NOTE, code_is

_MODALITY = (
    "CTA?|MR[IA]?|US|ULTRASOUND|SONOGRAM|TOMOGRAPHY|PET|MAMMO\\w*|ECG|EKG|ELECTROCARDIOGRAM|ECHO\\w*|NM|NUCLEAR|DEXA"
    "|FLUORO\\w*|ANGIO\\w*"
)
_BODY_PART = (
    "ABD|ABDOMEN|ABDOMINAL|KUB|HEAD|BRAIN|SKULL|FACE|FACIAL|SINUS\\w*|MANDIBLE|NECK|SPINE|C-SPINE|L-SPINE|CERVICAL"
    "|LUMBAR|SACRUM|PELVI[SC]|HIPS?|FEMUR|KNEES?|LEGS?|TIBIA|FIBULA|ANKLES?|FOOT|FEET|TOES?|SHOULDERS?|HUMERUS"
    "|ELBOWS?|FOREARM|WRISTS?|HANDS?|FINGERS?|ARMS?|EXTREMIT\\w+|RENAL|KIDNEYS?|LIVER|GALLBLADDER|BREASTS?|CAROTIDS?"
    "|VENOUS|VEINS?"
)
# No look-around in this engine, and no \b: CHEST_2 names a chest.
_CHEST = r"(?i)(?:^|[^a-z])(?:CHEST|CXR|TH?[OÓ]RAX|LUNGS?)(?:[^a-z]|$)"
_OTHER = rf"(?i)\b(?:{_MODALITY})\b"
_OTHER_FIRST = rf"(?i)^\W*(?:(?:EXAM|EXAMINATION|STUDY|TYPE OF EXAMINATION)\W+)?(?:{_MODALITY})\b"
_OTHER_PART = rf"(?i)\b(?:{_BODY_PART})\b"
_NO_EXAM = (
    r"(?i)\b(?:radiology|addendum|report|final|note|document|imaging|radiographs?|x-?ray|xr|portable|views?|ap|pa"
    r"|lat|lateral|upright|supine|single)\b"
)
"""Words of a title that do not say what was examined."""
FIRST_WORDS = 300
"""Characters of a report in which it says its exam, if anywhere."""


def is_radiology() -> pl.Expr:
    """Say which events are reports of imaging: by their kind, or since they name an imaging study."""
    kind = pl.col("code").str.contains(rf"(?i)^{NOTE}//(?:radiology|cxr|imaging)")
    return kind | (code_is(NOTE) & pl.col("study_id").is_not_null())


def exam_said() -> pl.Expr:
    """Say which titles name what was examined."""
    return pl.col("title").fill_null("").str.replace_all(_NO_EXAM, "").str.contains(r"\p{L}")


def chest_film() -> pl.Expr:
    """Say which reports are of a chest film without doubt."""
    return (_exam().str.contains(_CHEST) & ~_exam().str.contains(_OTHER)) | _cxr()


def may_be_chest_film() -> pl.Expr:
    """Say which reports name the chest, and no other modality before it: ``CHEST + ABD, CT to follow``."""
    return (_exam().str.contains(_CHEST) & ~clearly_other()) | _cxr()


def clearly_other() -> pl.Expr:
    """Say which reports are of another modality, which they name first, or by their title of another body part only."""
    part = exam_said() & _exam().str.contains(_OTHER_PART) & ~_exam().str.contains(_CHEST)
    return (_exam().str.contains(_OTHER_FIRST) | part) & ~_cxr()


def _exam() -> pl.Expr:
    bare = pl.col("title").str.replace(r"(?i)^\W*radiology(?:\W+(?:addendum|report))*\W+", "")
    return pl.when(exam_said()).then(bare).otherwise(pl.col("text_value").str.slice(0, FIRST_WORDS)).fill_null("")


def _cxr() -> pl.Expr:
    return pl.col("code").str.contains(rf"(?i)^{NOTE}//cxr\b")
