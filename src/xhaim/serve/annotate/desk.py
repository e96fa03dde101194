"""What a request of the annotation form is about: the run, the rater, the item."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy import Engine

from xhaim.records import Explanation
from xhaim.serve import audit
from xhaim.serve.access import allow, may_see, no_such_patient
from xhaim.serve.accounts import User
from xhaim.serve.annotate.drawing import Item, explanation_of, identity_of, in_order, items
from xhaim.serve.annotate.scoring import Said, said
from xhaim.serve.results import StoredRun
from xhaim.task import Task

Rater = Annotated[User, Depends(allow("annotator"))]
Admin = Annotated[User, Depends(allow("admin"))]


@dataclass(frozen=True, slots=True)
class Opened:
    """An item whose very words the run still stores."""

    item: Item
    task: Task
    explanation: Explanation


def database(request: Request) -> Engine:
    """Return the server's database."""
    engine: Engine = request.app.state.database
    return engine


def the_run(request: Request) -> StoredRun:
    """Return the run as it lies there now."""
    run: StoredRun = request.app.state.watched.now()
    return run


def queue(request: Request, user: User) -> list[Item]:
    """Return the items that a rater may see, in their order."""
    mine = [item for item in items(database(request)) if user.subjects is None or item.subject_id in user.subjects]
    return in_order(mine, user.login)


def item_of(request: Request, user: User, explanation: str) -> Item:
    """Return an item. Raises 403 where there is none of that name, or of a patient whom the user may not see."""
    found = next((item for item in items(database(request)) if item.explanation == explanation), None)
    if found is None:
        raise no_such_patient()
    may_see(user, found.subject_id)
    return found


def opened(run: StoredRun, item: Item) -> Opened | None:
    """Return an item with its explanation; ``None`` where the run no longer stores these very words."""
    task = run.task(item.task_id)
    if task is None or identity_of(run, task, item.sample_id) != item.explanation:
        return None
    explanation = explanation_of(run, task, item.sample_id)
    return None if explanation is None else Opened(item, task, explanation)


def my_words(request: Request, rater: str) -> dict[str, Said]:
    """Return what a rater has said, by explanation."""
    return {name: one for (name, who), one in said(database(request)).items() if who == rater}


def open_items(run: StoredRun, mine: list[Item], told: dict[str, Said]) -> Iterator[Item]:
    """Yield the items that a rater has yet to score, in order; those that the run stores no more are passed over."""
    for item in mine:
        whole = item.explanation in told and told[item.explanation].whole
        if not whole and opened(run, item) is not None:
            yield item


def seen(request: Request, user: User, action: str, item: Item, *explanations: str) -> None:
    """Write to the audit log that a user was shown explanations, and the whole record, of an item's sample."""
    told = {"task": item.task_id, "sample": item.sample_id, "explanations": list(explanations or [item.explanation])}
    audit.write(database(request), user.login, action, item.subject_id, told)
