"""A Pulumi project in a folder of its own, isolated from the user's own set-up."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import psutil
import yaml

from local.environment import ROOT, engine_environment

TIME_LIMIT = 240.0  # seconds; only a hanging command takes this long


class CommandError(Exception):
    """A command failed. The message contains everything that it printed."""


class Stack:
    """A Pulumi project and its commands.

    Attributes:
        folder: the project's folder, which is created.
        environment: the variables of its commands.
        color: the value of their option `--color`.
        inherited: file descriptors that its commands and all their child processes keep open.
    """

    color = "never"
    inherited: Sequence[int] = ()

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.environment = dict(environment)
        folder.mkdir(parents=True, exist_ok=True)

    def copy_stack_program(self) -> None:
        """Copy the stack program of this repository into the project."""
        for name in ("Pulumi.yaml", "__main__.py"):
            shutil.copy(ROOT / name, self.folder)
        (self.folder / ".venv").symlink_to(sys.prefix)  # where Pulumi.yaml says it is

    def copy_example(self, name: str) -> None:
        """Copy an example into the project."""
        unwanted = shutil.ignore_patterns(".venv", "Pulumi.*.yaml", "__pycache__")
        shutil.copytree(ROOT / "examples" / name, self.folder, ignore=unwanted, dirs_exist_ok=True)

    def configure(self, name: str, values: Mapping[str, Any]) -> None:
        """Write the configuration file of the stack `name`."""
        (self.folder / f"Pulumi.{name}.yaml").write_text(yaml.safe_dump({"config": dict(values)}))

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a `pulumi` command."""
        options = ("--non-interactive", "--color", self.color)
        return start(["pulumi", *arguments, *options], self.folder, self.environment, inherited=self.inherited)

    def pulumi(self, *arguments: str) -> str:
        """Run a `pulumi` command and return its output.

        Raises:
            CommandError: it failed.
        """
        code, output = finish(self.start(*arguments))
        if code:
            raise CommandError(f"pulumi {' '.join(arguments)} exited {code}:\n{output}")
        return output


def environment_in(home: Path, *unwanted: str) -> dict[str, str]:
    """Return the variables of commands whose home and state are in a folder.

    The user's own variables for AWS, Pulumi, proxies and coverage are left out.

    Args:
        home: the folder.
        unwanted: more prefixes of variables to leave out.
    """
    unwanted = ("AWS_", "COV", "PULUMI_", *unwanted)
    kept = {n: v for n, v in os.environ.items() if not n.startswith(unwanted) and not n.lower().endswith("_proxy")}
    return {**kept, **engine_environment(home / "state"), "HOME": str(home)}


def start(
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    output: IO[str] | int = subprocess.PIPE,
    inherited: Sequence[int] = (),
) -> subprocess.Popen[str]:
    """Start a command without input, in a session of its own. Its output includes stderr."""
    return subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        pass_fds=inherited,
    )


def processes_of(process: subprocess.Popen[str]) -> list[int]:
    """Return the ids of a command's processes that are still running.

    All are in its session. An engine starts each provider in a process group of its own.
    """
    found = []
    for each in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if os.getsid(each.pid) == process.pid and each.status() != psutil.STATUS_ZOMBIE:
                found.append(each.pid)
    return found


@contextmanager
def killed_on_failure(process: subprocess.Popen[str]) -> Iterator[None]:
    """Kill a command and all processes that it has started, if the block fails or is interrupted."""
    try:
        yield
    except BaseException:
        while left := processes_of(process):  # repeat: one of them may have just started another
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        process.communicate()
        raise


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Wait for the end of a command; return its exit code and its output.

    Raises:
        TimeoutExpired: it took too long and was killed.
    """
    with killed_on_failure(process):
        output, _ = process.communicate(timeout=TIME_LIMIT)
    return process.returncode, output


def finish_unless(interrupted: threading.Event, process: subprocess.Popen[str]) -> tuple[int, str]:
    """Wait for the end of a command as `finish` does, or until the user interrupts.

    An interrupted engine ends its providers, and gets some time for that. Ctrl-C does not reach the engine by itself,
    because it is in a session of its own.

    Raises:
        KeyboardInterrupt: the event was set, and the command was ended.
        TimeoutExpired: it took too long and was ended.
    """
    give_up = time.monotonic() + TIME_LIMIT
    with killed_on_failure(process):
        while True:
            with suppress(subprocess.TimeoutExpired):
                output, _ = process.communicate(timeout=0.1)
                return process.returncode, output
            if interrupted.is_set() or time.monotonic() > give_up:
                process.send_signal(signal.SIGINT)
                with suppress(subprocess.TimeoutExpired):
                    process.communicate(timeout=20)
                if interrupted.is_set():
                    raise KeyboardInterrupt
                raise subprocess.TimeoutExpired(process.args, TIME_LIMIT)
