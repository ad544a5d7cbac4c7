"""Ask in the background for what the next checks and diffs will need."""

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Collection

from ..aws.permissions import Permissions

# As many as the engine's workers: AWS meets no more at once in a preview than in an update.
_WORKERS = 4


class Prefetch:
    """Asks about images in the background, a few at a time, about each image once. Safe for threads.

    The engine checks and compares one resource after the other: without this, the requests would line up.
    """

    def __init__(self, permissions: Permissions) -> None:
        """`permissions` keeps the answers for whoever needs them later, failures too."""
        self._permissions = permissions
        self._guard = threading.Lock()
        self._described: set[tuple[str, str]] = set()
        self._listed: set[tuple[str, str]] = set()
        self._waiting: deque[Callable[[], object]] = deque()
        self._workers = 0

    def begin(self, images: Collection[tuple[str, str]], *, listings: bool) -> None:
        """Begin to ask about `images`, the most urgent one first.

        Args:
            images: image id and Region of each. As many as AWS allows are described in one call.
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
                # A process that ends does not wait for it.
                threading.Thread(target=self._work, name="prefetch", daemon=True).start()
            except RuntimeError:
                return  # no thread to be had: whoever needs an answer asks for it
            self._workers += 1

    def _work(self) -> None:
        while True:
            with self._guard:
                if not self._waiting:
                    self._workers -= 1
                    return
                ask = self._waiting.popleft()
            # Whoever needs the answer meets its error; where nobody does, there is nothing to tell.
            with contextlib.suppress(Exception):
                ask()
