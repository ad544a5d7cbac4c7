"""AWS Organizations is asked once about each account, and failures are one line."""

import pytest

from pulumi_workspaces_images.aws.connection import Connection
from pulumi_workspaces_images.aws.organization import Member, Organization
from pulumi_workspaces_images.errors import AccessDenied, CredentialsError, ExpectedError, Refused, Unanswered
from tests.unit.helpers import LEGAL, REGION, SALES, Wire

ASK = "DescribeAccount"
DOING = f"asking the organization about account {SALES}"


@pytest.fixture
def organization(quiet_environment: None) -> Organization:
    """Return the organization of a caller with access keys."""
    keys = {"aws:accessKey": "AKIAEXAMPLE", "aws:secretKey": "example", "aws:maxRetries": "1"}
    return Organization(Connection(keys))


def account(**more: str) -> dict[str, object]:
    return {"Account": {"Id": SALES, "Name": "sales", **more}}


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        ({"State": "ACTIVE", "Status": "ACTIVE"}, "ACTIVE"),
        ({"State": "CLOSED", "Status": "SUSPENDED"}, "CLOSED"),
        ({"State": "PENDING_ACTIVATION"}, "PENDING_ACTIVATION"),
        ({"Status": "SUSPENDED"}, "SUSPENDED"),
        ({}, ""),
    ],
)
def test_state_of_a_member(organization: Organization, wire: Wire, answer: dict[str, str], state: str) -> None:
    """`State` takes precedence over `Status`, which is all that older partitions return. Without both it is empty."""
    wire.will(account(**answer))
    assert organization.member(SALES, REGION) == Member(SALES, "sales", state)


@pytest.mark.parametrize("code", ["AccountNotFoundException", "AWSOrganizationsNotInUseException"])
def test_account_that_is_not_a_member(organization: Organization, wire: Wire, code: str) -> None:
    """It is not in the organization, or the caller has none. AWS is asked once about this, too."""
    wire.will((400, code, "no"))
    assert organization.member(SALES, REGION) is None
    assert organization.member(SALES, REGION) is None
    assert wire.sent == [ASK]


def test_each_account_is_requested_once(organization: Organization, wire: Wire) -> None:
    """This holds for shares in several Regions, too."""
    wire.will(account(State="ACTIVE"), (400, "AccountNotFoundException", "no"))
    for region in (REGION, "eu-west-1"):
        assert organization.member(SALES, region)
        assert organization.member(LEGAL, region) is None
    assert wire.sent == [ASK, ASK]


def test_access_denied(organization: Organization, wire: Wire) -> None:
    """The line names the missing action and the accounts that can get it. There is one request for all callers."""
    wire.will((400, "AccessDeniedException", "You don't have permissions to access this resource."))
    for _ in range(2):
        with pytest.raises(AccessDenied) as caught:
            organization.member(SALES, REGION)
        assert str(caught.value) == (
            f"{DOING}: access denied; the caller needs organizations:DescribeAccount (You don't have permissions to "
            "access this resource); only the management account and delegated administrators may ask"
        )
    assert wire.sent == [ASK]


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("TooManyRequestsException", 400, Unanswered),
        ("ServiceException", 500, Unanswered),
        ("InvalidInputException", 400, Refused),
        ("ExpiredTokenException", 400, CredentialsError),
    ],
)
def test_failed_request(
    organization: Organization, wire: Wire, code: str, status: int, kind: type[ExpectedError]
) -> None:
    """Each kind of failure has its own error, whose line says what was requested."""
    wire.will((status, code, "no"))
    with pytest.raises(ExpectedError, match=f"^{DOING}: ") as caught:
        organization.member(SALES, REGION)
    assert type(caught.value) is kind
    assert "delegated administrators" not in str(caught.value)
