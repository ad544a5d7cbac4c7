"""What the provider classes have in common: how they are configured, and when an identity has changed."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from pulumi.dynamic import CheckFailure, CheckResult, ConfigureRequest, ResourceProvider
from pulumi.output import Unknown

from .. import secrets
from ..errors import printable

if TYPE_CHECKING:
    from .command import Command


class Provider(ResourceProvider):
    """What all provider classes have in common. An instance is shared by the threads; nothing of it is pickled."""

    # The reference to a class is not a secret; as one, it would hide the whole resource in every diff.
    serialize_as_secret_always = False

    _command: "Command"

    def configure(self, req: ConfigureRequest) -> None:
        """Take the stack's configuration; called once per process and class.

        Raises:
            ConfigurationError: a key that cannot be honoured.
        """
        # Not at the top: the program imports this too, and needs nothing of what leads to AWS.
        from .command import configure

        self._command = configure(req)


def hide_secrets(olds: dict[str, Any], news: dict[str, Any]) -> None:
    """Let no message of this process show the secret arguments of a resource: `_secret` names them, for check only."""
    for name in news.get("_secret") or ():
        secrets.of_this_process.add(olds.get(name))
        secrets.of_this_process.add(news.get(name))


def checked(inputs: dict[str, Any], failures: list[CheckFailure], news: dict[str, Any]) -> CheckResult:
    """Return the result of a check; a reason may quote what AWS says, which must not reach a terminal raw.

    Args:
        inputs: what the check found the inputs to be.
        failures: what is wrong.
        news: what the program gave, hidden inputs among it.
    """
    secret = news.get("_secret") or ()
    return CheckResult(inputs, [_shown(failure, secret) for failure in failures])


def _shown(failure: CheckFailure, secret: Collection[str]) -> CheckFailure:
    name, reason = failure.property, printable(failure.reason)
    if name.partition("[")[0] in secret:
        return CheckFailure("", f"{name}: {reason}")  # the engine shows the value of a property that is named
    return CheckFailure(name, reason)


def changed(identity: tuple[str, ...], olds: dict[str, Any], news: dict[str, Any]) -> list[str]:
    """Return the properties of a resource's identity that are others now, or may be, as they are not known yet."""
    return [name for name in identity if isinstance(news.get(name), Unknown) or news.get(name) != olds.get(name)]
