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


@pytest.mark.parametrize(
    "program",
    [
        pytest.param("for account in {accounts}: ImageShare(account, {image!r}, account)", id="ImageShare"),
        pytest.param("ImageShares('golden', {image!r}, {accounts})", id="ImageShares"),
    ],
)
def test_calls_of_a_hundred_shares_by_operation(stack: Stack, cloud: LocalCloud, image: str, program: str) -> None:
    """Each command makes exactly these calls."""
    stack.program(program.format(image=image, accounts=ACCOUNTS))
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
