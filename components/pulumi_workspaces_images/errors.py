"""The failures a user can meet: each is one line that says what was being done, why it failed, what to do."""

import re

from . import secrets


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


def without_passwords(text: str) -> str:
    """Return `text` with what stands before the host of a URL hidden; some tools print a proxy or endpoint whole."""
    return re.sub(r"//[^\s\"]*@", "//***@", text)


def printable(text: str) -> str:
    r"""Return `text` on one line, without secrets; control characters and terminal escapes are spelled out (`\x1b`)."""
    text = secrets.of_this_process.hide(text)
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
