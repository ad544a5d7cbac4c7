"""Ctrl-C ends a wait at once. tests/engine/test_looking_again.py shows it on a real engine."""

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


def test_cancel_ends_a_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK's Cancel does nothing, and gRPC has already bound the method, so its code is replaced."""

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
    """Its code cannot be replaced. Nothing fails, and Ctrl-C takes effect after the wait."""

    def decorated(function: Any) -> Any:
        return lambda *call: function(*call)

    class Servicer:
        Cancel = decorated(lambda *_: None)

    monkeypatch.setitem(sys.modules, "__main__", SimpleNamespace(DynamicResourceProviderServicer=Servicer))
    interruption.listen()


def test_sdk_without_such_a_servicer() -> None:
    """A later SDK may have another servicer. Nothing fails, and Ctrl-C takes effect after the wait."""
    interruption.listen()
