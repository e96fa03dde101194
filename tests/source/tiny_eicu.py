"""A folder of eICU by hand: a few stays, rows of every table that is read."""

import csv
import gzip
import io
import random
from datetime import datetime

from xhaim.source.eicu import Eicu
from xhaim.source.store import Store

# ---- a few stays in eICU's layout ---------------------------------------------------------------------------------

FIRST = {
    "patientunitstayid": 101,
    "patienthealthsystemstayid": 11,
    "uniquepid": "001-1",
    "gender": "Female",
    "age": "> 89",
    "ethnicity": "Caucasian",
    "hospitalid": 7,
    "hospitaladmittime24": "22:00:00",
    "hospitaladmitoffset": -120,
    "hospitaladmitsource": "Emergency Department",
    "hospitaldischargeyear": 2014,
    "hospitaldischargeoffset": 4000,
    "hospitaldischargelocation": "Death",
    "hospitaldischargestatus": "Expired",
    "unittype": "MICU",
    "unitadmittime24": "00:00:00",
    "unitadmitsource": "Emergency Department",
    "unitvisitnumber": 1,
    "unitstaytype": "admit",
    "unitdischargeoffset": 1500,
    "unitdischargelocation": "Step-Down Unit (SDU)",
    "unitdischargestatus": "Alive",
}
SECOND = FIRST | {
    "patientunitstayid": 102,
    "hospitaladmitoffset": -1620,
    "hospitaldischargeoffset": 2500,
    "unitvisitnumber": 2,
    "unitstaytype": "stepdown/other",
    "unitdischargeoffset": 2460,
    "unitdischargelocation": "Death",
    "unitdischargestatus": "Expired",
}
OTHER_YEAR = FIRST | {
    "patientunitstayid": 103,
    "patienthealthsystemstayid": 12,
    "age": "52",
    "ethnicity": "Other/Unknown",
    "hospitalid": 8,
    "hospitaladmittime24": "08:30:30",
    "hospitaladmitoffset": 0,
    "hospitaldischargeyear": 2015,
    "hospitaldischargeoffset": 3000,
    "hospitaldischargelocation": "Home",
    "hospitaldischargestatus": "Alive",
    "unittype": "Cardiac ICU",
    "unitdischargeoffset": 2000,
    "unitdischargelocation": "Floor",
}
UNCLEAR = OTHER_YEAR | {
    "patientunitstayid": 104,
    "patienthealthsystemstayid": 13,
    "uniquepid": "002-2",
    "gender": "Male",
    "age": "",
    "ethnicity": "",
    "hospitaldischargestatus": "",
}
EXAM = "notes/Progress Notes/Physical Exam/Physical Exam"
VITAL = f"{EXAM}/Constitutional/Vital Sign and Physiological Data"
FLOW = "flowsheet|Flowsheet Cell Labels|Nursing Assessment"


def exam(key, path, value, text=None, minute=30):
    return {"physicalexamid": key, "patientunitstayid": 101, "physicalexamoffset": minute, "physicalexampath": path} | {
        "physicalexamvalue": value,
        "physicalexamtext": text or value,
    }


def note(key, path, value, text, entered=70, kind="Admission"):
    return {
        "noteid": key,
        "patientunitstayid": 101,
        "noteoffset": 60,
        "noteenteredoffset": entered,
        "notetype": kind,
    } | {
        "notepath": f"notes/{path}",
        "notevalue": value,
        "notetext": text,
    }


