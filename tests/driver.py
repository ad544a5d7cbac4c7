"""A provider process without an engine: driven over gRPC as the engine drives it, for tests and benchmarks.

What the engine asks of a dynamic provider is little: the calls of a resource's life, in some order. Who wants to choose
that order, or to repeat it a thousand times, drives the provider itself.
"""

from __future__ import annotations

import ast
import importlib.util
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType, TracebackType
from typing import Any, NoReturn
from unittest import mock

import grpc
from google.protobuf import empty_pb2, struct_pb2
from pulumi.dynamic import ResourceProvider
from pulumi.dynamic.dynamic import serialize_provider
from pulumi.output import Unknown
from pulumi.runtime import rpc
from pulumi.runtime._serialization import _serialize
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, provider_pb2, provider_pb2_grpc

__all__ = ["Diff", "Driver", "DriverError", "DriverInThisProcess"]

_PROVIDER = "__provider"
_WORKERS = 4  # as many as the SDK gives a provider process
_LOOPBACK = "127.0.0.1"
_OPTIONS = [
    ("grpc.enable_http_proxy", 0),
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
]
_SEVERITIES = {
    engine_pb2.DEBUG: "debug",
    engine_pb2.INFO: "info",
    engine_pb2.WARNING: "warning",
    engine_pb2.ERROR: "error",
}


class DriverError(Exception):
    """The provider failed in a call, or is gone; the message is what it said."""


@dataclass(frozen=True)
class Diff:
    """What a diff says.

    Attributes:
        changes: whether there is something to do.
        replaces: the properties that make it a replacement.
    """

    changes: bool
    replaces: list[str]


