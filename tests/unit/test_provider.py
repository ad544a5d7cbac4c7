"""The lifecycle of an image share, operation by operation, against the local cloud."""

import base64
import json
import math
import os
import pickle
import random
import sys
import threading
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import grpc
import pytest
from google.protobuf import json_format, struct_pb2
from pulumi.dynamic.dynamic import serialize_provider
from pulumi.runtime import rpc
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from local.cloud import AwsError, Call, LocalCloud, Response
from local.driver import Driver
from pulumi_workspaces_images.errors import AccessDenied, Bug, ExpectedError, NotFound, Refused, Unanswered, plainly
from pulumi_workspaces_images.permissions import Permissions
from pulumi_workspaces_images.provider import ImageShareProvider
from pulumi_workspaces_images.share import Share
from tests.unit.helpers import DESCRIBE, GRANT, LEGAL, LIST, OWNER, REGION, SALES, UNKNOWN, Command, state

STRANGER = "555555555555"
MODES = ["strict", "warn", "off"]

# What every version's state says of the provider.
REFERENCE = "gASVPwAAAAAAAACMIXB1bHVtaV93b3Jrc3BhY2VzX2ltYWdlcy5wcm92aWRlcpSMEkltYWdlU2hhcmVQcm92aWRlcpSTlCmBlC4="


@pytest.fixture
def command(cloud: LocalCloud) -> Command:
    """A command of the owner."""
    return Command(cloud)


@pytest.fixture
def image(cloud: LocalCloud) -> str:
    """A golden image of the owner."""
    return cloud.create_image()


@pytest.fixture
def share(image: str) -> Share:
    """A share of the image that nobody has granted."""
    return Share(image, SALES, REGION)


@pytest.fixture
def shared(cloud: LocalCloud, share: Share) -> Share:
    """The same share, granted by an earlier command."""
    cloud.share(share.image_id, share.shared_account_id)
    return share


def outputs(share: Share) -> dict[str, object]:
    return {**share._asdict(), "owner_account_id": OWNER}


# create and update.


def test_create_grants(cloud: LocalCloud, command: Command, share: Share) -> None:
    """The share exists, its id is image and account, and the outputs say who owns it."""
    result = command.create(share)
    assert cloud.shared_with(share.image_id) == {SALES}
    assert result.id == f"{share.image_id}/{SALES}"
    assert result.outs == outputs(share)


def test_create_adopts_what_exists(cloud: LocalCloud, command: Command, shared: Share) -> None:
    """A share made by hand is taken over as it is."""
    result = command.create(shared)
    assert cloud.shared_with(shared.image_id) == {SALES}
    assert result.outs == outputs(shared)


def test_update_grants_again(cloud: LocalCloud, command: Command, share: Share) -> None:
    """It returns all outputs: those it leaves out would vanish from the state."""
    result = command.update(share)
    assert cloud.shared_with(share.image_id) == {SALES}
    assert result.outs == outputs(share)


@pytest.mark.parametrize("operation", ["create", "update"])
def test_owner_where_the_caller_is_not_asked_for(cloud: LocalCloud, share: Share, operation: str) -> None:
    """With `aws:skipRequestingAccountId` the image says who owns it."""
    command = Command(cloud, skipRequestingAccountId="true")
    assert getattr(command, operation)(share).outs == outputs(share)
    assert cloud.count("GetCallerIdentity") == 0


@pytest.mark.parametrize("operation", ["create", "update"])
def test_grant_that_is_refused(cloud: LocalCloud, command: Command, share: Share, operation: str) -> None:
    """The failure is one line about the share, and names who asked and the IAM action."""
    cloud.deny("workspaces:UpdateWorkspaceImagePermission")
    with pytest.raises(AccessDenied) as caught:
        getattr(command, operation)(share)
    assert str(caught.value).startswith(
        f"sharing image {share.image_id} with {SALES} in {REGION} as arn:aws:iam::{OWNER}:user/TEST: access denied; "
        "the caller needs workspaces:UpdateWorkspaceImagePermission ("
    )


def test_lost_answer_to_a_grant(cloud: LocalCloud, command: Command, share: Share) -> None:
    """AWS did the work: the create ends well."""
    cloud.lose_response(GRANT)
    assert command.create(share).outs == outputs(share)


# diff.


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
        "the update grants it again"
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
    assert warning.endswith("went on without looking, as workspaces-images:recheck is warn")


