"""A cloud that is slow to serve: throttled writes."""

import pytest

from local.cloud import LocalCloud
from tests.engine.harness import Stack

pytestmark = pytest.mark.nightly


def test_throttled_update(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """A cloud that takes five calls a second takes its time: nothing is shown of it, and nothing is asked in vain."""
    accounts = {f"a{number:02}": f"{222222220000 + number}" for number in range(40)}
    stack.shares(image, **accounts)
    cloud.throttle("workspaces:*", rate=5)
    run = stack.up()
    assert cloud.shared_with(image) == set(accounts.values())
    assert run.counts == {"create": 41}
    assert "Diagnostics" not in run.output
    # Of the calls that were refused, most find out at what rate AWS serves: that does not grow with the shares.
    assert len(cloud.writes()) <= 60
