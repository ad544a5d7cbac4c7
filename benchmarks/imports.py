"""What the package adds to the start of a program: fresh processes that import it, or pulumi alone."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Mapping

from .results import Import

ROUNDS = 15  # at least

ALONE, PACKAGE = "pulumi", "pulumi_workspaces_images"

_SCRIPT = "import time; start = time.perf_counter(); import {module}; print(time.perf_counter() - start)"


def measure(environment: Mapping[str, str], rounds: int, say: Callable[[str], None]) -> list[Import]:
    """Start fresh processes, one after the other, the two modules in turn.

    Args:
        environment: of the processes.
        rounds: how often.
        say: told what goes on.
    """
    for module in (ALONE, PACKAGE):
        _start(module, 0, environment)  # compiles what is not compiled yet
    measured = []
    for round_ in range(rounds):
        modules = (ALONE, PACKAGE) if round_ % 2 else (PACKAGE, ALONE)
        measured += [_start(module, round_, environment) for module in modules]
    say(f"imports: {rounds} rounds")
    return measured


def _start(module: str, round_: int, environment: Mapping[str, str]) -> Import:
    start = time.perf_counter()
    ended = subprocess.run(
        [sys.executable, "-c", _SCRIPT.format(module=module)],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return Import(round_, module, time.perf_counter() - start, float(ended.stdout))
