"""Where credentials come from: the stack configuration, the environment, profiles, the instance."""

from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import NoCredentialsError
from botocore.utils import JSONFileCache, LoginTokenLoader

from pulumi_workspaces_images.errors import ConfigurationError, CredentialsError
from tests.unit.connections import REGION, ROLE, Aws, connect, signer, write
from tests.unit.helpers import CANARY

pytestmark = pytest.mark.usefixtures("home")

LOGIN = "arn:aws:iam::111111111111:user/me"


def test_precedence_of_profiles_and_keys(home: Path, keys: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """aws:accessKey comes first, then aws:profile, the keys in the environment, and AWS_PROFILE."""
    write(home, "credentials", f"[p]\naws_access_key_id = AKIDPROFILE\naws_secret_access_key = {CANARY}\n")
    assert signer(connect(profile="p")) == ("AKIDPROFILE", None)
    stack = {"accessKey": "AKIDSTACK", "secretKey": CANARY}
    assert signer(connect(profile="p", **stack)) == ("AKIDSTACK", None)
    assert signer(connect(**stack, token="tkn")) == ("AKIDSTACK", "tkn")
    monkeypatch.setenv("AWS_PROFILE", "p")
    assert signer(connect()) == ("AKIDENV", None)


def test_shared_files(tmp_path: Path) -> None:
    """aws:sharedConfigFiles and aws:sharedCredentialsFiles replace the files in the home folder."""
    (tmp_path / "c").write_text("[profile p]\nregion = sa-east-1\n")
    (tmp_path / "k").write_text(f"[p]\naws_access_key_id = AKIDFILE\naws_secret_access_key = {CANARY}\n")
    connection = connect(sharedConfigFiles='["~/c"]', sharedCredentialsFiles=[str(tmp_path / "k")], profile="p")
    assert connection.region() == "sa-east-1"
    assert signer(connection) == ("AKIDFILE", None)


def test_no_credentials() -> None:
    """The first call fails, and its message says that there are no credentials."""
    connection = connect(region=REGION)
    client = connection.client("workspaces", REGION)
    with pytest.raises(NoCredentialsError):
        client.describe_workspace_images()
    with pytest.raises(CredentialsError, match=r"^asking AWS who the caller is: no usable AWS credentials"):
        connection.caller()
    with pytest.raises(CredentialsError, match=r"no usable AWS credentials"):
        connect(region=REGION, assumeRoles=[{"roleArn": ROLE}]).caller()


def test_incomplete_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message does not show the key that is set."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", CANARY)
    with pytest.raises(CredentialsError, match=rf"^connecting to workspaces in {REGION}: ") as caught:
        connect().client("workspaces", REGION)
    assert CANARY not in str(caught.value)


def test_instance_metadata_over_ipv6() -> None:
    """aws:ec2MetadataServiceEndpointMode is passed to botocore."""
    session = connect(ec2MetadataServiceEndpointMode="IPv6")._connected()
    assert session.get_config_variable("ec2_metadata_service_endpoint_mode") == "IPv6"


def test_instance_metadata(home: Path, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials come from aws:ec2MetadataServiceEndpoint, unless aws:skipMetadataApiCheck of a connection is true."""
    monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
    where = {"ec2MetadataServiceEndpoint": aws.url, "ec2MetadataServiceEndpointMode": "IPv4"}
    monkeypatch.setenv("AWS_DEFAULTS_MODE", "auto")  # botocore would ask it for the Region
    write(home, "config", f"[profile r]\nrole_arn = {ROLE}\ncredential_source = Ec2InstanceMetadata\n")
    with pytest.raises(NoCredentialsError):
        connect(**where, skipMetadataApiCheck="true").client("workspaces", REGION).describe_workspace_images()
    with pytest.raises(CredentialsError):
        connect(**where, skipMetadataApiCheck="true", profile="r").client("workspaces", REGION)
    assert aws.paths == []
    assert signer(connect(**where, skipMetadataApiCheck="false")) == ("AKIDINSTANCE", "t")


def test_profile_with_a_role(home: Path, aws: Aws) -> None:
    """Botocore assumes the role of a profile at the configured endpoint and in aws:stsRegion."""
    write(
        home,
        "config",
        f"[profile base]\naws_access_key_id = AKIDBASE\naws_secret_access_key = {CANARY}\n"
        f"[profile r]\nrole_arn = {ROLE}\nsource_profile = base\n",
    )
    connection = connect(profile="r", endpoints=aws.endpoints, stsRegion="us-west-2")
    assert signer(connection) == ("AKIDfirst", "token-first")
    assert aws.signed_by == ["AKIDBASE"]
    assert "/us-west-2/sts/" in aws.headers[0]["Authorization"]
    assert "pulumi-workspaces-images" in aws.headers[0]["User-Agent"]


def test_profile_that_needs_an_mfa_code(home: Path) -> None:
    """It fails at once, because a provider cannot ask the user for a code."""
    write(
        home,
        "config",
        f"[profile base]\naws_access_key_id = AKIDBASE\naws_secret_access_key = {CANARY}\n"
        f"[profile r]\nrole_arn = {ROLE}\nsource_profile = base\n"
        "mfa_serial = arn:aws:iam::111111111111:mfa/me\n",
    )
    with pytest.raises(ConfigurationError, match=r"MFA code"):
        connect(profile="r", region=REGION).caller()


@pytest.fixture
def login(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder where `aws login` stores the session of the profile `p`, and fake the package that it needs."""
    write(home, "config", f"[profile p]\nlogin_session = {LOGIN}\nregion = {REGION}\n")
    monkeypatch.setenv("AWS_LOGIN_CACHE_DIRECTORY", str(home / "login"))
    monkeypatch.setattr("botocore.credentials.EC", object())
    return home / "login"


def test_profile_of_aws_login(login: Path) -> None:
    """It works if the extra package is installed."""
    keys = {"accessKeyId": "AKIDLOGIN", "secretAccessKey": CANARY, "sessionToken": "t", "accountId": "111111111111"}
    token: Any = {"accessToken": {**keys, "expiresAt": "2999-01-01T00:00:00Z"}}
    cache: Any = JSONFileCache(str(login))
    LoginTokenLoader(cache).save_token(LOGIN, token | dict.fromkeys(["refreshToken", "dpopKey", "clientId"], CANARY))
    assert signer(connect(profile="p")) == ("AKIDLOGIN", "t")


def test_profile_of_aws_login_without_its_package(login: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message is one line that says what to install."""
    monkeypatch.setattr("botocore.credentials.EC", None)
    with pytest.raises(CredentialsError) as caught:
        connect(profile="p").caller()
    assert str(caught.value) == (
        f"connecting to sts in {REGION}: an AWS profile made by `aws login` needs an extra package: run "
        "`pip install 'botocore[crt]'` in the virtual environment of the program, or sign in another way"
    )


def test_profile_of_aws_login_without_a_session(login: Path) -> None:
    """The message says how to sign in."""
    with pytest.raises(CredentialsError, match=r"no usable AWS credentials \(.* reauthenticate with 'aws login'"):
        connect(profile="p").caller()


def test_profile_whose_token_cannot_be_read(home: Path, aws: Aws) -> None:
    """The error of the file system is reported in one line, and not as a bug."""
    write(home, "config", f"[profile p]\nrole_arn = {ROLE}\nweb_identity_token_file = /nonexistent/token\n")
    connection = connect(profile="p", region=REGION, endpoints=aws.endpoints)
    with pytest.raises(CredentialsError, match="no usable AWS credentials") as caught:
        connection.caller()
    assert "the AWS environment or profile" in str(caught.value)
    assert aws.asked == []
