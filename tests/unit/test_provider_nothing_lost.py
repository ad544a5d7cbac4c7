"""Law 1: nothing that the program declares is lost in an update.

Each test makes the engine's calls in its order.
"""

import pytest

from local.cloud import LocalCloud
from pulumi_workspaces_images.aws.permissions import Permissions
from pulumi_workspaces_images.errors import AccessDenied, ExpectedError, Unanswered
from pulumi_workspaces_images.share import Share
from tests.unit.helpers import DESCRIBE, GRANT, LEGAL, LIST, MODES, OWNER, REGION, SALES, UNKNOWN, Command, outputs


def test_renamed_share_stays(cloud: LocalCloud, command: Command, shared: Share) -> None:
    """To the engine a new resource and an old one; the old one's delete knows better, and says so."""
    command.declare(shared)
    command.create(shared)
    command.delete(shared)
    assert cloud.shared_with(shared.image_id) == {SALES}
    assert [call.parameters["AllowCopyImage"] for call in cloud.writes()] == [True]
    assert command.engine.infos == [
        f"image {shared.image_id} stays shared with {SALES} in {REGION}: "
        "another resource of the program declares the share"
    ]


def test_share_declared_twice_and_one_removed(cloud: LocalCloud, command: Command, shared: Share) -> None:
    """The one that stays is unchanged, and keeps the share."""
    command.declare(shared)
    assert command.diff(shared).changes is False
    command.delete(shared)
    assert cloud.shared_with(shared.image_id) == {SALES}


def test_accounts_swapped(cloud: LocalCloud, command: Command, shared: Share) -> None:
    """Two replacements: both new ones come before both old ones go."""
    legal = shared._replace(shared_account_id=LEGAL)
    cloud.share(legal.image_id, LEGAL)
    for old, new in ((shared, legal), (legal, shared)):
        command.declare(new)
        assert command.diff(old, new).replaces
        command.declare(new)  # a replaced resource gets a second check
        command.create(new)
    command.delete(shared)
    command.delete(legal)
    assert cloud.shared_with(shared.image_id) == {SALES, LEGAL}


def test_only_the_same_share_is_kept(cloud: LocalCloud, command: Command, shared: Share) -> None:
    """What else is declared, of the same image or for the same account, keeps nothing."""
    other = cloud.create_image()
    command.declare(shared._replace(shared_account_id=LEGAL))
    command.declare(shared._replace(image_id=other))
    command.delete(shared)
    assert cloud.shared_with(shared.image_id) == set()


def test_looking_declares_nothing(cloud: LocalCloud, command: Command, shared: Share) -> None:
    """`up --refresh` reads and diffs what is no longer declared: it is revoked all the same."""
    command.read(shared)
    command.diff(shared)
    command.delete(shared)
    assert cloud.shared_with(shared.image_id) == set()


def test_healing_declares_nothing(cloud: LocalCloud, command: Command, share: Share) -> None:
    """Check alone declares."""
    command.update(share)
    command.delete(share)
    assert cloud.shared_with(share.image_id) == set()


def test_declaration_ends_with_its_command(cloud: LocalCloud, shared: Share) -> None:
    """What the last update declared does not bind this one."""
    Command(cloud).declare(shared)
    Command(cloud).delete(shared)
    assert cloud.shared_with(shared.image_id) == set()


def test_unknown_share_is_not_declared(cloud: LocalCloud, command: Command, shared: Share) -> None:
    """Nobody knows yet what will be declared; its grant comes before any delete."""
    command.check(shared.image_id, UNKNOWN, REGION)
    command.delete(shared)
    assert cloud.shared_with(shared.image_id) == set()


def test_unknown_share_contradicts_no_list(command: Command, image: str) -> None:
    """It may turn out to be on the list of an `ImageSharesExclusive`, whichever of the two is checked first."""
    news = {"image_id": image, "shared_account_ids": [SALES], "report_only": False, "region": REGION}
    for _ in range(2):
        assert not command.check(image, UNKNOWN, REGION).failures
        assert not command.exclusive.check({}, news).failures


