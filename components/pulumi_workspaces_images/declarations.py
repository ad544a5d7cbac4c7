"""What the running update declares: how a delete knows that its share is still wanted.

The engine creates first and deletes last, and one provider process serves the whole update. A resource that was
renamed, moved or swapped is, to the engine, one create and one delete of the same share: a delete that simply revokes
would end such an update with the share gone and the state claiming that it is there.
"""

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from .share import Share


class Declarations:
    """The shares that this process has seen declared, revoked, or failing. Safe for threads."""

    def __init__(self) -> None:
        """Start with nothing declared."""
        self._guard = threading.Lock()
        self._locks: defaultdict[Share, threading.Lock] = defaultdict(threading.Lock)
        self._declared: set[Share] = set()
        self._revoked: set[Share] = set()
        self._failed: set[Share] = set()

    @contextmanager
    def serialized(self, share: Share) -> Iterator[None]:
        """Let one thread at a time grant, revoke or re-check `share`.

        With `delete_before_replace` the engine deletes while later resources are still being checked: whoever is second
        must see what the first has done.
        """
        with self._guard:
            lock = self._locks[share]
        with lock:
            yield

    def declare(self, share: Share) -> None:
        """Note that the program declares `share`; for check alone, as read and diff see what is no longer declared."""
        self._declared.add(share)

    def is_declared(self, share: Share) -> bool:
        """Tell whether a resource of the running program declares `share`."""
        return share in self._declared

    def granted(self, share: Share) -> None:
        """Note that `share` was granted by this process."""
        self._revoked.discard(share)
        self._failed.discard(share)

    def revoked(self, share: Share) -> None:
        """Note that `share` was revoked by this process."""
        self._revoked.add(share)

    def was_revoked(self, share: Share) -> bool:
        """Tell whether this process has revoked `share` and not granted it again."""
        return share in self._revoked

    def failed(self, share: Share) -> None:
        """Note that checking or granting the declared `share` failed."""
        self._failed.add(share)

    def has_failed(self, share: Share) -> bool:
        """Tell whether checking or granting `share` failed and no grant has succeeded since."""
        return share in self._failed
