"""Prefetching: images are read ahead in the background, each once and a few at a time. Failures are not reported."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from pulumi_workspaces_images.errors import NotFound
from pulumi_workspaces_images.lifecycle.prefetch import Prefetch

EAST, WEST = "us-east-1", "us-west-2"


class Seen:
    """Replace the permissions, and record each read."""

    def __init__(self, wait: Callable[[], object] = lambda: None, error: Exception | None = None) -> None:
        self.together: list[tuple[list[str], str]] = []
        self.described: list[tuple[str, str]] = []
        self.listed: list[tuple[str, str]] = []
        self.at_once = self.most = 0
        self._wait, self._error, self._lock = wait, error, threading.Lock()

    def describe_together(self, image_ids: list[str], region: str) -> list[str]:
        self.together.append((image_ids, region))
        return image_ids[:1]

    def describe(self, image_id: str, region: str) -> None:
        self._look(self.described, image_id, region)

    def shared_with(self, image_id: str, region: str) -> None:
        self._look(self.listed, image_id, region)

    def _look(self, seen: list[tuple[str, str]], image_id: str, region: str) -> None:
        with self._lock:
            self.at_once += 1
            self.most = max(self.most, self.at_once)
        self._wait()
        with self._lock:
            self.at_once -= 1
            seen.append((image_id, region))
        if self._error:
            raise self._error


def prefetch_of(seen: Any) -> Prefetch:
    return Prefetch(seen)


def until(done: Callable[[], bool]) -> None:
    end = time.monotonic() + 5
    while not done():
        assert time.monotonic() < end
        time.sleep(0.001)


def test_images_of_a_region_are_described_together() -> None:
    """There is one call per Region, and no listing if none is needed."""
    seen = Seen()
    prefetch_of(seen).begin([("wsi-a", EAST), ("wsi-b", WEST), ("wsi-c", EAST)], listings=False)
    until(lambda: len(seen.described) == 2)
    assert seen.together == [(["wsi-a", "wsi-c"], EAST), (["wsi-b"], WEST)]
    assert sorted(seen.described) == [("wsi-a", EAST), ("wsi-b", WEST)]
    assert seen.listed == []


def test_each_image_is_read_once() -> None:
    """Hundreds of shares name the same images. A listing that only a later share needs is read then."""
    seen = Seen()
    prefetch = prefetch_of(seen)
    images = [("wsi-a", EAST), ("wsi-b", EAST)]
    for listings in (False, False, True, True, False):
        prefetch.begin(images, listings=listings)
    prefetch.begin([*images, ("wsi-c", EAST)], listings=True)
    until(lambda: (len(seen.described), len(seen.listed)) == (2, 3))
    assert seen.together == [(["wsi-a", "wsi-b"], EAST), (["wsi-c"], EAST)]
    assert sorted(seen.listed) == [("wsi-a", EAST), ("wsi-b", EAST), ("wsi-c", EAST)]


def test_at_most_four_calls_at_a_time() -> None:
    start = threading.Event()
    seen = Seen(wait=lambda: start.wait(5))
    prefetch_of(seen).begin([(f"wsi-{n}", EAST) for n in range(40)], listings=True)
    until(lambda: seen.at_once == 4)
    start.set()
    until(lambda: len(seen.listed) == 40)
    assert seen.most == 4


@pytest.mark.parametrize("error", [NotFound("gone"), ZeroDivisionError("a bug")])
@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
def test_failure_is_not_reported(error: Exception) -> None:
    """The other images are still read. Only a share that needs the image reports the failure."""
    seen = Seen(error=error)
    prefetch_of(seen).begin([(f"wsi-{n}", EAST) for n in range(10)], listings=True)
    until(lambda: len(seen.listed) == 10)


def test_nothing_is_prefetched_if_no_thread_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not an error, because each share makes the calls that it needs."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    seen = Seen()
    prefetch_of(seen).begin([("wsi-a", EAST)], listings=True)
    assert seen.described == seen.listed == []
