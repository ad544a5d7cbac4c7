"""The attempts of a call: how often a client tries, and what it accepts as an answer."""

import json
import random
from collections.abc import Callable
from typing import Any

from botocore.client import BaseClient
from botocore.exceptions import ClientError
from botocore.model import OperationModel
from botocore.parsers import ResponseParserError

from .failures import NO_ANSWER, is_unavailable, may_pass

# The default number of attempts, the first included, as counted by pulumi-aws and by `total_max_attempts` of botocore.
# A configured number applies to every kind of failure.
MAX_ATTEMPTS = 25
# Fewer attempts if there is no answer at all (no such host, connection refused, a timeout). With botocore's backoff,
# nine attempts take about six seconds if the connection is refused.
_MAX_UNANSWERED = 9
_MAX_UNAVAILABLE = 5  # after 2, 4, 8 and 16 seconds

_WRITE = "UpdateWorkspaceImagePermission"  # the one operation that writes

_LONGEST_WAIT = 20  # seconds between two attempts, botocore's own limit


def watch(client: BaseClient, before_attempt: Callable[..., None], *, for_every_failure: bool = False) -> None:
    """Make a client retry, and check answers, as the package needs it.

    Args:
        client: a client that botocore has just created.
        before_attempt: called before each attempt, with botocore's `event_name`.
        for_every_failure: whether the client's number of attempts also applies to the failures that get fewer by
            default.
    """
    events: Any = client.meta.events  # the stubs do not allow a handler that returns something
    config: Any = client.meta.config
    attempts = config.retries["total_max_attempts"]
    fewer = attempts if for_every_failure else 0
    retries = _Retries(attempts, fewer or _MAX_UNANSWERED, fewer or _MAX_UNAVAILABLE, before_attempt)
    needs_retry = f"needs-retry.{client.meta.service_model.service_id.hyphenize()}"
    events.register_first(needs_retry, retries.stop)
    events.register_last(needs_retry, retries.go_on)
    events.register("before-parse", _refuse_what_is_no_answer)
    # At the level of botocore's own rate limiter, and after it, because it may delay an attempt for long.
    events.register_last("before-send", before_attempt)


class _Retries:
    """The number of attempts, where botocore's own handler retries too long or stops too early."""

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
        """Decide before botocore does: end the attempts early, or check the deadline."""
        if isinstance(caught_exception, NO_ANSWER) and attempts >= self._unanswered:
            raise caught_exception
        if attempts < self._attempts and may_pass(_failure(operation, response, caught_exception)):
            self._before_attempt(event_name)  # do not wait for another attempt after the deadline

    def go_on(
        self,
        attempts: int,
        operation: OperationModel,
        response: tuple[Any, dict[str, Any]] | None,
        caught_exception: Exception | None,
        **_: Any,
    ) -> float | None:
        """Decide after botocore has decided not to retry: return the seconds to wait for another attempt, or None.

        botocore does not retry a write that AWS refuses because the image is unavailable. Its quota for all other
        retries is about 35 in all calls of a client together, 100 if AWS throttles.
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
    """Return how an attempt failed; None if it succeeded."""
    if response and "Error" in response[1]:
        return ClientError(response[1], operation.name)  # type: ignore[arg-type]
    return caught_exception


def _refuse_what_is_no_answer(operation_model: OperationModel, response_dict: dict[str, Any], **_: Any) -> None:
    """Raise ResponseParserError if a success has no valid body, for example a truncated answer or a proxy's page.

    botocore would take it for an empty result: an image that is not shared, or a successful grant. Of an error it would
    take the whole page for the message, so that is removed.
    """
    body: bytes = response_dict["body"]
    query = operation_model.service_model.resolved_protocol == "query"
    if response_dict["status_code"] >= 300:
        if not query and _object(body) is None:
            response_dict["body"] = b""
        return
    members = operation_model.output_shape.members if operation_model.output_shape else {}
    if query:
        understood = f"{operation_model.name}Result".encode() in body
    elif not body:
        understood = not members
    else:
        answer = _object(body)
        # AWS may leave out what is empty, so `{}` is an answer.
        understood = answer is not None and (not answer or not members or not members.keys().isdisjoint(answer))
    if not understood:
        raise ResponseParserError(f"no answer to {operation_model.name}")


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        parsed = json.loads(body)
    except ValueError:
        return None
    return parsed if isinstance(parsed, dict) else None
