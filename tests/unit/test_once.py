"""One look for all who ask: at the same time, and for a while after."""

import threading
import traceback

import pytest

from pulumi_workspaces_images.aws.once import MAX_AGE, Once
from pulumi_workspaces_images.errors import ExpectedError, NotFound
from tests.unit.helpers import Clock, four_at_once


class Eye:
    """A look that counts, and sees how often it has looked, or fails."""

    def __init__(self, error: Exception | None = None) -> None:
        self.count = 0
        self._error = error

    def __call__(self) -> int:
        self.count += 1
        if self._error:
            raise self._error
        return self.count


def test_nothing_seen_is_something_seen() -> None:
    """A look that found nothing at all is not repeated."""
    looks, seen = Once[frozenset[str]](), list[int]()

    def look() -> frozenset[str]:
        seen.append(1)
        return frozenset()

    assert looks.get("a", look) == looks.get("a", look) == frozenset()
    assert len(seen) == 1


@pytest.mark.parametrize(("seconds", "looked"), [(MAX_AGE, 1), (MAX_AGE + 1, 2)])
@pytest.mark.parametrize("error", [None, NotFound("no")])
def test_look_grows_old(seconds: float, looked: int, error: Exception | None) -> None:
    """After five minutes it is made again, also one that failed."""
    clock, eye = Clock(), Eye(error)
    looks = Once[int](clock)
    for now in (0.0, seconds):  # 0.0: as on a machine that has just started
        clock.now = now
        try:
            looks.get("a", eye)
        except NotFound:
            assert error
    assert eye.count == looked


def test_bug_is_not_kept() -> None:
    """Anything but an expected failure is nothing that was seen, and locks nobody out."""
    looks = Once[int]()
    with pytest.raises(ZeroDivisionError):
        looks.get("a", Eye(ZeroDivisionError()))
    assert looks.get("a", Eye()) == 1


@pytest.mark.parametrize("error", [None, NotFound("no")])
def test_who_asks_meanwhile_waits(error: ExpectedError | None) -> None:
    """Four threads, one look; each gets what it saw, or how it failed."""
    looks, go_on, count = Once[int](), threading.Event(), list[int]()

    def look() -> int:
        count.append(1)
        assert go_on.wait(5)
        if error:
            raise error
        return 7

    def ask() -> object:
        try:
            return looks.get("a", look)
        except NotFound as failed:
            return str(failed)

    assert four_at_once(ask, go_on) == ["no" if error else 7] * 4
    assert len(count) == 1


def test_failure_that_is_met_many_times_does_not_grow() -> None:
    """Each caller gets an exception of its own: a shared one would collect the traceback of every raise."""
    once, eye = Once[int](), Eye(NotFound("no such image"))
    for _ in range(50):
        with pytest.raises(NotFound, match=r"^no such image$") as caught:
            once.get("a", eye)
    assert len(list(traceback.walk_tb(caught.value.__traceback__))) == 2
    assert eye.count == 1
