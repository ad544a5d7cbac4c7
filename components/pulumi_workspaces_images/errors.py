"""The failures that a user can see. Each is one line: what was being done, why it failed, and what to do."""

import re

from . import secrets


class ExpectedError(Exception):
    """A failure that is not a bug. Its message is one printable line. Any other exception is a bug."""

    def __init__(self, message: str) -> None:
        """Take a message. It may quote AWS, so control characters are escaped."""
        super().__init__(printable(message))

    def again(self) -> "ExpectedError":
        """Return the same failure as a new exception, because one that is raised often collects every traceback."""
        return type(self)(str(self))


class ConfigurationError(ExpectedError):
    """A stack configuration key is wrong, unsupported or missing. The message names the key."""


class NoRegion(ConfigurationError):
    """No Region is set."""


class NoSuchRegion(ConfigurationError):
    """WorkSpaces does not exist in a Region of that name."""


class CredentialsError(ExpectedError):
    """There are no credentials, or AWS does not accept them."""


class AccessDenied(ExpectedError):
    """The caller may not do this. The message names the IAM action that is missing."""


class NotFound(ExpectedError):
    """AWS does not know the image: it is gone, or the caller is not its owner. The code that asked decides which."""


class NotTheOwner(ExpectedError):
    """AWS does not know the image, or denies access, and the caller is not known to be the image's owner."""


class Unanswered(ExpectedError):
    """AWS did not answer, failed, or throttled every attempt: a write may or may not have taken effect."""


class Refused(ExpectedError):
    """AWS refused the request for any other reason."""


def without_passwords(text: str) -> str:
    """Return `text` with the user and password of each URL hidden: errors may print the URL of a proxy or endpoint."""
    return re.sub(r"//[^\s\"]*@", "//***@", text)


def printable(text: str) -> str:
    r"""Return `text` on one line, without secrets; control characters and terminal escapes are spelled out (`\x1b`)."""
    text = secrets.of_this_process.hide(text)
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
