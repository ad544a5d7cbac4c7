"""Fixtures of the model's tests: a local cloud, and nothing that waits or comes from the developer's own AWS set-up."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.loaders import create_loader

from local.cloud import LocalCloud
from tests.model.world import Pauses, without_waiting

_LOADER = create_loader()


@pytest.fixture(scope="session")
def cloud() -> Iterator[LocalCloud]:
    with LocalCloud() as cloud:
        yield cloud


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Pauses]:
    for name in list(os.environ):
        if name.startswith("AWS_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    # What botocore knows of the services takes 0.2 s to parse for each session.
    monkeypatch.setattr("botocore.session.create_loader", lambda _: _LOADER)
    with without_waiting() as pauses:
        yield pauses
