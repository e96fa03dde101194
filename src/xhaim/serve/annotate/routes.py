"""The annotation form: what is to do, one item after another, each score kept the moment it is given."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response
from starlette.responses import JSONResponse, RedirectResponse

from xhaim.errors import DataError
from xhaim.evaluate.signal_plot import HEIGHT, WIDTH
from xhaim.records import DIMENSIONS
from xhaim.serve.accounts import User
from xhaim.serve.annotate import adjudicating, comparing
from xhaim.serve.annotate.desk import (
    Admin,
    Opened,
    Rater,
    database,
    item_of,
    my_words,
    open_items,
    opened,
    queue,
    seen,
    the_run,
)
from xhaim.serve.annotate.drawing import PER_TASK, Item, draw
from xhaim.serve.annotate.scoring import Said, rubric, save_comment, save_score
from xhaim.serve.annotate.tables import MOST_COMMENT
from xhaim.serve.annotate.view import shown
from xhaim.serve.pages import page

router = APIRouter()
router.include_router(comparing.router)
router.include_router(adjudicating.router)
Score = Annotated[int | None, Form(ge=1, le=5)]
Comment = Annotated[str, Form(max_length=MOST_COMMENT)]
NOTHING = Said({}, "")


@router.get("/annotate")
def overview(request: Request, user: Rater) -> Response:
    """Show what is to do, and how far this rater has come."""
    run, mine, told = the_run(request), queue(request, user), my_words(request, user.login)
    tasks = []
    for task_id, group in groupby(mine, key=lambda item: item.task_id):
        of_task = list(group)
        task = run.task(task_id)
        tasks.append(
            {
                "title": task.title if task else task_id,
                "all": len(of_task),
                "done": sum(item.explanation in told and told[item.explanation].whole for item in of_task),
                "calibration": sum(item.calibration for item in of_task),
                "gone": sum(opened(run, item) is None for item in of_task),
            }
        )
    left = open_items(run, mine, told)
    return page(
        request, "annotate/overview.html.j2", active="Annotate", tasks=tasks, left=sum(1 for _ in left),
        per_task=PER_TASK, pairs=len(comparing.queue_of(request, user)), rubric=rubric(),
    )  # fmt: skip


@router.post("/annotate/draw")
def draw_items(
    request: Request, user: Admin, per_task: Annotated[int, Form(ge=1, le=10_000)], seed: Annotated[int, Form(ge=0)] = 0
) -> Response:
    """Draw the items, or more of them."""
    told = draw(the_run(request), database(request), per_task, seed)
    lines = [one.words for one in told]
    return page(request, "annotate/drawn.html.j2", active="Annotate", lines=lines)


@router.get("/annotate/next")
def next_item(request: Request, user: Rater) -> Response:
    """Go to the first item that is not wholly scored."""
    left = open_items(the_run(request), queue(request, user), my_words(request, user.login))
    return RedirectResponse(_address(next(left, None)), 303)


def _address(item: Item | None) -> str:
    return "/annotate" if item is None else f"/annotate/item/{item.explanation}"


@router.get("/annotate/item/{explanation}")
def show_item(request: Request, user: Rater, explanation: str) -> Response:
    """Show an explanation, the record beside it, and the form."""
    item = item_of(request, user, explanation)
    there = opened(the_run(request), item)
    if there is None:
        return page(request, "annotate/gone.html.j2", 404, active="Annotate")
    seen(request, user, "annotate", item)
    return _form(request, user, there, "")


def _form(request: Request, user: User, there: Opened, wrong: str) -> Response:
    mine = queue(request, user)
    told = my_words(request, user.login)
    names = [item.explanation for item in mine]
    here = names.index(there.item.explanation)
    return page(
        request, "annotate/item.html.j2", 422 if wrong else 200, active="Annotate", wrong=wrong,
        item=there.item, shown=shown(the_run(request), there.task, [there.explanation]), plot=(WIDTH, HEIGHT),
        axes=[rubric().axis(name) for name in DIMENSIONS], said=told.get(there.item.explanation, NOTHING),
        place=here + 1, places=len(names), done=sum(name in told and told[name].whole for name in names),
        previous=names[here - 1] if here else None, following=names[here + 1] if here + 1 < len(names) else None,
        most=MOST_COMMENT,
    )  # fmt: skip


@router.post("/annotate/item/{explanation}")
def save_item(
    request: Request,
    user: Rater,
    explanation: str,
    citation: Score = None,
    factuality: Score = None,
    quality: Score = None,
    comment: Comment = "",
) -> Response:
    """Keep what the form holds, and go on; where a score is wanting, keep the rest and ask for it."""
    item = item_of(request, user, explanation)
    given = {"citation": citation, "factuality": factuality, "quality": quality}
    for dimension, score in given.items():
        if score is not None:
            save_score(database(request), explanation, user.login, dimension, score, user.login)
    save_comment(database(request), explanation, user.login, comment, user.login)
    missing = my_words(request, user.login).get(explanation, NOTHING).missing
    there = opened(the_run(request), item)
    if missing and there is not None:
        titles = " and ".join(rubric().axis(name).title for name in missing)
        return _form(request, user, there, f"Saved so far. {titles}: no score yet.")
    return RedirectResponse(_after(request, user, item), 303)


def _after(request: Request, user: User, item: Item) -> str:
    """Return the next item that is to be scored, after this one and then from the beginning."""
    mine = queue(request, user)
    here = [one.explanation for one in mine].index(item.explanation)
    left = open_items(the_run(request), [*mine[here + 1 :], *mine[:here]], my_words(request, user.login))
    return _address(next(left, None))


@router.post("/annotate/item/{explanation}/score")
def keep_score(
    request: Request,
    user: Rater,
    explanation: str,
    dimension: Annotated[str, Form(max_length=60)],
    score: Annotated[int, Form()],
) -> Response:
    """Keep one score, and say so once it is on the disk."""
    item_of(request, user, explanation)
    return _kept(
        lambda: save_score(database(request), explanation, user.login, dimension, score, user.login),
        {"dimension": dimension, "score": score},
    )


@router.post("/annotate/item/{explanation}/comment")
def keep_comment(request: Request, user: Rater, explanation: str, comment: Comment = "") -> Response:
    """Keep the comment, and say so once it is on the disk."""
    item_of(request, user, explanation)
    return _kept(lambda: save_comment(database(request), explanation, user.login, comment, user.login), {})


def _kept(save: Any, told: Mapping[str, Any]) -> Response:  # noqa: ANN401
    try:
        save()
    except DataError as error:
        return JSONResponse({"error": error.what}, 422)
    return JSONResponse({"saved": dict(told)})
