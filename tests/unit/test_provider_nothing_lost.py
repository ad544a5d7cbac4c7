"""Law 1: an update never loses a share that the program declares.

Each test makes the calls of the engine, in the same order.
"""

import pytest

from local.cloud import LocalCloud
from pulumi_workspaces_images.aws.permissions import Permissions
from pulumi_workspaces_images.errors import AccessDenied, ExpectedError
from pulumi_workspaces_images.share import Share
from tests.unit.helpers import DESCRIBE, GRANT, MODES, REGION, SALES, UNKNOWN, Command, outputs


def test_share_of_a_renamed_resource_is_kept(cloud: LocalCloud, command: Command, shared: Share) -> None:
    """The engine creates a new resource and deletes the old one. The delete keeps the share, and says so."""
    command.declare(shared)
    command.create(shared)
    command.delete(shared)
    assert cloud.shared_with(shared.image_id) == {SALES}
    assert [call.parameters["AllowCopyImage"] for call in cloud.writes()] == [True]
    assert command.engine.infos == [
        f"image {shared.image_id} stays shared with {SALES} in {REGION}: "
        "another resource of the program declares the share"
    ]


@pytest.mark.parametrize("recheck", MODES)
def test_share_that_its_diff_finds_is_held(cloud: LocalCloud, shared: Share, recheck: str) -> None:
    """A second resource for it is deleted without a revoke. With `off` the diff goes by the state."""
    command = Command(cloud, recheck=recheck)
    command.declare(shared)
    assert not command.process.ledger.is_held(shared)
    command.diff(shared)
    assert command.process.ledger.is_held(shared)
    command.delete(shared)
    assert cloud.shared_with(shared.image_id) == {SALES}


