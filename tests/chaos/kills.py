"""A `pulumi` command that runs while faults occur, and whose processes may be killed at a chosen moment."""

import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Literal, NamedTuple

import psutil

from local.cloud import Call, ConnectionLostError, LocalCloud, Response
from local.stack import processes_of
from tests.chaos.faults import WRITE
from tests.engine.harness import Run, Stack

PATIENCE = 120.0  # seconds: every command must end in this time, even if it fails
# Seconds in which requests that were sent before the engine died may still arrive.
ON_THE_WIRE = 1.0


class Kill(NamedTuple):
    """Which processes to kill, and when."""

    victim: Literal["provider", "providers", "engine", "all"]  # "provider" is a single provider process
    at: Literal["call", "write", "line", "second"]
    number: float
    lands: bool  # whether the call during which they are killed takes effect

    def __str__(self) -> str:
        how = ("", f" which {'lands' if self.lands else 'is lost'}")[self.at in ("call", "write")]
        return f"kill {self.victim} at {self.at} {self.number:g}{how}"


def some_kill(rng: random.Random, *, writes: bool) -> Kill | None:
    """Return a kill, or None.

    About half of all commands are killed, because some kills are planned for a moment after the command's end.

    Args:
        rng: the source of randomness.
        writes: whether the command writes at all.
    """
    kill, victim = rng.random() < 0.65, rng.choices(("provider", "providers", "engine", "all"), (4, 2, 4, 1))[0]
    at, lands = rng.choices(("call", "write", "line", "second"), (2, 4 * writes, 1, 1))[0], rng.random() < 0.5
    numbers = {
        "call": rng.randint(1, 6),
        "write": rng.choice((1, 1, 1, 1, 2, 3)),
        "line": rng.randint(1, 10),
        "second": round(rng.uniform(0.5, 4), 1),
    }
    return Kill(victim, at, numbers[at], lands) if kill else None  # type: ignore[arg-type]


class Watched:
    """Runs one command with its own credentials. It intercepts the calls of this command before the faults do.

    Attributes:
        killed: whether a process was killed.
        died: when the engine ended, for whatever reason.
        writes: the time and the call of each write.
    """

    def __init__(self, stack: Stack, cloud: LocalCloud, access_key_id: str, kill: Kill | None) -> None:
        self.killed = False
        self.died = float("inf")
        self.writes: list[tuple[float, Call]] = []
        self._stack = stack
        self._cloud = cloud
        self._key = access_key_id
        self._kill = kill
        self._due = threading.Event()
        self._lock = threading.Lock()
        self._calls = self._in_flight = 0
        self._lines: list[str] = []
        self._process: subprocess.Popen[str] | None = None
        cloud.interceptors.insert(0, self)

    def run(self, *arguments: str) -> Run | None:
        """Run the command; return None if it did not end in time."""
        begin = time.monotonic()
        self._process = process = self._stack.start(*arguments)
        reader = threading.Thread(target=self._read, args=(process,), daemon=True)
        reader.start()
        try:
            while process.poll() is None:
                now = time.monotonic() - begin
                if self._kill and self._kill.at == "second" and now >= self._kill.number:
                    self._due.set()
                if self._due.is_set():
                    self._strike()
                if now > PATIENCE:
                    return None
                time.sleep(0.02)
        finally:
            self.died = min(self.died, time.monotonic())
            if process.poll() is None:
                process.kill()
                process.wait()
        reader.join(5)
        if process.stdout and not reader.is_alive():
            process.stdout.close()
        return Run(process.returncode, "".join(self._lines))

    def settle(self) -> None:
        """Wait until the calls in progress have ended."""
        end = time.monotonic() + 10
        while self._in_flight and time.monotonic() < end:
            time.sleep(0.01)

    def finish(self) -> list[Call]:
        """Kill the remaining processes of the command; return the writes that arrived after its engine had died."""
        self._cloud.interceptors.remove(self)
        end = time.monotonic() + 3
        while (left := processes_of(self._process) if self._process else []) and time.monotonic() < end:
            time.sleep(0.1)
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return [call for at, call in self.writes if at > self.died + ON_THE_WIRE]

    def __call__(self, call: Call, proceed: Callable[[], Response]) -> Response:
        """Intercept a call, and kill if it is the chosen one."""
        if call.access_key_id != self._key:
            return proceed()
        with self._lock:
            self._in_flight += 1
            self._calls += 1
            if call.operation == WRITE:
                self.writes.append((time.monotonic(), call))
            counts = {"call": self._calls, "write": len(self.writes) if call.operation == WRITE else 0}
        try:
            if self._kill and counts.get(self._kill.at) == self._kill.number:
                if self._kill.lands:
                    answer = proceed()
                    self._strike()
                    return answer
                self._strike()
                raise ConnectionLostError
            return proceed()
        finally:
            with self._lock:
                self._in_flight -= 1

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout
        for line in process.stdout:
            self._lines.append(line)
            if self._kill and self._kill.at == "line" and len(self._lines) == self._kill.number:
                self._due.set()

    def _strike(self) -> None:
        """Kill the victim if it is running and nothing was killed yet."""
        assert self._kill
        assert self._process
        with self._lock:
            if self.killed:
                return
            providers = self._kill.victim in ("provider", "providers")
            victims = [] if providers else [self._process.pid]
            if self._kill.victim != "engine":
                children = self._children("pulumi.dynamic" if providers else "")
                victims += (
                    random.sample(children, min(1, len(children))) if self._kill.victim == "provider" else children
                )
            for pid in victims:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    self.killed = True
            if self.killed and not providers:
                self.died = time.monotonic()

    def _children(self, named: str) -> list[int]:
        assert self._process
        found = []
        with suppress(psutil.Error):
            for child in psutil.Process(self._process.pid).children(recursive=True):
                with suppress(psutil.Error):
                    if named in " ".join(child.cmdline()):
                        found.append(child.pid)
        return found
