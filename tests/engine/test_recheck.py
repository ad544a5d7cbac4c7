"""`workspaces-images:recheck`: what a preview does if the check of the shares in AWS fails."""

from local.cloud import LocalCloud
from tests.engine.harness import SALES, Stack

LOOK = "workspaces:DescribeWorkspaceImagePermissions"


def test_failed_check(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """By default it is an error. With `warn` it is a warning, and the share is treated as unchanged."""
    stack.shares(image, sales=SALES)
    stack.up()
    cloud.deny(LOOK)
    assert stack.preview(ok=False).line("access denied", LOOK)
    stack.configuration["workspaces-images:recheck"] = "warn"
    run = stack.preview()
    assert run.clean
    assert run.line("warning:", "access denied", LOOK, "continued without checking")
