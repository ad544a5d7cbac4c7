"""`workspaces-images:recheck`: what preview and up do if the check of the shares in AWS fails."""

import pytest

from local.cloud import LocalCloud
from tests.engine.harness import SALES, Stack

LOOK = "workspaces:DescribeWorkspaceImagePermissions"


@pytest.fixture(autouse=True)
def _shared(stack: Stack, image: str) -> None:
    stack.shares(image, sales=SALES)
    stack.up()


def test_strict_is_the_default(stack: Stack, cloud: LocalCloud) -> None:
    """A failed check is an error."""
    cloud.deny(LOOK)
    assert stack.preview(ok=False).line("access denied", LOOK)


def test_warn_shows_a_warning_and_continues(stack: Stack, cloud: LocalCloud) -> None:
    """After a failed check the share is treated as unchanged."""
    stack.configuration["workspaces-images:recheck"] = "warn"
    cloud.deny(LOOK)
    run = stack.preview()
    assert run.clean
    assert run.line("warning:", "access denied", LOOK, "continued without checking")
