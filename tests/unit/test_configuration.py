"""The `aws:` keys of the stack configuration: valid ones become typed values, invalid ones are refused."""

import importlib.util
import re
from pathlib import Path

import pytest
from botocore.utils import is_valid_endpoint_url

from pulumi_workspaces_images.configuration import aws as configuration
from pulumi_workspaces_images.configuration.aws import read_aws
from tests.unit.helpers import CANARY, configured, refusal

pytestmark = pytest.mark.usefixtures("quiet_environment")

ROLE = "arn:aws:iam::111111111111:role/golden"


def test_every_key_of_pulumi_aws_is_supported_ignored_or_refused() -> None:
    spec = importlib.util.find_spec("pulumi_aws")
    assert spec is not None
    assert spec.origin is not None
    source = (Path(spec.origin).parent / "config" / "vars.py").read_text(encoding="utf-8")
    known = set(re.findall(r"__config__\.get(?:_\w+)?\('(\w+)'\)", source))
    assert len(known) > 30
    of_the_engine = {"pluginDownloadURL", "version"}
    decided = configuration._SUPPORTED | configuration._IGNORED | set(configuration._REFUSED)
    assert known == decided - of_the_engine


def test_max_retries_of_zero_means_the_default_as_in_pulumi_aws() -> None:
    assert configured(maxRetries="0").max_retries is None


def test_keys_for_tags_s3_and_the_plugin_and_keys_of_other_namespaces_are_ignored() -> None:
    """Their values are not checked either."""
    keys = {"aws:ignoreTags": "{", "aws:s3UsePathStyle": "true", "aws:version": "7.1.0", "awsx:region": "us-east-1"}
    assert set(vars(read_aws(keys)).values()) == {None}


def test_old_singular_key_assume_role_is_refused_as_in_pulumi_aws() -> None:
    for key in ("assumeRole", "assumeRole.roleArn"):
        message = refusal(**{key: "{}"})
        assert message.startswith("invalid config key 'aws:assumeRole', should be 'aws:assumeRoles'; it is a list: ")


@pytest.mark.parametrize("key", ["assumeRoles[0].roleArn", "allowedAccountIds[0]", "endpoints.sts", "defaultTags.a"])
def test_path_that_was_set_without_the_path_option_is_refused(key: str) -> None:
    """`pulumi config set` stores it as one key, which would have no effect."""
    assert refusal(**{key: "a"}).startswith(f"aws:{key} was set without --path, so it is one flat key: ")


def test_unsupported_key_is_refused() -> None:
    """pulumi-aws has this key, and botocore has no such setting."""
    assert "aws:tokenBucketRateLimiterCapacity is not supported" in refusal(tokenBucketRateLimiterCapacity="5")


@pytest.mark.parametrize(("key", "hint"), [("profil", "aws:profile"), ("sharedConfigFile", "aws:sharedConfigFiles")])
def test_misspelt_key_is_refused_with_a_suggestion(key: str, hint: str) -> None:
    assert refusal(**{key: "x"}) == f"aws:{key} is not a configuration key of the aws provider; did you mean {hint}?"


def test_unknown_key_is_refused_with_advice_to_use_another_namespace() -> None:
    assert "in another namespace" in refusal(zzz="x")


def test_all_invalid_keys_are_reported_in_one_message() -> None:
    message = refusal(insecure="perhaps", maxRetries="many", profil="x", endpoints="nowhere")
    assert message.count(";") >= 3
    for key in ("aws:insecure", "aws:maxRetries", "aws:profil", "aws:endpoints"):
        assert key in message


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"accessKey": "a"}, "aws:accessKey is set without aws:secretKey"),
        ({"secretKey": CANARY}, "aws:secretKey is set without aws:accessKey"),
        ({"token": CANARY}, "aws:token is set without aws:accessKey and aws:secretKey"),
        (
            {"allowedAccountIds": '["111111111111"]', "forbiddenAccountIds": '["222222222222"]'},
            "aws:allowedAccountIds and aws:forbiddenAccountIds cannot be combined: remove one of them",
        ),
        (
            {"allowedAccountIds": '["111111111111"]', "skipRequestingAccountId": "true"},
            "aws:allowedAccountIds cannot be checked while aws:skipRequestingAccountId is true",
        ),
        (
            {"forbiddenAccountIds": '["111111111111"]', "skipRequestingAccountId": "true"},
            "aws:forbiddenAccountIds cannot be checked while aws:skipRequestingAccountId is true",
        ),
        (
            {
                "accessKey": "a",
                "secretKey": CANARY,
                "assumeRoleWithWebIdentity": {"roleArn": ROLE, "webIdentityToken": CANARY},
            },
            "aws:assumeRoleWithWebIdentity and aws:accessKey cannot be combined: remove one of them",
        ),
    ],
)
def test_keys_that_contradict_each_other_are_refused(keys: dict[str, object], message: str) -> None:
    assert refusal(**keys) == message


