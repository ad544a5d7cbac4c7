"""Law 4: after its engine was killed a provider writes nothing more, and the next up succeeds."""

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from local.cloud import LocalCloud
from tests.engine.harness import SALES, Run, Stack
from tests.pages import explained

PARTS = ("pulumi", "pulumi-language-python")
PATIENCE = 60.0  # seconds; only a failing test waits this long


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Wait until `condition` holds."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"timed out while waiting for {what}"
        time.sleep(0.05)


def provider_of(engine: int) -> int:
    """Return the process id of the dynamic provider of an engine. A launcher may be its parent process."""
    for process in psutil.Process(engine).children(recursive=True):
        with suppress(psutil.Error):
            if "pulumi.dynamic" in process.cmdline():
                return process.pid
    raise AssertionError("the engine has started no dynamic provider")


def alive(pid: int) -> bool:
    """Tell whether a process is still running. A zombie is not: in a container it may stay one forever."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture(autouse=True)
def _official(stack: Stack, tmp_path: Path) -> None:
    """Use a launcher like the official one, a shell that starts the provider; test_orphans.py uses Pulumi as found."""
    folder = tmp_path / "official"
    folder.mkdir()
    engine, host = (Path(shutil.which(name, path=stack.environment["PATH"]) or "") for name in PARTS)
    for file in (engine, *host.parent.glob(f"{host.name}*")):
        try:
            os.link(file.resolve(), folder / file.name)
        except OSError:  # on another file system
            shutil.copy2(file, folder)
    launcher = folder / "pulumi-resource-pulumi-python"
    launcher.write_text('#!/bin/sh\npython -u -m pulumi.dynamic "$@"\n')
    launcher.chmod(0o755)
    stack.environment["PATH"] = f"{folder}{os.pathsep}{stack.environment['PATH']}"


@pytest.fixture
def killed(stack: Stack, cloud: LocalCloud) -> Iterator[Callable[[str], int]]:
    """Return a function that kills a command's engine while writes are throttled, and returns the provider's id."""
    providers = []

    def kill(command: str) -> int:
        cloud.throttle("UpdateWorkspaceImagePermission")
        cloud.forget_calls()
        running = stack.start(command, "--yes", "--skip-preview")
        wait_for(lambda: len(cloud.writes()) >= 2, "a write that is tried again")
        providers.append(provider_of(running.pid))
        os.kill(running.pid, signal.SIGKILL)
        running.communicate()
        cloud.clear_faults("throttle")
        cloud.forget_calls()
        return providers[-1]

    yield kill
    for provider in filter(alive, providers):
        os.kill(provider, signal.SIGKILL)


def heals(stack: Stack, image: str) -> Run:
    """Assert that the next up of the same program succeeds, after the `pulumi cancel` that it needs; return it."""
    stack.run("cancel", "--yes")
    run = stack.up()
    assert stack.cloud.shared_with(image) == {SALES}
    assert stack.declared() == {"sales": SALES}
    assert stack.preview().clean
    return run


def test_engine_killed_during_a_throttled_revoke(
    stack: Stack, cloud: LocalCloud, image: str, killed: Callable[[str], int]
) -> None:
    """The orphaned provider ends. It does not revoke, minutes later, what the next up has granted."""
    stack.shares(image, sales=SALES)
    stack.up()
    provider = killed("destroy")
    wait_for(lambda: not alive(provider), "the orphaned provider to end")
    # One attempt may have been under way when the engine died.
    assert len(cloud.writes()) <= 1
    heals(stack, image)


@pytest.mark.nightly
def test_engine_killed_during_a_throttled_grant(stack: Stack, image: str, killed: Callable[[str], int]) -> None:
    """The next up grants the share. The troubleshooting page shows the messages of the engine."""
    stack.shares(image, sales=SALES)
    provider = killed("up")
    wait_for(lambda: not alive(provider), "the orphaned provider to end")
    assert explained(stack.up(ok=False).output, "currently locked")
    assert explained(heals(stack, image).output, "pending operations")


def test_provider_killed_during_a_throttled_grant(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """The command fails, and the next up grants the share."""
    stack.shares(image, sales=SALES)
    cloud.throttle("UpdateWorkspaceImagePermission")
    running = stack.start("up", "--yes", "--skip-preview")
    wait_for(lambda: len(cloud.writes()) >= 2, "a write that is tried again")
    os.kill(provider_of(running.pid), signal.SIGKILL)
    running.communicate()
    assert running.returncode != 0
    cloud.clear_faults("throttle")
    heals(stack, image)