def test_cost_of_looking_at_many_shares(cloud: LocalCloud, command: Command, image: str) -> None:
    """Sixty shares of one image are three pages, listed once."""
    shares = [Share(image, f"{700000000000 + number}", REGION) for number in range(60)]
    for share in shares:
        cloud.share(image, share.shared_account_id)
    assert not any(command.diff(share).changes for share in shares)
    assert len(cloud.calls) == cloud.count(LIST) == 3


def cost(cloud: LocalCloud) -> dict[str, int]:
    """The calls since they were last forgotten, by operation."""
    return dict(Counter(call.operation for call in cloud.calls))


def no_op(command: Command, shares: Sequence[Share]) -> None:
    """What the engine asks in a preview of shares that exist, declared in no order of theirs."""
    images = json.dumps([[image_id, None] for image_id in dict.fromkeys(share.image_id for share in shares)])
    for share in random.Random(0).sample(shares, len(shares)):
        inputs = {**share._asdict(), "__provider": "reference"}
        checked = command.provider.check(inputs, {**inputs, "region": None, "__images": images})
        assert (checked.inputs, checked.failures) == (share._asdict(), [])
        assert not command.diff(share).changes


@pytest.mark.parametrize("shares", [1, 25, 26, 500])
def test_cost_of_a_preview_without_changes(cloud: LocalCloud, command: Command, image: str, shares: int) -> None:
    """One call for the image and one for every 25 shares of it, and one for the caller."""
    declared = [Share(image, f"{700000000000 + number}", REGION) for number in range(shares)]
    for share in declared:
        cloud.share(image, share.shared_account_id)
    no_op(command, declared)
    assert cost(cloud) == {"GetCallerIdentity": 1, DESCRIBE: 1, LIST: math.ceil(shares / 25)}


def test_cost_of_a_preview_of_many_images(cloud: LocalCloud, command: Command) -> None:
    """Five hundred shares of ten images: one call for all images, and each is listed once; others are not asked for."""
    images = [cloud.create_image() for _ in range(40)]
    declared = [Share(image, f"{700000000000 + number}", REGION) for image in images[:10] for number in range(50)]
    for share in declared:
        cloud.share(share.image_id, share.shared_account_id)
    no_op(command, declared)
    assert cost(cloud) == {"GetCallerIdentity": 1, DESCRIBE: 1, LIST: 20}


def test_cost_of_new_shares(cloud: LocalCloud, command: Command) -> None:
    """A grant each, and one call for all their images: what is new is not looked for."""
    images = [cloud.create_image() for _ in range(2)]
    declared = [Share(image, f"{700000000000 + number}", REGION) for image in images for number in range(30)]
    for share in declared:
        news = {
            **share._asdict(),
            "__provider": "reference",
            "__images": json.dumps([[image, REGION] for image in images]),
        }
        assert command.provider.check({}, news).failures == []
        command.create(share)
    assert cost(cloud) == {"GetCallerIdentity": 1, DESCRIBE: 1, GRANT: 60}


@pytest.mark.parametrize(
    "hint",
    [
        *(None, 7.0, [], UNKNOWN, "", "x", "null", "7", "[null]", '[["x", null]]', '[["wsi-0a1b2c3d4"]]'),
        *('[["wsi-0a1b2c3d4", "mars"]]', "[[5, 5]]", '[["wsi-0a1b2c3d4", 5]]', '{"ab": 1}'),
    ],
)
def test_hint_that_says_nothing(cloud: LocalCloud, command: Command, image: str, hint: object) -> None:
    """Which other images there are is a hint, and never a reason to fail or to ask for what nobody declares."""
    share = Share(image, SALES, REGION)
    checked = command.provider.check({}, {**share._asdict(), "__provider": "reference", "__images": hint})
    assert (checked.inputs, checked.failures) == (share._asdict(), [])
    assert [call.parameters for call in cloud.calls if call.operation == DESCRIBE] == [{"ImageIds": [image]}]


def test_nobody_looks_ahead_with_recheck_off(cloud: LocalCloud, image: str) -> None:
    """Not in the background either."""
    no_op(Command(cloud, recheck="off"), [Share(image, SALES, REGION)])
    assert cloud.calls == []


def test_preview_writes_nothing(cloud: LocalCloud, command: Command, shared: Share) -> None:
    """Check, diff and read only look."""
    missing = shared._replace(shared_account_id=LEGAL)
    for share in (shared, missing):
        command.declare(share)
        command.diff(share)
        command.read(share)
    assert cloud.writes() == []


# read.


