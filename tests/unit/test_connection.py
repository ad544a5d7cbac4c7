"""AWS as the stack configuration says: what clients, credentials and requests really get of each key."""

import datetime
import ipaddress
import json
import logging
import os
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.client import BaseClient
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError, SSLError
from botocore.loaders import create_loader

from pulumi_workspaces_images import credentials
from pulumi_workspaces_images.configuration import read_aws
from pulumi_workspaces_images.connection import Caller, Connection
from pulumi_workspaces_images.errors import (
    AccessDenied,
    ConfigurationError,
    CredentialsError,
    ExpectedError,
    Unanswered,
)

_LOADER = create_loader()

SECRET = "hunter2hunter2"
REGION = "eu-west-1"
ROLE = "arn:aws:iam::222222222222:role/first"
ROLE_2 = "arn:aws:iam::333333333333:role/second"


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An environment that says nothing about AWS, and a home folder without files."""
    for name in list(os.environ):
        if name.startswith("AWS_") or name.lower().endswith("_proxy") or name in ("REQUESTS_CA_BUNDLE",):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    (tmp_path / ".aws").mkdir()
    # What botocore knows of the services takes 0.2 s to parse for each session.
    monkeypatch.setattr("botocore.session.create_loader", lambda _: _LOADER)
    return tmp_path


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials in the environment."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)


def connect(project: str = "", /, **aws: object) -> Connection:
    return Connection({f"aws:{key}": value for key, value in aws.items()}, project=project)


def write(home: Path, name: str, text: str) -> Path:
    path = home / ".aws" / name
    path.write_text(text, encoding="utf-8")
    return path


def config_of(client: BaseClient) -> Any:
    return client.meta.config


def _texts(headers: Any) -> dict[str, str]:
    return {k: v.decode() if isinstance(v, bytes) else str(v) for k, v in headers.items()}


class CapturedError(Exception):
    def __init__(self, request: AWSPreparedRequest) -> None:
        self.url: str = request.url
        self.headers = _texts(request.headers)


def request_of(connection: Connection, service: str = "workspaces", region: str = REGION) -> CapturedError:
    """Return what a client would have sent."""
    client: Any = connection.client(service, region)

    def capture(request: AWSPreparedRequest, **_: Any) -> None:
        raise CapturedError(request)

    client.meta.events.register("before-send", capture)
    operation = {
        "workspaces": "describe_workspace_images",
        "sts": "get_caller_identity",
        "organizations": "describe_organization",
    }
    with pytest.raises(CapturedError) as caught:
        getattr(client, operation[service])()
    return caught.value


class Aws:
    """STS (and whatever else is asked) on this machine; it keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.answer: Callable[[dict[str, str]], tuple[int, str]] = self.identify
        self.lifetime = 3600
        aws = self

        class Handler(BaseHTTPRequestHandler):
            def _any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                asked = dict(parse_qsl(body))
                aws.asked.append(asked)
                aws.headers.append(dict(self.headers))
                aws.paths.append(self.path)
                status, text = aws.answer(asked) if self.command == "POST" else aws.metadata(self.path)
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            do_GET = do_POST = do_PUT = _any  # noqa: N815

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def endpoints(self) -> str:
        return json.dumps([{"sts": self.url}, {"workspaces": self.url}])

    @property
    def actions(self) -> list[str]:
        return [asked.get("Action", "") for asked in self.asked]

    @property
    def signed_by(self) -> list[str]:
        """The access key that signed each request; empty for an unsigned one."""
        signatures = [headers.get("Authorization", "") for headers in self.headers]
        return [s.partition("Credential=")[2].partition("/")[0] for s in signatures]

    def identify(self, asked: dict[str, str]) -> tuple[int, str]:
        action = asked.get("Action", "")
        if action == "GetCallerIdentity":
            return 200, xml(action, "<Account>111111111111</Account><Arn>arn:aws:iam::111111111111:user/me</Arn>")
        end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=self.lifetime)
        name = asked["RoleArn"].rpartition("/")[2]
        return 200, xml(
            action,
            f"<Credentials><AccessKeyId>AKID{name}</AccessKeyId><SecretAccessKey>{SECRET}</SecretAccessKey>"
            f"<SessionToken>token-{name}</SessionToken><Expiration>{end:%Y-%m-%dT%H:%M:%SZ}</Expiration></Credentials>",
        )

    def metadata(self, path: str) -> tuple[int, str]:
        """The instance metadata service."""
        if path.endswith("/security-credentials/"):
            return 200, "instance-role"
        if path.endswith("/instance-role"):
            keys = {"AccessKeyId": "AKIDINSTANCE", "SecretAccessKey": SECRET, "Token": "t"}
            return 200, json.dumps({"Code": "Success", **keys, "Expiration": "2999-01-01T00:00:00Z"})
        return 200, "token"


def xml(action: str, result: str) -> str:
    return (
        f'<{action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
        f"<{action}Result>{result}</{action}Result></{action}Response>"
    )


def refuse(code: str, message: str, status: int = 403) -> Callable[[dict[str, str]], tuple[int, str]]:
    return lambda _: (
        status,
        f"<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>",
    )


