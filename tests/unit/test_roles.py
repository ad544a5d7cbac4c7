"""The roles of the stack configuration: valid ones become requests to STS, invalid ones are refused."""

from pathlib import Path

import pytest

from tests.unit.helpers import CANARY, configured, refusal

pytestmark = pytest.mark.usefixtures("quiet_environment")

ROLE = "arn:aws:iam::111111111111:role/golden"


def test_policy_may_be_an_object() -> None:
    """STS gets it as JSON."""
    roles = configured(assumeRoles=[{"roleArn": ROLE, "policy": {"Version": "2012-10-17"}}]).assume_roles
    assert roles is not None
    assert roles[0]["Policy"] == '{"Version": "2012-10-17"}'


@pytest.mark.parametrize(
    ("duration", "seconds"),
    [("1h30m", 5400), ("15m", 900), ("3600s", 3600), ("1.5h", 5400), ("900000ms", 900), ("12h", 43200)],
)
def test_duration_is_in_gos_notation_as_in_pulumi_aws(duration: str, seconds: int) -> None:
    roles = configured(assumeRoles=[{"roleArn": ROLE, "duration": duration}]).assume_roles
    assert roles is not None
    assert roles[0]["DurationSeconds"] == seconds


@pytest.mark.parametrize("duration", ["3600", "1h 30m", "13h", "14m", "-1h", "1d", "h", "1hour"])
def test_invalid_duration_is_refused(duration: str) -> None:
    """STS accepts 15 minutes to 12 hours."""
    message = refusal(assumeRoles=[{"roleArn": ROLE, "duration": duration}])
    assert message == "aws:assumeRoles[0].duration must be a duration from 15m to 12h, e.g. 1h30m"


@pytest.mark.parametrize(
    ("roles", "message"),
    [
        ({"roleArn": ROLE}, "aws:assumeRoles must be a list of objects (as JSON)"),
        ([{}], "aws:assumeRoles[0].roleArn must be the ARN of an IAM role"),
        ([{"roleArn": ROLE, "sessionName": "s"}], "aws:assumeRoles[0].sessionName must be 2 to 64 letters, "),
        ([{"roleArn": ROLE, "externalId": "a b"}], "aws:assumeRoles[0].externalId must be 2 to 1224 letters, "),
        ([{"roleArn": ROLE, "sourceIdentity": "ü-x"}], "aws:assumeRoles[0].sourceIdentity must be 2 to 64 letters"),
        ([{"roleArn": ROLE, "policyArns": ["Admin"]}], "aws:assumeRoles[0].policyArns must be a list of the ARNs"),
        ([{"roleArn": "golden"}], "aws:assumeRoles[0].roleArn must be the ARN of an IAM role"),
        ([{"roleArn": ROLE, "policy": "x"}], "aws:assumeRoles[0].policy must be "),
        ([{"roleArn": ROLE, "tags": {"a": ["x"]}}], "aws:assumeRoles[0].tags.a must be a string"),
        ([{"roleArn": ROLE, "transitiveTagKeys": "x"}], "aws:assumeRoles[0].transitiveTagKeys must be a list of"),
        ([{"roleArn": ROLE, "durationSeconds": 900}], "aws:assumeRoles[0].durationSeconds is not a key of a role"),
    ],
)
def test_invalid_role_is_refused(roles: object, message: str) -> None:
    """The message names the key. An unsupported key is refused, too."""
    assert refusal(assumeRoles=roles).startswith(message)


def test_web_identity_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Missing values are read from it."""
    monkeypatch.setenv("AWS_ROLE_ARN", ROLE)
    monkeypatch.setenv("AWS_ROLE_SESSION_NAME", "ci")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
    identity = configured(assumeRoleWithWebIdentity={"duration": "1h"}).assume_role_with_web_identity
    assert identity is not None
    assert identity.token_file == str(tmp_path / "token")
    assert identity.request["RoleArn"] == ROLE
    assert identity.request["RoleSessionName"] == "ci"
    # Without the key, botocore itself reads the environment.
    assert configured().assume_role_with_web_identity is None


@pytest.mark.parametrize("tokens", [{}, {"webIdentityToken": CANARY, "webIdentityTokenFile": "/t"}])
def test_web_identity_without_a_token_or_with_two_is_refused(tokens: dict[str, str]) -> None:
    """The message does not quote the token."""
    message = refusal(assumeRoleWithWebIdentity={"roleArn": ROLE, **tokens})
    assert "aws:assumeRoleWithWebIdentity.webIdentityToken or webIdentityTokenFile must be set" in message
    assert CANARY not in message