def test_read_of_what_is_there(command: Command, shared: Share) -> None:
    """Full outputs, and inputs that the next program is compared with."""
    result = command.read(shared)
    assert result.id == shared.id
    assert result.outs == outputs(shared)
    assert result.inputs == shared._asdict()


def test_read_of_what_is_gone(command: Command, share: Share) -> None:
    """Refresh drops it from the state."""
    result = command.read(share)
    assert (result.id, result.outs, result.inputs) == ("", {}, None)


def test_read_of_an_image_that_is_gone(cloud: LocalCloud, command: Command, shared: Share) -> None:
    """To its owner, an image that AWS does not know is gone, and its shares with it."""
    cloud.remove_image(shared.image_id)
    assert command.read(shared).id == ""


@pytest.mark.parametrize("account", [STRANGER, SALES], ids=["stranger", "recipient"])
@pytest.mark.parametrize("refusal", ["not found", "access denied"])
@pytest.mark.parametrize("operation", ["read", "delete"])
def test_not_found_means_nothing_to_others(
    cloud: LocalCloud, shared: Share, account: str, refusal: str, operation: str
) -> None:
    """With the credentials of another account nothing is gone: the failure names both accounts."""
    if refusal == "access denied":
        cloud.deny("workspaces:*", account)
    with pytest.raises(ExpectedError, match=refusal) as caught:
        getattr(Command(cloud, account), operation)(shared)
    line = str(caught.value)
    assert (
        f"; image {shared.image_id} is owned by account {OWNER}, and the caller is account {account} "
        f"(arn:aws:iam::{account}:user/TEST): use the owner's credentials; nothing was changed"
    ) in line
    assert cloud.shared_with(shared.image_id) == {SALES}


@pytest.mark.parametrize("operation", ["read", "delete"])
def test_not_found_means_nothing_without_a_caller(cloud: LocalCloud, shared: Share, operation: str) -> None:
    """Nobody can tell whether the image is gone: it stays in the state, and the message says what to unset."""
    cloud.remove_image(shared.image_id)
    with pytest.raises(ExpectedError, match="not found") as caught:
        getattr(Command(cloud, skipRequestingAccountId="true"), operation)(shared)
    assert f"account {OWNER}, and aws:skipRequestingAccountId" in str(caught.value)


@pytest.mark.parametrize("operation", ["read", "delete"])
def test_owner_who_may_not_look(cloud: LocalCloud, command: Command, shared: Share, operation: str) -> None:
    """Access denied is not gone, and for the owner it is just that."""
    cloud.deny("workspaces:*")
    with pytest.raises(AccessDenied, match="access denied; the caller needs workspaces:") as caught:
        getattr(command, operation)(shared)
    assert "owned by" not in str(caught.value)


@pytest.mark.parametrize("operation", ["read", "delete"])
def test_denied_without_a_caller(cloud: LocalCloud, shared: Share, operation: str) -> None:
    """Access denied needs no caller to be an error."""
    cloud.deny("workspaces:*")
    with pytest.raises(AccessDenied, match="access denied; the caller needs workspaces:"):
        getattr(Command(cloud, skipRequestingAccountId="true"), operation)(shared)


@pytest.mark.parametrize("operation", ["read", "delete"])
def test_caller_who_cannot_be_asked_for(cloud: LocalCloud, shared: Share, operation: str) -> None:
    """While nobody can say who the caller is, nothing is gone."""
    cloud.remove_image(shared.image_id)
    cloud.fail("GetCallerIdentity", "AccessDeniedException")
    with pytest.raises(AccessDenied, match="sts:GetCallerIdentity"):
        getattr(Command(cloud), operation)(shared)


@pytest.mark.parametrize("recheck", MODES)
def test_read_looks_in_every_mode(cloud: LocalCloud, share: Share, recheck: str) -> None:
    """`recheck` is about check and diff: a refresh is asked for by its user."""
    assert Command(cloud, recheck=recheck).read(share).id == ""
    cloud.deny(f"workspaces:{LIST}")
    with pytest.raises(AccessDenied):
        Command(cloud, recheck=recheck).read(share)


def test_get_of_what_is_there(command: Command, shared: Share) -> None:
    """All comes from the id and the configured Region."""
    result = command.provider.read(shared.id, {"__provider": "reference"})
    assert result.id == shared.id
    assert result.outs == outputs(shared)
    assert result.inputs == shared._asdict()


