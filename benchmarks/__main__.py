"""`make bench`: measure, and write docs/performance.md, its chart and its figures."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

from local.environment import ROOT
from local.stack import CommandError, environment_in

from . import measure, report


def main() -> int:
    """Measure and write the page, or only write the page again."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how often everything is measured (default: 5)")
    parser.add_argument("--latency", type=float, default=0.1, help="seconds that a call to AWS takes (default: 0.1)")
    parser.add_argument("--render", action="store_true", help="do not measure: write the page again from its figures")
    options = parser.parse_args()
    if options.render:
        results = json.loads((ROOT / "docs" / "performance.json").read_text())
    else:
        with tempfile.TemporaryDirectory(prefix="benchmark-") as home:
            # PYTHONDONTWRITEBYTECODE, for example, would let every process compile this package again, but not pulumi.
            environment = environment_in(Path(home), "PYTHON", "TF_") | {"PYTHONPATH": str(ROOT)}
            os.environ.clear()
            os.environ.update(environment)
            try:
                results = measure.everything(Path(home), options.rounds, options.latency)
            except CommandError as error:
                sys.exit(f"error: {error}")
    report.write(results, ROOT / "docs")
    return 0


if __name__ == "__main__":
    sys.exit(main())
