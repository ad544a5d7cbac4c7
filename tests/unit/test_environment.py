"""AWS settings in the environment and the profile: empty ones are ignored, and messages name invalid ones."""

from pathlib import Path

import pytest
from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES

from pulumi_workspaces_images.aws.connection import Caller
from pulumi_workspaces_images.errors import ConfigurationError
from tests.unit.connections import REGION, Aws, config_of, connect, signer, write
from tests.unit.helpers import CANARY

pytestmark = pytest.mark.usefixtures("home")

KEYS = f"aws_access_key_id = AKIDPROFILE\naws_secret_access_key = {CANARY}\n"
VARIABLES = {
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_CREDENTIAL_FILE",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_STS",
    "AWS_REGION",
    "REQUESTS_CA_BUNDLE",
    "HTTPS_PROXY",
    *(
        variable
        for _, variables, _, _ in BOTOCORE_DEFAUT_SESSION_VARIABLES.values()
        for variable in ([variables] if isinstance(variables, str) else variables or [])
    ),
}


@pytest.mark.parametrize("variable", sorted(VARIABLES))
def test_empty_variable_is_treated_as_not_set(
    home: Path, aws: Aws, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """`AWS_PROFILE= pulumi preview` works like `pulumi preview`. The same holds for every other variable."""
    write(home, "config", f"[default]\nregion = {REGION}\n{KEYS}")
    monkeypatch.setenv(variable, "")
    me = Caller("111111111111", "arn:aws:iam::111111111111:user/me")
    assert connect(endpoints=aws.endpoints).caller() == me
    assert aws.signed_by == ["AKIDPROFILE"]
    assert f"/{REGION}/sts/" in aws.headers[0]["Authorization"]


def test_instance_role_is_found_despite_empty_variables(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in VARIABLES - {"HTTPS_PROXY", "REQUESTS_CA_BUNDLE"}:
        monkeypatch.setenv(variable, "")
    monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
    assert signer(connect(ec2MetadataServiceEndpoint=aws.url)) == ("AKIDINSTANCE", "t")


def test_empty_variables_do_not_hide_settings_of_the_profile(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(home, "config", f"[default]\n{KEYS}max_attempts = 3\nretry_mode = standard\nuse_fips_endpoint = true\n")
    for variable in ("AWS_MAX_ATTEMPTS", "AWS_RETRY_MODE", "AWS_USE_FIPS_ENDPOINT"):
        monkeypatch.setenv(variable, "")
    client = connect().client("workspaces", "us-east-1")
    assert config_of(client).retries == {"mode": "standard", "total_max_attempts": 3}
    assert "fips" in client.meta.endpoint_url


def test_empty_setting_of_the_profile_is_treated_as_not_set(home: Path) -> None:
    write(home, "config", f"[default]\n{KEYS}max_attempts =\nretry_mode =\nmetadata_service_timeout =\n")
    assert config_of(connect().client("workspaces", REGION)).retries == {"mode": "adaptive", "total_max_attempts": 25}


@pytest.mark.parametrize(
    ("key", "variable", "must_be"),
    [
        ("max_attempts", "AWS_MAX_ATTEMPTS", "a whole number, 0 or more"),
        ("metadata_service_timeout", "AWS_METADATA_SERVICE_TIMEOUT", "a whole number, 0 or more"),
        ("metadata_service_num_attempts", "AWS_METADATA_SERVICE_NUM_ATTEMPTS", "a whole number, 0 or more"),
        ("retry_mode", "AWS_RETRY_MODE", "legacy, standard or adaptive"),
    ],
)
def test_invalid_setting_is_named(
    home: Path, monkeypatch: pytest.MonkeyPatch, key: str, variable: str, must_be: str
) -> None:
    """The message names the variable, or the profile and its key. It does not quote the value."""
    write(home, "config", f"[default]\n{KEYS}[profile images]\n{KEYS}{key} = ten\n")
    with pytest.raises(ConfigurationError) as caught:
        connect(profile="images").client("workspaces", REGION)
    assert str(caught.value) == f"the AWS profile images: {key} must be {must_be}"
    connect().client("workspaces", REGION)
    monkeypatch.setenv(variable, "ten")
    with pytest.raises(ConfigurationError) as caught:
        connect().client("workspaces", REGION)
    assert str(caught.value) == f"{variable} must be {must_be}"


def test_invalid_setting_is_ignored_if_the_stack_configuration_overrides_it(
    keys: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "ten")
    monkeypatch.setenv("AWS_RETRY_MODE", "ten")
    connect(maxRetries="3", retryMode="standard").client("workspaces", REGION)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("sts_regional_endpoints = ten", "STS regional endpoints option ten is invalid"),
        ("endpoint_url = nonsense", "Invalid endpoint: nonsense"),
    ],
)
def test_message_for_another_invalid_setting_says_where_to_look(home: Path, settings: str, said: str) -> None:
    """Botocore's error names the setting, but not whether it is in the environment or in the profile."""
    write(home, "config", f"[profile images]\n{KEYS}{settings}\n")
    with pytest.raises(ConfigurationError, match=f"^connecting to sts in {REGION}: {said}") as caught:
        connect(profile="images").client("sts", REGION)
    assert str(caught.value).endswith("; check the AWS_ variables of the environment and the AWS profile images")


def test_time_for_the_instance_metadata_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of the environment cannot extend it beyond the deadline of a call."""
    monkeypatch.setenv("AWS_METADATA_SERVICE_TIMEOUT", "1000")
    monkeypatch.setenv("AWS_METADATA_SERVICE_NUM_ATTEMPTS", "3")
    connection = connect()
    connection.client("workspaces", REGION)
    session = connection._connected()
    assert session.get_config_variable("metadata_service_timeout") == 10
    assert session.get_config_variable("metadata_service_num_attempts") == 3
