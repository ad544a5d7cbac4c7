"""Secret accounts, images and Regions, which no message shows."""

import threading
from collections.abc import Mapping

from .share import shown

SECRET = "[secret]"
"""What stands for a secret in a message, as in Pulumi's own."""

_SHORTEST = 4  # anything shorter is part of other words, and neither an account, an image nor a Region


class Secrets:
    """Values that no message shows. Safe for threads."""

    def __init__(self) -> None:
        """There is none yet."""
        self._texts: frozenset[str] = frozenset()
        self._lock = threading.Lock()

    def add(self, value: object) -> None:
        """Hide a value from now on, as it is and as messages quote it; of a list or mapping, each of its values."""
        if isinstance(value, (list, tuple, Mapping)):
            for item in value.values() if isinstance(value, Mapping) else value:
                self.add(item)
        if not isinstance(value, (str, int, float)) or isinstance(value, bool):
            return
        texts = {text for text in (value, shown(value)) if isinstance(text, str) and len(text) >= _SHORTEST}
        with self._lock:
            self._texts |= texts

    def hide(self, text: str) -> str:
        """Return `text` without them."""
        for secret in sorted(self._texts, key=len, reverse=True):
            text = text.replace(secret, SECRET)
        return text


of_this_process = Secrets()
"""For a process that serves one command, as a provider does."""