def test_get_in_a_region_of_its_own(cloud: LocalCloud, command: Command) -> None:
    """The Region of the argument comes before the configured one."""
    share = Share(cloud.create_image(region="eu-west-1"), SALES, "eu-west-1")
    cloud.share(share.image_id, SALES)
    result = command.provider.read(share.id, {"region": "eu-west-1", "image_id": None, "shared_account_id": None})
    assert result.outs == outputs(share)


def test_get_of_what_is_not_there(command: Command, share: Share) -> None:
    """Nothing that a program can use: an error, which says how to make one."""
    with pytest.raises(NotFound) as caught:
        command.provider.read(share.id, {})
    assert str(caught.value) == (
        f"reading image share {share.id} in {REGION}: image {share.image_id} is not shared with {SALES}; "
        "declare an ImageShare to share it"
    )


@pytest.mark.parametrize("id_", ["", "sales", "wsi-0a1b2c3d4", "wsi-0a1b2c3d4/2222-2222-2222"])
def test_get_of_an_id_that_is_none(cloud: LocalCloud, command: Command, id_: str) -> None:
    """One line that says what an id looks like, and no call."""
    with pytest.raises(ExpectedError) as caught:
        command.provider.read(id_, {})
    assert str(caught.value) == (
        f"reading an image share: the id {id_!r} is not IMAGE/ACCOUNT, e.g. wsi-0a1b2c3d4/222222222222"
    )
    assert cloud.calls == []


def test_get_of_an_image_that_does_not_exist(command: Command) -> None:
    """The message says that it is the image which was not found."""
    with pytest.raises(ExpectedError, match="not found"):
        command.provider.read(f"wsi-unknown00/{SALES}", {})


def test_get_of_an_image_that_does_not_exist_without_a_caller(cloud: LocalCloud) -> None:
    """A `get` has no owner in the state that could be named."""
    command = Command(cloud, skipRequestingAccountId="true")
    with pytest.raises(ExpectedError, match="not found") as caught:
        command.provider.read(f"wsi-unknown00/{SALES}", {})
    assert "None" not in str(caught.value)


def test_get_in_a_region_that_is_none(cloud: LocalCloud, share: Share) -> None:
    """A wrong Region is named, and AWS is not asked where it cannot be."""
    with pytest.raises(ExpectedError, match=r"us-esat-1.*did you mean us-east-1"):
        Command(cloud).provider.read(share.id, {"region": "us-esat-1"})
    assert cloud.calls == []


# delete.


def test_delete_revokes(cloud: LocalCloud, command: Command, shared: Share) -> None:
    """A share that nothing declares is taken away; others stay."""
    cloud.share(shared.image_id, LEGAL)
    command.delete(shared)
    assert cloud.shared_with(shared.image_id) == {LEGAL}
    assert command.engine.infos == []


@pytest.mark.parametrize(
    "answer", ["OperationNotSupportedException", "InvalidParameterValuesException", "ResourceNotFoundException", None]
)
def test_delete_of_what_is_revoked_already(
    cloud: LocalCloud, command: Command, share: Share, answer: str | None
) -> None:
    """However AWS puts it, the share is gone, as wanted."""
    cloud.revoke_unshared_error = answer
    command.delete(share)
    assert cloud.shared_with(share.image_id) == set()


def test_delete_of_an_image_that_is_gone(cloud: LocalCloud, command: Command, shared: Share) -> None:
    """To its owner, a share of an image that AWS does not know is gone."""
    cloud.remove_image(shared.image_id)
    command.delete(shared)


def test_delete_that_is_refused(cloud: LocalCloud, command: Command, shared: Share) -> None:
    """A share that is still there stays in the state."""
    cloud.fail(GRANT, "OperationNotSupportedException", message="Not now.")
    with pytest.raises(Refused, match=f"^unsharing image {shared.image_id} from {SALES} in {REGION}: .*Not now"):
        command.delete(shared)


def test_lost_answer_to_a_revoke(cloud: LocalCloud, command: Command, shared: Share) -> None:
    """AWS did the work: the delete ends well."""
    cloud.lose_response(GRANT)
    command.delete(shared)
    assert cloud.shared_with(shared.image_id) == set()


def test_not_found_means_nothing_where_the_state_names_no_owner(cloud: LocalCloud, shared: Share) -> None:
    """Nobody can say that the caller is the owner: the share stays in the state."""
    with pytest.raises(ExpectedError, match="not found"):
        Command(cloud, STRANGER).delete(shared, owner=None)


