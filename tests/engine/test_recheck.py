"""`workspaces-images:recheck`: what a look at AWS that fails, or is not made, does to preview and up."""

import pytest

from local.cloud import LocalCloud
from tests.engine.harness import SALES, Stack

LOOK = "workspaces:DescribeWorkspaceImagePermissions"


@pytest.fixture(autouse=True)
def _shared(stack: Stack, image: str) -> None:
    stack.shares(image, sales=SALES)
    stack.up()


def test_strict_is_the_default(stack: Stack, cloud: LocalCloud) -> None:
    """A look that fails is an error."""
    cloud.deny(LOOK)
    assert stack.preview(ok=False).line("access denied", LOOK)


def test_warn_says_so_and_goes_on(stack: Stack, cloud: LocalCloud) -> None:
    """A look that fails is a warning, and the share counts as unchanged."""
    stack.configuration["workspaces-images:recheck"] = "warn"
    cloud.deny(LOOK)
    run = stack.preview()
    assert run.clean
    assert run.line("warning:", "access denied", LOOK, "continued without checking")


@pytest.mark.nightly
def test_warn_still_finds_drift(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """A look that succeeds counts."""
    stack.configuration["workspaces-images:recheck"] = "warn"
    cloud.unshare(image, SALES)
    assert stack.preview().counts["update"] == 1


@pytest.mark.nightly
def test_warn_without_credentials(stack: Stack) -> None:
    """A preview without credentials is possible, and says what it could not see."""
    stack.configuration["workspaces-images:recheck"] = "warn"
    stack.configuration["aws:skipMetadataApiCheck"] = "true"
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        del stack.environment[name]
    run = stack.preview()
    assert run.clean
    assert run.line("warning:", "no usable AWS credentials")


@pytest.mark.nightly
def test_off_asks_nobody(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """AWS is not asked, neither in preview nor in up, and drift is not seen."""
    stack.configuration["workspaces-images:recheck"] = "off"
    cloud.unshare(image, SALES)
    cloud.forget_calls()
    assert stack.preview().clean
    assert stack.up().clean
    assert cloud.calls == []


@pytest.mark.nightly
def test_off_still_refuses_what_is_malformed(stack: Stack, image: str) -> None:
    """What needs no look is checked all the same."""
    stack.configuration["workspaces-images:recheck"] = "off"
    stack.shares(image, sales="12345")
    assert stack.preview(ok=False).line("shared_account_id", "12 digits")


@pytest.mark.nightly
def test_unknown_mode_is_refused(stack: Stack) -> None:
    """A typo does not turn the check off."""
    stack.configuration["workspaces-images:recheck"] = "never"
    assert stack.preview(ok=False).line("workspaces-images:recheck", "strict, warn or off")
