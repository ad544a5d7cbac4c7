"""Write docs/performance.md and its chart from the figures of a run."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from .measure import CONTESTANTS, GROWTH, REGION_HOLDS, SIZES, WORKS, Figure

_NAME = "performance"
_NONE = "–"  # noqa: RUF001
_STYLE = """\
<style>
  text { font: 13px sans-serif; fill: #333333 }
  .title { font-size: 18px }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
  }
</style>"""
_COLOURS = dict(zip(CONTESTANTS, ("#1b6ca8", "#9aa5b1", "#d98324", "#7b5ea7"), strict=True))


class Results:
    """The figures of a run.

    Attributes:
        about: when, where and how it was run.
        figures: what was measured.
    """

    def __init__(self, raw: dict[str, Any]) -> None:
        self.about: dict[str, Any] = raw["about"]
        self.figures = [Figure(**each) for each in raw["figures"]]

    def of(self, contestant: str, size: str, work: str) -> dict[int, Figure]:
        """Return the figures of one kind, by round."""
        kind = (contestant, size, work)
        return {f.round: f for f in self.figures if (f.contestant, f.size, f.work) == kind}

    def ratios(
        self, size: str, work: str, against: str = "null", plus: float = 0, field: str = "seconds", over: str = ""
    ) -> list[float]:
        """Return this provider's figure divided by another one plus the latency of some calls, by round."""
        ours, others = self.of("this", size, work), self.of(against, over or size, work)
        plus *= self.about["latency"]
        return [
            getattr(ours[r], field) / (getattr(others[r], field) + plus) for r in sorted(ours.keys() & others.keys())
        ]

    def calls(self, size: str, work: str) -> list[float]:
        """Return the number of calls of this provider in each round."""
        return [float(figure.calls) for figure in self.of("this", size, work).values()]


# What is measured, the limit, for a ratio what it is compared with, and the figures of the rounds.
_TARGETS: tuple[tuple[str, float, str, Callable[[Results], list[float]]], ...] = (
    ("calls of a no-op preview, 100 shares on one image", 5, "", lambda r: r.calls("100-on-1", "preview")),
    ("calls of a no-op preview, 500 shares on one image", 21, "", lambda r: r.calls("500-on-1", "preview")),
    ("calls of a no-op preview, 500 shares on 10 images", 22, "", lambda r: r.calls("500-on-10", "preview")),
    ("calls of a first up of 100 shares", 101, "", lambda r: r.calls("100-on-1", "up")),
    ("calls of a first up of 500 shares", 501, "", lambda r: r.calls("500-on-1", "up")),
    (
        "no-op preview, 500 on one image",
        1.05,
        " of null + 20 x latency",
        lambda r: r.ratios("500-on-1", "preview", plus=20),
    ),
    (
        "no-op preview, 500 on 10 images",
        0.9,
        " of null + 20 x latency",
        lambda r: r.ratios("500-on-10", "preview", plus=20),
    ),
    ("no-op preview, 100 on one image", 0.07, " of naive", lambda r: r.ratios("100-on-1", "preview", "naive")),
    ("first up, 100 on one image", 1, " of null + 25 x latency", lambda r: r.ratios("100-on-1", "up", plus=25)),
    (
        "first up, 100 on one image",
        0.15,
        " of terraform_data + AWS CLI",
        lambda r: r.ratios("100-on-1", "up", "terraform"),
    ),
    (
        "processor time of a re-check of 5,000 shares",
        11,
        " of one of 500",
        lambda r: r.ratios("5000-on-1", "re-check", "this", over="500-on-1"),
    ),
    (
        "peak memory of the provider process, 500 shares",
        1.5,
        " of null",
        lambda r: r.ratios("500-on-1", "re-check", field="peak_bytes"),
    ),
    ("`import pulumi_workspaces_images`", 1.1, " of `import pulumi`", lambda r: r.ratios("", "import")),
)


def write(raw: dict[str, Any], folder: Path) -> None:
    """Write the page, the chart and the figures into a folder."""
    results = Results(raw)
    lines = ",\n".join(json.dumps(each) for each in raw["figures"])
    about = json.dumps(raw["about"], indent=1)
    (folder / f"{_NAME}.json").write_text(f'{{\n"about": {about},\n"figures": [\n{lines}\n]\n}}\n')
    (folder / f"{_NAME}.svg").write_text(chart(results))
    (folder / f"{_NAME}.md").write_text(page(results))


