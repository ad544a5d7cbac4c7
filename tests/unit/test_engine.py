"""The Pulumi engine as the provider process sees it, with a real gRPC server on the loopback interface."""

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


def test_engine_that_was_killed_does_not_answer(served: driver.Engine) -> None:
    """It answered before, and the provider that it started lives on."""
    engine = Engine(served.address)
    assert engine.lives()
    served.kill()
    assert not engine.lives()


def test_engine_that_hangs_lives(served: driver.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine is no dead engine: only a refused connection proves anything."""
    monkeypatch.setattr(socket, "create_connection", mock.Mock(side_effect=TimeoutError))
    assert Engine(served.address).lives()


def test_later_engine_at_the_same_address_is_another_one(served: driver.Engine) -> None:
    """Ports are used again, and so are process ids: the start time tells them apart."""
    assert Engine(served.address, this_process()).lives()
    assert not Engine(served.address, this_process()._replace(start="1")).lives()


def test_dead_engine_that_nobody_has_reaped_is_dead(served: driver.Engine) -> None:
    with subprocess.Popen(["sleep", "60"]) as sleeping:
        process = find(sleeping.pid)
        engine = Engine(served.address, process)
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
    served: driver.Engine, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """The engine is on this machine, whatever proxy leads to AWS."""
    monkeypatch.setenv(variable, "http://127.0.0.1:9")
    Engine(served.address).info("hello")
    assert served.messages == [("info", "hello")]


def test_message_reaches_the_diagnostics(served: driver.Engine, capfd: pytest.CaptureFixture[str]) -> None:
    """A message is logged with its severity, and not printed as well: it would be shown twice."""
    engine = Engine(served.address)
    engine.warn("the share was revoked")
    engine.info("the share was kept")
    assert served.messages == [("warning", "the share was revoked"), ("info", "the share was kept")]
    assert capfd.readouterr() == ("", "")


def test_message_is_one_printable_line(served: driver.Engine, capfd: pytest.CaptureFixture[str]) -> None:
    """What AWS or a user wrote cannot steer the terminal."""
    Engine(served.address).warn("a\nb\x1b[31m")
    Engine(None).warn("a\nb\x1b[31m")
    assert [message for _, message in served.messages] == [r"a\nb\x1b[31m"]
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
    served: driver.Engine, urn: str, shown_on: str
) -> None:
    """Its URN is in the frame of the SDK's servicer."""

    def check(request: provider_pb2.CheckRequest) -> None:
        Engine(served.address).warn("the share was revoked")

    check(provider_pb2.CheckRequest(urn=urn))
    assert served.urns == [shown_on]


def test_message_is_printed_where_it_cannot_be_logged(served: driver.Engine, capfd: pytest.CaptureFixture[str]) -> None:
    """Without an engine, or with a dead one, a message goes to stderr: no message is lost."""
    served.kill()
    for engine in (Engine(None), Engine(served.address)):
        engine.warn("look")
        engine.info("look")
    assert capfd.readouterr() == ("", "warning: look\ninfo: look\n" * 2)


@pytest.mark.parametrize(
    "arguments",
    [
        ["-m", "127.0.0.1:{port}"],
        ["/venv/lib/pulumi/dynamic/__main__.py", "--logflow", "-v=9", "127.0.0.1:{port}"],
        ["provider", "localhost:{port}"],
    ],
)
def test_engine_of_this_process_is_the_last_argument(
    served: driver.Engine, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    """As the engine starts its plugins."""
    port = served.address.rpartition(":")[2]
    monkeypatch.setattr(sys, "argv", [argument.format(port=port) for argument in arguments])
    Engine.of_this_process().info("hello")
    assert served.messages == [("info", "hello")]


@pytest.mark.parametrize(
    "arguments",
    [
        *([], [""], ["pytest", "tests/unit"], ["127.0.0.1:5000", "-q"], ["127.0.0.1"], ["127.0.0.1:"], [":5000"]),
        *(["127.0.0.1:http"], ["http://127.0.0.1:5000"], ["tests/unit/test_engine.py:5"], ["127.0.0.1:5000\n"]),
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
