"""Identifiers of the 18 HIPAA classes in many forms, and the sentences for them: one set to tune on, one to report."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Pool:
    """Made-up people and places."""

    given: tuple[str, ...]
    surnames: tuple[str, ...]
    towns: tuple[str, ...]
    streets: tuple[str, ...]
    houses: tuple[str, ...]


def _split(text: str, mark: str = " ") -> tuple[str, ...]:
    return tuple(text.split(mark))


_TUNING_POOL = Pool(
    _split("James Mary Robert Patricia Luis Wei Aisha Giorgos Svetlana Kwame Linda Deepak"),
    _split("Smith Johnson Nguyen O'Brien Garcia-Lopez Brown Kowalski Papadopoulos Mbeki McDonald Patel Young"),
    _split("Boston|Springfield|Salem|Fall River|Porto|Cedar Rapids|Lagos", "|"),
    _split("Oak Street|Maple Ave|Washington Boulevard|2nd Street|Harbor Drive", "|"),
    _split("Mercy General Hospital|St. Mary's Hospital|Riverside Nursing Home|Lakeview Clinic", "|"),
)
_REPORTING_POOL = Pool(
    _split("Oluwaseun Priya Tomasz Fatima Kenneth Margaret Hiroshi Camila Ngozi Siobhan Dmitri Elizabeth Raj Deborah"
           " Xiomara Mark Hope Jose Thi Gwendolyn"),
    _split("Adebayo Raghunathan Wojcik Al-Hassan Baker D'Angelo Tanaka Fernandez Okafor Gallagher Volkov Green Sharma"
           " St. MacLeod Long Delacroix Nakamura Zhang Williams Parker".replace(" St.", "")),
    _split("Framingham|Waukegan|Chicago|Santa Fe|New Bedford|Ulaanbaatar|Krakow|Little Rock|Duluth|Leominster", "|"),
    _split("Juniper Lane|Martin Luther King Blvd|Elm Rd|14th Avenue|Old Post Road|Whispering Pines Court|Main St", "|"),
    _split("Beth Israel Hospital|Sunrise Manor|Holy Cross Medical Center|Pinewood Assisted Living|Northgate "
           "Clinic", "|"),
)  # fmt: skip
_MONTHS = _split("January February March April May June July August September October November December")


def _digits(rng: random.Random, form: str) -> str:
    """Fill ``#`` with digits, ``2`` with one from 2 up, ``@`` with capitals, ``%`` with hex."""
    put = {"#": "0123456789", "@": "ABCDEFGHJKLMNPRSTUVWXYZ", "%": "0123456789abcdef", "2": "23456789"}
    return "".join(rng.choice(put[sign]) if sign in put else sign for sign in form)


def _name(pool: Pool, rng: random.Random) -> str:
    given, surname, initial = rng.choice(pool.given), rng.choice(pool.surnames), rng.choice("ABCDEGHJKLMPRSTW")
    return rng.choice(
        [f"{given} {surname}", f"{given} {initial}. {surname}", f"{given} {surname}", f"{initial}. {surname}"]
    )


def _location(pool: Pool, rng: random.Random) -> str:
    town, state, zip_code = rng.choice(pool.towns), rng.choice(_split("MA TX CA Ohio NY Maine")), _digits(rng, "2####")
    street = f"{rng.randrange(1, 9999)} {rng.choice(pool.streets)}"
    return rng.choice(
        [
            town, town, f"{town}, {state}", f"{town}, {state} "
                                            f"{zip_code}", street, f"{street}, {town}, {state} {zip_code}",
            f"{street}, Apt {rng.randrange(1, 40)}{rng.choice('ABC ')}".strip(), rng.choice(pool.houses),
        ]
    )  # fmt: skip


def _date(_: Pool, rng: random.Random) -> str:
    year, month, day = rng.randrange(1930, 2026), rng.randrange(1, 13), rng.randrange(1, 29)
    name = _MONTHS[month - 1]
    ending = "th" if 10 < day < 20 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    return rng.choice(
        [
            f"{month}"
            f"/{day}/{year}", f"{month:02d}/{day:02d}/{year}", f"{year}-{month:02d}-{day:02d}", f"{name} {day}, {year}",
            f"{day} {name} {year}", f"{name[:3]} {day} {year}", f"{month}/{day}/{year % 100:02d}", f"{name} {year}",
            f"{day:02d}"
            f"-{name[:3].upper()}-{year}", f"{month}-{day}-{year}", f"{name} {day}{ending}", f"{day}{ending} of {name}",
            f"{day:02d}.{month:02d}.{year}", f"{month:02d}/{year}", f"{month}/{day}",
        ]
    )  # fmt: skip


