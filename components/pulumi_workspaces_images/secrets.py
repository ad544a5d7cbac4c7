"""Secret accounts, images and Regions, which messages must not show."""

import threading
from collections.abc import Mapping

from .share import shown

SECRET = "[secret]"
"""The placeholder for a secret in a message, the same as in Pulumi's own messages."""

_SHORTEST = 4  # no account, image or Region is shorter, and a shorter text would also match parts of other words


class Secrets:
    """Values that are hidden in messages. Thread-safe."""

    def __init__(self) -> None:
        """Start with no values."""
        self._texts: frozenset[str] = frozenset()
        self._lock = threading.Lock()

    def add(self, value: object) -> None:
        """Hide a value from now on, both plain and as messages quote it. For a list or mapping, hide each value."""
        if isinstance(value, (list, tuple, Mapping)):
            for item in value.values() if isinstance(value, Mapping) else value:
                self.add(item)
        if not isinstance(value, (str, int, float)) or isinstance(value, bool):
            return
        texts = {text for text in (value, shown(value)) if isinstance(text, str) and len(text) >= _SHORTEST}
        with self._lock:
            self._texts |= texts

    def hide(self, text: str) -> str:
        """Return `text` with every secret replaced."""
        for secret in sorted(self._texts, key=len, reverse=True):
            text = text.replace(secret, SECRET)
        return text


of_this_process = Secrets()
"""The secrets of a process that serves one command, as a provider does."""