class Driver:
    """A provider process and a stand-in for its engine; it is started as a context manager.

    The calls may come from several threads; the process serves four at a time. Properties go in and come out without
    the provider's reference (`__provider`); an `Unknown` among them, however deep, is an unknown value.

    Attributes:
        messages: what the provider logged through its engine: (severity, text).
        printed: the lines that it printed.
        pid: the process.
        stub: its gRPC service, for what the methods leave out.
    """

    pid: int

    def __init__(
        self,
        configuration: Mapping[str, str],
        environment: Mapping[str, str] | None = None,
        *,
        project: str = "driven",
        stack: str = "test",
    ) -> None:
        """Prepare a driver; nothing is started yet.

        Args:
            configuration: the stack's whole configuration, keys with their namespace: `aws:region`.
            environment: variables of the process, on top of the caller's own.
            project: the Pulumi project.
            stack: the stack.
        """
        self.messages: list[tuple[str, str]] = []
        self.printed: list[str] = []
        self._configuration = dict(configuration)
        self._environment = {**(environment or {}), "PULUMI_PROJECT": project}
        self._urn = f"urn:pulumi:{stack}::{project}::pulumi-python:dynamic:Resource::driven"
        self._open = ExitStack()
        self._channel: grpc.Channel | None = None
        self._engine: grpc.Server | None = None

    def __enter__(self) -> Driver:
        """Start the process and tell it the configuration.

        Raises:
            DriverError: it did not start.
        """
        with self._open as opened:
            # Ports are used again: what a process notes about one engine must not reach the next.
            self._environment["PULUMI_HOME"] = self._open.enter_context(tempfile.TemporaryDirectory())
            address = self._serve_engine()
            port = self._start(address)
            self._channel = grpc.insecure_channel(f"{_LOOPBACK}:{port}", _OPTIONS)
            self._open.callback(self._channel.close)
            self.stub: Any = provider_pb2_grpc.ResourceProviderStub(self._channel)
            request = provider_pb2.ConfigureRequest(
                args=_struct(self._configuration), acceptSecrets=True, acceptResources=True
            )
            self._call(self.stub.Configure, request)
            self._open = opened.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def check(
        self, provider: type[ResourceProvider], olds: Mapping[str, Any], news: Mapping[str, Any]
    ) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        """Check the arguments of a resource.

        Args:
            provider: the class of its provider.
            olds: its inputs so far; none for a new resource.
            news: its arguments.

        Returns:
            The inputs, and what is wrong: (property, reason).

        Raises:
            DriverError: the provider failed.
        """
        olds_struct = _properties(provider, olds) if olds else struct_pb2.Struct()
        request = provider_pb2.CheckRequest(urn=self._urn, olds=olds_struct, news=_properties(provider, news))
        answer = self._call(self.stub.Check, request)
        return _plain(answer.inputs), [(failure.property, failure.reason) for failure in answer.failures]

    def diff(self, provider: type[ResourceProvider], id: str, olds: Mapping[str, Any], news: Mapping[str, Any]) -> Diff:
        """Compare a resource's outputs (`olds`) with its inputs (`news`).

        Raises:
            DriverError: the provider failed.
        """
        request = provider_pb2.DiffRequest(
            id=id, urn=self._urn, olds=_properties(provider, olds), news=_properties(provider, news)
        )
        answer = self._call(self.stub.Diff, request)
        return Diff(answer.changes == provider_pb2.DiffResponse.DIFF_SOME, list(answer.replaces))

    def create(self, provider: type[ResourceProvider], news: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """Create a resource of the inputs `news`; return its id and outputs.

        Raises:
            DriverError: the provider failed.
        """
        request = provider_pb2.CreateRequest(urn=self._urn, properties=_properties(provider, news))
        answer = self._call(self.stub.Create, request)
        return answer.id, _plain(answer.properties)

    def update(
        self, provider: type[ResourceProvider], id: str, olds: Mapping[str, Any], news: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Bring a resource from its outputs (`olds`) to its inputs (`news`); return its outputs.

        Raises:
            DriverError: the provider failed.
        """
        request = provider_pb2.UpdateRequest(
            id=id, urn=self._urn, olds=_properties(provider, olds), news=_properties(provider, news)
        )
        return _plain(self._call(self.stub.Update, request).properties)

    def read(self, provider: type[ResourceProvider], id: str, props: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """Read a resource with the outputs `props`; return its id, empty if it is gone, and its outputs.

        Raises:
            DriverError: the provider failed.
        """
        properties = _properties(provider, props)
        request = provider_pb2.ReadRequest(id=id, urn=self._urn, properties=properties, inputs=properties)
        answer = self._call(self.stub.Read, request)
        return answer.id, _plain(answer.properties)

    def delete(self, provider: type[ResourceProvider], id: str, props: Mapping[str, Any]) -> None:
        """Delete a resource with the outputs `props`.

        Raises:
            DriverError: the provider failed.
        """
        request = provider_pb2.DeleteRequest(id=id, urn=self._urn, properties=_properties(provider, props))
        self._call(self.stub.Delete, request)

    def kill_engine(self) -> None:
        """Let the engine die: calls under way end as a `DriverError`, and the provider is left to itself."""
        if self._engine:
            self._engine.stop(None).wait()
            self._engine = None
        if self._channel:
            self._channel.close()

    def _serve_engine(self) -> str:
        pool = self._open.enter_context(ThreadPoolExecutor(_WORKERS))
        server = self._engine = grpc.server(pool, options=_OPTIONS)
        engine_pb2_grpc.add_EngineServicer_to_server(_Engine(self.messages), server)
        port = server.add_insecure_port(f"{_LOOPBACK}:0")
        server.start()
        self._open.callback(lambda: server.stop(None).wait())
        return f"{_LOOPBACK}:{port}"

    def _start(self, engine: str) -> int:
        """Start the provider; return the port that it serves."""
        process = subprocess.Popen(
            [sys.executable, "-u", "-m", "pulumi.dynamic", engine],
            env={**os.environ, **self._environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # as the engine: a group of its own
        )
        self._open.enter_context(process)
        self.pid = process.pid
        lines = iter(process.stdout or ())
        # It must not have to wait for somebody to read what it prints.
        reader = threading.Thread(target=self._keep, args=(lines,), daemon=True)
        self._open.callback(reader.join)
        self._open.callback(process.kill)
        for line in lines:
            if line.strip().isdigit():
                reader.start()
                return int(line)
            self.printed.append(line.rstrip("\n"))
        reader.start()
        raise DriverError("the provider did not start:\n" + "\n".join(self.printed))

    def _keep(self, lines: Iterator[str]) -> None:
        self.printed.extend(line.rstrip("\n") for line in lines)

    def _call(self, method: Callable[[Any], Any], request: Any) -> Any:
        try:
            return method(request)
        except grpc.RpcError as error:
            call: Any = error  # which every error of a call is as well, unknown to the stubs
            raise DriverError(call.details()) from None
        except ValueError as error:  # grpc's word for a channel that is closed
            raise DriverError(str(error)) from None


class DriverInThisProcess(Driver):
    """The same servicer in a thread of this process: started in milliseconds, and within reach of a test's patches.

    What a process has to itself is lent to it until it ends: `sys.argv`, the environment, the package's one `Command`.
    One may be started while another is still open, which then counts as the older process.

    Attributes:
        exited: whether the provider has ended its process (`os._exit`). The thread that did so ends, and its call with
            it once `kill_engine` is called; nothing keeps the others from going on.
    """

    exited: bool = False

    def _start(self, engine: str) -> int:
        from pulumi_workspaces_images.lifecycle import command, processes
        from pulumi_workspaces_images.lifecycle.engine import Engine

        self.pid = os.getpid()
        self._open.enter_context(mock.patch.object(sys, "argv", ["pulumi.dynamic", engine]))
        self._open.enter_context(mock.patch.dict(os.environ, self._environment))
        self._open.enter_context(mock.patch.object(command, "_command", None))
        self._open.enter_context(mock.patch.object(os, "_exit", self._exit))
        # It would end this process.
        self._open.enter_context(mock.patch.object(Engine, "end_with_it", return_value=None))
        self._open.enter_context(mock.patch.object(processes, "starter", processes.this_process))
        namespace: dict[str, Any] = {"__name__": "pulumi.dynamic.__main__"}
        exec(_servicer(), namespace)
        pool = self._open.enter_context(ThreadPoolExecutor(_WORKERS))
        server = grpc.server(pool, options=_OPTIONS)
        provider_pb2_grpc.add_ResourceProviderServicer_to_server(namespace["DynamicResourceProviderServicer"](), server)
        port = server.add_insecure_port(f"{_LOOPBACK}:0")
        server.start()
        self._open.callback(lambda: server.stop(None).wait())
        return port

    def _exit(self, _status: int) -> NoReturn:
        self.exited = True
        raise _Exit


class _Exit(BaseException):
    """What `os._exit` is to a thread that stands for a process; no `except Exception` gets hold of it."""


class _Engine(engine_pb2_grpc.EngineServicer):
    """What the package asks of its engine."""

    def __init__(self, messages: list[tuple[str, str]]) -> None:
        self._messages = messages

    def GetRootResource(self, request: Any, context: Any) -> engine_pb2.GetRootResourceResponse:  # noqa: N802
        return engine_pb2.GetRootResourceResponse()

    def Log(self, request: Any, context: Any) -> empty_pb2.Empty:  # noqa: N802
        self._messages.append((_SEVERITIES.get(request.severity, "info"), request.message))
        return empty_pb2.Empty()


@lru_cache
def _servicer() -> CodeType:
    """Return the SDK's `pulumi.dynamic.__main__` without its last line, which would serve until it is killed.

    It is run anew for each driver, as what it keeps for its process (providers, configured) are its globals.
    """
    spec = importlib.util.find_spec("pulumi.dynamic.__main__")
    if not spec or not spec.origin:
        raise DriverError("the Pulumi SDK has no pulumi.dynamic.__main__")
    with open(spec.origin, encoding="utf-8") as file:
        module = ast.parse(file.read(), spec.origin)
    module.body = [node for node in module.body if ast.unparse(node) != "main()"]
    return compile(module, spec.origin, "exec")


_REFERENCES_LOCK = threading.Lock()
_references: dict[type[ResourceProvider], str] = {}


def _reference(provider: type[ResourceProvider]) -> str:
    # The SDK swaps the pickler of the whole process meanwhile.
    with _REFERENCES_LOCK:
        if provider not in _references:
            _references[provider], _ = _serialize(True, serialize_provider, provider())
        return _references[provider]


def _properties(provider: type[ResourceProvider], values: Mapping[str, Any]) -> struct_pb2.Struct:
    return _struct({**values, _PROVIDER: _reference(provider)})


def _struct(values: Mapping[str, Any]) -> struct_pb2.Struct:
    struct = struct_pb2.Struct()
    struct.update({name: _wire(value) for name, value in values.items() if value is not None})
    return struct


def _wire(value: Any) -> Any:
    if isinstance(value, Unknown):
        return rpc.UNKNOWN
    if isinstance(value, Mapping):
        return {name: _wire(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_wire(each) for each in value]
    return value


def _plain(struct: struct_pb2.Struct) -> dict[str, Any]:
    values: dict[str, Any] = rpc.deserialize_properties(struct, keep_unknowns=True)
    values.pop(_PROVIDER, None)
    return values
