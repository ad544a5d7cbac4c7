"""Law 4: killed in the middle, nothing is written afterwards, and the next up ends well."""

import os
import signal
import time
from collections.abc import Callable, Iterator

import pytest

from local.cloud import LocalCloud
from tests.engine.harness import SALES, Run, Stack
from tests.pages import explained

PATIENCE = 60.0  # seconds; only a failing test waits so long


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Wait until `condition` holds."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.05)


def provider_of(engine: int) -> int:
    """Return the process id of the dynamic provider that an engine has started."""
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/cmdline") as file, open(f"/proc/{entry}/stat") as stat:
                    if "pulumi.dynamic" in file.read() and int(stat.read().rsplit(")", 1)[1].split()[1]) == engine:
                        return int(entry)
            except (FileNotFoundError, ProcessLookupError):
                continue
    raise AssertionError("the engine has started no dynamic provider")


def alive(pid: int) -> bool:
    """Tell whether a process still runs."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def killed(stack: Stack, cloud: LocalCloud) -> Iterator[Callable[[str], int]]:
    """A function that kills the engine of a command while its writes are throttled; it returns the provider's id."""
    providers = []

    def kill(command: str) -> int:
        cloud.throttle("UpdateWorkspaceImagePermission")
        cloud.forget_calls()
        running = stack.start(command, "--yes", "--skip-preview")
        wait_for(lambda: len(cloud.writes()) >= 2, "a write that is tried again")
        providers.append(provider_of(running.pid))
        os.kill(running.pid, signal.SIGKILL)
        running.communicate()
        cloud.unthrottle()
        cloud.forget_calls()
        return providers[-1]

    yield kill
    for provider in filter(alive, providers):
        os.kill(provider, signal.SIGKILL)


def heals(stack: Stack, image: str) -> Run:
    """Assert that the next up of the same program ends well, after what Pulumi itself asks for; return it."""
    stack.run("cancel", "--yes")
    run = stack.up()
    assert stack.cloud.shared_with(image) == {SALES}
    assert stack.declared() == {"sales": SALES}
    assert stack.preview().clean
    return run


def test_engine_killed_during_a_throttled_revoke(
    stack: Stack, cloud: LocalCloud, image: str, killed: Callable[[str], int]
) -> None:
    """The orphaned provider ends instead of revoking, minutes later, what the next up has granted."""
    stack.shares(image, sales=SALES)
    stack.up()
    provider = killed("destroy")
    wait_for(lambda: not alive(provider), "the orphaned provider to end")
    # The one attempt that was on its way when the engine died may still have landed.
    assert len(cloud.writes()) <= 1
    heals(stack, image)


def test_engine_killed_during_a_throttled_grant(stack: Stack, image: str, killed: Callable[[str], int]) -> None:
    """A killed up is repeated, and ends with the share; the page on troubleshooting shows what the engine says."""
    stack.shares(image, sales=SALES)
    provider = killed("up")
    wait_for(lambda: not alive(provider), "the orphaned provider to end")
    assert explained(stack.up(ok=False).output, "currently locked")
    assert explained(heals(stack, image).output, "pending operations")


def test_engine_killed_during_an_exclusive_update(
    stack: Stack, cloud: LocalCloud, image: str, killed: Callable[[str], int]
) -> None:
    """What was not revoked is still foreign, and gone after the next up."""
    stack.program(f"ImageShares('golden', {image!r}, [{SALES!r}], exclusive=True)")
    stack.up()
    for foreign in ("888888888888", "999999999999"):
        cloud.share(image, foreign)
    provider = killed("up")
    wait_for(lambda: not alive(provider), "the orphaned provider to end")
    stack.run("cancel", "--yes")
    stack.up()
    assert cloud.shared_with(image) == {SALES}
    assert stack.preview().clean


def test_provider_killed_during_a_throttled_grant(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """A provider that dies fails its command; the next up ends with the share."""
    stack.shares(image, sales=SALES)
    cloud.throttle("UpdateWorkspaceImagePermission")
    running = stack.start("up", "--yes", "--skip-preview")
    wait_for(lambda: len(cloud.writes()) >= 2, "a write that is tried again")
    os.kill(provider_of(running.pid), signal.SIGKILL)
    running.communicate()
    assert running.returncode != 0
    cloud.unthrottle()
    heals(stack, image)
