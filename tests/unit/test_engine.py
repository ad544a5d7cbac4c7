"""How the provider process talks to the Pulumi engine, with a real gRPC server on the loopback interface."""

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from unittest import mock

import pytest
from pulumi.runtime.proto import provider_pb2

from pulumi_workspaces_images.lifecycle.engine import Engine
from pulumi_workspaces_images.lifecycle.processes import find, this_process
from tests import driver

URN = "urn:pulumi:dev::shares::my:index:Thing$pulumi-python:dynamic/workspaces:ImageShare::sales"

pytestmark = pytest.mark.usefixtures("quiet_environment")


@pytest.fixture
def served() -> Iterator[driver.Engine]:
    with driver.Engine() as engine:
        yield engine


def until(done: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not done():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_killed_engine_is_dead(served: driver.Engine) -> None:
    engine = Engine(served.address)
    assert engine.lives()
    served.kill()
    assert not engine.lives()


def test_engine_that_does_not_answer_in_time_is_alive(served: driver.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine may be busy. Only a refused connection proves that the engine is dead."""
    monkeypatch.setattr(socket, "create_connection", mock.Mock(side_effect=TimeoutError))
    assert Engine(served.address).lives()


def test_later_engine_at_the_same_address_is_another_one(served: driver.Engine) -> None:
    """Ports and process ids are reused, so the start time must be equal as well."""
    assert Engine(served.address, this_process()).lives()
    assert not Engine(served.address, this_process()._replace(start="1")).lives()


def test_engine_that_is_a_zombie_is_dead(served: driver.Engine) -> None:
    with subprocess.Popen(["sleep", "60"]) as sleeping:
        process = find(sleeping.pid)
        engine = Engine(served.address, process)
        assert engine.lives()
        sleeping.kill()
        until(lambda: not engine.lives())


def test_idle_provider_ends_after_its_engine() -> None:
    """In 0.1.0 it ran forever (case 25)."""
    provider = (
        "import sys, time; from pulumi_workspaces_images.lifecycle.engine import Engine;"
        "Engine.of_this_process().end_with_it(); print('ready', flush=True); time.sleep(60)"
    )
    # It replaces the engine: it starts a provider as the leader of a process group, and is killed.
    engine = (
        "import socket, subprocess, sys; s = socket.create_server(('127.0.0.1', 0));"
        "subprocess.run([sys.executable, '-c', sys.argv[1], f'127.0.0.1:{s.getsockname()[1]}'], start_new_session=True)"
    )
    with subprocess.Popen([sys.executable, "-c", engine, provider], stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout
        assert running.stdout.readline() == "ready\n"
        running.kill()
        running.communicate(timeout=10)  # it returns when the provider, which writes to the same pipe, has ended too


@pytest.mark.parametrize("variable", ["http_proxy", "https_proxy", "grpc_proxy"])
def test_proxy_of_the_environment_is_not_used_for_the_engine(
    served: driver.Engine, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """The engine is on this machine. The proxy is for AWS."""
    monkeypatch.setenv(variable, "http://127.0.0.1:9")
    Engine(served.address).info("hello")
    assert served.messages == [("info", "hello")]


def test_message_reaches_the_diagnostics(served: driver.Engine, capfd: pytest.CaptureFixture[str]) -> None:
    """It has its severity, and is not printed as well, or the user would see it twice."""
    engine = Engine(served.address)
    engine.warn("the share was revoked")
    engine.info("the share was kept")
    assert served.messages == [("warning", "the share was revoked"), ("info", "the share was kept")]
    assert capfd.readouterr() == ("", "")


def test_message_is_one_printable_line(served: driver.Engine, capfd: pytest.CaptureFixture[str]) -> None:
    """Control characters from AWS or a user cannot change the terminal."""
    Engine(served.address).warn("a\nb\x1b[31m")
    Engine(None).warn("a\nb\x1b[31m")
    assert [message for _, message in served.messages] == [r"a\nb\x1b[31m"]
    # gRPC may have logged something first.
    assert capfd.readouterr().err.endswith("warning: a\\nb\\x1b[31m\n")


@pytest.mark.parametrize(
    ("urn", "shown_on"),
    [(URN, URN), ("urn:pulumi:dev::shares", "")],  # the engine would panic
)
def test_message_is_shown_on_the_resource_of_the_request(served: driver.Engine, urn: str, shown_on: str) -> None:
    """The SDK does not pass the URN on, so it is read from the stack frame of its servicer."""

    def check(request: provider_pb2.CheckRequest) -> None:
        Engine(served.address).warn("the share was revoked")

    check(provider_pb2.CheckRequest(urn=urn))
    assert served.urns == [shown_on]


def test_message_is_printed_if_it_cannot_be_logged(served: driver.Engine, capfd: pytest.CaptureFixture[str]) -> None:
    """Without an engine, or with a dead one, it goes to stderr. No message is lost."""
    served.kill()
    for engine in (Engine(None), Engine(served.address)):
        engine.warn("look")
        engine.info("look")
    assert capfd.readouterr() == ("", "warning: look\ninfo: look\n" * 2)


@pytest.mark.parametrize(
    "arguments",
    [["-m", "127.0.0.1:{port}"], ["__main__.py", "--logflow", "-v=9", "127.0.0.1:{port}"], ["-m", "localhost:{port}"]],
)
def test_last_argument_of_the_process_is_the_address_of_the_engine(
    served: driver.Engine, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    """The engine starts its plugins with such arguments."""
    port = served.address.rpartition(":")[2]
    monkeypatch.setattr(sys, "argv", [argument.format(port=port) for argument in arguments])
    Engine.of_this_process().info("hello")
    assert served.messages == [("info", "hello")]


@pytest.mark.parametrize(
    "arguments",
    [[], ["127.0.0.1:5000", "-q"], ["127.0.0.1"], [":5000"], ["127.0.0.1:5000\n"], ["http://127.0.0.1:5000"]],
)
def test_without_an_address_there_is_no_engine(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    """Messages are printed and nothing stops writes: an argument that is not an address belongs to a script."""
    monkeypatch.setattr(sys, "argv", arguments)
    engine = Engine.of_this_process()
    assert engine.lives()
    engine.info("hello")
    assert capfd.readouterr().err == "info: hello\n"