def test_read_of_what_is_gone_where_the_state_names_no_owner(cloud: LocalCloud) -> None:
    """Refresh drops it from the state."""
    share = Share(cloud.create_image(owner=None), SALES, REGION)
    command = Command(cloud, skipRequestingAccountId="true")
    created = command.create(share).outs
    assert created is not None
    cloud.unshare(share.image_id, SALES)
    result = Command(cloud, skipRequestingAccountId="true").provider.read(share.id, created)
    assert result.id == ""


# Law 1: nothing that the program declares is lost in an update. Each test makes the engine's calls in its order.


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


@pytest.mark.parametrize("recheck", MODES)
def test_share_declared_twice_and_one_removed(cloud: LocalCloud, shared: Share, recheck: str) -> None:
    """The one that stays is unchanged, and keeps the share."""
    command = Command(cloud, recheck=recheck)
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


@pytest.mark.parametrize("recheck", MODES)
def test_granted_again_is_unchanged(cloud: LocalCloud, shared: Share, recheck: str) -> None:
    """A share that was revoked and granted again in one update is there."""
    command = Command(cloud, recheck=recheck)
    command.delete(shared)
    command.declare(shared)
    command.create(shared)
    assert command.diff(shared).changes is False
    command.delete(shared)
    assert cloud.shared_with(shared.image_id) == {SALES}


@pytest.mark.parametrize("recheck", MODES)
def test_image_that_was_gone_when_it_was_revoked(cloud: LocalCloud, shared: Share, recheck: str) -> None:
    """What counts as revoked, because the image is gone, is an update for whoever declares it later."""
    command = Command(cloud, recheck=recheck)
    cloud.remove_image(shared.image_id)
    command.delete(shared)
    assert command.diff(shared).changes is True


@pytest.mark.parametrize("operation", ["create", "update"])
def test_failed_grant_keeps_the_old_resource(
    cloud: LocalCloud, command: Command, shared: Share, operation: str
) -> None:
    """The new resource could not take over: the old one stays in the state, and the share in the cloud."""
    command.declare(shared)
    cloud.fail(GRANT, "AccessDeniedException")
    with pytest.raises(AccessDenied):
        getattr(command, operation)(shared)
    with pytest.raises(ExpectedError) as caught:
        command.delete(shared)
    assert str(caught.value) == (
        f"unsharing image {shared.image_id} from {SALES} in {REGION}: kept, as another resource declares the share "
        "and could not take it over; run `pulumi up` again"
    )
    assert cloud.shared_with(shared.image_id) == {SALES}
    getattr(command, operation)(shared)
    command.delete(shared)
    assert cloud.shared_with(shared.image_id) == {SALES}


@pytest.mark.parametrize("lives_on", [True, False])
def test_share_that_was_kept_for_a_resource_that_cannot_grant_it(
    cloud: LocalCloud, command: Command, shared: Share, lives_on: bool
) -> None:
    """The old resource is gone from the state already: a share that lives on is then in the new one's."""
    command.declare(shared)
    command.delete(shared)
    if not lives_on:
        cloud.unshare(shared.image_id, SALES)
    cloud.fail(GRANT, "AccessDeniedException", message="Not now.")
    if lives_on:
        assert command.create(shared).outs == outputs(shared)
    else:
        with pytest.raises(AccessDenied, match="Not now"):
            command.create(shared)


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
    command.process.declarations.declare(shared)
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


def test_check_that_fails_keeps_the_old_resource(cloud: LocalCloud, command: Command, shared: Share) -> None:
    """Neither does one whose check ends in an error."""
    cloud.deny(f"workspaces:{DESCRIBE}")
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
    command.process.declarations.declare(shared)

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Permissions, "describe" if operation == "check" else "grant", fail)
    with pytest.raises(Bug):
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
    assert command.process.declarations.has_failed(shared)


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
    command.process.declarations.declare_exclusive(shared.image_id, REGION, frozenset())
    assert command.check(*shared).failures
    with pytest.raises(ExpectedError, match="kept"):
        command.delete(shared)
    assert cloud.writes() == []


# Threads: the engine runs four operations at once.


class Held:
    """A grant or a revoke that waits in the local cloud until the test lets it go on, or be refused."""

    def __init__(self, cloud: LocalCloud, allow: bool, refuse: bool = False) -> None:
        self.arrived, self.go_on = threading.Event(), threading.Event()
        self._allow, self._refuse = allow, refuse
        cloud.interceptors.append(self)

    def __call__(self, call: Call, proceed: Callable[[], Response]) -> Response:
        if call.operation == GRANT and call.parameters["AllowCopyImage"] == self._allow:
            self.arrived.set()
            assert self.go_on.wait(5)
            if self._refuse:
                raise AwsError("AccessDeniedException", "Not now.")
        return proceed()


