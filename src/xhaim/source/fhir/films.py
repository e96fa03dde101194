"""Which films came as pictures inside other resources, and of which study each is: learned in the first pass.

So a film is told once: by its imaging study where that lists it, with the picture; else by what carries the picture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from xhaim.source.fhir.events import Films
from xhaim.source.fhir.names import Name, reference
from xhaim.source.fhir.pictures import Picture, Shelf, is_picture, key_of
from xhaim.source.fhir.studies import chest_films, uid_of
from xhaim.source.fhir.unused import NotUsedError
from xhaim.source.fhir.values import Json, each, words
from xhaim.source.fhir.versions import nameless

CARRIERS = ("Media", "DocumentReference")
"""Resources that may carry a picture."""
SubjectOf = Callable[[dict[str, Any], str | None], int | None]
"""From ``subject`` and ``patient`` of a resource, and its server, to the number of a patient who is there."""


class _Study(NamedTuple):
    """An imaging study with films of the chest."""

    about: dict[str, Any]
    base: str | None
    images: frozenset[str]
    """UIDs of the images that it lists."""
    itself: frozenset[str]
    """Its own UIDs."""
    view: str | None
    started: Json


class _Sent(NamedTuple):
    """A picture that a resource carries."""

    name: str
    key: str
    picture: Picture
    about: dict[str, Any]
    base: str | None
    images: tuple[str, ...]
    """UIDs that it has."""
    part_of: tuple[str, ...]
    """References to what it may be part of."""


class Filming:
    """Studies, pictures and reports as they come, in any order."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._studies: dict[str, _Study] = {}
        self._sent: dict[tuple[str, str], _Sent] = {}
        self._reports: dict[str, tuple[str, str | None]] = {}

    def see(self, kind: str, name: Name | None, resource: dict[str, Any]) -> None:
        """Learn what a resource says of films."""
        if kind not in {"ImagingStudy", "DiagnosticReport", *CARRIERS}:
            return
        name = name or nameless(resource)
        about: dict[str, Any] = {key: resource[key] for key in ("subject", "patient") if key in resource}
        if kind == "ImagingStudy":
            self._study(name, about, resource)
        elif kind in CARRIERS:
            for attachment in attachments(resource):
                if is_picture(attachment) and (picture := self._shelf.put(attachment)):
                    self._carried(name, about, resource, key_of(attachment), picture)
        elif kind == "DiagnosticReport":
            study = next(filter(None, (reference(one) for one in each(resource, "imagingStudy"))), None)
            for link in (reference(one.get("link")) for one in each(resource, "media")):
                if link:  # of several reports on one picture the first by name, whatever the order
                    self._reports[link] = min(self._reports.get(link, (name.name, study)), (name.name, study))

    def _study(self, name: Name, about: dict[str, Any], resource: dict[str, Any]) -> None:
        try:
            films = chest_films(resource)
        except NotUsedError:
            return
        views = {view for _, _, view in films}
        self._studies[name.name] = _Study(
            about,
            name.base,
            frozenset(uid for _, instance, _ in films if (uid := uid_of(instance.get("uid")))),
            frozenset(_uids(resource)),
            views.pop() if len(views) == 1 else None,
            next(filter(None, (words(series.get("started")) for series, _, _ in films)), resource.get("started")),
        )

    def _carried(self, name: Name, about: dict[str, Any], resource: dict[str, Any], key: str, picture: Picture) -> None:
        uids = ([picture.header.image] if picture.header else []) + list(_uids(resource))
        around = [*each(resource, "partOf"), *(one for c in each(resource, "context") for one in each(c, "related"))]
        part_of = tuple(filter(None, (reference(one) for one in around)))
        self._sent[name.name, key] = _Sent(name.name, key, picture, about, name.base, tuple(uids), part_of)

    def finish(self, subject_of: SubjectOf, name_of: Callable[[str | None], Name | None]) -> Films:
        """Say of which study each picture is; ``name_of``: from the words of a reference to a name."""
        whose = {name: subject_of(one.about, one.base) for name, one in self._studies.items()}
        listed, known_as = dict[tuple[int | None, str], str](), dict[tuple[int | None, str], str]()
        for name in sorted(self._studies, reverse=True):  # of two that list one image the first by name
            listed |= {(whose[name], uid): name for uid in self._studies[name].images}
            known_as |= {(whose[name], uid): name for uid in self._studies[name].itself}
        reports = {found.name: one for link, one in self._reports.items() if (found := name_of(link))}
        made = Films(shelf=self._shelf, about={name: (one.view, one.started) for name, one in self._studies.items()})
        for (name, key), one in sorted(self._sent.items()):
            subject = subject_of(one.about, one.base)
            image = next((uid for uid in one.images if (subject, uid) in listed), None)
            if image is not None:
                study = listed[subject, image]
                made.files.setdefault((study, image), one.picture.file)
                made.told.add((name, key))
            else:
                refs = [found.name for words_ in one.part_of if (found := name_of(words_))]
                study = self._without_uid(one, refs, reports.get(name), known_as, subject, name_of)
                study = study if whose.get(study, subject) == subject else name
                made.pictured.add(study)
            made.studies.setdefault(name, {})[key] = study
        return made

    def _without_uid(
        self,
        one: _Sent,
        refs: list[str],
        report: tuple[str, str | None] | None,
        known_as: dict[tuple[int | None, str], str],
        subject: int | None,
        name_of: Callable[[str | None], Name | None],
    ) -> str:
        """Return the study of a picture that none lists: what it is part of, its study's UID, its report, itself."""
        if part := next((name for name in refs if name in self._studies), None):
            return part
        uid = one.picture.header.study if one.picture.header else None
        if uid and (found := known_as.get((subject, uid))):
            return found
        named = name_of(report[1]) if report else None
        if named and named.name in self._studies:
            return named.name
        return f"urn:oid:{uid}" if uid else report[0] if report else one.name


def attachments(resource: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the attachments of a Media or a DocumentReference."""
    for content in each(resource, "content"):
        yield from [content] if resource["resourceType"] == "Media" else each(content, "attachment")


def _uids(resource: dict[str, Any]) -> Iterator[str]:
    """Yield the DICOM UIDs among a resource's identifiers."""
    for one in each(resource, "identifier"):
        if one.get("system") == "urn:dicom:uid" and (uid := uid_of(one.get("value"))):
            yield uid
