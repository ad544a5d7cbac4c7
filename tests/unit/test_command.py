"""What all providers of a process share: the configuration, the connection and the `recheck` mode."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pulumi.dynamic import Config, ConfigureRequest

from pulumi_workspaces_images.errors import AccessDenied, ConfigurationError, ExpectedError, NotFound
from pulumi_workspaces_images.exclusive_provider import ImageSharesExclusiveProvider
from pulumi_workspaces_images.lifecycle import command as module
from pulumi_workspaces_images.lifecycle.command import Command
from pulumi_workspaces_images.lifecycle.engine import Engine
from pulumi_workspaces_images.provider import ImageShareProvider
from tests.unit.helpers import SHARE, RecordingEngine, Wire

pytestmark = pytest.mark.usefixtures("quiet_environment")

KEYS = {"aws:accessKey": "AKIAEXAMPLE", "aws:secretKey": "example"}


@pytest.fixture
def engine() -> RecordingEngine:
    """Return the engine of the process."""
    return RecordingEngine()


@pytest.fixture
def start(engine: RecordingEngine) -> Callable[..., Command]:
    """Return a function that starts a process with a `recheck` mode and other configuration."""

    def start(recheck: str = "", **configuration: object) -> Command:
        keys = {f"aws:{key}": value for key, value in configuration.items()}
        mode = {"workspaces-images:recheck": recheck} if recheck else {}
        return Command({**KEYS, **keys, **mode}, project="shares", engine=engine)

    return start


def raising(error: Exception) -> Callable[[], Any]:
    def ask() -> Any:
        raise error

    return ask


@pytest.mark.parametrize("recheck", ["", "strict"])
def test_failed_check_is_an_error_in_strict_mode(
    start: Callable[..., Command], engine: RecordingEngine, recheck: str
) -> None:
    """It is not also a warning. Strict is the default."""
    with pytest.raises(AccessDenied, match=r"^describing the image: no$"):
        start(recheck).recheck(raising(AccessDenied("describing the image: no")))
    assert engine.warnings == []


def test_failed_check_is_a_warning_in_warn_mode(start: Callable[..., Command], engine: RecordingEngine) -> None:
    """The warning says that nothing was checked. Each failure is shown once, however many shares it concerns."""
    process = start("warn")
    for _ in range(3):
        assert process.recheck(raising(AccessDenied("describing the image: no"))) is None
    assert process.recheck(raising(NotFound("describing another image: no"))) is None
    assert engine.warnings == [
        f"describing {what}: no; continued without checking because workspaces-images:recheck is warn"
        for what in ("the image", "another image")
    ]


@pytest.mark.parametrize("error", [ConfigurationError("aws:profile names no profile"), ZeroDivisionError()])
def test_invalid_configuration_and_bugs_are_errors_in_warn_mode(
    start: Callable[..., Command], error: Exception
) -> None:
    with pytest.raises(type(error)):
        start("warn").recheck(raising(error))


class ExitError(BaseException):
    """Raised instead of ending the process."""


@pytest.mark.parametrize("write", ["grant", "revoke"])
def test_nothing_is_written_once_the_engine_has_died(
    start: Callable[..., Command],
    engine: RecordingEngine,
    wire: Wire,
    monkeypatch: pytest.MonkeyPatch,
    write: str,
) -> None:
    """The process ends before it repeats a write: no state would record it, and the next up may already be running."""
    ended: list[int] = []

    def end(code: int) -> None:
        ended.append(code)
        raise ExitError

    def kill(_: str) -> None:
        engine.alive = False

    monkeypatch.setattr("os._exit", end)
    process = start()
    wire.will((400, "ThrottlingException", "Rate exceeded"), {})
    wire.arrived = kill  # after the first attempt
    with pytest.raises(ExitError):
        getattr(process.permissions, write)(SHARE)
    assert len(wire.sent) == 1
    assert ended == [1]


def test_reading_continues_once_the_engine_has_died(
    start: Callable[..., Command], engine: RecordingEngine, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading changes nothing, so the process may finish."""
    monkeypatch.setattr("os._exit", lambda code: pytest.fail("ended"))
    engine.alive = False
    wire.will({"ImagePermissions": []})
    assert not start().permissions.is_shared(SHARE)


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pretend that no provider of this process has been configured yet, until the test ends."""
    monkeypatch.setattr(module, "_command", None)
    monkeypatch.setattr(Engine, "end_with_it", lambda _: None)
    monkeypatch.setattr("pulumi.get_project", lambda: "shares")
    monkeypatch.setattr(sys, "argv", ["provider"])


def request(**configuration: object) -> ConfigureRequest:
    return ConfigureRequest(Config({f"aws:{key}": value for key, value in configuration.items()}, "shares"))


@pytest.mark.usefixtures("fresh")
def test_all_providers_share_one_process() -> None:
    """The SDK configures each provider class separately, but each must know what the others declare."""
    first, second = ImageShareProvider(), ImageSharesExclusiveProvider()
    first.configure(request(region="eu-west-1"))
    second.configure(request(region="eu-west-3"))
    assert first._command is second._command
    assert first._command.connection.region() == "eu-west-1"


@pytest.mark.usefixtures("fresh")
def test_process_gets_the_whole_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    """It gets the keys of every namespace, the project and the engine's address."""
    made: dict[str, Any] = {}

    def make(configuration: object, **others: object) -> object:
        made.update(others, configuration=configuration)
        return SimpleNamespace()

    monkeypatch.setattr(module, "Command", make)
    monkeypatch.setattr(sys, "argv", ["provider", "127.0.0.1:1"])
    configuration = {"aws:region": "eu-west-1", "workspaces-images:recheck": "off", "other:key": "x"}
    module.configure(ConfigureRequest(Config(configuration, "shares")))
    assert made["configuration"] == configuration
    assert made["project"] == "shares"
    assert made["engine"].address == "127.0.0.1:1"


@pytest.mark.usefixtures("fresh")
def test_home_that_cannot_be_written_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A preview continues, and a delete fails."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(sys, "argv", ["provider", "127.0.0.1:1"])
    command = module.configure(request(region="eu-west-1"))
    said = capfd.readouterr().err
    assert said.startswith("warning: no share can be revoked because the record of what this update declares cannot be")
    with pytest.raises(ExpectedError, match="set PULUMI_HOME"), command.ledger.revoking(SHARE):
        pytest.fail("it was revoked")
