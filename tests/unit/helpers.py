"""Helpers of the unit tests: accounts and names, operations as the engine calls them, and prepared answers of AWS."""

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from concurrent import futures
from typing import Any, TypeVar

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from pulumi import output
from pulumi.dynamic import CheckResult, CreateResult, DiffResult, ReadResult, UpdateResult

from local.cloud import LocalCloud
from pulumi_workspaces_images.aws.attempts import watch
from pulumi_workspaces_images.aws.connection import Caller, Connection
from pulumi_workspaces_images.configuration.aws import AwsConfiguration, read_aws
from pulumi_workspaces_images.errors import ConfigurationError
from pulumi_workspaces_images.exclusive_provider import ImageSharesExclusiveProvider
from pulumi_workspaces_images.lifecycle.command import Command as ProviderCommand
from pulumi_workspaces_images.lifecycle.engine import Engine
from pulumi_workspaces_images.provider import ImageShareProvider
from pulumi_workspaces_images.share import Share

T = TypeVar("T")

OWNER = "111111111111"
SALES = "222222222222"
LEGAL = "333333333333"
OTHER = "555555555555"
UNLISTED, UNLISTED_TOO = "999999999999", "888888888888"
REGION = "us-east-1"
UNKNOWN: Any = output.UNKNOWN
GOVCLOUD = "us-gov-west-1"
IMAGE = "wsi-0a1b2c3d4"
SHARE = Share(IMAGE, SALES, REGION)
CALLER = Caller(OWNER, f"arn:aws:sts::{OWNER}:assumed-role/images/pulumi")

GRANT = "UpdateWorkspaceImagePermission"
LIST = "DescribeWorkspaceImagePermissions"
DESCRIBE = "DescribeWorkspaceImages"

MODES = ["strict", "warn", "off"]
"""The values of `workspaces-images:recheck`."""

CANARY = "canary7f3a"
"""A secret, which no output may contain."""
KEY_ID = LocalCloud.credentials(OWNER)["AWS_ACCESS_KEY_ID"]
PLAIN = {"aws:accessKey": KEY_ID, "aws:secretKey": "local"}


class RecordingEngine(Engine):
    """An engine that runs while `alive` is true, and records the messages that it gets."""

    def __init__(self) -> None:
        super().__init__(None)
        self.alive = True
        self.warnings: list[str] = []
        self.infos: list[str] = []

    def lives(self) -> bool:
        return self.alive

    def warn(self, message: str) -> None:
        self.warnings.append(message)

    def info(self, message: str) -> None:
        self.infos.append(message)


class FakeConnection(Connection):
    """A connection with the clients of a test, and a known or unknown caller."""

    def __init__(
        self,
        make: Callable[[str], Any],
        caller: Caller | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__({}, clock=clock)
        self.made: list[tuple[str, str]] = []
        self._make = make
        self._caller = caller

    def _create_client(self, service: str, region: str) -> Any:
        self.made.append((service, region))
        client = self._make(region)
        watch(client, self._before_attempt)
        return client


class Clock:
    """A clock in seconds, which only a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def four_at_once(ask: Callable[[], T], go_on: threading.Event) -> list[T]:
    """Call `ask` in four threads at once, check that it waits for `go_on`, set that, and return the results."""
    start = threading.Barrier(4)

    def begin() -> T:
        start.wait(5)
        return ask()

    with futures.ThreadPoolExecutor(4) as pool:
        asking = [pool.submit(begin) for _ in range(4)]
        try:
            with pytest.raises(futures.TimeoutError):  # in Python 3.10 this is not the built-in TimeoutError
                asking[0].result(0.05)
        finally:
            go_on.set()
        return [each.result(5) for each in asking]


Answer = dict[str, Any] | Exception | tuple[int, str, str]
"""An answer of AWS: a result, an exception instead of an answer, or a status with an error's code and message."""


class Wire:
    """A fake AWS for real boto3 clients: it gives one prepared answer after the other.

    Attributes:
        sent: the operations that were called.
        log: the same with other events, in order.
        arrived: called with each operation before it is answered.
    """

    def __init__(self) -> None:
        self.log: list[str] = []
        self.sent: list[str] = []
        self.answers: deque[Answer] = deque()
        self.arrived: Callable[[str], object] = lambda operation: None
        self._lock = threading.Lock()

    def will(self, *answers: Answer) -> None:
        """Answer the next calls with these."""
        self.answers.extend(answers)

    def send(self, request: AWSPreparedRequest) -> AWSResponse:
        """Answer a request instead of botocore's HTTP session."""
        target = request.headers["X-Amz-Target"]
        operation = (target.decode() if isinstance(target, bytes) else str(target)).rpartition(".")[2]
        with self._lock:
            self.log.append(operation)
            self.sent.append(operation)
            answer = self.answers.popleft() if self.answers else LookupError(f"unexpected call: {operation}")
        self.arrived(operation)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, tuple):
            status, code, message = answer
            return _response(request, status, {"__type": code, "message": message})
        return _response(request, 200, answer)

    def count(self, event: str) -> int:
        """Return how often an event is in the log."""
        return self.log.count(event)


def _response(request: AWSPreparedRequest, status: int, body: dict[str, Any]) -> AWSResponse:
    return AWSResponse(request.url, status, HTTPHeaders(), _Body(json.dumps(body).encode()))


class _Body:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, **_: Any) -> Iterable[bytes]:
        yield self._content


