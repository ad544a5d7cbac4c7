"""The deadline of a call, after which it is not repeated, whatever AWS answers."""

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
    """Return permissions whose every request takes 100 seconds."""

    def pass_time(_: str) -> None:
        clock.now += 100

    wire.arrived = pass_time
    return permissions(make_client, clock=clock, before_write=lambda: wire.log.append("before write"))


def test_endless_throttling_ends_at_the_deadline(timed: Permissions, wire: Wire) -> None:
    """The line says what was being done. No write is attempted after the deadline."""
    wire.will(*[THROTTLED] * 4, DENIED)
    with pytest.raises(Unanswered) as caught:
        timed.grant(SHARE)
    assert str(caught.value) == (
        f"{GRANTING}: AWS throttled or failed every attempt for {DEADLINE:.0f} s; try again later"
    )
    assert wire.count(GRANT) == wire.count("before write") == 4


def test_write_without_an_answer_until_the_deadline_is_checked(timed: Permissions, wire: Wire) -> None:
    """It may have taken effect, so the shares are listed, with a deadline of their own."""
    wire.will(*[LOST] * 4, THROTTLED, listing(SALES))
    timed.grant(SHARE)
    assert wire.count(LIST) == 2


def test_each_call_has_its_own_deadline(timed: Permissions, wire: Wire) -> None:
    """A listing of many pages may take longer than one deadline."""
    wire.will(*[listing(token=str(page)) for page in range(5)], listing(SALES))
    assert timed.is_shared(SHARE)


def test_each_thread_has_its_own_deadline(wire: Wire, make_client: Callable[..., Any], clock: Clock) -> None:
    """A later call does not extend the deadline of one in another thread."""
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
