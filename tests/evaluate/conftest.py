"""Fixtures of the made-up run."""

import pytest
from made_up_run import make_predictions


@pytest.fixture(scope="session")
def predictions():
    return make_predictions()