def test_diff_waits_for_a_revoke(cloud: LocalCloud, command: Command, shared: Share) -> None:
    """A delete that runs already is waited for: the share it takes away is not taken for unchanged."""
    held = Held(cloud, allow=False)
    with ThreadPoolExecutor(2) as pool:
        deleting = pool.submit(command.delete, shared)
        assert held.arrived.wait(5)
        command.declare(shared)
        diffing = pool.submit(command.diff, shared)
        assert not wait([diffing], 0.05).done
        held.go_on.set()
        assert diffing.result(5).changes is True
        deleting.result(5)


def test_grant_waits_for_a_revoke(cloud: LocalCloud, command: Command, shared: Share) -> None:
    """The last word is the grant's, not that of the slower call."""
    held = Held(cloud, allow=False)
    with ThreadPoolExecutor(2) as pool:
        deleting = pool.submit(command.delete, shared)
        assert held.arrived.wait(5)
        command.declare(shared)
        creating = pool.submit(command.create, shared)
        assert not wait([creating], 0.05).done
        held.go_on.set()
        deleting.result(5)
        creating.result(5)
    assert cloud.shared_with(shared.image_id) == {SALES}
    assert [call.parameters["AllowCopyImage"] for call in cloud.writes()] == [False, True]


def test_revoke_waits_for_a_grant(cloud: LocalCloud, command: Command, shared: Share) -> None:
    """A delete learns how the grant ended before it decides."""
    held = Held(cloud, allow=True, refuse=True)
    command.declare(shared)
    with ThreadPoolExecutor(2) as pool:
        creating = pool.submit(command.create, shared)
        assert held.arrived.wait(5)
        deleting = pool.submit(command.delete, shared)
        assert not wait([deleting], 0.05).done
        held.go_on.set()
        with pytest.raises(AccessDenied):
            creating.result(5)
        with pytest.raises(ExpectedError, match="kept"):
            deleting.result(5)
    assert cloud.shared_with(shared.image_id) == {SALES}


def test_shares_do_not_wait_for_each_other(cloud: LocalCloud, command: Command, shared: Share) -> None:
    """A slow revoke holds up its own share only."""
    held = Held(cloud, allow=False)
    with ThreadPoolExecutor(1) as pool:
        deleting = pool.submit(command.delete, shared)
        assert held.arrived.wait(5)
        command.create(shared._replace(shared_account_id=LEGAL))
        assert not deleting.done()
        held.go_on.set()
        deleting.result(5)
    assert cloud.shared_with(shared.image_id) == {LEGAL}


# What a failure looks like.


