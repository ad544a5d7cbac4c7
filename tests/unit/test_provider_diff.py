"""What has changed about an image share: its arguments, and what a look at AWS finds."""

import pytest

from local.cloud import LocalCloud
from pulumi_workspaces_images.errors import AccessDenied
from pulumi_workspaces_images.share import Share
from tests.unit.helpers import LEGAL, LIST, MODES, REGION, SALES, UNKNOWN, Command, state


@pytest.mark.parametrize("recheck", MODES)
def test_share_that_is_there_is_unchanged(cloud: LocalCloud, shared: Share, recheck: str) -> None:
    """Nothing to do, nothing to say."""
    command = Command(cloud, recheck=recheck)
    result = command.diff(shared)
    assert result.changes is False
    assert not result.replaces
    assert command.engine.warnings == command.engine.infos == []
    assert cloud.count(LIST) == (recheck != "off")


@pytest.mark.parametrize(
    ("change", "replaces"),
    [
        ({"image_id": "wsi-999999999"}, ["image_id"]),
        ({"shared_account_id": LEGAL}, ["shared_account_id"]),
        ({"region": "eu-west-1"}, ["region"]),
        ({"image_id": "wsi-999999999", "region": "eu-west-1"}, ["image_id", "region"]),
    ],
)
def test_another_identity_is_a_replacement(
    cloud: LocalCloud, command: Command, shared: Share, change: dict[str, str], replaces: list[str]
) -> None:
    """Each part of the identity replaces, and needs no look; the new one is granted before the old one is revoked."""
    result = command.diff(shared, shared._replace(**change))
    assert result.changes is True
    assert result.replaces == replaces
    assert not result.delete_before_replace
    assert cloud.calls == []


@pytest.mark.parametrize("name", ["image_id", "shared_account_id", "region"])
def test_unknown_identity_is_a_replacement(cloud: LocalCloud, command: Command, shared: Share, name: str) -> None:
    """What is not known yet may be anything."""
    result = command.provider.diff(shared.id, state(shared), {**shared._asdict(), name: UNKNOWN})
    assert result.changes is True
    assert result.replaces == [name]
    assert cloud.calls == []


@pytest.mark.parametrize("recheck", ["strict", "warn"])
def test_share_that_disappeared_is_an_update(cloud: LocalCloud, share: Share, recheck: str) -> None:
    """The warning names the share and what happened; an update heals it without a replacement."""
    command = Command(cloud, recheck=recheck)
    result = command.diff(share)
    assert result.changes is True
    assert not result.replaces
    assert command.engine.warnings == [
        f"image {share.image_id} is no longer shared with {SALES} in {REGION}: the share was revoked outside Pulumi; "
        "`pulumi up` grants it again"
    ]


def test_diff_does_not_look_when_recheck_is_off(cloud: LocalCloud, share: Share) -> None:
    """Drift is not seen, as asked for."""
    assert Command(cloud, recheck="off").diff(share).changes is False
    assert cloud.calls == []


def test_diff_that_may_not_look(cloud: LocalCloud, share: Share) -> None:
    """Strict: an error. Warn: it says so, and takes the share for unchanged."""
    cloud.deny(f"workspaces:{LIST}")
    with pytest.raises(AccessDenied, match=f"the caller needs workspaces:{LIST}"):
        Command(cloud).diff(share)
    command = Command(cloud, recheck="warn")
    assert command.diff(share).changes is False
    assert command.diff(share._replace(shared_account_id=LEGAL)).changes is False
    (warning,) = command.engine.warnings
    assert warning.startswith(f"listing the shares of image {share.image_id} in {REGION}: access denied")
    assert warning.endswith("continued without checking because workspaces-images:recheck is warn")


def test_preview_writes_nothing(cloud: LocalCloud, command: Command, shared: Share) -> None:
    """Check, diff and read only look."""
    missing = shared._replace(shared_account_id=LEGAL)
    for share in (shared, missing):
        command.declare(share)
        command.diff(share)
        command.read(share)
    assert cloud.writes() == []
