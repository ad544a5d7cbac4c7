"""Guards: `allowedAccountIds` and `requireOrganization` limit the accounts that images may be shared with.

tests/unit/test_stack_program.py tests `organizationalUnitId` (case 19). The engine would need the plugin of pulumi-aws
for it, which no package registry has.
"""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import boto3
import pytest

from local.cloud import Call, LocalCloud, Response
from tests.engine.harness import LEGAL, OWNER, SALES, Stack

if TYPE_CHECKING:
    from mypy_boto3_organizations import OrganizationsClient

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
def organizations(stack: Stack, cloud: LocalCloud) -> "OrganizationsClient":
    """Create an organization of the owner, set `requireOrganization`, and return a client of its API."""
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
    return client


def create_account(organizations: "OrganizationsClient", name: str) -> str:
    """Create an account in the organization; return its id."""
    created = organizations.create_account(AccountName=name, Email=f"{name}@example.com")
    return created["CreateAccountStatus"]["AccountId"]


@pytest.fixture
def members(cloud: LocalCloud, organizations: "OrganizationsClient") -> dict[str, str]:
    """Create two accounts in the organization, and close `legal`; return their ids by name."""
    made = {name: create_account(organizations, name) for name in ("sales", "legal")}
    organizations.close_account(AccountId=made["legal"])
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


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("declared", "recheck"),
    [
        ("ImageShare('sales', {image!r}, {account!r})", "warn"),
        ("ImageShares('golden', {image!r}, [{account!r}])", "strict"),
    ],
)
def test_nothing_is_shared_if_the_caller_may_not_ask_the_organization(
    stack: Stack, cloud: LocalCloud, image: str, members: dict[str, str], declared: str, recheck: str
) -> None:
    """The message names the IAM action, and says who can get it (case 18)."""
    stack.configuration["workspaces-images:recheck"] = recheck
    cloud.deny("organizations:DescribeAccount")
    stack.program(declared.format(image=image, account=members["sales"]))
    for run in (stack.preview(ok=False), stack.up(ok=False)):
        assert run.line("access denied", "organizations:DescribeAccount", "delegated administrators")
        assert "Traceback" not in run.output
    assert cloud.shared_with(image) == set()


@pytest.mark.nightly
def test_twenty_accounts_need_twenty_requests_four_at_a_time(
    stack: Stack, cloud: LocalCloud, image: str, organizations: "OrganizationsClient"
) -> None:
    """In 0.1.0 there were forty requests, one after the other (case 20)."""
    accounts = [create_account(organizations, f"team-{number}") for number in range(20)]
    stack.program(f"ImageShares('golden', {image!r}, {accounts!r})")
    four, counting, asking, most = threading.Barrier(4, timeout=60), threading.Lock(), 0, 0

    def answer_four(call: Call, proceed: Callable[[], Response]) -> Response:
        """Answer a request only after three others have been sent."""
        nonlocal asking, most
        if call.operation != "DescribeAccount":
            return proceed()
        with counting:
            asking += 1
            most = max(most, asking)
        four.wait()
        with counting:
            asking -= 1
        return proceed()

    cloud.interceptors.append(answer_four)
    for command in (stack.preview, stack.up):
        cloud.forget_calls()
        command()
        assert cloud.count("DescribeAccount") == 20
    assert most == 4
    assert cloud.shared_with(image) == set(accounts)
