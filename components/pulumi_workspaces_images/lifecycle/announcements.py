"""What a reviewer is told about shares: at most ten lines of a kind for each image, then how to see the rest."""

import threading
from collections import Counter
from collections.abc import Callable

# A line takes about five rows of a preview's output.
MOST = 10


class Announcements:
    """The lines of one command about the shares of each image. Safe for threads."""

    def __init__(self) -> None:
        """Nothing has been said yet."""
        self._guard = threading.Lock()
        self._said: Counter[str] = Counter()

    def add(self, message: str, say: Callable[[str], None], *, more: str) -> None:
        """Say `message` unless there have been enough of its kind for the image.

        Args:
            message: the line, about one share.
            say: shows a line.
            more: what is said instead of the eleventh line; it is the same for all lines of a kind and an image.
        """
        with self._guard:
            self._said[more] += 1
            number = self._said[more]
        if number <= MOST:
            say(message)
        elif number == MOST + 1:
            say(more)
