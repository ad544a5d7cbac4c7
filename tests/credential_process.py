"""Credential processes for tests: what they print, how often they ran, and when one has ended."""

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from tests.unit.helpers import CANARY

PATIENCE = 60.0  # seconds; only a failing test waits this long
KEYS = {"Version": 1, "AccessKeyId": "AKIDPROCESS", "SecretAccessKey": CANARY, "SessionToken": "t"}


class Tool:
    """A program for `credential_process`. Its arguments in a profile are a secret."""

    def __init__(self, folder: Path) -> None:
        """Prepare a program, which `will` writes.

        Args:
            folder: the folder of the program and its log.
        """
        self.path = folder / "tool"
        self._log = folder / "tool.log"

    @property
    def command(self) -> str:
        """The value of `credential_process`."""
        return f"{self.path} --token {CANARY}"

    def will(self, script: str) -> None:
        """Let it run a shell script."""
        self.path.write_text(f"#!/bin/sh\necho $$ >>{self._log}\n{script}\n")
        self.path.chmod(0o755)

    def will_print(self, **keys: object) -> None:
        """Let it print credentials, with these keys instead of its own."""
        printed = {name: value for name, value in {**KEYS, **keys}.items() if value is not None}
        self.will(f"cat <<'END'\n{json.dumps(printed)}\nEND")

    def will_hang(self) -> None:
        """Let it wait for a child that never ends and keeps its output open."""
        self.will(f"sleep 1000 &\necho $! >>{self._log}\nwait")

    @property
    def runs(self) -> list[int]:
        """The ids of its processes so far, including the child of one that hangs."""
        return [int(line) for line in self._log.read_text().split()] if self._log.exists() else []

    def kill(self) -> None:
        """Kill all its processes that are still running."""
        for pid in self._alive():
            os.kill(pid, signal.SIGKILL)

    def wait_until_it_hangs(self) -> None:
        """Wait until the process and its child are running."""
        wait_for(lambda: len(self._alive()) == 2, "the credential process")

    def wait_until_it_is_gone(self) -> None:
        """Wait until none of its processes is running."""
        wait_for(lambda: not self._alive(), "the end of the credential process")

    def _alive(self) -> list[int]:
        return [pid for pid in self.runs if runs(pid)]


def runs(pid: int) -> bool:
    """Tell whether a process is still running. A zombie is not: in a container it may stay one forever."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Wait until `condition` holds."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"timed out while waiting for {what}"
        time.sleep(0.02)
