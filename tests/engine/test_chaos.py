"""A few rounds of chaos; `make chaos` tells as many as there is time for."""

from pathlib import Path

import pytest

from local.cloud import LocalCloud
from tests.chaos.story import Story
from tests.nightly import nightly_but_first

SEED = "make test"


@pytest.mark.parametrize(("number", "rounds"), nightly_but_first([(0, 2), (0, 5), (1, 5)]))
def test_story(cloud: LocalCloud, tmp_path: Path, number: int, rounds: int) -> None:
    """Whatever changes, fails or is killed: one more up, and everything is as declared."""
    failure = Story(SEED, number, cloud, tmp_path, print).tell(rounds)
    assert failure is None, failure
