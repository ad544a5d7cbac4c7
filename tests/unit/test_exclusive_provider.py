"""The lifecycle of exclusive ownership, operation by operation, against the local cloud."""

from typing import Any

import pytest

from local.cloud import AwsError, Call, LocalCloud, Response
from pulumi_workspaces_images.errors import AccessDenied, ExpectedError, NotTheOwner
from pulumi_workspaces_images.share import Share
from tests.unit.helpers import FOREIGN, GRANT, LEGAL, LIST, OTHER, OWNER, REGION, SALES, STRANGER, Command, Owner

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


def test_create_revokes_what_is_foreign(cloud: LocalCloud, owner: Owner) -> None:
    """Its id is the image; what was revoked is in the outputs and in the diagnostics."""
    cloud.share(owner.image, OTHER)
    result = owner.create(SALES, LEGAL)
    assert result.id == owner.image
    assert result.outs == outputs(owner.image, [SALES, LEGAL], [OTHER, FOREIGN])
    assert cloud.shared_with(owner.image) == {SALES}
    assert owner.command.engine.infos == [
        f"image {owner.image} in {REGION} was unshared from {account}, not on the list of its ImageSharesExclusive"
        for account in (OTHER, FOREIGN)
    ]


def test_empty_list_is_nobody(cloud: LocalCloud, owner: Owner) -> None:
    """Every share is foreign to it."""
    owner.create()
    assert cloud.shared_with(owner.image) == set()


def test_update_revokes_what_is_foreign(cloud: LocalCloud, owner: Owner) -> None:
    """It returns all outputs: those it leaves out would vanish from the state."""
    news = owner.news(SALES)
    assert owner.update(owner.olds(SALES), news).outs == outputs(owner.image, [SALES], [FOREIGN])
    assert cloud.shared_with(owner.image) == {SALES}
    assert owner.diff(owner.olds(SALES), news).changes is False


def test_revoked_accounts_are_those_of_the_last_update(owner: Owner) -> None:
    """What an earlier one revoked is history."""
    olds = owner.olds(SALES, revoked_account_ids=[OTHER])
    assert owner.update(olds, owner.news(SALES, FOREIGN)).outs == outputs(owner.image, [SALES, FOREIGN], [])


def test_report_revokes_nothing(cloud: LocalCloud, owner: Owner) -> None:
    """And records that nothing was revoked."""
    result = owner.update(owner.olds(SALES), owner.news(SALES, report_only=True))
    assert result.outs == outputs(owner.image, [SALES], [], report_only=True)
    assert cloud.writes() == []
    assert owner.command.engine.infos == []


def test_account_that_leaves_the_list_is_revoked_by_the_same_update(cloud: LocalCloud, owner: Owner) -> None:
    """Case 2: it may have no resource of its own that would revoke its share."""
    cloud.share(owner.image, LEGAL)
    result = owner.update(owner.olds(SALES, LEGAL), owner.news(SALES))
    assert result.outs is not None
    assert result.outs["revoked_account_ids"] == [LEGAL, FOREIGN]
    assert cloud.shared_with(owner.image) == {SALES}


def test_delete_of_a_share_that_the_list_has_revoked_asks_nothing(cloud: LocalCloud, owner: Owner) -> None:
    """Law 13: its own resource, if there is one, is deleted later in the same update."""
    owner.update(owner.olds(SALES, FOREIGN), owner.news(SALES))
    cloud.forget_calls()
    owner.command.delete(Share(owner.image, FOREIGN, REGION))
    assert cloud.calls == []


def test_account_that_leaves_a_list_that_only_reports_is_left_to_its_own_resource(
    cloud: LocalCloud, owner: Owner
) -> None:
    """If it still has access, the next preview names it."""
    owner.update(owner.olds(SALES, FOREIGN, report_only=True), owner.news(SALES, report_only=True))
    assert cloud.shared_with(owner.image) == {SALES, FOREIGN}
    assert owner.warnings == []
    after = Owner(Command(cloud), owner.image)
    after.check(SALES, olds=after.olds(SALES, report_only=True), report_only=True)
    assert after.warnings == [after.warning(FOREIGN, what="only reported")]


