"""Fixtures of the unit tests: an environment that says nothing about AWS, real clients, and a local cloud."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.config import Config
from botocore.loaders import create_loader
from botocore.session import Session

from local.cloud import LocalCloud
from tests.unit.helpers import Wire

_LOADER = create_loader()


@pytest.fixture
def quiet_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of the developer's own AWS set-up decides how a test ends."""
    for name in list(os.environ):
        if name.startswith("AWS_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    # What botocore knows of the services takes 0.2 s to parse for each session.
    monkeypatch.setattr("botocore.session.create_loader", lambda _: _LOADER)


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


@pytest.fixture(scope="session")
def _cloud() -> Iterator[LocalCloud]:
    with LocalCloud() as cloud:
        yield cloud


@pytest.fixture
def cloud(_cloud: LocalCloud, quiet_environment: None) -> LocalCloud:
    """The local cloud, empty."""
    _cloud.reset()
    return _cloud
