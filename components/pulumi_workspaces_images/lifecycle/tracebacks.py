"""What the engine is told of a failure: of an expected one its line, without the traceback."""

import logging
import sys
import traceback
from types import FrameType, SimpleNamespace

from ..errors import ExpectedError


def leave_out_of_expected_errors() -> None:
    """Let the process that serves the caller show an ExpectedError as one line.

    Everything else keeps its traceback: a bug, and what goes wrong in the user's own dynamic providers, which the same
    process serves. (`sys.tracebacklimit` would take it from all of them.)
    """
    # Newer SDKs answer with `traceback.format_exc()`, here in the frames that called us.
    frame: FrameType | None = sys._getframe()
    while frame:
        if "_abort_with_traceback" in frame.f_globals:
            frame.f_globals["traceback"] = SimpleNamespace(**{**vars(traceback), "format_exc": _format_exc})
        frame = frame.f_back
    # Older ones leave it to gRPC: it answers with the message and logs the traceback, which the engine shows as well.
    logging.getLogger("grpc._server").addFilter(_is_unexpected)


def _format_exc(limit: int | None = None, chain: bool = True) -> str:
    error = sys.exc_info()[1]
    if isinstance(error, ExpectedError):
        return "".join(traceback.format_exception_only(error))
    return traceback.format_exc(limit, chain)


def _is_unexpected(record: logging.LogRecord) -> bool:
    return not (record.exc_info and isinstance(record.exc_info[1], ExpectedError))