def test_share_that_is_being_granted_is_not_held(
    command: Command, shared: Share, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a diff found before: a process that is killed in its grant must not seem to have the share."""
    held = []
    monkeypatch.setattr(Permissions, "grant", lambda *_: held.append(command.process.ledger.is_held(shared)))
    command.declare(shared)
    command.diff(shared)
    command.create(shared)
    assert held == [False]
    assert command.process.ledger.is_held(shared)


def test_only_check_declares_a_share(cloud: LocalCloud, command: Command, shared: Share) -> None:
    """`up --refresh` reads and diffs resources that are no longer declared, so their delete revokes."""
    command.read(shared)
    command.diff(shared)
    command.update(shared)
    command.delete(shared)
    assert cloud.shared_with(shared.image_id) == set()


def test_unknown_share_contradicts_no_list(command: Command, image: str) -> None:
    """The account may be on the list of an `ImageSharesExclusive`. The order of the checks does not matter."""
    news = {"image_id": image, "shared_account_ids": [SALES], "report_only": False, "region": REGION}
    for _ in range(2):
        assert not command.check(image, UNKNOWN, REGION).failures
        assert not command.exclusive.check({}, news).failures


@pytest.mark.parametrize("recheck", MODES)
def test_share_that_was_revoked_before_it_is_declared_is_granted_again(
    cloud: LocalCloud, shared: Share, recheck: str
) -> None:
    """With `delete_before_replace` the engine deletes a resource before it checks later ones."""
    command = Command(cloud, recheck=recheck)
    command.delete(shared)
    assert cloud.shared_with(shared.image_id) == set()
    command.declare(shared)
    cloud.forget_calls()
    result = command.diff(shared)
    assert result.changes is True
    assert not result.replaces
    assert cloud.calls == []
    assert command.engine.warnings == []
    command.update(shared)
    assert cloud.shared_with(shared.image_id) == {SALES}


def test_share_that_was_revoked_and_granted_again_is_unchanged(
    cloud: LocalCloud, command: Command, shared: Share
) -> None:
    command.delete(shared)
    command.declare(shared)
    command.create(shared)
    assert command.diff(shared).changes is False
    command.delete(shared)
    assert cloud.shared_with(shared.image_id) == {SALES}


def test_share_of_a_deleted_image_is_an_update_after_its_delete(
    cloud: LocalCloud, command: Command, shared: Share
) -> None:
    """The delete treats the share as revoked, because the image does not exist any more."""
    cloud.remove_image(shared.image_id)
    command.delete(shared)
    assert command.diff(shared).changes is True


def test_failed_grant_keeps_the_old_resource(cloud: LocalCloud, command: Command, shared: Share) -> None:
    """The new resource could not take the share over. So the old one stays in the state, and the share is kept."""
    command.declare(shared)
    cloud.fail(GRANT, "AccessDeniedException")
    with pytest.raises(AccessDenied):
        command.create(shared)
    with pytest.raises(ExpectedError) as caught:
        command.delete(shared)
    assert str(caught.value) == (
        f"unsharing image {shared.image_id} from {SALES} in {REGION}: kept because another resource declares the "
        "share and could not take it over; run `pulumi up` again"
    )
    assert cloud.shared_with(shared.image_id) == {SALES}
    command.create(shared)
    command.delete(shared)
    assert cloud.shared_with(shared.image_id) == {SALES}


def test_failed_grant_of_a_kept_share_that_was_revoked_meanwhile_fails(
    cloud: LocalCloud, command: Command, shared: Share
) -> None:
    """After a failed grant the provider lists the image again. The message is that of the grant."""
    assert command.diff(shared).changes is False  # lists the image
    command.declare(shared)
    command.delete(shared)
    cloud.unshare(shared.image_id, SALES)
    cloud.fail(GRANT, "AccessDeniedException", message="Not now.")
    with pytest.raises(AccessDenied, match="Not now"):
        command.create(shared)


def test_grant_without_outputs_keeps_the_old_resource(cloud: LocalCloud, command: Command, shared: Share) -> None:
    """If the owner is unknown, the create fails, and the new resource is not in the state."""
    command.process.ledger.declare(shared)
    cloud.fail("GetCallerIdentity", "AccessDeniedException")
    with pytest.raises(AccessDenied):
        command.create(shared)
    with pytest.raises(ExpectedError, match="kept"):
        command.delete(shared)


def test_check_that_finds_a_problem_keeps_the_old_resource(cloud: LocalCloud, command: Command, shared: Share) -> None:
    """A resource that fails its check cannot take the share over."""
    cloud.set_image(shared.image_id, state="PENDING")
    assert command.check(*shared).failures
    with pytest.raises(ExpectedError, match="kept"):
        command.delete(shared)
    assert cloud.writes() == []


@pytest.mark.parametrize("action", [f"workspaces:{DESCRIBE}", "organizations:DescribeAccount"])
def test_check_that_ends_with_an_error_keeps_the_old_resource(cloud: LocalCloud, shared: Share, action: str) -> None:
    command = Command(cloud, own={"requireOrganization": "true"})
    cloud.deny(action)
    with pytest.raises(AccessDenied):
        command.check(*shared)
    with pytest.raises(ExpectedError, match="kept"):
        command.delete(shared)
    assert cloud.writes() == []


def kept(command: Command, share: Share) -> None:
    """Delete the old resource of a share before the new resource grants it."""
    command.declare(share)
    command.delete(share)


@pytest.mark.parametrize("operation", ["create", "update"])
def test_kept_share_is_taken_over_even_if_its_grant_fails(
    cloud: LocalCloud, command: Command, shared: Share, operation: str
) -> None:
    """With `delete_before_replace` the old resource is gone. The share exists, and must be in the state."""
    kept(command, shared)
    cloud.fail(GRANT, "AccessDeniedException", times=None)
    assert getattr(command, operation)(shared).outs == outputs(shared)
    command.delete(shared)  # a second old resource: the share is kept, because the new resource is in the state
    assert cloud.shared_with(shared.image_id) == {SALES}


def test_failed_grant_of_a_kept_share_fails_if_the_image_cannot_be_listed(
    cloud: LocalCloud, command: Command, shared: Share
) -> None:
    """The message is that of the grant, and not that of the listing."""
    kept(command, shared)
    cloud.deny("workspaces:*")
    with pytest.raises(AccessDenied, match=f"^sharing image .*the caller needs workspaces:{GRANT}"):
        command.create(shared)
    assert command.process.ledger._entry(shared).failed


@pytest.mark.parametrize("broken", ["grant", "is_shared"])
def test_bug_is_raised_while_a_kept_share_is_taken_over(
    cloud: LocalCloud, command: Command, shared: Share, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    """This holds for a bug in the grant and in the listing after it. Another old resource stays in the state."""
    kept(command, shared)
    cloud.fail(GRANT, "AccessDeniedException")

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Permissions, broken, fail)
    with pytest.raises(ZeroDivisionError):
        command.create(shared)
    with pytest.raises(ExpectedError, match="kept"):
        command.delete(shared)
