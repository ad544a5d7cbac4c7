"""Processes of this machine, known by id and start time, because the system reuses process ids."""

import os
import subprocess
from typing import NamedTuple

_PROC = os.path.exists("/proc/self/stat")  # Linux


class Process(NamedTuple):
    """One process, distinguished from a later one with the same id.

    Attributes:
        pid: its id.
        start: when it started, as the operating system writes it; empty if that is not known.
    """

    pid: int
    start: str

    def runs(self) -> bool:
        """Tell whether it still runs, or may still run. A zombie (ended, but not reaped) does not run."""
        try:
            found = _look_up(self.pid)
        except OSError:
            return True
        return found is not None and self.start in ("", found[1])


def this_process() -> Process:
    """Return the current process."""
    try:
        return find(os.getpid()) or Process(os.getpid(), "")
    except OSError:
        return Process(os.getpid(), "")


def find(pid: int) -> Process | None:
    """Return the running process with an id; None if there is none.

    Raises:
        OSError: the system could not be asked.
    """
    found = _look_up(pid)
    return Process(pid, found[1]) if found else None


def starter() -> Process | None:
    """Return the process that started this one, for a provider its engine; None if it cannot be found.

    An engine starts each provider as the leader of a process group. With the official launcher, the leader is a shell,
    and this process is its child.
    """
    try:
        leader = _look_up(os.getpgid(0)) if hasattr(os, "getpgid") else None
        return find(leader[0]) if leader else None
    except OSError:
        return None


def _look_up(pid: int) -> tuple[int, str] | None:
    """Return the parent's id and the start of a running process; None if there is none.

    Raises:
        OSError: the system could not be asked: no file can be opened, or `ps` cannot run.
    """
    if _PROC:
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
                state, parent, *others = file.read().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return None
        return None if state in "ZX" else (int(parent), others[17])
    try:
        command = ["ps", "-o", "ppid=,stat=,lstart=", "-p", str(pid)]
        # Otherwise `ps` writes times in the language and time zone of its caller, which differ between shells.
        plain = {**os.environ, "LC_ALL": "C", "TZ": "UTC0"}
        listed = subprocess.run(command, env=plain, capture_output=True, text=True, timeout=10).stdout.split()
    except subprocess.SubprocessError as error:
        raise OSError(str(error)) from None
    return None if not listed or listed[1].startswith("Z") else (int(listed[0]), " ".join(listed[2:]))
