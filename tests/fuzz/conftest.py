"""Fixtures of the fuzz tests: those of the unit tests, and the requests that are sent to AWS."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.client import BaseClient

from tests.fuzz.sent import Sent
from tests.unit.conftest import cloud, wire

__all__ = ["cloud", "wire"]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sent]:
    """Record every request. A request that the service's model does not accept fails the test."""
    sent = Sent()
    call: Any = BaseClient._make_api_call  # type: ignore[attr-defined]

    def record(client: BaseClient, operation: str, params: dict[str, Any]) -> Any:
        sent.note(client, operation, params)
        return call(client, operation, params)

    monkeypatch.setattr(BaseClient, "_make_api_call", record)
    yield sent
    assert not sent.refused