def test_what_the_same_update_granted_is_not_revoked(cloud: LocalCloud, owner: Owner) -> None:
    """A share that is new on the list may come before or after."""
    owner.command.create(Share(owner.image, LEGAL, REGION))
    owner.update(owner.olds(SALES), owner.news(SALES, LEGAL))
    assert cloud.shared_with(owner.image) == {SALES, LEGAL}


def test_what_the_same_update_revoked_is_not_revoked_again(cloud: LocalCloud, owner: Owner) -> None:
    """The account was unshared by its own resource, with `delete_before_replace`: it is gone."""
    owner.command.delete(Share(owner.image, FOREIGN, REGION))
    result = owner.create(SALES)
    assert result.outs is not None
    assert result.outs["revoked_account_ids"] == []
    assert len(cloud.writes()) == 1


@pytest.mark.parametrize("recheck", ["warn", "off"])
def test_nothing_is_revoked_without_a_look(cloud: LocalCloud, shared_image: str, recheck: str) -> None:
    """Who could not be looked at in this update is not revoked, even if the list says so."""
    cloud.deny(f"workspaces:{LIST}")
    owner = Owner(Command(cloud, recheck=recheck), shared_image)
    assert owner.update(owner.olds(SALES), owner.news(LEGAL)).outs == outputs(shared_image, [LEGAL], [])
    assert cloud.writes() == []
    assert cloud.shared_with(shared_image) == {SALES, FOREIGN}
    assert owner.warnings[-1].endswith(f"because workspaces-images:recheck is {recheck}")


def test_strict_update_that_may_not_look(cloud: LocalCloud, owner: Owner) -> None:
    """It fails, and has revoked nothing."""
    cloud.deny(f"workspaces:{LIST}")
    with pytest.raises(AccessDenied):
        owner.update(owner.olds(SALES), owner.news(SALES))
    assert cloud.shared_with(owner.image) == {SALES, FOREIGN}


def refuse(cloud: LocalCloud, account: str) -> None:
    """Let AWS refuse to unshare one account."""

    def intercept(call: Call, proceed: Any) -> Response:
        if call.operation == GRANT and call.parameters["SharedAccountId"] == account:
            raise AwsError("OperationNotSupportedException", "Not now.")
        response: Response = proceed()
        return response

    cloud.interceptors.append(intercept)


def test_revoke_that_is_refused_and_the_next_update(cloud: LocalCloud, owner: Owner) -> None:
    """One that cannot be revoked does not protect the others; the next update takes up where this one failed."""
    for account in (LEGAL, OTHER):
        cloud.share(owner.image, account)
    refuse(cloud, OTHER)
    with pytest.raises(ExpectedError, match=f"^unsharing image {owner.image} from {OTHER} in {REGION}.*Not now"):
        owner.create(SALES)
    assert owner.command.engine.infos == [
        f"image {owner.image} in {REGION} was unshared from {account}, not on the list of its ImageSharesExclusive"
        for account in (LEGAL, FOREIGN)
    ]
    assert cloud.shared_with(owner.image) == {SALES, OTHER}

    cloud.interceptors.pop()
    after = Owner(Command(cloud), owner.image)
    after.check(SALES)
    assert after.warnings == [after.warning(OTHER)]
    assert after.create(SALES).outs == outputs(owner.image, [SALES], [OTHER])
    assert cloud.shared_with(owner.image) == {SALES}


def test_share_that_the_program_declares_is_not_revoked(cloud: LocalCloud, owner: Owner) -> None:
    """Where the contradiction shows in no check: the share's own comes after the list's update."""
    owner.command.process.ledger.declare(Share(owner.image, FOREIGN, REGION))
    with pytest.raises(ExpectedError, match="kept because the program also declares an ImageShare of it"):
        owner.create(SALES)
    assert cloud.shared_with(owner.image) == {SALES, FOREIGN}


