"""The raw figures of a run, as its JSON file keeps them, and what is computed from them."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

IDENTITY = "sts:GetCallerIdentity"


@dataclass(frozen=True)
class Command:
    """One measured command.

    Attributes:
        round: counted from 0.
        contestant: its name.
        size: the name of the size.
        work: the name of the work.
        seconds: wall time.
        cpu_seconds: processor time of all its processes.
        cloud_cpu_seconds: processor time of the local cloud meanwhile.
        calls: to AWS, as `service:Operation` and how often.
        changes: how many it has announced or made, by its own output.
        shared: how many of the declared permissions were there when it had ended.
        provider_cpu_seconds: processor time of the provider process; None where there is none.
        provider_peak_bytes: its peak memory.
    """

    round: int
    contestant: str
    size: str
    work: str
    seconds: float
    cpu_seconds: float
    cloud_cpu_seconds: float
    calls: dict[str, int]
    changes: int
    shared: int
    provider_cpu_seconds: float | None = None
    provider_peak_bytes: int | None = None


@dataclass(frozen=True)
class Growth:
    """One pass over all shares of an image, without an engine and without latency.

    Attributes:
        round: counted from 0.
        provider: `this` or `null`.
        work: `re-check` (check and diff) or `grant` (check and create).
        shares: how many.
        warm: whether the process had asked AWS something else before.
        seconds: wall time, the driver and the local cloud included.
        provider_cpu_seconds: processor time of the provider process in it.
        calls: to AWS, as `service:Operation` and how often.
    """

    round: int
    provider: str
    work: str
    shares: int
    warm: bool
    seconds: float
    provider_cpu_seconds: float
    calls: dict[str, int]


@dataclass(frozen=True)
class Import:
    """One fresh process that imports one module.

    Attributes:
        round: counted from 0.
        module: what it imports.
        process_seconds: from its start to its end.
        import_seconds: the import alone, by its own clock.
    """

    round: int
    module: str
    process_seconds: float
    import_seconds: float


@dataclass
class Results:
    """Everything that a run has found.

    Attributes:
        about: when, where and how it was run.
        cloud: what the local cloud itself costs.
        commands: the measured commands.
        growth: the passes without an engine.
        imports: the fresh processes.
        left_out: what was not measured, and why; sentences.
    """

    about: dict[str, Any] = field(default_factory=dict)
    cloud: dict[str, float] = field(default_factory=dict)
    commands: list[Command] = field(default_factory=list)
    growth: list[Growth] = field(default_factory=list)
    imports: list[Import] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    @property
    def latency(self) -> float:
        return float(self.about["latency"])

    def of(self, contestant: str, size: str, work: str) -> dict[int, Command]:
        """Return the commands of one kind, by round."""
        return {c.round: c for c in self.commands if (c.contestant, c.size, c.work) == (contestant, size, work)}

    def seconds(self, contestant: str, size: str, work: str) -> float | None:
        """Return the median wall time of one kind of command."""
        return median(c.seconds for c in self.of(contestant, size, work).values())

    def ratios(
        self, size: str, work: str, figure: Callable[[Command], float | None], against: str, plus: float = 0.0
    ) -> list[float]:
        """Return this provider's figure over another contestant's, plus something, in each round that has both."""
        ours, others = self.of("this", size, work), self.of(against, size, work)
        pairs = [(figure(ours[round_]), figure(others[round_])) for round_ in sorted(ours.keys() & others.keys())]
        return [our / (other + plus) for our, other in pairs if our is not None and other is not None]

    def growths(self, provider: str, work: str, shares: int, warm: bool) -> dict[int, Growth]:
        """Return the passes of one kind, by round."""
        kind = (provider, work, shares, warm)
        return {g.round: g for g in self.growth if (g.provider, g.work, g.shares, g.warm) == kind}


def median(values: Iterable[float | None]) -> float | None:
    """Return the median of what is there; None if nothing is."""
    found = [value for value in values if value is not None]
    return statistics.median(found) if found else None


def aws_calls(calls: dict[str, int]) -> int:
    """Return the number of calls without the one per connection that asks who the caller is."""
    return sum(count for action, count in calls.items() if action != IDENTITY)


def save(results: Results, path: Path) -> None:
    """Write the JSON file, a line for each measurement."""
    parts = []
    for name, value in asdict(results).items():
        text = json.dumps(value, indent=1)
        if value and isinstance(value, list):
            text = "[\n" + ",\n".join(json.dumps(each) for each in value) + "\n]"
        parts.append(f"{json.dumps(name)}: {text}")
    path.write_text("{\n" + ",\n".join(parts) + "\n}\n")


def load(path: Path) -> Results:
    """Read a JSON file that `save` wrote."""
    raw = json.loads(path.read_text())
    return Results(
        raw["about"],
        raw["cloud"],
        [Command(**each) for each in raw["commands"]],
        [Growth(**each) for each in raw["growth"]],
        [Import(**each) for each in raw["imports"]],
        raw["left_out"],
    )