@pytest.mark.parametrize("value", ['["111111111111"]', "[111111111111]", "[1.11111111111e+11]", ["111111111111"]])
def test_account_ids_may_be_strings_or_numbers(value: object) -> None:
    """`pulumi config set --path` stores an id as a number."""
    assert configured(allowedAccountIds=value).allowed_account_ids == ("111111111111",)


@pytest.mark.parametrize(
    "value",
    ["111111111111", '["1111"]', "[11111111111]", "[012345678905]", '["1111-1111-1111"]', [None], [True], "[[]]", "{}"],
)
def test_invalid_account_ids_are_refused(value: object) -> None:
    """The message mentions quotes, because they are what is usually missing (case 14)."""
    assert refusal(forbiddenAccountIds=value) == (
        'aws:forbiddenAccountIds must be a list of account ids of 12 digits in quotes, e.g. ["012345678905"]'
    )


def test_endpoints_are_merged() -> None:
    """The last endpoint of a service is used. Services that the package does not call are ignored."""
    value = '[{"workspaces":"http://a:1"},{"sts":"https://b","s3":"nonsense"},{"workspaces":"http://c","sso":""}]'
    assert configured(endpoints=value).endpoints == {"workspaces": "http://c", "sts": "https://b"}


@pytest.mark.parametrize("url", ["localhost:5000", "ftp://host", "http://", "http://a b", "http://[::1"])
def test_endpoint_that_is_not_a_url_is_refused(url: str) -> None:
    """The message names its position in the list."""
    assert refusal(endpoints=[{}, {"sts": url}]).startswith("aws:endpoints[1].sts must be a URL")


@pytest.mark.parametrize("url", ["http://my_localstack_1:4566", "https://_x.example.com/"])
def test_endpoint_with_an_underscore_is_refused(url: str) -> None:
    """Containers often have such names, and botocore refuses them."""
    assert refusal(endpoints=[{"workspaces": url}]) == (
        "aws:endpoints[0].workspaces has a host name with _, which botocore does not accept: use another name"
    )
    assert not is_valid_endpoint_url(url)


@pytest.mark.parametrize("url", ["http://user:hunter2@host", "https://user@host:1", "http://:hunter2@host"])
def test_endpoint_with_a_password_is_refused(url: str) -> None:
    """The password would be printed with every connection error. The message does not quote it."""
    said = refusal(endpoints=[{"workspaces": url}])
    assert said == "aws:endpoints[0].workspaces must be a URL without a user or password"


@pytest.mark.parametrize(("service", "meant"), [("Workspaces", "workspaces"), ("organisations", "organizations")])
def test_endpoint_of_a_misspelt_service_is_refused(service: str, meant: str) -> None:
    """If it were ignored, requests would go to AWS instead of that endpoint."""
    message = f"aws:endpoints[1].{service} is not a service; did you mean {meant}?"
    assert refusal(endpoints=[{}, {service: "http://host"}]) == message


@pytest.mark.parametrize("service", ["workspacesweb", "s3", "ssm"])
def test_endpoint_of_another_service_is_ignored(service: str) -> None:
    """pulumi-aws has endpoints for all services. The values of the others are not checked."""
    assert configured(endpoints=[{service: "nonsense"}, {"sts": "http://host"}]).endpoints == {"sts": "http://host"}


@pytest.mark.parametrize("key", ["httpProxy", "httpsProxy"])
def test_proxy_may_be_without_a_scheme_or_empty(key: str) -> None:
    """An empty string means no proxy. An invalid proxy is refused without quoting its password."""
    field = {"httpProxy": "http_proxy", "httpsProxy": "https_proxy"}[key]
    assert getattr(configured(**{key: "proxy:3128"}), field) == "proxy:3128"
    assert getattr(configured(**{key: ""}), field) == ""
    message = refusal(**{key: f"http://user:{CANARY}@host:port"})
    assert message.startswith(f"aws:{key} must be the URL of a proxy")
    assert CANARY not in message


def test_files_may_be_given_relative_to_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that does not exist is refused, and so is a list of two files."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "config").touch()
    absolute = str(tmp_path / "config")
    read = configured(sharedConfigFiles='["~/config"]', sharedCredentialsFiles=(absolute,), customCaBundle="~/config")
    assert read.shared_config_file == read.shared_credentials_file == read.custom_ca_bundle == absolute
    for key in ("sharedConfigFiles", "sharedCredentialsFiles"):
        assert refusal(**{key: ["~/absent"]}) == f"aws:{key} must name a file that exists"
        assert f"aws:{key} must be a list of one file" in refusal(**{key: ["~/config", "~/config"]})
    assert refusal(customCaBundle="~/absent") == "aws:customCaBundle must name a file that exists"
