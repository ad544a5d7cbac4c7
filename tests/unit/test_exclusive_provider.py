"""The provider's operations on an exclusive list, tested on the local cloud."""

import pytest

from local.cloud import LocalCloud
from pulumi_workspaces_images.errors import AccessDenied, ExpectedError, NotTheOwner
from pulumi_workspaces_images.share import Share
from tests.unit.helpers import GRANT, LEGAL, LIST, OTHER, OWNER, REGION, SALES, UNLISTED, UNLISTED_TOO, Command, Owner

# create and update.


def outputs(image: str, accounts: list[str], revoked: list[str], report_only: bool = False) -> dict[str, object]:
    return {
        "image_id": image,
        "shared_account_ids": accounts,
        "report_only": report_only,
        "region": REGION,
        "owner_account_id": OWNER,
        "revoked_account_ids": revoked,
    }


def test_create_revokes_the_shares_of_unlisted_accounts(cloud: LocalCloud, owner: Owner) -> None:
    """It names the accounts in the outputs and in its messages. The id of the resource is that of the image."""
    cloud.share(owner.image, UNLISTED_TOO)
    result = owner.create(SALES, LEGAL)
    assert result.id == owner.image
    assert result.outs == outputs(owner.image, [SALES, LEGAL], [UNLISTED_TOO, UNLISTED])
    assert cloud.shared_with(owner.image) == {SALES}
    assert owner.command.engine.infos == [
        f"image {owner.image} in {REGION} was unshared from {account}, not on the list of its ImageSharesExclusive"
        for account in (UNLISTED_TOO, UNLISTED)
    ]


def test_empty_list_revokes_every_share(cloud: LocalCloud, owner: Owner) -> None:
    owner.create()
    assert cloud.shared_with(owner.image) == set()


def test_outputs_name_only_the_accounts_that_the_last_update_revoked(owner: Owner) -> None:
    olds = owner.olds(SALES, revoked_account_ids=[UNLISTED_TOO])
    assert owner.update(olds, owner.news(SALES, UNLISTED)).outs == outputs(owner.image, [SALES, UNLISTED], [])


def test_list_that_only_reports_revokes_nothing(cloud: LocalCloud, owner: Owner) -> None:
    result = owner.update(owner.olds(SALES), owner.news(SALES, report_only=True))
    assert result.outs == outputs(owner.image, [SALES], [], report_only=True)
    assert cloud.writes() == []
    assert owner.command.engine.infos == []


def test_update_revokes_the_share_of_an_account_that_is_removed_from_the_list(cloud: LocalCloud, owner: Owner) -> None:
    """There may be no other resource that would revoke this share (case 2). All outputs stay in the state."""
    cloud.share(owner.image, LEGAL)
    olds, news = owner.olds(SALES, LEGAL), owner.news(SALES)
    assert owner.update(olds, news).outs == outputs(owner.image, [SALES], [LEGAL, UNLISTED])
    assert cloud.shared_with(owner.image) == {SALES}
    assert owner.diff(owner.olds(SALES), news).changes is False


def test_list_that_only_reports_does_not_revoke_the_share_of_an_account_that_is_removed_from_it(
    cloud: LocalCloud, owner: Owner
) -> None:
    """The share's own resource may revoke it. If the account still has access, the next preview names it."""
    owner.update(owner.olds(SALES, UNLISTED, report_only=True), owner.news(SALES, report_only=True))
    assert cloud.shared_with(owner.image) == {SALES, UNLISTED}
    assert owner.warnings == []
    after = Owner(Command(cloud), owner.image)
    after.check(SALES, olds=after.olds(SALES, report_only=True), report_only=True)
    assert after.warnings == [after.warning(UNLISTED, what="only reported")]


def test_share_that_the_same_update_has_revoked_is_not_revoked_again(cloud: LocalCloud, owner: Owner) -> None:
    """With `delete_before_replace` the share's own resource revokes it first."""
    owner.command.delete(Share(owner.image, UNLISTED, REGION))
    result = owner.create(SALES)
    assert result.outs is not None
    assert result.outs["revoked_account_ids"] == []
    assert len(cloud.writes()) == 1


@pytest.mark.parametrize("recheck", ["warn", "off"])
def test_nothing_is_revoked_if_this_update_has_not_listed_the_image(
    cloud: LocalCloud, shared_image: str, recheck: str
) -> None:
    cloud.deny(f"workspaces:{LIST}")
    owner = Owner(Command(cloud, recheck=recheck), shared_image)
    assert owner.update(owner.olds(SALES), owner.news(LEGAL)).outs == outputs(shared_image, [LEGAL], [])
    assert cloud.writes() == []
    assert cloud.shared_with(shared_image) == {SALES, UNLISTED}
    assert owner.warnings[-1].endswith(f"because workspaces-images:recheck is {recheck}")


def test_strict_update_that_may_not_list_the_image_fails_and_revokes_nothing(cloud: LocalCloud, owner: Owner) -> None:
    cloud.deny(f"workspaces:{LIST}")
    with pytest.raises(AccessDenied):
        owner.update(owner.olds(SALES), owner.news(SALES))
    assert cloud.shared_with(owner.image) == {SALES, UNLISTED}


