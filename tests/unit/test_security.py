"""The package never writes a secret."""

import json
import logging
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local.cloud import LocalCloud, Response
from pulumi_workspaces_images.aws.connection import Connection
from pulumi_workspaces_images.configuration.aws import _SUPPORTED
from pulumi_workspaces_images.configuration.own import _OWN_KEYS
from pulumi_workspaces_images.errors import ConfigurationError, ExpectedError
from pulumi_workspaces_images.lifecycle.command import Command as ProviderCommand
from pulumi_workspaces_images.lifecycle.engine import Engine
from pulumi_workspaces_images.provider import ImageShareProvider
from pulumi_workspaces_images.share import Share
from tests.unit.helpers import CANARY, IMAGE, KEY_ID, OWNER, PLAIN, REGION, SALES, Command, state

ROLE = f"arn:aws:iam::{OWNER}:role/images"
CLOSED = "http://127.0.0.1:1"  # no service listens there


# Invalid configuration.


@pytest.mark.parametrize(
    "value",
    [
        CANARY,
        f'"{CANARY}"',
        f'["{CANARY}"',
        f'["{CANARY}", ["{CANARY}"]]',
        f'{{"roleArn": "{CANARY}"}}',
        f'[{{"roleArn": "{CANARY}", "externalId": "{CANARY}"}}]',
        json.dumps([{"roleArn": ROLE, "externalId": f"{CANARY} "}]),
        json.dumps([{"roleArn": ROLE, "externalId": [CANARY]}]),
        json.dumps([{"roleArn": ROLE, "policy": CANARY, "tags": {"a": [CANARY]}}]),
        json.dumps({"roleArn": ROLE, "webIdentityToken": {"token": CANARY}}),
        json.dumps({"roleArn": ROLE, "webIdentityToken": CANARY, "webIdentityTokenFile": CANARY}),
        json.dumps([{"sts": f"http://user:{CANARY}@127.0.0.1"}]),
        f"http://user:{CANARY}@[::1",
        f"http://user:{CANARY}@proxy:port",
        f"socks5://user:{CANARY}@proxy:1080",
        {"unexpected": CANARY},
        [CANARY.encode()],
    ],
    ids=str,
)
def test_refused_value_is_not_quoted(quiet_environment: None, value: object) -> None:
    """This holds for every key, because a user may set a secret under the wrong one."""
    for key in [*(f"aws:{name}" for name in _SUPPORTED), *(f"workspaces-images:{name}" for name in _OWN_KEYS)]:
        written = ""
        try:
            ProviderCommand({key: value}, project="", engine=Engine(None))
        except ConfigurationError as error:
            written = f"{error!r} {''.join(traceback.format_exception(error))}"
        assert CANARY not in written
        assert key in written or not written


# Every source of credentials, and every kind of failure.


def keys(home: Path, set_environment: Callable[[str, str], None]) -> dict[str, object]:
    return {"aws:accessKey": KEY_ID, "aws:secretKey": CANARY, "aws:token": CANARY}


def environment(home: Path, set_environment: Callable[[str, str], None]) -> dict[str, object]:
    set_environment("AWS_ACCESS_KEY_ID", KEY_ID)
    set_environment("AWS_SECRET_ACCESS_KEY", CANARY)
    set_environment("AWS_SESSION_TOKEN", CANARY)
    return {}


def profile(home: Path, set_environment: Callable[[str, str], None]) -> dict[str, object]:
    (home / ".aws").mkdir()
    (home / ".aws" / "credentials").write_text(
        f"[images]\naws_access_key_id={KEY_ID}\naws_secret_access_key={CANARY}\naws_session_token={CANARY}\n"
    )
    return {"aws:profile": "images"}


def credential_process(home: Path, set_environment: Callable[[str, str], None]) -> dict[str, object]:
    said = {"Version": 1, "AccessKeyId": KEY_ID, "SecretAccessKey": CANARY, "SessionToken": CANARY}
    (home / "said.json").write_text(json.dumps(said))
    (home / ".aws").mkdir()
    (home / ".aws" / "config").write_text(f"[profile images]\ncredential_process=cat {home}/said.json\n")
    return {"aws:profile": "images"}


def role(home: Path, set_environment: Callable[[str, str], None]) -> dict[str, object]:
    return {**PLAIN, "aws:assumeRoles": json.dumps([{"roleArn": ROLE, "externalId": CANARY}])}


def web_identity(home: Path, set_environment: Callable[[str, str], None]) -> dict[str, object]:
    return {"aws:assumeRoleWithWebIdentity": json.dumps({"roleArn": ROLE, "webIdentityToken": CANARY})}


def web_identity_file(home: Path, set_environment: Callable[[str, str], None]) -> dict[str, object]:
    (home / "token").write_text(CANARY)
    identity = {"roleArn": ROLE, "webIdentityTokenFile": str(home / "token")}
    return {"aws:assumeRoleWithWebIdentity": json.dumps(identity)}


def something_else(home: Path, set_environment: Callable[[str, str], None]) -> dict[str, object]:
    return {**PLAIN, "workspaces-images:password": CANARY, "other:password": CANARY}


WHERE = [keys, environment, profile, credential_process, role, web_identity, web_identity_file, something_else]


def nothing(cloud: LocalCloud, configuration: dict[str, object]) -> None: ...


def denied(cloud: LocalCloud, configuration: dict[str, object]) -> None:
    cloud.deny("*")


def expired(cloud: LocalCloud, configuration: dict[str, object]) -> None:
    cloud.fail("*", "ExpiredTokenException", times=None)


