"""A local AWS for demos and tests: moto's server, with the gaps that matter here closed.

The layer stands in front of moto and does not patch it. It reads each request once (`wire`) and finds its caller
(`callers`). Faults may refuse, delay or spoil the request (`faults`). The few image operations whose rules moto lacks
are answered here (`images`, which works on moto's own objects). moto's server app gets all other requests unchanged.
So a request can be refused or lost only as a whole, and the layer depends on moto's data, not on how moto parses
requests or formats answers.

moto keeps its state in the process, so all LocalCloud objects of a process are one cloud. Starting one empties it.

Signatures are never checked, and permissions only if a test asks for it. The cloud listens on the loopback interface
only.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Iterable
from dataclasses import replace
from types import TracebackType
from typing import Any

from local.accounts import OWNER

from .faults import CONTROL, Faults, Interceptor, Proceed, denied, matches
from .images import Images
from .server import Server
from .wire import AwsError, Call, ConnectionLostError, Request, Response, access_key_id, json_response

__all__ = ["AwsError", "Call", "ConnectionLostError", "LocalCloud", "Response"]

log = logging.getLogger(__name__)


class LocalCloud(Images, Faults):
    """A local AWS with accounts, Regions, and an API at `url`.

    Every 12-digit account exists in it. `credentials` returns the keys of an account. Every role can be assumed, even
    if it was never created.

    Attributes:
        calls: Every call made over HTTP, in the order of the answers.
        latency: Seconds that every call takes.
    """

    def __init__(self, port: int = 0) -> None:
        Images.__init__(self)
        Faults.__init__(self)
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
        """Serve an empty cloud in the background.

        This removes the AWS variables from the environment of the process. With them botocore, which moto uses, could
        fail for a profile that does not exist, or use a real account.

        Raises:
            OSError: The port is taken.
        """
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            del os.environ[name]
        self._server = Server(self._port, self._answer)
        # moto takes a second or two to import, so importing this module does not import it. All of it is imported
        # before the first request: its modules import each other, which two threads must not do at once.
        import moto.workspaces.models  # noqa: F401
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

        from . import callers  # noqa: F401

        self._moto = DomainDispatcherApplication(create_backend_app)
        self.reset()
        self._server.serve()

    def stop(self) -> None:
        """Stop serving, and close the connections that callers keep open."""
        if self._server:
            self.clear_faults()
            self._server.stop()
            self._server = None

    @property
    def url(self) -> str:
        """The URL of the cloud."""
        if not self._server:
            raise RuntimeError("the local cloud is not running")
        return f"http://127.0.0.1:{self._server.port}"

    @property
    def endpoints(self) -> str:
        """The value of the stack configuration key `aws:endpoints` for this cloud."""
        return json.dumps([{service: self.url} for service in ("workspaces", "sts", "organizations")])

    @staticmethod
    def credentials(account: str = OWNER) -> dict[str, str]:
        """Return the environment variables with the credentials of an account."""
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
        self.assume()
        self.interceptors = []
        self.clear_faults()
        self._allowed: dict[str | None, list[str]] = {}

    # The call log.

    def count(self, operation: str) -> int:
        """Return how often an operation (`DescribeWorkspaceImages`, `workspaces:*`) was called."""
        return sum(matches(call, operation) for call in list(self.calls))

    def writes(self) -> list[Call]:
        """Return the calls that tried to change a permission."""
        return [call for call in list(self.calls) if matches(call, "UpdateWorkspaceImagePermission")]

    def forget_calls(self) -> None:
        """Empty the call log."""
        self.calls = []

    # Permissions.

    def allow_only(self, actions: Iterable[str], account: str | None = None) -> None:
        """Allow only these IAM actions to an account, or to all accounts without a list of their own."""
        self._allowed[account] = list(actions)

    def allow_everything(self) -> None:
        """Undo `deny` and `allow_only`."""
        self.clear_faults("deny")
        self._allowed = {}

    # How a request is answered.

    def _answer(self, request: Request) -> Response:
        from . import callers

        if request.path == CONTROL:
            return self._control(request)
        request = callers.signed(request)
        call = callers.identify(request)
        if call is None:  # not a call to AWS: moto's own pages, the instance metadata
            return self._forward(request)
        if self.latency:
            time.sleep(self.latency)
        try:
            response = self._run(call, request, [self._authenticate, self._authorize, *self.interceptors])
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
        if not call.account:
            raise AwsError("UnrecognizedClientException", "The security token included in the request is invalid.")
        return proceed()

    def _authorize(self, call: Call, proceed: Proceed) -> Response:
        from . import callers

        allowed = self._allowed.get(call.account, self._allowed.get(None))
        # AWS allows these whatever the caller's policies say.
        free = ("GetCallerIdentity", callers.UNSIGNED_OPERATION)
        if allowed is None or call.operation in free or any(matches(call, action) for action in allowed):
            return proceed()
        return denied(call, f"because no identity-based policy allows the {call.action} action")
