"""Bundles mutated as no honest sender would: strategies of hypothesis over the made-up patient."""

import json

from hypothesis import strategies as st
from made_up_bundle import made_up_bundle

SECRET = "Zebrafinch Wilhelmina"
WHO = {"reference": "Patient/new-1"}


def deep(levels, inside=None):
    for _ in range(levels):
        inside = [inside]
    return inside


VALUES = st.sampled_from(
    [
        None, True, 0, -1, 1e308, -1e-320, 10**400, float("nan"), float("inf"), "", " ", SECRET, "\ud800", "a\0b",
        "NaN",
        "1e999", [], {}, [[]], [None], [{}], {"": {}}, deep(40), "x" * 100_000, [SECRET] * 3000, {SECRET: SECRET},
        # times
        "2024-13-45T99:99:99Z", "9999-12-31T23:59:59Z", "9999-12-31", "0000-01-01", "-0044-03-15",
        "0001-01-01T00:00:00Z",
        "2024-03-31T02:30:00", "2024-03-02T00:00:00+99:99", "2024-03-02T23:59:60+14:00", "2250", "1066-10-14",
        # references
        "Patient/new-1", "Patient/../../etc/passwd", "#x", "#", "Encounter/adm", "urn:uuid:0", "http://[::1",
        {"reference": "#p"},
        {"reference": "Encounter/adm"}, {"reference": {"reference": "Patient/new-1"}}, [WHO, WHO],
        # units and codes
        "mg/dL", "lbs", "{x}", {"value": 5, "unit": "furlong"}, {"value": "7", "code": "mmol/L"}, "2524-7",
        {"coding": {}},
        # markup, SQL, paths
        "<script>alert(1)</script>", "' OR 1=1 --", "../../etc/passwd", "{{ 7*7 }}", "\u202egnp.exe",
    ]
)  # fmt: skip

EXTRA = [
    {"resourceType": "Encounter", "id": "adm", "status": "finished", "subject": WHO,
     "partOf": {"reference": "Encounter/adm"}},
    {"resourceType": "Encounter", "id": "b", "subject": WHO, "partOf": {"reference": "Encounter/c"}},
    {"resourceType": "Encounter", "id": "c", "subject": WHO, "partOf": {"reference": "Encounter/b"}},
    {"resourceType": "Observation", "id": "x", "contained": [{"resourceType": "Patient", "id": "p"}],
     "subject": {"reference": "#p"}},
    {"resourceType": "Observation", "id": "y", "subject": WHO, "component": [{}] * 50, "code": {"text": SECRET}},
    {"resourceType": "ImagingStudy", "id": "i", "subject": WHO, "series": [{"modality": {"code": "DX"},
     "instance": [{"uid": 7}]}]},
    {"resourceType": "Media", "id": "m", "subject": WHO, "content": {"contentType": "image/png", "data": SECRET}},
    {"resourceType": "Media", "id": "n", "subject": WHO, "partOf": [{"reference": "Media/n"}], "content": []},
    {"resourceType": "DiagnosticReport", "id": "r", "subject": WHO, "media": [{"link": {"reference": "Media/m"}}]},
    {"resourceType": "Patient", "id": "new-1", "deceasedDateTime": "2024-03-02T00:10:00Z"},
    {"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Bundle", "entry": [{}]}}]},
    {"resourceType": SECRET}, {"resourceType": ["Patient"]}, {"resourceType": "Location", "id": "l", "name": {}},
    {"resourceType": "Medication", "id": "../../x", "code": []},
]  # fmt: skip

TEXTS = [
    *[("", "")] * 3, ('"status"', '"status": "x", "status"'), ('"id"', '"id": 1, "id"'), ("}", "},"), ("}]", "}"),
    ("1950", "\ufeff1950"), ('"value": ', '"value": -'), ('"value": 1.9', '"value": 1.9e99999'), ("[", "[["),
    ('"value": 3.1', '"value": ' + "9" * 5000), ("\\u", "\\U"), ('"entry"', '"entry": [], "entry"'),
]  # fmt: skip
"""What is put in the place of what, once, in the text of a bundle: what no document can say."""


def places(value, path=()):
    """Yield the path of every value in a document."""
    yield path
    if isinstance(value, dict):
        for key, one in value.items():
            yield from places(one, (*path, key))
    elif isinstance(value, list):
        for n, one in enumerate(value):
            yield from places(one, (*path, n))


def changed(document, path, how, value):
    """The document with what lies at a path replaced, removed, wrapped in a list, or told twice."""
    if not path:
        return document
    at = document
    for key in path[:-1]:
        at = at[key]
    last = path[-1]
    if how == "remove":
        del at[last]
    elif how == "wrap":
        at[last] = [at[last]]
    elif how == "twice" and isinstance(at, list):
        at.insert(last, at[last])
    else:
        at[last] = value
    return document


@st.composite
def bundles(draw):
    """The bytes of a bundle with one to six mutations, some of them in the text itself."""
    document = json.loads(json.dumps(made_up_bundle()))
    for one in draw(st.lists(st.sampled_from(EXTRA), max_size=3)):
        document["entry"].insert(
            draw(st.integers(0, len(document["entry"]))), {"resource": json.loads(json.dumps(one))}
        )
    for _ in range(draw(st.integers(1, 6))):
        path = draw(st.sampled_from(list(places(document))))
        how = draw(st.sampled_from(["replace", "replace", "replace", "remove", "wrap", "twice"]))
        document = changed(document, path, how, draw(VALUES))
    text = json.dumps(document)
    old, new = draw(st.sampled_from(TEXTS))
    return (text.replace(old, new, 1) if old else text).encode("utf-8", "surrogatepass")
