"""How often a user may ask the model."""

from __future__ import annotations

import pytest
from fastapi import HTTPException
from hypothesis import given
from hypothesis import strategies as st

from xhaim.serve.turns import Turns


def test_each_user_asks_so_often_and_few_at_once():
    turns = Turns(per_minute=4, at_once=2)
    with turns.of("a"), turns.of("a"):
        with pytest.raises(HTTPException) as refused, turns.of("a"):
            pass
        assert refused.value.status_code == 429
        assert "try again in a moment" in refused.value.detail
        with turns.of("b"):
            pass
    for _ in range(2):  # what was refused was not counted
        with turns.of("a"):
            pass
    with pytest.raises(HTTPException) as often, turns.of("a"):
        pass
    assert often.value.status_code == 429
    assert "try again in a minute" in often.value.detail
    with turns.of("b"):
        pass


@given(st.lists(st.sampled_from("ab"), max_size=20), st.integers(1, 3))
def test_what_fails_gives_its_turn_back(users, at_once):
    turns = Turns(per_minute=1000, at_once=at_once)
    for user in users:
        with pytest.raises(ValueError, match="failed"), turns.of(user):
            raise ValueError("failed")
    assert not turns.busy
