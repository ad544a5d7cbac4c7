"""What all tests have in common: one local cloud, and nothing that comes from elsewhere, or from another test."""

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
    """Keep the records of updates away from the developer's own."""
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
    # What botocore knows of the services takes 0.2 s to parse for each session.
    monkeypatch.setattr("botocore.session.create_loader", lambda _: _LOADER)


@pytest.fixture(autouse=True)
def _nothing_is_looked_at_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what surprises be believed at once; who tests that it is looked at again injects the waits."""
    monkeypatch.setattr("pulumi_workspaces_images.aws.permissions.LOOK_AGAIN", ())


@pytest.fixture(autouse=True)
def _nobody_looks_ahead_any_more() -> Iterator[None]:
    """Wait for requests in the background: in the next test they would be one call too many."""
    yield
    for thread in threading.enumerate():
        if thread.name == "prefetch":
            thread.join(10)
