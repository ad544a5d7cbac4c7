"""Waits that end when the user interrupts the command. The engine notifies providers by a call that the SDK ignores."""

import sys
import threading
from types import FunctionType
from typing import Any

from ..errors import ExpectedError

interrupted = threading.Event()


def listen() -> None:
    """Make the SDK's provider process react when its command is interrupted."""
    cancel = getattr(getattr(sys.modules["__main__"], "DynamicResourceProviderServicer", None), "Cancel", None)
    if isinstance(cancel, FunctionType) and not cancel.__code__.co_freevars:
        # gRPC has bound the method already, so only its code can be replaced.
        cancel.__code__ = _cancel.__code__


def has_come() -> bool:
    """Tell whether the command has been interrupted."""
    return interrupted.is_set()


def wait(seconds: float) -> None:
    """Wait for `seconds`.

    Raises:
        ExpectedError: the command was interrupted.
    """
    if interrupted.wait(seconds):
        raise ExpectedError("the command was interrupted")


def _cancel(self: Any, request: Any, context: Any) -> Any:
    # It runs with the globals of the SDK's module, so it imports what it needs.
    from google.protobuf import empty_pb2

    from pulumi_workspaces_images.lifecycle.interruption import interrupted

    interrupted.set()
    return empty_pb2.Empty()
