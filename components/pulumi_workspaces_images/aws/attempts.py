"""The attempts of a call: how often a client tries, and what it takes for an answer."""

import json
import random
from collections.abc import Callable
from typing import Any

from botocore.client import BaseClient
from botocore.exceptions import ClientError
from botocore.model import OperationModel
from botocore.parsers import ResponseParserError

from .failures import NO_ANSWER, is_unavailable, may_pass

# Where no number is configured: attempts in all, the first included, as pulumi-aws counts and as botocore does in
# `total_max_attempts`. A number that is configured holds for every failure.
MAX_ATTEMPTS = 25
# No answer at all (no such host, connection refused, a timeout) is not worth all of those: with botocore's backoff,
# nine take some six seconds where the connection is refused.
_MAX_UNANSWERED = 9
_MAX_UNAVAILABLE = 5  # after 2, 4, 8 and 16 seconds

_WRITE = "UpdateWorkspaceImagePermission"  # the one operation that writes

_LONGEST_WAIT = 20  # seconds between two attempts, botocore's own limit


def watch(client: BaseClient, before_attempt: Callable[..., None], *, for_every_failure: bool = False) -> None:
    """Let a client retry, and take answers, as the package needs it.

    Args:
        client: a client that botocore has just made.
        before_attempt: called before each attempt, with botocore's `event_name`.
        for_every_failure: whether the client's number of attempts holds for those, too, of which fewer will do.
    """
    events: Any = client.meta.events  # the stubs know no handler that answers
    config: Any = client.meta.config
    attempts = config.retries["total_max_attempts"]
    fewer = attempts if for_every_failure else 0
    retries = _Retries(attempts, fewer or _MAX_UNANSWERED, fewer or _MAX_UNAVAILABLE, before_attempt)
    needs_retry = f"needs-retry.{client.meta.service_model.service_id.hyphenize()}"
    events.register_first(needs_retry, retries.stop)
    events.register_last(needs_retry, retries.go_on)
    events.register("before-parse", _refuse_what_is_no_answer)
    # At the level of botocore's own rate limiter, and after it: it may hold an attempt back for long.
    events.register_last("before-send", before_attempt)


class _Retries:
    """How often a client tries, where botocore's own handler goes on too long or stops too early."""

    def __init__(self, attempts: int, unanswered: int, unavailable: int, before_attempt: Callable[..., None]) -> None:
        self._attempts = attempts
        self._unanswered = unanswered
        self._unavailable = unavailable
        self._before_attempt = before_attempt

    def stop(
        self,
        event_name: str,
        attempts: int,
        operation: OperationModel,
        response: tuple[Any, dict[str, Any]] | None,
        caught_exception: Exception | None,
        **_: Any,
    ) -> None:
        """Handle botocore's question whether to try again, before botocore does."""
        if isinstance(caught_exception, NO_ANSWER) and attempts >= self._unanswered:
            raise caught_exception
        if attempts < self._attempts and may_pass(_failure(operation, response, caught_exception)):
            self._before_attempt(event_name)  # at the deadline there is nothing to wait for

    def go_on(
        self,
        attempts: int,
        operation: OperationModel,
        response: tuple[Any, dict[str, Any]] | None,
        caught_exception: Exception | None,
        **_: Any,
    ) -> float | None:
        """Answer the question after botocore has said no: the seconds to wait, or None.

        botocore does not repeat what is refused because the image is unavailable. Everything else it repeats only
        about 35 times, 100 where AWS throttles, in all calls of a client together.
        """
        failure = _failure(operation, response, caught_exception)
        wait = float(min(2**attempts, _LONGEST_WAIT))
        if operation.name == _WRITE and is_unavailable(failure):
            return wait if attempts < self._unavailable else None
        if attempts < self._attempts and may_pass(failure):
            return random.uniform(0, wait)
        return None


def _failure(
    operation: OperationModel, response: tuple[Any, dict[str, Any]] | None, caught_exception: Exception | None
) -> Exception | None:
    """Return how an attempt failed, None if it did not."""
    if response and "Error" in response[1]:
        return ClientError(response[1], operation.name)  # type: ignore[arg-type]
    return caught_exception


def _refuse_what_is_no_answer(operation_model: OperationModel, response_dict: dict[str, Any], **_: Any) -> None:
    """Raise ResponseParserError for a success whose body says nothing, such as half an answer or a proxy's page.

    botocore takes it for an empty result: an image that is shared with nobody, or a permission that was granted.
    """
    if response_dict["status_code"] >= 300:
        return
    body: bytes = response_dict["body"]
    if operation_model.service_model.resolved_protocol == "query":
        understood = f"{operation_model.name}Result".encode() in body
    elif not body:
        understood = not (operation_model.output_shape and operation_model.output_shape.members)
    else:
        try:
            understood = isinstance(json.loads(body), dict)
        except ValueError:
            understood = False
    if not understood:
        raise ResponseParserError(f"no answer to {operation_model.name}")