@pytest.mark.parametrize("recheck", MODES)
def test_revoked_before_it_was_declared(cloud: LocalCloud, shared: Share, recheck: str) -> None:
    """With `delete_before_replace` a delete comes before later checks: what they then declare is granted again."""
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


def test_revoke_that_fails_and_took_effect(cloud: LocalCloud, command: Command, shared: Share) -> None:
    """Nobody knows how it ended: who declares the share later grants it again."""
    cloud.lose_response(GRANT)
    cloud.fail(LIST, "AccessDeniedException")  # the look that would settle it
    with pytest.raises(Unanswered):
        command.delete(shared)
    command.declare(shared)
    assert command.diff(shared).changes is True
    command.update(shared)
    assert cloud.shared_with(shared.image_id) == {SALES}


def test_granted_again_is_unchanged(cloud: LocalCloud, command: Command, shared: Share) -> None:
    """A share that was revoked and granted again in one update is there."""
    command.delete(shared)
    command.declare(shared)
    command.create(shared)
    assert command.diff(shared).changes is False
    command.delete(shared)
    assert cloud.shared_with(shared.image_id) == {SALES}


def test_image_that_was_gone_when_it_was_revoked(cloud: LocalCloud, command: Command, shared: Share) -> None:
    """What counts as revoked, because the image is gone, is an update for whoever declares it later."""
    cloud.remove_image(shared.image_id)
    command.delete(shared)
    assert command.diff(shared).changes is True


def test_failed_grant_keeps_the_old_resource(cloud: LocalCloud, command: Command, shared: Share) -> None:
    """The new resource could not take over: the old one stays in the state, and the share in the cloud."""
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


def test_share_that_was_kept_and_lost_since_is_not_taken_for_granted(
    cloud: LocalCloud, command: Command, shared: Share
) -> None:
    """Only a look made since the grant failed tells that the share lives on."""
    assert command.diff(shared).changes is False  # lists the image
    command.declare(shared)
    command.delete(shared)
    cloud.unshare(shared.image_id, SALES)
    cloud.fail(GRANT, "AccessDeniedException", message="Not now.")
    with pytest.raises(AccessDenied, match="Not now"):
        command.create(shared)


def test_grant_without_outputs_keeps_the_old_resource(cloud: LocalCloud, command: Command, shared: Share) -> None:
    """Who cannot say whose image it is, is not in the state either."""
    command.process.ledger.declare(shared)
    cloud.fail("GetCallerIdentity", "AccessDeniedException")
    with pytest.raises(AccessDenied):
        command.create(shared)
    with pytest.raises(ExpectedError, match="kept"):
        command.delete(shared)


def test_check_that_finds_something_keeps_the_old_resource(cloud: LocalCloud, command: Command, shared: Share) -> None:
    """A resource that fails its check does not take over."""
    cloud.set_image(shared.image_id, state="PENDING")
    assert command.check(*shared).failures
    with pytest.raises(ExpectedError, match="kept"):
        command.delete(shared)
    assert cloud.writes() == []


@pytest.mark.parametrize("action", [f"workspaces:{DESCRIBE}", "organizations:DescribeAccount"])
def test_check_that_fails_keeps_the_old_resource(cloud: LocalCloud, shared: Share, action: str) -> None:
    """Neither does one whose check ends in an error."""
    command = Command(cloud, own={"requireOrganization": "true"})
    cloud.deny(action)
    with pytest.raises(AccessDenied):
        command.check(*shared)
    with pytest.raises(ExpectedError, match="kept"):
        command.delete(shared)
    assert cloud.writes() == []


def test_failure_of_another_share_keeps_nothing(cloud: LocalCloud, command: Command, shared: Share) -> None:
    """A share that does not pass its check for reasons of its own is nobody else's."""
    assert command.check(shared.image_id, OWNER).failures
    assert command.check(shared.image_id, "x").failures
    command.delete(shared)
    assert cloud.shared_with(shared.image_id) == set()


