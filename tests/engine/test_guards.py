"""Guards: `allowedAccountIds` and `requireOrganization` limit the accounts that images may be shared with.

tests/unit/test_stack_program.py tests `organizationalUnitId` (case 19). The engine would need the plugin of pulumi-aws
for it, which no package registry has.
"""

import boto3
import pytest

from local.cloud import LocalCloud
from tests.engine.harness import LEGAL, OWNER, SALES, Stack

ALLOWED = "workspaces-images:allowedAccountIds"
ORGANIZATION = "workspaces-images:requireOrganization"
FINANCE = "444444444444"


def test_account_that_is_not_allowed(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """The preview fails for an account that is not on the list. Listed accounts are accepted."""
    stack.configuration[ALLOWED] = [SALES]
    stack.shares(image, sales=SALES, legal=LEGAL)
    run = stack.preview(ok=False)
    assert run.line("legal", "shared_account_id", LEGAL, ALLOWED)
    stack.shares(image, sales=SALES)
    stack.up()
    assert cloud.shared_with(image) == {SALES}


@pytest.fixture
def members(stack: Stack, cloud: LocalCloud) -> dict[str, str]:
    """Require the owner's organization, with two accounts, of which `legal` is closed; return their ids by name."""
    cloud.allow_everything()
    stack.configuration["aws:endpoints"] = [{name: cloud.url} for name in ("workspaces", "sts", "organizations")]
    stack.configuration[ORGANIZATION] = "true"
    keys = cloud.credentials(OWNER)
    client = boto3.client(
        "organizations",
        region_name="us-east-1",
        endpoint_url=cloud.url,
        aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
    )
    client.create_organization(FeatureSet="ALL")
    made = {}
    for name in ("sales", "legal"):
        created = client.create_account(AccountName=name, Email=f"{name}@example.com")
        made[name] = created["CreateAccountStatus"]["AccountId"]
    client.close_account(AccountId=made["legal"])
    cloud.forget_calls()
    return made


@pytest.mark.nightly
def test_active_member_of_the_organization(
    stack: Stack, cloud: LocalCloud, image: str, members: dict[str, str]
) -> None:
    """It gets its shares, previews show its name, and AWS is asked once, however many shares it has."""
    other = cloud.create_image(name="other")
    stack.program(
        f"""
        ImageShares("two", {other!r}, {{"sales": {members["sales"]!r}}})
        ImageShare("one", image_id={image!r}, shared_account_id={members["sales"]!r})
        """
    )
    preview = stack.preview()
    for shared in (image, other):
        assert preview.line(f"account {members['sales']} (sales) gets access to image {shared}")
    cloud.forget_calls()
    stack.up()
    assert cloud.count("DescribeAccount") == 1
    assert cloud.shared_with(image) == {members["sales"]}


def test_accounts_that_are_not_active_members(stack: Stack, image: str, members: dict[str, str]) -> None:
    """A component names all of them: the account outside the organization, and the closed one with its name."""
    stack.program(f"ImageShares('golden', {image!r}, {[FINANCE, *members.values()]!r})")
    run = stack.preview(ok=False)
    assert run.line("error:", FINANCE, "not a member", members["legal"], "legal", ORGANIZATION)
    assert members["sales"] not in run.output
    stack.shares(image, finance=FINANCE)
    assert stack.preview(ok=False).line("finance", "shared_account_id", FINANCE, "not a member")
