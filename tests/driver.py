"""A provider process without an engine: driven over gRPC as the engine drives it, for tests and benchmarks.

What the engine asks of a dynamic provider is little: the calls of a resource's life, in some order. Who wants to choose
that order, or to repeat it a thousand times, drives the provider itself.
"""

from __future__ import annotations

import ast
import importlib.util
import itertools
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType, TracebackType
from typing import Any
from unittest import mock

import grpc
from google.protobuf import empty_pb2, struct_pb2
from pulumi.dynamic import ResourceProvider
from pulumi.dynamic.dynamic import serialize_provider
from pulumi.output import Unknown
from pulumi.runtime import rpc
from pulumi.runtime._serialization import _serialize
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, provider_pb2, provider_pb2_grpc

from pulumi_workspaces_images import secrets
from pulumi_workspaces_images.lifecycle import command, processes
from pulumi_workspaces_images.lifecycle import engine as package_engine

__all__ = ["Diff", "Driver", "DriverError", "DriverInThisProcess", "Engine", "EngineInThisProcess"]

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


class Engine:
    """A stand-in for the engine of one operation, for all its provider processes; it is started as a context manager.

    Attributes:
        address: where it listens, `host:port`.
        environment: variables of its processes, on top of the caller's own.
        messages: what its providers logged: (severity, text).
        channels: those to its providers.
        urn: of every resource.
    """

    address: str

    def __init__(
        self, environment: Mapping[str, str] | None = None, *, project: str = "driven", stack: str = "test"
    ) -> None:
        """Prepare an engine; nothing is started yet.

        Args:
            environment: variables of its processes, on top of the caller's own.
            project: the Pulumi project.
            stack: the stack.
        """
        self.environment = {**(environment or {}), "PULUMI_PROJECT": project}
        self.messages: list[tuple[str, str]] = []
        self.channels: list[grpc.Channel] = []
        self.urn = f"urn:pulumi:{stack}::{project}::pulumi-python:dynamic:Resource::driven"
        self._open = ExitStack()

    def __enter__(self) -> Engine:
        # Ports are used again: what a process notes about one engine must not reach the next.
        self.environment["PULUMI_HOME"] = self._open.enter_context(tempfile.TemporaryDirectory())
        pool = self._open.enter_context(ThreadPoolExecutor(_WORKERS))
        self._server = grpc.server(pool, options=_OPTIONS)
        engine_pb2_grpc.add_EngineServicer_to_server(_EngineServicer(self.messages), self._server)
        self.address = f"{_LOOPBACK}:{self._server.add_insecure_port(f'{_LOOPBACK}:0')}"
        self._server.start()
        self._open.callback(lambda: self._server.stop(None).wait())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def kill(self) -> None:
        """Let it die: calls under way end as a `DriverError`, and its providers are left to themselves."""
        self._server.stop(None).wait()
        for channel in self.channels:
            channel.close()