def test_other_shares_are_revoked_if_aws_refuses_to_revoke_one(cloud: LocalCloud, owner: Owner) -> None:
    """The update fails, and the messages name the shares that were revoked."""
    for account in (LEGAL, UNLISTED_TOO):
        cloud.share(owner.image, account)
    cloud.fail(GRANT, "OperationNotSupportedException", message="Not now.")
    with pytest.raises(ExpectedError, match=f"^unsharing image .* from {LEGAL} in {REGION}.*Not now"):
        owner.create(SALES)
    assert owner.command.engine.infos == [
        f"image {owner.image} in {REGION} was unshared from {account}, not on the list of its ImageSharesExclusive"
        for account in (UNLISTED_TOO, UNLISTED)
    ]
    assert cloud.shared_with(owner.image) == {SALES, LEGAL}


def test_share_that_the_program_declares_is_not_revoked(cloud: LocalCloud, owner: Owner) -> None:
    """The update refuses it even if no check could find the contradiction in time."""
    owner.command.process.ledger.declare(Share(owner.image, UNLISTED, REGION))
    with pytest.raises(ExpectedError, match="kept because the program also declares an ImageShare of it"):
        owner.create(SALES)
    assert cloud.shared_with(owner.image) == {SALES, UNLISTED}


def test_nothing_is_revoked_before_the_owner_is_known(cloud: LocalCloud, owner: Owner) -> None:
    """An update that cannot record the owner in the state fails before it writes."""
    cloud.fail("GetCallerIdentity", "AccessDeniedException")
    with pytest.raises(AccessDenied, match="sts:GetCallerIdentity"):
        owner.create(SALES)
    assert cloud.writes() == []


# read and delete.


def test_refresh_changes_nothing_in_the_state_if_the_image_exists(cloud: LocalCloud, owner: Owner) -> None:
    properties = owner.olds(SALES, revoked_account_ids=[UNLISTED_TOO])
    result = owner.read(properties)
    assert result.id == owner.image
    assert result.outs == outputs(owner.image, [SALES], [UNLISTED_TOO])
    assert result.inputs == {
        name: properties[name] for name in ("image_id", "shared_account_ids", "report_only", "region")
    }
    assert cloud.writes() == []


def test_refresh_removes_the_list_of_a_deleted_image_from_the_state(cloud: LocalCloud, owner: Owner) -> None:
    """The caller must be the owner of the image."""
    cloud.remove_image(owner.image)
    result = owner.read(owner.olds(SALES))
    assert (result.id, result.outs, result.inputs) == ("", {}, None)


def test_refresh_fails_if_the_image_is_not_found_and_the_caller_is_unknown(
    cloud: LocalCloud, shared_image: str
) -> None:
    """The image may exist and belong to another account (law 10)."""
    cloud.remove_image(shared_image)
    owner = Owner(Command(cloud, skipRequestingAccountId="true"), shared_image)
    with pytest.raises(ExpectedError, match="aws:skipRequestingAccountId"):
        owner.read(owner.olds(SALES))


def test_refresh_fails_if_access_is_denied(cloud: LocalCloud, owner: Owner) -> None:
    """The list stays in the state."""
    cloud.deny("workspaces:*")
    with pytest.raises(AccessDenied):
        owner.read(owner.olds(SALES))


@pytest.mark.parametrize("properties", [{}, {"region": REGION}])
def test_read_by_id_is_refused(cloud: LocalCloud, owner: Owner, properties: dict[str, object]) -> None:
    """The id does not contain the accounts. The message says what to do instead."""
    with pytest.raises(ExpectedError) as caught:
        owner.read({**properties, "__provider": "reference"})
    assert str(caught.value) == (
        f"reading the exclusive shares of {owner.image}: they cannot be read by id; declare them instead"
    )
    assert cloud.calls == []


@pytest.mark.parametrize("account", [OTHER, SALES], ids=["other account", "recipient"])
@pytest.mark.parametrize("operation", ["read", "delete"])
def test_another_account_cannot_remove_the_list_from_the_state(
    cloud: LocalCloud, owner: Owner, account: str, operation: str
) -> None:
    """The message names the owner and the caller, and says what to do (law 10)."""
    other = Owner(Command(cloud, account), owner.image)
    with pytest.raises(NotTheOwner) as caught:
        getattr(other.command.exclusive, operation)(owner.image, other.olds(SALES))
    doing = {"read": "reading the exclusive shares", "delete": "deleting the exclusive list"}[operation]
    assert str(caught.value) == (
        f"{doing} of image {owner.image} in {REGION}; image {owner.image} is owned by account {OWNER}, and the caller "
        f"is account {account} (arn:aws:iam::{account}:user/TEST): use the owner's credentials; the "
        "resource stays in the state"
    )


def test_another_account_does_not_become_the_owner_in_the_state(cloud: LocalCloud, owner: Owner) -> None:
    """With `recheck: off` the update compares the accounts, because the owner could not refresh or delete the list."""
    other = Owner(Command(cloud, OTHER, recheck="off"), owner.image)
    with pytest.raises(NotTheOwner, match=f"is owned by account {OWNER}, and the caller is account {OTHER} "):
        other.update(other.olds(SALES), other.news(SALES, LEGAL))


def test_delete_of_a_list_revokes_nothing(cloud: LocalCloud, owner: Owner) -> None:
    """It only checks that the caller is the owner."""
    owner.command.exclusive.delete(owner.image, owner.olds(SALES))
    assert [call.operation for call in cloud.calls] == ["GetCallerIdentity"]
    assert cloud.shared_with(owner.image) == {SALES, UNLISTED}
