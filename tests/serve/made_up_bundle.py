"""A patient in a FHIR bundle, made up: an admission, an ICU stay, notes, a few values."""

import base64
import json

ACT = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
NOTES = (
    "Lungs clear. No pleural effusion is seen. The heart is enlarged.",
    "Restless overnight. Blood pressure falls despite fluids. Lactate 4.2, rising.",
)


def made_up_bundle(patient="new-1", notes=NOTES, others=(), begins="2024-03-01T10:00:00Z"):
    who = {"reference": f"Patient/{patient}"}
    here = {"reference": "Encounter/adm"}
    resources = [
        {"resourceType": "Patient", "id": patient, "birthDate": "1950-05-04", "gender": "female"},
        {
            "resourceType": "Encounter",
            "id": "adm",
            "status": "in-progress",
            "class": {"system": ACT, "code": "IMP"},
            "subject": who,
            "period": {"start": begins},
            "location": [{"location": {"display": "Medical ICU"}, "period": {"start": begins}}],
        },
        *(note(number, text, who, here) for number, text in enumerate(notes)),
        *(value(hour, number, who, here) for hour, number in enumerate((1.9, 3.1, 4.2))),
        *others,
    ]
    entries = [{"fullUrl": f"urn:{number}", "resource": one} for number, one in enumerate(resources)]
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}


def note(number, text, who, here):
    return {
        "resourceType": "DocumentReference",
        "id": f"note-{number}",
        "status": "current",
        "type": {"text": "Nursing note"},
        "subject": who,
        "date": f"2024-03-02T{number % 24:02d}:00:00Z",
        "context": {"encounter": [here]},
        "content": [{"attachment": {"contentType": "text/plain", "data": base64.b64encode(text.encode()).decode()}}],
    }


def value(hour, number, who, here):
    return {
        "resourceType": "Observation",
        "id": f"lactate-{hour}",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "2524-7"}]},
        "subject": who,
        "encounter": here,
        "effectiveDateTime": f"2024-03-02T{hour:02d}:30:00Z",
        "valueQuantity": {"value": number, "unit": "mmol/L", "system": "http://unitsofmeasure.org", "code": "mmol/L"},
    }


def packed(bundle):
    return json.dumps(bundle).encode()
