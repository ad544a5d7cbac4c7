"""The Pulumi engine as the provider process sees it, with a real gRPC server on the loopback interface."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, provider_pb2

from pulumi_workspaces_images.lifecycle.engine import Engine
from pulumi_workspaces_images.lifecycle.processes import find, this_process

URN = "urn:pulumi:dev::shares::my:index:Thing$pulumi-python:dynamic/workspaces:ImageShare::sales"

pytestmark = pytest.mark.usefixtures("quiet_environment")


@dataclass
class Served:
    """A gRPC server at `address`, and what it was told: severity and message, and the resources of the messages."""

    address: str
    stop: Callable[[], None]
    logged: list[tuple[int, str]] = field(default_factory=list)
    urns: list[str] = field(default_factory=list)


class LivingEngine(engine_pb2_grpc.EngineServicer):
    """The two calls that the package makes, answered."""

    served: Served

    def GetRootResource(self, request: Any, context: Any) -> engine_pb2.GetRootResourceResponse:  # noqa: N802
        return engine_pb2.GetRootResourceResponse(urn="urn:pulumi:dev::shares::pulumi:pulumi:Stack::shares-dev")

    def Log(self, request: Any, context: Any) -> empty_pb2.Empty:  # noqa: N802
        self.served.logged.append((request.severity, request.message))
        self.served.urns.append(request.urn)
        return empty_pb2.Empty()


class FailingEngine(engine_pb2_grpc.EngineServicer):
    """An engine that answers every call with an error of its own."""

    def GetRootResource(self, request: Any, context: Any) -> Any:  # noqa: N802
        context.abort(grpc.StatusCode.INTERNAL, "something else is wrong")

    Log = GetRootResource


class SilentEngine(engine_pb2_grpc.EngineServicer):
    """An engine that takes calls and does not answer until the test is over."""

    def __init__(self) -> None:
        self.over = threading.Event()

    def GetRootResource(self, request: Any, context: Any) -> Any:  # noqa: N802
        self.over.wait(10)

    Log = GetRootResource


@pytest.fixture
def serve() -> Iterator[Callable[[Any], Served]]:
    """Serve an engine until the test is over."""
    started: list[Served] = []

    def start(servicer: Any) -> Served:
        server = grpc.server(futures.ThreadPoolExecutor(max_workers=2))
        engine_pb2_grpc.add_EngineServicer_to_server(servicer, server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()

        def stop() -> None:
            server.stop(None).wait(5)

        served = Served(f"127.0.0.1:{port}", stop)
        servicer.served = served
        started.append(served)
        return served

    yield start
    for served in started:
        served.stop()


def until(done: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not done():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_living_engine_answers(serve: Callable[[Any], Served]) -> None:
    """The command is still running."""
    assert Engine(serve(LivingEngine()).address).lives()


@pytest.mark.parametrize("servicer", [engine_pb2_grpc.EngineServicer, FailingEngine])
def test_an_error_is_an_answer(serve: Callable[[Any], Served], servicer: Callable[[], Any]) -> None:
    """An engine that does not know the call, or fails in it, is alive."""
    assert Engine(serve(servicer()).address).lives()


def test_engine_that_was_killed_does_not_answer(serve: Callable[[Any], Served]) -> None:
    """It answered before, and the provider that it started lives on."""
    served = serve(LivingEngine())
    engine = Engine(served.address)
    assert engine.lives()
    served.stop()
    assert not engine.lives()


def test_engine_that_hangs_lives(serve: Callable[[Any], Served]) -> None:
    """A busy machine is no dead engine: only a refused connection proves anything."""
    silent = SilentEngine()
    engine = Engine(serve(silent).address)
    assert engine.lives()
    silent.over.set()


def test_later_engine_at_the_same_address_is_another_one(serve: Callable[[Any], Served]) -> None:
    """Ports are used again, and so are process ids: the start time tells them apart."""
    address = serve(LivingEngine()).address
    assert Engine(address, this_process()).lives()
    assert not Engine(address, this_process()._replace(start="1")).lives()


def test_dead_engine_that_nobody_has_reaped_is_dead(serve: Callable[[Any], Served]) -> None:
    with subprocess.Popen(["sleep", "60"]) as sleeping:
        process = find(sleeping.pid)
        engine = Engine(serve(LivingEngine()).address, process)
        assert engine.lives()
        sleeping.kill()
        until(lambda: not engine.lives())


def test_provider_ends_after_its_engine_though_nobody_calls_it() -> None:
    """Case 25: it would live for ever."""
    provider = (
        "import sys, time; from pulumi_workspaces_images.lifecycle.engine import Engine;"
        "Engine.of_this_process().end_with_it(); print('ready', flush=True); time.sleep(60)"
    )
    # It stands for the engine: it starts a provider as the leader of a process group, and is killed.
    engine = (
        "import socket, subprocess, sys; s = socket.create_server(('127.0.0.1', 0));"
        "subprocess.run([sys.executable, '-c', sys.argv[1], f'127.0.0.1:{s.getsockname()[1]}'], start_new_session=True)"
    )
    with subprocess.Popen([sys.executable, "-c", engine, provider], stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout
        assert running.stdout.readline() == "ready\n"
        running.kill()
        running.communicate(timeout=10)  # the end of the output comes when the provider, which shares it, is gone too


def test_without_an_engine_nothing_can_have_died() -> None:
    """In a script there is no engine to wait for."""
    assert Engine(None).lives()


@pytest.mark.parametrize("variable", ["http_proxy", "https_proxy", "grpc_proxy"])
def test_proxy_of_the_environment_is_not_asked_for_the_engine(
    serve: Callable[[Any], Served], monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """The engine is on this machine, whatever proxy leads to AWS."""
    monkeypatch.setenv(variable, "http://127.0.0.1:9")
    assert Engine(serve(LivingEngine()).address).lives()


@pytest.mark.parametrize(("say", "severity"), [("warn", engine_pb2.WARNING), ("info", engine_pb2.INFO)])
def test_message_reaches_the_diagnostics(
    serve: Callable[[Any], Served], capfd: pytest.CaptureFixture[str], say: str, severity: int
) -> None:
    """A message is logged with its severity, and not printed as well: it would be shown twice."""
    served = serve(LivingEngine())
    getattr(Engine(served.address), say)("the share was revoked")
    assert served.logged == [(severity, "the share was revoked")]
    assert capfd.readouterr() == ("", "")


def test_message_is_one_printable_line(serve: Callable[[Any], Served], capfd: pytest.CaptureFixture[str]) -> None:
    """What AWS or a user wrote cannot steer the terminal."""
    served = serve(LivingEngine())
    Engine(served.address).warn("a\nb\x1b[31m")
    Engine(None).warn("a\nb\x1b[31m")
    assert [message for _, message in served.logged] == [r"a\nb\x1b[31m"]
    # gRPC may have logged something before.
    assert capfd.readouterr().err.endswith("warning: a\\nb\\x1b[31m\n")


@pytest.mark.parametrize(
    ("urn", "shown_on"),
    [
        (URN, URN),
        ("", ""),  # the stack
        ("urn:pulumi:dev::shares", ""),  # would make the engine panic
    ],
)
def test_message_stands_on_the_resource_that_the_engine_asks_about(
    serve: Callable[[Any], Served], urn: str, shown_on: str
) -> None:
    """Its URN is in the frame of the SDK's servicer."""
    served = serve(LivingEngine())

    def check(request: provider_pb2.CheckRequest) -> None:
        Engine(served.address).warn("the share was revoked")

    check(provider_pb2.CheckRequest(urn=urn))
    assert served.urns == [shown_on]


