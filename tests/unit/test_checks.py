"""What a preview can know about a share, found by `check`: every problem at once, each with its property."""

from collections.abc import Callable

import pytest

from local.cloud import LocalCloud
from pulumi_workspaces_images.errors import AccessDenied, ConfigurationError, CredentialsError, ExpectedError
from tests.unit.helpers import GOVCLOUD, LEGAL, OWNER, REGION, SALES, STRANGER, UNKNOWN, Command, found

ARN = f"arn:aws:iam::{OWNER}:user/TEST"


def only(command: Command, *share: object) -> tuple[str, str]:
    (failure,) = found(command.check(*share))
    return failure


@pytest.mark.parametrize(
    ("argument", "configured", "environment", "resolved"),
    [
        ("eu-west-1", REGION, "eu-central-1", "eu-west-1"),
        (None, REGION, "eu-central-1", REGION),
        ("", REGION, "eu-central-1", REGION),
        (None, None, "eu-central-1", "eu-central-1"),
    ],
)
def test_region_ends_up_in_the_inputs(
    cloud: LocalCloud,
    monkeypatch: pytest.MonkeyPatch,
    argument: str | None,
    configured: str | None,
    environment: str,
    resolved: str,
) -> None:
    """The argument, else the configured one, else the environment's: the state names it, whatever is set later."""
    monkeypatch.setenv("AWS_REGION", environment)
    image = cloud.create_image(region=resolved)
    result = Command(cloud, region=configured).check(image, SALES, argument)
    assert found(result) == []
    assert result.inputs["region"] == resolved


def test_region_of_the_argument_alone(cloud: LocalCloud, image: str) -> None:
    """A share with a Region needs no other one, not even to ask who the caller is."""
    assert found(Command(cloud, region=None).check(image, SALES, REGION)) == []


@pytest.mark.parametrize("account", ["12345", 22222222222.0, "2222-2222-2222", "", None, [SALES]])
def test_account_that_is_none(command: Command, image: str, account: object) -> None:
    """The property is named."""
    name, reason = only(command, image, account)
    assert name == "shared_account_id"
    assert "12 digits" in reason


@pytest.mark.parametrize("image_id", ["wsi-short", "ami-0a1b2c3d4", "", None, 5.0])
def test_image_id_that_is_none(cloud: LocalCloud, command: Command, image_id: object) -> None:
    """The property is named, and AWS is not asked for such an image."""
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
def test_region_that_is_none(cloud: LocalCloud, command: Command, image: str, region: object, said: str) -> None:
    """The property is named, the input is not kept, and AWS is not asked where it cannot be."""
    result = command.check(image, SALES, region)
    ((name, reason),) = found(result)
    assert name == "region"
    assert said in reason
    assert "5.0" not in reason
    assert result.inputs["region"] is None
    assert cloud.calls == []


def test_no_region_at_all(cloud: LocalCloud) -> None:
    """One more failure of the resource, beside the others, that says where to set one."""
    failures = found(Command(cloud, region=None).check("x", "y"))
    assert [name for name, _ in failures] == ["image_id", "shared_account_id", "region"]
    assert "aws:region" in failures[-1][1]
    assert cloud.calls == []


def test_live_problems_and_malformed_ones_together(cloud: LocalCloud, command: Command, image: str) -> None:
    """A malformed account does not hide what is wrong with the image, nor the image what is wrong with the account."""
    cloud.set_image(image, state="PENDING")
    assert [name for name, _ in found(command.check(image, "12345"))] == ["shared_account_id", "image_id"]
    assert [name for name, _ in found(command.check(image, OWNER))] == ["image_id", "shared_account_id"]
    assert [name for name, _ in found(command.check("wsi-unknown00", OWNER))] == ["image_id", "shared_account_id"]
    assert [name for name, _ in found(command.check("x", OWNER))] == ["image_id", "shared_account_id"]


