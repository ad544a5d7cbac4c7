"""What a preview can know, it says: one line for each problem, all problems of a resource together."""

import pytest

from local.cloud import LocalCloud
from tests.engine.harness import OWNER, REGION, SALES, Run, Stack
from tests.nightly import nightly_but_first

GOVCLOUD = "us-gov-west-1"


def refused(stack: Stack) -> Run:
    """Preview a program that must fail, without a traceback and without a write."""
    run = stack.preview(ok=False)
    assert "Traceback" not in run.output
    assert stack.cloud.writes() == []
    return run


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("account", "said"),
    [
        pytest.param("12345", "it is '12345'", id="too short"),
        pytest.param(
            12345678905, "it is 12345678905, a number with fewer digits: an account id that begins", id="integer"
        ),
        pytest.param("2222-2222-2222", "remove dashes, spaces and quotes", id="dashes"),
        pytest.param("", "is required", id="empty"),
        pytest.param(None, "is required", id="None"),
    ],
)
def test_account_that_is_none(stack: Stack, image: str, account: object, said: str) -> None:
    """The message names the property and what it should be."""
    stack.program(f"ImageShare('sales', image_id={image!r}, shared_account_id={account!r})")
    assert refused(stack).line("sales", "shared_account_id", said)


@pytest.mark.nightly
def test_accounts_as_the_command_line_stores_them(stack: Stack, image: str) -> None:
    """Cases 14 and 16: a number where no zero is lost; where one is, the message says that quotes are missing."""
    zero = "012345678905"
    stack.program(f"ImageShares('golden', {image!r}, pulumi.Config().require_object('accounts'), exclusive=True)")
    stack.preview(ok=False)  # it writes the configuration file
    stack.keep_configuration_file = True
    for n, (label, account) in enumerate({"sales": SALES, "legal": zero}.items()):
        stack.run("config", "set", "--path", f"accounts.{label}", account)
        stack.run("config", "set", "--path", f"workspaces-images:allowedAccountIds[{n}]", account)
    stack.up()
    assert stack.declared() == {"golden-sales": SALES, "golden-legal": zero}
    assert stack.preview().clean
    file = stack.folder / "Pulumi.test.yaml"
    written = file.read_text()
    assert f"sales: {SALES}\n" in written
    file.write_text(written.replace(f'legal: "{zero}"', f"legal: {zero}"))
    assert stack.preview(ok=False).line("a number with fewer digits: an account id that begins with 0 needs quotes")
    file.write_text(written.replace(f'- "{zero}"', f"- {zero}"))
    assert stack.preview(ok=False).line(f'must be a list of account ids of 12 digits in quotes, e.g. ["{zero}"]')


@pytest.mark.nightly
@pytest.mark.parametrize("image_id", ["ami-0a1b2c3d4", None])
def test_image_id_that_is_none(stack: Stack, image_id: object) -> None:
    """The message names the property and what it should be."""
    stack.program(f"ImageShare('sales', image_id={image_id!r}, shared_account_id={SALES!r})")
    assert refused(stack).line("sales", "image_id", "wsi-0a1b2c3d4")


@pytest.mark.nightly
@pytest.mark.parametrize("region", ["us-esat-1", 5])
def test_region_that_is_none(stack: Stack, image: str, region: object) -> None:
    """A wrong Region would end in a DNS error; it is named instead."""
    stack.program(f"ImageShare('sales', image_id={image!r}, shared_account_id={SALES!r}, region={region!r})")
    assert refused(stack).line("sales", "region", str(region))


def test_no_region_at_all(stack: Stack, image: str) -> None:
    """Without any Region the message says where to set one."""
    del stack.configuration["aws:region"]
    stack.shares(image, sales=SALES)
    assert refused(stack).line("region", "aws:region")


def test_all_problems_of_a_resource_together(stack: Stack) -> None:
    """One preview names every problem of a resource, each with its property."""
    stack.program("ImageShare('sales', image_id='x', shared_account_id='y', region='z')")
    run = refused(stack)
    for name in ("image_id", "shared_account_id", "region"):
        assert run.line("sales", name)


