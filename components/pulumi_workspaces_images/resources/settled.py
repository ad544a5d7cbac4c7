"""Hold an exclusive list back from the engine until the shares that could contradict it are known."""

import asyncio
import sys
import threading
from collections.abc import Callable
from types import FrameType

import pulumi
from pulumi.runtime import settings
from pulumi.runtime.mocks import MockMonitor

# Seconds. A program that waits longer than this, without any request in progress, waits for itself.
_PATIENCE = 20.0

# Seconds. Without a request in progress, a value that does not depend on the list itself is known by then.
_SOON = 1.0

_PAUSE = 0.02

# The SDK's functions that run the event loop in the middle of the program: an invoke; the constructor of the stack, for
# an asynchronous program in SDKs without `pulumi.run`; and the pickling of an Output that a dynamic provider captures.
_IN_THE_PROGRAM = {"invoke", "__init__", "__getstate__"}


async def settled(is_known: Callable[[], bool], may_be_known: Callable[[], bool]) -> None:
    """Return once the program has ended, and the accounts of the image's shares are known.

    A synchronous invoke (`aws.get_...()`) runs the event loop in the middle of the program, and so does whatever an
    asynchronous program awaits. A coroutine that normally runs after the program's last line then runs before the
    lines that follow. In unit tests with mocks, do not wait.

    Args:
        is_known: tells whether everything that must be known is known; called repeatedly.
        may_be_known: the same for values that may depend on the list itself (the images of other shares), for which
            the wait is short.

    Raises:
        pulumi.RunError: the program waits for itself; one line.
    """
    if isinstance(settings.get_monitor(), MockMonitor):
        return
    idle = 0.0  # counted in turns of the event loop, so that a long computation of the program does not count
    while _invoke_runs_the_loop() or _program_awaits() or not is_known() or (idle < _SOON and not may_be_known()):
        idle = 0.0 if _request_is_under_way() else idle + _PAUSE
        if idle > _PATIENCE:
            raise pulumi.RunError(
                "an ImageSharesExclusive waits for itself: an invoke, an await of the program, or the account of an "
                "ImageShare of the same image, depends on its outputs (or takes too long); let it depend on something "
                "else"
            )
        await asyncio.sleep(_PAUSE)


def _invoke_runs_the_loop() -> bool:
    # Others call `_sync_await` too, `pulumi.runtime.test` for one.
    return not _IN_THE_PROGRAM.isdisjoint(_callers_of_sync_await())


def _program_awaits() -> bool:
    """Tell whether an asynchronous program (`pulumi.run`) has not ended: more lines may follow what it awaits.

    The SDK registers the stack's outputs when the program ends. Older SDKs have no such programs, nor this attribute.
    """
    ended = getattr(settings.get_root_resource(), "_outputs_registered", True)
    # `pulumi.runtime.register_resource_transform` waits for the list itself.
    return not ended and "_wait_for_pending_rpcs" not in _callers_of_sync_await()


def _callers_of_sync_await() -> set[str]:
    """Return the names of the functions that run the event loop in the middle of the program."""
    names = set()
    frame: FrameType | None = sys._getframe()
    while frame:
        if frame.f_code.co_name == "_sync_await" and frame.f_back:
            names.add(frame.f_back.f_code.co_name)
        frame = frame.f_back
    return names


def _request_is_under_way() -> bool:
    """Tell whether a thread of the SDK is waiting for the engine."""
    me = threading.get_ident()
    return any(_is_in_sdk(frame) for thread, frame in sys._current_frames().items() if thread != me)


def _is_in_sdk(frame: FrameType | None) -> bool:
    while frame:
        if frame.f_globals.get("__name__", "").startswith("pulumi.runtime."):
            return True
        frame = frame.f_back
    return False
