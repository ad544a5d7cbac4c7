"""`aws:assumeRoles` and `aws:assumeRoleWithWebIdentity`: which sessions are requested, with what, and when."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from pulumi_workspaces_images.aws.permissions import Permissions
from pulumi_workspaces_images.errors import ConfigurationError, CredentialsError
from tests.unit.connections import REGION, ROLE, ROLE_2, Aws, connect, refuse, request_of, signer
from tests.unit.helpers import CANARY, IMAGE

pytestmark = pytest.mark.usefixtures("home")


def test_roles_are_assumed_in_order(aws: Aws, keys: None) -> None:
    """Each role is assumed with the session of the one before, and with all its settings."""
    roles = [
        {
            "roleArn": ROLE,
            "sessionName": "me",
            "externalId": "x1",
            "duration": "1h30m",
            "policy": '{"Version":"2012-10-17"}',
            "policyArns": ["arn:aws:iam::aws:policy/A", "arn:aws:iam::aws:policy/B"],
            "sourceIdentity": "ci",
            "tags": {"team": "platform"},
            "transitiveTagKeys": ["team"],
        },
        {"roleArn": ROLE_2},
    ]
    connection = connect(assumeRoles=json.dumps(roles), endpoints=aws.endpoints)
    assert aws.asked == []
    client = connection.client("workspaces", REGION)
    assert aws.asked == []  # no role is assumed before it is needed
    assert signer(connection) == ("AKIDsecond", "token-second")
    assert signer(connection) == ("AKIDsecond", "token-second")
    assert connection.client("workspaces", REGION) is client
    assert aws.asked == [
        {
            "Action": "AssumeRole",
            "Version": "2011-06-15",
            "RoleArn": ROLE,
            "RoleSessionName": "me",
            "ExternalId": "x1",
            "DurationSeconds": "5400",
            "Policy": '{"Version":"2012-10-17"}',
            "PolicyArns.member.1.arn": "arn:aws:iam::aws:policy/A",
            "PolicyArns.member.2.arn": "arn:aws:iam::aws:policy/B",
            "SourceIdentity": "ci",
            "Tags.member.1.Key": "team",
            "Tags.member.1.Value": "platform",
            "TransitiveTagKeys.member.1": "team",
        },
        {
            "Action": "AssumeRole",
            "Version": "2011-06-15",
            "RoleArn": ROLE_2,
            "RoleSessionName": "pulumi-workspaces-images",
        },
    ]
    assert aws.signed_by == ["AKIDENV", "AKIDfirst"]
    assert aws.headers[1]["X-Amz-Security-Token"] == "token-first"


def test_role_is_assumed_with_the_keys_of_the_stack_configuration(aws: Aws, keys: None) -> None:
    connection = connect(
        accessKey="AKIDSTACK", secretKey=CANARY, assumeRoles=[{"roleArn": ROLE}], endpoints=aws.endpoints
    )
    assert signer(connection) == ("AKIDfirst", "token-first")
    assert aws.signed_by == ["AKIDSTACK"]


@pytest.mark.parametrize(("lifetime", "sessions"), [(900, 1), (200, 3)])
def test_role_session_is_renewed(aws: Aws, keys: None, lifetime: int, sessions: int) -> None:
    """It is renewed five minutes before its end. A session of 15 minutes serves many requests."""
    aws.lifetime = lifetime
    connection = connect(assumeRoles=[{"roleArn": ROLE}], endpoints=aws.endpoints)
    for _ in range(3):
        request_of(connection)
    assert len(aws.asked) == sessions


@pytest.mark.parametrize(("more", "named"), [({}, True), ({"stsRegion": "us-east-1"}, False)])
def test_role_in_a_region_that_is_not_enabled(aws: Aws, keys: None, more: dict[str, str], named: bool) -> None:
    """The message mentions opt-in Regions, unless aws:stsRegion sends the request to another Region."""
    aws.answer = refuse("InvalidClientTokenId", "The security token included in the request is invalid.")
    permissions = Permissions(connect(assumeRoles=[{"roleArn": ROLE}], endpoints=aws.endpoints, **more))
    with pytest.raises(CredentialsError) as caught:
        permissions.describe(IMAGE, "af-south-1")
    assert ("it is an opt-in Region" in str(caught.value)) == named


@pytest.mark.parametrize(
    ("lifetime", "sts", "cause"), [(-60, "", "still expired"), (3600, "localhost:4566", "Invalid endpoint")]
)
def test_role_without_a_usable_session(
    aws: Aws, keys: None, monkeypatch: pytest.MonkeyPatch, lifetime: int, sts: str, cause: str
) -> None:
    """This machine's clock is ahead, or an endpoint is not a URL: one line, not botocore's traceback."""
    aws.lifetime = lifetime
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts or aws.url)
    endpoints = json.dumps([{"workspaces": aws.url}])
    permissions = Permissions(connect(assumeRoles=[{"roleArn": ROLE}, {"roleArn": ROLE_2}], endpoints=endpoints))
    with pytest.raises(CredentialsError, match=rf"no usable AWS credentials .* from the configured role: .*{cause}"):
        permissions.describe(IMAGE, REGION)


def test_role_is_assumed_once_for_four_threads(aws: Aws, keys: None) -> None:
    """Threads that need the session at the same time share it."""
    connection = connect(assumeRoles=[{"roleArn": ROLE}], endpoints=aws.endpoints)
    client = connection.client("workspaces", REGION)
    barrier = threading.Barrier(4)

    def ask(_: int) -> None:
        barrier.wait()
        with pytest.raises(ClientError):  # the fake AWS has no WorkSpaces
            client.describe_workspace_images()

    aws.answer = lambda asked: aws.identify(asked) if asked.get("Action") else (400, "{}")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(ask, range(4)))
    assert aws.actions.count("AssumeRole") == 1


def test_web_identity_token(aws: Aws) -> None:
    """aws:assumeRoleWithWebIdentity needs only a token. aws:assumeRoles are assumed with its session."""
    identity = {
        "roleArn": ROLE,
        "sessionName": "ci",
        "webIdentityToken": CANARY,
        "duration": "20m",
        "policy": "{}",
        "policyArns": ["arn:aws:iam::aws:policy/A"],
    }
    connection = connect(
        assumeRoleWithWebIdentity=json.dumps(identity),
        assumeRoles=[{"roleArn": ROLE_2}],
        endpoints=aws.endpoints,
    )
    assert signer(connection) == ("AKIDsecond", "token-second")
    assert aws.signed_by == ["", "AKIDfirst"]
    assert aws.asked[0] == {
        "Action": "AssumeRoleWithWebIdentity",
        "Version": "2011-06-15",
        "RoleArn": ROLE,
        "RoleSessionName": "ci",
        "WebIdentityToken": CANARY,
        "DurationSeconds": "1200",
        "PolicyArns.member.1.arn": "arn:aws:iam::aws:policy/A",
    }


def test_web_identity_token_file(aws: Aws, tmp_path: Path) -> None:
    """The token file is read again for each session. If it is missing, the message names the key."""
    aws.lifetime = 200
    (tmp_path / "token").write_text("token one")
    identity = {"roleArn": ROLE, "webIdentityTokenFile": "~/token"}
    connection = connect(assumeRoleWithWebIdentity=identity, endpoints=aws.endpoints, region=REGION)
    assert signer(connection) == ("AKIDfirst", "token-first")
    (tmp_path / "token").write_text("token two")
    signer(connection)
    assert [asked["WebIdentityToken"] for asked in aws.asked] == ["token one", "token two"]
    (tmp_path / "token").unlink()
    fresh = connect(assumeRoleWithWebIdentity=identity, endpoints=aws.endpoints, region=REGION)
    with pytest.raises(ConfigurationError, match=r"^aws:assumeRoleWithWebIdentity.webIdentityTokenFile cannot be"):
        fresh.caller()