@pytest.fixture
def aws() -> Iterator[Aws]:
    aws = Aws()
    aws.thread.start()
    yield aws
    aws.server.shutdown()
    aws.thread.join()
    aws.server.server_close()


# Regions


def test_region_order(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The argument, then aws:region, AWS_REGION, AWS_DEFAULT_REGION, the profile."""
    write(home, "config", "[default]\nregion = eu-west-3\n[profile other]\nregion = sa-east-1\n")
    assert connect().region() == "eu-west-3"
    assert connect(profile="other").region() == "sa-east-1"
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    assert connect(profile="other").region() == "us-west-2"
    monkeypatch.setenv("AWS_REGION", "us-east-2")
    assert connect().region() == "us-east-2"
    assert connect(region="eu-central-1").region() == "eu-central-1"
    assert connect(region="eu-central-1").region("eu-west-2") == "eu-west-2"


def test_no_region() -> None:
    """Without any, the message says how to set one."""
    with pytest.raises(ConfigurationError, match=r"pulumi config set aws:region .* AWS_REGION"):
        connect().region()


def test_profile_from_the_environment(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS_PROFILE chooses the profile where aws:profile does not."""
    write(home, "config", "[profile one]\nregion = eu-west-3\n[profile two]\nregion = sa-east-1\n")
    monkeypatch.setenv("AWS_PROFILE", "one")
    assert connect().region() == "eu-west-3"
    assert connect(profile="two").region() == "sa-east-1"


def test_profile_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """A profile that does not exist is an error with the name of the key or variable that asked for it."""
    for connection, key in [(connect(profile="absent"), "aws:profile"), (connect(), "AWS_PROFILE")]:
        monkeypatch.setenv("AWS_PROFILE", "missing")
        with pytest.raises(ConfigurationError, match=rf"^{key} names a profile"):
            connection.region()
        with pytest.raises(ConfigurationError, match=rf"^{key} names a profile"):
            connection.client("workspaces", REGION)


def test_unreadable_profile_file(home: Path) -> None:
    """A configuration file that cannot be parsed is an error in one line."""
    write(home, "config", "region = eu-west-1\n")
    with pytest.raises(ConfigurationError, match=r"^reading the AWS profile: Unable to parse"):
        connect().region()


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-3", "cn-northwest-1", "us-gov-west-1", "us-gov-east-1"])
def test_regions_with_workspaces(region: str) -> None:
    """A Region where WorkSpaces exists is no problem, whatever its partition."""
    assert connect().region_problem(region) is None


def test_workspaces_regions_known() -> None:
    """What service.md's sources count: 17 Regions in aws, one in China, two in GovCloud."""
    connection = connect()
    counts: dict[str, int] = {}
    for region in connection._regions("workspaces"):
        partition = connection.partition(region)
        counts[partition] = counts.get(partition, 0) + 1
    assert (counts["aws"], counts["aws-cn"], counts["aws-us-gov"]) == (17, 1, 2)


@pytest.mark.parametrize(
    ("region", "problem"),
    [
        ("us-esat-1", "'us-esat-1' is not a Region where WorkSpaces exists; did you mean us-east-1,"),
        ("useast1", "'useast1' is not a Region where WorkSpaces exists; did you mean us-east-1,"),
        ("us-east-3", "'us-east-3' is not a Region where WorkSpaces exists; did you mean us-east-"),
        ("us-east-1a", "'us-east-1a' is not a Region where WorkSpaces exists; did you mean us-east-1,"),
        ("EU-WEST-1", "'EU-WEST-1' is not a Region where WorkSpaces exists"),
        ("", "'' is not a Region where WorkSpaces exists"),
        ("eu-north-1", "WorkSpaces does not exist in eu-north-1; near it are eu-central-1, eu-west-1,"),
        ("us-west-1", "WorkSpaces does not exist in us-west-1; near it are us-east-1, us-east-2, us-west-2"),
        ("cn-north-1", "WorkSpaces does not exist in cn-north-1; near it are cn-northwest-1"),
        ("me-south-1", "WorkSpaces does not exist in me-south-1; near it are "),
    ],
)
def test_region_problem(region: str, problem: str) -> None:
    """A Region that does not exist, or has no WorkSpaces, is told with the near ones."""
    said = connect().region_problem(region)
    assert said is not None
    assert said.startswith(problem)


@pytest.mark.parametrize("region", ["us-esat-1", "eu-north-1", "mars-1", ""])
def test_skip_region_validation(region: str) -> None:
    """With aws:skipRegionValidation no Region is a problem."""
    assert connect(skipRegionValidation="true").region_problem(region) is None
    assert connect(skipRegionValidation="false").region_problem(region) is not None


@pytest.mark.parametrize("region", ["fips-us-east-1", "us-east-1-fips", "fips-us-gov-west-1"])
@pytest.mark.parametrize("skip", ["true", "false"])
def test_fips_name_of_a_region_is_refused(region: str, skip: str) -> None:
    """It would be a second name, and so a second share, of the same Region; also where any other name will do."""
    assert connect(skipRegionValidation=skip).region_problem(region) == (
        f"{region!r} is an endpoint, not a Region; name the Region, and set aws:useFipsEndpoint"
    )


@pytest.mark.parametrize("ask", ["partition", "region_problem"])
def test_unreadable_profile_wherever_it_is_met(home: Path, ask: str) -> None:
    """Region names need the session, and with it the profile: that fails in one line there too."""
    write(home, "config", "region = eu-west-1\n")
    with pytest.raises(ConfigurationError, match=r"^reading the AWS profile: Unable to parse"):
        getattr(connect(), ask)(REGION)


@pytest.mark.parametrize(
    ("region", "partition"),
    [
        ("us-east-1", "aws"),
        ("cn-north-1", "aws-cn"),
        ("us-gov-west-1", "aws-us-gov"),
        ("eu-new-7", "aws"),
        ("mars", "aws"),
    ],
)
def test_partition(region: str, partition: str) -> None:
    """A Region's partition follows from its name; what nobody knows counts as aws."""
    assert connect().partition(region) == partition


# Credentials


def signer(connection: Connection) -> tuple[str, str | None]:
    headers = request_of(connection).headers
    key = headers["Authorization"].partition("Credential=")[2].partition("/")[0]
    return key, headers.get("X-Amz-Security-Token")


def test_keys_of_the_environment(keys: None) -> None:
    """Without aws: keys, botocore's chain finds the credentials."""
    assert signer(connect()) == ("AKIDENV", None)


def test_access_key_and_token(keys: None) -> None:
    """aws:accessKey, aws:secretKey and aws:token come before the environment."""
    assert signer(connect(accessKey="AKIDSTACK", secretKey=SECRET)) == ("AKIDSTACK", None)
    assert signer(connect(accessKey="AKIDSTACK", secretKey=SECRET, token="tkn")) == ("AKIDSTACK", "tkn")


def test_profile_before_keys_of_the_environment(home: Path, keys: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """aws:profile comes before keys in the environment, AWS_PROFILE after them, aws:accessKey before both."""
    write(home, "credentials", f"[p]\naws_access_key_id = AKIDPROFILE\naws_secret_access_key = {SECRET}\n")
    assert signer(connect(profile="p")) == ("AKIDPROFILE", None)
    assert signer(connect(profile="p", accessKey="AKIDSTACK", secretKey=SECRET))[0] == "AKIDSTACK"
    monkeypatch.setenv("AWS_PROFILE", "p")
    assert signer(connect()) == ("AKIDENV", None)


def test_shared_files(tmp_path: Path) -> None:
    """aws:sharedConfigFiles and aws:sharedCredentialsFiles take the place of those in the home folder."""
    (tmp_path / "c").write_text("[profile p]\nregion = sa-east-1\n")
    (tmp_path / "k").write_text(f"[p]\naws_access_key_id = AKIDFILE\naws_secret_access_key = {SECRET}\n")
    connection = connect(sharedConfigFiles='["~/c"]', sharedCredentialsFiles=[str(tmp_path / "k")], profile="p")
    assert connection.region() == "sa-east-1"
    assert signer(connection) == ("AKIDFILE", None)


def test_no_credentials() -> None:
    """That there are none shows in a call, as an error of credentials."""
    connection = connect(region=REGION)
    client = connection.client("workspaces", REGION)
    with pytest.raises(NoCredentialsError):
        client.describe_workspace_images()
    with pytest.raises(CredentialsError, match=r"^asking AWS who the caller is: no usable AWS credentials"):
        connection.caller()
    with pytest.raises(CredentialsError, match=r"no usable AWS credentials"):
        connect(region=REGION, assumeRoles=[{"roleArn": ROLE}]).caller()


def test_half_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Incomplete credentials in the environment are an error of credentials, without the secret."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", SECRET)
    with pytest.raises(CredentialsError, match=rf"^connecting to workspaces in {REGION}: ") as caught:
        connect().client("workspaces", REGION)
    assert SECRET not in str(caught.value)


def instance(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
    return {"ec2MetadataServiceEndpoint": aws.url, "ec2MetadataServiceEndpointMode": "IPv4"}


def test_instance_metadata(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    """An instance role is found, at aws:ec2MetadataServiceEndpoint where that is set."""
    assert signer(connect(**instance(aws, monkeypatch))) == ("AKIDINSTANCE", "t")
    assert aws.paths[0] == "/latest/api/token"


def test_instance_metadata_over_ipv6() -> None:
    """aws:ec2MetadataServiceEndpointMode is botocore's."""
    session = connect(ec2MetadataServiceEndpointMode="IPv6")._connected()
    assert session.get_config_variable("ec2_metadata_service_endpoint_mode") == "IPv6"


def test_skip_metadata_api_check(home: Path, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    """aws:skipMetadataApiCheck keeps this connection, and only this, from asking the instance metadata."""
    where = instance(aws, monkeypatch)
    monkeypatch.setenv("AWS_DEFAULTS_MODE", "auto")  # would ask it for the Region
    write(home, "config", f"[profile r]\nrole_arn = {ROLE}\ncredential_source = Ec2InstanceMetadata\n")
    with pytest.raises(NoCredentialsError):
        connect(**where, skipMetadataApiCheck="true").client("workspaces", REGION).describe_workspace_images()
    with pytest.raises(CredentialsError):
        connect(**where, skipMetadataApiCheck="true", profile="r").client("workspaces", REGION)
    assert aws.paths == []
    assert signer(connect(**where, skipMetadataApiCheck="false")) == ("AKIDINSTANCE", "t")


def test_roles_in_a_row(aws: Aws, keys: None) -> None:
    """aws:assumeRoles are assumed in order, each by the one before, with all that was said about them."""
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
    assert aws.asked == []  # nothing is asked before it is needed
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


def test_role_from_configured_keys(aws: Aws, keys: None) -> None:
    """Roles are assumed by the credentials of the stack configuration."""
    connection = connect(
        accessKey="AKIDSTACK", secretKey=SECRET, assumeRoles=[{"roleArn": ROLE}], endpoints=aws.endpoints
    )
    assert signer(connection) == ("AKIDfirst", "token-first")
    assert aws.signed_by == ["AKIDSTACK"]


@pytest.mark.parametrize(("lifetime", "sessions"), [(900, 1), (200, 3)])
def test_role_session_is_renewed(aws: Aws, keys: None, lifetime: int, sessions: int) -> None:
    """A role's session is renewed five minutes before its end; one of 15 minutes serves many requests."""
    aws.lifetime = lifetime
    connection = connect(assumeRoles=[{"roleArn": ROLE}], endpoints=aws.endpoints)
    for _ in range(3):
        request_of(connection)
    assert len(aws.asked) == sessions


def test_role_refused(aws: Aws, keys: None) -> None:
    """A role that may not be assumed is an error that names sts:AssumeRole."""
    aws.answer = refuse("AccessDenied", "not authorized to perform: sts:AssumeRole")
    connection = connect(assumeRoles=[{"roleArn": ROLE}], endpoints=aws.endpoints, region=REGION)
    with pytest.raises(
        AccessDenied, match=r"assuming the configured role: access denied; the caller needs sts:AssumeRole"
    ):
        connection.caller()


def test_role_assumed_once_by_four_threads(aws: Aws, keys: None) -> None:
    """Threads that need a role's session at the same time share it."""
    connection = connect(assumeRoles=[{"roleArn": ROLE}], endpoints=aws.endpoints)
    client = connection.client("workspaces", REGION)
    barrier = threading.Barrier(4)

    def ask(_: int) -> None:
        barrier.wait()
        with pytest.raises(ClientError):  # this AWS has no WorkSpaces
            client.describe_workspace_images()

    aws.answer = lambda asked: aws.identify(asked) if asked.get("Action") else (400, "{}")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(ask, range(4)))
    assert aws.actions.count("AssumeRole") == 1


def test_profile_with_a_role(home: Path, aws: Aws) -> None:
    """A profile's own role is assumed by botocore, at the configured endpoint and in aws:stsRegion."""
    write(
        home,
        "config",
        f"[profile base]\naws_access_key_id = AKIDBASE\naws_secret_access_key = {SECRET}\n"
        f"[profile r]\nrole_arn = {ROLE}\nsource_profile = base\n",
    )
    connection = connect(profile="r", endpoints=aws.endpoints, stsRegion="us-west-2")
    assert signer(connection) == ("AKIDfirst", "token-first")
    assert aws.signed_by == ["AKIDBASE"]
    assert "/us-west-2/sts/" in aws.headers[0]["Authorization"]
    assert "pulumi-workspaces-images" in aws.headers[0]["User-Agent"]


def test_profile_that_wants_a_code(home: Path) -> None:
    """A profile that asks for an MFA code fails at once: there is nobody to type it."""
    write(
        home,
        "config",
        f"[profile base]\naws_access_key_id = AKIDBASE\naws_secret_access_key = {SECRET}\n"
        f"[profile r]\nrole_arn = {ROLE}\nsource_profile = base\n"
        "mfa_serial = arn:aws:iam::111111111111:mfa/me\n",
    )
    with pytest.raises(ConfigurationError, match=r"MFA code"):
        connect(profile="r", region=REGION).caller()


@pytest.mark.parametrize(
    "settings",
    [
        "credential_process = /nonexistent/program",
        "credential_process = echo nonsense",
        "role_arn = arn:aws:iam::111111111111:role/x\nweb_identity_token_file = /nonexistent/token",
    ],
    ids=["no such program", "no JSON", "no such file"],
)
def test_profile_whose_credentials_cannot_be_had(home: Path, aws: Aws, settings: str) -> None:
    """What botocore lets through from files and programs is one line, too, and no bug."""
    write(home, "config", f"[profile p]\n{settings}\n")
    connection = connect(profile="p", region=REGION, endpoints=aws.endpoints)
    with pytest.raises(CredentialsError, match="no usable AWS credentials") as caught:
        connection.caller()
    assert "the AWS environment or profile" in str(caught.value)
    assert aws.asked == []


def test_web_identity_token(aws: Aws) -> None:
    """aws:assumeRoleWithWebIdentity needs a token and no other credentials; then come the roles."""
    identity = {
        "roleArn": ROLE,
        "sessionName": "ci",
        "webIdentityToken": SECRET,
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
        "WebIdentityToken": SECRET,
        "DurationSeconds": "1200",
        "PolicyArns.member.1.arn": "arn:aws:iam::aws:policy/A",
    }


def test_web_identity_token_file(aws: Aws, tmp_path: Path) -> None:
    """The file with the token is read anew for each session."""
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
    with pytest.raises(
        ConfigurationError, match=r"^aws:assumeRoleWithWebIdentity.webIdentityTokenFile cannot be read$"
    ):
        fresh.caller()


# Clients


def test_one_client_per_service_and_region(keys: None) -> None:
    """Four threads share one client; another Region or service has its own."""
    connection = connect()
    barrier = threading.Barrier(4)

    def client(_: int) -> object:
        barrier.wait()
        return connection.client("workspaces", REGION)

    with ThreadPoolExecutor(4) as pool:
        clients = list(pool.map(client, range(4)))
    assert len({id(c) for c in clients}) == 1
    assert connection.client("workspaces", "us-east-1") is not clients[0]
    assert connection.client("organizations", REGION) is not clients[0]


def test_client_is_bounded_and_polite(keys: None) -> None:
    """Adaptive retries, 25 attempts in all (as pulumi-aws), bounded waits, a connection for each thread."""
    config = config_of(connect().client("workspaces", REGION))
    assert config.retries == {"mode": "adaptive", "total_max_attempts": 25}
    assert (config.connect_timeout, config.read_timeout) == (10, 30)
    assert config.max_pool_connections >= 10
    assert config.tcp_keepalive is True


def test_retries(home: Path, keys: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """aws:retryMode and aws:maxRetries come before the environment, and that before the profile."""

    def retries(**aws: object) -> object:
        return config_of(connect(**aws).client("workspaces", REGION)).retries

    write(home, "config", "[default]\nretry_mode = legacy\nmax_attempts = 2\n")
    assert retries() == {"mode": "legacy", "total_max_attempts": 2}
    monkeypatch.setenv("AWS_RETRY_MODE", "standard")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "4")
    assert retries() == {"mode": "standard", "total_max_attempts": 4}
    assert retries(retryMode="adaptive", maxRetries="7") == {"mode": "adaptive", "total_max_attempts": 7}


def test_max_retries_counts_attempts(aws: Aws, keys: None) -> None:
    """aws:maxRetries is the number of attempts in all."""
    aws.answer = refuse("InternalFailure", "try again", 500)
    connection = connect(maxRetries="3", endpoints=aws.endpoints, region=REGION)
    with pytest.raises(Unanswered):
        connection.caller()
    assert len(aws.asked) == 3


def test_no_answer_at_all_is_given_up_sooner(keys: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody answers, nine attempts are enough, as in pulumi-aws."""
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    client = connect().client("workspaces", REGION)
    attempts = 0

    def unreachable(request: AWSPreparedRequest, **_: Any) -> None:
        nonlocal attempts
        attempts += 1
        raise EndpointConnectionError(endpoint_url=request.url)

    client.meta.events.register("before-send", unreachable)
    with pytest.raises(EndpointConnectionError):
        client.describe_workspace_images()
    assert attempts == 9


def test_bad_number_in_the_environment(keys: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """What botocore cannot read in the environment is one line."""
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "many")
    with pytest.raises(ConfigurationError, match=rf"^connecting to workspaces in {REGION}: "):
        connect().client("workspaces", REGION)


def test_bad_region_name(keys: None) -> None:
    """A name that cannot be a Region's is refused even where Regions are not validated."""
    with pytest.raises(ConfigurationError, match=r"^connecting to workspaces in evil.example/#: "):
        connect(skipRegionValidation="true").client("workspaces", "evil.example/#")


def test_user_agent(keys: None) -> None:
    """Requests name the package, its version and the Pulumi project, in characters that a header can hold."""
    agent = request_of(connect("my ünique/project\n")).headers["User-Agent"]
    assert " pulumi-workspaces-images/" in agent
    assert agent.endswith(" pulumi-project/my--nique-project-")
    agent = request_of(connect(userAgents='["ci/1.0 (build 5)","evil\\r\\nX: y"]')).headers["User-Agent"]
    assert agent.endswith(" ci/1.0 (build 5) evil--X- y")
    assert "pulumi-project" not in agent


def test_user_agent_without_metadata(keys: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run from a source tree, the package has no version to name."""

    def absent(_: str) -> str:
        raise PackageNotFoundError

    monkeypatch.setattr(credentials, "version", absent)
    assert request_of(connect("p")).headers["User-Agent"].endswith(" pulumi-workspaces-images pulumi-project/p")


def test_endpoints(keys: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """aws:endpoints comes before the environment's endpoint, which stays in force for the other services."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://from-environment")
    connection = connect(endpoints='[{"workspaces":"http://w:1"},{"organizations":"http://o:2"}]')
    assert request_of(connection).url == "http://w:1/"
    assert request_of(connection, "organizations").url == "http://o:2/"
    assert request_of(connection, "sts").url == "http://from-environment/"
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.setenv("AWS_ENDPOINT_URL_WORKSPACES", "http://mine")
    assert request_of(connect()).url == "http://mine/"


def test_bad_endpoint_in_the_environment(keys: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """An endpoint of the environment that is no URL is one line."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "nonsense")
    with pytest.raises(ConfigurationError, match=r"Invalid endpoint: nonsense"):
        connect().client("workspaces", REGION)


def test_endpoints_of_a_region(keys: None) -> None:
    """Without any, a request goes to the Region's own endpoint."""
    connection = connect()
    assert request_of(connection).url == f"https://workspaces.{REGION}.amazonaws.com/"
    assert request_of(connection, region="cn-northwest-1").url == "https://workspaces.cn-northwest-1.amazonaws.com.cn/"
    assert request_of(connection, "sts").url == f"https://sts.{REGION}.amazonaws.com/"


def test_sts_region(keys: None) -> None:
    """aws:stsRegion is where STS is asked, and nothing else."""
    connection = connect(stsRegion="us-west-2")
    assert request_of(connection, "sts").url == "https://sts.us-west-2.amazonaws.com/"
    assert request_of(connection).url == f"https://workspaces.{REGION}.amazonaws.com/"


def test_fips_and_dualstack(keys: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The two keys choose the endpoint, and come before the environment."""
    assert request_of(connect(useFipsEndpoint="true"), region="us-east-1").url.startswith(
        "https://workspaces-fips.us-east-1."
    )
    assert request_of(connect(useDualstackEndpoint="true")).url == f"https://workspaces.{REGION}.api.aws/"
    monkeypatch.setenv("AWS_USE_FIPS_ENDPOINT", "true")
    monkeypatch.setenv("AWS_USE_DUALSTACK_ENDPOINT", "true")
    assert "fips" in request_of(connect()).url
    plain = request_of(connect(useFipsEndpoint="false", useDualstackEndpoint="false"))
    assert plain.url == f"https://workspaces.{REGION}.amazonaws.com/"


# TLS and proxies


@pytest.fixture
def tls(aws: Aws, tmp_path: Path) -> Path:
    """AWS behind a certificate of its own; return the certificate's file."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "aws")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path / "aws.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    aws.server.socket = context.wrap_socket(aws.server.socket, server_side=True)
    aws.url = aws.url.replace("http:", "https:")
    return pem


def test_custom_ca_bundle(aws: Aws, tls: Path, keys: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A certificate is trusted only if aws:customCaBundle, or else AWS_CA_BUNDLE, has its root."""
    configuration: dict[str, object] = {"endpoints": aws.endpoints, "region": REGION, "maxRetries": "1"}
    assert connect(**configuration, customCaBundle=str(tls)).caller() is not None
    with pytest.raises(Unanswered, match=r"SSL"):
        connect(**configuration).caller()
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tls))
    assert connect(**configuration).caller() is not None


def test_insecure(aws: Aws, tls: Path, keys: None) -> None:
    """With aws:insecure any certificate will do, also for assuming roles."""
    connection = connect(endpoints=aws.endpoints, region=REGION, insecure="true", assumeRoles=[{"roleArn": ROLE}])
    with pytest.warns(match=r"Unverified HTTPS request"):
        assert connection.caller() is not None
    client = connect(endpoints=aws.endpoints, insecure="false", maxRetries="1").client("sts", REGION)
    with pytest.raises(SSLError):
        client.get_caller_identity()


def test_http_proxy(aws: Aws, keys: None) -> None:
    """Requests go through aws:httpProxy."""
    connection = connect(
        httpProxy=aws.url, endpoints='[{"sts":"http://sts.example.com"}]', region=REGION, maxRetries="1"
    )
    assert connection.caller() is not None
    assert aws.paths == ["http://sts.example.com/"]


def test_proxy_failure_keeps_the_password(aws: Aws, keys: None) -> None:
    """A proxy that cannot be used is named without its password."""
    aws.server.shutdown()
    aws.server.server_close()
    connection = connect(
        httpProxy=aws.url.replace("http://", f"http://user:{SECRET}@"),
        endpoints='[{"sts":"http://sts.example.com"}]',
        region=REGION,
        maxRetries="1",
    )
    with pytest.raises(Unanswered, match=r"proxy") as caught:
        connection.caller()
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("configured", "environment", "proxies"),
    [
        ({}, {"HTTPS_PROXY": "http://e"}, None),
        ({"httpProxy": "http://a"}, {}, {"http": "http://a", "https": "http://a"}),
        ({"httpProxy": "http://a"}, {"HTTPS_PROXY": "http://e"}, {"http": "http://a", "https": "http://e"}),
        ({"httpProxy": "http://a", "httpsProxy": "http://b"}, {}, {"http": "http://a", "https": "http://b"}),
        ({"httpProxy": "http://a", "httpsProxy": ""}, {"HTTPS_PROXY": "http://e"}, {"http": "http://a"}),
        ({"httpsProxy": "http://b"}, {"http_proxy": "http://e"}, {"http": "http://e", "https": "http://b"}),
        ({"httpProxy": ""}, {"http_proxy": "http://e"}, {}),
        (
            {"noProxy": ".example.com"},
            {"https_proxy": "http://e"},
            {"https": "http://e", "no": ".example.com"},
        ),
        ({"httpsProxy": "http://b"}, {"NO_PROXY": "a.b"}, {"https": "http://b", "no": "a.b"}),
    ],
)
def test_proxies(
    keys: None,
    monkeypatch: pytest.MonkeyPatch,
    configured: dict[str, str],
    environment: dict[str, str],
    proxies: dict[str, str] | None,
) -> None:
    """Each key comes before its variable; HTTPS takes the HTTP proxy too, unless it has its own or none."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert config_of(connect(**configured).client("workspaces", REGION)).proxies == proxies


def test_no_proxy(keys: None) -> None:
    """A host of aws:noProxy is reached without a proxy, another one through it."""
    connection = connect(httpsProxy="http://b", noProxy="foo, .amazonaws.com.cn,sts.eu-west-1.amazonaws.com")
    assert config_of(connection.client("sts", REGION)).proxies == {}
    assert config_of(connection.client("workspaces", "cn-northwest-1")).proxies == {}
    through = config_of(connection.client("workspaces", REGION)).proxies
    assert through is not None
    assert through["https"] == "http://b"


@pytest.mark.parametrize(
    ("url", "no_proxy", "bypasses"),
    [
        ("https://a.example.com", "example.com", True),
        ("https://example.com", "example.com", True),
        ("https://notexample.com", "example.com", False),
        ("https://example.com", ".example.com", False),
        ("https://a.example.com", "x, *.EXAMPLE.com", True),
        ("https://a.example.com", "example.com:443", True),
        ("https://a.example.com", "example.com:8443", False),
        ("https://a.example.com", "*", True),
        ("https://a.example.com", "", False),
        ("https://a.example.com", " , ", False),
        ("http://10.1.2.3:8000", "10.0.0.0/8", True),
        ("http://10.1.2.3:8000", "10.1.2.3", True),
        ("http://11.1.2.3", "10.0.0.0/8", False),
        ("http://11.1.2.3", "example.com,11.1.2", False),
        ("http://[fd00::1]:80", "fd00::/8", True),
        ("http://localhost:4566", "", True),
        ("http://127.0.0.1:4566", "", True),
    ],
)
def test_no_proxy_rules(url: str, no_proxy: str, bypasses: bool) -> None:
    """A name stands for its subdomains, a network for its addresses; loopback never needs a proxy."""
    assert credentials._bypasses_proxy(url, no_proxy) is bypasses


# The caller


def test_caller(aws: Aws, keys: None) -> None:
    """AWS is asked once who the caller is; what is known is known without asking."""
    connection = connect(endpoints=aws.endpoints, region=REGION)
    assert connection.known_caller() is None
    me = Caller("111111111111", "arn:aws:iam::111111111111:user/me")
    assert connection.caller() == connection.caller("us-east-1") == connection.known_caller() == me
    assert aws.actions == ["GetCallerIdentity"]


def test_caller_is_asked_in_a_given_region(aws: Aws, keys: None) -> None:
    """The Region may come from a resource, where the stack has none; aws:stsRegion comes first."""
    connect(endpoints=aws.endpoints).caller("sa-east-1")
    connect(endpoints=aws.endpoints, stsRegion="us-west-2").caller("sa-east-1")
    connect(endpoints=aws.endpoints, stsRegion="us-west-2").caller()
    scopes = [headers["Authorization"].split("/")[2] for headers in aws.headers]
    assert scopes == ["sa-east-1", "us-west-2", "us-west-2"]
    with pytest.raises(ConfigurationError, match=r"no AWS Region is set"):
        connect(endpoints=aws.endpoints).caller()


def test_caller_is_asked_once_by_four_threads(aws: Aws, keys: None) -> None:
    """Threads that ask at the same time wait for one answer."""
    connection = connect(endpoints=aws.endpoints, region=REGION)
    asked, answer = threading.Event(), threading.Event()

    def slowly(request: dict[str, str]) -> tuple[int, str]:
        asked.set()
        answer.wait(10)
        return aws.identify(request)

    aws.answer = slowly
    barrier = threading.Barrier(4)

    def ask(_: int) -> Caller | None:
        barrier.wait()
        return connection.caller()

    with ThreadPoolExecutor(4) as pool:
        callers = [pool.submit(ask, n) for n in range(4)]
        assert asked.wait(10)
        assert connection.known_caller() is None
        answer.set()
        assert {future.result() for future in callers} == {Caller("111111111111", "arn:aws:iam::111111111111:user/me")}
    assert len(aws.asked) == 1


def test_failure_to_tell_the_caller_is_not_kept(aws: Aws, keys: None) -> None:
    """Who asks again after a failure gets a new answer."""
    connection = connect(endpoints=aws.endpoints, region=REGION)
    aws.answer = refuse("ExpiredToken", "The security token included in the request is expired")
    with pytest.raises(CredentialsError, match=r"^asking AWS who the caller is: the AWS credentials are expired"):
        connection.caller()
    assert connection.known_caller() is None
    aws.answer = refuse("AccessDenied", "no")
    with pytest.raises(AccessDenied, match=r"sts:GetCallerIdentity"):
        connection.caller()
    aws.answer = aws.identify
    assert connection.caller() is not None


def test_skip_requesting_account_id(aws: Aws, keys: None) -> None:
    """With aws:skipRequestingAccountId nobody is asked, and the caller stays unknown."""
    connection = connect(endpoints=aws.endpoints, region=REGION, skipRequestingAccountId="true")
    assert connection.caller() is None
    assert aws.asked == []


@pytest.mark.parametrize("skip", ["true", "false"])
def test_skip_credentials_validation(aws: Aws, keys: None, skip: str) -> None:
    """Credentials are never validated for their own sake: aws:skipCredentialsValidation changes nothing."""
    connection = connect(endpoints=aws.endpoints, region=REGION, skipCredentialsValidation=skip)
    request_of(connection)
    assert aws.asked == []
    assert connection.caller() is not None


@pytest.mark.parametrize(
    ("keys_", "message"),
    [
        (
            {"allowedAccountIds": '["222222222222"]'},
            "aws:allowedAccountIds does not list the caller's account 111111111111",
        ),
        (
            {"forbiddenAccountIds": '["111111111111"]'},
            "aws:forbiddenAccountIds lists the caller's account 111111111111",
        ),
    ],
)
def test_account_that_is_not_meant(aws: Aws, keys: None, keys_: dict[str, str], message: str) -> None:
    """A caller of an account that is not meant gets no client, every time, and AWS is asked once."""
    connection = connect(endpoints=aws.endpoints, **keys_)
    for _ in range(2):
        with pytest.raises(ConfigurationError, match=rf"^{message}"):
            connection.client("workspaces", REGION)
        with pytest.raises(ConfigurationError, match=rf"^{message}"):
            connection.caller()
    assert aws.actions == ["GetCallerIdentity"]


@pytest.mark.parametrize(
    "keys_",
    [{"allowedAccountIds": '["222222222222","111111111111"]'}, {"forbiddenAccountIds": '["222222222222"]'}],
)
def test_account_that_is_meant(aws: Aws, keys: None, keys_: dict[str, str]) -> None:
    """A caller of an account that is meant goes on."""
    connection = connect(endpoints=aws.endpoints, **keys_)
    assert connection.client("workspaces", REGION) is not None
    assert aws.actions == ["GetCallerIdentity"]


# The rest


def test_secrets_do_not_show(aws: Aws, caplog: pytest.LogCaptureFixture) -> None:
    """Neither what is printed nor what this package logs holds a secret."""
    connection = connect(accessKey="AKID", secretKey=SECRET, token=SECRET, endpoints=aws.endpoints, region=REGION)
    with caplog.at_level(logging.DEBUG):
        aws.answer = refuse("InvalidClientTokenId", "bad")
        with pytest.raises(ExpectedError) as caught:
            connection.caller()
    assert SECRET not in f"{caught.value}{connection!r}{vars(connection)}"
    assert not [r for r in caplog.records if r.name.startswith("pulumi_workspaces_images")]


def test_environment_is_left_alone(aws: Aws, keys: None) -> None:
    """The process's environment is not how keys are passed on: other libraries in it would see them."""
    before = dict(os.environ)
    request_of(connect(profile=None, region=REGION, skipMetadataApiCheck="true", insecure="true", maxRetries="2"))
    assert dict(os.environ) == before


def test_bad_key_is_found_at_once() -> None:
    """A key that cannot be honoured fails when the connection is made, before anything is asked."""
    with pytest.raises(ConfigurationError, match=r"^aws:maxRetries must be a .*; aws:insecure must be"):
        connect(insecure="perhaps", maxRetries="many")


def test_import_and_configuration_need_no_botocore_session() -> None:
    """Who never connects, as a program does not, does not pay for boto3 or a botocore session."""
    code = (
        "import sys; from pulumi_workspaces_images.connection import Connection;"
        "Connection({'aws:region': 'us-east-1', 'aws:assumeRoles': '[]'}, project='p').region();"
        "heavy = ('boto3', 'botocore.session', 'botocore.client', 'botocore.endpoint');"
        "print([m for m in sys.modules if m in heavy])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_read_only_when_asked(aws: Aws) -> None:
    """Reading the configuration and making a session asks nobody anything."""
    configuration = read_aws({"aws:assumeRoles": json.dumps([{"roleArn": ROLE}]), "aws:endpoints": aws.endpoints})
    credentials.ConfiguredSession(configuration, "p")
    assert aws.paths == []


def test_roles_on_a_cloud_that_isolates_accounts(keys: None) -> None:
    """A chain of roles ends in the account of the last one: moto as the AWS that tells accounts apart."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        endpoints = [{"sts": f"http://{host}:{port}", "workspaces": f"http://{host}:{port}"}]
        connection = connect(
            endpoints=endpoints,
            region=REGION,
            assumeRoles=[{"roleArn": ROLE}, {"roleArn": ROLE_2, "sessionName": "me"}],
        )
        assert connection.caller() == Caller("333333333333", "arn:aws:sts::333333333333:assumed-role/second/me")
        assert connection.client("workspaces", REGION).describe_workspace_images()["Images"] == []
    finally:
        server.stop()
