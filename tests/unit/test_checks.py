"""A preview reports all problems of a share at once, each with its property."""

from collections.abc import Callable

import pytest

from local.cloud import LocalCloud
from pulumi_workspaces_images.errors import AccessDenied, ConfigurationError, CredentialsError, ExpectedError
from tests.unit.helpers import GOVCLOUD, LEGAL, OTHER, OWNER, REGION, SALES, UNKNOWN, Command, found

ARN = f"arn:aws:iam::{OWNER}:user/TEST"


def only(command: Command, *share: object) -> tuple[str, str]:
    (failure,) = found(command.check(*share))
    return failure


@pytest.mark.parametrize(
    ("argument", "configured", "resolved"),
    [
        ("eu-west-1", REGION, "eu-west-1"),
        (None, REGION, REGION),
        ("", REGION, REGION),
        (None, None, "eu-central-1"),
    ],
)
def test_state_names_the_region(
    cloud: LocalCloud,
    monkeypatch: pytest.MonkeyPatch,
    argument: str | None,
    configured: str | None,
    resolved: str,
) -> None:
    """It is that of the argument, or else of the configuration, or else of the environment."""
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    image = cloud.create_image(region=resolved)
    result = Command(cloud, region=configured).check(image, SALES, argument)
    assert found(result) == []
    assert result.inputs["region"] == resolved


def test_region_of_the_argument_is_enough(cloud: LocalCloud, image: str) -> None:
    """The provider needs no other Region, not even to ask who the caller is."""
    assert found(Command(cloud, region=None).check(image, SALES, REGION)) == []


@pytest.mark.parametrize("account", ["12345", 22222222222.0, "2222-2222-2222", "", None, [SALES]])
def test_invalid_account_id_is_refused(command: Command, image: str, account: object) -> None:
    name, reason = only(command, image, account)
    assert name == "shared_account_id"
    assert "12 digits" in reason


@pytest.mark.parametrize("image_id", ["wsi-short", "ami-0a1b2c3d4", "", None, 5.0])
def test_invalid_image_id_is_refused_without_asking_aws(cloud: LocalCloud, command: Command, image_id: object) -> None:
    name, reason = only(command, image_id, SALES)
    assert name == "image_id"
    assert "wsi-" in reason
    assert cloud.count("DescribeWorkspaceImages") == 0


@pytest.mark.parametrize(
    ("region", "said"),
    [
        ("us-esat-1", "'us-esat-1' is not a Region where WorkSpaces exists; did you mean us-east-1"),
        ("mars-north-1", "'mars-north-1' is not a Region"),
        ("eu-north-1", "WorkSpaces does not exist in eu-north-1"),
        ("US-EAST-1", "'US-EAST-1' is not a Region"),
        (5.0, "must be the name of a Region, e.g. 'us-east-1'; it is 5"),
        ([REGION], "must be the name of a Region, e.g. 'us-east-1'; it is ['us-east-1']"),
        (True, "must be the name of a Region, e.g. 'us-east-1'; it is True"),
    ],
)
def test_invalid_region_is_refused_without_asking_aws(
    cloud: LocalCloud, command: Command, image: str, region: object, said: str
) -> None:
    result = command.check(image, SALES, region)
    ((name, reason),) = found(result)
    assert name == "region"
    assert said in reason
    assert "5.0" not in reason
    assert result.inputs["region"] is None
    assert cloud.calls == []


def test_missing_region_is_reported_with_the_other_problems(cloud: LocalCloud) -> None:
    """The message says where to set one."""
    failures = found(Command(cloud, region=None).check("x", "y"))
    assert [name for name, _ in failures] == ["image_id", "shared_account_id", "region"]
    assert "aws:region" in failures[-1][1]
    assert cloud.calls == []


def test_problems_of_image_and_account_are_reported_together(cloud: LocalCloud, command: Command, image: str) -> None:
    """A malformed value does not prevent the checks of the other one, and neither does a problem that AWS reports."""
    cloud.set_image(image, state="PENDING")
    assert [name for name, _ in found(command.check(image, "12345"))] == ["shared_account_id", "image_id"]
    assert [name for name, _ in found(command.check(image, OWNER))] == ["image_id", "shared_account_id"]
    assert [name for name, _ in found(command.check("wsi-unknown00", OWNER))] == ["image_id", "shared_account_id"]
    assert [name for name, _ in found(command.check("x", OWNER))] == ["image_id", "shared_account_id"]


