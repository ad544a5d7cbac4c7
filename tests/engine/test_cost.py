"""The number of AWS calls for a hundred shares is that of docs/performance.md, and that of 0.1.0."""

from collections import Counter

import pytest

from local.cloud import LocalCloud
from tests.engine.harness import Stack

pytestmark = pytest.mark.nightly

ACCOUNTS = [f"{700000000000 + number}" for number in range(100)]
CALLER, IMAGE = {"GetCallerIdentity": 1}, {"DescribeWorkspaceImages": 1}
LISTING = {"DescribeWorkspaceImagePermissions": 4}  # pages
WRITES = {"UpdateWorkspaceImagePermission": 100}


def test_calls_of_a_hundred_shares_by_operation(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """Each command makes exactly these calls."""
    stack.program(f"ImageShares('golden', {image!r}, {ACCOUNTS})")
    cost = {}
    for name, command in {
        "up": stack.up,
        "preview without changes": stack.preview,
        "up without changes": stack.up,
        "refresh": stack.refresh,
        "destroy": stack.destroy,
    }.items():
        cloud.forget_calls()
        command()
        cost[name] = dict(Counter(call.operation for call in cloud.calls))
    assert cost == {
        "up": CALLER | IMAGE | WRITES,
        "preview without changes": CALLER | IMAGE | LISTING,
        "up without changes": CALLER | IMAGE | LISTING,
        "refresh": CALLER | LISTING,
        "destroy": WRITES,
    }


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
