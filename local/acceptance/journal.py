"""The journal: the share that a killed run may leave behind, and a lock that allows only one run at a time.

It is in the user's cache. A run writes it before its first call that changes a share, and removes it once the image is
as it was before. So a run that finds a journal knows that an earlier run has granted the share.
"""

from __future__ import annotations

import dataclasses
import fcntl
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

from pulumi_workspaces_images.errors import ExpectedError

# Seconds. The provider processes of a killed engine end within a few seconds.
_PATIENCE = 60.0


@dataclasses.dataclass(frozen=True)
class Entry:
    """The share that a run works with.

    Attributes:
        image_id: the image.
        account: the recipient. Before the run it had no share.
        region: the image's Region.
        owner: the account that owns the image.
        endpoint: the URL of WorkSpaces, without a password.
        begun: when the run began, as messages show it.
    """

    image_id: str
    account: str
    region: str
    owner: str
    endpoint: str
    begun: str


class Journal:
    """The journal and its lock, in a folder that is created.

    Attributes:
        path: the file.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path = folder / "journal.json"
        self._lock_path = folder / "lock"
        self._lock: int | None = None

    @property
    def descriptor(self) -> int:
        """The lock's file descriptor. Every process that inherits it holds the lock, too."""
        assert self._lock is not None
        return self._lock

    def lock(self, patience: float = _PATIENCE, say: Callable[[str], None] = print) -> None:
        """Take the lock. Then neither another run nor a process that a killed run has started is at work.

        Args:
            patience: how many seconds to wait.
            say: called with a message if there is something to wait for.

        Raises:
            ExpectedError: the lock is still held.
        """
        lock = os.open(self._lock_path, os.O_RDWR | os.O_CREAT, 0o600)
        end, waiting = time.monotonic() + patience, False
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > end:
                    os.close(lock)
                    raise ExpectedError(
                        f"another run is at work, or what a killed run has started ({self._lock_path} is locked); wait "
                        "for its end, then try again"
                    ) from None
                if not waiting:
                    say("Another run is at work, or what a killed run has started. Waiting until it ends.")
                    waiting = True
                time.sleep(0.1)
            else:
                self._lock = lock
                return

    def outlive(self) -> None:
        """Wait until every process that has inherited the lock has ended.

        Raises:
            ExpectedError: one of them is still running.
        """
        self.unlock()
        self.lock(say=lambda _: None)

    def unlock(self) -> None:
        """Release the lock. Processes that have inherited it keep it."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def read(self) -> Entry | None:
        """Return the share that an earlier run may have left behind, or None.

        Raises:
            ExpectedError: the journal cannot be read.
        """
        try:
            return Entry(**json.loads(self.path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError) as error:
            raise ExpectedError(
                f"the journal of an earlier run cannot be read ({error}): check by hand whether it has left a share, "
                f"then remove {self.path}"
            ) from None

    def write(self, entry: Entry) -> None:
        """Write the journal, and wait until all of it is on the disk."""
        partial = self.path.with_suffix(".partial")
        with partial.open("w", encoding="utf-8") as file:
            json.dump(dataclasses.asdict(entry), file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self.path)
        self._sync_folder()

    def remove(self) -> None:
        """Remove the journal, once the image is as it was."""
        self.path.unlink(missing_ok=True)
        self._sync_folder()

    def _sync_folder(self) -> None:
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
