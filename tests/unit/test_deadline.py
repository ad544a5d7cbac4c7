"""One deadline for every call, including the caller's identity, the organization, and signing in."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.tokens import SSOTokenProvider
from botocore.utils import JSONFileCache, SSOTokenLoader

from pulumi_workspaces_images.aws.connection import DEADLINE, Connection
from pulumi_workspaces_images.aws.organization import Organization
from pulumi_workspaces_images.aws.permissions import Permissions
from pulumi_workspaces_images.errors import Unanswered
from tests.unit.connections import REGION, ROLE, Aws, refuse, write
from tests.unit.helpers import CANARY, IMAGE, SALES, Clock

pytestmark = pytest.mark.usefixtures("home")

Connect = Callable[..., Connection]


@pytest.fixture
def slow(aws: Aws, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Connect:
    """Return a function that connects to an AWS that throttles each request after 100 s. Waits take no time."""
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None))
    monkeypatch.setattr("botocore.retries.bucket.TokenBucket.acquire", lambda *_, **__: True)
    aws.answer = slowly(aws, clock, refuse("Throttling", "Rate exceeded", 400))
    endpoints = [{service: aws.url} for service in ("workspaces", "sts", "organizations", "sso")]

    def connect(**more: object) -> Connection:
        keys = {"region": REGION, "maxRetries": "100", "endpoints": endpoints, **more}
        return Connection({f"aws:{key}": value for key, value in keys.items()}, clock=clock)

    return connect


def slowly(aws: Aws, clock: Clock, answer: Callable[[dict[str, str]], tuple[int, str]]) -> Any:
    def answering(asked: dict[str, str]) -> tuple[int, str]:
        clock.now += 100
        return answer(asked)

    return answering


def throttled(_: dict[str, str]) -> tuple[int, str]:
    """Return the throttling error of a service with a JSON protocol."""
    return 400, json.dumps({"__type": "ThrottlingException", "message": "Rate exceeded"})


def gives_up(ask: Callable[[], object]) -> str:
    with pytest.raises(Unanswered, match=f"AWS throttled or failed every attempt for {DEADLINE:.0f} s") as caught:
        ask()
    return str(caught.value)


def test_asking_who_the_caller_is_ends_at_the_deadline(slow: Connect, aws: Aws, keys: None) -> None:
    """aws:maxRetries would allow more attempts."""
    assert gives_up(slow().caller).startswith("asking AWS who the caller is: ")
    assert len(aws.asked) == 4


def test_asking_the_organization_ends_at_the_deadline(slow: Connect, aws: Aws, clock: Clock, keys: None) -> None:
    aws.answer = slowly(aws, clock, throttled)
    organization = Organization(slow())
    said = gives_up(lambda: organization.member(SALES, REGION))
    assert said.startswith(f"asking the organization about account {SALES}: ")
    assert len(aws.asked) == 4


@pytest.mark.parametrize(
    "signing_in",
    [
        {"assumeRoles": [{"roleArn": ROLE}]},
        {"assumeRoleWithWebIdentity": {"roleArn": ROLE, "webIdentityToken": CANARY}},
        {"profile": "role"},
        {"profile": "web"},
        {"profile": "sso"},
    ],
    ids=lambda keys: next(iter(keys)) if "profile" not in keys else f"profile {keys['profile']}",
)
def test_signing_in_ends_at_the_deadline_of_the_call(
    slow: Connect,
    aws: Aws,
    clock: Clock,
    home: Path,
    keys: None,
    signing_in: dict[str, object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The time to assume a role or to get a session counts towards the call that needs it."""
    profiles(home)
    monkeypatch.setattr(SSOTokenProvider, "_SSO_TOKEN_CACHE_DIR", str(home / "sso"))  # botocore reads it at import
    if signing_in == {"profile": "sso"}:
        aws.metadata = lambda path: slowly(aws, clock, throttled)({})  # type: ignore[method-assign]
    permissions = Permissions(slow(**signing_in))
    gives_up(lambda: permissions.describe(IMAGE, REGION))
    assert len(aws.asked) == 4


def profiles(home: Path) -> None:
    (home / "token").write_text(CANARY)
    write(
        home,
        "config",
        f"[profile base]\naws_access_key_id = AKIDBASE\naws_secret_access_key = {CANARY}\n"
        f"[profile role]\nrole_arn = {ROLE}\nsource_profile = base\n"
        f"[profile web]\nrole_arn = {ROLE}\nweb_identity_token_file = {home / 'token'}\n"
        "[profile sso]\nsso_session = us\nsso_account_id = 111111111111\nsso_role_name = images\n"
        "[sso-session us]\nsso_region = us-east-1\nsso_start_url = https://example.awsapps.com/start\n",
    )
    token = {"accessToken": CANARY, "expiresAt": "2999-01-01T00:00:00Z"}
    SSOTokenLoader(JSONFileCache(str(home / "sso"))).save_token(
        "https://example.awsapps.com/start",
        token,  # type: ignore[arg-type]
        "us",
    )


def test_asking_who_the_caller_is_counts_towards_the_call_that_needs_it(
    slow: Connect, aws: Aws, clock: Clock, keys: None
) -> None:
    """With aws:allowedAccountIds the caller's identity is requested first. Both requests have one deadline."""
    answers = iter([refuse("Throttling", "Rate exceeded", 400), aws.identify])
    aws.answer = slowly(aws, clock, lambda asked: next(answers, throttled)(asked))
    permissions = Permissions(slow(allowedAccountIds=["111111111111"]))
    gives_up(lambda: permissions.describe(IMAGE, REGION))
    assert aws.actions == ["GetCallerIdentity"] * 2 + [""] * 2


def test_each_call_has_its_own_deadline(slow: Connect, aws: Aws, clock: Clock, keys: None) -> None:
    """After a call that used up its time, the next call has the full time again."""
    connection = slow()
    gives_up(connection.caller)
    answers = iter([refuse("Throttling", "Rate exceeded", 400), aws.identify])
    aws.answer = slowly(aws, clock, lambda asked: next(answers)(asked))
    assert connection.caller()
