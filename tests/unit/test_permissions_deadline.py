"""The deadline of a call: how long AWS is tried, whatever it answers."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from pulumi_workspaces_images.aws.connection import DEADLINE
from pulumi_workspaces_images.aws.permissions import Permissions
from pulumi_workspaces_images.errors import Unanswered
from tests.unit.helpers import GRANT, IMAGE, LIST, REGION, SALES, SHARE, Clock, Wire, listing
from tests.unit.workspaces import DENIED, GRANTING, LISTING, LOST, THROTTLED, permissions


@pytest.fixture
def timed(wire: Wire, make_client: Callable[..., Any], clock: Clock) -> Permissions:
    """Permissions whose every call takes 100 seconds."""

    def pass_time(_: str) -> None:
        clock.now += 100

    wire.arrived = pass_time
    return permissions(make_client, clock=clock, before_write=lambda: wire.log.append("before write"))


def test_throttling_without_an_end(timed: Permissions, wire: Wire) -> None:
    """A call ends at its deadline, with what it was about; and no write is attempted, nor asked about, after it."""
    wire.will(*[THROTTLED] * 4, DENIED)
    with pytest.raises(Unanswered) as caught:
        timed.grant(SHARE)
    assert str(caught.value) == (
        f"{GRANTING}: AWS throttled or failed every attempt for {DEADLINE:.0f} s; try again later"
    )
    assert wire.count(GRANT) == wire.count("before write") == 4


def test_write_that_came_too_late_is_settled_by_looking(timed: Permissions, wire: Wire) -> None:
    """One of the attempts may have been heard; the look has a deadline of its own."""
    wire.will(*[LOST] * 4, THROTTLED, listing(SALES))
    timed.grant(SHARE)
    assert wire.count(LIST) == 2


def test_each_call_has_its_own_deadline(timed: Permissions, wire: Wire) -> None:
    """A listing of many pages may take its time, as long as AWS answers."""
    wire.will(*[listing(token=str(page)) for page in range(5)], listing(SALES))
    assert timed.is_shared(SHARE)


def test_deadlines_of_threads_are_their_own(wire: Wire, make_client: Callable[..., Any], clock: Clock) -> None:
    """A call that begins later does not give more time to one that runs already."""
    asked = permissions(make_client, clock=clock)
    running, begun = threading.Event(), threading.Event()

    def arrived(operation: str) -> None:
        if operation == LIST:
            clock.now += DEADLINE - 1
            running.set()
            assert begun.wait(5)
            clock.now += 2

    wire.arrived = arrived
    wire.will(THROTTLED)
    with ThreadPoolExecutor(1) as pool:
        looking = pool.submit(asked.is_shared, SHARE)
        assert running.wait(5)
        wire.will({"Images": [{"ImageId": IMAGE}]})
        asked.describe(IMAGE, REGION)
        begun.set()
        with pytest.raises(Unanswered, match=f"^{LISTING}"):
            looking.result(5)
    assert wire.count(LIST) == 1
