"""The lifecycle of an image share, operation by operation, against the local cloud."""

import pytest

from local.cloud import LocalCloud, Response
from pulumi_workspaces_images.aws.connection import Connection
from pulumi_workspaces_images.errors import AccessDenied, ExpectedError, NotFound, NotTheOwner, Refused
from pulumi_workspaces_images.share import Share
from tests.unit.helpers import GRANT, LEGAL, LIST, MODES, OTHER, OWNER, REGION, SALES, Command, outputs, state

# create and update.


def test_create_grants_or_adopts(cloud: LocalCloud, command: Command, share: Share) -> None:
    """The id consists of image and account, and the outputs name the owner."""
    for _ in range(2):
        result = command.create(share)
        assert cloud.shared_with(share.image_id) == {SALES}
        assert result.id == f"{share.image_id}/{SALES}"
        assert result.outs == outputs(share)


@pytest.mark.parametrize("operation", ["create", "update"])
def test_owner_is_read_from_the_image_if_the_caller_is_unknown(cloud: LocalCloud, share: Share, operation: str) -> None:
    """`aws:skipRequestingAccountId` forbids asking who the caller is. Both return all outputs, for the state."""
    command = Command(cloud, skipRequestingAccountId="true")
    assert getattr(command, operation)(share).outs == outputs(share)
    assert cloud.count("GetCallerIdentity") == 0


# read.


def test_read_of_a_share(command: Command, shared: Share) -> None:
    """It returns all outputs, and the inputs that the next update is compared with. A `get` has only the id."""
    for properties in (state(shared), {"__provider": "reference"}):
        result = command.provider.read(shared.id, properties)
        assert result.id == shared.id
        assert result.outs == outputs(shared)
        assert result.inputs == shared._asdict()


def test_read_of_a_share_that_is_gone(command: Command, share: Share) -> None:
    """Refresh removes it from the state. The warning says why, because the engine shows only the deletion."""
    result = command.read(share)
    assert (result.id, result.outs, result.inputs) == ("", {}, None)
    said = "the share was revoked outside Pulumi, or its image was deleted; refresh removes it from the state"
    assert command.engine.warnings == [said]


@pytest.mark.parametrize(
    ("account", "refusal", "operation"),
    [
        (OTHER, "not found", "read"),
        (OTHER, "access denied", "delete"),
        (SALES, "not found", "delete"),
        (SALES, "access denied", "read"),
    ],
)
def test_not_found_is_an_error_with_credentials_of_another_account(
    cloud: LocalCloud, shared: Share, account: str, refusal: str, operation: str
) -> None:
    """Nothing is treated as deleted, and the message names both accounts."""
    if refusal == "access denied":
        cloud.deny("workspaces:*", account)
    with pytest.raises(ExpectedError, match=refusal) as caught:
        getattr(Command(cloud, account), operation)(shared)
    line = str(caught.value)
    assert (
        f"; image {shared.image_id} is owned by account {OWNER}, and the caller is account {account} "
        f"(arn:aws:iam::{account}:user/TEST): use the owner's credentials; the resource stays in the state"
    ) in line
    assert cloud.shared_with(shared.image_id) == {SALES}


@pytest.mark.parametrize("operation", ["read", "delete"])
def test_not_found_is_an_error_if_the_caller_is_unknown(cloud: LocalCloud, shared: Share, operation: str) -> None:
    """The share stays in the state, and the message says which key to unset."""
    cloud.remove_image(shared.image_id)
    with pytest.raises(ExpectedError, match="not found") as caught:
        getattr(Command(cloud, skipRequestingAccountId="true"), operation)(shared)
    assert f"only the owner, account {OWNER}, can tell" in str(caught.value)
    assert "aws:skipRequestingAccountId forbids asking who the caller is: unset it" in str(caught.value)


@pytest.mark.parametrize("operation", ["read", "delete"])
@pytest.mark.parametrize("skip", [None, "true"], ids=["owner", "unknown caller"])
def test_access_denied(cloud: LocalCloud, shared: Share, skip: str | None, operation: str) -> None:
    """Nothing is treated as deleted, and the message does not mention the owner."""
    cloud.deny("workspaces:*")
    with pytest.raises(AccessDenied, match="access denied; the caller needs workspaces:") as caught:
        getattr(Command(cloud, skipRequestingAccountId=skip), operation)(shared)
    assert "owned by" not in str(caught.value)


