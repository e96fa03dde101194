"""The official file layouts: names, columns in order, and one door through which every row is written.

Columns: MIMIC-IV 2.2 (``hosp``, ``icu``), MIMIC-IV-Note 2.2, MIMIC-CXR-JPG 2.0.0, MIMIC-IV-ECG 1.0. Files are
compressed without a time stamp, so that the same rows are the same bytes.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Mapping
from datetime import datetime
from itertools import repeat
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from xhaim.events import CHEXPERT_FINDINGS

_NOTE = "note_id,subject_id,hadm_id,note_type,note_seq,charttime,storetime,text"
_DETAIL = "note_id,subject_id,field_name,field_value,field_ordinal"
_CXR = "mimic-cxr-jpg/mimic-cxr-2.0.0-"

FILES: dict[str, str] = {
    "hosp/patients.csv.gz": "subject_id,gender,anchor_age,anchor_year,anchor_year_group,dod",
    "hosp/admissions.csv.gz": "subject_id,hadm_id,admittime,dischtime,deathtime,admission_type,admit_provider_id,"
    "admission_location,discharge_location,insurance,language,marital_status,race,edregtime,edouttime,"
    "hospital_expire_flag",
    "hosp/transfers.csv.gz": "subject_id,hadm_id,transfer_id,eventtype,careunit,intime,outtime",
    "hosp/diagnoses_icd.csv.gz": "subject_id,hadm_id,seq_num,icd_code,icd_version",
    "hosp/d_icd_diagnoses.csv.gz": "icd_code,icd_version,long_title",
    "hosp/labevents.csv.gz": "labevent_id,subject_id,hadm_id,specimen_id,itemid,order_provider_id,charttime,storetime,"
    "value,valuenum,valueuom,ref_range_lower,ref_range_upper,flag,priority,comments",
    "hosp/d_labitems.csv.gz": "itemid,label,fluid,category",
    "hosp/microbiologyevents.csv.gz": "microevent_id,subject_id,hadm_id,micro_specimen_id,order_provider_id,chartdate,"
    "charttime,spec_itemid,spec_type_desc,test_seq,storedate,storetime,test_itemid,test_name,org_itemid,org_name,"
    "isolate_num,quantity,ab_itemid,ab_name,dilution_text,dilution_comparison,dilution_value,interpretation,comments",
    "hosp/prescriptions.csv.gz": "subject_id,hadm_id,pharmacy_id,poe_id,poe_seq,order_provider_id,starttime,stoptime,"
    "drug_type,drug,formulary_drug_cd,gsn,ndc,prod_strength,form_rx,dose_val_rx,dose_unit_rx,form_val_disp,"
    "form_unit_disp,doses_per_24_hrs,route",
    "hosp/emar.csv.gz": "subject_id,hadm_id,emar_id,emar_seq,poe_id,pharmacy_id,enter_provider_id,charttime,medication,"
    "event_txt,scheduletime,storetime",
    "icu/icustays.csv.gz": "subject_id,hadm_id,stay_id,first_careunit,last_careunit,intime,outtime,los",
    "icu/chartevents.csv.gz": "subject_id,hadm_id,stay_id,caregiver_id,charttime,storetime,itemid,value,valuenum,"
    "valueuom,warning",
    "icu/procedureevents.csv.gz": "subject_id,hadm_id,stay_id,caregiver_id,starttime,endtime,storetime,itemid,value,"
    "valueuom,location,locationcategory,orderid,linkorderid,ordercategoryname,ordercategorydescription,patientweight,"
    "isopenbag,continueinnextdept,statusdescription,ORIGINALAMOUNT,ORIGINALRATE",
    "icu/inputevents.csv.gz": "subject_id,hadm_id,stay_id,caregiver_id,starttime,endtime,storetime,itemid,amount,"
    "amountuom,rate,rateuom,orderid,linkorderid,ordercategoryname,secondaryordercategoryname,"
    "ordercomponenttypedescription,ordercategorydescription,patientweight,totalamount,totalamountuom,isopenbag,"
    "continueinnextdept,statusdescription,originalamount,originalrate",
    "icu/outputevents.csv.gz": "subject_id,hadm_id,stay_id,caregiver_id,charttime,storetime,itemid,value,valueuom",
    "icu/d_items.csv.gz": "itemid,label,abbreviation,linksto,category,unitname,param_type,lownormalvalue,"
    "highnormalvalue",
    "note/radiology.csv.gz": _NOTE,
    "note/radiology_detail.csv.gz": _DETAIL,
    "note/discharge.csv.gz": _NOTE,
    "note/discharge_detail.csv.gz": _DETAIL,
    f"{_CXR}metadata.csv.gz": "dicom_id,subject_id,study_id,PerformedProcedureStepDescription,ViewPosition,Rows,"
    "Columns,StudyDate,StudyTime,ProcedureCodeSequence_CodeMeaning,ViewCodeSequence_CodeMeaning,"
    "PatientOrientationCodeSequence_CodeMeaning",
    f"{_CXR}chexpert.csv.gz": "subject_id,study_id," + ",".join(CHEXPERT_FINDINGS),
    f"{_CXR}split.csv.gz": "dicom_id,study_id,subject_id,split",
    "mimic-iv-ecg/machine_measurements.csv": "subject_id,study_id,cart_id,ecg_time,"
    + ",".join(f"report_{n}" for n in range(18))
    + ",bandwidth,filtering,rr_interval,p_onset,p_end,qrs_onset,qrs_end,t_end,p_axis,qrs_axis,t_axis",
    "truth/latent.csv": "subject_id,hadm_id,stay_id,sample_id,study_id,anchor,time,task_id,probability,severity,"
    "outcome",
    "truth/spans.csv.gz": "note_id,start,end,concept,polarity,is_copy",
    "truth/canaries.csv": "kind,subject_id,hadm_id,stay_id,source,value,known_at",
    "truth/contradictions.csv": "subject_id,hadm_id,concept,kind,affirmed_note_id,affirmed_time,denied_note_id,"
    "denied_time",
}
"""Path below the cohort's folder -> columns in order."""

