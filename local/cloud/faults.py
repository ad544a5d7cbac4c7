"""The faults of the local cloud, and the address that turns them on and off while the cloud runs.

Each method of `Faults` that is marked `@fault` is one fault. Tests call the method. Other programs post its name and
arguments to CONTROL. A fault strikes the calls of its `operation`, a name or a pattern as in `LocalCloud.count`. It
strikes a number of `times`, or until it is turned off if `times` is None.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import json
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any, Concatenate, ParamSpec, get_args, get_type_hints

from .wire import AwsError, Call, ConnectionLostError, Request, Response

CONTROL = "/_local/faults"

Proceed = Callable[[], Response]
Interceptor = Callable[[Call, Proceed], Response]
P = ParamSpec("P")


def matches(call: Call, pattern: str) -> bool:
    """Tell whether a pattern (`service:Operation` or just the operation, with wildcards) matches a call."""
    return fnmatchcase(call.action if ":" in pattern else call.operation, pattern)


@dataclasses.dataclass
class Fault:
    """An interceptor for some of the calls.

    Attributes:
        then: What happens to a call that is struck.
        when: Tells whether a call of the right operation is struck. It is called for one call at a time.
        name: The name of the method that made the fault.
        arguments: The arguments of that method.
        struck: The number of calls that the fault has struck.
    """

    then: Interceptor
    when: Callable[[Call], bool] = lambda call: True
    name: str = ""
    arguments: dict[str, Any] = dataclasses.field(default_factory=dict)
    struck: int = 0
    _lock: threading.Lock = dataclasses.field(default_factory=threading.Lock)

    def __call__(self, call: Call, proceed: Proceed) -> Response:
        """Strike the call, or let it pass."""
        return self.then(call, proceed) if self._strikes(call) else proceed()

    def _strikes(self, call: Call) -> bool:
        times = self.arguments.get("times")
        with self._lock:
            if not matches(call, self.arguments.get("operation", "*")) or (times is not None and self.struck >= times):
                return False
            if not self.when(call):
                return False
            self.struck += 1
            return True


def fault(method: Callable[Concatenate[Any, P], Fault]) -> Callable[Concatenate[Any, P], None]:
    """Turn a method that returns a fault into one that turns it on, or raises ValueError for bad arguments."""
    signature, hints = inspect.signature(method), get_type_hints(method)

    @functools.wraps(method)
    def turn_on(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> None:
        try:
            bound = signature.bind(self, *args, **kwargs)
        except TypeError as error:
            raise ValueError(f"{method.__name__}: {error}; {_usage(method)}") from None
        bound.apply_defaults()
        arguments = {name: value for name, value in bound.arguments.items() if name != "self"}
        for name, value in arguments.items():
            _check(method, name, value, hints[name])
        made = method(*bound.args, **bound.kwargs)
        made.name, made.arguments = method.__name__, arguments
        self.interceptors.append(made)

    return turn_on


class Faults:
    """The faults of a local cloud.

    Attributes:
        interceptors: Functions between an allowed caller and the operations, outermost first: the faults, in the order
            in which they were turned on, and functions that a test adds. Each is called with the call and a function
            that continues the call and returns the answer. An interceptor may raise AwsError or ConnectionLostError
            before or after that, or return an answer of its own.
    """

    def __init__(self) -> None:
        self.interceptors: list[Interceptor] = []
        self._cleared = threading.Event()

    def faults(self) -> list[dict[str, Any]]:
        """Return the active faults, each with its name, its arguments and the number of calls that it has `struck`."""
        return [
            {"fault": i.name, **i.arguments, "struck": i.struck}
            for i in list(self.interceptors)
            if isinstance(i, Fault)
        ]

    def clear_faults(self, *names: str) -> None:
        """Turn off all faults, or those of these names, and answer the calls that they keep waiting."""
        self.interceptors = [
            i for i in self.interceptors if not isinstance(i, Fault) or (names and i.name not in names)
        ]
        if not names or "slow" in names:
            self._cleared.set()
            self._cleared = threading.Event()

    @fault
    def throttle(self, operation: str, times: int | None = None, rate: float | None = None) -> Fault:
        """Throttle an operation: every call of it, or with a rate, the calls beyond that number per second.

        As in AWS the rate is a token bucket, one for each account and Region. The bucket holds the calls of one second,
        and at least one call.
        """
        if rate is None:
            return Fault(_refuse("ThrottlingException", "Rate exceeded"))
        buckets: dict[tuple[str, str], _Bucket] = defaultdict(lambda: _Bucket(rate, max(1.0, rate)))
        return Fault(
            _refuse("ThrottlingException", "Rate exceeded"),
            lambda call: not buckets[call.account, call.region].take(),
        )

    @fault
    def fail(
        self,
        operation: str,
        code: str,
        status: int = 400,
        times: int | None = 1,
        message: str = "Made to fail by a test.",
    ) -> Fault:
        """Answer an operation with an error of any code and status, and do nothing."""
        return Fault(_refuse(code, message, status))

    @fault
    def deny(self, action: str, account: str | None = None) -> Fault:
        """Deny an IAM action (`workspaces:Describe*`) to one account or to all, with an explicit deny."""
        return Fault(
            lambda call, proceed: denied(call, "with an explicit deny in an identity-based policy"),
            lambda call: matches(call, action) and account in (None, call.account),
        )

    @fault
    def expire(self, access_key_id: str, after: int = 0) -> Fault:
        """Let an access key expire, at once or after a number of calls."""
        left = after

        def expired(call: Call) -> bool:
            nonlocal left
            if call.access_key_id != access_key_id:
                return False
            left -= 1
            return left < 0

        return Fault(_refuse("ExpiredTokenException", "The security token included in the request is expired"), expired)

    @fault
    def reset_connection(self, operation: str, times: int | None = 1) -> Fault:
        """Reset the connection before an operation takes effect."""

        def reset(call: Call, proceed: Proceed) -> Response:
            raise ConnectionLostError

        return Fault(reset)

    @fault
    def lose_response(self, operation: str, times: int | None = 1) -> Fault:
        """Let an operation take effect, but reset the connection before the answer."""

        def lose(call: Call, proceed: Proceed) -> Response:
            proceed()
            raise ConnectionLostError

        return Fault(lose)

    @fault
    def slow(self, operation: str, seconds: float, times: int | None = None, late: bool = False) -> Fault:
        """Answer slowly. If the caller's read timeout is shorter, the call times out.

        The operation takes effect at once, and its answer is delayed. With `late` the operation itself is delayed.
        """

        def wait(call: Call, proceed: Proceed) -> Response:
            if late:
                self._cleared.wait(seconds)
                return proceed()
            answer = proceed()
            self._cleared.wait(seconds)
            return answer

        return Fault(wait)

    @fault
    def lag(self, seconds: float, times: int | None = None) -> Fault:
        """Let the listing of an image's permissions show each write only after a number of seconds."""

        def look_back(call: Call, proceed: Proceed) -> Response:
            with self._listing_as_of(seconds):
                return proceed()

        return Fault(look_back, lambda call: call.operation == "DescribeWorkspaceImagePermissions")

    @fault
    def garble(self, operation: str, times: int | None = 1, body: str | None = None) -> Fault:
        """Let an operation take effect, but cut the body of its answer in half, or send another body."""

        def spoil(call: Call, proceed: Proceed) -> Response:
            answer = proceed()
            spoilt = answer.body[: len(answer.body) // 2] if body is None else body.encode()
            return dataclasses.replace(answer, body=spoilt)

        return Fault(spoil)

    @fault
    def expire_page_token(self, times: int | None = 1) -> Fault:
        """Refuse to continue a listing because its page token has expired.

        AWS does not document what it answers then.
        """
        return Fault(
            _refuse("InvalidParameterValuesException", "The NextToken is not valid."),
            lambda call: "NextToken" in call.parameters,
        )

    def _listing_as_of(self, seconds: float) -> Any:
        raise NotImplementedError

    def _control(self, request: Request) -> Response:
        """Answer a request to CONTROL: GET lists the faults, POST turns one on, DELETE turns all off."""
        try:
            if request.method == "POST":
                self._post(request.body)
            elif request.method == "DELETE":
                self.clear_faults()
            elif request.method != "GET":
                raise ValueError(f"{request.method} must be GET, POST or DELETE")
        except ValueError as error:
            return Response(400, {"Content-Type": "text/plain"}, f"{error}\n".encode())
        body = json.dumps({"faults": self.faults()})
        return Response(200, {"Content-Type": "application/json"}, f"{body}\n".encode())

    def _post(self, body: bytes) -> None:
        try:
            arguments = json.loads(body)
        except ValueError:
            arguments = None
        if not isinstance(arguments, dict):
            raise ValueError('a fault is a JSON object, such as {"fault": "throttle", "operation": "*", "rate": 5}')
        name = arguments.pop("fault", None)
        if not isinstance(name, str) or name not in FAULTS:
            raise ValueError(f'"fault" must be one of {", ".join(FAULTS)}')
        FAULTS[name](self, **arguments)


FAULTS: dict[str, Callable[..., None]] = {
    name: method
    for name, method in vars(Faults).items()
    if hasattr(method, "__wrapped__")  # by @fault
}


def denied(call: Call, reason: str) -> Response:
    """Raise the error that AWS returns to a caller without the permission for a call."""
    from . import callers

    raise AwsError(
        "AccessDeniedException",
        f"User: {callers.arn(call)} is not authorized to perform: {call.action} "
        f"on resource: {callers.resource(call)} {reason}",
    )


def _refuse(code: str, message: str, status: int = 400) -> Interceptor:
    def refuse(call: Call, proceed: Proceed) -> Response:
        raise AwsError(code, message, status)

    return refuse


class _Bucket:
    """A token bucket. It is not thread-safe."""

    def __init__(self, rate: float, capacity: float) -> None:
        self._rate = rate
        self._capacity = self._tokens = capacity
        self._at = time.monotonic()

    def take(self) -> bool:
        """Take a token, and tell whether there was one."""
        now = time.monotonic()
        self._tokens = min(self._capacity, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


def _check(method: Callable[..., object], name: str, value: object, hint: Any) -> None:
    types = tuple(get_args(hint)) or (hint,)
    if float in types:
        types += (int,)
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
        raise ValueError(f"{method.__name__}: {name} cannot be {json.dumps(value)}; {_usage(method)}")
    if isinstance(value, (int, float)) and value < 0:
        raise ValueError(f"{method.__name__}: {name} cannot be negative")


def _usage(method: Callable[..., object]) -> str:
    signature = inspect.signature(method)
    parameters = [str(p).replace("'", "") for p in signature.parameters.values() if p.name != "self"]
    return f"it takes {', '.join(parameters)}"
