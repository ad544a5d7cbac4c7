"""Wait until a program has said what an exclusive list must not contradict, before the list reaches the engine."""

import asyncio
import sys
import threading
from collections.abc import Callable
from types import FrameType

import pulumi
from pulumi.runtime import settings
from pulumi.runtime.mocks import MockMonitor

# Seconds. A wait in which no request of the program is under way waits for itself.
_PATIENCE = 20.0

# Seconds in which what does not depend on the list itself becomes known, if no request is under way.
_SOON = 1.0

_PAUSE = 0.02


async def settled(is_known: Callable[[], bool], may_be_known: Callable[[], bool]) -> None:
    """Return once no synchronous invoke runs the event loop, and what must be known is.

    A synchronous invoke (`aws.get_...()`) runs the event loop in the middle of the program: what is otherwise known
    after the last line is known there, before the lines that follow. In unit tests with mocks nothing waits.

    Args:
        is_known: tells whether what must be known is; asked again and again.
        may_be_known: the same of what may depend on the list itself, and is then not waited for: the images of shares.

    Raises:
        pulumi.RunError: the program waits for itself; one line.
    """
    if isinstance(settings.get_monitor(), MockMonitor):
        return
    idle = 0.0  # counted by turns of the event loop: a long computation of the program is no wait for itself
    while _invoke_runs_the_loop() or not is_known() or (idle < _SOON and not may_be_known()):
        idle = 0.0 if _request_is_under_way() else idle + _PAUSE
        if idle > _PATIENCE:
            raise pulumi.RunError(
                "an ImageSharesExclusive waits for itself: an invoke, or the account of an ImageShare of the same "
                "image, depends on its outputs (or takes too long); let it depend on something else"
            )
        await asyncio.sleep(_PAUSE)


def _invoke_runs_the_loop() -> bool:
    frame: FrameType | None = sys._getframe()
    while frame:
        # Others call `_sync_await` too, `pulumi.runtime.test` for one.
        caller = frame.f_back
        if frame.f_code.co_name == "_sync_await" and caller and caller.f_code.co_name == "invoke":
            return True
        frame = caller
    return False


def _request_is_under_way() -> bool:
    """Tell whether a thread of the SDK waits for the engine."""
    me = threading.get_ident()
    return any(_is_in_sdk(frame) for thread, frame in sys._current_frames().items() if thread != me)


def _is_in_sdk(frame: FrameType | None) -> bool:
    while frame:
        if frame.f_globals.get("__name__", "").startswith("pulumi.runtime."):
            return True
        frame = frame.f_back
    return False
