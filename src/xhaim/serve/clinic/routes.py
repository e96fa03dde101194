"""The pages of the clinic: each says who may open it, and writes down which patient was shown."""

from __future__ import annotations

from fastapi import APIRouter

from xhaim.serve.clinic import arrived, cohort_page, further, listing, opened, reading

router = APIRouter()
for part in (listing.router, reading.router, further.router, cohort_page.router, arrived.router, opened.router):
    router.include_router(part)