_VALUES: dict[str, Callable[[Pool, random.Random], str]] = {
    "name": _name,
    "location": _location,
    "date": _date,
    "age over 89": lambda _, rng: str(rng.randrange(90, 110)),
}
_FORMATS: dict[str, str] = {
    "phone": "(2##) 2##-####|2##-2##-####|2##.2##.####|+1 2## 2## ####|2## 2##-#### x####|+44 20 #### ####",
    "fax": "(2##) 2##-####|2##-2##-####|+1-2##-2##-####|2##2##-####",
    "email": "@@@@.@@@@@@~example.org|j%%%%%%~mail.example.com|patient_####~hospital.edu",
    "ssn": "###-##-####|### ## ####|#########",
    "mrn": "#######|########|@#######|###-##-##|@@######",
    "health plan": "@@@#########|#@@#@@#@@##|W#########|####-#######|#########A",
    "account": "########|####-####-####-####|AC-#######|##########|GB##BARC##############",
    "licence": "@#######|##########|@@#######|S########",
    "vehicle": "1HGCM8263#A######|@@@-####|#@@@###|JH4KA7650MC######",
    "device": "SN-######|PMK##-####-@|@@@######|########@|(01)00##############",
    "url": "https://portal.example.org/p/######|www.family-blog-####.com|http://imaging.example.edu/view?id=####",
    "ip": "10.##.2.#|192.168.1.1##|172.16.2#.2#|fe80::%%%%:%%%%:%%%%:%%%%|2001:db8:%%%%:%%%%:%%%%:%%%%:%%%%:%%%%",
    "biometric": "FP-########|%%%%%%%%%%%%%%%%|BIO####@@|#########",
    "photo": "IMG_####.jpg|DSC0####.png|wound_######.jpeg|P#######",
    "other id": "@##-#######|########|%%%%%%%%-%%%%-%%%%-%%%%-%%%%%%%%%%%%|@@@#####|####-@@-####",
}


def value(kind: str, pool: Pool, rng: random.Random) -> str:
    """Return one made-up identifier of a class."""
    if kind in _VALUES:
        return _VALUES[kind](pool, rng)
    told = _digits(rng, rng.choice(_FORMATS[kind].split("|")))
    return told.lower().replace("~", "@") if kind == "email" else told