@pytest.fixture
def no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the provider process: exceptions are shown without their traceback."""
    monkeypatch.setattr(sys, "tracebacklimit", 0, raising=False)


def shown(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


@pytest.mark.usefixtures("no_traceback")
def test_expected_failure_is_one_line() -> None:
    """Neither its traceback, nor what led to it."""

    @plainly
    def fail() -> None:
        try:
            raise KeyError("inner")
        except KeyError:
            raise NotFound("reading it: not found")  # noqa: B904

    with pytest.raises(NotFound) as caught:
        fail()
    assert shown(caught.value) == "pulumi_workspaces_images.errors.NotFound: reading it: not found\n"


@pytest.mark.usefixtures("no_traceback")
def test_bug_brings_its_traceback() -> None:
    """Where it happened and what led to it, for the report."""

    def divide() -> float:
        return 1 / 0

    @plainly
    def fail() -> None:
        try:
            divide()
        except ZeroDivisionError:
            raise KeyError("inner")  # noqa: B904

    with pytest.raises(Bug) as caught:
        fail()
    text = shown(caught.value)
    assert text.startswith("pulumi_workspaces_images.errors.Bug: a bug in pulumi-workspaces-images; please report it")
    for part in ("in divide", "return 1 / 0", "ZeroDivisionError: division by zero", "in fail", "KeyError: 'inner'"):
        assert part in text
    assert text.count("Traceback (most recent call last)") == 2


def test_result_and_arguments_pass_through() -> None:
    """A method behaves as it is written, and keeps its name and its documentation."""

    @plainly
    def add(a: int, b: int) -> int:
        """Add."""
        return a + b

    assert add(1, 2) == 3
    assert (add.__name__, add.__doc__) == ("add", "Add.")


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_end_of_the_process_is_no_bug(kind: type[BaseException]) -> None:
    """An interrupt passes through."""

    @plainly
    def fail() -> None:
        raise kind

    with pytest.raises(kind):
        fail()


@pytest.mark.usefixtures("no_traceback")
@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("configure", [None]),
        ("check", [{}, {}]),
        ("diff", ["", {}, {}]),
        ("create", [{}]),
        ("update", ["", {}, {}]),
        ("read", [f"wsi-0a1b2c3d4/{SALES}", {}]),
        ("delete", ["", {}]),
    ],
)
def test_bug_in_any_operation(operation: str, arguments: list[Any]) -> None:
    """Every operation brings its traceback along."""
    with pytest.raises(Bug, match=rf"(provider|process).py.* in {operation}"):
        getattr(ImageShareProvider(), operation)(*arguments)


# What the state holds of the provider.


def test_provider_is_pickled_by_reference(command: Command) -> None:
    """Module and class name, the same for every resource and version; no code, no configuration, no credentials."""
    assert serialize_provider(ImageShareProvider()) == REFERENCE
    pickled = base64.b64decode(REFERENCE)
    assert len(pickled) < 100
    assert b"pulumi_workspaces_images.provider" in pickled
    assert b"ImageShareProvider" in pickled


def test_state_of_every_version_is_read() -> None:
    """The reference that states hold leads to the provider."""
    assert type(pickle.loads(base64.b64decode(REFERENCE))) is ImageShareProvider


def test_reference_is_not_secret() -> None:
    """As a secret, it would hide the whole resource in every diff."""
    assert ImageShareProvider.serialize_as_secret_always is False


# The same as the engine sees it: the SDK's own provider process, over gRPC.


class Served:
    """A provider process, as the engine starts it, with the SDK's own server."""

    def __init__(self, stub: provider_pb2_grpc.ResourceProviderStub) -> None:
        self.stub = stub

    def call(self, operation: str, **fields: object) -> Any:
        """Call an operation, properties as dictionaries."""
        message = getattr(provider_pb2, f"{operation.title()}Request")
        structs = {name: _struct(value) if isinstance(value, dict) else value for name, value in fields.items()}
        return getattr(self.stub, operation.title())(message(**structs), timeout=20)

    def fails(self, operation: str, **fields: object) -> str:
        """Return what the engine shows of a failure."""
        with pytest.raises(grpc.RpcError) as caught:
            self.call(operation, **fields)
        return str(caught.value.details())


def _struct(properties: Mapping[str, Any]) -> struct_pb2.Struct:
    struct = struct_pb2.Struct()
    struct.update({**properties, "__provider": REFERENCE})
    return struct


def _plain(struct: struct_pb2.Struct) -> dict[str, object]:
    properties = json_format.MessageToDict(struct)
    assert properties.pop("__provider") == REFERENCE
    return properties


@pytest.fixture(scope="module")
def provider_process(_cloud: LocalCloud) -> Iterator[Served]:
    """One process for the tests below: starting it takes a second."""
    configuration = {"aws:region": REGION, "aws:endpoints": _cloud.endpoints, "aws:maxRetries": "1"}
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith("AWS_") or name.lower().endswith("_proxy"):
                patch.delenv(name)
        with Driver(configuration, _cloud.credentials(OWNER), project="shares") as driver:
            yield Served(driver.stub)


def test_life_of_a_share_over_grpc(cloud: LocalCloud, provider_process: Served, share: Share) -> None:
    """Check, create, diff, read, update and delete as the engine calls them, and what it gets to see."""
    properties: dict[str, object] = dict(share._asdict())
    checked = provider_process.call("check", news={**properties, "region": None, "owner_account_id": None})
    assert _plain(checked.inputs) == properties
    assert not checked.failures
    created = provider_process.call("create", properties=properties)
    assert created.id == share.id
    assert _plain(created.properties) == outputs(share)
    same = provider_process.call("diff", id=share.id, olds=outputs(share), news=properties)
    assert (same.changes, list(same.replaces)) == (provider_pb2.DiffResponse.DIFF_NONE, [])
    moved = {**properties, "shared_account_id": LEGAL}
    other = provider_process.call("diff", id=share.id, olds=outputs(share), news=moved)
    assert (other.changes, list(other.replaces)) == (provider_pb2.DiffResponse.DIFF_SOME, ["shared_account_id"])
    assert other.deleteBeforeReplace is False
    read = provider_process.call("read", id=share.id, properties=outputs(share))
    assert (read.id, _plain(read.properties), _plain(read.inputs)) == (share.id, outputs(share), properties)
    updated = provider_process.call("update", id=share.id, olds=outputs(share), news=properties)
    assert _plain(updated.properties) == outputs(share)
    # This process has seen the share declared.
    provider_process.call("delete", id=share.id, properties=outputs(share))
    assert cloud.shared_with(share.image_id) == {SALES}


