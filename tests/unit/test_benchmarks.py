"""What `make bench` makes of its figures."""

import json
from typing import Any

from benchmarks import report
from local.environment import ROOT


def results(*figures: tuple[int, str, str, str, float, int]) -> report.Results:
    names = ("round", "contestant", "size", "work", "seconds", "calls")
    raw: dict[str, Any] = {"about": {"latency": 0.1}, "figures": [dict(zip(names, f, strict=True)) for f in figures]}
    return report.Results(raw)


def row(found: report.Results, start: str) -> str:
    (line,) = (line for line in report.target_table(found).splitlines() if line.startswith(f"| {start}"))
    return line


def test_the_page_and_its_chart_are_those_of_its_figures() -> None:
    found = report.Results(json.loads((ROOT / "docs" / "performance.json").read_text()))
    assert report.page(found) == (ROOT / "docs" / "performance.md").read_text()
    assert report.chart(found) == (ROOT / "docs" / "performance.svg").read_text()


def test_a_ratio_is_the_median_of_commands_that_ran_next_to_each_other() -> None:
    """Noise that hits a whole round hits both; the calls' latency is added to the null provider's time."""
    size, work = "500-on-1", "preview"
    seconds = [(2.0, 5.0), (30.0, 18.0), (4.0, 6.0)]
    found = results(
        *((r, "null", size, work, null, 0) for r, (null, _) in enumerate(seconds)),
        *((r, "this", size, work, this, 21) for r, (_, this) in enumerate(seconds)),
    )
    expected = "| at most 1.05x of null + 20 x latency | 1.00x | 0.56x to 1.25x | met |"
    assert row(found, "no-op preview, 500 on one image").endswith(expected)


def test_the_worst_round_counts_for_calls() -> None:
    found = results(*((r, "this", "500-on-1", "preview", 1.0, calls) for r, calls in enumerate((21, 22, 21))))
    assert row(found, "calls of a no-op preview, 500 shares on one").endswith("| 22 | 21 to 22 | **not met** |")
    assert row(found, "first up, 100 on one image | at most 0.15x").endswith("| not measured |")
