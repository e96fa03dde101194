"""A few patients in MIMIC-IV's official layout, written by the tests: every table, every rule of the clock once."""

import csv
import gzip
import hashlib
import io
import random
from pathlib import Path

import polars as pl
from PIL import Image

from xhaim.source.mimic_iv import MimicIV
from xhaim.source.store import Store

FINDINGS = (
    "Atelectasis,Cardiomegaly,Consolidation,Edema,Enlarged Cardiomediastinum,Fracture,Lung Lesion,Lung Opacity,"
    "No Finding,Pleural Effusion,Pleural Other,Pneumonia,Pneumothorax,Support Devices"
)
HEADERS = {
    "hosp/patients": "subject_id,gender,anchor_age,anchor_year,anchor_year_group,dod",
    "hosp/admissions": "subject_id,hadm_id,admittime,dischtime,deathtime,admission_type,admit_provider_id,"
    "admission_location,discharge_location,insurance,language,marital_status,race,edregtime,edouttime,"
    "hospital_expire_flag",
    "hosp/transfers": "subject_id,hadm_id,transfer_id,eventtype,careunit,intime,outtime",
    "hosp/labevents": "labevent_id,subject_id,hadm_id,specimen_id,itemid,order_provider_id,charttime,storetime,value,"
    "valuenum,valueuom,ref_range_lower,ref_range_upper,flag,priority,comments",
    "hosp/microbiologyevents": "microevent_id,subject_id,hadm_id,micro_specimen_id,order_provider_id,chartdate,"
    "charttime,spec_itemid,spec_type_desc,test_seq,storedate,storetime,test_itemid,test_name,org_itemid,org_name,"
    "isolate_num,quantity,ab_itemid,ab_name,dilution_text,dilution_comparison,dilution_value,interpretation,comments",
    "hosp/diagnoses_icd": "subject_id,hadm_id,seq_num,icd_code,icd_version",
    "hosp/prescriptions": "subject_id,hadm_id,pharmacy_id,poe_id,poe_seq,order_provider_id,starttime,stoptime,"
    "drug_type,drug,formulary_drug_cd,gsn,ndc,prod_strength,form_rx,dose_val_rx,dose_unit_rx,form_val_disp,"
    "form_unit_disp,doses_per_24_hrs,route",
    "hosp/emar": "subject_id,hadm_id,emar_id,emar_seq,poe_id,pharmacy_id,enter_provider_id,charttime,medication,"
    "event_txt,scheduletime,storetime",
    "hosp/d_labitems": "itemid,label,fluid,category",
    "hosp/d_icd_diagnoses": "icd_code,icd_version,long_title",
    "icu/icustays": "subject_id,hadm_id,stay_id,first_careunit,last_careunit,intime,outtime,los",
    "icu/chartevents": "subject_id,hadm_id,stay_id,caregiver_id,charttime,storetime,itemid,value,valuenum,valueuom,"
    "warning",
    "icu/procedureevents": "subject_id,hadm_id,stay_id,caregiver_id,starttime,endtime,storetime,itemid,value,valueuom,"
    "location,locationcategory,orderid,linkorderid,statusdescription",
    "icu/inputevents": "subject_id,hadm_id,stay_id,caregiver_id,starttime,endtime,storetime,itemid,amount,amountuom,"
    "rate,rateuom,orderid,linkorderid,statusdescription",
    "icu/outputevents": "subject_id,hadm_id,stay_id,caregiver_id,charttime,storetime,itemid,value,valueuom",
    "icu/d_items": "itemid,label,abbreviation,linksto,category,unitname,param_type,lownormalvalue,highnormalvalue",
    "note/radiology": "note_id,subject_id,hadm_id,note_type,note_seq,charttime,storetime,text",
    "note/radiology_detail": "note_id,subject_id,field_name,field_value,field_ordinal",
    "note/discharge": "note_id,subject_id,hadm_id,note_type,note_seq,charttime,storetime,text",
    "mimic-cxr-jpg/mimic-cxr-2.0.0-metadata": "dicom_id,subject_id,study_id,PerformedProcedureStepDescription,"
    "ViewPosition,Rows,Columns,StudyDate,StudyTime",
    "mimic-cxr-jpg/mimic-cxr-2.0.0-chexpert": f"subject_id,study_id,{FINDINGS}",
    "mimic-cxr-jpg/mimic-cxr-2.0.0-split": "dicom_id,study_id,subject_id,split",
    "mimic-iv-ecg/machine_measurements": "subject_id,study_id,cart_id,ecg_time,report_0,report_1,report_2,rr_interval",
}
A, B = 10000001, 10000002
ICU = {"subject_id": A, "hadm_id": 20000001, "stay_id": 30000001}
LABS = {"subject_id": A, "hadm_id": 20000001, "itemid": 50813, "valueuom": "mmol/L"}
ROWS = {
    "hosp/patients": [
        {"subject_id": A, "gender": "F", "anchor_age": 60, "anchor_year": 2150, "anchor_year_group": "2011 - 2013"},
        {"subject_id": B, "gender": "M", "anchor_age": 70, "anchor_year": 2160, "dod": "2161-05-01"},
    ],
    "hosp/admissions": [
        {
            "subject_id": A,
            "hadm_id": 20000001,
            "admittime": "2150-01-01 10:00:00",
            "dischtime": "2150-01-05 00:00:00",
            "deathtime": "2150-01-05 22:20:00",
            "hospital_expire_flag": 1,
            "admission_type": "URGENT",
            "admission_location": "EMERGENCY ROOM",
            "discharge_location": "DIED",
            "insurance": "Medicare",
            "language": "ENGLISH",
            "marital_status": "",
            "race": "WHITE",
        },
        {
            "subject_id": B,
            "hadm_id": 20000002,
            "admittime": "2160-01-01 10:00:00",
            "dischtime": "2160-01-03 12:00:00",
            "admission_type": "ELECTIVE",
            "discharge_location": "HOME",
            "insurance": "Other",
            "race": "ASIAN",
            "hospital_expire_flag": 0,
        },
    ],
    "icu/icustays": [
        {**ICU, "first_careunit": "MICU", "last_careunit": "SICU", "intime": "2150-01-01 12:00:00", "los": 2}
        | {"outtime": "2150-01-05 01:00:00"},
    ],
    "hosp/transfers": [
        {"subject_id": A, "hadm_id": 20000001, "transfer_id": 7, "eventtype": "admit", "careunit": "MICU"}
        | {"intime": "2150-01-01 12:00:00"},
        {"subject_id": A, "hadm_id": 20000001, "transfer_id": 8, "eventtype": "discharge"}
        | {"intime": "2150-01-05 00:00:00"},
    ],
    "hosp/labevents": [
        {"labevent_id": 1, **LABS, "charttime": "2150-01-01 13:00:00", "storetime": "2150-01-01 13:30:00"}
        | {"value": "2.8", "valuenum": 2.8},
        {"labevent_id": 2, **LABS, "charttime": "2150-01-02 13:00:00", "value": "___", "valuenum": 3.5},
        {"labevent_id": 3, **LABS, "charttime": "2150-01-03 13:00:00", "storetime": "2150-01-03 12:00:00"}
        | {"value": "___", "comments": 'said "HEMOLYZED", twice', "valueuom": ""},
        {"labevent_id": 4, **LABS, "charttime": "2150-01-03 13:00:00"},
    ],
    "hosp/microbiologyevents": [
        {"microevent_id": 1, "subject_id": A, "chartdate": "2150-01-01 00:00:00", "test_itemid": 90201}
        | {"test_name": "BLOOD CULTURE", "spec_type_desc": "BLOOD", "org_itemid": 80001, "org_name": "E. COLI"}
        | {"charttime": "2150-01-01 14:00:00", "ab_name": "CEFAZOLIN", "interpretation": "S"},
        {"microevent_id": 2, "subject_id": A, "chartdate": "2150-01-01 00:00:00", "test_itemid": 90201}
        | {"test_name": "BLOOD CULTURE", "storedate": "2150-01-03 00:00:00", "comments": "NO GROWTH."},
    ],
    "hosp/diagnoses_icd": [{"subject_id": A, "hadm_id": 20000001, "seq_num": 1, "icd_code": "I509", "icd_version": 10}],
    "hosp/prescriptions": [
        {"subject_id": A, "hadm_id": 20000001, "pharmacy_id": 5, "starttime": "2150-01-01 15:00:00"}
        | {"drug": "Furosemide", "dose_val_rx": "40", "dose_unit_rx": "mg", "route": "IV"}
    ],
    "hosp/emar": [
        {"subject_id": A, "hadm_id": 20000001, "emar_id": "10000001-1", "charttime": "2150-01-01 15:30:00"}
        | {"medication": "Furosemide", "event_txt": "Administered", "storetime": "2150-01-01 15:31:00"}
    ],
    "hosp/d_labitems": [{"itemid": 50813, "label": "Lactate", "fluid": "Blood", "category": "Blood Gas"}],
    "hosp/d_icd_diagnoses": [{"icd_code": "I509", "icd_version": 10, "long_title": "Heart failure, unspecified"}],
    "icu/d_items": [{"itemid": 220045, "label": "Heart Rate", "linksto": "chartevents"}],
    "icu/chartevents": [
        {**ICU, "charttime": "2150-01-01 13:00:00", "itemid": 220045, "value": "88", "valuenum": 88, "valueuom": "bpm"},
        {**ICU, "charttime": "2150-01-01 13:00:00", "storetime": "2150-01-01 14:05:00", "itemid": 220048}
        | {"value": "SR (Sinus Rhythm)"},
        {**ICU, "charttime": "2150-01-01 13:00:00", "itemid": 220045},
    ],
    "icu/procedureevents": [
        {**ICU, "starttime": "2150-01-01 13:00:00", "endtime": "2150-01-02 13:00:00", "orderid": 9, "itemid": 225792}
        | {"storetime": "2150-01-02 13:10:00", "value": 1440, "valueuom": "min", "statusdescription": "FinishedRunning"}
    ],
    "icu/inputevents": [
        {**ICU, "starttime": "2150-01-01 13:00:00", "endtime": "2150-01-01 15:00:00", "orderid": 4, "itemid": 221906}
        | {"storetime": "2150-01-01 13:05:00", "amount": 1.5, "amountuom": "mg", "statusdescription": "Stopped"},
        {**ICU, "starttime": "2150-01-01 13:00:00", "endtime": "2150-01-01 15:00:00", "orderid": 4, "itemid": 221906}
        | {"storetime": "2150-01-01 13:05:00", "amount": 9, "amountuom": "mg", "statusdescription": "Rewritten"},
    ],
    "icu/outputevents": [
        {**ICU, "charttime": "2150-01-01 18:00:00", "storetime": "2150-01-01 17:42:00", "itemid": 226559}
        | {"value": 60, "valueuom": "ml"}
    ],
    "note/radiology": [
        {"note_id": f"{A}-RR-1", "subject_id": A, "hadm_id": 20000001, "charttime": "2150-01-02 09:15:00"}
        | {"storetime": "2150-01-02 11:00:00", "text": 'INDICATION: "dyspnea"\nIMPRESSION:\nSmall effusion.\n'},
        {"note_id": f"{A}-AR-2", "subject_id": A, "charttime": "2150-01-04 09:00:00", "text": "ADDENDUM: none."},
        {"note_id": f"{A}-RR-3", "subject_id": A, "charttime": "2150-01-02 09:16:00", "text": "CT HEAD, no bleed."},
    ],
    "note/radiology_detail": [
        {"note_id": f"{A}-RR-1", "subject_id": A, "field_name": "exam_name", "field_value": "CHEST (PORTABLE AP)"},
        {"note_id": f"{A}-RR-1", "subject_id": A, "field_name": "exam_code", "field_value": "C11"},
        {"note_id": f"{A}-AR-2", "subject_id": A, "field_name": "parent_note_id", "field_value": f"{A}-RR-1"},
        {"note_id": f"{A}-RR-3", "subject_id": A, "field_name": "exam_name", "field_value": "CT HEAD W/O CONTRAST"},
    ],
    "note/discharge": [
        {"note_id": f"{A}-DS-1", "subject_id": A, "hadm_id": 20000001, "charttime": "2150-01-05 00:00:00"}
        | {"text": "Name: ___\nHospital Course: died.\n"},
    ],
    "mimic-cxr-jpg/mimic-cxr-2.0.0-metadata": [
        {"dicom_id": "aa-1", "subject_id": A, "study_id": 50000001, "ViewPosition": "AP", "StudyDate": 21500102}
        | {"StudyTime": "92118.375"},
        {"dicom_id": "bb-2", "subject_id": A, "study_id": 50000002, "ViewPosition": "PA", "StudyDate": 21500103}
        | {"StudyTime": "230000.000"},
    ],
    "mimic-cxr-jpg/mimic-cxr-2.0.0-chexpert": [
        {"subject_id": A, "study_id": 50000001, "Pleural Effusion": "1.0", "Pneumonia": "-1.0", "Edema": "0.0"},
        {"subject_id": A, "study_id": 50000002, "No Finding": "1.0"},
    ],
    "mimic-cxr-jpg/mimic-cxr-2.0.0-split": [
        {"dicom_id": "aa-1", "study_id": 50000001, "subject_id": A, "split": "validate"},
    ],
    "mimic-iv-ecg/machine_measurements": [
        {"subject_id": A, "study_id": 40000001, "ecg_time": "2150-01-01 12:30:00", "report_0": "Sinus rhythm"}
        | {"report_2": "Abnormal ECG"},
    ],
}
FILES = "mimic-cxr-jpg/files/p10/p10000001"


