"""Tables of MIMIC-IV and of its neighbours that are left where they are, and why."""

from __future__ import annotations

from xhaim.source.mimic_iv.layout import Layout

_BILLING = "billing codes: assigned after discharge, without a time of knowledge"
_ORDERS = "orders and their staff, not findings"
_ED = "MIMIC-IV-ED: what is before the hospital admission is not read yet"
_LISTS = "lists of files: the files themselves are looked at"
NOT_READ = {
    "omr": "outpatient values by date: no hour, no time of storage",
    **dict.fromkeys(("drgcodes", "hcpcsevents", "procedures_icd", "d_hcpcs", "d_icd_procedures"), _BILLING),
    **dict.fromkeys(("poe", "poe_detail", "pharmacy", "provider", "caregiver"), _ORDERS),
    "services": "the service in charge, not a finding",
    "emar_detail": "doses of what emar says was given",
    "ingredientevents": "water and nutrients of what inputevents says was given",
    "datetimeevents": "dates as values (of lines, of last dialysis), shifted like all dates",
    "discharge_detail": "authors of discharge summaries, removed by de-identification",
    **dict.fromkeys(("edstays", "triage", "vitalsign", "medrecon", "pyxis", "diagnosis"), _ED),
    "negbio": "a second labeller's reading of the same reports: CheXpert's is read",
    "test-set-labeled": "radiologists' labels of a few test studies, for checking labellers",
    **dict.fromkeys(("cxr-record-list", "cxr-study-list", "record_list"), _LISTS),
    "cxr-provider-list": "staff",
    "demo_subject_id": "the subjects of the demo: patients says the same",
    "waveform_note_links": "links to ECG notes that are not published",
}
"""By file name without ending, and without the release of MIMIC-CXR-JPG."""


def not_read(layout: Layout) -> dict[str, str]:
    """Return why each csv file below the root that is not read is not, by its path relative to the root."""
    return {
        path.relative_to(layout.root).as_posix(): NOT_READ.get(name, "not a table of MIMIC-IV that is known here")
        for name, path in layout.unread
    }
