"""Measure commands: every work of every contestant, the contestants in turn, so that noise hits all alike."""

from __future__ import annotations

import os
import re
import resource
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import psutil

from local.stack import killed_on_failure, start

from . import stacks
from .cloud import CloudProcess
from .plan import WORKS, Contestant, Plan, Share, Size, drifted, image_ids, shares_of
from .results import Command
from .stacks import BenchmarkError, Stack

_TIME_LIMIT = 600.0  # seconds; only a hanging command gets there
_SAMPLED_EVERY = 0.1


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    output: str
    seconds: float
    cpu_seconds: float
    provider_cpu_seconds: float | None
    provider_peak_bytes: int | None


class _ProviderWatch(threading.Thread):
    """Watches the provider process of a command: its peak memory and processor time, as last seen before it ended."""

    def __init__(self, command: int | None) -> None:
        super().__init__(daemon=True)
        self.cpu_seconds: float | None = None
        self.peak_bytes: int | None = None
        self._command = command
        self._ended = threading.Event()

    def __enter__(self) -> _ProviderWatch:
        if self._command is not None:  # else it would look for nothing all the time, which costs the others' time
            self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if self.ident:
            self.join()

    def run(self) -> None:
        provider = None
        while not self._ended.wait(_SAMPLED_EVERY):
            try:
                provider = provider or self._find()
                if provider:
                    self._look(provider)
            except (psutil.Error, OSError):
                continue  # it has just ended

    def _find(self) -> psutil.Process | None:
        for process in psutil.Process(self._command).children(recursive=True):
            if "pulumi.dynamic" in process.cmdline():
                return process
        return None

    def _look(self, provider: psutil.Process) -> None:
        times = provider.cpu_times()
        peak = _peak_bytes(provider)
        if peak:  # a process that has ended but was not waited for has none
            self.cpu_seconds = times.user + times.system
            self.peak_bytes = max(peak, self.peak_bytes or 0)


def _peak_bytes(process: psutil.Process) -> int:
    """Return the most memory that a process has had so far; outside Linux, what it has now."""
    status = Path(f"/proc/{process.pid}/status")
    if status.exists():
        found = re.search(r"^VmHWM:\s+(\d+) kB", status.read_text(), re.MULTILINE)
        return int(found[1]) * 1024 if found else 0
    return int(process.memory_info().rss)


def run(stack: Stack, work: str) -> Ended:
    """Do a work, and measure it."""
    command, variables = stack.command(work)

    def processor() -> float:
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    # Into a file: nobody has to be awake to read what it prints.
    with tempfile.TemporaryFile("w+") as output:
        before = processor()
        began = time.perf_counter()
        process = start(command, stack.folder, {**stack.environment, **variables}, output)
        limit = threading.Timer(_TIME_LIMIT, os.killpg, [process.pid, signal.SIGKILL])
        limit.start()
        try:
            with killed_on_failure(process), _ProviderWatch(process.pid if stack.has_provider else None) as provider:
                process.wait()  # without a timeout, which would make it look only now and then
                seconds = time.perf_counter() - began
        finally:
            limit.cancel()
        cpu_seconds = processor() - before
        output.seek(0)
        return Ended(process.returncode, output.read(), seconds, cpu_seconds, provider.cpu_seconds, provider.peak_bytes)


def measure(
    plan: Plan, cloud: CloudProcess, folder: Path, environment: Mapping[str, str], say: Callable[[str], None]
) -> list[Command]:
    """Measure all that the plan names.

    Args:
        plan: what to measure.
        cloud: the AWS of it; it is emptied.
        folder: for programs and states.
        environment: of the commands.
        say: told what goes on.

    Raises:
        BenchmarkError: a command failed, or did not do its work.
    """
    measured: list[Command] = []
    warm: set[str] = set()
    for round_ in range(plan.rounds):
        for size in plan.sizes:
            contestants = plan.contestants_of(size)
            # Nobody is always the first, or always behind the same one.
            turn = round_ % len(contestants) if contestants else 0
            contestants = contestants[turn:] + contestants[:turn]
            field = _Field(plan, cloud, size, round_)
            for contestant in contestants:
                field.add(contestant, folder / f"{round_}-{size.name}-{contestant.name}", environment)
                if contestant.name not in warm:  # what is read from disk or compiled for the first time
                    warm.add(contestant.name)
                    field.do_unmeasured(contestant, "preview")
            for command in field.play(say):
                measured.append(command)
    return measured


