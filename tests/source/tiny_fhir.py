"""Three patients in FHIR R4, written by hand from the specification: every resource type and rule of the clock once."""

import base64
import copy
import gzip
import hashlib
import json
import random
from pathlib import Path

import polars as pl

from xhaim.source.fhir import FHIR
from xhaim.source.store import Store

LOINC, SNOMED, UCUM = "http://loinc.org", "http://snomed.info/sct", "http://unitsofmeasure.org"
ACT = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"
ADA, BOB = {"reference": "Patient/ada"}, {"reference": "Patient/2"}
INPATIENT = {"reference": "Encounter/adm1"}


def concept(system, code, display=None):
    coding = {"system": system, "code": code}
    return {"coding": [{**coding, "display": display} if display else coding]}


def quantity(value, unit, code=None):
    return {"value": value, "unit": unit, "system": UCUM, "code": code or unit}


def observed(id_, code, when="2024-03-01T13:00:00-05:00", **others):
    return {"resourceType": "Observation", "id": id_, "status": "final", "code": concept(LOINC, code)} | {
        "subject": ADA,
        "encounter": INPATIENT,
        "effectiveDateTime": when,
        **others,
    }


def packed(text):
    return base64.b64encode(text.encode()).decode()


def category(code, system="http://terminology.hl7.org/CodeSystem/observation-category"):
    return [concept(system, code)]