def test_nothing_is_revoked_before_the_owner_is_known(cloud: LocalCloud, owner: Owner) -> None:
    """An update that could not record whose image it is does not begin."""
    cloud.fail("GetCallerIdentity", "AccessDeniedException")
    with pytest.raises(AccessDenied, match="sts:GetCallerIdentity"):
        owner.create(SALES)
    assert cloud.writes() == []


def test_share_that_was_revoked_is_granted_again_by_who_declares_it(cloud: LocalCloud, owner: Owner) -> None:
    """A share that this process has revoked and then sees declared is an update."""
    owner.create(SALES)
    assert owner.command.diff(Share(owner.image, FOREIGN, REGION)).changes is True
    assert owner.command.diff(Share(owner.image, SALES, REGION)).changes is False
    assert owner.warnings == []


# read and delete.


def test_read_keeps_everything(cloud: LocalCloud, owner: Owner) -> None:
    """A refresh has nothing to record but whether the image is there."""
    properties = owner.olds(SALES, revoked_account_ids=[OTHER])
    result = owner.read(properties)
    assert result.id == owner.image
    assert result.outs == outputs(owner.image, [SALES], [OTHER])
    assert result.inputs == {
        name: properties[name] for name in ("image_id", "shared_account_ids", "report_only", "region")
    }
    assert cloud.writes() == []


def test_read_of_an_image_that_is_gone(cloud: LocalCloud, owner: Owner) -> None:
    """To its owner, what AWS does not know is gone."""
    cloud.remove_image(owner.image)
    result = owner.read(owner.olds(SALES))
    assert (result.id, result.outs, result.inputs) == ("", {}, None)


def test_not_found_means_nothing_without_a_caller(cloud: LocalCloud, shared_image: str) -> None:
    """Law 10: nobody can tell whether the image is gone."""
    cloud.remove_image(shared_image)
    owner = Owner(Command(cloud, skipRequestingAccountId="true"), shared_image)
    with pytest.raises(ExpectedError, match="aws:skipRequestingAccountId"):
        owner.read(owner.olds(SALES))


def test_owner_who_may_not_look(cloud: LocalCloud, owner: Owner) -> None:
    """Access denied is not gone."""
    cloud.deny("workspaces:*")
    with pytest.raises(AccessDenied):
        owner.read(owner.olds(SALES))


@pytest.mark.parametrize("properties", [{}, {"region": REGION}])
def test_read_by_id_is_refused(cloud: LocalCloud, owner: Owner, properties: dict[str, object]) -> None:
    """The id does not say which accounts are meant; the message says what to do instead."""
    with pytest.raises(ExpectedError) as caught:
        owner.read({**properties, "__provider": "reference"})
    assert str(caught.value) == (
        f"reading the exclusive shares of {owner.image}: they cannot be read by id; declare them instead"
    )
    assert cloud.calls == []


@pytest.mark.parametrize("account", [STRANGER, SALES], ids=["stranger", "recipient"])
@pytest.mark.parametrize("operation", ["read", "delete"])
def test_another_account_drops_no_list_from_the_state(
    cloud: LocalCloud, owner: Owner, account: str, operation: str
) -> None:
    """Law 10: the message says who owns, who asked and what to do."""
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
    """With `recheck: off` no check finds out: the real owner could then neither refresh nor delete the list."""
    other = Owner(Command(cloud, STRANGER, recheck="off"), owner.image)
    with pytest.raises(NotTheOwner, match=f"is owned by account {OWNER}, and the caller is account {STRANGER} "):
        other.update(other.olds(SALES), other.news(SALES, LEGAL))


def test_delete_revokes_nothing(cloud: LocalCloud, owner: Owner) -> None:
    """That the list is given up is no reason to revoke anything; the caller must be the owner, and that is all."""
    owner.command.exclusive.delete(owner.image, owner.olds(SALES))
    assert [call.operation for call in cloud.calls] == ["GetCallerIdentity"]
    assert cloud.shared_with(owner.image) == {SALES, FOREIGN}
