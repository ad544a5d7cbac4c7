"""A preview reports everything it can know: one line per problem, and all problems of a resource together."""

import pytest

from local.cloud import LocalCloud
from tests.engine.harness import OWNER, REGION, SALES, Run, Stack


def refused(stack: Stack) -> Run:
    """Preview a program; assert that this fails without a traceback and without a write."""
    run = stack.preview(ok=False)
    assert "Traceback" not in run.output
    assert stack.cloud.writes() == []
    return run


@pytest.mark.nightly
def test_accounts_as_the_command_line_stores_them(stack: Stack, image: str) -> None:
    """Numbers are accepted. If a leading zero was lost, the message asks for quotes (cases 14 and 16)."""
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


def test_no_region(stack: Stack, image: str) -> None:
    """The message says where to set a Region."""
    del stack.configuration["aws:region"]
    stack.shares(image, sales=SALES)
    assert refused(stack).line("region", "aws:region")


def test_all_problems_of_a_resource_together(stack: Stack) -> None:
    """The preview names the property of each problem."""
    stack.program("ImageShare('sales', image_id='x', shared_account_id='y', region='z')")
    run = refused(stack)
    for name in ("image_id", "shared_account_id", "region"):
        assert run.line("sales", name)


def test_image_of_another_account(stack: Stack, cloud: LocalCloud) -> None:
    """An image that is shared with the caller cannot be shared by it. The message names the owner."""
    theirs = cloud.create_image(account="555555555555")
    cloud.share(theirs, OWNER)
    stack.shares(theirs, sales=SALES)
    assert refused(stack).line("image_id", theirs, "owned by account 555555555555", OWNER)


def test_no_credentials(stack: Stack, image: str) -> None:
    """The preview fails and says where to set credentials."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        del stack.environment[name]
    stack.configuration["aws:skipMetadataApiCheck"] = "true"
    stack.shares(image, sales=SALES)
    assert refused(stack).line("no usable AWS credentials", "aws:profile")


def test_access_denied_in_a_preview(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """The message names the missing IAM action, the image and the caller."""
    action = "workspaces:DescribeWorkspaceImages"
    cloud.deny(action)
    stack.shares(image, sales=SALES)
    assert refused(stack).line(image, REGION, "arn:aws:", "access denied", f"the caller needs {action}")
