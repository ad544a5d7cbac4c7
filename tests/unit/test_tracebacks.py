"""An expected failure is one line. A bug, or a failure of the user's own provider, shows a traceback."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from pulumi.dynamic import CreateResult, ResourceProvider

from local.cloud import LocalCloud
from pulumi_workspaces_images.errors import NotFound
from pulumi_workspaces_images.exclusive_provider import ImageSharesExclusiveProvider
from pulumi_workspaces_images.provider import ImageShareProvider
from pulumi_workspaces_images.share import Share
from tests.driver import Driver, DriverError, DriverInThisProcess, EngineInThisProcess
from tests.unit.helpers import OWNER, REGION


class Neighbour(ResourceProvider):
    """A dynamic provider of the user, in the same process."""

    def create(self, props: dict[str, Any]) -> CreateResult:
        try:
            return CreateResult(props["missing"])
        except KeyError:
            raise LookupError("nothing of that name")  # noqa: B904


@pytest.fixture
def driver(cloud: LocalCloud) -> Iterator[Driver]:
    """Return a provider process that has served one of our resources."""
    configuration = {"aws:region": REGION, "aws:endpoints": cloud.endpoints, "aws:maxRetries": "1"}
    with EngineInThisProcess(cloud.credentials(OWNER)) as engine, DriverInThisProcess(engine, configuration) as driver:
        driver.check(ImageShareProvider, {}, {"image_id": "x"})
        yield driver


def test_expected_failure_is_one_line(cloud: LocalCloud, driver: Driver, share: Share) -> None:
    """It shows neither a traceback nor the error that caused it."""
    cloud.deny("workspaces:*")
    with pytest.raises(DriverError) as caught:
        driver.create(ImageShareProvider, share._asdict())
    assert str(caught.value).startswith("pulumi_workspaces_images.errors.AccessDenied: sharing image ")
    assert str(caught.value).rstrip("\n").isprintable()


def test_unsupported_configuration_key_is_one_line() -> None:
    """Every resource fails with this line, even the first one that the process serves."""
    with EngineInThisProcess() as engine, DriverInThisProcess(engine, {"aws:assumeRole": "{}"}) as driver:
        for provider in (ImageShareProvider, ImageSharesExclusiveProvider, ImageShareProvider):
            with pytest.raises(DriverError, match=r"^pulumi_workspaces_images.errors.ConfigurationError: .*\n$"):
                driver.check(provider, {}, {})


@pytest.mark.parametrize("provider", [ImageShareProvider, ImageSharesExclusiveProvider])
def test_bug_shows_its_traceback(driver: Driver, provider: type[ResourceProvider]) -> None:
    with pytest.raises(DriverError, match=r"^Traceback \(most recent call last\)") as caught:
        driver.create(provider, {})
    assert str(caught.value).endswith("KeyError: 'image_id'\n")
    assert "provider.py" in str(caught.value)


def test_provider_of_the_user_keeps_its_traceback(driver: Driver) -> None:
    """The traceback is complete, and includes the error that caused it."""
    with pytest.raises(DriverError, match=r"^Traceback \(most recent call last\)") as caught:
        driver.create(Neighbour, {})
    for part in ('return CreateResult(props["missing"])', "KeyError: 'missing'", "During handling", "in create"):
        assert part in str(caught.value)
    assert str(caught.value).endswith("LookupError: nothing of that name\n")


@pytest.mark.usefixtures("driver")
def test_older_sdk_prints_no_traceback_of_an_expected_failure(caplog: pytest.LogCaptureFixture) -> None:
    """Older SDKs leave the failure to gRPC, which would log its traceback."""
    log = logging.getLogger("grpc._server")
    for error in (NotFound("reading it: not found"), KeyError("inner")):
        try:
            raise error
        except Exception:
            log.exception("Exception calling application")
    assert [record.exc_info and record.exc_info[0] for record in caplog.records] == [KeyError]
