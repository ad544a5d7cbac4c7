"""Processes of this machine: a process id alone may have been given to another process since."""

import os
import subprocess
from typing import NamedTuple

_PROC = os.path.exists("/proc/self/stat")  # Linux


class Process(NamedTuple):
    """One process, told apart from a later one with the same id.

    Attributes:
        pid: its id.
        start: when it started, as the operating system writes it; empty if it does not say.
    """

    pid: int
    start: str

    def runs(self) -> bool:
        """Tell whether it still runs. A dead one that nobody has reaped does not."""
        found = _look_up(self.pid)
        return found is not None and found[1] == self.start


def this_process() -> Process:
    """Return the process that asks."""
    return find(os.getpid()) or Process(os.getpid(), "")


def find(pid: int) -> Process | None:
    """Return the running process with an id; None if there is none."""
    found = _look_up(pid)
    return Process(pid, found[1]) if found else None


def starter() -> Process | None:
    """Return the process that started this one, an engine its provider; None if it cannot be told.

    An engine starts each provider as the leader of a process group. The official launcher is a shell, which is then the
    leader, and this process its child.
    """
    leader = _look_up(os.getpgid(0)) if hasattr(os, "getpgid") else None
    return find(leader[0]) if leader else None


def _look_up(pid: int) -> tuple[int, str] | None:
    """Return the parent's id and the start of a running process; None if there is none."""
    try:
        if _PROC:
            with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
                state, parent, *others = file.read().rpartition(")")[2].split()
            return None if state in "ZX" else (int(parent), others[17])
        listed = subprocess.run(
            ["ps", "-o", "ppid=,stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, timeout=10
        ).stdout.split()
        return None if not listed or listed[1].startswith("Z") else (int(listed[0]), " ".join(listed[2:]))
    except (OSError, ValueError, IndexError, subprocess.SubprocessError):
        return None