def test_all_problems_of_an_image_at_once(cloud: LocalCloud) -> None:
    """State, owner and licence are each named."""
    image = cloud.create_image(region=GOVCLOUD, state="ERROR", tenancy="DEDICATED", owner=STRANGER)
    failures = found(Command(cloud, region=GOVCLOUD).check(image, SALES))
    assert [name for name, _ in failures] == ["image_id"] * 3
    for (_, reason), said in zip(failures, ["owned by account", "is ERROR", "BYOL"], strict=True):
        assert said in reason
        assert image in reason
        assert GOVCLOUD in reason


def test_image_that_does_not_exist(command: Command) -> None:
    """The message says where and as whom it was looked for, and what may be wrong."""
    assert only(command, "wsi-unknown00", SALES) == (
        "image_id",
        f"image wsi-unknown00 was not found in {REGION} for account {OWNER} ({ARN}); "
        "only its owner can share it: check the credentials, the Region and the id, and whether it was deleted",
    )


def test_image_that_does_not_exist_for_a_nameless_caller(cloud: LocalCloud) -> None:
    """Where nobody may ask who the caller is, the message leaves it out."""
    command = Command(cloud, skipRequestingAccountId="true")
    assert only(command, "wsi-unknown00", SALES)[1].startswith(
        f"image wsi-unknown00 was not found in {REGION}; only its owner"
    )


def test_image_of_another_account(cloud: LocalCloud, command: Command) -> None:
    """An image that is shared with the caller is not the caller's to share; both accounts are named."""
    image = cloud.create_image(account=STRANGER)
    cloud.share(image, OWNER)
    assert only(command, image, SALES) == (
        "image_id",
        f"image {image} in {REGION} is owned by account {STRANGER}, and the caller is {OWNER} ({ARN}); "
        "only its owner can share it",
    )


def test_image_whose_owner_is_not_told(cloud: LocalCloud, command: Command) -> None:
    """AWS may leave the owner out: that is nothing against the image."""
    assert found(command.check(cloud.create_image(owner=None), SALES)) == []


def test_owner_of_a_nameless_caller(cloud: LocalCloud) -> None:
    """Without a caller to compare with, the image is as good as its state."""
    image = cloud.create_image(owner=STRANGER)
    assert found(Command(cloud, skipRequestingAccountId="true").check(image, SALES)) == []
    assert cloud.count("GetCallerIdentity") == 0


@pytest.mark.parametrize("state", ["PENDING", "ERROR"])
def test_image_that_is_not_available(cloud: LocalCloud, command: Command, state: str) -> None:
    """It cannot be shared yet, or never."""
    image = cloud.create_image(state=state)
    assert only(command, image, SALES) == (
        "image_id",
        f"image {image} in {REGION} is {state}; only an AVAILABLE image can be shared",
    )


@pytest.mark.parametrize("known", ["image", "caller"])
def test_share_with_the_owner_itself(cloud: LocalCloud, known: str) -> None:
    """Whoever tells who the owner is, the image or the caller."""
    image = cloud.create_image(owner=None) if known == "caller" else cloud.create_image()
    command = Command(cloud, skipRequestingAccountId="true" if known == "image" else None)
    name, reason = only(command, image, OWNER)
    assert name == "shared_account_id"
    assert reason == f"account {OWNER} owns the image itself; share it with another account"


def test_share_with_nobody_known_as_owner(cloud: LocalCloud) -> None:
    """Where neither tells, nothing is guessed."""
    image = cloud.create_image(owner=None)
    assert found(Command(cloud, skipRequestingAccountId="true").check(image, OWNER)) == []


def test_image_owner_comes_before_the_caller(cloud: LocalCloud, command: Command) -> None:
    """An image of another account could be shared with the caller."""
    image = cloud.create_image(owner=STRANGER)
    assert [name for name, _ in found(command.check(image, OWNER))] == ["image_id"]
    assert [name for name, _ in found(command.check(image, STRANGER))] == ["image_id", "shared_account_id"]


