"""A provider process without an engine, called over gRPC as the engine calls it, for tests and benchmarks.

The engine makes only a few kinds of calls to a dynamic provider. A test that chooses their order, or repeats them a
thousand times, makes the calls itself.
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
from types import CodeType
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
    """The provider failed in a call, or has ended. The message is the provider's."""


@dataclass(frozen=True)
class Diff:
    """The result of a diff.

    Attributes:
        changes: whether there is something to do.
        replaces: the properties whose change requires a replacement.
    """

    changes: bool
    replaces: list[str]


class Engine:
    """A stand-in for the engine of one operation and all its provider processes, used as a context manager.

    Attributes:
        address: where it listens, `host:port`.
        environment: variables of its processes, on top of the caller's own.
        messages: what its providers logged: (severity, text).
        urns: the resources of those messages.
        channels: the channels to its providers.
        urn: the URN of every resource.
    """

    address: str
    urn = "urn:pulumi:test::driven::pulumi-python:dynamic:Resource::driven"

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self.environment = {**(environment or {}), "PULUMI_PROJECT": "driven"}
        self.messages: list[tuple[str, str]] = []
        self.urns: list[str] = []
        self.channels: list[grpc.Channel] = []
        self._open = ExitStack()

    def __enter__(self) -> Engine:
        # Ports are reused, so the record of one engine must not reach the next one.
        self.environment["PULUMI_HOME"] = self._open.enter_context(tempfile.TemporaryDirectory())
        pool = self._open.enter_context(ThreadPoolExecutor(_WORKERS))
        self._server = grpc.server(pool, options=_OPTIONS)
        engine_pb2_grpc.add_EngineServicer_to_server(_EngineServicer(self), self._server)
        self.address = f"{_LOOPBACK}:{self._server.add_insecure_port(f'{_LOOPBACK}:0')}"
        self._server.start()
        self._open.callback(lambda: self._server.stop(None).wait())
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def kill(self) -> None:
        """Let the engine die: pending calls end with a `DriverError`, and its providers keep running."""
        self._server.stop(None).wait()
        for channel in self.channels:
            channel.close()