@pytest.mark.parametrize("operation", ["read", "delete"])
def test_failed_request_for_the_caller(cloud: LocalCloud, shared: Share, operation: str) -> None:
    """Without the caller's identity nothing is treated as deleted."""
    cloud.remove_image(shared.image_id)
    cloud.fail("GetCallerIdentity", "AccessDeniedException")
    with pytest.raises(AccessDenied, match="sts:GetCallerIdentity"):
        getattr(Command(cloud), operation)(shared)


def test_read_in_a_region_that_boto3_does_not_know(
    command: Command, shared: Share, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refresh uses the Region in the state: a newer boto3 or `aws:skipRegionValidation` may have accepted it."""
    monkeypatch.setattr(Connection, "valid_region", lambda *_: pytest.fail("the Region was validated"))
    assert command.read(shared).outs == outputs(shared)


def test_empty_listing_is_an_error_with_credentials_of_another_account(cloud: LocalCloud, shared: Share) -> None:
    """AWS might show others an empty listing instead of refusing them. The share stays in the state."""
    empty = Response(200, {}, b"{}")
    cloud.interceptors.append(lambda call, proceed: empty if call.operation == LIST else proceed())
    said = f"not shared; image {shared.image_id} is owned by account {OWNER}, and the caller is account {OTHER} "
    with pytest.raises(ExpectedError, match=said):
        Command(cloud, OTHER).read(shared)


@pytest.mark.parametrize(
    ("operation", "asked", "doing"), [("read", LIST, "listing the shares of"), ("delete", GRANT, "unsharing")]
)
def test_other_failure_is_shown_unchanged(
    cloud: LocalCloud, command: Command, shared: Share, operation: str, asked: str, doing: str
) -> None:
    """Only "not found" and "access denied" need the caller's identity, which cannot be read here."""
    cloud.fail(asked, "OperationNotSupportedException", message="Not now.")
    cloud.fail("GetCallerIdentity", "AccessDeniedException")
    with pytest.raises(Refused, match=f"^{doing} image {shared.image_id} .*Not now"):
        getattr(command, operation)(shared)


def test_life_of_a_share_without_a_configured_region(cloud: LocalCloud, share: Share) -> None:
    """All requests go to the share's own Region, even those for the owner."""

    def command() -> Command:
        return Command(cloud, region=None)  # each command asks for its own caller

    assert command().create(share).outs == outputs(share)
    assert command().read(share).outs == outputs(share)
    command().delete(share)
    assert command().read(share).id == ""
    cloud.remove_image(share.image_id)
    assert command().read(share).id == ""
    command().delete(share)


@pytest.mark.parametrize("recheck", MODES)
def test_read_asks_aws_with_every_recheck(cloud: LocalCloud, share: Share, recheck: str) -> None:
    """`recheck` applies only to check and diff, because users run refresh to ask AWS."""
    assert Command(cloud, recheck=recheck).read(share).id == ""
    cloud.deny(f"workspaces:{LIST}")
    with pytest.raises(AccessDenied):
        Command(cloud, recheck=recheck).read(share)


def test_get_with_a_region(cloud: LocalCloud, command: Command) -> None:
    """The argument takes precedence over the configured Region."""
    share = Share(cloud.create_image(region="eu-west-1"), SALES, "eu-west-1")
    cloud.share(share.image_id, SALES)
    result = command.provider.read(share.id, {"region": "eu-west-1", "image_id": None, "shared_account_id": None})
    assert result.outs == outputs(share)


@pytest.mark.parametrize("properties", [{}, {"image_id": None, "shared_account_id": None, "region": None}])
def test_get_of_a_share_that_does_not_exist(command: Command, share: Share, properties: dict[str, object]) -> None:
    """The message says how to create it."""
    with pytest.raises(NotFound) as caught:
        command.provider.read(share.id, properties)
    assert str(caught.value) == (
        f"reading image share {share.id} in {REGION}: image {share.image_id} is not shared with {SALES}; "
        "declare an ImageShare to share it"
    )


@pytest.mark.parametrize("id_", ["", "sales", "wsi-0a1b2c3d4", "wsi-0a1b2c3d4/2222-2222-2222"])
def test_get_of_an_invalid_id(cloud: LocalCloud, command: Command, id_: str) -> None:
    """The message shows a valid id, and AWS is not called."""
    with pytest.raises(ExpectedError) as caught:
        command.provider.read(id_, {})
    assert str(caught.value) == (
        f"reading an image share: the id {id_!r} is not IMAGE/ACCOUNT, e.g. wsi-0a1b2c3d4/222222222222"
    )
    assert cloud.calls == []


def test_get_of_an_image_that_does_not_exist(command: Command) -> None:
    """The message names the share, and says that its image was not found."""
    with pytest.raises(NotFound) as caught:
        command.provider.read(f"wsi-unknown00/{SALES}", {})
    assert str(caught.value).startswith(
        f"reading image share wsi-unknown00/{SALES} in {REGION}: "
        f"listing the shares of image wsi-unknown00 in {REGION}: not found ("
    )


def test_get_in_an_invalid_region(cloud: LocalCloud, share: Share) -> None:
    """The message names the Region, and AWS is not called."""
    with pytest.raises(ExpectedError) as caught:
        Command(cloud).provider.read(share.id, {"region": "us-esat-1"})
    assert str(caught.value).startswith(
        f"reading image share {share.id}: region 'us-esat-1' is not a Region where WorkSpaces exists; did you mean us-"
    )
    assert cloud.calls == []


# delete.


def test_delete_revokes(cloud: LocalCloud, command: Command, shared: Share) -> None:
    """It is one call. Other shares of the image stay."""
    cloud.share(shared.image_id, LEGAL)
    command.delete(shared)
    assert [call.operation for call in cloud.calls] == [GRANT]
    assert cloud.shared_with(shared.image_id) == {LEGAL}
    assert command.engine.infos == []


@pytest.mark.parametrize(
    "answer",
    ["OperationNotSupportedException", "InvalidParameterValuesException", "ResourceNotFoundException", "success"],
)
def test_delete_of_a_share_that_is_already_revoked(
    cloud: LocalCloud, command: Command, share: Share, answer: str
) -> None:
    """It succeeds, whatever AWS answers."""
    cloud.answers["revoke_ungranted"] = answer
    command.delete(share)
    assert cloud.shared_with(share.image_id) == set()


@pytest.mark.parametrize("status", [400, 503], ids=["refused", "no answer"])
def test_failed_delete_with_credentials_of_another_account(cloud: LocalCloud, shared: Share, status: int) -> None:
    """An empty listing does not prove that the share is gone, so it stays in the state."""
    empty = Response(200, {}, b"{}")
    cloud.interceptors.append(lambda call, proceed: empty if call.operation == LIST else proceed())
    cloud.fail(GRANT, "OperationNotSupportedException", status, times=None)
    command = Command(cloud, OTHER)
    said = f"not shared; image {shared.image_id} is owned by account {OWNER}, and the caller is account {OTHER} "
    with pytest.raises(NotTheOwner, match=said):
        command.delete(shared)
    assert not command.process.ledger.is_gone(shared)


@pytest.mark.parametrize("owner", [{}, {"owner_account_id": None}, {"owner_account_id": ""}])
def test_not_found_is_an_error_if_the_state_names_no_owner(
    cloud: LocalCloud, shared: Share, owner: dict[str, object]
) -> None:
    """The caller may not be the owner, so the share stays in the state."""
    with pytest.raises(ExpectedError, match="not found"):
        Command(cloud, OTHER).provider.delete(shared.id, {**shared._asdict(), **owner})


def test_read_of_a_share_that_is_gone_if_the_state_names_no_owner(cloud: LocalCloud) -> None:
    """Refresh removes it from the state."""
    share = Share(cloud.create_image(owner=None), SALES, REGION)
    command = Command(cloud, skipRequestingAccountId="true")
    created = command.create(share).outs
    assert created is not None
    cloud.unshare(share.image_id, SALES)
    result = Command(cloud, skipRequestingAccountId="true").provider.read(share.id, created)
    assert result.id == ""
