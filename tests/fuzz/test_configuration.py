"""Any value of a configuration key is accepted, or refused in one line that names the key."""

import json
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import hypothesis.strategies as st
import pytest
from botocore.exceptions import EndpointConnectionError
from hypothesis import given

from pulumi_workspaces_images.configuration import aws as configuration
from pulumi_workspaces_images.configuration import own as recheck
from pulumi_workspaces_images.configuration.roles import _CHAINED_ROLE_KEYS, _WEB_ROLE_KEYS
from pulumi_workspaces_images.errors import ConfigurationError, ExpectedError, printable
from pulumi_workspaces_images.lifecycle.command import Command as ProviderCommand
from tests.fuzz import strategies as some
from tests.fuzz.sent import Sent
from tests.unit.helpers import REGION, RecordingEngine

AWS_KEYS = sorted(
    f"aws:{name}"
    for name in {*configuration._SUPPORTED, *configuration._IGNORED, *configuration._REFUSED, "assumeRole"}
)
OWN_KEYS = [f"workspaces-images:{name}" for name in recheck._OWN_KEYS]
ROLE = "arn:aws:iam::222222222222:role/images"
KEYS = {"aws:accessKey": "AKIAEXAMPLE", "aws:secretKey": "example"}

almost = st.sampled_from(
    [
        "true",
        "strict",
        "3",
        "-1",
        "1e3",
        "us-east-1",
        "http://127.0.0.1:1",
        "http://[::1",
        "http://h:99999",
        "http://h:0",
        "https://\u2100.example.com",
        "user:password@proxy:3128",
        '["222222222222"]',
        "[222222222222, 333333333333]",
        '[{"sts": "http://127.0.0.1:1"}, {"workspaces": null}]',
        '[{"sts": 1}]',
        json.dumps([{"roleArn": ROLE, "duration": "1h30m", "tags": {"a": "b"}}]),
        json.dumps([{"roleArn": ROLE, "duration": "9" * 400 + "h"}]),
        json.dumps([{"roleArn": ROLE, "policy": '{"a": 1}', "policyArns": "[]"}]),
        json.dumps({"roleArn": ROLE, "webIdentityToken": "token"}),
        "[NaN]",
        "[Infinity]",
        '"',
        "null",
        "{}",
        "[[]]",
        "[{}]",
    ]
)
role_keys = st.sampled_from([*_CHAINED_ROLE_KEYS, *_WEB_ROLE_KEYS, "arn"])
roles = st.dictionaries(role_keys, some.json_values, max_size=3).map(lambda role: {"roleArn": ROLE, **role})
services = st.sampled_from([*configuration._ENDPOINTS, "workspace", "s3"])
endpoints = st.lists(st.dictionaries(services, st.one_of(some.json_values, almost), max_size=2), max_size=2)
# The engine passes strings, but values of other types are accepted as well.
values = st.one_of(
    almost,
    some.json_texts,
    some.json_values,
    st.lists(roles, max_size=2).map(json.dumps),
    roles.map(json.dumps),
    endpoints.map(json.dumps),
)


def read(keys: Mapping[str, object]) -> ProviderCommand:
    return ProviderCommand(keys, project="shares", engine=RecordingEngine())


def refusal(keys: Mapping[str, object]) -> str:
    """Return the line that refuses the configuration, or an empty string if it is accepted."""
    try:
        read(keys)
    except ConfigurationError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("key", [*AWS_KEYS, *OWN_KEYS])
@given(value=values)
@some.tries(25)
def test_any_value_is_accepted_or_refused_by_its_key(quiet_environment: None, key: str, value: Any) -> None:
    line = refusal({key: value})
    assert line.isprintable()
    assert key in line or not line


@given(name=some.texts, value=some.json_texts)
@some.tries(40)
def test_unknown_key_is_refused_by_its_name(quiet_environment: None, name: str, value: str) -> None:
    """Keys of other packages are ignored."""
    assert not refusal({f"other:{name}": value, name.replace(":", ""): value})
    for key in (f"workspaces-images:{name}", f"aws:{name}"):
        line = refusal({key: value})
        assert line.isprintable()
        assert printable(key) in line or not line


@pytest.mark.parametrize(
    "key",
    [
        *("accessKey", "secretKey", "token", "assumeRoles", "assumeRoleWithWebIdentity", "endpoints", "stsRegion"),
        *("region", "profile", "httpsProxy", "noProxy", "userAgents", "retryMode", "maxRetries"),
    ],
)
@given(value=st.one_of(almost, some.json_texts, st.lists(roles, min_size=1).map(json.dumps), roles.map(json.dumps)))
@some.tries(6)
def test_accepted_value_is_used(
    quiet_environment: None, monkeypatch: pytest.MonkeyPatch, sent: Sent, key: str, value: str
) -> None:
    """It leads to a request that STS's model accepts, or to an error of one line."""
    closed = EndpointConnectionError(endpoint_url="http://127.0.0.1:1", error="closed")

    def refuse(*_: Any) -> None:
        raise closed

    monkeypatch.setattr("botocore.httpsession.URLLib3Session.send", refuse)
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None))
    try:
        process = read({"aws:maxRetries": "1", **KEYS, f"aws:{key}": value})
    except ConfigurationError:
        return
    with pytest.raises(ExpectedError) as caught:
        process.connection.caller(REGION)
    assert str(caught.value).isprintable()


REFUSED = {
    "int() refuses more than 4300 digits with a ValueError": {"aws:maxRetries": "9" * 5000},
    "json.loads raises RecursionError, which is no ValueError": {"aws:assumeRoles": "[" * 100_000},
    "the same, in the list of the guard": {"workspaces-images:allowedAccountIds": "[" * 100_000},
    "os.path.expanduser raises ValueError": {"aws:customCaBundle": "~\0"},
    "half a surrogate pair cannot be encoded": {"aws:profile": "\ud800"},
    "the same, in JSON": {"aws:assumeRoles": json.dumps([{"roleArn": ROLE, "tags": {"\ud800": "a"}}])},
}


@pytest.mark.parametrize("keys", [pytest.param(keys, id=why) for why, keys in REFUSED.items()])
def test_value_that_python_itself_refuses(quiet_environment: None, keys: dict[str, str]) -> None:
    """It is refused like any other value, in one line that names the key."""
    with pytest.raises(ConfigurationError) as caught:
        read(keys)
    assert next(iter(keys)) in str(caught.value)


@pytest.mark.parametrize("path", ["\0", "~\0"])
def test_token_file_with_an_impossible_path(quiet_environment: None, path: str) -> None:
    """It is refused in a line that names its key."""
    identity = {"roleArn": ROLE, "webIdentityTokenFile": path}
    process = read({"aws:assumeRoleWithWebIdentity": json.dumps(identity)})
    with pytest.raises(ConfigurationError, match="webIdentityTokenFile"):
        process.connection.caller(REGION)
