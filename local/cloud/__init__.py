"""AWS as it runs on this machine, for demos and tests: moto's server, with the gaps that matter here closed.

The layer stands in front of moto, it does not patch it. A request is read once (`wire`), its caller is looked
up (`callers`), interceptors may refuse, delay or spoil it, and then it goes to the few image operations whose
rules moto lacks (`images`, working on moto's own objects) or, untouched, to moto's server app. That is the
smallest thing that can be refused or lost as a whole, and it depends on moto's data, not on how moto parses
requests or formats answers.

moto keeps its state in the process: however many LocalCloud objects a process makes, there is one cloud in
it. Starting one empties it.

Nothing checks signatures or, unless a test asks for it, permissions. All of it listens on the loopback
interface only.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from fnmatch import fnmatchcase
from types import TracebackType
from typing import Any

from .images import Images
from .server import Server
from .wire import AwsError, Call, ConnectionLostError, Request, Response, access_key_id, json_response

__all__ = ["AwsError", "Call", "ConnectionLostError", "LocalCloud", "Response"]

Proceed = Callable[[], Response]
Interceptor = Callable[[Call, Proceed], Response]

log = logging.getLogger(__name__)


class LocalCloud(Images):
    """A local AWS with accounts, Regions, and an API at `url`.

    Every 12-digit account exists in it. `credentials` has the keys of an account; roles are assumed as in
    AWS, whether or not anybody created them.

    Attributes:
        calls: Every call made over HTTP, in the order of the answers.
        latency: Seconds that every call takes.
        interceptors: What stands between a caller and the operations, outermost first. Each is called with
            the call and a function that goes on with it and returns the answer: an interceptor may raise
            AwsError or ConnectionLostError before or after that, or return an answer of its own. Faults are
            appended here.
    """

    def __init__(self, port: int = 0) -> None:
        super().__init__()
        self._port = port
        self._server: Server | None = None
        self._moto: Any = None
        self._forget()

    def __enter__(self) -> LocalCloud:
        if not self._server:
            self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Serve an empty cloud in the background; raises OSError if the port is taken."""
        self._server = Server(self._port, self._answer)
        # moto takes a second or two to import: not for those who only import this module. All of it comes
        # before the first request: its modules import each other, which two threads must not do at once.
        import moto.workspaces.models  # noqa: F401
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

        from . import callers  # noqa: F401

        self._moto = DomainDispatcherApplication(create_backend_app)
        self.reset()
        self._server.serve()

    def stop(self) -> None:
        """Stop serving; connections that callers keep open are closed."""
        if self._server:
            self._server.stop()
            self._server = None

    @property
    def url(self) -> str:
        """Where the cloud is served."""
        if not self._server:
            raise RuntimeError("the local cloud is not running")
        return f"http://127.0.0.1:{self._server.port}"

    @property
    def endpoints(self) -> str:
        """The value of the stack configuration key `aws:endpoints` that leads here."""
        return json.dumps([{service: self.url} for service in ("workspaces", "sts", "organizations")])

    @staticmethod
    def credentials(account: str = "111111111111") -> dict[str, str]:
        """The environment variables with the credentials of an account."""
        return {"AWS_ACCESS_KEY_ID": access_key_id(account), "AWS_SECRET_ACCESS_KEY": "local"}

    def reset(self) -> None:
        """Forget everything: images, shares, roles, organizations, faults, calls."""
        from moto.moto_api._internal.models import moto_api_backend

        with self._lock:
            moto_api_backend.reset()
            self._forget()

    def _forget(self) -> None:
        self.calls: list[Call] = []
        self.latency = 0.0
        self.revoke_unshared_error = Images.revoke_unshared_error
        self.interceptors: list[Interceptor] = [self._authenticate, self._authorize]
        self._expired: set[str] = set()
        self._denied: list[tuple[str, str | None]] = []
        self._allowed: dict[str | None, list[str]] = {}

    # The call log.

    def count(self, operation: str) -> int:
        """How often an operation (`DescribeWorkspaceImages`, `workspaces:*`) was called."""
        return sum(_matches(call, operation) for call in list(self.calls))

    def writes(self) -> list[Call]:
        """The calls that tried to change a permission."""
        return [call for call in list(self.calls) if _matches(call, "UpdateWorkspaceImagePermission")]

    def forget_calls(self) -> None:
        """Empty the call log."""
        self.calls = []

    # Who may do what.

    def expire(self, access_key_id: str) -> None:
        """From now on, an access key is expired."""
        self._expired.add(access_key_id)

    def deny(self, action: str, account: str | None = None) -> None:
        """Deny an IAM action (`workspaces:Describe*`) to an account, or to all."""
        self._denied.append((action, account))

    def allow_only(self, actions: Iterable[str], account: str | None = None) -> None:
        """Allow only these IAM actions to an account, or to all that have no such list of their own."""
        self._allowed[account] = list(actions)

    def allow_everything(self) -> None:
        """Undo `deny` and `allow_only`."""
        self._denied, self._allowed = [], {}

    # Faults. They apply to calls that are allowed, to an operation given as in `count`.

    def fail(
        self,
        operation: str,
        code: str,
        status: int = 400,
        times: int | None = 1,
        message: str = "Made to fail by a test.",
    ) -> None:
        """Answer the next calls of an operation with an error; `times=None`: all of them."""

        def refuse(call: Call, proceed: Proceed) -> Response:
            raise AwsError(code, message, status)

        self.interceptors.append(_Fault(operation, times, refuse))

    def throttle(self, operation: str, times: int | None = None) -> None:
        """Throttle an operation, until `unthrottle` or a number of times."""

        def refuse(call: Call, proceed: Proceed) -> Response:
            raise AwsError("ThrottlingException", "Rate exceeded")

        self.interceptors.append(_Fault(operation, times, refuse, throttles=True))

    def unthrottle(self) -> None:
        """Undo `throttle`."""
        self.interceptors = [i for i in self.interceptors if not (isinstance(i, _Fault) and i.throttles)]

    def lose_response(self, operation: str, times: int | None = 1) -> None:
        """Let the next calls of an operation take effect, and then close the connection without an answer."""

        def lose(call: Call, proceed: Proceed) -> Response:
            proceed()
            raise ConnectionLostError

        self.interceptors.append(_Fault(operation, times, lose))

    # From a request to its answer.

    def _answer(self, request: Request) -> Response:
        from . import callers

        request = callers.signed(request)
        call = callers.identify(request)
        if call is None:  # not a call to AWS: moto's own pages, the instance metadata
            return self._forward(request)
        if self.latency:
            time.sleep(self.latency)
        try:
            response = self._run(call, request, list(self.interceptors))
        except ConnectionLostError:
            self.calls.append(call)
            raise
        except Exception as bug:
            log.exception("the local cloud failed in %s", call.action)
            response = AwsError("InternalFailure", f"{type(bug).__name__}: {bug}", 500).response(call)
        self.calls.append(replace(call, status=response.status, error=response.error))
        return response

    def _run(self, call: Call, request: Request, interceptors: list[Interceptor]) -> Response:
        try:
            if interceptors:
                return interceptors[0](call, lambda: self._run(call, request, interceptors[1:]))
            if call.service == "workspaces" and call.operation in self.operations:
                return json_response(json.dumps(self.operate(call)))
            return self._forward(request)
        except AwsError as error:
            return error.response(call)

    def _forward(self, request: Request) -> Response:
        """Let moto answer."""
        from werkzeug.test import EnvironBuilder, run_wsgi_app

        environ = EnvironBuilder(
            request.path, method=request.method, headers=list(request.headers.items()), data=request.body
        ).get_environ()
        body, status, headers = run_wsgi_app(self._moto, environ, buffered=True)
        kept = {name: value for name, value in headers if name.lower() != "content-length"}
        return Response(int(status.split()[0]), kept, b"".join(body))

    def _authenticate(self, call: Call, proceed: Proceed) -> Response:
        if not call.access_key_id:
            raise AwsError("MissingAuthenticationTokenException", "Missing Authentication Token")
        if call.access_key_id in self._expired:
            raise AwsError("ExpiredTokenException", "The security token included in the request is expired")
        if not call.account:
            raise AwsError("UnrecognizedClientException", "The security token included in the request is invalid.")
        return proceed()

    def _authorize(self, call: Call, proceed: Proceed) -> Response:
        from . import callers

        reason = None
        if any(_matches(call, action) and account in (None, call.account) for action, account in self._denied):
            reason = "with an explicit deny in an identity-based policy"
        allowed = self._allowed.get(call.account, self._allowed.get(None))
        # These need no permission of the caller, whatever its policies say.
        free = ("GetCallerIdentity", *callers.UNSIGNED_OPERATIONS)
        if allowed is not None and call.operation not in free and not any(_matches(call, a) for a in allowed):
            reason = f"because no identity-based policy allows the {call.action} action"
        if reason:
            raise AwsError(
                "AccessDeniedException",
                f"User: {callers.arn(call)} is not authorized to perform: {call.action} "
                f"on resource: {callers.resource(call)} {reason}",
            )
        return proceed()


class _Fault:
    """An interceptor for the next calls of an operation; `times=None`: all of them."""

    def __init__(self, operation: str, times: int | None, effect: Interceptor, *, throttles: bool = False) -> None:
        self.throttles = throttles
        self._operation = operation
        self._left = times
        self._effect = effect
        self._lock = threading.Lock()

    def __call__(self, call: Call, proceed: Proceed) -> Response:
        return self._effect(call, proceed) if self._strikes(call) else proceed()

    def _strikes(self, call: Call) -> bool:
        with self._lock:
            if not _matches(call, self._operation) or self._left == 0:
                return False
            if self._left is not None:
                self._left -= 1
            return True


def _matches(call: Call, pattern: str) -> bool:
    """Whether a pattern (`service:Operation` or just the operation, with wildcards) means a call."""
    return fnmatchcase(call.action if ":" in pattern else call.operation, pattern)