@pytest.mark.parametrize(
    ("region", "tenancy", "refused"),
    [
        (GOVCLOUD, "DEDICATED", True),
        (GOVCLOUD, "DEFAULT", False),
        (REGION, "DEDICATED", False),
        ("cn-northwest-1", "DEDICATED", False),
    ],
)
def test_byol_image(cloud: LocalCloud, region: str, tenancy: str, refused: bool) -> None:
    """In GovCloud, and only there, an image with an own licence cannot be shared."""
    image = cloud.create_image(region=region, tenancy=tenancy)
    failures = found(Command(cloud, region=region).check(image, SALES))
    assert [("BYOL" in reason and "GovCloud" in reason and name) for name, reason in failures] == (
        ["image_id"] if refused else []
    )


# What is not known yet.


@pytest.mark.parametrize("unknown", ["image_id", "shared_account_id", "region"])
def test_unknown_value_is_skipped(cloud: LocalCloud, command: Command, image: str, unknown: str) -> None:
    """It is neither missing nor wrong, and stays unknown in the inputs."""
    inputs: dict[str, object] = {"image_id": image, "shared_account_id": SALES, "region": REGION, unknown: UNKNOWN}
    result = command.check(*inputs.values())
    assert found(result) == []
    assert result.inputs == inputs
    assert cloud.count("DescribeWorkspaceImages") == (unknown == "shared_account_id")


def test_unknown_value_hides_no_other_problem(cloud: LocalCloud, command: Command, image: str) -> None:
    """What is known is checked, by its form and with AWS."""
    assert only(command, "wsi-unknown00", UNKNOWN)[0] == "image_id"
    assert only(command, UNKNOWN, "12345")[0] == "shared_account_id"
    assert only(command, UNKNOWN, OWNER)[0] == "shared_account_id"
    assert only(command, image, UNKNOWN, "mars-north-1")[0] == "region"
    cloud.set_image(image, state="PENDING")
    assert only(Command(cloud), image, UNKNOWN)[0] == "image_id"
    names = [name for name, _ in found(command.check("x", "y", UNKNOWN))]
    assert names == ["image_id", "shared_account_id"]


# Where AWS cannot be asked.


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
def test_error_of_access_ends_the_check(
    cloud: LocalCloud, image: str, break_it: Callable[[LocalCloud], None], kind: type[ExpectedError], said: str
) -> None:
    """It is not about a property: the check ends with one line; with `warn` it says so, with `off` nobody asks."""
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
def test_caller_that_is_not_meant(cloud: LocalCloud, image: str, recheck: str) -> None:
    """`aws:allowedAccountIds` is about the caller, and no mode overrules it."""
    with pytest.raises(ConfigurationError, match="aws:allowedAccountIds"):
        Command(cloud, recheck=recheck, allowedAccountIds=f'["{LEGAL}"]').check(image, SALES)


@pytest.mark.parametrize("recheck", ["strict", "off"])
def test_malformed_values_fail_in_every_mode(cloud: LocalCloud, recheck: str) -> None:
    """All at once; what needs no look is checked all the same."""
    failures = found(Command(cloud, recheck=recheck).check("x", "y", "z"))
    assert [name for name, _ in failures] == ["image_id", "shared_account_id", "region"]


def test_cost_of_checks_that_cannot_ask_who_the_caller_is(cloud: LocalCloud, image: str) -> None:
    """STS does not answer, which takes seconds to minutes: with `warn` that is waited for once, not for each share."""
    cloud.fail("GetCallerIdentity", "ServiceUnavailable", 503, times=None)
    command = Command(cloud, recheck="warn")
    for number in range(60):
        assert found(command.check(image, f"{700000000000 + number}")) == []
    assert cloud.count("GetCallerIdentity") == 1
    (warning,) = command.engine.warnings
    assert warning.startswith("asking AWS who the caller is: ")
