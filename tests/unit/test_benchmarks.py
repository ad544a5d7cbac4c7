"""The page, the chart and the table that `make bench` creates from its figures."""

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


def test_page_and_chart_match_the_figures() -> None:
    found = report.Results(json.loads((ROOT / "docs" / "performance.json").read_text()))
    assert report.page(found) == (ROOT / "docs" / "performance.md").read_text()
    assert report.chart(found) == (ROOT / "docs" / "performance.svg").read_text()


def test_ratio_is_the_median_over_the_rounds() -> None:
    """Both commands of a round suffer from the same noise. The latency of the calls is added to the null provider."""
    size, work = "500-on-1", "preview"
    seconds = [(2.0, 5.0), (30.0, 18.0), (4.0, 6.0)]
    found = results(
        *((r, "null", size, work, null, 0) for r, (null, _) in enumerate(seconds)),
        *((r, "this", size, work, this, 21) for r, (_, this) in enumerate(seconds)),
    )
    expected = "| at most 1.05x of null + 20 x latency | 1.00x | 0.56x to 1.25x | met |"
    assert row(found, "no-op preview, 500 on one image").endswith(expected)


def test_number_of_calls_is_that_of_the_worst_round() -> None:
    found = results(*((r, "this", "500-on-1", "preview", 1.0, calls) for r, calls in enumerate((21, 22, 21))))
    assert row(found, "calls of a no-op preview, 500 shares on one").endswith("| 22 | 21 to 22 | **not met** |")
    assert row(found, "first up, 100 on one image | at most 0.15x").endswith("| not measured |")
