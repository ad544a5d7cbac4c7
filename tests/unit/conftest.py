"""Fixtures of the unit tests: clients of boto3, the local cloud with images and shares, and prepared answers of AWS."""

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.config import Config
from botocore.session import Session
from botocore.stub import Stubber

from local.cloud import LocalCloud
from pulumi_workspaces_images.aws.permissions import Permissions
from pulumi_workspaces_images.share import Share
from tests.unit.connections import Aws
from tests.unit.helpers import CANARY, REGION, SALES, UNLISTED, Clock, Command, Owner, Wire
from tests.unit.workspaces import permissions


@pytest.fixture
def make_client(quiet_environment: None) -> Callable[..., Any]:
    """Return a function that creates a boto3 client for WorkSpaces, with the adaptive retries of the package."""

    def make(region: str, attempts: int = 25) -> Any:
        retries: Any = {"mode": "adaptive", "total_max_attempts": attempts}
        return Session().create_client(
            "workspaces",
            region_name=region,
            aws_access_key_id="AKIAEXAMPLE",
            aws_secret_access_key="example",
            config=Config(retries=retries),
        )

    return make


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    """Return a fake AWS for every boto3 client. It logs the waits between attempts, which take no time."""
    wire = Wire()
    monkeypatch.setattr("botocore.httpsession.URLLib3Session.send", lambda _, request: wire.send(request))
    slept = SimpleNamespace(sleep=lambda seconds: wire.log.append(f"wait {seconds:g}"))
    monkeypatch.setattr("botocore.endpoint.time", slept)
    monkeypatch.setattr("botocore.retries.bucket.TokenBucket.acquire", lambda *_, **__: wire.log.append("rate limiter"))
    return wire


@pytest.fixture
def cloud(_cloud: LocalCloud, quiet_environment: None) -> LocalCloud:
    """Return the local cloud, empty."""
    _cloud.reset()
    return _cloud


# An image in that cloud, its shares, and commands that use them.


@pytest.fixture
def command(cloud: LocalCloud) -> Command:
    """Return a command of the owner."""
    return Command(cloud)


@pytest.fixture
def image(cloud: LocalCloud) -> str:
    """Return a golden image of the owner."""
    return cloud.create_image()


@pytest.fixture
def share(image: str) -> Share:
    """Return a share of the image that is not granted."""
    return Share(image, SALES, REGION)


@pytest.fixture
def shared(cloud: LocalCloud, share: Share) -> Share:
    """Return the same share, granted by an earlier command."""
    cloud.share(share.image_id, share.shared_account_id)
    return share


@pytest.fixture
def shared_image(cloud: LocalCloud) -> str:
    """Return a golden image of the owner, shared with SALES, which the tests list, and an unlisted account."""
    image = cloud.create_image()
    for account in (SALES, UNLISTED):
        cloud.share(image, account)
    return image


@pytest.fixture
def owner(cloud: LocalCloud, shared_image: str) -> Owner:
    """Return the operations of an exclusive list of that image, in a command of the owner."""
    return Owner(Command(cloud), shared_image)


# Prepared answers instead of a cloud.


@pytest.fixture
def stubber(make_client: Callable[..., Any]) -> Iterator[Stubber]:
    """Return the stubber of a real client. It gives prepared answers and checks calls against the service's model."""
    with Stubber(make_client(REGION)) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


@pytest.fixture
def stubbed(stubber: Stubber) -> Permissions:
    """Return permissions with the stubbed client and an unknown caller."""
    return permissions(lambda _: stubber.client)


@pytest.fixture
def once(wire: Wire, make_client: Callable[..., Any]) -> Permissions:
    """Return permissions with a client that makes one attempt per call."""
    return permissions(lambda region: make_client(region, attempts=1))


@pytest.fixture
def clock() -> Clock:
    """Return a clock that only the test moves."""
    return Clock()


# Connections.


@pytest.fixture
def home(quiet_environment: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return a home folder without AWS files, in an environment without AWS variables."""
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    (tmp_path / ".aws").mkdir()
    return tmp_path


@pytest.fixture
def keys(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set credentials in the environment."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", CANARY)


@pytest.fixture
def aws() -> Iterator[Aws]:
    """Run a fake STS on this machine."""
    aws = Aws()
    aws.thread.start()
    yield aws
    aws.server.shutdown()
    aws.thread.join()
    aws.server.server_close()
