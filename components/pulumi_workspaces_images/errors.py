"""The failures a user can meet: each is one line that says what was being done, why it failed, what to do."""

import functools
import re
import traceback
from collections.abc import Callable
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])


class ExpectedError(Exception):
    """A failure that can happen to a user; its message is one printable line. Anything else is a bug."""

    def __init__(self, message: str) -> None:
        """`message` may quote what AWS answered: control characters in it are escaped."""
        super().__init__(printable(message))

    def again(self) -> "ExpectedError":
        """Return the same failure as a new exception: one that is raised many times collects all their tracebacks."""
        return type(self)(str(self))


class ConfigurationError(ExpectedError):
    """A stack configuration key, or the lack of one, that cannot be honoured. The message names the key."""


class NoSuchRegion(ConfigurationError):
    """WorkSpaces does not exist in a Region of that name."""


class CredentialsError(ExpectedError):
    """There are no credentials, or AWS does not accept them (any more)."""


class AccessDenied(ExpectedError):
    """The caller may not do this. The message names the IAM action that is missing."""


class NotFound(ExpectedError):
    """AWS does not know the image: it is gone, or the caller is not its owner. To settle that is the caller's."""


class NotTheOwner(ExpectedError):
    """AWS does not know the image, or denies access, and the caller is not known to be the image's owner."""


class Unanswered(ExpectedError):
    """No answer, a server fault, or throttling to the end: a write may or may not have taken effect."""


class Refused(ExpectedError):
    """AWS answered, and said no, for a reason that is none of the others."""


class Bug(Exception):
    """Anything but an expected failure; its message holds the traceback, which a provider process cuts off."""


def one_line(function: Function) -> Function:
    """Let an expected failure reach the user as its one line, and a bug with its traceback."""

    @functools.wraps(function)
    def wrapper(*args: Any) -> Any:
        try:
            return function(*args)
        except ExpectedError as error:
            raise error from None
        except Exception as error:
            # A limit of its own: without one, sys.tracebacklimit would cut this one off too.
            trace = "".join(traceback.format_exception(error, limit=100))
            raise Bug(f"a bug in pulumi-workspaces-images; please report it with this traceback:\n{trace}") from None

    return wrapper  # type: ignore[return-value]


def without_passwords(text: str) -> str:
    """Return `text` with what stands before the host of a URL hidden; some tools print a proxy or endpoint whole."""
    return re.sub(r"//[^\s\"]*@", "//***@", text)


def printable(text: str) -> str:
    r"""Return `text` on one line, with control characters and terminal escapes spelled out (`\x1b`)."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
