"""Guards: with whom an image may be shared, by `allowedAccountIds` and `requireOrganization`.

What `organizationalUnitId` finds (case 19) is in tests/unit/test_stack_program.py: the engine would need the plugin of
pulumi-aws, which no package registry has.
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
    """A share with any other account fails at preview; one that is listed does not."""
    stack.configuration[ALLOWED] = [SALES]
    stack.shares(image, sales=SALES, legal=LEGAL)
    run = stack.preview(ok=False)
    assert run.line("legal", "shared_account_id", LEGAL, ALLOWED)
    stack.shares(image, sales=SALES)
    stack.up()
    assert cloud.shared_with(image) == {SALES}


@pytest.mark.nightly
def test_account_that_is_no_longer_allowed_can_be_removed(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """Guards apply to grants; a share is always revocable, by up and by destroy."""
    stack.shares(image, sales=SALES, legal=LEGAL)
    stack.up()
    stack.configuration[ALLOWED] = [SALES]
    stack.shares(image, sales=SALES)
    stack.up()
    assert cloud.shared_with(image) == {SALES}
    stack.configuration[ALLOWED] = [LEGAL]
    stack.destroy()
    assert cloud.shared_with(image) == set()


@pytest.fixture
def organizations(stack: Stack, cloud: LocalCloud) -> "OrganizationsClient":
    """Create an organization of the owner, and require it; return its API."""
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
def test_members_of_the_organization(stack: Stack, cloud: LocalCloud, image: str, members: dict[str, str]) -> None:
    """An ACTIVE member is shared with, and previews show its name; it costs one call, however many shares it has."""
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


def test_accounts_that_are_no_active_members(stack: Stack, image: str, members: dict[str, str]) -> None:
    """A component names all: the stranger, and the suspended account with its name and state."""
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
def test_organization_that_may_not_be_asked_shares_nothing(
    stack: Stack, cloud: LocalCloud, image: str, members: dict[str, str], declared: str, recheck: str
) -> None:
    """Case 18. The message names the IAM action, and who is given it."""
    stack.configuration["workspaces-images:recheck"] = recheck
    cloud.deny("organizations:DescribeAccount")
    stack.program(declared.format(image=image, account=members["sales"]))
    for run in (stack.preview(ok=False), stack.up(ok=False)):
        assert run.line("access denied", "organizations:DescribeAccount", "delegated administrators")
        assert "Traceback" not in run.output
    assert cloud.shared_with(image) == set()


@pytest.mark.nightly
def test_twenty_accounts_cost_twenty_questions_four_at_a_time(
    stack: Stack, cloud: LocalCloud, image: str, organizations: "OrganizationsClient"
) -> None:
    """Case 20: they were forty, one after the other. Here none is answered before three others have been asked."""
    accounts = [create_account(organizations, f"team-{number}") for number in range(20)]
    stack.program(f"ImageShares('golden', {image!r}, {accounts!r})")
    four, counting, asking, most = threading.Barrier(4, timeout=60), threading.Lock(), 0, 0

    def answer_four(call: Call, proceed: Callable[[], Response]) -> Response:
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


@pytest.mark.nightly
def test_organization_is_not_asked_to_revoke(
    stack: Stack, cloud: LocalCloud, image: str, members: dict[str, str]
) -> None:
    """A member that left can be unshared."""
    stack.shares(image, sales=members["sales"])
    stack.up()
    cloud.deny("organizations:DescribeAccount")
    stack.program("")
    stack.up()
    assert cloud.shared_with(image) == set()
