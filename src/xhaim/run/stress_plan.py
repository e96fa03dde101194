"""What is done to the records of the test samples, and which control stands beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from xhaim.run.stress_additions import flood, irrelevant, relevant
from xhaim.run.stress_documents import moved_between, nothing, reordered, typos, typos_in_concepts
from xhaim.run.stress_facts import Edit
from xhaim.run.stress_paraphrase import paraphrased, turned_round
from xhaim.run.stress_values import ValueEdit, dropped, noisy, other_unit

Group = Literal["missing", "noisy", "units", "notes", "flood"]
TEXT = ("notes", "cxr", "concepts")
"""Blocks that are made of documents."""
BLOCK_WORDS = {
    "notes": "summary of the notes",
    "cxr": "summary of the chest film reports",
    "concepts": "concepts",
    "tabular": "demographics and admission",
    "time_series": "measurements",
    "earlier_films": "labels of earlier films",
    "image": "image",
    "earlier_image": "earlier image",
}


@dataclass(frozen=True, slots=True)
class Perturbation:
    """One thing done to the test samples; what is not named stays as it was."""

    id: str
    group: Group
    title: str
    control: str | None = None
    """Id of another perturbation of the same size; ``None``: there is no natural one."""
    of: str | None = None
    """Id of the perturbation whose control this is."""
    empties: tuple[str, ...] = ()
    """Blocks that are emptied."""
    swaps: tuple[str, ...] = ()
    """Blocks that are taken from another patient."""
    values: ValueEdit | None = None
    notes: Edit | None = None

    @property
    def bounded(self) -> bool:
        """Whether it goes through steps 1 and 2 again, and so is done to a bounded number of samples."""
        return self.notes is not None


def perturbations(blocks: Sequence[str]) -> tuple[Perturbation, ...]:
    """Return everything that is done to samples whose features have these blocks, texts among them."""
    return (*_missing(blocks), *(_measured() if "time_series" in blocks else ()), *_written())


def _missing(blocks: Sequence[str]) -> Iterator[Perturbation]:
    single = [((block,), block, BLOCK_WORDS.get(block, block.replace("_", " "))) for block in blocks]
    text = tuple(block for block in TEXT if block in blocks)
    for mine, name, words in [*single, (text, "text", "text of any kind")]:
        if mine:
            empty, other = f"no_{name}", f"other_{name}"
            yield Perturbation(empty, "missing", f"no {words}", control=other, empties=mine)
            yield Perturbation(other, "missing", f"{words} of another patient", of=empty, swaps=mine)


def _measured() -> Iterator[Perturbation]:
    for percent in (10, 30, 50):
        title = f"{percent} % of the measurements left out"
        yield Perturbation(f"dropped_{percent}", "missing", title, values=partial(dropped, share=percent / 100))
    for percent in (10, 50):
        title = f"noise of {percent / 100:g} of each signal's spread"
        yield Perturbation(f"noise_{percent}", "noisy", title, values=partial(noisy, share=percent / 100))
    control = "unit_rightly"
    units: tuple[tuple[Literal["wrongly", "lost"], str], ...] = (
        ("wrongly", "under the usual unit"),
        ("lost", "and the units of all such signals lost"),
    )
    for said, words in units:
        title = f"a fifth of the numbers in another unit, {words}"
        yield Perturbation(f"unit_{said}", "units", title, control=control, values=partial(other_unit, said=said))
    title = "the same numbers in another unit, under that unit"
    yield Perturbation(control, "units", title, of="unit_wrongly", values=partial(other_unit, said="rightly"))


def _written() -> Iterator[Perturbation]:
    yield Perturbation("again", "notes", "nothing changed: the notes through all steps again", notes=nothing)
    pairs: tuple[tuple[str, str, Edit, str, Edit], ...] = (
        ("typos", "one word in twenty mistyped, none of a concept", typos, "as many words of concepts mistyped",
         typos_in_concepts),
        ("order", "sentences of each section in another order", reordered,
         "as many sentences moved to other documents", moved_between),
        ("paraphrase", "the same facts in other words", paraphrased,
         "as many sentences say the opposite of a concept", turned_round),
        ("irrelevant", "two sentences beside the point in each document", irrelevant,
         "as many sentences that each state a concept", relevant),
    )  # fmt: skip
    for name, title, edit, other, control in pairs:
        yield Perturbation(name, "notes", title, control=f"{name}_control", notes=edit)
        yield Perturbation(f"{name}_control", "notes", other, of=name, notes=control)
    for times in (3, 10):
        name, title = f"flood_{times}", f"oldest quarter of the documents copied forward {times} times"
        yield Perturbation(name, "flood", title, control=f"{name}_control", notes=partial(flood, times=times))
        title = f"newest quarter of the documents repeated {times} times"
        control = partial(flood, times=times, newest=True)
        yield Perturbation(f"{name}_control", "flood", title, of=name, notes=control)