class Driver:
    """A provider process that is called as an engine calls it, used as a context manager.

    Several threads may call it, and the process serves four calls at a time. Properties are passed and returned without
    the provider's reference (`__provider`). An `Unknown` in them, at any depth, is an unknown value. Each call raises a
    `DriverError` if the provider fails.

    Attributes:
        printed: the lines that it printed.
        pid: the process.
        stub: its gRPC service, for calls that have no method here.
    """

    pid: int

    def __init__(self, engine: Engine, configuration: Mapping[str, str]) -> None:
        """Prepare a driver, without starting the process.

        Args:
            engine: its engine, which must be running.
            configuration: the stack's whole configuration, keys with their namespace: `aws:region`.
        """
        self.printed: list[str] = []
        self._engine = engine
        self._configuration = dict(configuration)
        self._open = ExitStack()

    def __enter__(self) -> Driver:
        """Start the process and configure it."""
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

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def check(
        self, provider: type[ResourceProvider], olds: Mapping[str, Any], news: Mapping[str, Any]
    ) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        """Check the arguments of a resource (`news`); return its inputs and the failures: (property, reason).

        Its inputs so far (`olds`) are empty for a new resource.
        """
        olds_struct = _properties(provider, olds) if olds else struct_pb2.Struct()
        request = provider_pb2.CheckRequest(
            urn=self._engine.urn, olds=olds_struct, news=_properties(provider, {"_preview": False, **news})
        )
        answer = self._call(self.stub.Check, request)
        return _plain(answer.inputs), [(failure.property, failure.reason) for failure in answer.failures]

    def diff(self, provider: type[ResourceProvider], id: str, olds: Mapping[str, Any], news: Mapping[str, Any]) -> Diff:
        """Compare a resource's outputs (`olds`) with its inputs (`news`)."""
        request = provider_pb2.DiffRequest(
            id=id, urn=self._engine.urn, olds=_properties(provider, olds), news=_properties(provider, news)
        )
        answer = self._call(self.stub.Diff, request)
        return Diff(answer.changes == provider_pb2.DiffResponse.DIFF_SOME, list(answer.replaces))

    def create(self, provider: type[ResourceProvider], news: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """Create a resource of the inputs `news`; return its id and outputs."""
        request = provider_pb2.CreateRequest(urn=self._engine.urn, properties=_properties(provider, news))
        answer = self._call(self.stub.Create, request)
        return answer.id, _plain(answer.properties)

    def update(
        self, provider: type[ResourceProvider], id: str, olds: Mapping[str, Any], news: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Update a resource with the outputs `olds` to the inputs `news`; return its outputs."""
        request = provider_pb2.UpdateRequest(
            id=id, urn=self._engine.urn, olds=_properties(provider, olds), news=_properties(provider, news)
        )
        return _plain(self._call(self.stub.Update, request).properties)

    def read(self, provider: type[ResourceProvider], id: str, props: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """Read a resource with the outputs `props`; return its id, empty if it is gone, and its outputs."""
        properties = _properties(provider, props)
        request = provider_pb2.ReadRequest(id=id, urn=self._engine.urn, properties=properties, inputs=properties)
        answer = self._call(self.stub.Read, request)
        return answer.id, _plain(answer.properties)

    def delete(self, provider: type[ResourceProvider], id: str, props: Mapping[str, Any]) -> None:
        """Delete a resource with the outputs `props`."""
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
            start_new_session=True,  # like the engine: a group of its own
        )
        self._open.enter_context(process)
        self.pid = process.pid
        lines = iter(process.stdout or ())
        # Its output is read all the time, because a full pipe would block it.
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
            call: Any = error  # the stubs do not know that it is also a grpc.Call
            raise DriverError(call.details()) from None
        except ValueError as error:  # grpc raises it if the channel is closed
            raise DriverError(str(error)) from None


class EngineInThisProcess(Engine):
    """The engine of drivers in this process, which has their environment until the engine ends.

    One such engine may be started and ended while another one is running.
    """

    def __enter__(self) -> Engine:
        super().__enter__()
        # Its process has an id of its own, so its record may be in one folder with the records of other engines.
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
        """Return the process that stands for the engine's."""
        return self._process

    def kill(self) -> None:
        _running.discard(self._process.pid)
        super().kill()


class DriverInThisProcess(Driver):
    """A provider in threads of this process. It starts in milliseconds, and tests can patch it.

    If it calls `os._exit`, only the calling thread ends. The pending call ends when the engine is killed.
    """

    _engine: EngineInThisProcess
    _command: command.Command | None = None

    def kill(self) -> None:
        """Let the process die: its calls end with a `DriverError`, and its threads record nothing more.

        The test must leave the AWS calls of these threads without an answer.
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
        """Let this process stand for the driver's while the SDK makes a provider, which reads the process's values."""
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

# Processes that only exist here. No real process has such an id.
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
    """Raised by `os._exit` to end a thread that stands for a process. No `except Exception` catches it."""


class _EngineServicer(engine_pb2_grpc.EngineServicer):
    """The methods of the engine that the package calls."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def Log(self, request: Any, context: Any) -> empty_pb2.Empty:  # noqa: N802
        self._engine.messages.append((_SEVERITIES.get(request.severity, "info"), request.message))
        self._engine.urns.append(request.urn)
        return empty_pb2.Empty()


@lru_cache
def _servicer() -> CodeType:
    """Return the SDK's `pulumi.dynamic.__main__` without its last line, which would serve until it is killed.

    Each driver runs it again, because it keeps what belongs to a process (providers, configuration) in globals.
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
    # Meanwhile the SDK replaces the pickler of the whole process.
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