def test_warning_is_no_failure(cloud: LocalCloud, shared: Share) -> None:
    """With `warn` a look that fails keeps nobody from taking over."""
    cloud.deny(f"workspaces:{DESCRIBE}")
    command = Command(cloud, recheck="warn")
    command.declare(shared)
    command.create(shared)
    command.delete(shared)
    assert cloud.shared_with(shared.image_id) == {SALES}


@pytest.mark.parametrize("operation", ["check", "create"])
def test_bug_keeps_the_old_resource(
    command: Command, shared: Share, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    """Whatever kept the new resource from taking over, the old one stays in the state."""
    command.process.ledger.declare(shared)

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Permissions, "describe" if operation == "check" else "grant", fail)
    with pytest.raises(ZeroDivisionError):
        command.check(*shared) if operation == "check" else command.create(shared)
    with pytest.raises(ExpectedError, match="kept"):
        command.delete(shared)


def kept(command: Command, share: Share) -> None:
    """Delete the old resource of a share that another one declares, before that one grants it."""
    command.declare(share)
    command.delete(share)


@pytest.mark.parametrize("operation", ["create", "update"])
def test_failed_grant_of_a_share_whose_old_resource_is_gone(
    cloud: LocalCloud, command: Command, shared: Share, operation: str
) -> None:
    """With `delete_before_replace` no state would hold the share: as it lives on, the new resource takes it over."""
    kept(command, shared)
    cloud.fail(GRANT, "AccessDeniedException", times=None)
    assert getattr(command, operation)(shared).outs == outputs(shared)
    command.delete(shared)  # a second old resource: the share is held, and stays
    assert cloud.shared_with(shared.image_id) == {SALES}


def test_failed_grant_of_a_kept_share_that_is_not_there(cloud: LocalCloud, command: Command, share: Share) -> None:
    """Nothing lives on that the state would have to hold: the grant has failed, and says why."""
    kept(command, share)
    cloud.fail(GRANT, "AccessDeniedException", message="Not now.")
    with pytest.raises(AccessDenied, match="Not now"):
        command.create(share)
    assert cloud.shared_with(share.image_id) == set()


def test_failed_grant_of_a_kept_share_that_cannot_be_looked_at(
    cloud: LocalCloud, command: Command, shared: Share
) -> None:
    """Nothing is guessed: the failure is the grant's own, not that of the look after it."""
    kept(command, shared)
    cloud.deny("workspaces:*")
    with pytest.raises(AccessDenied, match=f"^sharing image .*the caller needs workspaces:{GRANT}"):
        command.create(shared)
    assert command.process.ledger._entry(shared).failed


@pytest.mark.parametrize("broken", [["grant"], ["is_shared"]], ids=["grant", "look"])
def test_bug_while_a_kept_share_is_taken_over(
    cloud: LocalCloud, command: Command, shared: Share, monkeypatch: pytest.MonkeyPatch, broken: list[str]
) -> None:
    """That the share lives on hides no bug, neither in the grant nor in the look after it."""
    kept(command, shared)
    cloud.fail(GRANT, "AccessDeniedException")

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    for name in broken:
        monkeypatch.setattr(Permissions, name, fail)
    with pytest.raises(ZeroDivisionError):
        command.create(shared)


def test_failed_grant_of_another_share_than_the_kept_one(cloud: LocalCloud, command: Command, shared: Share) -> None:
    """A share that merely is there is not taken over by a grant that failed: its old resource is still in the state."""
    cloud.share(shared.image_id, LEGAL)
    kept(command, shared)
    cloud.fail(GRANT, "AccessDeniedException")
    with pytest.raises(AccessDenied):
        command.create(shared._replace(shared_account_id=LEGAL))


def test_share_that_contradicts_a_list_keeps_the_old_resource(
    cloud: LocalCloud, command: Command, shared: Share
) -> None:
    """A resource that fails its check for the list's sake does not take over."""
    command.process.ledger.declare_exclusive(shared.image_id, REGION, frozenset())
    assert command.check(*shared).failures
    with pytest.raises(ExpectedError, match="kept"):
        command.delete(shared)
    assert cloud.writes() == []