def _forms(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in re.sub(r"\|\n +", "| ", text.strip()).splitlines():
        kind, forms = line.split(" = ", 1)
        found[kind.strip()] = [one.strip() for one in forms.split("|")]
    return found


TUNING = (
    _forms(
        """
name = Seen by Dr. {x} today. | Patient: {x} | Her husband {x} is at the bedside. | Mr. {x} denies pain. |
    Discussed with {x}, RN. | Dictated by: {x}
location = She lives in {x}. | Transferred from {x} this morning. | Address: {x} | He works in {x}. |
    Records from {x} were requested.
date = Admitted on {x}. | Date: {x} | Comparison: CXR {x}. | Symptoms since {x}. | DOB: {x}
age over 89 = The patient is a {x}-year-old woman. | {x} y/o male with cough. | Age: {x}
phone = Call {x} with questions. | Phone: {x} | Cell {x} | Reach him at {x}.
fax = Fax: {x} | Faxed to {x}. | fax number {x}
email = Email {x} | Send results to {x}.
ssn = SSN {x} | SSN: {x} | Social security number {x}
mrn = MRN: {x} | Medical record number {x} | MRN# {x} | Unit No: {x}
health plan = Member ID: {x} | Medicare number {x} | Policy #{x} | Insurance ID {x}
account = Account number: {x} | Acct #{x} | Billing account {x}
licence = License number {x} | DEA number: {x} | Driver's license: {x}
vehicle = VIN {x} | License plate {x} | Vehicle ID: {x}
device = Pacemaker serial number {x} | Serial number: {x} | Device ID {x} | Lot number {x}
url = See {x} for details. | Images at {x}
ip = Logged in from {x}. | IP address {x}
biometric = Fingerprint ID {x} | Retinal scan: {x} | Voice print {x}
photo = Photo: {x} | Photograph {x} attached. | Picture file {x}
other id = Accession number: {x} | Study ID {x} | Case #{x} | Employee ID: {x}
"""
    ),
    _TUNING_POOL,
)
REPORTING = (
    _forms(
        """
name = {x} is a pleasant patient with chronic back pain. | Dr. {x} will follow. |
    Electronically signed by {x}, MD | Spoke to her daughter, {x}, by phone. | Patient Name: {x} |
    Referred by {x} for evaluation. | Ms. {x} agrees. | Next of kin: {x} | Cc: {x} |
    The case was reviewed with {x}. | {x} was notified at 14:30.
location = Recently travelled to {x}. | Lives alone at {x}. | He was brought from {x}. | Home address: {x} |
    Moved here from {x} last year. | Previously treated at {x}. | Originally from {x}.
date = Last seen {x}. | She underwent CABG on {x}. | CT dated {x} was reviewed. | Follow up on {x} at 9:30. |
    Last menstrual period {x}. | Date of birth: {x} | Discharged {x}.
age over 89 = Patient is {x} years old. | This {x} year old gentleman fell. | A {x}-year-old presents. |
    {x} yo F with dyspnea. | aged {x}
phone = Contact number: {x} | Telephone {x} | She can be paged at {x}. | Daughter's mobile is {x}. | Tel. {x} |
    Ring {x} after five.
fax = Please fax results to {x}. | FAX {x} | F: fax no. {x}
email = Contact: {x} | Her e-mail is {x}. | cc {x}
ssn = Social Security: {x} | SSN is {x}. | SS number {x} | Soc Sec # {x}
mrn = Hospital number: {x} | MR# {x} | MRN {x} was checked. | Patient ID {x} | Chart number {x} | (MRN: {x})
health plan = Insurance: Blue Cross, member number {x} | Medicaid ID {x} | Health plan beneficiary number {x} |
    Subscriber ID: {x} | Group number {x}
account = Patient account {x} | Acct. no. {x} | Invoice {x} was sent. | Bank account: {x} | Visit number {x}
licence = Medical licence no. {x} | NPI: {x} | Passport {x} | Driving licence {x} | State license # {x}
vehicle = Car registration {x} | Struck by a car, plate number {x}. | Vehicle identification number {x} |
    Number plate: {x}
device = ICD model, serial no. {x} | Implant lot {x} | S/N: {x} | UDI {x} | Hip prosthesis serial # {x} | Pump ID: {x}
url = Patient portal: {x} | posted on {x} yesterday | Video visit link {x}
ip = Telehealth session from IP {x} | Device address {x} | host {x}
biometric = Iris scan code {x} | Biometric identifier: {x} | Palm print ID {x} | Face recognition template {x} |
    Voiceprint number {x}
photo = Wound photograph {x} in chart. | Full-face photo {x} | Image file: {x} | See picture {x}.
other id = Specimen number {x} | Clinical trial subject {x} | Wristband ID: {x} | Ref: {x} | Accession {x} |
    Badge number {x} | Order # {x}
"""
    ),
    _REPORTING_POOL,
)
KEPT = tuple(
    line.strip()
    for line in """
    Parkinson's disease is stable on Sinemet.
    A Foley catheter was placed.
    Swan-Ganz catheter tip in the right pulmonary artery.
    Glasgow Coma Scale 15.
    GCS 3T, pupils 4 mm.
    History of Crohn's disease and Hodgkin lymphoma.
    Graves disease, Hashimoto thyroiditis and Addison's disease.
    Murphy's sign is negative; McBurney point tender.
    Jackson-Pratt drain output 120 mL.
    Kerley B lines are seen.
    Wells score 4.5, Child-Pugh class B.
    Romberg and Babinski signs are absent.
    Stevens-Johnson syndrome after Bactrim.
    Guillain-Barre syndrome in childhood.
    Doppler ultrasound shows no thrombus.
    Holter monitor for 24 hours.
    Ringer's lactate 1000 mL bolus.
    Hickman line removed without difficulty.
    Wolff-Parkinson-White syndrome.
    Hemoglobin 9.2 g/dL, platelets 250000, WBC 12.5 K/uL.
    BP 120/80, HR 98, RR 18, SpO2 97% on 2 L.
    pH 7.35, pCO2 40, bicarbonate 24.
    Strength 5/5, reflexes 2+, 3/6 systolic murmur at the apex.
    Pain 8/10, improved to 3/10.
    Troponin 0.04, BNP 12345 pg/mL, creatinine 1.2.
    Sodium 138, potassium 4.1, chloride 102, glucose 104.
    INR 2.3 on warfarin 5 mg daily.
    Lisinopril 20 mg daily, metoprolol 25 mg twice a day.
    Heparin 5000 units subcutaneously three times a day.
    Vancomycin 1250 mg IV every 12 hours.
    Insulin glargine 22 units at bedtime.
    A 3.5 x 2.1 cm nodule in the right upper lobe.
    L4-L5 disc herniation with T12 compression fracture.
    The patient is a 72-year-old man.
    FEV1 1.8 L, 65% predicted.
    EF 55-60%, LVEDP 12.
    Ventilator: FiO2 0.4, PEEP 5, rate 14, tidal volume 450.
    Hepatitis B surface antigen negative, HIV 1/2 nonreactive.
    HbA1c 7.2 %, LDL 101.
    CT of the chest with 100 mL of Omnipaque 350.
    CA 19-9 of 37, PSA 4.1.
    ICD-10 code J90, CPT 71046.
    1/2 tablet daily for 7 days.
    Temperature 98.6 F, weight 92 kg.
    Blood pressure of 150 over 92.
    Mild cardiomegaly; no pleural effusion or pneumothorax.
    Small left pleural effusion with adjacent atelectasis.
    Mirena IUD in place, Port-A-Cath on the right.
    Baker cyst in the left knee.
    Bell's palsy and Horner syndrome were considered.
    """.strip().splitlines()
)
"""Sentences from which nothing may be taken."""