ROWS = {
    "patient": [FIRST, SECOND, OTHER_YEAR, UNCLEAR],
    "hospital": [
        {"hospitalid": 7, "numbedscategory": "100 - 249", "teachingstatus": "TRUE", "region": "Midwest"},
        {"hospitalid": 8, "numbedscategory": "<100", "teachingstatus": "FALSE", "region": ""},
    ],
    "lab": [
        {"labid": 1, "patientunitstayid": 101, "labresultoffset": 60, "labname": "lactate", "labresult": 2.5}
        | {"labresulttext": "2.5", "labmeasurenamesystem": "mmol/L", "labresultrevisedoffset": 95},
        {"labid": 2, "patientunitstayid": 101, "labresultoffset": -30, "labname": "Temperature", "labresult": 37}
        | {"labresulttext": "37", "labmeasurenamesystem": "&#176;C", "labresultrevisedoffset": ""},
        {"labid": 3, "patientunitstayid": 102, "labresultoffset": 10, "labname": "lactate", "labresult": ""}
        | {"labresulttext": "<0.3", "labmeasurenamesystem": "mmol/L", "labresultrevisedoffset": 5},
        {"labid": 4, "patientunitstayid": 102, "labresultoffset": 10, "labname": "pH", "labresultrevisedoffset": 15},
    ],
    "vitalPeriodic": [
        {"vitalPeriodicId": 5, "patientUnitStayId": 103, "observationOffset": 5, "heartRate": 88, "temperature": 36.6},
        {"vitalPeriodicId": 6, "patientUnitStayId": 103, "observationOffset": 10},
    ],
    "vitalAperiodic": [
        {"vitalAperiodicId": 7, "patientUnitStayId": 103, "observationOffset": 6, "nonInvasiveSystolic": 120}
    ],
    "nurseCharting": [
        {"nursingchartid": key, "patientunitstayid": 103, "nursingchartoffset": 20, "nursingchartentryoffset": 33}
        | {"nursingchartcelltypevallabel": label, "nursingchartcelltypevalname": item, "nursingchartvalue": value}
        for key, label, item, value in [
            (8, "Temperature", "Temperature (F)", "98.6"),
            (9, "Glasgow coma score", "Eyes", "4"),
            (10, "Heart Rate", "Heart Rate", "91"),
            (11, "Pain Level", "Value", "unable to report"),
            (12, "Heart Rate", "Heart Rate", ""),
        ]
    ],
    "respiratoryCharting": [
        {"respchartid": 13, "patientunitstayid": 101, "respchartoffset": 40, "respchartentryoffset": 39}
        | {"respchartvaluelabel": "FiO2", "respchartvalue": "80%"}
    ],
    "intakeOutput": [
        {"intakeoutputid": key, "patientunitstayid": 101, "intakeoutputoffset": 60, "intakeoutputentryoffset": 130}
        | {"cellpath": f"flowsheet|Flowsheet Cell Labels|I&O|{path}|{label}", "celllabel": label}
        | {"cellvaluenumeric": value, "intaketotal": 9999}
        for key, path, label, value in [(14, "Output (ml)", "Urine", 75), (15, "Weight", "Bodyweight (lb)", 150)]
    ],
    "infusionDrug": [
        {"infusiondrugid": 16, "patientunitstayid": 101, "infusionoffset": 50, "drugrate": "5"}
        | {"drugname": "Norepinephrine (mcg/min)", "drugamount": "4", "patientweight": "70"},
        {"infusiondrugid": 17, "patientunitstayid": 101, "infusionoffset": 55, "drugrate": "OFF"}
        | {"drugname": "Norepinephrine (mcg/min)"},
        {"infusiondrugid": 18, "patientunitstayid": 101, "infusionoffset": 56, "drugname": "Propofol ()"},
    ],
    "medication": [
        {"medicationid": 19, "patientunitstayid": 101, "drugorderoffset": 134, "drugstartoffset": -60}
        | {"drugname": "WARFARIN 5 MG PO TABS", "drughiclseqno": 2812, "dosage": "5 mg", "routeadmin": "PO"},
        {"medicationid": 20, "patientunitstayid": 101, "drugorderoffset": 1, "drugstartoffset": 70}
        | {"drughiclseqno": 182, "drugordercancelled": "Yes"},
        {"medicationid": 21, "patientunitstayid": 101, "drugorderoffset": 1, "drugstartoffset": 70},
    ],
    "microLab": [
        {"microlabid": 22, "patientunitstayid": 101, "culturetakenoffset": 0, "culturesite": "Urine"}
        | {"organism": "E. coli", "antibiotic": "cefazolin", "sensitivitylevel": "Sensitive"}
    ],
    "note": [
        note(1, "Progress Notes/Social History / Family History/Social History/Ethanol Use/none", "none", "none"),
        note(2, "Shared/View and Save/Save Options/Print/Copies/Copies", "Copies", "1"),
        note(3, 'Progress Notes/Review Of Systems/Systems/Pulmonary/Print "Negative"/negative', "negative", ""),
        note(4, "Procedure Notes/Shared/Time-Out Process/Time-Out performed", "Time-Out performed", "x", 80, "CPR"),
    ],
    "physicalExam": [
        exam(1, f"{EXAM} Obtain Options/Performed - Structured", "Performed - Structured"),
        exam(2, f"{VITAL}/HR/HR Current", "HR Current", "107"),
        exam(3, f"{VITAL}/HR/HR Highest", "HR Highest", "131"),
        exam(4, f"{EXAM}/Neurologic/GCS/Motor Score/6", "6"),
        exam(5, f"{EXAM}/Pulmonary/Auscultation/Rales/no rales", "no rales"),
        exam(6, f"{EXAM}/Pulmonary/Auscultation/Rales/no rales", "no rales"),
        exam(7, f"{EXAM}/Skin/Erythema/erythema", "erythema", minute=400),
    ],
    "diagnosis": [
        {"diagnosisid": 1, "patientunitstayid": 101, "diagnosisoffset": 90, "diagnosispriority": "Primary"}
        | {"diagnosisstring": "cardiovascular|shock / hypotension|sepsis", "activeupondischarge": "True"},
        {"diagnosisid": 2, "patientunitstayid": 101, "diagnosisoffset": 90, "diagnosispriority": "Other"}
        | {"diagnosisstring": "neurologic|seizures|from metabolic derangement", "activeupondischarge": "False"},
    ],
    "treatment": [
        {"treatmentid": 1, "patientunitstayid": 101, "treatmentoffset": 91, "activeupondischarge": "True"}
        | {"treatmentstring": "pulmonary|ventilation and oxygenation|mechanical ventilation"},
    ],
    "pastHistory": [
        {"pasthistoryid": 1, "patientunitstayid": 101, "pasthistoryoffset": 60, "pasthistoryenteredoffset": 75}
        | {"pasthistorypath": "notes/Progress Notes/Past History/Organ Systems/Pulmonary/COPD/COPD  - severe"}
        | {"pasthistoryvalue": "COPD  - severe", "pasthistoryvaluetext": "COPD-severe"},
    ],
    "admissionDx": [
        {"admissiondxid": 1, "patientunitstayid": 101, "admitdxenteredoffset": 162}
        | {"admitdxpath": "admission diagnosis|All Diagnosis|Non-operative|Diagnosis|Cardiovascular|Sepsis, pulmonary"}
    ],
    "carePlanGeneral": [
        {"cplgeneralid": 1, "patientunitstayid": 101, "cplitemoffset": 200, "cplgroup": "Care Limitation"}
        | {"cplitemvalue": "Do not resuscitate", "activeupondischarge": "True"},
        {"cplgeneralid": 2, "patientunitstayid": 101, "cplitemoffset": 200, "cplgroup": "Activity"},
    ],
    "nurseAssessment": [
        {"nurseassessid": 1, "patientunitstayid": 101, "nurseassessoffset": 300, "nurseassessentryoffset": 420}
        | {"cellattributepath": f"{FLOW}|Cardiovascular|Edema|Edema", "cellattributevalue": "generalized"}
    ],
    "nurseCare": [
        {"nursecareid": 1, "patientunitstayid": 101, "nursecareoffset": 300, "nursecareentryoffset": 290}
        | {"cellattributepath": "flowsheet|Flowsheet Cell Labels|Nursing Care|Activity|Activity|Activity"}
        | {"cellattributevalue": "bedrest"}
    ],
    "allergy": [
        {"allergyid": 1, "patientunitstayid": 101, "allergyoffset": 70, "allergyenteredoffset": 80}
        | {"allergyname": "penicillins", "allergytype": "Non Drug"}
    ],
    "admissionDrug": [
        {"admissiondrugid": 1, "patientunitstayid": 101, "drugoffset": 24, "drugenteredoffset": 31}
        | {"drugname": "ASPIRIN", "drugdosage": "81", "drugunit": "mg", "drugadmitfrequency": "daily"}
    ],
    "apachePatientResult": [{"patientunitstayid": 101, "actualhospitalmortality": "EXPIRED"}],
}  # fmt: skip
NEEDED = {  # columns that the rows above leave out
    "lab": ("labresult", "labresulttext", "labmeasurenamesystem"),
    "infusionDrug": ("drugrate",),
    "medication": ("drugname", "dosage", "routeadmin", "frequency"),
    "carePlanGeneral": ("cplitemvalue",),
    "hospital": (),
}


def write(root, changes=None, shuffle=None, upper=False, packed=True):
    """Write the folder; ``changes`` replaces tables, ``None`` leaves one out. Returns the root."""
    root.mkdir(parents=True, exist_ok=True)
    for name, rows in {**ROWS, **(changes or {})}.items():
        if rows is None:
            continue
        header = list(dict.fromkeys([*(key for row in rows for key in row), *NEEDED.get(name, ())]))
        ordered = list(rows)
        if shuffle is not None:
            random.Random(shuffle).shuffle(ordered)
            random.Random(shuffle).shuffle(header)
        out = io.StringIO(newline="")
        writer = csv.DictWriter(out, header, lineterminator="\n")
        out.write(",".join(key.upper() if upper else key for key in header) + "\n")
        writer.writerows(ordered)
        data = out.getvalue().encode()
        path = root / f"{name.upper() if upper else name}.csv{'.gz' if packed else ''}"
        path.write_bytes(gzip.compress(data, mtime=0) if packed else data)
    return root


def ingest(root, out):
    info = Eicu().ingest(root, out)
    return info, Store.open(out).events().collect()


def at(text):
    return datetime.fromisoformat(text)
