"""How often AWS is tried: what `aws:maxRetries` and `aws:retryMode` say, for every failure and every service."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError, ConnectTimeoutError, EndpointConnectionError

from pulumi_workspaces_images.aws.connection import Connection
from pulumi_workspaces_images.aws.permissions import Permissions
from pulumi_workspaces_images.errors import Refused, Unanswered
from tests.unit.connections import REGION, ROLE, Aws, config_of, connect, refuse, write
from tests.unit.helpers import GRANT, IMAGE, LIST, SHARE, Answer, Clock, Wire, listing
from tests.unit.workspaces import LOST, THROTTLED, UNAVAILABLE, URL

pytestmark = pytest.mark.usefixtures("home", "keys")

TOO_MANY: Answer = (400, "TooManyRequestsException", "Slow down.")
FAULT: Answer = (500, "InternalFailure", "Oops.")
FAILURES = {
    "throttled": THROTTLED,
    "too many requests": TOO_MANY,
    "429": (429, "", ""),
    "server fault": FAULT,
    "503": (503, "", ""),
    "connection refused": EndpointConnectionError(endpoint_url=URL),
    "no connection in time": ConnectTimeoutError(endpoint_url=URL),
    "no answer in time": LOST,
    "connection closed": ConnectionClosedError(endpoint_url=URL),
}


@pytest.fixture
def connection(wire: Wire) -> Callable[..., Connection]:
    """Make connections whose requests end on the wire."""
    return lambda **more: connect(region=REGION, skipRequestingAccountId="true", **more)


@pytest.mark.parametrize(("mode", "attempts"), [("adaptive", 60), ("standard", 3), ("adaptive", 1)])
@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
def test_max_retries_holds_for_every_failure(
    connection: Callable[..., Connection], wire: Wire, failure: Answer, attempts: int, mode: str
) -> None:
    """It is the number of attempts in all, whatever goes wrong."""
    wire.will(*[failure] * 100)
    permissions = Permissions(connection(maxRetries=str(attempts), retryMode=mode))
    with pytest.raises(Unanswered):
        permissions.describe(IMAGE, REGION)
    assert len(wire.sent) == attempts


@pytest.mark.parametrize("attempts", [1, 3, 12])
def test_max_retries_holds_for_an_image_that_is_unavailable(
    connection: Callable[..., Connection], wire: Wire, attempts: int
) -> None:
    """What botocore does not repeat by itself is repeated no more and no less often."""
    wire.will(*[UNAVAILABLE] * attempts, listing())
    with pytest.raises(Refused, match="ResourceUnavailableException"):
        Permissions(connection(maxRetries=str(attempts))).grant(SHARE)
    assert wire.sent == [GRANT] * attempts + [LIST]
    assert max([float(event.split()[1]) for event in wire.log if event.startswith("wait")], default=0) <= 20


@pytest.mark.parametrize(
    "refusal", [refuse("Throttling", "Rate exceeded", 400), refuse("InternalFailure", "Oops", 500)]
)
@pytest.mark.parametrize("more", [{}, {"assumeRoles": [{"roleArn": ROLE}]}], ids=["caller", "role"])
def test_max_retries_holds_for_sts(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, refusal: Any, more: dict[str, object]
) -> None:
    """The same for who the caller is, and for signing in to a role."""
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None))
    monkeypatch.setattr("botocore.retries.bucket.TokenBucket.acquire", lambda *_, **__: True)
    aws.answer = refusal
    with pytest.raises(Unanswered):
        connect(maxRetries="40", endpoints=aws.endpoints, region=REGION, **more).caller()
    assert len(aws.asked) == 40


def test_calls_do_not_use_up_each_others_attempts(connection: Callable[..., Connection], wire: Wire) -> None:
    """A call that failed to the end leaves the next one as many attempts as it had itself."""
    permissions = Permissions(connection(maxRetries="60"))
    for image in (IMAGE, "wsi-0a1b2c3d5"):
        wire.will(*[FAULT] * 60)
        with pytest.raises(Unanswered):
            permissions.describe(image, REGION)
        assert not wire.answers


@pytest.mark.parametrize(
    ("failure", "attempts"), [(THROTTLED, 25), (FAULT, 25), (LOST, 9), (EndpointConnectionError(endpoint_url=URL), 9)]
)
def test_attempts_where_nothing_is_configured(
    connection: Callable[..., Connection], wire: Wire, failure: Answer, attempts: int
) -> None:
    """As many as pulumi-aws makes; fewer where nobody answers."""
    wire.will(*[failure] * 100)
    with pytest.raises(Unanswered):
        Permissions(connection()).describe(IMAGE, REGION)
    assert len(wire.sent) == attempts


@pytest.mark.parametrize("name", ["AWS_MAX_ATTEMPTS", "max_attempts"])
def test_attempts_of_environment_and_profile_hold_as_well(
    connection: Callable[..., Connection], wire: Wire, home: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A number that is configured holds for every failure, wherever it stands."""
    if name.isupper():
        monkeypatch.setenv(name, "12")
    else:
        write(home, "config", f"[default]\n{name} = 12\n")
    wire.will(*[LOST] * 100)
    with pytest.raises(Unanswered):
        Permissions(connection()).describe(IMAGE, REGION)
    assert len(wire.sent) == 12


def test_what_comes_first(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """aws:retryMode and aws:maxRetries come before the environment, and that before the profile."""

    def retries(**aws: object) -> object:
        return config_of(connect(**aws).client("workspaces", REGION)).retries

    assert retries() == {"mode": "adaptive", "total_max_attempts": 25}
    write(home, "config", "[default]\nretry_mode = standard\nmax_attempts = 2\n")
    assert retries() == {"mode": "standard", "total_max_attempts": 2}
    monkeypatch.setenv("AWS_RETRY_MODE", "adaptive")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "4")
    assert retries() == {"mode": "adaptive", "total_max_attempts": 4}
    assert retries(retryMode="standard", maxRetries="7") == {"mode": "standard", "total_max_attempts": 7}


def test_legacy_mode_is_standard(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its waits double without a limit: the eleventh could be a quarter of an hour."""
    monkeypatch.setenv("AWS_RETRY_MODE", "legacy")
    assert config_of(connect().client("workspaces", REGION)).retries["mode"] == "standard"


def test_no_wait_after_the_deadline(wire: Wire, clock: Clock) -> None:
    """An attempt that ends after it is the last one, and no wait follows; a refusal says why, all the same."""

    def pass_time(_: str) -> None:
        clock.now += 301

    wire.arrived = pass_time
    permissions = Permissions(Connection({"aws:region": REGION}, clock=clock))
    wire.will(THROTTLED, UNAVAILABLE)
    with pytest.raises(Unanswered, match="for 300 s"):
        permissions.describe(IMAGE, REGION)
    assert wire.log == ["DescribeWorkspaceImages"]
    with pytest.raises(Refused, match="ResourceUnavailableException"):
        permissions.is_shared(SHARE)


def test_last_attempt_that_ends_after_the_deadline_says_how_it_failed(wire: Wire, clock: Clock) -> None:
    """There would have been no other attempt, deadline or not."""

    def pass_time(_: str) -> None:
        clock.now += 301

    wire.arrived = pass_time
    wire.will(THROTTLED)
    permissions = Permissions(Connection({"aws:region": REGION, "aws:maxRetries": "1"}, clock=clock))
    with pytest.raises(Unanswered, match="AWS is throttling"):
        permissions.describe(IMAGE, REGION)
