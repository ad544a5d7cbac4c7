"""The caller's identity: it is requested once, when it is needed, and checked against the configured accounts."""

import threading

import pytest

from pulumi_workspaces_images.aws.connection import Caller
from pulumi_workspaces_images.errors import AccessDenied, ConfigurationError, CredentialsError
from tests.unit.connections import REGION, Aws, connect, refuse
from tests.unit.helpers import OWNER, SALES, four_at_once

pytestmark = pytest.mark.usefixtures("home")


def test_caller_is_requested_in_the_region_of_a_resource(aws: Aws, keys: None) -> None:
    """The stack may have no Region of its own. aws:stsRegion takes precedence."""
    connect(endpoints=aws.endpoints).caller("sa-east-1")
    connect(endpoints=aws.endpoints, stsRegion="us-west-2").caller("sa-east-1")
    connect(endpoints=aws.endpoints, stsRegion="us-west-2").caller()
    scopes = [headers["Authorization"].split("/")[2] for headers in aws.headers]
    assert scopes == ["sa-east-1", "us-west-2", "us-west-2"]
    with pytest.raises(ConfigurationError, match=r"no AWS Region is set"):
        connect(endpoints=aws.endpoints).caller()


def test_caller_is_requested_once(aws: Aws, keys: None) -> None:
    """Threads that need it at the same time wait for one answer."""
    connection = connect(endpoints=aws.endpoints, region=REGION)
    answer = threading.Event()

    def slowly(request: dict[str, str]) -> tuple[int, str]:
        answer.wait(10)
        return aws.identify(request)

    aws.answer = slowly
    me = Caller("111111111111", "arn:aws:iam::111111111111:user/me")
    assert four_at_once(connection.caller, answer) == [me] * 4
    assert connection.caller("us-east-1") == me
    assert aws.actions == ["GetCallerIdentity"]


def test_failed_request_for_the_caller_is_repeated(aws: Aws, keys: None) -> None:
    """The next call asks AWS again."""
    connection = connect(endpoints=aws.endpoints, region=REGION)
    aws.answer = refuse("ExpiredToken", "The security token included in the request is expired")
    with pytest.raises(CredentialsError, match=r"^asking AWS who the caller is: the AWS credentials are expired"):
        connection.caller()
    assert connection._caller is None
    aws.answer = refuse("AccessDenied", "no")
    with pytest.raises(AccessDenied, match=r"sts:GetCallerIdentity"):
        connection.caller()
    aws.answer = aws.identify
    assert connection.caller() is not None


def test_caller_in_a_region_that_is_not_enabled(aws: Aws, keys: None) -> None:
    """AWS reports an invalid key. The message mentions opt-in Regions, unless aws:stsRegion names another Region."""
    aws.answer = refuse("InvalidClientTokenId", "The security token included in the request is invalid.")
    with pytest.raises(CredentialsError, match=r"not accepted in af-south-1 .* it is an opt-in Region"):
        connect(endpoints=aws.endpoints, region="af-south-1").caller()
    with pytest.raises(CredentialsError, match=r"renew them"):
        connect(endpoints=aws.endpoints, region="af-south-1", stsRegion="us-east-1").caller()


def test_skip_requesting_account_id(aws: Aws, keys: None) -> None:
    """With aws:skipRequestingAccountId AWS is not asked, and the caller stays unknown."""
    connection = connect(endpoints=aws.endpoints, region=REGION, skipRequestingAccountId="true")
    assert connection.caller() is None
    assert aws.asked == []


@pytest.mark.parametrize(
    ("keys_", "message"),
    [
        ({"allowedAccountIds": [SALES]}, "aws:allowedAccountIds does not list the caller's account 111111111111"),
        ({"forbiddenAccountIds": [OWNER]}, "aws:forbiddenAccountIds lists the caller's account 111111111111"),
    ],
)
def test_account_that_the_configuration_excludes_is_refused(
    aws: Aws, keys: None, keys_: dict[str, object], message: str
) -> None:
    """Every call is refused, and AWS is asked once."""
    connection = connect(endpoints=aws.endpoints, **keys_)
    for _ in range(2):
        with pytest.raises(ConfigurationError, match=rf"^{message}"):
            connection.client("workspaces", REGION)
        with pytest.raises(ConfigurationError, match=rf"^{message}"):
            connection.caller()
    assert aws.actions == ["GetCallerIdentity"]


@pytest.mark.parametrize("keys_", [{"allowedAccountIds": [SALES, OWNER]}, {"forbiddenAccountIds": [SALES]}])
def test_account_that_the_configuration_allows_is_accepted(aws: Aws, keys: None, keys_: dict[str, object]) -> None:
    connection = connect(endpoints=aws.endpoints, **keys_)
    assert connection.client("workspaces", REGION) is not None
    assert aws.actions == ["GetCallerIdentity"]
