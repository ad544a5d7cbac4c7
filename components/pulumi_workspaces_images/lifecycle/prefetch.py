"""Looking ahead: what the next checks and diffs will ask for is asked for in the background already."""

import contextlib
import threading
from collections.abc import Callable, Collection

from ..aws.permissions import Permissions

# As many as the engine's workers: AWS meets no more at once in a preview than in an update.
_AT_ONCE = 4

THREAD = "looking ahead"
"""The name of the threads that look."""

Image = tuple[str, str]
"""An image's id and its Region."""


class Ahead:
    """Looks at images in the background, a few at a time, at each image once. Safe for threads.

    The engine checks and compares one resource after the other: without this, the images would line up.
    """

    def __init__(self, permissions: Permissions) -> None:
        """`permissions` keeps what was seen for who asks later, a failure as well."""
        self._permissions = permissions
        self._guard = threading.Lock()
        self._slots = threading.Semaphore(_AT_ONCE)
        self._described: set[Image] = set()
        self._listed: set[Image] = set()

    def look(self, images: Collection[Image], *, listings: bool) -> None:
        """Begin to look at `images`, the most urgent one first.

        Args:
            images: all of them are described in one call, as far as AWS allows it.
            listings: whether their listings will be needed as well.
        """
        with self._guard:
            new = [image for image in images if image not in self._described]
            unlisted = [image for image in images if listings and image not in self._listed]
            self._described.update(new)
            self._listed.update(unlisted)
        for region in dict.fromkeys(region for _, region in new):
            for image_id in self._permissions.describe_together([i for i, r in new if r == region], region):
                self._start(self._permissions.describe, image_id, region)
        for image_id, region in unlisted:
            self._start(self._permissions.shared_with, image_id, region)

    def _start(self, look: Callable[[str, str], object], image_id: str, region: str) -> None:
        def run() -> None:
            # Whoever needs the answer meets its error; where nobody does, there is nothing to tell.
            with self._slots, contextlib.suppress(Exception):
                look(image_id, region)

        # A process that ends does not wait for it.
        threading.Thread(target=run, name=THREAD, daemon=True).start()