def listing(*accounts: str, token: str | None = None) -> dict[str, Any]:
    """Return one page of the permissions of an image."""
    page: dict[str, Any] = {"ImageId": IMAGE, "ImagePermissions": [{"SharedAccountId": a} for a in accounts]}
    return page if token is None else {**page, "NextToken": token}


class _ShareProvider(ImageShareProvider):
    """The provider, with the hidden input that the program always sends."""

    def check(self, olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        return super().check(olds, {"_preview": False, **news})


class _ListProvider(ImageSharesExclusiveProvider):
    """The provider of exclusive lists, in a preview: it names the unlisted accounts."""

    def check(self, olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        return super().check(olds, {"_preview": True, **news})


class Command:
    """The operations of one Pulumi command on the local cloud, called without engine and provider process."""

    def __init__(
        self,
        cloud: LocalCloud,
        account: str = OWNER,
        recheck: str = "strict",
        own: Mapping[str, object] | None = None,
        **aws: object,
    ) -> None:
        configuration: dict[str, object] = {
            "region": REGION,
            "endpoints": cloud.endpoints,
            "accessKey": cloud.credentials(account)["AWS_ACCESS_KEY_ID"],
            "secretKey": "local",
            "maxRetries": "1",  # so that an injected fault is soon reported
            **aws,
        }
        keys = {f"aws:{key}": value for key, value in configuration.items() if value is not None}
        self.engine = RecordingEngine()
        keys |= {f"workspaces-images:{key}": value for key, value in {"recheck": recheck, **(own or {})}.items()}
        self.process = ProviderCommand(keys, project="shares", engine=self.engine)
        self.provider = _ShareProvider()
        self.exclusive = _ListProvider()
        self.provider._command = self.exclusive._command = self.process

    def check(self, image_id: object, shared_account_id: object, region: object = None) -> CheckResult:
        inputs = {"image_id": image_id, "shared_account_id": shared_account_id, "region": region}
        return self.provider.check({}, {**inputs, "__provider": "reference"})

    def declare(self, share: Share) -> None:
        """Check a share, and assert that the check succeeds."""
        result = self.check(*share)
        assert not result.failures
        assert result.inputs == share._asdict()

    def diff(self, olds: Share, news: Share | None = None) -> DiffResult:
        news = news or olds
        return self.provider.diff(olds.id, state(olds), {**news._asdict(), "__provider": "reference"})

    def create(self, share: Share) -> CreateResult:
        return self.provider.create({**share._asdict(), "__provider": "reference"})

    def update(self, share: Share) -> UpdateResult:
        return self.provider.update(share.id, state(share), {**share._asdict(), "__provider": "reference"})

    def read(self, share: Share, owner: str | None = OWNER) -> ReadResult:
        return self.provider.read(share.id, state(share, owner))

    def delete(self, share: Share, owner: str | None = OWNER) -> None:
        self.provider.delete(share.id, state(share, owner))


def state(share: Share, owner: str | None = OWNER) -> dict[str, object]:
    """Return the outputs of a share as the state holds them."""
    return {**share._asdict(), "owner_account_id": owner, "__provider": "reference"}


def outputs(share: Share) -> dict[str, object]:
    """Return the outputs of a share of the owner."""
    return {**share._asdict(), "owner_account_id": OWNER}


def found(result: CheckResult) -> list[tuple[str, str]]:
    """Return the failures of a check."""
    return [(failure.property, failure.reason) for failure in result.failures]


class Owner:
    """The operations of the exclusive list of one image, in one command.

    Attributes:
        command: the command.
        image: the image.
    """

    def __init__(self, command: Command, image: str) -> None:
        self.command, self.image = command, image

    def news(self, *accounts: object, **more: object) -> dict[str, Any]:
        known = {"image_id": self.image, "shared_account_ids": list(accounts), "report_only": False, "region": REGION}
        return {**known, **more, "__provider": "reference"}

    def olds(self, *accounts: object, **more: object) -> dict[str, Any]:
        return self.news(*accounts, **{"owner_account_id": OWNER, "revoked_account_ids": [], **more})

    def check(self, *accounts: object, olds: dict[str, Any] | None = None, **more: object) -> CheckResult:
        return self.command.exclusive.check(olds or {}, self.news(*accounts, **more))

    def diff(self, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        return self.command.exclusive.diff(self.image, olds, news)

    def create(self, *accounts: object, **more: object) -> CreateResult:
        return self.command.exclusive.create(self.news(*accounts, **more))

    def update(self, olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        return self.command.exclusive.update(self.image, olds, news)

    def read(self, properties: dict[str, Any]) -> ReadResult:
        return self.command.exclusive.read(self.image, properties)

    def warning(self, *accounts: str, what: str = "`pulumi up` revokes it") -> str:
        return (
            f"image {self.image} in {REGION} is shared with {', '.join(accounts)}, not on the list of its "
            f"ImageSharesExclusive: {what}"
        )

    @property
    def warnings(self) -> list[str]:
        return self.command.engine.warnings


def configured(**keys: object) -> AwsConfiguration:
    """Read these `aws:` keys."""
    return read_aws({f"aws:{key}": value for key, value in keys.items()})


def refusal(**keys: object) -> str:
    """Return the error message for these `aws:` keys."""
    with pytest.raises(ConfigurationError) as caught:
        configured(**keys)
    message = str(caught.value)
    assert message.isprintable()
    return message
