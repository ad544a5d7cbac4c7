"""Makes docs/performance.md and its chart of the figures of a run; nothing in them is written by hand."""

from __future__ import annotations

import re
import statistics
import sys
import textwrap
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from string import Template
from typing import Any

from . import imports, plan
from .plan import CONTESTANTS, QUICK_SIZES, SIZES, WORKS, Size
from .results import Command, Results, aws_calls, median, save
from .targets import Verdict, verdicts

HERE = Path(__file__).parent
NAME = "performance"

_GREY, _COLOURS = "#333333", ("#1b6ca8", "#9aa5b1", "#d98324", "#7b5ea7")
_NOT_MEASURED = "–"  # noqa: RUF001


def write(results: Results, folder: Path) -> None:
    """Write the document, the chart and the figures into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    save(results, folder / f"{NAME}.json")
    (folder / f"{NAME}.svg").write_text(chart(results))
    (folder / f"{NAME}.md").write_text(document(results))


def document(results: Results) -> str:
    """Return the document, in Markdown."""
    about = results.about
    template = Template((HERE / f"{NAME}.md.template").read_text())
    text = template.substitute(
        intro=_intro(about),
        left_out="Left out of this run: " + " ".join(results.left_out) if results.left_out else "",
        targets=target_table(verdicts(results)),
        medians=median_table(results),
        operations=operation_table(results),
        provider=provider_table(results),
        growth=growth_table(results),
        imports=import_table(results),
        cloud=_cloud(results),
        where=(HERE / "where_the_time_goes.md").read_text().strip(),
        chart=f"{NAME}.svg",
        chart_title=_chart_title(results),
        json=f"{NAME}.json",
        latency=f"{float(about['latency']) * 1000:.0f} ms",
        region_holds=plan.REGION_HOLDS,
        growth_rounds=_rounds(len({g.round for g in results.growth})),
        import_rounds=_rounds(len({i.round for i in results.imports})),
        cli_start=_cli_start(about),
    )
    return re.sub(r"\n{3,}", "\n\n", text)


def target_table(found: Iterable[Verdict]) -> str:
    """Return a table of the targets, what was reached, and the verdicts."""
    words = {True: "met", False: "**not met**", None: "not measured"}
    rows = []
    for verdict in found:
        shown = _count if verdict.target.is_count else _ratio
        reached = _NOT_MEASURED if verdict.figure is None else shown(verdict.figure)
        spread = ""
        if verdict.figures:
            least, most = (shown(value) for value in (min(verdict.figures), max(verdict.figures)))
            spread = least if least == most else f"{least} to {most}"
        rows.append([verdict.target.work, verdict.target.reach, reached, spread, words[verdict.met]])
    return _table(["work", "to reach", "reached", "rounds", "verdict"], rows)


def median_table(results: Results) -> str:
    """Return a table of the wall time and the calls of everything that was measured."""

    def cell(commands: Sequence[Command]) -> str:
        calls = [aws_calls(command.calls) for command in commands]
        count = f"{min(calls)} to {max(calls)}" if min(calls) < max(calls) else f"{calls[0]}"
        unseen = ""
        if commands[0].work.startswith("drift-") and not any(command.changes for command in commands):
            unseen = ", drift not noticed"
        return f"{_time(statistics.median(c.seconds for c in commands))}, {count} calls{unseen}"

    return _command_table(results, cell)


def provider_table(results: Results) -> str:
    """Return a table of the peak memory and processor time of the provider processes."""

    def cell(commands: Sequence[Command]) -> str:
        peak = median(command.provider_peak_bytes for command in commands)
        processor = median(command.provider_cpu_seconds for command in commands)
        if peak is None or processor is None:
            return _NOT_MEASURED
        return f"{peak / 2**20:.0f} MiB, {_time(processor)}"

    return _command_table(results, cell, without=("terraform",))


def operation_table(results: Results) -> str:
    """Return a table of the calls of this provider, by operation."""
    rows = []
    for size, work in _measured_kinds(results):
        commands = results.of("this", size.name, work)
        if commands:
            calls = commands[max(commands)].calls
            listed = ", ".join(f"{count} {action.split(':')[1]}" for action, count in sorted(calls.items()))
            rows.append([f"{WORKS[work]}, {size.label}", listed or "none"])
    return _table(["work", "calls"], rows)


def growth_table(results: Results) -> str:
    """Return a table of the passes without an engine, by the number of shares."""
    rows = []
    for provider, label in (("this", "this provider"), ("null", "null provider")):
        for work, warm, what in (
            ("re-check", True, "re-check (check, diff)"),
            ("re-check", False, "re-check, fresh process"),
            ("grant", True, "grant (check, create)"),
        ):
            for shares in sorted({g.shares for g in results.growth}):
                passes = list(results.growths(provider, work, shares, warm).values())
                if passes:
                    processor = statistics.median(p.provider_cpu_seconds for p in passes)
                    rows.append(
                        [
                            f"{label}: {what}",
                            f"{shares:,}",
                            f"{max(aws_calls(p.calls) for p in passes):,}",
                            _time(processor),
                            f"{processor / shares * 1000:.2f} ms",
                            _time(statistics.median(p.seconds for p in passes)),
                        ]
                    )
    return _table(["pass", "shares", "calls", "provider's processor time", "per share", "wall time"], rows, "lrrrrr")


def import_table(results: Results) -> str:
    """Return a table of the imports in fresh processes."""
    rows = []
    for module in (imports.ALONE, imports.PACKAGE):
        found = [i for i in results.imports if i.module == module]
        if found:
            process, alone = (
                statistics.median(i.process_seconds for i in found),
                statistics.median(i.import_seconds for i in found),
            )
            rows.append([f"`import {module}`", f"{process * 1000:.0f} ms", f"{alone * 1000:.0f} ms"])
    return _table(["", "whole process", "the import alone"], rows, "lrr")


def chart(results: Results) -> str:
    """Return a chart, as SVG, of the wall times at the size in which all contestants take part."""
    size = _sizes(results)[0]
    # Explicit colours: it is seen on light pages and on dark ones.
    pygal = _import_pygal()
    style = pygal.style.Style(
        background="#ffffff",
        plot_background="#ffffff",
        foreground=_GREY,
        foreground_strong=_GREY,
        foreground_subtle="#666666",
        colors=_COLOURS,
        opacity="1",
        guide_stroke_color="#dddddd",
        guide_stroke_dasharray="1,0",
        major_guide_stroke_color="#dddddd",
        major_guide_stroke_dasharray="1,0",
        font_family="sans-serif",
        title_font_size=18,
        label_font_size=13,
        major_label_font_size=13,
        legend_font_size=14,
        value_font_size=12,
    )
    bars = pygal.Bar(
        style=style,
        js=[],
        truncate_label=-1,
        width=1000,
        height=520,
        title=_chart_title(results),
        y_title="seconds",
        legend_at_bottom=True,
        print_values=True,
        print_values_position="top",
        formatter=lambda value: "" if value is None else f"{value:.1f}",
        x_labels=[WORKS[work] for work in _charted_works(results, size)],
    )
    bars.uuid = NAME  # else another one each time
    for contestant in CONTESTANTS:
        seconds = [results.seconds(contestant.name, size.name, work) for work in _charted_works(results, size)]
        if any(value is not None for value in seconds):
            bars.add(contestant.label, seconds)
    bars.add_xml_filter(_without_scripts)
    rendered = str(bars.render(is_unicode=True))
    return re.sub(r"<!--.*?-->", "", rendered, flags=re.DOTALL) + "\n"


def _import_pygal() -> Any:
    import pygal  # type: ignore[import-untyped]

    # It leaves an import hook of Python 2's kind behind, and every later import would warn of that.
    sys.meta_path[:] = [hook for hook in sys.meta_path if type(hook).__name__ != "PluginImportFixer"]
    return pygal


def _without_scripts(root: Any) -> Any:
    for parent in list(root.iter()):
        for child in list(parent):
            if str(child.tag).endswith("script"):
                parent.remove(child)
    return root


def _chart_title(results: Results) -> str:
    return f"Seconds for {_sizes(results)[0].label}, {float(results.about['latency']) * 1000:.0f} ms per AWS call"


def _charted_works(results: Results, size: Size) -> list[str]:
    return [work for of, work in _measured_kinds(results) if of == size and work != "preview-parallel"]


def _sizes(results: Results) -> tuple[Size, ...]:
    return QUICK_SIZES if results.about.get("quick") else SIZES


def _measured_kinds(results: Results) -> list[tuple[Size, str]]:
    found = {(command.size, command.work) for command in results.commands}
    return [(size, work) for size in _sizes(results) for work in WORKS if (size.name, work) in found]


def _command_table(results: Results, cell: Callable[[Sequence[Command]], str], without: tuple[str, ...] = ()) -> str:
    there = {command.contestant for command in results.commands}
    contestants = [c for c in CONTESTANTS if c.name in there and c.name not in without]
    rows = []
    for size, work in _measured_kinds(results):
        row = [f"{WORKS[work]}, {size.label}"]
        for contestant in contestants:
            commands = list(results.of(contestant.name, size.name, work).values())
            row.append(cell(commands) if commands else _NOT_MEASURED)
        rows.append(row)
    return _table(["work", *(contestant.label for contestant in contestants)], rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], align: str = "") -> str:
    if not rows:
        return "Not measured in this run."
    marks = {"l": "---", "r": "---:"}
    lines = [head, [marks[side] for side in align or "l" * len(head)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _intro(about: dict[str, Any]) -> str:
    tools = [
        f"Pulumi {about['engine']}",
        f"its Python SDK {about['pulumi_sdk']}",
        f"boto3 {about['boto3']}",
        f"Python {about['python']}",
        *filter(None, [about["terraform"], _cli(about)]),
    ]
    load = f"load average {about['load_before']} before it began"
    text = (
        f"Measured on {str(about['date'])[:10]}, {_rounds(about['rounds'])}, on {about['cores']} cores "
        f"({about['cpu']}, {about['system']}; {load}), with {', '.join(tools)}."
    )
    return textwrap.fill(text, 120, break_on_hyphens=False)


def _rounds(count: int) -> str:
    return "1 round" if count == 1 else f"{count} rounds"


def _cli(about: dict[str, Any]) -> str | None:
    cli = about["aws_cli"]
    return str(cli).split(" ")[0].replace("/", " ") if cli else None


def _cli_start(about: dict[str, Any]) -> str:
    seconds = about["aws_cli_start_seconds"]
    return f"{float(seconds):.2f} s" if seconds else "not measured"


def _cloud(results: Results) -> str:
    cost = results.cloud
    if not cost:
        return "What the local cloud itself costs was not measured in this run."
    shares = [
        command.cloud_cpu_seconds / command.seconds for command in results.commands if command.contestant == "this"
    ]
    busy = (
        f" It was busy for {statistics.median(shares):.1%} of the time of this provider's commands." if shares else ""
    )
    text = (
        f"Without latency and asked over one connection, a page of permissions takes {cost['listing_ms']:.1f} ms and a "
        f"grant {cost['write_ms']:.1f} ms ({cost['cpu_ms']:.1f} ms of its processor time); with the latency, a call "
        f"takes {cost['beyond_latency_ms']:.1f} ms more than that.{busy}"
    )
    return textwrap.fill(text, 120)


def _time(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"


def _ratio(value: float) -> str:
    return f"{value:.3f}x" if value < 0.5 else f"{value:.2f}x"


def _count(value: float) -> str:
    return f"{value:.0f}"
