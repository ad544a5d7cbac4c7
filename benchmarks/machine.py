"""When and where a run took place."""

from __future__ import annotations

import os
import platform
import re
import shutil
import statistics
import subprocess
import time
from collections.abc import Mapping
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

from .plan import Plan


def about(plan: Plan, environment: Mapping[str, str]) -> dict[str, Any]:
    """Return the date, the machine, the versions, and the options of the run."""
    return {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "cpu": _cpu(),
        "system": f"{platform.system()} {platform.machine()}",
        "load_before": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "pulumi_sdk": version("pulumi"),
        "engine": _first_line(["pulumi", "version"], environment),
        "boto3": version("boto3"),
        "terraform": _first_line(["terraform", "version"], environment),
        "aws_cli": _cli(environment),
        "aws_cli_start_seconds": _start_seconds(["aws", "--version"], environment),
        "latency": plan.latency,
        "rounds": plan.rounds,
        "quick": plan.quick,
    }


def missing(programs: list[str], environment: Mapping[str, str]) -> list[str]:
    """Return the programs that are not on PATH."""
    return [program for program in programs if not shutil.which(program, path=environment["PATH"])]


def _cpu() -> str:
    try:
        found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        found = None
    return found[1] if found else platform.processor()


def _cli(environment: Mapping[str, str]) -> str | None:
    line = _first_line(["aws", "--version"], environment)
    return " ".join(line.split()[:2]) if line else None  # the rest describes the system, down to its kernel's build


def _first_line(command: list[str], environment: Mapping[str, str]) -> str | None:
    if missing(command[:1], environment):
        return None
    ended = subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    return next(iter(ended.stdout.splitlines()), None)


def _start_seconds(command: list[str], environment: Mapping[str, str]) -> float | None:
    """Return how long a program takes to start, the median of a few."""
    if missing(command[:1], environment):
        return None
    taken = []
    for _ in range(5):
        start = time.perf_counter()
        subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True)
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)
