"""`make bench`: measure, and write docs/performance.md, its chart and its figures."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from local.engine.install import EngineError
from local.environment import ROOT
from local.stack import CommandError, environment_in

from . import cloud, commands, growth, imports, machine, plan, report
from .plan import Plan, PlanError
from .results import Results, load
from .stacks import BenchmarkError

_CLOUD_CALLS = 300


def main() -> int:
    """Measure, or only write the document again."""
    options = _options()
    if options.render:
        report.write(load(options.render), options.output or options.render.parent)
        return 0
    rounds = options.rounds or (1 if options.quick else 5)
    latency = options.latency if options.latency is not None else (0.02 if options.quick else 0.1)
    output = options.output or ROOT / ("build/benchmarks" if options.quick else "docs")
    try:
        chosen = plan.make(options.only, rounds, latency, options.quick)
        results = _measure(chosen)
    except (PlanError, EngineError, BenchmarkError, CommandError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    report.write(results, output)
    print(f"written: {output}/{report.NAME}.md, .svg, .json")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, help="how often everything is measured (default: 5; with --quick 1)")
    parser.add_argument("--latency", type=float, help="seconds per AWS call (default: 0.1; with --quick 0.02)")
    parser.add_argument("--quick", action="store_true", help="a few shares, to see whether it all works")
    parser.add_argument(
        "--only",
        nargs="+",
        default=[],
        metavar="NAME",
        help="of contestants, sizes, works and parts only these: "
        + ", ".join([c.name for c in plan.CONTESTANTS] + [s.name for s in plan.SIZES] + [*plan.WORKS] + [*plan.PARTS]),
    )
    parser.add_argument("--output", type=Path, help="folder to write to (default: docs; with --quick build/benchmarks)")
    parser.add_argument(
        "--render", type=Path, metavar="JSON", help="measure nothing, write the document anew from this"
    )
    return parser.parse_args()


def _measure(chosen: Plan) -> Results:
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - began:6.0f} s  {text}", file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory(prefix="benchmark-") as name, cloud.CloudProcess() as aws:
        folder = Path(name)
        environment = _environment(folder)
        chosen, left_out = _without_the_missing(chosen, environment)
        results = Results(machine.about(chosen, environment), left_out=left_out)
        results.cloud = cloud.cost(aws, chosen.latency, _CLOUD_CALLS // (10 if chosen.quick else 1))
        say(", ".join(f"{name} {value:.2f}" for name, value in results.cloud.items()))
        if "imports" in chosen.parts:
            rounds = chosen.rounds if chosen.quick else max(imports.ROUNDS, chosen.rounds)
            results.imports = imports.measure(environment, rounds, say)
        if "growth" in chosen.parts:
            results.growth = growth.measure(aws, environment, min(growth.ROUNDS, chosen.rounds), chosen.quick, say)
        if "commands" in chosen.parts:
            results.commands = commands.measure(chosen, aws, folder, environment, say)
        results.about["seconds"] = round(time.monotonic() - began)
    return results


def _environment(home: Path) -> dict[str, str]:
    """Return the variables of everything that is measured, and make them those of this process.

    PYTHONDONTWRITEBYTECODE, for one, would have every process compile this package anew, and none compile pulumi.
    """
    environment = environment_in(home, "PYTHON", "TF_") | {"PYTHONPATH": str(ROOT)}  # for the contestants' modules
    os.environ.clear()
    os.environ.update(environment)
    return environment


def _without_the_missing(chosen: Plan, environment: dict[str, str]) -> tuple[Plan, list[str]]:
    """Return the plan without the contestants whose programs are missing, and what was left out."""
    left_out = []
    missing = machine.missing(["terraform", "aws"], environment)
    contestants = chosen.contestants
    if missing and "commands" in chosen.parts:
        left_out.append(f"terraform_data + AWS CLI: {' and '.join(missing)} not on this machine.")
        contestants = tuple(c for c in contestants if c.name != "terraform")
    if contestants == plan.CONTESTANTS and chosen.works == tuple(plan.WORKS) and chosen.parts == plan.PARTS:
        return chosen, left_out
    named = [c.label for c in plan.CONTESTANTS if c not in contestants and c.name != "terraform"]
    named += [text for work, text in plan.WORKS.items() if work not in chosen.works]
    named += [part for part in plan.PARTS if part not in chosen.parts]
    if named:
        left_out.append(f"As it was asked for: {', '.join(named)}.")
    return Plan(**{**vars(chosen), "contestants": contestants}), left_out


if __name__ == "__main__":
    sys.exit(main())
