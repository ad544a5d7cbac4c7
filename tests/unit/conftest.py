"""Fixtures of the unit tests: real clients, and a local cloud."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.config import Config
from botocore.session import Session

from local.cloud import LocalCloud
from tests.unit.helpers import Wire


@pytest.fixture
def make_client(quiet_environment: None) -> Callable[..., Any]:
    """Make a real workspaces client, as adaptive as the package's own."""

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
    """The far end of every boto3 client; what is waited for between two attempts is in its log, and takes no time."""
    wire = Wire()
    monkeypatch.setattr("botocore.httpsession.URLLib3Session.send", lambda _, request: wire.send(request))
    slept = SimpleNamespace(sleep=lambda seconds: wire.log.append(f"wait {seconds:g}"))
    monkeypatch.setattr("botocore.endpoint.time", slept)
    monkeypatch.setattr("botocore.retries.bucket.TokenBucket.acquire", lambda *_, **__: wire.log.append("rate limiter"))
    return wire


@pytest.fixture
def cloud(_cloud: LocalCloud, quiet_environment: None) -> LocalCloud:
    """The local cloud, empty."""
    _cloud.reset()
    return _cloud
