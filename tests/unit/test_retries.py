"""`aws:maxRetries` and `aws:retryMode` set the number of attempts for every failure and every service."""

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
    """Return a function that makes connections whose requests get the answers of `wire`."""
    return lambda **more: connect(region=REGION, skipRequestingAccountId="true", **more)


@pytest.mark.parametrize(("mode", "attempts"), [("adaptive", 60), ("standard", 3), ("adaptive", 1)])
@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
def test_max_retries_applies_to_every_failure(
    connection: Callable[..., Connection], wire: Wire, failure: Answer, attempts: int, mode: str
) -> None:
    """It is the total number of attempts."""
    wire.will(*[failure] * 100)
    permissions = Permissions(connection(maxRetries=str(attempts), retryMode=mode))
    with pytest.raises(Unanswered):
        permissions.describe(IMAGE, REGION)
    assert len(wire.sent) == attempts


@pytest.mark.parametrize("attempts", [1, 3, 12])
def test_max_retries_applies_to_an_image_that_is_unavailable(
    connection: Callable[..., Connection], wire: Wire, attempts: int
) -> None:
    """Botocore does not repeat this failure itself, but the number of attempts is the same."""
    wire.will(*[UNAVAILABLE] * attempts, listing())
    with pytest.raises(Refused, match="ResourceUnavailableException"):
        Permissions(connection(maxRetries=str(attempts))).grant(SHARE)
    assert wire.sent == [GRANT] * attempts + [LIST]
    assert max([float(event.split()[1]) for event in wire.log if event.startswith("wait")], default=0) <= 20


@pytest.mark.parametrize(
    "refusal", [refuse("Throttling", "Rate exceeded", 400), refuse("InternalFailure", "Oops", 500)]
)
@pytest.mark.parametrize("more", [{}, {"assumeRoles": [{"roleArn": ROLE}]}], ids=["caller", "role"])
def test_max_retries_applies_to_sts(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, refusal: Any, more: dict[str, object]
) -> None:
    """It applies to the requests for the caller and for a role's credentials."""
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None))
    monkeypatch.setattr("botocore.retries.bucket.TokenBucket.acquire", lambda *_, **__: True)
    aws.answer = refusal
    with pytest.raises(Unanswered):
        connect(maxRetries="40", endpoints=aws.endpoints, region=REGION, **more).caller()
    assert len(aws.asked) == 40


def test_calls_do_not_use_up_each_others_attempts(connection: Callable[..., Connection], wire: Wire) -> None:
    """A call gets all its attempts, even if the call before it used up its own."""
    permissions = Permissions(connection(maxRetries="60"))
    for image in (IMAGE, "wsi-0a1b2c3d5"):
        wire.will(*[FAULT] * 60)
        with pytest.raises(Unanswered):
            permissions.describe(image, REGION)
        assert not wire.answers


@pytest.mark.parametrize(
    ("failure", "attempts"), [(THROTTLED, 25), (FAULT, 25), (LOST, 9), (EndpointConnectionError(endpoint_url=URL), 9)]
)
def test_default_number_of_attempts(
    connection: Callable[..., Connection], wire: Wire, failure: Answer, attempts: int
) -> None:
    """It is that of pulumi-aws, or fewer if AWS does not answer."""
    wire.will(*[failure] * 100)
    with pytest.raises(Unanswered):
        Permissions(connection()).describe(IMAGE, REGION)
    assert len(wire.sent) == attempts


@pytest.mark.parametrize("name", ["AWS_MAX_ATTEMPTS", "max_attempts"])
def test_attempts_may_be_set_in_environment_or_profile(
    connection: Callable[..., Connection], wire: Wire, home: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The number then applies to every failure, too."""
    if name.isupper():
        monkeypatch.setenv(name, "12")
    else:
        write(home, "config", f"[default]\n{name} = 12\n")
    wire.will(*[LOST] * 100)
    with pytest.raises(Unanswered):
        Permissions(connection()).describe(IMAGE, REGION)
    assert len(wire.sent) == 12


def test_precedence(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """aws:retryMode and aws:maxRetries take precedence over the environment, and that over the profile."""

    def retries(**aws: object) -> object:
        return config_of(connect(**aws).client("workspaces", REGION)).retries

    assert retries() == {"mode": "adaptive", "total_max_attempts": 25}
    write(home, "config", "[default]\nretry_mode = standard\nmax_attempts = 2\n")
    assert retries() == {"mode": "standard", "total_max_attempts": 2}
    monkeypatch.setenv("AWS_RETRY_MODE", "adaptive")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "4")
    assert retries() == {"mode": "adaptive", "total_max_attempts": 4}
    assert retries(retryMode="standard", maxRetries="7") == {"mode": "standard", "total_max_attempts": 7}


def test_legacy_mode_is_replaced_by_standard(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its waits double without a limit, so that the eleventh could take a quarter of an hour."""
    monkeypatch.setenv("AWS_RETRY_MODE", "legacy")
    assert config_of(connect().client("workspaces", REGION)).retries["mode"] == "standard"


def test_no_wait_after_the_deadline(wire: Wire, clock: Clock) -> None:
    """An attempt that ends after the deadline is the last one. A refusal is still reported with its cause."""

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
    """The deadline is not the cause, because all attempts were used."""

    def pass_time(_: str) -> None:
        clock.now += 301

    wire.arrived = pass_time
    wire.will(THROTTLED)
    permissions = Permissions(Connection({"aws:region": REGION, "aws:maxRetries": "1"}, clock=clock))
    with pytest.raises(Unanswered, match="AWS is throttling"):
        permissions.describe(IMAGE, REGION)
