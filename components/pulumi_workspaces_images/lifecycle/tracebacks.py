"""Show an expected failure as one line, without its traceback."""

import logging
import sys
import traceback
from types import FrameType, SimpleNamespace

from ..errors import ExpectedError


def leave_out_of_expected_errors() -> None:
    """Make the provider process show an ExpectedError as one line.

    All other errors keep their traceback: bugs, and the errors of the user's own dynamic providers, which run in the
    same process. (`sys.tracebacklimit` would remove all tracebacks.)
    """
    # Newer SDKs answer with `traceback.format_exc()`, in one of the frames that called us.
    frame: FrameType | None = sys._getframe()
    while frame:
        if "_abort_with_traceback" in frame.f_globals:
            frame.f_globals["traceback"] = SimpleNamespace(**{**vars(traceback), "format_exc": _format_exc})
        frame = frame.f_back
    # Older SDKs leave it to gRPC, which answers with the message and logs the traceback. The engine shows both.
    logging.getLogger("grpc._server").addFilter(_is_unexpected)


def _format_exc(limit: int | None = None, chain: bool = True) -> str:
    error = sys.exc_info()[1]
    if isinstance(error, ExpectedError):
        return "".join(traceback.format_exception_only(error))
    return traceback.format_exc(limit, chain)


def _is_unexpected(record: logging.LogRecord) -> bool:
    return not (record.exc_info and isinstance(record.exc_info[1], ExpectedError))
