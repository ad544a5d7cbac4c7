"""The record of one update, which all provider processes of its engine share: a file that each of them appends to.

It is in a folder of its own under PULUMI_HOME, and belongs to one engine. It is never emptied, because a process may
join late, for a delete only. Opening a record removes the records of engines that no longer run.
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
"""Whether processes can share a record. On Windows each process keeps its own."""

Event = list[Any]
"""What happened: a word, then what it happened to, all as JSON values."""

# The number of lock files for all shares. Two shares seldom have the same one, and then only wait for each other.
_LOCKS = 256


class Record:
    """The events of one update. Safe for threads and processes, even if a process is killed at any moment."""

    def __init__(self, folder: Path) -> None:
        """Open the record in `folder`, which is created if it does not exist.

        Raises:
            OSError: it cannot be written.
        """
        folder.parent.parent.mkdir(parents=True, exist_ok=True)
        for each in (folder.parent, folder):  # `parents` would create them readable to all
            each.mkdir(mode=0o700, exist_ok=True)
        self._folder = folder
        self._guard = threading.Lock()
        self._file = os.open(folder / "events", os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        self._read = 0
        # Fail here, and not later, if the folder cannot be written or the file system has no locks.
        os.utime(folder)
        fcntl.flock(self._file, fcntl.LOCK_EX)
        fcntl.flock(self._file, fcntl.LOCK_UN)

    def exchange(self, events: Sequence[Event]) -> list[Event]:
        """Append events. Return what other processes have appended since the last call, followed by these events.

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
                        lines = b"\n" + lines  # after the incomplete line of a process that was killed
                    written = os.write(self._file, lines)
                    if written < len(lines):
                        raise OSError("the disk is full")
                # Only now, so that the events of other processes are not lost if the write fails.
                self._read = size + written
            finally:
                fcntl.flock(self._file, fcntl.LOCK_UN)
        return [*_parsed(news), *events]

    @contextmanager
    def lock(self, key: Sequence[str]) -> Iterator[None]:
        """Let one thread of one process at a time work on what `key` names."""
        number = zlib.crc32("/".join(key).encode()) % _LOCKS
        file = os.open(self._folder / f"lock-{number}", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
        finally:
            os.close(file)  # this releases the lock, and so does the end of the process


def _parsed(news: bytes) -> Iterator[Event]:
    for line in news.splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            continue  # the incomplete line of a process that was killed
        if isinstance(event, list) and event:
            yield event


def open_record(address: str, engine: "processes.Process | None") -> Record | None:
    """Return the record of an engine's update; None on Windows, where each process keeps its own.

    Args:
        address: where the engine listens.
        engine: its process; None if it is not known. A later engine could then be mistaken for it, so this fails.

    Raises:
        OSError: it cannot be written.
    """
    if not SHARED:
        return None
    home = Path(os.environ.get("PULUMI_HOME") or "~/.pulumi").expanduser()
    # Users, machines and containers that share one home folder do not share records.
    records = home / f"workspaces-images-{os.getuid()}"
    machine = hashlib.sha256(f"{socket.gethostname()} {_namespace()}".encode()).hexdigest()[:12]
    _remove_old(records, machine)
    if engine is None:
        raise OSError("the engine's process was not found")
    return Record(records / "-".join([machine, *map(_plain, (address, str(engine.pid), engine.start))]))


def _remove_old(records: Path, machine: str) -> None:
    for folder in records.glob(f"{machine}-*"):
        # The engine may still run if the system cannot be asked. A name may be that of another version.
        with contextlib.suppress(OSError, ValueError):
            _, _, pid, start = folder.name.split("-", 3)
            engine = processes.find(int(pid))
            if engine is None or _plain(engine.start) != start:
                shutil.rmtree(folder, ignore_errors=True)


def _plain(text: str) -> str:
    return re.sub(r"[^0-9A-Za-z.]", "_", text)


def _namespace() -> str:
    """Return what distinguishes the processes of one container from those of another."""
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""
