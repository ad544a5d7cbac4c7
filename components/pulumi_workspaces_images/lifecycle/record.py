"""The record of one update, which all provider processes of its engine share: a file that each of them appends to.

It lies in a folder of its own under PULUMI_HOME, and belongs to one engine. Nobody empties it, because a process may
join late, only for a delete. Whoever opens a record removes those of engines that no longer run.
"""

import contextlib
import hashlib
import json
import os
import re
import shutil
import socket
import threading
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from . import processes

try:
    import fcntl
except ImportError:
    SHARED = False
else:
    SHARED = True
"""Whether processes can share a record. On Windows each keeps its own."""

Event = list[Any]
"""What happened: a word, and what it happened to; as JSON holds it."""

# As many files stand for the locks of all shares. Two shares seldom meet at one, and then only wait for each other.
_LOCKS = 256


class Record:
    """The events of one update. Safe for threads, and for processes, of which any may be killed at any time."""

    def __init__(self, folder: Path) -> None:
        """Open the record in `folder`, which is made if need be.

        Raises:
            OSError: it cannot be written.
        """
        folder.parent.parent.mkdir(parents=True, exist_ok=True)
        for each in (folder.parent, folder):  # `parents` would make them readable to all
            each.mkdir(mode=0o700, exist_ok=True)
        self._folder = folder
        self._guard = threading.Lock()
        self._file = os.open(folder / "events", os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        self._read = 0
        # Here, and not later, it shows that there is nothing to be written, or no locks on this file system.
        os.utime(folder)
        fcntl.flock(self._file, fcntl.LOCK_EX)
        fcntl.flock(self._file, fcntl.LOCK_UN)

    def exchange(self, events: Sequence[Event]) -> list[Event]:
        """Append events, and return what others have appended since the last call, then these.

        Raises:
            OSError: they could not be written.
        """
        with self._guard:
            fcntl.flock(self._file, fcntl.LOCK_EX)
            try:
                size = os.fstat(self._file).st_size
                news = os.pread(self._file, size - self._read, self._read)
                written = 0
                if events:
                    lines = "".join(f"{json.dumps(event)}\n" for event in events).encode()
                    if size and os.pread(self._file, 1, size - 1) != b"\n":
                        lines = b"\n" + lines  # after half a line, of a process that was killed
                    written = os.write(self._file, lines)
                    if written < len(lines):
                        raise OSError("the disk is full")
                # Not before: what others have noted must not get lost with a write that fails.
                self._read = size + written
            finally:
                fcntl.flock(self._file, fcntl.LOCK_UN)
        return [*_parsed(news), *events]

    @contextmanager
    def lock(self, key: Sequence[str]) -> Iterator[None]:
        """Let one thread of one process at a time do something with what `key` names."""
        number = zlib.crc32("/".join(key).encode()) % _LOCKS
        file = os.open(self._folder / f"lock-{number}", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
        finally:
            os.close(file)  # which releases it, as the end of the process does


def _parsed(news: bytes) -> Iterator[Event]:
    for line in news.splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            continue  # half a line, of a process that was killed
        if isinstance(event, list) and event:
            yield event


def open_record(address: str, engine: "processes.Process | None") -> Record | None:
    """Return the record of an engine's update; None on Windows, where each process keeps its own.

    Args:
        address: where the engine listens.
        engine: its process; None if that cannot be told, so that a later engine could be taken for it.

    Raises:
        OSError: it cannot be written.
    """
    if not SHARED:
        return None
    home = Path(os.environ.get("PULUMI_HOME") or "~/.pulumi").expanduser()
    # Two users of one home do not meet, nor do two machines, or containers, that share it.
    records = home / f"workspaces-images-{os.getuid()}"
    machine = hashlib.sha256(f"{socket.gethostname()} {_namespace()}".encode()).hexdigest()[:12]
    _remove_old(records, machine)
    if engine is None:
        raise OSError("the engine's process cannot be told")
    return Record(records / "-".join([machine, *map(_plain, (address, str(engine.pid), engine.start))]))


def _remove_old(records: Path, machine: str) -> None:
    for folder in records.glob(f"{machine}-*"):
        _, _, pid, start = folder.name.split("-", 3)
        with contextlib.suppress(OSError):  # what cannot be told may still run
            engine = processes.find(int(pid))
            if engine is None or _plain(engine.start) != start:
                shutil.rmtree(folder, ignore_errors=True)


def _plain(text: str) -> str:
    return re.sub(r"[^0-9A-Za-z.]", "_", text)


def _namespace() -> str:
    """Return what tells the processes of one container from those of another."""
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""
