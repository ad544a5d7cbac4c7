"""Two stacks and one image: an account's permission is one thing in AWS, whoever declares it."""

import shutil
from pathlib import Path

import pytest

from local.cloud import LocalCloud
from tests.engine.harness import LEGAL, SALES, Stack

pytestmark = pytest.mark.nightly


@pytest.fixture
def other(tmp_path: Path, cloud: LocalCloud, stack: Stack) -> Stack:
    """Return another stack of the same owner, with a state of its own."""
    folder = tmp_path / "other"
    shutil.copytree(tmp_path / "state", folder / "state")
    return Stack(folder, cloud)


def test_different_accounts_at_the_same_time(stack: Stack, other: Stack, cloud: LocalCloud, image: str) -> None:
    """Neither sees or touches the other's shares, in an update and in a destroy."""
    stack.shares(image, sales=SALES)
    other.shares(image, legal=LEGAL)
    cloud.latency = 0.2
    for command in (["up"], ["destroy"]):
        running = [each.start(*command, "--yes", "--skip-preview") for each in (stack, other)]
        outputs = [process.communicate(timeout=120)[0] for process in running]
        assert [process.returncode for process in running] == [0, 0], outputs
        assert cloud.shared_with(image) == ({SALES, LEGAL} if command == ["up"] else set())
    assert len(cloud.writes()) == 4


def test_same_share_in_both(stack: Stack, other: Stack, cloud: LocalCloud, image: str) -> None:
    """Both adopt it; the one that removes it revokes it; the other says so at its next preview, and heals."""
    for each in (stack, other):
        each.shares(image, sales=SALES)
        each.up()
        assert each.preview().clean
    other.destroy()
    assert cloud.shared_with(image) == set()
    assert "revoked outside Pulumi" in stack.preview().output
    stack.up()
    assert cloud.shared_with(image) == {SALES}


def test_exclusive_in_one_makes_the_other_foreign(stack: Stack, other: Stack, cloud: LocalCloud, image: str) -> None:
    """An exclusive list speaks for the whole image: the other stack's account is named, and revoked by the update."""
    other.shares(image, legal=LEGAL)
    other.up()
    stack.program(f"ImageShares('golden', image_id={image!r}, accounts={{'sales': {SALES!r}}}, exclusive=True)")
    assert LEGAL in stack.preview().line("is shared with", "not on the list")
    stack.up()
    assert cloud.shared_with(image) == {SALES}
    assert "revoked outside Pulumi" in other.preview().output
