"""The Pulumi engine as the provider process sees it: is it still there, and tell its user something."""

import re
import sys
from functools import cached_property

import grpc
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc

from ..errors import printable

_SECONDS_TO_ANSWER = 10.0

# The engine is on this machine, whatever proxy leads to AWS.
_NO_PROXY = [("grpc.enable_http_proxy", 0)]


class Engine:
    """The engine that started this process; without one (a test, a script) everything is printed."""

    def __init__(self, address: str | None) -> None:
        """`address` is `host:port` of the engine's gRPC service, or None."""
        self._address = address

    @classmethod
    def of_this_process(cls) -> "Engine":
        """Return the engine whose address is the last command line argument, as the engine starts its plugins."""
        address = sys.argv[-1] if sys.argv else ""
        return cls(address if re.fullmatch(r"[\w.-]+:\d+", address) else None)

    @cached_property
    def _stub(self) -> engine_pb2_grpc.EngineStub | None:
        if self._address is None:
            return None
        return engine_pb2_grpc.EngineStub(grpc.insecure_channel(self._address, _NO_PROXY))

    def answers(self) -> bool:
        """Tell whether the engine still serves. A provider whose engine was killed lives on, and must not write."""
        if self._stub is None:
            return True
        try:
            self._stub.GetRootResource(engine_pb2.GetRootResourceRequest(), timeout=_SECONDS_TO_ANSWER)
        except grpc.RpcError as error:
            # Any other answer, such as "unimplemented", comes from a living engine.
            return bool(error.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED))
        return True

    def warn(self, message: str) -> None:
        """Show `message`, one line, as a warning among the diagnostics of the running command."""
        self._log("warning", message)

    def info(self, message: str) -> None:
        """Show `message`, one line, among the diagnostics of the running command."""
        self._log("info", message)

    def _log(self, severity: str, message: str) -> None:
        message = printable(message)
        if self._stub is not None:
            level = engine_pb2.WARNING if severity == "warning" else engine_pb2.INFO
            try:
                self._stub.Log(engine_pb2.LogRequest(severity=level, message=message), timeout=_SECONDS_TO_ANSWER)
            except grpc.RpcError:
                pass  # What could not be shown through the engine is printed, which it shows too, if it lives.
            else:
                return
        print(f"{severity}: {message}", file=sys.stderr, flush=True)
