"""Where raters differ: an admin sees what each said, beside the record, and settles it; and takes everything out."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Literal

from fastapi import APIRouter, Form, HTTPException, Request, Response

from xhaim.evaluate.signal_plot import HEIGHT, WIDTH
from xhaim.judge.agreement_people import FINAL
from xhaim.records import DIMENSIONS
from xhaim.serve import audit
from xhaim.serve.access import no_such_patient
from xhaim.serve.accounts import User
from xhaim.serve.annotate.adjudication import Dispute, disputes
from xhaim.serve.annotate.desk import Admin, database, item_of, opened, queue, seen, the_run
from xhaim.serve.annotate.exported import export
from xhaim.serve.annotate.scoring import rubric, said, save_comment, save_score
from xhaim.serve.annotate.tables import MOST_COMMENT
from xhaim.serve.annotate.view import shown
from xhaim.serve.pages import page

router = APIRouter()
Score = Annotated[int | None, Form(ge=1, le=5)]


def _disputes(request: Request, user: User) -> list[Dispute]:
    return disputes(queue(request, user), said(database(request)))


def _dispute(request: Request, user: User, explanation: str) -> Dispute:
    found = next((one for one in _disputes(request, user) if one.item.explanation == explanation), None)
    if found is None:
        raise no_such_patient()
    return found


@router.get("/annotate/adjudicate")
def list_disputes(request: Request, user: Admin) -> Response:
    """List the items on which raters differ by two or more."""
    return page(
        request, "annotate/disputes.html.j2", active="Adjudicate", disputes=_disputes(request, user), rubric=rubric()
    )


@router.get("/annotate/adjudicate/{explanation}")
def show_dispute(request: Request, user: Admin, explanation: str) -> Response:
    """Show one of them with the record and what everybody said."""
    item = item_of(request, user, explanation)
    dispute = _dispute(request, user, explanation)
    there = opened(the_run(request), item)
    if there is None:
        return page(request, "annotate/gone.html.j2", 404, active="Adjudicate")
    seen(request, user, "adjudicate", item)
    return page(
        request, "annotate/adjudicate.html.j2", active="Adjudicate", dispute=dispute, plot=(WIDTH, HEIGHT),
        shown=shown(the_run(request), there.task, [there.explanation]), most=MOST_COMMENT,
        axes=[rubric().axis(name) for name in DIMENSIONS],
    )  # fmt: skip


@router.post("/annotate/adjudicate/{explanation}")
def settle(
    request: Request,
    user: Admin,
    explanation: str,
    citation: Score = None,
    factuality: Score = None,
    quality: Score = None,
    comment: Annotated[str, Form(max_length=MOST_COMMENT)] = "",
) -> Response:
    """Keep the final scores beside what the raters said, which stays."""
    item_of(request, user, explanation)
    _dispute(request, user, explanation)
    for dimension, score in {"citation": citation, "factuality": factuality, "quality": quality}.items():
        if score is not None:
            save_score(database(request), explanation, FINAL, dimension, score, user.login)
    save_comment(database(request), explanation, FINAL, comment, user.login)
    return page(
        request, "annotate/disputes.html.j2", active="Adjudicate", disputes=_disputes(request, user), rubric=rubric()
    )


@router.get("/annotate/export.{suffix}")
def take_out(request: Request, user: Admin, suffix: Literal["jsonl", "csv"]) -> Response:
    """Give everything that was said, as a file."""
    if user.subjects is not None:
        raise HTTPException(403, "Everything that was said is of patients whom you may not see.")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"annotations.{suffix}"
        count = export(database(request), path)
        content = path.read_bytes()
    audit.write(database(request), user.login, "annotations exported", None, {"verdicts": count})
    media = {"jsonl": "application/jsonl", "csv": "text/csv; charset=utf-8"}[suffix]
    return Response(content, media_type=media, headers={"content-disposition": f"attachment; filename={path.name}"})
