"""The Pulumi engine as seen by a provider process: whether it still runs, and how to show its user a message."""

import os
import re
import socket
import sys
import threading
import time
from functools import cached_property
from types import FrameType

import grpc
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc

from ..errors import printable
from . import processes

_SECONDS_TO_ANSWER = 10.0

# A provider ends at most this many seconds after its engine.
_SECONDS_BETWEEN_CHECKS = 2.0

# The engine runs on this machine, so no proxy is used, even if one is configured for AWS.
_NO_PROXY = [("grpc.enable_http_proxy", 0)]


_URN = re.compile(r"urn:pulumi:[^:]+::[^:]+::.+::.+")


class Engine:
    """The engine that started this process. Without one (in a test or a script) messages are printed.

    Attributes:
        address: `host:port` of its gRPC service; None without an engine.
        process: its process; None if it is not known.
    """

    def __init__(self, address: str | None, process: "processes.Process | None" = None) -> None:
        """Connect to nothing yet."""
        self.address = address
        self.process = process

    @classmethod
    def of_this_process(cls) -> "Engine":
        """Return the engine whose address is the last command line argument: the engine starts its plugins so."""
        address = sys.argv[-1] if sys.argv else ""
        if not re.fullmatch(r"[\w.-]+:\d+", address):
            return cls(None)
        return cls(address, processes.starter())

    @cached_property
    def _stub(self) -> engine_pb2_grpc.EngineStub | None:
        if self.address is None:
            return None
        return engine_pb2_grpc.EngineStub(grpc.insecure_channel(self.address, _NO_PROXY))

    def lives(self) -> bool:
        """Tell whether the engine still runs. A provider outlives an engine that was killed, and must not write then.

        An engine may be slow to answer, so it is taken for dead only if its process has ended or the connection is
        refused. An answer alone proves nothing, because a later engine may have the same port.
        """
        if self.address is None:
            return True
        if self.process and not self.process.runs():
            return False
        host, _, port = self.address.rpartition(":")
        try:
            socket.create_connection((host, int(port)), timeout=_SECONDS_TO_ANSWER).close()
        except ConnectionRefusedError:
            return False
        except OSError:
            pass
        return True

    def end_with_it(self) -> None:
        """End this process soon after the engine has ended, even if no call comes in."""

        def watch() -> None:
            while self.lives():
                time.sleep(_SECONDS_BETWEEN_CHECKS)
            os._exit(1)

        if self.address:
            threading.Thread(target=watch, name="engine watch", daemon=True).start()

    def warn(self, message: str) -> None:
        """Show `message`, one line, as a warning on the resource whose call this is, else on the stack."""
        self._log("warning", message)

    def info(self, message: str) -> None:
        """Show `message`, one line, on the resource whose call this is, else on the stack."""
        self._log("info", message)

    def _log(self, severity: str, message: str) -> None:
        message = printable(message)
        if self._stub is not None:
            level = engine_pb2.WARNING if severity == "warning" else engine_pb2.INFO
            try:
                request = engine_pb2.LogRequest(severity=level, message=message, urn=_urn_of_call())
                self._stub.Log(request, timeout=_SECONDS_TO_ANSWER)
            except grpc.RpcError:
                pass  # Print it instead: an engine that still runs shows that as well.
            else:
                return
        print(f"{severity}: {message}", file=sys.stderr, flush=True)


def _urn_of_call() -> str:
    """Return the URN of the resource that this thread's call from the engine is about; empty outside of such calls.

    The SDK does not pass it to a dynamic provider, so it is read from the stack frame of the SDK's servicer. A
    malformed URN would make the engine panic.
    """
    frame: FrameType | None = sys._getframe()
    while frame:
        urn = getattr(frame.f_locals.get("request"), "urn", None)
        if isinstance(urn, str) and _URN.fullmatch(urn):
            return urn
        frame = frame.f_back
    return ""
