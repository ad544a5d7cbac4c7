"""Fetch in the background what the next checks and diffs will need."""

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Collection

from ..aws.permissions import Permissions

# As many as the engine's workers, so that a preview sends AWS no more requests at once than an update.
_WORKERS = 4


class Prefetch:
    """Asks AWS about images in the background, a few at a time and once for each image. Thread-safe.

    The engine checks and diffs one resource after the other. Without this, the requests would wait for one another.
    """

    def __init__(self, permissions: Permissions) -> None:
        """Ask through `permissions`, which keeps the answers, failures included, until they are needed."""
        self._permissions = permissions
        self._guard = threading.Lock()
        self._described: set[tuple[str, str]] = set()
        self._listed: set[tuple[str, str]] = set()
        self._waiting: deque[Callable[[], object]] = deque()
        self._workers = 0

    def begin(self, images: Collection[tuple[str, str]], *, listings: bool) -> None:
        """Start to ask about `images`.

        Args:
            images: image id and Region of each, the most urgent first. One call describes as many as AWS allows.
            listings: whether their listings will be needed as well.
        """
        with self._guard:
            new = [image for image in images if image not in self._described]
            unlisted = [image for image in images if listings and image not in self._listed]
            self._described.update(new)
            self._listed.update(unlisted)
            for region in dict.fromkeys(region for _, region in new):
                for image_id in self._permissions.describe_together([i for i, r in new if r == region], region):
                    self._waiting.append(lambda i=image_id, r=region: self._permissions.describe(i, r))  # type: ignore[misc]
            for image_id, region in unlisted:
                self._waiting.append(lambda i=image_id, r=region: self._permissions.shared_with(i, r))  # type: ignore[misc]
            self._start_workers()

    def _start_workers(self) -> None:
        for _ in range(min(_WORKERS - self._workers, len(self._waiting))):
            try:
                # A daemon thread, so that the process does not wait for it at its end.
                threading.Thread(target=self._work, name="prefetch", daemon=True).start()
            except RuntimeError:
                return  # no thread is available: each caller then asks for what it needs
            self._workers += 1

    def _work(self) -> None:
        while True:
            with self._guard:
                if not self._waiting:
                    self._workers -= 1
                    return
                ask = self._waiting.popleft()
            # A caller that needs the answer gets the error. If none does, the error does not matter.
            with contextlib.suppress(Exception):
                ask()