def test_state_owner_and_licence_of_an_image_are_reported_together(cloud: LocalCloud) -> None:
    image = cloud.create_image(region=GOVCLOUD, state="ERROR", tenancy="DEDICATED", owner=OTHER)
    failures = found(Command(cloud, region=GOVCLOUD).check(image, SALES))
    assert [name for name, _ in failures] == ["image_id"] * 3
    for (_, reason), said in zip(failures, ["owned by account", "is ERROR", "BYOL"], strict=True):
        assert said in reason
        assert image in reason
        assert GOVCLOUD in reason


def test_image_that_does_not_exist_is_refused(command: Command) -> None:
    """The message names the Region and the caller, and says what to check."""
    assert only(command, "wsi-unknown00", SALES) == (
        "image_id",
        f"image wsi-unknown00 was not found in {REGION} for account {OWNER} ({ARN}); "
        "only its owner can share it: check the credentials, the Region and the id, and whether it was deleted",
    )


def test_image_that_does_not_exist_is_refused_without_naming_an_unknown_caller(cloud: LocalCloud) -> None:
    """With `skipRequestingAccountId` the provider does not ask who the caller is."""
    command = Command(cloud, skipRequestingAccountId="true")
    assert only(command, "wsi-unknown00", SALES)[1].startswith(
        f"image wsi-unknown00 was not found in {REGION}; only its owner"
    )


def test_image_of_another_account_is_refused(cloud: LocalCloud, command: Command) -> None:
    """An image that is shared with the caller can be shared by its owner only. The message names both accounts."""
    image = cloud.create_image(account=OTHER)
    cloud.share(image, OWNER)
    assert only(command, image, SALES) == (
        "image_id",
        f"image {image} in {REGION} is owned by account {OTHER}, and the caller is {OWNER} ({ARN}); "
        "only its owner can share it",
    )


@pytest.mark.parametrize("state", ["PENDING", "ERROR"])
def test_image_that_is_not_available_is_refused(cloud: LocalCloud, command: Command, state: str) -> None:
    image = cloud.create_image(state=state)
    assert only(command, image, SALES) == (
        "image_id",
        f"image {image} in {REGION} is {state}; only an AVAILABLE image can be shared",
    )


@pytest.mark.parametrize("known", ["image", "caller"])
def test_share_with_the_owner_is_refused(cloud: LocalCloud, known: str) -> None:
    """Either the image or the caller may tell who the owner is."""
    image = cloud.create_image(owner=None) if known == "caller" else cloud.create_image()
    command = Command(cloud, skipRequestingAccountId="true" if known == "image" else None)
    name, reason = only(command, image, OWNER)
    assert name == "shared_account_id"
    assert reason == f"account {OWNER} owns the image itself; share it with another account"


def test_share_is_accepted_if_neither_image_nor_caller_tells_the_owner(cloud: LocalCloud) -> None:
    image = cloud.create_image(owner=None)
    assert found(Command(cloud, skipRequestingAccountId="true").check(image, OWNER)) == []


def test_recipient_is_compared_with_the_owner_of_the_image_rather_than_the_caller(
    cloud: LocalCloud, command: Command
) -> None:
    """The owner of another account's image could share it with the caller."""
    image = cloud.create_image(owner=OTHER)
    assert [name for name, _ in found(command.check(image, OWNER))] == ["image_id"]
    assert [name for name, _ in found(command.check(image, OTHER))] == ["image_id", "shared_account_id"]


@pytest.mark.parametrize(
    ("region", "tenancy", "refused"),
    [
        (GOVCLOUD, "DEDICATED", True),
        (GOVCLOUD, "DEFAULT", False),
        (REGION, "DEDICATED", False),
        ("cn-northwest-1", "DEDICATED", False),
    ],
)
def test_byol_image_is_refused_in_govcloud_only(cloud: LocalCloud, region: str, tenancy: str, refused: bool) -> None:
    image = cloud.create_image(region=region, tenancy=tenancy)
    failures = found(Command(cloud, region=region).check(image, SALES))
    assert [("BYOL" in reason and "GovCloud" in reason and name) for name, reason in failures] == (
        ["image_id"] if refused else []
    )


