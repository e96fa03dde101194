"""Identifiers that are known by their form or by the label before them: numbers, addresses of the net, places.

Each rule names one of the 18 classes of the HIPAA safe harbour; its group ``x`` is what is taken out, the rest is the
context that must stand around it; a ``place`` is a location where not all its words are
common ones. Names and dates have rules of their own (``names``, ``dates``).
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

CLASSES = (
    "name", "location", "date", "phone", "fax", "email", "ssn", "mrn", "health plan", "account", "licence", "vehicle",
    "device", "url", "ip", "biometric", "photo", "other id",
)  # fmt: skip
"""The 18 classes; ages over 89 belong to ``date``."""

_CODE = r"(?=[\w /.-]{0,12}\d)[A-Za-z0-9](?:[\w/.-]|[ ](?=\d)){2,30}[A-Za-z0-9]"
"""A code: at least four signs, a digit among the first; blanks only before digits."""
_IS = r"[\s:#=(]*(?:(?:is|was|no|nr|num|number|id|ending in|ends in|of)\b[.\s:#=]*){0,2}"
_NUMBER = r"(?:no\b\.?|nr\b\.?|num\b\.?|number|numbers|#|id|ids|identifier|code|:|=)"


def _labelled(label: str, value: str = _CODE, *, plain: bool = False) -> str:
    """A label, then ``number`` or a colon unless ``plain``, then the value."""
    told = "" if plain else rf"[\s-]*{_NUMBER}"
    return rf"(?i:\b(?:{label}){told}{_IS})(?P<x>{value})"


_DIGITS = r"(?=(?:[A-Z-]*\d){4})[A-Z0-9]{1,4}(?:(?:-|[ ](?=\d{3}))?[A-Z0-9]{1,5}){0,6}\b"
_PHONE = r"(?:\+?1[-. ]{0,2})?\(?[2-9]\d{2}\)?[-./ ]{0,2}\d{3}[-. ]\d{4}(?:,?\s*(?:x|ext\.?|extension)\s*\d{1,6})?"
_ABROAD = r"\+\d{1,3}[ .-]?(?:\(?\d{1,5}\)?[ .-]?){2,5}\d{2,4}"
_ANY_PHONE = rf"(?:{_ABROAD}|{_PHONE}|\d(?:[ ().-]{{0,2}}\d){{6,13}})"
_STATES = (
    "AL|AK|AZ|AR|CA|CO|CT|DE|FL|GA|HI|ID|IL|IN|IA|KS|KY|LA|ME|MD|MA|MI|MN|MS|MO|MT|NE|NV|NH|NJ|NM|NY|NC|ND|OH|OK|OR|"
    "PA|RI|SC|SD|TN|TX|UT|VT|VA|WA|WV|WI|WY|DC|Alabama|Alaska|Arizona|Arkansas|California|Colorado|Connecticut|"
    "Delaware|Florida|Georgia|Hawaii|Idaho|Illinois|Indiana|Iowa|Kansas|Kentucky|Louisiana|Maine|Maryland|"
    "Massachusetts|Michigan|Minnesota|Mississippi|Missouri|Montana|Nebraska|Nevada|New Hampshire|New Jersey|New Mexico|"
    "New York|North Carolina|North Dakota|Ohio|Oklahoma|Oregon|Pennsylvania|Rhode Island|South Carolina|South Dakota|"
    "Tennessee|Texas|Utah|Vermont|Virginia|Washington|West Virginia|Wisconsin|Wyoming"
)
_CAP = r"[A-Z][a-z'\u2019]+(?:-[A-Z][a-z]+)?"
_PLACE = rf"(?:(?:St|Ft|Mt)\. )?{_CAP}(?:[ ]{_CAP}){{0,2}}"
_WAY = (
    "Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Place|Pl|Way|Terrace|Circle|Cir|Parkway|"
    "Pkwy|Highway|Hwy|Square|Sq|Crescent|Close|Row|Trail"
)
_HOUSE = (
    "Hospital|Medical Center|Medical Centre|Health Center|Health System|Nursing Home|Infirmary|Hospice|Clinic|"
    "Rehabilitation Center|Rehab|Assisted Living|Senior Living|University|College|High School|Elementary School|"
    "Church|Prison|Manor|Correctional Facility|Retirement Community"
)
_NOT_A_HOUSE = (
    r"(?!(?:The|This|Our|Outside|Outpatient|Primary|Urgent|Specialty|Pain|Wound|Heart|Stroke|Eye|Dental|General|Local|"
    r"State|Community|Cardiology|Surgery|Oncology|Coumadin|Anticoagulation|Diabetes|Patient|Admit|In|At|To|Brief|Home|"
    r"Acute|Sleep|Orthopedic|Neurology|Pulmonary|Psychiatric|Veterans|Day|Emergency|Current|Prior|Previous|Another)\b)"
)
_GOES = (
    r"lives? (?:\w+ ){0,3}?(?:in|at|near|on)|living (?:\w+ ){0,3}?(?:in|at|near)|resid(?:es|ing|ed) (?:in|at)|"
    r"resident of|born in|native of|"
    r"travel(?:l?ed|ing)? (?:\w+ ){0,2}?(?:to|from|in)|trip to|moved (?:here )?(?:to|from)|works? (?:\w+ ){0,3}?in|"
    r"visiting|visited|flew (?:to|from)|"
    r"returned from|home in|originally from|emigrated from|immigrated from|comes from|grew up in|is from|"
    r"vacation (?:in|to)|family in|raised in|brought (?:in )?from|EMS from|transferred (?:\w+ )?(?:from|to)|records "
    r"(?:from|at)|(?:treated|hospitali[sz]ed|admitted|seen|evaluated|cared for) at|incarcerated (?:in|at)|address(?: "
    r"is|:)"
)
_NOT_A_PLACE = (
    r"(?!(?:ICU|ED|Emergency|Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday|January|February|March|April|May|"
    r"June|July|August|September|October|November|December|The|A|An|Home|Room|Unit)\b)"
)

RULES: tuple[tuple[str, str], ...] = (
    ("url", r"(?P<x>\b(?i:https?://|ftp://|www\.)[^\s<>\"')\]]+)"),
    ("email", r"(?P<x>\b[\w.+%-]+\s?@\s?[\w-]+(?:\.[\w-]+)+)"),
    ("email", r"(?P<x>\b[\w.+-]+ (?:\(at\)|\[at\]|at) [\w-]+ (?:\(dot\)|\[dot\]|dot) (?:com|org|net|edu|gov))"),
    ("url", r"(?P<x>\b[a-z0-9-]+(?:\.[a-z0-9-]+)*\.(?:com|org|net|edu|gov|info|health|io|co\.uk|de)\b(?:/[^\s<>\"')"
            r"]*)?)"),
    ("photo", r"(?i:(?P<x>[\w./\\-]+\.(?:jpe?g|png|tiff?|bmp|heic|gif|dcm|mp4|mov))\b)"),
    ("photo", _labelled(r"photo(?:graph)?s?|image file|picture|portrait|selfie|video")),
    ("ip", r"(?<![\d.])(?P<x>(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d))(?![\d.]*\d)"),
    ("ip", r"(?i:(?<![\w:])(?P<x>(?=[0-9a-f:]*[a-f]|[0-9:]*::|(?:[0-9]+:){4})(?:[0-9a-f]{1,4}:){1,7}(?::|[0-9a-f]{1,"
           r"4})(?::?[0-9a-f]{1,4}){0,7})(?![\w:]))"),
    ("device", r"(?i:(?<![\w:-])(?P<x>[0-9a-f]{2}(?:[:-][0-9a-f]{2}){5})(?![\w:-]))"),
    ("device", r"(?P<x>\(01\)\d{14}(?:\(\d\d\)[\w-]+)*)"),
    ("ssn", r"(?<![\d-])(?P<x>\d{3}[- .]\d{2}[- .]\d{4})(?![\d-])"),
    ("ssn", _labelled(r"SSN|social security|soc\.? sec\.?|last (?:four|4)(?: digits)?(?: of (?:SSN|"
                      r"social))?", r"[\dXx*][\dXx* -]{2,12}\d", plain=True)),
    ("fax", rf"(?i:\bfax(?:ed)?\b(?: (?:to|at|number|no\.?|#|it|results?|is))*[\s:#.]*)(?P<x>{_ANY_PHONE})"),
    ("phone", rf"(?i:\b(?:phone|telephone|tel|cell|mobile|pager|beeper|paged?|call(?:ed|s)?|contact(?:ed)?|reach(?:ed)"
              rf"?(?: \w+)? at|voicemail|text|home|office|work)\b"
              rf"(?: (?:to|at|number|no\.?|#|is|on|back|me|us|him|her|pager))*[\s:#.]*)(?P<x>{_ANY_PHONE}(?!\s*(?:mg|"
              rf"ml|%)))"),
    ("phone", r"(?i:\b(?:ext|extension|pager|beeper|x)[\s.:#]*)(?P<x>\d{4,6})\b"),
    ("phone", rf"(?<![\w.-])(?P<x>{_ABROAD}|{_PHONE}|(?<![\d,])0\d{{3,4}} ?\d{{3}} ?\d{{3,4}}|0\d{{10}})(?![\w-]|"
              rf"\.\d)"),
    ("mrn", _labelled(r"MRNs?|MR ?#|med(?:ical)?\.? rec(?:ord)?\.?(?: ?#)?|NHS(?: no\.?| number)?|"
                      r"CHI no", _DIGITS, plain=True)),
    ("mrn", _labelled(r"unit|hospital|chart|patient|pt|record|clinic|EMPI|EPI", _DIGITS)),
    ("health plan", _labelled(r"(?:health )?(?:plan|insurance|policy|member(?:ship)?|subscriber|beneficiary|group|"
                              r"payer)|medicare|medicaid|HICN|MBI|HMO|PPO", _DIGITS)),
    ("health plan", _labelled(r"medicare|medicaid|HICN|MBI|member id|policy|blue cross|aetna|cigna|"
                              r"insurance", _DIGITS, plain=True)),
    ("account", _labelled(r"account|acct|a/c|invoice|billing|bill|encounter|visit|FIN|CSN|HAR|bank|credit card|card|"
                          r"IBAN|guarantor", _DIGITS)),
    ("account", _labelled(r"account|acct|FIN|CSN|IBAN|card|invoice", _DIGITS, plain=True)),
    ("account", r"(?<![\d-])(?P<x>\d{4}[ -]\d{4}[ -]\d{4}[ -]\d{3,4})(?![\d-])"),
    ("account", r"(?P<x>\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}\b)"),
    ("licence", _labelled(r"licen[cs]e|lic|DEA|NPI|certificate|cert|DL|passport|registration|board|"
                          r"permit|GMC", _DIGITS)),
    ("licence", _labelled(r"licen[cs]e|lic\.|DEA|NPI|certificate|DL|passport|GMC", _DIGITS, plain=True)),
    ("vehicle", r"(?P<x>\b(?=[A-HJ-NPR-Z0-9]*\d[A-HJ-NPR-Z0-9]*\d)(?=[A-HJ-NPR-Z0-9]*[A-Z])[A-HJ-NPR-Z0-9]{17}\b)"),
    ("vehicle", _labelled(r"(?:licen[cs]e |number )?plate|vehicle(?: id)?|VIN|registration plate|tag|car "
                          r"reg(?:istration)?", r"(?-i:(?=[A-Z -]*\d)[A-Z0-9]{1,4}[ -]?[A-Z0-9]{2,5}(?:[ "
                                                r"-]?[A-Z0-9]{1,4})?)\b", plain=True)),
    ("device", _labelled(r"serial|S/N|SN|UDI|lot|device|implant|pacemaker|ICD|generator|lead|pump|model|catalog|valve|"
                         r"prosthesis|stent")),
    ("device", _labelled(r"serial(?: number| no\.?)?|S/N|UDI|lot", plain=True)),
    ("biometric", _labelled(r"(?:finger ?print|retinal?|iris|voice ?print|voice|palm ?print|palm|face|facial(?: "
                            r"recognition)?|biometric|thumb ?print)"
                            r"(?:[ -](?:scan|template|hash|profile|record|sample|geometry|pattern|file|recognition|"
                            r"match|key)){0,2}(?: (?:id|code|no\.?|number|ref))?", plain=True)),
    ("other id", _labelled(r"study|accession|acc|specimen|case|claim|order|requisition|employee|badge|student|inmate|"
                           r"military|service|trial|barcode|reference|"
                           r"ref|confirmation|identification|ID|identifier|token|tracking|donor|subject|participant|"
                           r"prisoner|bracelet|wristband|band|ticket|event|report|document|Rx|prescription", _DIGITS)),
    ("other id", _labelled(r"accession|barcode|badge|token|wristband|employee id|subject id", _DIGITS, plain=True)),
    ("other id", r"(?P<x>\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b)"),
    ("other id", r"(?<![\w.,-])(?P<x>\d{8,})(?![\w,-]|\.\d| ?(?:mg|ml|mcg|units?|copies|cells|IU|/))"),
    ("other id", r"(?P<x>\b(?=[A-Z-]*\d)(?=(?:[A-Z-]*\d){5})(?=\d*[A-Z])[A-Z0-9]{2,}(?:-?[A-Z0-9]+){0,3}\b)"
                 r"(?<![A-Z]\d{4})"),
    ("location", rf"(?P<x>\b\d{{1,6}}[A-Z]?[ ](?:[NSEW]\.?[ ])?(?:{_CAP}[ ]|\d+(?:st|nd|rd|th)[ ]){{1,3}}(?:{_WAY})"
                 rf"\b\.?"
                 rf"(?:,?[ ](?:Apt|Apartment|Unit|Suite|Ste|Floor|#)\.?[ ]?\w+)?(?:,?\s+{_PLACE})?(?:,"
                 rf"?\s+(?:{_STATES})\b)?(?:,?\s+\d{{5}}(?:-\d{{4}})?\b)?)"),
    ("location", r"(?i:(?P<x>\bP\.?[ ]?O\.?[ ]?Box[ ]\d+))"),
    ("location", rf"(?P<x>{_NOT_A_PLACE}\b{_PLACE},[ ](?:{_STATES})\b(?:,?[ ]\d{{5}}(?:-\d{{4}})?)?)"),
    ("location", rf"(?P<x>\b(?:{_STATES})[ ]\d{{5}}(?:-\d{{4}})?)(?!\d)"),
    ("location", r"(?i:\bzip(?: ?code)?[\s:#]*(?:is )?)(?P<x>\d{5}(?:-\d{4})?)"),
    ("location", r"(?P<x>\b[A-Z]{1,2}\d[A-Z\d]? \d[ABD-HJLNP-UW-Z]{2}\b)"),
    ("place", rf"(?i:\b(?:{_GOES})\s+)(?:the[ ])?(?P<x>{_NOT_A_PLACE}{_PLACE})"),
    ("location", rf"(?P<x>\b{_NOT_A_HOUSE}(?:{_CAP}[ ]|St\.[ ]|of[ ]|the[ ]|(?-i:[A-Z]\.[ ])){{1,4}}(?:{_HOUSE}))\b"),
    ("location", rf"(?P<x>\b{_CAP}(?:[ ]{_CAP})?[ ]County)\b"),
)  # fmt: skip


@cache
def rules() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Return (class, pattern) of every rule, the surest first."""
    towns = "|".join(sorted((re.escape(town) for town in words("towns")), key=len, reverse=True))
    named = (
        "location",
        rf"(?P<x>\b(?:{towns})\b)(?!['\u2019]s (?:sign|disease|criteria)| (?:Coma|score|scale|criteria|II|"
        rf"classification))",
    )
    return tuple((name, re.compile(form)) for name, form in (*RULES, named))


@cache
def words(name: str) -> frozenset[str]:
    """Return one of the lists that come with the product: a word or phrase a line, ``#`` begins a remark."""
    text = files("xhaim.llm").joinpath("lists", f"{name}.txt").read_text(encoding="utf-8")
    return frozenset(line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#"))