def page(results: Results) -> str:
    """Return the page, in Markdown."""
    about = results.about
    tools = [f"Pulumi {about['engine']}", f"its Python SDK {about['pulumi_sdk']}", f"boto3 {about['boto3']}"]
    tools += [f"Python {about['python']}", about.get("terraform") or "no Terraform"]
    return Template(Path(__file__).with_name(f"{_NAME}.md.template").read_text()).substitute(
        date=about["date"][:10],
        rounds=f"{about['rounds']} round{'s' if about['rounds'] > 1 else ''}",
        machine=f"{about['cores']} cores ({about['system']}, load average {about['load_before']} before it began)",
        tools=", ".join(tools),
        targets=target_table(results),
        chart=_chart_title(results),
        medians=_median_table(results),
        growth=_growth_table(results),
        latency=f"{about['latency'] * 1000:.0f} ms",
        region_holds=REGION_HOLDS,
    )


def target_table(results: Results) -> str:
    """Return a table of the targets, the figures and the verdicts.

    For calls the worst round counts, for ratios the median of the rounds.
    """
    rows = []
    for work, limit, of, figures_of in _TARGETS:
        figures = figures_of(results)
        shown: Callable[[float], str] = _ratio if of else "{:.0f}".format
        row = [work, f"at most {limit}{f'x{of}' if of else ''}"]
        if figures:
            reached = statistics.median(figures) if of else max(figures)
            least, most = shown(min(figures)), shown(max(figures))
            spread = least if least == most else f"{least} to {most}"
            row += [shown(reached), spread, "met" if reached <= limit else "**not met**"]
        else:
            row += [_NONE, "", "not measured"]
        rows.append(row)
    return _table(["work", "to reach", "reached", "rounds", "verdict"], rows)


def _median_table(results: Results) -> str:
    rows = []
    for shares, images in SIZES:
        for work, label in WORKS.items():
            row = [f"{label}, {_size(shares, images)}"]
            for contestant in CONTESTANTS:
                figures = results.of(contestant, f"{shares}-on-{images}", work).values()
                calls = sorted({figure.calls for figure in figures})
                count = f"{calls[0]} to {calls[-1]}" if len(calls) > 1 else f"{(calls or [0])[0]}"
                row.append(
                    f"{_time(statistics.median(f.seconds for f in figures))}, {count} calls" if figures else _NONE
                )
            rows.append(row)
    return _table(["work", *CONTESTANTS.values()], rows)


def _growth_table(results: Results) -> str:
    rows = []
    for contestant in ("this", "null"):
        for shares in GROWTH:
            figures = results.of(contestant, f"{shares}-on-1", "re-check").values()
            seconds = statistics.median(f.seconds for f in figures) if figures else math.nan
            calls = max((f.calls for f in figures), default=0)
            row = [CONTESTANTS[contestant], f"{shares:,}", f"{calls}", _time(seconds)]
            rows.append([*row, f"{seconds / shares * 1000:.2f} ms"])
    return _table(["provider", "shares", "calls", "processor time", "per share"], rows, "lrrrr")


def chart(results: Results) -> str:
    """Return bars of the median times with 100 shares, as SVG, legible on light pages and dark ones."""
    shares, images = SIZES[0]
    bars, top = [], 64
    medians = {
        (c, w): statistics.median(f.seconds for f in found.values())
        for w in WORKS
        for c in CONTESTANTS
        if (found := results.of(c, f"{shares}-on-{images}", w))
    }
    for work, label in WORKS.items():
        bars.append(f'<text x="10" y="{top + 14}">{escape(label)}</text>')
        for contestant in CONTESTANTS:
            if (contestant, work) in medians:
                seconds = medians[contestant, work]
                width = seconds / max(medians.values()) * 740
                bars.append(f'<rect x="160" y="{top}" width="{width:.1f}" height="16" fill="{_COLOURS[contestant]}"/>')
                bars.append(f'<text x="{165 + width:.1f}" y="{top + 13}">{_time(seconds)}</text>')
                top += 18
        top += 14
    for index, (contestant, label) in enumerate(CONTESTANTS.items()):
        bars.append(f'<rect x="{160 + 180 * index}" y="36" width="12" height="12" fill="{_COLOURS[contestant]}"/>')
        bars.append(f'<text x="{178 + 180 * index}" y="47">{escape(label)}</text>')
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1000 {top}" role="img">'
    title = f'<text x="160" y="24" class="title">{_chart_title(results)}</text>'
    return "\n".join([head, _STYLE, title, *bars, "</svg>", ""])


def _chart_title(results: Results) -> str:
    return f"Seconds for {_size(*SIZES[0])}, {results.about['latency'] * 1000:.0f} ms per AWS call"


def _size(shares: int, images: int) -> str:
    return f"{shares} on {'one image' if images == 1 else f'{images} images'}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], align: str = "") -> str:
    marks = ["---:" if side == "r" else "---" for side in align or "l" * len(head)]
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, marks, *rows))


def _time(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"


def _ratio(value: float) -> str:
    return f"{value:.3f}x" if value < 0.5 else f"{value:.2f}x"