def broken(cloud: LocalCloud, configuration: dict[str, object]) -> None:
    cloud.fail("*", "InternalFailure", 500, times=None)


def lost(cloud: LocalCloud, configuration: dict[str, object]) -> None:
    cloud.lose_response("*", times=None)


def unreachable(cloud: LocalCloud, configuration: dict[str, object]) -> None:
    configuration["aws:endpoints"] = json.dumps([{"sts": CLOSED, "workspaces": CLOSED}])


def proxy(cloud: LocalCloud, configuration: dict[str, object]) -> None:
    configuration["aws:httpsProxy"] = f"http://user:{CANARY}@127.0.0.1:1"
    configuration["aws:endpoints"] = '[{"sts": "https://sts.example.com", "workspaces": "https://example.com"}]'


def missing(cloud: LocalCloud, configuration: dict[str, object]) -> None:
    cloud.reset()


FAILURES = [nothing, denied, expired, broken, lost, unreachable, proxy, missing]


@pytest.mark.parametrize(
    ("where", "failure"),
    [*((where, nothing) for where in WHERE), *((where, f) for f in FAILURES[1:] for where in (environment, role))],
)
def test_no_secret_is_written_in_the_lifecycle_of_a_share(
    cloud: LocalCloud,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
    where: Callable[..., dict[str, object]],
    failure: Callable[..., None],
) -> None:
    """There is none in errors, warnings, logs and outputs, and none in the `repr` of the package's objects."""
    cloud.create_image(image_id=IMAGE)
    configuration: dict[str, object] = {
        "aws:region": REGION,
        "aws:endpoints": cloud.endpoints,
        "aws:maxRetries": "1",
        "workspaces-images:requireOrganization": "true",
        "workspaces-images:recheck": "warn",
        **where(tmp_path, monkeypatch.setenv),
    }
    failure(cloud, configuration)
    # Without an engine, messages are printed.
    process = ProviderCommand(configuration, project="shares", engine=Engine(None))
    provider = ImageShareProvider()
    provider._command = process
    share = Share(IMAGE, SALES, REGION)
    news = {**share._asdict(), "__provider": "reference", "_preview": False}
    operations: list[Callable[[], Any]] = [
        lambda: provider.check({}, news),
        lambda: provider.diff(share.id, state(share), news),
        lambda: provider.create(news),
        lambda: provider.read(share.id, state(share)),
        lambda: provider.read(share.id, {}),
        lambda: provider.delete(share.id, state(share)),
    ]
    written: list[object] = []
    with caplog.at_level(logging.DEBUG):
        for operation in operations:
            try:
                result = operation()
                written.append(vars(result) if result else None)
            except ExpectedError as error:
                written += [str(error), repr(error), "".join(traceback.format_exception(error))]
    written += [vars(process), vars(process.connection), process.connection._aws, vars(provider), *capfd.readouterr()]
    own = [record.getMessage() for record in caplog.records if record.name.startswith("pulumi_workspaces_images")]
    assert CANARY not in repr([written, own])
    assert (failure is nothing) == any(call.status == 200 for call in cloud.writes())


@pytest.mark.parametrize("status", [200, 403])
def test_answer_that_cannot_be_parsed_is_not_quoted(cloud: LocalCloud, status: int) -> None:
    """It may be incomplete or a proxy's page, and it may contain keys. The provider reports an expected failure."""
    body = f"<AssumeRoleResponse><SecretAccessKey>{CANARY}</SecretAccessKey>".encode()
    cloud.interceptors.append(lambda call, proceed: Response(status, {"content-type": "text/xml"}, body))
    with pytest.raises(ExpectedError) as caught:
        Command(cloud, assumeRoles=json.dumps([{"roleArn": ROLE}])).check(IMAGE, SALES)
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(
    ("configured", "variables"),
    [
        pytest.param({}, {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}),
        pytest.param({}, {"AWS_ENDPOINT_URL": f"http://user:{CANARY}@127.0.0.1:1"}),
        pytest.param({}, {"AWS_ENDPOINT_URL": f"http://user:{CANARY}@127. 0.0.1"}),
        pytest.param({"httpsProxy": f"http://user:{CANARY}@127.0.0.1:1"}, {}),
        pytest.param({"httpsProxy": f"user:{CANARY}@127.0.0.1:1"}, {}),
        pytest.param({}, {"HTTPS_PROXY": f"http://user:{CANARY}@127.0.0.1:1"}),
        pytest.param({}, {"HTTPS_PROXY": f"http://user:a/{CANARY}@127.0.0.1:1"}),
        pytest.param({"httpsProxy": f"http://user:1/{CANARY}@127.0.0.1:1"}, {}),
        pytest.param({}, {"HTTPS_PROXY": f"http://user:1#{CANARY}@127.0.0.1:1"}),
        pytest.param({}, {"HTTPS_PROXY": f"socks5://user:{CANARY}@127.0.0.1:1"}),
        pytest.param({"httpsProxy": f"http://{CANARY}:{CANARY}@{CANARY[:3]}.invalid:1".replace(CANARY, "http")}, {}),
    ],
)
def test_address_that_cannot_be_reached_is_named_without_its_password(
    quiet_environment: None, monkeypatch: pytest.MonkeyPatch, configured: dict[str, str], variables: dict[str, str]
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    more = {f"aws:{name}": value for name, value in configured.items()}
    with pytest.raises(ExpectedError) as caught:
        Connection({**PLAIN, "aws:maxRetries": "1", **more}).caller(REGION)
    assert CANARY not in str(caught.value)
    assert ":http@" not in str(caught.value)