PATIENTS = [
    {
        "resourceType": "Patient",
        "id": "ada",
        "birthDate": "1950-05",
        "gender": "female",
        "deceasedDateTime": "2024-03-06T02:30:00-05:00",
        "maritalStatus": {"text": "widowed"},
        "communication": [{"language": concept("urn:ietf:bcp:47", "en-US"), "preferred": True}],
        "extension": [
            {
                "url": f"{US_CORE}race",
                "extension": [
                    {"url": "ombCategory", "valueCoding": {"code": "2106-3", "display": "White"}},
                    {"url": "text", "valueString": "White"},
                ],
            }
        ],
    },
    {"resourceType": "Patient", "id": "2", "birthDate": "1970", "gender": "male", "deceasedBoolean": False},
    {"resourceType": "Patient", "id": "zoe", "gender": "unknown", "deceasedDateTime": "2024-05-01"},
]
ENCOUNTERS = [
    {
        "resourceType": "Encounter",
        "id": "adm1",
        "status": "finished",
        "class": {"system": ACT, "code": "IMP"},
        "priority": concept("http://terminology.hl7.org/CodeSystem/v3-ActPriority", "UR"),
        "subject": ADA,
        "period": {"start": "2024-03-01T10:00:00-05:00", "end": "2024-03-06T02:00:00-05:00"},
        "hospitalization": {
            "admitSource": {"text": "Emergency room"},
            "dischargeDisposition": concept("http://terminology.hl7.org/CodeSystem/discharge-disposition", "exp"),
        },
        # also the location of the ICU stay that is an encounter of its own: it must not count twice
        "location": [{"location": {"reference": "Location/micu"}, "period": {"start": "2024-03-01T12:00:00-05:00"}}],
    },
    {
        "resourceType": "Encounter",
        "id": "icu1",
        "status": "finished",
        "class": {"system": ACT, "code": "ACUTE"},
        "subject": ADA,
        "partOf": INPATIENT,
        "period": {"start": "2024-03-01T12:00:00-05:00", "end": "2024-03-05T20:00:00-05:00"},
        "location": [{"location": {"reference": "Location/micu"}}],
    },
    {
        "resourceType": "Encounter",
        "id": "adm2",
        "status": "finished",
        "class": {"system": ACT, "code": "EMER"},
        "subject": BOB,
        "period": {"start": "2024-04-01T08:00:00Z", "end": "2024-04-09"},
        "location": [
            {"location": {"display": "Emergency"}, "period": {"start": "2024-04-01T08:00:00Z"}},
            {
                "location": {"display": "Surgical Intensive Care Unit"},
                "period": {"start": "2024-04-02T08:00:00+02:00", "end": "2024-04-04T08:00:00+02:00"},
            },
            {"location": {"display": "CVICU"}, "period": {"start": "2024-04-04T08:00:00+02:00"}},
            {"location": {"display": "Ward 7"}, "period": {"start": "2024-04-06T12:00:00Z"}},
        ],
    },
    {
        "resourceType": "Encounter",
        "id": "clinic",
        "status": "finished",
        "class": {"system": ACT, "code": "AMB"},
        "subject": BOB,
        "period": {"start": "2024-02-01", "end": "2024-02-01"},
    },
    {
        "resourceType": "Encounter",
        "id": "never",
        "status": "cancelled",
        "class": {"system": ACT, "code": "IMP"},
        "subject": BOB,
    },
]
OTHERS = [
    {
        "resourceType": "Location",
        "id": "micu",
        "name": "Medical ICU",
        "physicalType": concept("http://terminology.hl7.org/CodeSystem/location-physical-type", "wa"),
    },
    {"resourceType": "Medication", "id": "furo", "code": {"text": "Furosemide"}},
    {"resourceType": "Practitioner", "id": "dr"},
]
OBSERVATIONS = [
    observed(
        "lactate",
        "2524-7",
        issued="2024-03-01T18:40:00Z",
        category=category("laboratory"),
        valueQuantity=quantity(2.8, "mmol/L"),
    ),
    observed("k", "2823-3", category=category("laboratory"), valueQuantity=quantity("4.1", "mEq/L", "meq/L")),
    observed("hr", "8867-4", category=category("vital-signs"), valueQuantity=quantity(88, "beats/min", "/min")),
    observed("troponin", "6598-7", valueQuantity={**quantity(0.01, "ng/mL"), "comparator": "<"}),
    observed("bare", "2345-7", valueQuantity={"value": 5.5}),
    observed("gcs", "9270-0", category=category("vital-signs"), valueInteger=4),
    observed(
        "bp",
        "85354-9",
        category=category("vital-signs"),
        component=[
            {"code": concept(LOINC, "8480-6"), "valueQuantity": quantity(120, "mmHg", "mm[Hg]")},
            {"code": concept(LOINC, "8462-4"), "valueQuantity": quantity(70, "mmHg", "mm[Hg]")},
            {"code": concept(LOINC, "8478-0"), "dataAbsentReason": {"text": "unknown"}},
        ],
    ),
    observed("rhythm", "8884-9", valueCodeableConcept={"text": "sinus rhythm"}),
    observed("smoker", "72166-2", valueBoolean=True),
    observed("colour", "5778-6", when="2024-03-02", valueString="amber"),
    observed("amended", "1751-7", status="corrected", issued="2024-03-04T09:00:00-05:00")
    | {"valueQuantity": quantity(3.1, "g/dL"), "meta": {"lastUpdated": "2024-03-04T14:00:00Z"}},
    observed("wrong", "2524-7", status="entered-in-error", valueQuantity=quantity(99, "mmol/L")),
    observed("empty", "2524-7"),
    observed("stranger", "2524-7", valueQuantity=quantity(1, "mmol/L")) | {"subject": {"reference": "Patient/none"}},
    observed("large", "2524-7", valueQuantity=quantity(1e308, "mmol/L")),
    observed("timeless", "2524-7", when="yesterday", valueQuantity=quantity(1, "mmol/L")),
]
CLINICAL = [
    {
        "resourceType": "Condition",
        "id": "hf",
        "code": {
            "coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "I50.9", "display": "Heart failure"}]
        },
        "subject": ADA,
        "encounter": INPATIENT,
        "onsetDateTime": "2024-03-01",
    },
    {
        "resourceType": "Condition",
        "id": "asthma",
        "code": concept(SNOMED, "195967001", "Asthma"),
        "subject": {"reference": "http://hospital.example/fhir/Patient/2/_history/4"},
        "onsetDateTime": "1999",
        "recordedDate": "2024-04-03",
        "verificationStatus": concept("http://terminology.hl7.org/CodeSystem/condition-ver-status", "confirmed"),
    },
    {
        "resourceType": "MedicationRequest",
        "id": "rx",
        "status": "active",
        "intent": "order",
        "medicationReference": {"reference": "Medication/furo"},
        "subject": ADA,
        "authoredOn": "2024-03-01T15:00:00-05:00",
        "dosageInstruction": [{"text": "40 mg IV"}],
    },
    {
        "resourceType": "MedicationAdministration",
        "id": "given",
        "status": "completed",
        "contained": [
            {
                "resourceType": "Medication",
                "id": "m",
                "code": concept("http://www.nlm.nih.gov/research/umls/rxnorm", "4603", "furosemide"),
            }
        ],
        "medicationReference": {"reference": "#m"},
        "subject": ADA,
        "context": INPATIENT,
        "effectivePeriod": {"start": "2024-03-01T15:30:00-05:00", "end": "2024-03-01T16:00:00-05:00"},
        "dosage": {"dose": quantity(40, "mg")},
    },
    {
        "resourceType": "Procedure",
        "id": "tube",
        "status": "completed",
        "code": concept(SNOMED, "112798008", "Intubation"),
        "subject": ADA,
        "encounter": INPATIENT,
        "performedPeriod": {"start": "2024-03-01T13:00:00-05:00", "end": "2024-03-01T13:20:00-05:00"},
    },
    {
        "resourceType": "Procedure",
        "id": "open",
        "status": "in-progress",
        "code": {"text": "Mechanical ventilation"},
        "subject": ADA,
        "encounter": INPATIENT,
        "performedPeriod": {"start": "2024-03-01T13:00:00-05:00"},
    },
    {
        "resourceType": "ImagingStudy",
        "id": "cxr1",
        "status": "available",
        "subject": ADA,
        "encounter": INPATIENT,
        "started": "2024-03-02T09:00:00-05:00",
        "procedureCode": [concept(LOINC, "36643-5", "XR Chest 2 Views")],
        "series": [
            {
                "uid": "1.2.3.1",
                "modality": {"code": "DX"},
                "description": "PA",
                "instance": [{"uid": "1.2.3.1.1", "sopClass": {"code": "urn:oid:1.2.840.10008.5.1.4.1.1.1.1"}}],
            },
            {
                "uid": "1.2.3.2",
                "modality": {"code": "DX"},
                "instance": [
                    {
                        "uid": "1.2.3.2.1",
                        "title": "LATERAL",
                        "sopClass": {"code": "urn:oid:1.2.840.10008.5.1.4.1.1.1.1"},
                    }
                ],
            },
        ],
    },
    {
        "resourceType": "ImagingStudy",
        "id": "ct",
        "status": "available",
        "subject": ADA,
        "started": "2024-03-02T10:00:00-05:00",
        "series": [{"uid": "1.2.4", "modality": {"code": "CT"}}],
    },
]
HTML = (
    "<html><head><style>p{}</style></head><body><p>Course: <b>stable</b>.</p>"
    "<script>alert(1)</script><p>A&amp;O</p></body>"
)
NOTES = [
    {
        "resourceType": "DiagnosticReport",
        "id": "xr",
        "status": "final",
        "category": [concept("http://terminology.hl7.org/CodeSystem/v2-0074", "RAD")],
        "code": concept(LOINC, "36643-5", "XR Chest 2 Views"),
        "subject": ADA,
        "encounter": INPATIENT,
        "effectiveDateTime": "2024-03-02T09:00:00-05:00",
        "issued": "2024-03-02T11:15:00-05:00",
        "imagingStudy": [{"reference": "ImagingStudy/cxr1"}],
        "presentedForm": [
            {"contentType": "text/plain; charset=utf-8", "data": packed("FINDINGS: Small effusion, 2 µm, left.")},
            {"contentType": "application/pdf", "url": "http://evil.example/x.pdf"},
        ],
        "conclusion": "Small effusion.",
    },
    {
        "resourceType": "DiagnosticReport",
        "id": "panel",
        "status": "final",
        "code": concept(LOINC, "24323-8", "Metabolic panel"),
        "subject": ADA,
        "effectiveDateTime": "2024-03-02T09:00:00-05:00",
    },
    {
        "resourceType": "DocumentReference",
        "id": "progress",
        "status": "current",
        "docStatus": "final",
        "type": concept(LOINC, "11506-3", "Progress note"),
        "subject": ADA,
        "context": {"encounter": [INPATIENT]},
        "date": "2024-03-02T08:00:00-05:00",
        "content": [{"attachment": {"contentType": "text/html", "data": packed(HTML)}}],
    },
    {
        "resourceType": "DocumentReference",
        "id": "discharge",
        "status": "current",
        "type": concept(LOINC, "18842-5", "Discharge summary"),
        "subject": ADA,
        "context": {"encounter": [INPATIENT]},
        "date": "2024-03-01T12:00:00-05:00",
        "content": [{"attachment": {"contentType": "text/plain", "data": packed("Hospital course: died.")}}],
    },
    {
        "resourceType": "DocumentReference",
        "id": "linked",
        "status": "current",
        "type": {"text": "Social work"},
        "subject": ADA,
        "date": "2024-03-02T08:00:00-05:00",
        "content": [{"attachment": {"contentType": "text/plain", "url": "http://169.254.169.254/latest"}}],
    },
    {
        "resourceType": "DocumentReference",
        "id": "social",
        "status": "current",
        "docStatus": "final",
        "type": {"text": "Social work"},
        "subject": BOB,
        "date": "2024-04-03T08:00:00Z",
        "content": [{"attachment": {"contentType": "text/plain", "data": packed("Lives alone.")}}],
    },
]
RESOURCES = [*PATIENTS, *ENCOUNTERS, *OTHERS, *OBSERVATIONS, *CLINICAL, *NOTES]
IMAGE = "1.2.3.1.1.png"


