"""The differences of an image share: changed arguments, and drift."""

import pytest

from local.cloud import LocalCloud
from pulumi_workspaces_images.errors import AccessDenied
from pulumi_workspaces_images.share import Share
from tests.unit.helpers import LEGAL, LIST, MODES, REGION, SALES, UNKNOWN, Command, state


@pytest.mark.parametrize("recheck", MODES)
def test_existing_share_is_unchanged(cloud: LocalCloud, shared: Share, recheck: str) -> None:
    """There is no message. AWS is asked once, or not at all if `recheck` is off."""
    command = Command(cloud, recheck=recheck)
    result = command.diff(shared)
    assert result.changes is False
    assert not result.replaces
    assert command.engine.warnings == command.engine.infos == []
    assert cloud.count(LIST) == (recheck != "off")


def test_share_that_another_process_has_granted_is_unchanged(cloud: LocalCloud, command: Command, share: Share) -> None:
    """This process may have listed the image before, so the record decides."""
    command.process.ledger.granted(share)
    assert command.diff(share).changes is False
    assert cloud.calls == []


@pytest.mark.parametrize(
    ("change", "replaces"),
    [
        ({"shared_account_id": LEGAL}, ["shared_account_id"]),
        ({"image_id": "wsi-999999999", "region": "eu-west-1"}, ["image_id", "region"]),
    ],
)
def test_changed_identity_replaces_the_share(
    cloud: LocalCloud, command: Command, shared: Share, change: dict[str, str], replaces: list[str]
) -> None:
    """AWS is not asked. The new share is granted before the old one is revoked."""
    result = command.diff(shared, shared._replace(**change))
    assert result.changes is True
    assert result.replaces == replaces
    assert not result.delete_before_replace
    assert cloud.calls == []


@pytest.mark.parametrize("name", ["image_id", "shared_account_id", "region"])
def test_unknown_identity_replaces_the_share(cloud: LocalCloud, command: Command, shared: Share, name: str) -> None:
    """An unknown value may differ from the one in the state."""
    result = command.provider.diff(shared.id, state(shared), {**shared._asdict(), name: UNKNOWN})
    assert result.changes is True
    assert result.replaces == [name]
    assert cloud.calls == []


@pytest.mark.parametrize("recheck", ["strict", "warn"])
def test_revoked_share_is_an_update(cloud: LocalCloud, share: Share, recheck: str) -> None:
    """The warning names the share and says what happened. Up grants it again without a replacement."""
    command = Command(cloud, recheck=recheck)
    result = command.diff(share)
    assert result.changes is True
    assert not result.replaces
    assert command.engine.warnings == [
        f"image {share.image_id} is no longer shared with {SALES} in {REGION}: the share was revoked outside Pulumi; "
        "`pulumi up` grants it again"
    ]


@pytest.mark.parametrize(("preview", "what"), [(True, "`pulumi up`"), (False, "the update")])
def test_warning_says_what_grants_the_share_again(command: Command, share: Share, preview: bool, what: str) -> None:
    """In an update that is the update itself. Until then no resource holds the share."""
    command.provider.check(state(share), {**share._asdict(), "_preview": preview})
    command.diff(share)
    (warning,) = command.engine.warnings
    assert warning.endswith(f"was revoked outside Pulumi; {what} grants it again")
    assert not command.process.ledger.is_held(share)


def test_diff_without_permission_to_list(cloud: LocalCloud, share: Share) -> None:
    """With `recheck` strict it fails. With warn it warns, and treats the share as unchanged."""
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
    """Check, diff and read do not change a share."""
    missing = shared._replace(shared_account_id=LEGAL)
    for share in (shared, missing):
        command.declare(share)
        command.diff(share)
        command.read(share)
    assert cloud.writes() == []