ROWS_PER_BLOCK = 1_000_000
"""More than a block of stays can have of anything."""

TABLES: dict[str, str] = {Path(path).name.split(".csv")[0].rsplit("2.0.0-", maxsplit=1)[-1]: path for path in FILES}
"""Short name (``labevents``, ``metadata``, ``latent``) -> path."""


class Tables:
    """The rows of one block of stays, in memory; ``packed`` gives the bytes that are appended to the files."""

    def __init__(self, root: Path, block: int) -> None:
        self.root = root
        self.block = block
        self.rows: dict[str, int] = dict.fromkeys(TABLES, 0)
        self._columns = {name: FILES[path].split(",") for name, path in TABLES.items()}
        self._known = {name: frozenset(columns) for name, columns in self._columns.items()}
        self._texts = {name: io.StringIO(newline="") for name in TABLES}
        self._writers = {name: csv.writer(text, lineterminator="\n") for name, text in self._texts.items()}

    def add(self, table: str, **fields: object) -> None:
        """Write one row; columns that are not named, or are ``None``, stay empty."""
        self._check(table, fields)
        self._writers[table].writerow(map(fields.get, self._columns[table]))
        self.rows[table] += 1

    def add_many(self, table: str, count: int, **fields: object) -> None:
        """Write ``count`` rows by columns: a list or a range of so many, or one value for all."""
        self._check(table, fields)
        columns = [fields.get(name) for name in self._columns[table]]
        spread = [one if isinstance(one, list | range) else repeat(one, count) for one in columns]
        self._writers[table].writerows(zip(*spread, strict=True))
        self.rows[table] += count

    def _check(self, table: str, fields: Mapping[str, object]) -> None:
        if not fields.keys() <= self._known[table]:
            raise KeyError(f"{table} has no column {sorted(fields.keys() - self._known[table])}")

    def number(self, table: str) -> int:
        """Return a number for a table's next row that no other row has, in whatever block."""
        return self.block * ROWS_PER_BLOCK + self.rows[table] + 1

    def packed(self) -> dict[str, bytes]:
        """Return what is to be appended to each file; to those named ``.gz``, a member of its own."""
        return {name: _pack(TABLES[name], text.getvalue()) for name, text in self._texts.items() if text.tell()}


def headers() -> dict[str, bytes]:
    """Return what each file begins with."""
    return {name: _pack(path, FILES[path] + "\n") for name, path in TABLES.items()}


def _pack(path: str, text: str) -> bytes:
    raw = text.encode()
    return gzip.compress(raw, compresslevel=3, mtime=0) if path.endswith(".gz") else raw


def times_as_text(start: datetime, minutes: NDArray[np.int64]) -> list[str]:
    """Return times so many minutes after a start, whose seconds are dropped, as the files write them."""
    first = np.datetime64(start.replace(second=0, microsecond=0), "s")
    words = np.datetime_as_string(first + minutes.astype("timedelta64[m]"))
    return [word.replace("T", " ") for word in words.tolist()]
