"""Looking once: concurrent askers share one look at AWS, and what it saw."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from ..errors import ExpectedError

# Seconds for which one look answers. It is made for one command, not for a day.
MAX_AGE = 300.0

T = TypeVar("T")


class Looks(Generic[T]):
    """What was seen, by key. Who asks while a look is under way waits for it; a failed look is not repeated either."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` tells the time in seconds."""
        self._clock = clock
        self._guard = threading.Lock()
        self._locks: defaultdict[Hashable, threading.Lock] = defaultdict(threading.Lock)
        self._seen: dict[Hashable, tuple[float, T | ExpectedError]] = {}

    def get(self, key: Hashable, look: Callable[[], T]) -> T:
        """Return what `look` saw for `key`, at most `MAX_AGE` seconds ago; raise the `ExpectedError` that it raised."""
        with self._guard:
            lock = self._locks[key]
        with lock:
            at, seen = self._seen.get(key, (-MAX_AGE, None))
            if seen is None or self._clock() - at > MAX_AGE:
                try:
                    seen = look()
                except ExpectedError as error:
                    seen = error
                self._seen[key] = (self._clock(), seen)
        if isinstance(seen, ExpectedError):
            raise seen
        return seen
