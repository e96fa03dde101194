"""Side by side: two explanations of one sample, of two runs, in an order that a coin decides."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from starlette.responses import RedirectResponse

from xhaim.evaluate.signal_plot import HEIGHT, WIDTH
from xhaim.records import Explanation
from xhaim.serve.access import may_see, no_such_patient
from xhaim.serve.accounts import User
from xhaim.serve.annotate import preference
from xhaim.serve.annotate.desk import Rater, database, queue, seen, the_run
from xhaim.serve.annotate.drawing import explanation_of
from xhaim.serve.annotate.preference import Pair, pairs, prefer, preferences
from xhaim.serve.annotate.tables import MOST_COMMENT
from xhaim.serve.annotate.view import shown
from xhaim.serve.pages import page

router = APIRouter()


def queue_of(request: Request, user: User) -> list[Pair]:
    """Return the pairs that a rater may see, in their order; none where no run lies beside."""
    beside = request.app.state.beside
    if beside is None:
        return []
    return preference.in_order(pairs(the_run(request), beside.now(), queue(request, user)), user.login)


def _left(request: Request, user: User) -> list[Pair]:
    done = {row.pair for row in preferences(database(request), user.login)}
    return [one for one in queue_of(request, user) if one.pair not in done]


@router.get("/annotate/compare")
def next_pair(request: Request, user: Rater) -> Response:
    """Go to the first pair without an answer."""
    left = _left(request, user)
    return RedirectResponse(f"/annotate/compare/{left[0].pair}" if left else "/annotate", 303)


@router.get("/annotate/compare/{name}")
def show_pair(request: Request, user: Rater, name: str) -> Response:
    """Show both explanations and the record; nothing says whose they are."""
    pair = _pair(request, user, name)
    run, beside = the_run(request), request.app.state.beside.now()
    task, theirs = run.task(pair.task_id), beside.task(pair.task_id)
    if task is None or theirs is None:
        raise no_such_patient()
    both = [explanation_of(run, task, pair.sample_id), explanation_of(beside, theirs, pair.sample_id)]
    found: list[Explanation] = [one for one in both if one is not None]
    if pair.swapped(user.login):
        found.reverse()
    item = next(one for one in queue(request, user) if one.explanation == pair.first)
    seen(request, user, "compare", item, pair.first, pair.second)
    everything, left = queue_of(request, user), _left(request, user)
    mine = next((row for row in preferences(database(request), user.login) if row.pair == name), None)
    return page(
        request, "annotate/compare.html.j2", active="Annotate", pair=pair, shown=shown(run, task, found),
        plot=(WIDTH, HEIGHT), place=len(everything) - len(left) + (mine is None), places=len(everything),
        choice=_choice(mine.preferred, mine.left) if mine is not None else "",
        comment=mine.comment if mine is not None else "", most=MOST_COMMENT,
    )  # fmt: skip


def _choice(preferred: str | None, left: str) -> str:
    return "neither" if preferred is None else "left" if preferred == left else "right"


def _pair(request: Request, user: User, name: str) -> Pair:
    found = next((one for one in queue_of(request, user) if one.pair == name), None)
    if found is None:
        raise no_such_patient()
    may_see(user, found.subject_id)
    return found


@router.post("/annotate/compare/{name}")
def keep_preference(
    request: Request,
    user: Rater,
    name: str,
    choice: Annotated[preference.Choice, Form()],
    comment: Annotated[str, Form(max_length=MOST_COMMENT)] = "",
) -> Response:
    """Keep which one is better, and go on."""
    prefer(database(request), _pair(request, user, name), user.login, choice, comment)
    return RedirectResponse("/annotate/compare", 303)
