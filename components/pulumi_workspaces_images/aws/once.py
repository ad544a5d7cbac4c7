"""Ask once: concurrent callers share one request to AWS, and its answer."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from ..errors import ExpectedError

# Seconds for which one answer is used: long enough for a command, too short for a program that runs for days.
MAX_AGE = 300.0

T = TypeVar("T")


@dataclass(frozen=True)
class _Seen(Generic[T]):
    at: float
    answer: T | None
    error: ExpectedError | None


class Once(Generic[T]):
    """Answers by key. Concurrent callers wait for the request in progress. A failed request is not repeated either.

    Thread-safe.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Take a clock that returns the time in seconds."""
        self._clock = clock
        self._guard = threading.Lock()
        self._locks: defaultdict[Hashable, threading.Lock] = defaultdict(threading.Lock)
        self._seen: dict[Hashable, _Seen[T]] = {}

    def get(self, key: Hashable, ask: Callable[[], T]) -> T:
        """Return what `ask` returned for `key` in the last `MAX_AGE` seconds; raise the ExpectedError it raised."""
        with self._guard:
            lock = self._locks[key]
        with lock:
            seen = self._seen.get(key)
            if seen is None or self._clock() - seen.at > MAX_AGE:
                seen = self._ask(ask)
                self._seen[key] = seen
        if seen.error:
            raise seen.error.again()
        return seen.answer  # type: ignore[return-value]  # None only if T allows it

    def known(self, key: Hashable) -> T | None:
        """Return the answer for `key` if there is one already; None if not, or if the request failed."""
        with self._guard:
            seen = self._seen.get(key)
        return seen.answer if seen else None

    def _ask(self, ask: Callable[[], T]) -> _Seen[T]:
        try:
            answer, error = ask(), None
        except ExpectedError as failure:
            answer, error = None, failure
        return _Seen(self._clock(), answer, error)
