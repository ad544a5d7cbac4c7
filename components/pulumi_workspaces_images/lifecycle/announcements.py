"""The lines about shares that a reviewer sees: at most ten of a kind for each image, then how to see the rest."""

import threading
from collections import Counter
from collections.abc import Callable

# A line takes about five rows of a preview's output.
MOST = 10


class Announcements:
    """The lines of one command about the shares of each image. Thread-safe."""

    def __init__(self) -> None:
        """Start with no lines shown."""
        self._guard = threading.Lock()
        self._said: Counter[str] = Counter()

    def add(self, message: str, say: Callable[[str], None], *, more: str) -> None:
        """Show `message`, unless ten lines of its kind have been shown for the image.

        Args:
            message: the line, about one share.
            say: shows a line.
            more: the line to show instead of the eleventh one; the same for all lines of one kind and image.
        """
        with self._guard:
            self._said[more] += 1
            number = self._said[more]
        if number <= MOST:
            say(message)
        elif number == MOST + 1:
            say(more)