class Driver:
    """A provider process, as an engine drives it; it is started as a context manager.

    The calls may come from several threads; the process serves four at a time. Properties go in and come out without
    the provider's reference (`__provider`); an `Unknown` among them, however deep, is an unknown value.

    Attributes:
        printed: the lines that it printed.
        pid: the process.
        stub: its gRPC service, for what the methods leave out.
    """

    pid: int

    def __init__(self, engine: Engine, configuration: Mapping[str, str]) -> None:
        """Prepare a driver; nothing is started yet.

        Args:
            engine: its engine, which runs.
            configuration: the stack's whole configuration, keys with their namespace: `aws:region`.
        """
        self.printed: list[str] = []
        self._engine = engine
        self._configuration = dict(configuration)
        self._open = ExitStack()

    def __enter__(self) -> Driver:
        """Start the process and tell it the configuration.

        Raises:
            DriverError: it did not start.
        """
        with self._open as opened:
            self._channel = grpc.insecure_channel(f"{_LOOPBACK}:{self._start()}", _OPTIONS)
            self._open.callback(self._channel.close)
            self._engine.channels.append(self._channel)
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
        request = provider_pb2.CheckRequest(urn=self._engine.urn, olds=olds_struct, news=_properties(provider, news))
        answer = self._call(self.stub.Check, request)
        return _plain(answer.inputs), [(failure.property, failure.reason) for failure in answer.failures]

    def diff(self, provider: type[ResourceProvider], id: str, olds: Mapping[str, Any], news: Mapping[str, Any]) -> Diff:
        """Compare a resource's outputs (`olds`) with its inputs (`news`).

        Raises:
            DriverError: the provider failed.
        """
        request = provider_pb2.DiffRequest(
            id=id, urn=self._engine.urn, olds=_properties(provider, olds), news=_properties(provider, news)
        )
        answer = self._call(self.stub.Diff, request)
        return Diff(answer.changes == provider_pb2.DiffResponse.DIFF_SOME, list(answer.replaces))

    def create(self, provider: type[ResourceProvider], news: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """Create a resource of the inputs `news`; return its id and outputs.

        Raises:
            DriverError: the provider failed.
        """
        request = provider_pb2.CreateRequest(urn=self._engine.urn, properties=_properties(provider, news))
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
            id=id, urn=self._engine.urn, olds=_properties(provider, olds), news=_properties(provider, news)
        )
        return _plain(self._call(self.stub.Update, request).properties)

    def read(self, provider: type[ResourceProvider], id: str, props: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """Read a resource with the outputs `props`; return its id, empty if it is gone, and its outputs.

        Raises:
            DriverError: the provider failed.
        """
        properties = _properties(provider, props)
        request = provider_pb2.ReadRequest(id=id, urn=self._engine.urn, properties=properties, inputs=properties)
        answer = self._call(self.stub.Read, request)
        return answer.id, _plain(answer.properties)

    def delete(self, provider: type[ResourceProvider], id: str, props: Mapping[str, Any]) -> None:
        """Delete a resource with the outputs `props`.

        Raises:
            DriverError: the provider failed.
        """
        request = provider_pb2.DeleteRequest(id=id, urn=self._engine.urn, properties=_properties(provider, props))
        self._call(self.stub.Delete, request)

    def _start(self) -> int:
        """Start the provider; return the port that it serves."""
        process = subprocess.Popen(
            [sys.executable, "-u", "-m", "pulumi.dynamic", self._engine.address],
            env={**os.environ, **self._engine.environment},
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


class EngineInThisProcess(Engine):
    """The engine of drivers in this process: it lends them what they take to be their own, until it ends.

    That is the environment. One may be started, and ended, while another is still open.
    """

    def __enter__(self) -> Engine:
        super().__enter__()
        # It can be told from other engines: its record may lie beside theirs, as those of one user do.
        del self.environment["PULUMI_HOME"]
        self._open.enter_context(mock.patch.dict(os.environ, self.environment))
        self._open.enter_context(mock.patch.object(os, "_exit", side_effect=_Exit))
        self._open.enter_context(mock.patch.object(secrets, "of_this_process", secrets.Secrets()))
        # It would end this process.
        self._open.enter_context(mock.patch.object(package_engine.Engine, "end_with_it"))
        self._open.enter_context(mock.patch.object(processes, "_look_up", _look_up))
        self._process = self._open.enter_context(_process())
        return self

    def process(self) -> processes.Process:
        """Return the process that it is said to be."""
        return self._process

    def kill(self) -> None:
        _running.discard(self._process.pid)
        super().kill()


class DriverInThisProcess(Driver):
    """The same servicer in a thread of this process: started in milliseconds, and within reach of a test's patches.

    When it ends itself (`os._exit`), only the thread that does so ends; its call does once the engine is killed.
    """

    _engine: EngineInThisProcess
    _command: command.Command | None = None

    def kill(self) -> None:
        """Let the process die: its calls end as a `DriverError`, and what its threads still do is noted nowhere.

        What they ask AWS is for the test to leave without an answer.
        """
        _running.discard(self._process.pid)
        if self._command:
            self._command.ledger._noting = mock.Mock(side_effect=_Exit)  # type: ignore[method-assign]
        self._channel.close()

    def _start(self) -> int:
        self._process = self._open.enter_context(_process())
        namespace: dict[str, Any] = {"__name__": "pulumi.dynamic.__main__"}
        exec(_servicer(), namespace)
        get_provider = namespace["get_provider"]

        def get_our_provider(*args: Any) -> ResourceProvider:
            with self._in_its_place():
                provider: ResourceProvider = get_provider(*args)
            return provider

        namespace["get_provider"] = get_our_provider
        pool = self._open.enter_context(ThreadPoolExecutor(_WORKERS))
        server = grpc.server(pool, options=_OPTIONS)
        provider_pb2_grpc.add_ResourceProviderServicer_to_server(namespace["DynamicResourceProviderServicer"](), server)
        port = server.add_insecure_port(f"{_LOOPBACK}:0")
        server.start()
        self._open.callback(lambda: server.stop(None).wait())
        return port

    @contextmanager
    def _in_its_place(self) -> Iterator[None]:
        """Let this process be the driver's while the SDK makes a provider, which then reads what is a process's own."""
        with (
            _IN_PLACE,
            mock.patch.object(sys, "argv", ["pulumi.dynamic", self._engine.address]),
            mock.patch.object(processes, "starter", self._engine.process),
            mock.patch.object(command, "_command", self._command),
        ):
            yield
            self._command = command._command
            if self._command:
                self._command.ledger._me = self._process


_IN_PLACE = threading.Lock()

# Processes that exist in name only; no real one has such an id.
_pids = itertools.count(2**23)
_running: set[int] = set()
_look_up_real = processes._look_up


@contextmanager
def _process() -> Iterator[processes.Process]:
    process = processes.Process(next(_pids), "in name")
    _running.add(process.pid)
    yield process
    _running.discard(process.pid)


def _look_up(pid: int) -> tuple[int, str] | None:
    return (0, "in name") if pid in _running else _look_up_real(pid)


class _Exit(BaseException):
    """What `os._exit` is to a thread that stands for a process; no `except Exception` gets hold of it."""


class _EngineServicer(engine_pb2_grpc.EngineServicer):
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
