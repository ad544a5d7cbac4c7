"""Fixtures of the model's tests: a local cloud, and retries without waiting."""

from collections.abc import Iterator

import pytest

from local.cloud import LocalCloud
from tests.model.world import Pauses, without_waiting


@pytest.fixture
def cloud(_cloud: LocalCloud) -> LocalCloud:
    return _cloud


@pytest.fixture
def pauses(quiet_environment: None) -> Iterator[Pauses]:
    with without_waiting() as pauses:
        yield pauses