@pytest.mark.nightly
def test_live_problems_and_malformed_ones_together(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """A malformed account does not hide what is wrong with the image."""
    cloud.set_image(image, state="PENDING")
    stack.shares(image, sales="12345")
    run = refused(stack)
    assert run.line("shared_account_id", "12 digits")
    assert run.line("image_id", "PENDING", "AVAILABLE")


@pytest.mark.nightly
def test_image_that_does_not_exist(stack: Stack) -> None:
    """The message says in which Region and account it was looked for, and as whom."""
    stack.shares("wsi-unknown00", sales=SALES)
    assert refused(stack).line("image_id", "wsi-unknown00", "not found", REGION, OWNER, "arn:aws:")


@pytest.mark.nightly
def test_image_in_another_region(stack: Stack, cloud: LocalCloud) -> None:
    """An image is found in its own Region only."""
    irish = cloud.create_image(region="eu-west-1")
    stack.shares(irish, sales=SALES)
    assert refused(stack).line(irish, "not found", REGION)


def test_image_of_another_account(stack: Stack, cloud: LocalCloud) -> None:
    """An image shared with the caller is visible to it, and not its to share."""
    theirs = cloud.create_image(account="555555555555")
    cloud.share(theirs, OWNER)
    stack.shares(theirs, sales=SALES)
    assert refused(stack).line("image_id", theirs, "owned by account 555555555555", OWNER)


@pytest.mark.nightly
def test_image_that_is_not_available(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """An image is shared once it is AVAILABLE."""
    cloud.set_image(image, state="ERROR")
    stack.shares(image, sales=SALES)
    assert refused(stack).line("image_id", image, "ERROR", "AVAILABLE")


@pytest.mark.nightly
def test_share_with_the_owner_itself(stack: Stack, image: str) -> None:
    """The owner needs no share."""
    stack.shares(image, sales=OWNER)
    assert refused(stack).line("shared_account_id", OWNER, "owns the image itself")


@pytest.mark.nightly
def test_byol_image_in_govcloud(stack: Stack, cloud: LocalCloud) -> None:
    """BYOL images cannot be shared in GovCloud."""
    image = cloud.create_image(region=GOVCLOUD, tenancy="DEDICATED")
    stack.configuration["aws:region"] = GOVCLOUD
    stack.shares(image, sales=SALES)
    assert refused(stack).line("image_id", image, "BYOL", "GovCloud")


@pytest.mark.nightly
def test_byol_image_elsewhere(stack: Stack, cloud: LocalCloud) -> None:
    """Outside GovCloud a BYOL image is shared like any other."""
    image = cloud.create_image(tenancy="DEDICATED")
    stack.shares(image, sales=SALES)
    stack.up()
    assert cloud.shared_with(image) == {SALES}


def test_no_credentials(stack: Stack, image: str) -> None:
    """Without credentials a preview fails and says where to put some."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        del stack.environment[name]
    stack.configuration["aws:skipMetadataApiCheck"] = "true"
    stack.shares(image, sales=SALES)
    assert refused(stack).line("no usable AWS credentials", "aws:profile")


@pytest.mark.nightly
def test_expired_credentials(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """Expired credentials are called expired."""
    cloud.expire(cloud.credentials(OWNER)["AWS_ACCESS_KEY_ID"])
    stack.shares(image, sales=SALES)
    assert refused(stack).line("credentials are expired", "renew")


@pytest.mark.parametrize(
    "action", nightly_but_first(["workspaces:DescribeWorkspaceImages", "workspaces:DescribeWorkspaceImagePermissions"])
)
def test_access_denied_to_look(stack: Stack, cloud: LocalCloud, image: str, action: str) -> None:
    """The message names the IAM action that is missing, the image and the caller."""
    stack.shares(image, sales=SALES)
    stack.up()
    cloud.forget_calls()
    cloud.deny(action)
    assert refused(stack).line(image, REGION, "arn:aws:", "access denied", f"the caller needs {action}")


@pytest.mark.nightly
def test_access_denied_to_grant(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """Only up can find that the caller may not grant."""
    action = "workspaces:UpdateWorkspaceImagePermission"
    cloud.deny(action)
    stack.shares(image, sales=SALES)
    run = stack.up(ok=False)
    assert run.line(f"sharing image {image} with {SALES} in {REGION}", "access denied", f"the caller needs {action}")
    assert "Traceback" not in run.output


@pytest.mark.nightly
def test_role_that_may_not_be_assumed(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """The message names sts:AssumeRole, not the call that needed the role."""
    cloud.deny("sts:AssumeRole")
    stack.configuration["aws:assumeRoles"] = [{"roleArn": f"arn:aws:iam::{OWNER}:role/images"}]
    stack.shares(image, sales=SALES)
    assert refused(stack).line("access denied", "sts:AssumeRole")


@pytest.mark.nightly
def test_singular_assume_role(stack: Stack, image: str) -> None:
    """pulumi-aws 7 has no `aws:assumeRole`, and it is not ignored."""
    stack.configuration["aws:assumeRole"] = {"roleArn": "arn:aws:iam::111111111111:role/images"}
    stack.shares(image, sales=SALES)
    assert refused(stack).line("invalid config key 'aws:assumeRole', should be 'aws:assumeRoles'")


@pytest.mark.nightly
def test_caller_that_is_not_allowed(stack: Stack, image: str) -> None:
    """`aws:allowedAccountIds` is about the caller, as in pulumi-aws."""
    stack.configuration["aws:allowedAccountIds"] = ["999999999999"]
    stack.shares(image, sales=SALES)
    assert refused(stack).line("aws:allowedAccountIds", OWNER)
