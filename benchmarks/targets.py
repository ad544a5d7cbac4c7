"""What the project has set out to reach, and whether it has: the one place where the targets are written down."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass

from . import imports
from .plan import PAGE
from .results import Command, Results, aws_calls

ONE_100, ONE_500, TEN_500 = "100-on-1", "500-on-1", "500-on-10"


@dataclass(frozen=True)
class Target:
    """Something to reach.

    Attributes:
        work: what is measured.
        reach: the limit, in words.
        limit: the limit.
        figures: the figure of each round; empty if it was not measured.
        is_count: whether it is a number of calls: then the worst round counts, else the median of the rounds.
    """

    work: str
    reach: str
    limit: float
    figures: Callable[[Results], list[float]]
    is_count: bool = False

    def judge(self, results: Results) -> Verdict:
        """Compare the target with a run."""
        figures = self.figures(results)
        if not figures:
            return Verdict(self, None, [], None)
        figure = max(figures) if self.is_count else statistics.median(figures)
        return Verdict(self, figure, figures, figure <= self.limit)


@dataclass(frozen=True)
class Verdict:
    """What a run says of a target.

    Attributes:
        target: the target.
        figure: the figure that counts; None if it was not measured.
        figures: that of each round.
        met: whether the target was reached; None if it was not measured.
    """

    target: Target
    figure: float | None
    figures: list[float]
    met: bool | None


def verdicts(results: Results) -> list[Verdict]:
    """Compare all targets with a run."""
    return [target.judge(results) for target in TARGETS]


def _calls(size: str, work: str) -> Callable[[Results], list[float]]:
    return lambda results: [float(aws_calls(c.calls)) for c in results.of("this", size, work).values()]


def _seconds(size: str, work: str, against: str, latencies: int = 0) -> Callable[[Results], list[float]]:
    return lambda results: results.ratios(
        size, work, lambda command: command.seconds, against, latencies * results.latency
    )


def _growth(results: Results) -> list[float]:
    """Return the processor time of 5,000 over 500, of fresh or of warm processes, whichever grows more."""
    found = []
    for warm in (True, False):
        less, more = (results.growths("this", "re-check", shares, warm) for shares in (500, 5000))
        rounds = sorted(less.keys() & more.keys())
        found.append([more[r].provider_cpu_seconds / less[r].provider_cpu_seconds for r in rounds])
    return _worst(found)


def _memory(results: Results) -> list[float]:
    """Return the peak memory over the null provider's, of up or preview, on one or ten images, whichever is more."""

    def peak(command: Command) -> float | None:
        return command.provider_peak_bytes

    return _worst(
        [results.ratios(size, work, peak, "null") for size in (ONE_500, TEN_500) for work in ("up", "preview")]
    )


def _imports(results: Results) -> list[float]:
    """Return the time over that of pulumi alone, of the process or of the import itself, whichever is more."""
    package, alone = (
        {i.round: i for i in results.imports if i.module == module} for module in (imports.PACKAGE, imports.ALONE)
    )
    rounds = sorted(package.keys() & alone.keys())
    return _worst(
        [
            [package[r].process_seconds / alone[r].process_seconds for r in rounds],
            [package[r].import_seconds / alone[r].import_seconds for r in rounds],
        ]
    )


def _worst(found: list[list[float]]) -> list[float]:
    """Return the series with the highest median."""
    return max(found, key=lambda series: statistics.median(series) if series else -math.inf)


_NO_OP_CALLS = "API calls of a no-op preview, {} shares on one image"
_UP_CALLS = "API calls of a first up of {} shares"

TARGETS = (
    *(
        Target(
            _NO_OP_CALLS.format(shares),
            f"at most ceil(N/25) + 1 = {math.ceil(shares / PAGE) + 1}",
            math.ceil(shares / PAGE) + 1,
            _calls(size, "preview"),
            is_count=True,
        )
        for shares, size in ((100, ONE_100), (500, ONE_500))
    ),
    Target(
        "API calls of a no-op preview, 500 shares on 10 images, 40 images in the Region",
        "at most 22",
        22,
        _calls(TEN_500, "preview"),
        is_count=True,
    ),
    *(
        Target(
            _UP_CALLS.format(shares),
            f"at most N + 1 = {shares + 1} (+ the listing, only where it is needed)",
            shares + 1,
            _calls(size, "up"),
            is_count=True,
        )
        for shares, size in ((100, ONE_100), (500, ONE_500))
    ),
    Target(
        "no-op preview, 500 on one image",
        "at most 1.05x of null + 20 x latency",
        1.05,
        _seconds(ONE_500, "preview", "null", 20),
    ),
    Target(
        "no-op preview, 500 on 10 images",
        "at most 0.90x of null + 20 x latency",
        0.90,
        _seconds(TEN_500, "preview", "null", 20),
    ),
    Target(
        "no-op preview, 100 on one image, against naive", "at most 0.07x", 0.07, _seconds(ONE_100, "preview", "naive")
    ),
    Target(
        "first up, 100 on one image", "at most 1.0x of null + 25 x latency", 1.0, _seconds(ONE_100, "up", "null", 25)
    ),
    Target(
        "first up, 100 on one image, against terraform_data + AWS CLI",
        "at most 0.15x",
        0.15,
        _seconds(ONE_100, "up", "terraform"),
    ),
    Target(
        "provider-side time of a no-op re-check without latency, N = 5,000 against 500",
        "at most 11x",
        11,
        _growth,
    ),
    Target("peak memory of the provider process, N = 500, against null", "at most 1.5x", 1.5, _memory),
    Target("`import pulumi_workspaces_images`, against `import pulumi` alone", "at most 1.1x", 1.1, _imports),
)