@pytest.mark.parametrize(("say", "line"), [("warn", "warning: look\n"), ("info", "info: look\n")])
def test_message_is_printed_where_it_cannot_be_logged(
    serve: Callable[[Any], Served], capfd: pytest.CaptureFixture[str], say: str, line: str
) -> None:
    """Without an engine, without its log, or with a dead one, a message goes to stderr: no message is lost."""
    dead = serve(LivingEngine())
    dead.stop()
    addresses = [None, serve(engine_pb2_grpc.EngineServicer()).address, serve(FailingEngine()).address, dead.address]
    for address in addresses:
        getattr(Engine(address), say)("look")
    assert capfd.readouterr() == ("", line * len(addresses))


@pytest.mark.parametrize(
    "arguments",
    [
        ["-m", "127.0.0.1:{port}"],
        ["/venv/lib/pulumi/dynamic/__main__.py", "--logflow", "-v=9", "127.0.0.1:{port}"],
        ["provider", "localhost:{port}"],
    ],
)
def test_engine_of_this_process_is_the_last_argument(
    serve: Callable[[Any], Served], monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    """As the engine starts its plugins."""
    served = serve(LivingEngine())
    port = served.address.rpartition(":")[2]
    monkeypatch.setattr(sys, "argv", [argument.format(port=port) for argument in arguments])
    Engine.of_this_process().info("hello")
    assert [message for _, message in served.logged] == ["hello"]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        [""],
        ["pytest", "tests/unit"],
        ["127.0.0.1:5000", "-q"],
        ["127.0.0.1"],
        ["127.0.0.1:"],
        [":5000"],
        ["127.0.0.1:http"],
        ["http://127.0.0.1:5000"],
        ["tests/unit/test_engine.py:5"],
        ["127.0.0.1:5000\n"],
    ],
)
def test_without_an_address_there_is_no_engine(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    """What is not an address is some script's argument: messages are printed."""
    monkeypatch.setattr(sys, "argv", arguments)
    engine = Engine.of_this_process()
    assert engine.lives()
    engine.info("hello")
    assert capfd.readouterr().err == "info: hello\n"
