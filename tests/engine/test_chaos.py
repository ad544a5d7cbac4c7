"""A few rounds of chaos; `make chaos` tells as many as there is time for."""

from pathlib import Path

import pytest

from local.cloud import LocalCloud
from tests.chaos.story import Story

SEED = "make test"
ROUNDS = 5


@pytest.mark.parametrize("number", range(2))
def test_story(cloud: LocalCloud, tmp_path: Path, number: int) -> None:
    """Whatever changes, fails or is killed: one more up, and everything is as declared."""
    failure = Story(SEED, number, cloud, tmp_path, print).tell(ROUNDS)
    assert failure is None, failure
