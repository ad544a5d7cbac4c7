"""Ctrl-C ends a wait at once (on the engine: tests/engine/test_looking_again.py)."""

import sys
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from pulumi_workspaces_images.errors import ExpectedError
from pulumi_workspaces_images.lifecycle import interruption


@pytest.fixture(autouse=True)
def _not_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interruption, "interrupted", threading.Event())


def test_wait_that_is_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine calls the SDK's servicer, which does nothing by itself, by a method that gRPC has bound before."""

    class Servicer:
        def Cancel(self, request: Any, context: Any) -> Any:  # noqa: N802
            raise AssertionError("not replaced")

    bound = Servicer().Cancel
    monkeypatch.setitem(sys.modules, "__main__", SimpleNamespace(DynamicResourceProviderServicer=Servicer))
    interruption.listen()
    interruption.wait(0.0)
    assert type(bound(None, None)).__name__ == "Empty"
    with pytest.raises(ExpectedError, match="the command was interrupted"):
        interruption.wait(60.0)


def test_sdk_that_decorates_the_method(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its code cannot be exchanged: then Ctrl-C waits, and nothing fails."""

    def decorated(function: Any) -> Any:
        return lambda *call: function(*call)

    class Servicer:
        Cancel = decorated(lambda *_: None)

    monkeypatch.setitem(sys.modules, "__main__", SimpleNamespace(DynamicResourceProviderServicer=Servicer))
    interruption.listen()


def test_sdk_without_such_a_servicer() -> None:
    """A later one may be another: then Ctrl-C waits, as with any provider."""
    interruption.listen()