def ndjson(resources):
    return "".join(json.dumps(resource, ensure_ascii=False) + "\n" for resource in resources)


def searchset(resources, base="http://hospital.example/fhir"):
    """A Bundle as a server answers a search: absolute fullUrls, relative references."""
    entries = [
        {"fullUrl": f"{base}/{r['resourceType']}/{r['id']}", "resource": r, "search": {"mode": "match"}}
        for r in resources
    ]
    return {"resourceType": "Bundle", "type": "searchset", "total": len(entries), "entry": entries}


def transaction(resources):
    """A Bundle as Synthea writes it: urn:uuid fullUrls, and references by them."""
    urns = {
        f"{r['resourceType']}/{r['id']}": f"urn:uuid:00000000-0000-4000-8000-{n:012}" for n, r in enumerate(resources)
    }
    text = json.dumps(resources)
    for name, urn in urns.items():
        text = text.replace(f'"reference": "{name}"', f'"reference": "{urn}"')
    entries = [
        {"fullUrl": urn, "resource": resource, "request": {"method": "POST", "url": resource["resourceType"]}}
        for urn, resource in zip(urns.values(), json.loads(text), strict=True)
    ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def write_fhir(root: Path, resources=RESOURCES, shape="ndjson", shuffle=None):
    """Write NDJSON by type (one gzipped), or a bundle; ``shuffle`` (a seed) reorders lines, files, entries."""
    root.mkdir(parents=True, exist_ok=True)
    resources = copy.deepcopy(list(resources))
    if shuffle is not None:
        random.Random(shuffle).shuffle(resources)
    if shape == "ndjson":
        for kind in {r["resourceType"] for r in resources}:
            text = ndjson([r for r in resources if r["resourceType"] == kind])
            name = kind if shuffle is None else f"{random.Random(f'{shuffle}{kind}').randrange(10**6)}-{kind}"
            if kind == "Observation":
                (root / f"{name}.ndjson.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
            else:
                (root / f"{name}.ndjson").write_text(text, encoding="utf-8")
    else:
        bundle = {"searchset": searchset, "transaction": transaction}[shape](resources)
        (root / "bundle.json").write_text(json.dumps(bundle), encoding="utf-8")
    (root / "images").mkdir(exist_ok=True)
    (root / "images" / IMAGE).write_bytes(b"")
    return root


def ingest(root, out, **settings):
    """Ingest, and return what is said of it and all events."""
    info = FHIR(**settings).ingest(root, out)
    return info, Store.open(out).events().collect()


def one(events, source, code=None):
    """The only event of a source, and of a code."""
    rows = events.filter(pl.col("source") == source)
    rows = rows if code is None else rows.filter(pl.col("code") == code)
    assert rows.height == 1, rows
    return rows.row(0, named=True)


def data_of(store):
    """Every file of data and metadata with a digest of its bytes: what must not depend on any order."""
    return {
        path.relative_to(store).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in ("data", "metadata")
        for path in sorted((store / folder).rglob("*.parquet"))
    }


_SPICE = [
    b"",
    b"null",
    b"NaN",
    b"1e999",
    b"-1e308",
    b'"\\ud800"',
    b"\0",
    b"[" * 300,
    b"{",
    b"}",
    b'"',
    b"\\u0000",
    b"\xff",
]
_SPICE += [
    b'"Patient/ada"',
    b'"#x"',
    b'"../../etc/passwd"',
    b"[]",
    b"{}",
    b"0001-01-01",
    b"9999-12-31T23:59:59Z",
    b"1" * 5000,
]


_ODD = [None, True, 0, -1.5, 10**17, 1e308, "", "x", "9999", [], [[]], {}, {"reference": "#"}, [None, 7], {"coding": 7}]


def bent(resource, rng):
    """A resource in which one value, somewhere, is of another type."""
    resource = copy.deepcopy(resource)
    place = resource
    while True:
        key = rng.choice(list(place) if isinstance(place, dict) else range(len(place)))
        if not isinstance(place[key], dict | list) or not place[key] or rng.random() < 0.3:
            place[key] = rng.choice(_ODD)
            return resource
        place = place[key]


def mutants(seed, n):
    """Yield ``n`` names and bytes of files: with broken bytes, and every second with values of other types."""
    rng = random.Random(seed)
    shapes = [
        ("x.ndjson", ndjson(RESOURCES).encode()),
        ("x.json", json.dumps(searchset(RESOURCES)).encode()),
        ("y.json", json.dumps(transaction(CLINICAL[:3] + PATIENTS)).encode()),
        *(
            (f"{kind}.ndjson", ndjson(group).encode())
            for kind, group in (("o", OBSERVATIONS), ("n", NOTES), ("e", ENCOUNTERS))
        ),
    ]
    for number in range(n):
        if number % 2:
            yield "bent.ndjson", ndjson([bent(resource, rng) for resource in RESOURCES]).encode()
            continue
        name, data = rng.choice(shapes)
        for _ in range(rng.randint(1, 6)):
            a, b = sorted(rng.randrange(len(data) + 1) for _ in range(2))
            b = min(b, a + rng.choice((1, 5, 40, 2000)))
            kind = rng.randrange(4)
            middle = (rng.choice(_SPICE), data[a:b] * 2, data[a:b][::-1], rng.choice(_SPICE) + data[a:b])[kind]
            data = data[:a] + middle + data[b:]
        yield name, data