class _Field:
    """One round at one size: the stacks of all contestants, in one cloud, each in an account of its own."""

    def __init__(self, plan: Plan, cloud: CloudProcess, size: Size, round_: int) -> None:
        self._plan = plan
        self._cloud = cloud
        self._size = size
        self._round = round_
        self._stacks: dict[str, Stack] = {}
        cloud.reset()

    def add(self, contestant: Contestant, folder: Path, environment: Mapping[str, str]) -> None:
        self._cloud.create_images(contestant.owner, image_ids(contestant.name))
        shares = shares_of(contestant.name, self._size)
        self._stacks[contestant.name] = stacks.make(contestant, shares, folder, environment, self._cloud.url)

    def do_unmeasured(self, contestant: Contestant, work: str) -> None:
        stack = self._stacks[contestant.name]
        self._check(stack, work, run(stack, work))

    def play(self, say: Callable[[str], None]) -> list[Command]:
        measured = []
        self._cloud.set_latency(self._plan.latency)
        for work in WORKS:
            if work.startswith("drift-"):
                for stack in self._stacks.values():
                    self._cloud.unshare(_permissions(drifted(stack.shares, self._size)) & self._shared(stack))
            for stack in self._stacks.values():
                contestant = stack.contestant
                if self._plan.measures(contestant, self._size, work, self._round):
                    command = self._measure(stack, work)
                    measured.append(command)
                    say(
                        f"round {self._round + 1}, {self._size.name}, {work}, {contestant.name}: "
                        f"{command.seconds:.1f} s, {sum(command.calls.values())} calls"
                    )
                elif work == "up":  # the other works are about its shares
                    self.do_unmeasured(contestant, work)
                if work.startswith("drift-") and contestant.grants:
                    self._cloud.share(_permissions(stack.shares) - self._shared(stack))
        return measured

    def _measure(self, stack: Stack, work: str) -> Command:
        self._cloud.take_calls()
        cloud_cpu = self._cloud.cpu_seconds()
        ended = run(stack, work)
        cloud_cpu = self._cloud.cpu_seconds() - cloud_cpu
        calls = self._cloud.take_calls()
        changes, shared = self._check(stack, work, ended)
        return Command(
            round=self._round,
            contestant=stack.contestant.name,
            size=self._size.name,
            work=work,
            seconds=ended.seconds,
            cpu_seconds=ended.cpu_seconds,
            cloud_cpu_seconds=cloud_cpu,
            calls=calls,
            changes=changes,
            shared=shared,
            provider_cpu_seconds=ended.provider_cpu_seconds,
            provider_peak_bytes=ended.provider_peak_bytes,
        )

    def _check(self, stack: Stack, work: str, ended: Ended) -> tuple[int, int]:
        """Raise an error if a work was not done; return its changes and the permissions that are there."""
        contestant = stack.contestant
        changes, shared = stack.changes(ended.output), len(self._shared(stack))
        everything = len(stack.shares)
        wrong = None
        if ended.code:
            wrong = f"exit code {ended.code}"
        elif work in ("up", "destroy") and contestant.grants and shared != (everything if work == "up" else 0):
            wrong = f"{shared} permissions are there"
        elif work == "drift-up" and contestant.notices and shared != everything:
            wrong = f"{everything - shared} permissions are missing"
        elif work == "drift-preview" and contestant.notices and changes != self._size.drift:
            wrong = f"{changes} changes announced, not {self._size.drift}"
        if wrong:
            raise BenchmarkError(f"{contestant.label}, {self._size.label}, {WORKS[work]}: {wrong}\n{ended.output}")
        return changes, shared

    def _shared(self, stack: Stack) -> set[tuple[str, str]]:
        return self._cloud.shared({share.image_id for share in stack.shares})


def _permissions(shares: list[Share]) -> set[tuple[str, str]]:
    return {(share.image_id, share.account) for share in shares}