# Values that are not known yet.


@pytest.mark.parametrize("unknown", ["image_id", "shared_account_id", "region"])
def test_unknown_value_is_not_checked(cloud: LocalCloud, command: Command, image: str, unknown: str) -> None:
    """It stays unknown in the inputs."""
    inputs: dict[str, object] = {"image_id": image, "shared_account_id": SALES, "region": REGION, unknown: UNKNOWN}
    result = command.check(*inputs.values())
    assert found(result) == []
    assert result.inputs == inputs
    assert cloud.count("DescribeWorkspaceImages") == (unknown == "shared_account_id")


def test_other_values_are_checked_if_one_is_unknown(cloud: LocalCloud, command: Command, image: str) -> None:
    """This includes the checks that ask AWS."""
    assert only(command, "wsi-unknown00", UNKNOWN)[0] == "image_id"
    assert only(command, UNKNOWN, "12345")[0] == "shared_account_id"
    assert only(command, UNKNOWN, OWNER)[0] == "shared_account_id"
    assert only(command, image, UNKNOWN, "mars-north-1")[0] == "region"
    cloud.set_image(image, state="PENDING")
    assert only(Command(cloud), image, UNKNOWN)[0] == "image_id"
    names = [name for name, _ in found(command.check("x", "y", UNKNOWN))]
    assert names == ["image_id", "shared_account_id"]


# Checks that AWS does not answer.


@pytest.mark.parametrize(
    ("break_it", "kind", "said"),
    [
        (
            lambda cloud: cloud.deny("workspaces:DescribeWorkspaceImages"),
            AccessDenied,
            "the caller needs workspaces:DescribeWorkspaceImages",
        ),
        (lambda cloud: cloud.deny("sts:GetCallerIdentity"), AccessDenied, "the caller needs sts:GetCallerIdentity"),
        (lambda cloud: cloud.expire(cloud.credentials(OWNER)["AWS_ACCESS_KEY_ID"]), CredentialsError, "are expired"),
    ],
)
def test_failed_request_to_aws_ends_the_check(
    cloud: LocalCloud, image: str, break_it: Callable[[LocalCloud], None], kind: type[ExpectedError], said: str
) -> None:
    """With `warn` it is a warning. With `off` AWS is not asked."""
    break_it(cloud)
    assert found(Command(cloud, recheck="off").check(image, SALES)) == []
    assert cloud.calls == []
    with pytest.raises(kind, match=said):
        Command(cloud).check(image, SALES)
    warned = Command(cloud, recheck="warn")
    assert found(warned.check(image, "12345"))[0][0] == "shared_account_id"
    assert found(warned.check(image, SALES)) == []
    (warning,) = warned.engine.warnings
    assert said in warning
    assert "continued without checking" in warning


@pytest.mark.parametrize("recheck", ["strict", "warn"])
def test_caller_that_is_not_allowed_is_refused_in_every_mode(cloud: LocalCloud, image: str, recheck: str) -> None:
    """`aws:allowedAccountIds` restricts the caller."""
    with pytest.raises(ConfigurationError, match="aws:allowedAccountIds"):
        Command(cloud, recheck=recheck, allowedAccountIds=f'["{LEGAL}"]').check(image, SALES)


def test_malformed_values_are_refused_even_if_recheck_is_off(cloud: LocalCloud) -> None:
    failures = found(Command(cloud, recheck="off").check("x", "y", "z"))
    assert [name for name, _ in failures] == ["image_id", "shared_account_id", "region"]


def test_caller_is_asked_for_only_once_if_sts_does_not_answer(cloud: LocalCloud, image: str) -> None:
    """Each attempt may take minutes, so with `warn` one attempt and one warning serve all shares."""
    cloud.fail("GetCallerIdentity", "ServiceUnavailable", 503, times=None)
    command = Command(cloud, recheck="warn")
    for number in range(60):
        assert found(command.check(image, f"{700000000000 + number}")) == []
    assert cloud.count("GetCallerIdentity") == 1
    (warning,) = command.engine.warnings
    assert warning.startswith("asking AWS who the caller is: ")
