"""AWS is asked again before drift is reported, because a listing may lag behind a write."""

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from local.cloud import LocalCloud
from pulumi_workspaces_images.aws import permissions
from pulumi_workspaces_images.aws.permissions import LOOK_AGAIN
from pulumi_workspaces_images.errors import AccessDenied, NotFound, Refused
from pulumi_workspaces_images.lifecycle import interruption
from pulumi_workspaces_images.share import Share
from tests.unit.helpers import GRANT, LEGAL, LIST, REGION, SALES, Clock, Command, outputs, state


class Waits:
    """Replaces the waits: it records them, moves the clock, and calls `then[n]` after the n-th wait."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.seconds: list[float] = []
        self.then: dict[int, Callable[[], object]] = {}

    def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        self.clock.now += seconds
        self.then.get(len(self.seconds), lambda: None)()


@pytest.fixture
def waits(command: Command, monkeypatch: pytest.MonkeyPatch, clock: Clock) -> Waits:
    monkeypatch.setattr(permissions, "LOOK_AGAIN", LOOK_AGAIN)  # which conftest.py has emptied for all tests
    waits = Waits(clock)
    command.process.connection.clock = clock
    assert command.process.permissions._wait is interruption.wait
    command.process.permissions._wait = waits
    return waits


@pytest.mark.parametrize("after", [1, 2])
def test_share_that_a_lagging_listing_does_not_show_yet(
    cloud: LocalCloud, command: Command, shared: Share, waits: Waits, after: int
) -> None:
    """A preview shows it as unchanged, and a refresh keeps it in the state."""
    cloud.unshare(shared.image_id, SALES)
    waits.then[after] = lambda: cloud.share(shared.image_id, SALES)
    assert command.diff(shared).changes is False
    assert command.engine.warnings == []
    assert waits.seconds == [5.0] * after
    assert cloud.count(LIST) == 1 + after
    assert command.read(shared).outs == outputs(shared)


def test_share_that_was_revoked_outside_pulumi(
    cloud: LocalCloud, command: Command, shared: Share, waits: Waits
) -> None:
    """It is reported after three listings. The later ones begin 5 and 10 s after the first."""
    cloud.unshare(shared.image_id, SALES)
    assert command.diff(shared).changes is True
    assert waits.seconds == [5.0, 5.0]
    assert cloud.count(LIST) == 3
    assert command.read(shared).id == ""  # uses the same listings
    assert cloud.count(LIST) == 3


@pytest.mark.parametrize(("took", "waited"), [(7, [3.0]), (5.0, [5.0]), (4.5, [0.5, 5.0])])
def test_wait_counts_from_the_beginning_of_the_first_listing(
    cloud: LocalCloud, command: Command, shared: Share, waits: Waits, took: float, waited: list[float]
) -> None:
    """If 7 s have passed since then, only 3 s are left to wait."""
    cloud.unshare(shared.image_id, SALES)
    assert command.process.permissions.shared_with(shared.image_id, REGION) == set()
    waits.clock.now += took
    assert command.diff(shared).changes is True
    assert waits.seconds == waited
    assert cloud.count(LIST) == 3


def test_five_hundred_revoked_shares(cloud: LocalCloud, command: Command, image: str, waits: Waits) -> None:
    """They need three listings, as one share does, and each thread waits 10 s at most."""
    shares = [Share(image, f"{700000000000 + number}", REGION) for number in range(500)]
    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(lambda share: command.diff(share).changes, shares))
    assert cloud.count(LIST) == 3
    assert sum(waits.seconds) <= 4 * 10.0  # 10 s for each of the four threads
    assert len(waits.seconds) <= 8


def test_drift_of_six_images(cloud: LocalCloud, command: Command, waits: Waits) -> None:
    """All images together wait once, because their first listings begin together."""
    shares = [Share(cloud.create_image(), SALES, REGION) for _ in range(6)]
    hint = json.dumps([[share.image_id, REGION] for share in shares])
    for share in shares:
        news = {**share._asdict(), "__provider": "reference", "_images": hint}
        assert not command.provider.check(state(share), news).failures
        for thread in threading.enumerate():
            if thread.name == "prefetch":
                thread.join(10)
        assert command.diff(share).changes is True
    assert sum(waits.seconds) == 10.0
    assert cloud.count(LIST) == 6 * 3 - 5  # the first image took 10 s, so the others need only one more each


def test_share_without_drift_is_listed_once(cloud: LocalCloud, command: Command, shared: Share, waits: Waits) -> None:
    assert command.diff(shared).changes is False
    assert not command.exclusive.check({}, listing_of(shared)).failures
    assert waits.seconds == []
    assert cloud.count(LIST) == 1


def listing_of(share: Share, *accounts: str, report_only: bool = False) -> dict[str, object]:
    return {
        "image_id": share.image_id,
        "shared_account_ids": [share.shared_account_id, *accounts],
        "report_only": report_only,
        "region": REGION,
        "__provider": "reference",
    }


@pytest.mark.parametrize("report_only", [True, False])
def test_account_that_a_lagging_listing_still_shows(
    cloud: LocalCloud, command: Command, shared: Share, waits: Waits, report_only: bool
) -> None:
    """A revoked account is not reported as unlisted."""
    cloud.share(shared.image_id, LEGAL)
    waits.then[1] = lambda: cloud.unshare(shared.image_id, LEGAL)
    assert not command.exclusive.check({}, listing_of(shared, report_only=report_only)).failures
    assert command.engine.warnings == []
    assert waits.seconds == [5.0]


def test_unlisted_account(cloud: LocalCloud, command: Command, shared: Share, waits: Waits) -> None:
    """It is reported after three listings, which check, diff and update share."""
    cloud.share(shared.image_id, LEGAL)
    news = listing_of(shared)
    assert not command.exclusive.check({}, news).failures
    assert command.exclusive.diff("", news, news).changes is True
    updated = command.exclusive.update("", news, news).outs
    assert updated
    assert updated["revoked_account_ids"] == [LEGAL]
    assert waits.seconds == [5.0, 5.0]
    assert cloud.count(LIST) == 3


@pytest.mark.parametrize("operation", ["read of a share", "check of a list"])
def test_image_that_aws_does_not_find_for_some_seconds(
    cloud: LocalCloud, command: Command, shared: Share, waits: Waits, operation: str
) -> None:
    """A refresh keeps its share in the state, and its exclusive list is not refused."""
    cloud.fail(LIST, "ResourceNotFoundException")
    if operation == "read of a share":
        assert command.read(shared).outs == outputs(shared)
    else:
        assert not command.exclusive.check({}, listing_of(shared)).failures
    assert waits.seconds == [5.0]


def test_image_that_is_gone(cloud: LocalCloud, command: Command, shared: Share, waits: Waits) -> None:
    """A refresh drops its share after three listings. A destroy does not wait."""
    cloud.remove_image(shared.image_id)
    assert command.read(shared).id == ""
    assert waits.seconds == [5.0, 5.0]
    command.delete(shared)
    assert waits.seconds == [5.0, 5.0]


@pytest.mark.parametrize("fault", ["lose_response", "fail"])
def test_grant_that_a_lagging_listing_does_not_show_yet(
    cloud: LocalCloud, command: Command, image: str, waits: Waits, fault: str
) -> None:
    """It succeeds, whether its answer is lost or AWS refuses to grant the share a second time."""
    if fault == "lose_response":
        cloud.lose_response(GRANT, times=2)  # the only retry as well
    else:
        cloud.fail(GRANT, "OperationNotSupportedException")
    cloud.lag(1000.0)

    def settled() -> None:
        cloud.clear_faults()
        cloud.share(image, SALES)

    waits.then[2] = settled
    share = Share(image, SALES, REGION)
    assert command.create(share).outs == outputs(share)
    assert waits.seconds == [5.0, 5.0]


def test_share_that_lives_on_is_found_after_all(
    cloud: LocalCloud, command: Command, shared: Share, waits: Waits
) -> None:
    """Its old resource has left the state, so a listing that lags must not make it a share in no state."""
    command.declare(shared)
    command.delete(shared)
    cloud.deny(f"workspaces:{GRANT}")
    cloud.unshare(shared.image_id, SALES)
    waits.then[1] = lambda: cloud.share(shared.image_id, SALES)
    assert command.create(shared).outs == outputs(shared)
    assert waits.seconds == [5.0]


def test_refused_grant(cloud: LocalCloud, command: Command, image: str, waits: Waits) -> None:
    """It fails after three listings that began after the refusal."""
    command.process.permissions.shared_with(image, REGION)
    waits.clock.now += 1
    cloud.fail(GRANT, "OperationNotSupportedException", times=None)
    with pytest.raises(Refused):
        command.create(Share(image, SALES, REGION))
    assert waits.seconds == [5.0, 5.0]
    assert cloud.count(LIST) == 4


@pytest.mark.parametrize("denied", ["the grant", "the listing"])
def test_denied_access_is_reported_without_a_wait(
    cloud: LocalCloud, command: Command, shared: Share, waits: Waits, denied: str
) -> None:
    cloud.deny(f"workspaces:{GRANT if denied == 'the grant' else LIST}")
    with pytest.raises(AccessDenied):
        command.create(shared._replace(shared_account_id=LEGAL)) if denied == "the grant" else command.diff(shared)
    assert waits.seconds == []


def test_share_that_an_exclusive_list_has_revoked(
    cloud: LocalCloud, command: Command, shared: Share, waits: Waits
) -> None:
    """Its deletion does not call AWS."""
    news = listing_of(shared) | {"shared_account_ids": []}
    command.exclusive.update("", news, news)
    calls = len(cloud.calls)
    command.delete(shared)
    assert len(cloud.calls) == calls


def test_get_of_a_share_that_was_granted_a_moment_ago(
    cloud: LocalCloud, command: Command, image: str, waits: Waits
) -> None:
    """Another stack may have granted it, so AWS is asked again before `get` fails."""
    share = Share(image, SALES, REGION)
    waits.then[1] = lambda: cloud.share(image, SALES)
    assert command.provider.read(share.id, {"__provider": "reference"}).outs == outputs(share)
    with pytest.raises(NotFound, match="declare an ImageShare to share it"):
        command.provider.read(f"{cloud.create_image()}/{LEGAL}", {"__provider": "reference"})
