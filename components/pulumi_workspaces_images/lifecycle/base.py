"""What the provider classes share: their configuration, and whether a resource's identity has changed."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from pulumi.dynamic import CheckFailure, CheckResult, ConfigureRequest, ResourceProvider
from pulumi.output import Unknown

from .. import secrets
from ..errors import printable

if TYPE_CHECKING:
    from .command import Command


class Provider(ResourceProvider):
    """The base of all provider classes. Threads share an instance, and none of its attributes are pickled."""

    # The reference to a class is no secret. If it were marked as one, every diff would hide the whole resource.
    serialize_as_secret_always = False

    _command: "Command"

    def configure(self, req: ConfigureRequest) -> None:
        """Take the stack's configuration; called once per process and class.

        Raises:
            ConfigurationError: a key is unsupported or has a wrong value.
        """
        # Imported here because the program imports this module too, and needs none of the AWS modules.
        from .command import configure

        self._command = configure(req)


def hide_secrets(olds: dict[str, Any], news: dict[str, Any]) -> None:
    """Hide the secret arguments of a resource in the messages of this process. `_secret` names them, for check only."""
    for name in news.get("_secret") or ():
        secrets.of_this_process.add(olds.get(name))
        secrets.of_this_process.add(news.get(name))


def checked(inputs: dict[str, Any], failures: list[CheckFailure], news: dict[str, Any]) -> CheckResult:
    """Return the result of a check, with control characters escaped: a reason may quote AWS.

    Args:
        inputs: the inputs that the check has resolved.
        failures: what is wrong.
        news: the program's inputs, hidden inputs included.
    """
    secret = news.get("_secret") or ()
    return CheckResult(inputs, [_shown(failure, secret) for failure in failures])


def _shown(failure: CheckFailure, secret: Collection[str]) -> CheckFailure:
    name, reason = failure.property, printable(failure.reason)
    if name.partition("[")[0] in secret:
        return CheckFailure("", f"{name}: {reason}")  # the engine would print the value of a named property
    return CheckFailure(name, reason)


def changed(identity: tuple[str, ...], olds: dict[str, Any], news: dict[str, Any]) -> list[str]:
    """Return the properties of a resource's identity that have changed, or may have because they are not known yet."""
    return [name for name in identity if isinstance(news.get(name), Unknown) or news.get(name) != olds.get(name)]
