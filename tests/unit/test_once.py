"""One request for all callers that ask at the same time or within five minutes."""

import threading
import traceback

import pytest

from pulumi_workspaces_images.aws.once import MAX_AGE, Once
from pulumi_workspaces_images.errors import ExpectedError, NotFound
from tests.unit.helpers import Clock, four_at_once


class Request:
    """A request that returns how often it was made, or fails."""

    def __init__(self, error: Exception | None = None) -> None:
        self.count = 0
        self._error = error

    def __call__(self) -> int:
        self.count += 1
        if self._error:
            raise self._error
        return self.count


def test_empty_result_is_remembered() -> None:
    once, made = Once[frozenset[str]](), list[int]()

    def request() -> frozenset[str]:
        made.append(1)
        return frozenset()

    assert once.get("a", request) == once.get("a", request) == frozenset()
    assert len(made) == 1


@pytest.mark.parametrize(("seconds", "count"), [(MAX_AGE, 1), (MAX_AGE + 1, 2)])
@pytest.mark.parametrize("error", [None, NotFound("no")])
def test_request_is_made_again_after_five_minutes(seconds: float, count: int, error: Exception | None) -> None:
    """The time counts from the answer. This also holds for a request that failed."""
    clock, request = Clock(), Request(error)
    clock.now = 0.0  # as on a machine that has just started

    def ask() -> int:
        clock.now += 50
        return request()

    once = Once[int](clock)
    for _ in range(2):
        try:
            once.get("a", ask)
        except NotFound:
            assert error
        clock.now += seconds
    assert request.count == count


def test_request_that_fails_because_of_a_bug_is_made_again() -> None:
    once = Once[int]()
    with pytest.raises(ZeroDivisionError):
        once.get("a", Request(ZeroDivisionError()))
    assert once.get("a", Request()) == 1


@pytest.mark.parametrize("error", [None, NotFound("no")])
def test_concurrent_callers_wait_for_the_request_in_progress(error: ExpectedError | None) -> None:
    """Each of the four threads gets the same result or the same error."""
    once, go_on, count = Once[int](), threading.Event(), list[int]()

    def request() -> int:
        count.append(1)
        assert go_on.wait(5)
        if error:
            raise error
        return 7

    def ask() -> object:
        try:
            return once.get("a", request)
        except NotFound as failed:
            return str(failed)

    assert four_at_once(ask, go_on) == ["no" if error else 7] * 4
    assert len(count) == 1


def test_traceback_of_a_remembered_error_does_not_grow() -> None:
    """Each caller gets its own exception, because a shared one would collect the traceback of every raise."""
    once, request = Once[int](), Request(NotFound("no such image"))
    for _ in range(50):
        with pytest.raises(NotFound, match=r"^no such image$") as caught:
            once.get("a", request)
    assert len(list(traceback.walk_tb(caught.value.__traceback__))) == 2
    assert request.count == 1
