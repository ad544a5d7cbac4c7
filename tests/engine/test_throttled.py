"""An update under throttling."""

import pytest

from local.cloud import LocalCloud
from tests.engine.harness import Stack

pytestmark = pytest.mark.nightly


def test_throttled_update(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """At five calls per second up grants all shares, prints nothing about throttling, and repeats few calls."""
    accounts = {f"a{number:02}": f"{222222220000 + number}" for number in range(40)}
    stack.shares(image, **accounts)
    cloud.throttle("workspaces:*", rate=5)
    run = stack.up()
    assert cloud.shared_with(image) == set(accounts.values())
    assert run.counts == {"create": 41}
    assert "Diagnostics" not in run.output
    # Most refused calls serve to find AWS's rate. Their number does not grow with the number of shares.
    assert len(cloud.writes()) <= 60
