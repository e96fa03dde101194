"""A random world in which every event carries a mark of its own, and a plain reading of who may see what."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from xhaim.cohort.samples import SAMPLE_SCHEMA
from xhaim.events import EVENT_SCHEMA

START = datetime(2150, 1, 1)
RACES = ("WHITE", "BLACK", "ASIAN", "HISPANIC")
KINDS = ("note", "film", "unlinked film", "discharge", "value", "image", "label", "race", "discharged")


def at(second: int | None) -> datetime | None:
    return None if second is None else START + timedelta(seconds=second)


@dataclass(frozen=True)
class Happening:
    """One event: times in seconds from the start; ``known`` None: nobody wrote down when."""

    mark: int
    subject: int
    kind: str
    time: int
    known: int | None
    study: int | None = None
    admission: int = 0

    @property
    def word(self) -> str:
        return f"zq{self.mark:06d}qz"

    @property
    def value(self) -> float:
        """A possible glucose that no other event has."""
        return 1 + self.mark / 32

    def row(self) -> dict[str, object]:
        code, more = {
            "note": ("NOTE//nursing", {"title": "Nursing"}),
            "film": ("NOTE//radiology", {"title": "Radiology: CHEST (PORTABLE AP)"}),
            "unlinked film": ("NOTE//radiology", {"title": "Radiology addendum: CHEST (PORTABLE AP)"}),
            "discharge": ("NOTE//discharge", {"title": "Discharge summary"}),
            "value": ("LAB//50931//mg/dL", {"unit": "mg/dL", "numeric_value": self.value}),
            "image": ("IMAGE//CXR", {"title": "AP", "image_path": f"{self.word}.jpg"}),
            "label": ("LABEL//CXR//Pleural Effusion", {"numeric_value": float(self.mark)}),
            "race": (f"RACE//{RACES[self.mark % 4]}", {}),
            "discharged": ("HOSPITAL_DISCHARGE//HOME", {}),
        }[self.kind]
        text = f"FINDINGS: Mark {self.word}. There is a small pleural effusion." if code.startswith("NOTE") else None
        return {
            **dict.fromkeys(EVENT_SCHEMA), "subject_id": self.subject, "time": at(self.time),
            "known_at": at(self.known), "code": code, "text_value": text, "study_id": self.study,
            "hadm_id": self.admission, "source": f"t#{self.word}", **more,
        }  # fmt: skip


WORDLESS = {"value", "image", "race", "discharged", "label"}


@dataclass(frozen=True)
class Asked:
    """One sample."""

    name: str
    subject: int
    t: int
    study: int
    admission: int
    image: str

    def row(self) -> dict[str, object]:
        return {
            "sample_id": self.name, "subject_id": self.subject, "hadm_id": self.admission, "stay_id": self.subject,
            "prediction_time": at(self.t), "index_study_id": self.study, "index_image_id": f"t#{self.image}",
        }  # fmt: skip

    def withholds(self, event: Happening) -> bool:
        """Say whether the report policy takes away what was known."""
        return self.may_see(event, "admissible") and not self.may_see(event, "prior_only")

    def may_see(self, event: Happening, policy: str) -> bool:
        """Say what the words of the rules say, one event at a time."""
        if event.subject != self.subject:
            return False
        if event.kind == "image" and event.word == self.image:
            return True
        if event.known is None or max(event.known, event.time) >= self.t:
            return False
        if event.kind in {"discharge", "discharged"} and event.admission == self.admission:
            return False
        if policy == "admissible":
            return True
        if event.kind == "label":
            return event.study != self.study and policy != "none"
        unlinked = event.kind == "unlinked film" and event.study is None
        if not unlinked and (event.study is None or event.kind in {"value", "image", "race", "discharged"}):
            return True
        if policy == "none" or event.study == self.study or abs(event.time - self.t) <= 600:
            return False  # words that name a study are a report of it, whatever their kind
        return not unlinked or event.time < self.t - 2 * 3600


@dataclass(frozen=True)
class World:
    """Subjects with their events and samples."""

    happenings: list[Happening]
    asked: list[Asked]
    sexes: dict[int, str]

    @property
    def samples(self) -> pl.DataFrame:
        return pl.DataFrame([one.row() for one in self.asked], schema=SAMPLE_SCHEMA).sort("sample_id")

    def events(self, happenings: list[Happening] | None = None) -> pl.DataFrame:
        nothing = dict.fromkeys(EVENT_SCHEMA)
        static = [{**nothing, "subject_id": who, "code": f"GENDER//{sex}"} for who, sex in self.sexes.items()]
        rows = [*(event.row() for event in (self.happenings if happenings is None else happenings)), *static]
        return pl.DataFrame({name: [row[name] for row in rows] for name in EVENT_SCHEMA}, schema=EVENT_SCHEMA)

    def visible(self, policy: str) -> dict[str, set[int]]:
        by_subject: dict[int, list[Happening]] = {}
        for event in self.happenings:
            by_subject.setdefault(event.subject, []).append(event)
        return {one.name: self._seen(one, by_subject.get(one.subject, []), policy) for one in self.asked}

    @staticmethod
    def _seen(one: Asked, mine: list[Happening], policy: str) -> set[int]:
        seen = [event for event in mine if one.may_see(event, policy)]
        taken = [event for event in mine if event.kind not in WORDLESS and one.withholds(event)]
        withheld = {event.study for event in taken} - {None} if policy == "prior_only" else set()
        return {event.mark for event in seen if event.kind != "label" or event.study not in withheld}


def world(seed: int, subjects: int, samples_each: int, events_each: int) -> World:
    """Draw a world; a third of the times lie within a second of a prediction time of the subject."""
    dice = random.Random(seed)
    happenings: list[Happening] = []
    asked: list[Asked] = []
    for who in range(1, subjects + 1):
        times = sorted(dice.sample(range(50_000, 900_000, 7), samples_each))
        studies = [who * 100 + place for place in range(samples_each)]
        for t, study in zip(times, studies, strict=True):
            film = Happening(len(happenings), who, "image", t, t, study, who)
            happenings.append(film)
            asked.append(Asked(f"{who:05d}-{t:06d}", who, t, study, who, film.word))
        for _ in range(events_each):
            kind = dice.choice(KINDS)
            near = dice.choice(times) + dice.choice((-1, 0, 1))
            known = near if dice.random() < 0.35 else dice.randrange(1_000_000)
            time = known - dice.choice((0, 0, 600, 9_000, 100_000, -5))
            linked = dice.choice([*studies, None]) if kind != "film" else dice.choice(studies)
            admission = dice.choice((who, who + 10**6))
            written = None if dice.random() < 0.03 else known
            happenings.append(Happening(len(happenings), who, kind, time, written, linked, admission))
    return World(happenings, asked, {who: dice.choice("FM") for who in range(1, subjects + 1)})
