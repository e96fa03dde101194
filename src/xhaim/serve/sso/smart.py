"""Launched by an electronic health record, or on its own against one (SMART App Launch 2.2): a user and a patient."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request, Response

from xhaim.errors import BackendError
from xhaim.serve.login import begin, with_session
from xhaim.serve.sso.chart import KINDS
from xhaim.serve.sso.entry import FLOW, RefusedError, come_back, down, elsewhere, may_begin, refused_page, set_off
from xhaim.serve.sso.launched import lead
from xhaim.serve.sso.provider import Provider

router = APIRouter(prefix="/smart")


def _provider(request: Request) -> Provider:
    found: Provider | None = request.app.state.sso.smart
    if found is None:
        raise HTTPException(404, "No FHIR server is set up here.")
    return found


@router.get("/launch")
def launch(
    request: Request,
    iss: Annotated[str, Query(max_length=500)] = "",
    launch: Annotated[str, Query(max_length=4000)] = "",
) -> Response:
    """Send the browser to the FHIR server that launched it; without ``iss`` and ``launch``, to choose a patient."""
    provider = _provider(request)
    base = provider.client.server
    try:
        may_begin(request, "smart")
        _check(iss, launch, base)
        if (other := elsewhere(request)) is not None:
            return other
        asked = {"aud": base} | ({"launch": launch} if launch else {})
        return set_off(
            request, provider, "smart", "/", _scope(provider, "launch" if launch else "launch/patient"), **asked
        )
    except RefusedError as refused:
        return refused_page(request, "smart", refused)


def _check(iss: str, launch: str, base: str) -> None:
    if (iss or launch) and iss.rstrip("/") != base.rstrip("/"):
        raise RefusedError(403, "This server takes launches of one FHIR server, and this is of another.", "server")
    if iss and not launch:
        raise RefusedError(400, "This launch does not say what it is of.", "no launch")


def _scope(provider: Provider, context: str) -> str:
    """Return what is asked for: who, which patient, and to read that patient's chart, in the words of the server."""
    try:
        able = provider.said.get().capabilities
    except BackendError as error:
        raise down(provider, error) from None
    verb = "rs" if "permission-v2" in able or "permission-v1" not in able else "read"
    return " ".join(["openid", "fhirUser", context, *(f"patient/{kind}.{verb}" for kind in ("Patient", *KINDS))])


@router.get("/callback")
def callback(request: Request) -> Response:
    """Let in whom the FHIR server vouches for, if there is an account, and lead to the patient of the launch."""
    provider = _provider(request)
    try:
        back = come_back(request, provider, "smart")
    except RefusedError as refused:
        return refused_page(request, "smart", refused)
    token = begin(request, back.user.login, "smart")
    response = lead(request, back.user, provider.client.server, back.granted.answer)
    response.delete_cookie(FLOW, path="/smart")
    return with_session(request, response, token, "smart")
