"""What all tests have in common."""

import threading
from collections.abc import Iterator

import pytest

from pulumi_workspaces_images.ahead import THREAD


@pytest.fixture(autouse=True)
def _nobody_looks_ahead_any_more() -> Iterator[None]:
    """A look in the background that outlives its test would be one call too many in the next."""
    yield
    for thread in threading.enumerate():
        if thread.name == THREAD:
            thread.join(10)