def csv_text(name, rows, shuffle=None):
    """The table as published; with ``shuffle`` (a seed), its rows and columns in another order."""
    header = HEADERS[name].split(",")
    rows = list(rows)
    if shuffle is not None:
        random.Random(shuffle).shuffle(rows)
        random.Random(shuffle).shuffle(header)
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, header, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def write_mimic(root: Path, changes=None, shuffle=None, packed=True):
    """Write the folder; ``changes`` replaces the rows of tables, ``None`` leaves one out. Returns the root."""
    for name, rows in {**ROWS, **(changes or {})}.items():
        if rows is None:
            continue
        path = root / f"{name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        text = csv_text(name, rows, shuffle).encode()
        if packed:
            path.with_name(path.name + ".gz").write_bytes(gzip.compress(text, mtime=0))
        else:
            path.write_bytes(text)
    folder = root / FILES
    (folder / "s50000001").mkdir(parents=True, exist_ok=True)
    Image.new("L", (8, 6), 77).save(folder / "s50000001" / "aa-1.jpg")
    (folder / "s50000001.txt").write_text("FINAL REPORT\n the same as the note\n")
    (folder / "s50000002.txt").write_text("FINAL REPORT\n Lungs are clear.\n")
    return root


def ingest(root, out, **settings):
    """Ingest, and return what is said of it and all events."""
    info = MimicIV(**settings).ingest(root, out)
    return info, Store.open(out).events().collect()


def tree(folder):
    """Every file below a folder with a digest of its bytes."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def one(events, source, code=None):
    """The only event of a source and code."""
    rows = events.filter(pl.col("source") == source)
    rows = rows if code is None else rows.filter(pl.col("code") == code)
    assert rows.height == 1, rows
    return rows.row(0, named=True)
