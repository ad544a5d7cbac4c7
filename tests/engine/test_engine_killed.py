"""Law 4: a provider whose engine has died does not go on writing."""

import os
import signal
import time
from collections.abc import Callable

from local.cloud import LocalCloud
from tests.engine.harness import SALES, Stack

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


def test_engine_killed_during_a_throttled_revoke(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """The orphaned provider ends instead of revoking, minutes later, what the next up has granted."""
    stack.shares(image, sales=SALES)
    stack.up()
    cloud.throttle("UpdateWorkspaceImagePermission")
    cloud.forget_calls()
    destroy = stack.start("destroy", "--yes", "--skip-preview")
    wait_for(lambda: len(cloud.writes()) >= 2, "a revoke that is tried again")
    provider = provider_of(destroy.pid)
    os.kill(destroy.pid, signal.SIGKILL)
    destroy.communicate()
    cloud.unthrottle()
    tried = len(cloud.writes())
    wait_for(lambda: not alive(provider), "the orphaned provider to end")
    # An attempt that was on the wire when the engine died may still have landed.
    assert len(cloud.writes()) <= tried + 1
    if cloud.shared_with(image) == {SALES}:
        assert not [w for w in cloud.writes()[tried:] if w.status == 200]
    stack.run("cancel", "--yes")
    stack.up()
    assert cloud.shared_with(image) == {SALES}
    assert stack.preview().clean
