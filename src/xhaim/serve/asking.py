"""Whose turn it is to ask a model: one question at a time, whoever asks and whichever run it is of.

Models and tokenizers are not made for several threads, and some are the same for pages, doors and arrivals.
"""

from __future__ import annotations

from threading import RLock

TURN = RLock()
"""Held while a model is asked; by one thread more than once."""
