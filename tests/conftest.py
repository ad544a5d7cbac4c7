"""Fixtures of all tests: one local cloud, and isolation from the developer's set-up and from other tests."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.loaders import create_loader

from local.cloud import LocalCloud

_LOADER = create_loader()


@pytest.fixture(scope="session")
def _cloud() -> Iterator[LocalCloud]:
    with LocalCloud() as cloud:
        yield cloud


@pytest.fixture(scope="session", autouse=True)
def _home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the records of updates apart from the developer's own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PULUMI_HOME", str(tmp_path_factory.mktemp("pulumi")))
        yield


@pytest.fixture
def quiet_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Hide the developer's own AWS set-up, and that of `make env`, from a test."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "PULUMI_DISABLE_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    # One loader for all sessions: each would parse the descriptions of the services again, in 0.2 s.
    monkeypatch.setattr("botocore.session.create_loader", lambda _: _LOADER)


@pytest.fixture(autouse=True)
def _drift_is_reported_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the provider report drift without asking AWS again. Tests of the second request inject the waits."""
    monkeypatch.setattr("pulumi_workspaces_images.aws.permissions.LOOK_AGAIN", ())


@pytest.fixture(autouse=True)
def _prefetching_has_ended() -> Iterator[None]:
    """Wait for requests in the background: the next test would count their calls."""
    yield
    for thread in threading.enumerate():
        if thread.name == "prefetch":
            thread.join(10)
