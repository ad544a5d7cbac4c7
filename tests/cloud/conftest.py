"""The local cloud, and boto3 clients of its accounts."""

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config

from local.accounts import OWNER, REGION
from local.cloud import LocalCloud


@pytest.fixture
def cloud(_cloud: LocalCloud) -> LocalCloud:
    _cloud.reset()
    return _cloud


@pytest.fixture(scope="session")
def client(_cloud: LocalCloud) -> Iterator[Callable[..., Any]]:
    """Return a function that makes a client of a service, an account and a Region. The client makes one attempt."""
    session = boto3.Session()
    made: dict[object, Any] = {}  # a client takes longer to make than most tests to run

    def make(
        service: str = "workspaces",
        account: str = OWNER,
        region: str = REGION,
        *,
        timeout: float = 5,
        **credentials: str,
    ) -> Any:
        credentials = credentials or {k.lower(): v for k, v in _cloud.credentials(account).items()}
        key = (service, region, timeout, *sorted(credentials.items()))
        if key not in made:
            made[key] = session.client(  # type: ignore[call-overload]
                service,
                region_name=region,
                endpoint_url=_cloud.url,
                config=Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=timeout),
                **credentials,
            )
        return made[key]

    yield make
    for each in made.values():
        each.close()