def test_delete_and_refresh_over_grpc(cloud: LocalCloud, provider_process: Served, shared: Share) -> None:
    """What was never declared is revoked, and then gone."""
    provider_process.call("delete", id=shared.id, properties=outputs(shared))
    assert cloud.shared_with(shared.image_id) == set()
    read = provider_process.call("read", id=shared.id, properties=outputs(shared))
    assert (read.id, _plain(read.properties)) == ("", {})


def test_unknown_and_malformed_values_over_grpc(provider_process: Served, image: str) -> None:
    """Unknown values stay unknown; a number arrives as a float and is shown as it was written."""
    unknown: dict[str, object] = {"image_id": image, "shared_account_id": rpc.UNKNOWN, "region": REGION}
    checked = provider_process.call("check", news=unknown)
    assert _plain(checked.inputs) == unknown
    assert not checked.failures
    diffed = provider_process.call("diff", olds=outputs(Share(image, SALES, REGION)), news=unknown)
    assert list(diffed.replaces) == ["shared_account_id"]
    failures = provider_process.call("check", news={"image_id": "x", "shared_account_id": 222222222222}).failures
    assert [failure.property for failure in failures] == ["image_id", "shared_account_id"]
    assert failures[1].reason.endswith("it is 222222222222, a number: put it in quotes")


def test_failures_over_grpc(cloud: LocalCloud, provider_process: Served, share: Share) -> None:
    """What a user can meet is one line; a bug brings its traceback."""
    cloud.deny("workspaces:*")
    for operation in ("create", "delete", "read"):
        line = provider_process.fails(operation, **{"properties": outputs(share), **_id(operation, share)})
        assert line.startswith("pulumi_workspaces_images.errors.AccessDenied: ")
        assert line.rstrip().isprintable()
    bug = provider_process.fails("create", properties={})
    assert bug.startswith("pulumi_workspaces_images.errors.Bug: a bug in pulumi-workspaces-images")
    assert "in _share_of" in bug
    assert "KeyError: 'image_id'" in bug


def _id(operation: str, share: Share) -> dict[str, object]:
    return {} if operation == "create" else {"id": share.id}


# Answers that are none.

NO_ANSWERS = [None, "", "[]", "null", "<html>Sign in to the guest network</html>"]


@pytest.mark.parametrize("body", NO_ANSWERS)
@pytest.mark.parametrize("operation", [LIST, DESCRIBE, "GetCallerIdentity"])
def test_look_whose_answer_cannot_be_read(cloud: LocalCloud, image: str, operation: str, body: str | None) -> None:
    """Half an answer, or a proxy's page, is neither an empty listing nor a missing image: nothing counts as gone."""
    share = Share(image, SALES, REGION)
    cloud.share(image, SALES)
    cloud.garble(operation, times=None, body=body)
    checks: list[Callable[[Command, Share], object]] = [lambda command, share: command.check(*share)]
    looks: list[Callable[[Command, Share], object]] = [Command.diff, Command.read]
    for ask in looks if operation == LIST else checks:
        with pytest.raises(Unanswered, match="the answer cannot be read"):
            ask(Command(cloud), share)


@pytest.mark.parametrize("body", NO_ANSWERS[2:])
@pytest.mark.parametrize("granted", [True, False])
def test_write_whose_answer_cannot_be_read(cloud: LocalCloud, image: str, body: str, granted: bool) -> None:
    """Whether it took effect is settled by a look."""
    share = Share(image, SALES, REGION)
    if granted:
        cloud.garble(GRANT, body=body)
        assert Command(cloud).create(share).id == share.id
    else:
        page = Response(200, {}, body.encode())
        cloud.interceptors.append(lambda call, proceed: page if call.operation == GRANT else proceed())
        with pytest.raises(Unanswered, match=f"^sharing image {image} .*the answer cannot be read"):
            Command(cloud).create(share)
