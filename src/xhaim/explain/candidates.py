"""The pieces of evidence whose effect on the risk is worth measuring."""

from __future__ import annotations

from collections.abc import Mapping

from xhaim.explain.facts import Films, Removal
from xhaim.explain.passages import labels, passages
from xhaim.explain.pieces import Piece
from xhaim.explain.unread import unread
from xhaim.records import Evidence, Image, Measurement, Modality, Record, Summary
from xhaim.task import Task
from xhaim.text.values import abnormality

NO_FILMS = Films()


def candidates(
    record: Record,
    task: Task,
    evidence: Mapping[Modality, Evidence],
    summaries: Mapping[Modality, Summary],
    max_measurements: int,
    films: Films = NO_FILMS,
) -> tuple[list[Piece], list[str]]:
    """Return the pieces in a fixed order, and the reasons why retrieved text is not among them.

    Passages: chunks that a summary rests on or whose concepts are counted, by modality and rank; the same quoted words
    in several chunks are one piece, newest shown, since taking out one copy would change nothing; what one chunk says
    for and what against are two. Measurements: of each of the task's signals the latest value and the most abnormal one
    (distance from the usual range, in widths of that range); the signals' first choices before their second, the most
    abnormal first. Then the labels of earlier films of whose reports no words are among the passages, newest first, the
    index image, and the earlier one.
    """
    words, reasons = passages(record, task, evidence, summaries)
    measurements = [
        Piece(one, Removal(measurement_ids=frozenset({one.measurement_id})))
        for one in _measurements(record, task)[:max_measurements]
    ]
    image = index_image(record)
    images = [] if image is None else [Piece(image, Removal(image=True))]
    if films.earlier is not None:
        images.append(Piece(films.earlier, Removal(earlier_image=True)))
    read = [*words, *measurements, *labels(record, task, films, words), *images]
    return [*read, *unread(record, task, films, read)], reasons


def index_image(record: Record) -> Image | None:
    """Return the image that is an input; ``None`` where the sample has none."""
    wanted = record.sample.index_image_id
    return next((image for image in record.images if image.image_id == wanted), None)


def by_signal(record: Record, task: Task) -> dict[str, list[Measurement]]:
    """Return the values of each of the task's signals, oldest first; an empty list where there is none."""
    values: dict[str, list[Measurement]] = {signal: [] for signal in task.signals}
    for one in record.measurements:
        if one.signal in values and one.known_at < record.sample.prediction_time:
            values[one.signal].append(one)
    for found in values.values():
        found.sort(key=lambda one: (one.time, one.value, one.measurement_id))
    return values


def _measurements(record: Record, task: Task) -> list[Measurement]:
    ranked: list[tuple[bool, float, int, Measurement]] = []
    for place, values in enumerate(by_signal(record, task).values()):
        if not values:
            continue
        latest = values[-1]
        extreme = max(reversed(values), key=abnormality)
        chosen = [latest] if abnormality(extreme) == abnormality(latest) else [extreme, latest]
        ranked.extend((bool(nth), -abnormality(one), place, one) for nth, one in enumerate(chosen))
    return [one for *_, one in sorted(ranked, key=lambda row: row[:3])]
