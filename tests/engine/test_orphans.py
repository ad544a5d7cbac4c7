"""Law 4: a provider process that outlives its engine writes nothing, whatever later updates have done."""

from collections.abc import Callable, Iterator
from contextlib import suppress

import psutil
import pytest

from local.cloud import AwsError, Call, LocalCloud, Response
from tests.engine.harness import SALES, Stack
from tests.engine.test_engine_killed import alive, wait_for
from tests.engine.test_provider_processes import program, writer

pytestmark = pytest.mark.nightly

Shares = list[tuple[str, str, str]]

DEFAULT, ONE, TWO = "", "provider=one", "provider=two"

# The shares before, those that the killed update declares, those that the next update declares, and the final accounts.
CASES: dict[str, tuple[Shares, Shares, Shares, set[str]]] = {
    "granting, then removed": ([], [("sales", SALES, ONE)], [], set()),
    "revoking, then moved": ([("old", SALES, DEFAULT)], [], [("new", SALES, ONE)], {SALES}),
    "moving, then moved on": ([("old", SALES, DEFAULT)], [("new", SALES, ONE)], [("newer", SALES, TWO)], {SALES}),
    "moving, then moved back": ([("old", SALES, ONE)], [("new", SALES, DEFAULT)], [("old", SALES, ONE)], {SALES}),
    "moving, then removed": ([("old", SALES, DEFAULT)], [("new", SALES, ONE)], [], set()),
}


@pytest.fixture
def processes() -> Iterator[list[psutil.Process]]:
    """Return a list for processes that must not outlive the test."""
    made: list[psutil.Process] = []
    yield made
    for process in made:
        with suppress(psutil.NoSuchProcess):
            process.kill()


@pytest.mark.parametrize(("before", "killed", "after", "shared"), CASES.values(), ids=CASES)
def test_orphan_that_wakes_up_after_the_next_up_writes_nothing_and_ends(
    stack: Stack,
    cloud: LocalCloud,
    image: str,
    processes: list[psutil.Process],
    before: Shares,
    killed: Shares,
    after: Shares,
    shared: set[str],
) -> None:
    """It was about to repeat a write when its engine was killed, and is suspended until the next up has ended."""
    orphans: list[psutil.Process] = []

    def strike(call: Call, proceed: Callable[[], Response]) -> Response:
        if call.operation != "UpdateWorkspaceImagePermission" or orphans:
            return proceed()
        processes.extend(psutil.Process(running.pid).children(recursive=True))
        orphans.append(psutil.Process(writer(running.pid, cloud)))
        running.kill()
        running.wait()
        orphans[0].suspend()  # not earlier: a suspended process group gets a SIGHUP when its engine dies
        raise AwsError("ThrottlingException", "Rate exceeded", 400)

    program(stack, image, *before)
    stack.up()
    program(stack, image, *killed)
    cloud.interceptors.append(strike)
    running = stack.start("up", "--yes", "--skip-preview")
    running.communicate(timeout=120)

    program(stack, image, *after)
    stack.run("cancel", "--yes")
    stack.up()
    (orphan,) = orphans
    assert orphan.status() == psutil.STATUS_STOPPED
    cloud.forget_calls()
    orphan.resume()
    wait_for(lambda: not alive(orphan.pid), "the orphan to end")
    assert cloud.writes() == []
    assert cloud.shared_with(image) == shared
    assert stack.preview().clean
    assert len(stack.records()) == 1
