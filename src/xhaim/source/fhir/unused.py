"""Why a resource gives no event: it cannot be used, or is of no use here."""

from __future__ import annotations


class SetAsideError(Exception):
    """A resource that cannot be used; the reason goes into the quarantine and holds none of its values."""


class NotUsedError(Exception):
    """A good resource of which no event is made; the reason is counted."""
