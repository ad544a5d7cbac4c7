"""Draw docs/preview.svg, the README's picture: what a real preview prints, on the local cloud and a real engine."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from local.accounts import LEGAL, REGION, SALES
from local.cloud import LocalCloud
from local.environment import ROOT
from local.stack import CommandError, Stack, environment_in

PICTURE = ROOT / "docs" / "preview.svg"

_FINANCE = "444444444444"
_IMAGE = "wsi-0a1b2c3d4"
_COLUMNS = 76  # readable on a phone

# The row of a resource that changes, up to the operation. The message after that is repeated under Diagnostics.
_CHANGE = re.compile(r"(.*\x1b\[\d+;\d+;\d+m(?:create|update|delete|replace)\x1b\[0m).*")

# Its own dark background makes the picture legible on a light page and on a dark one.
_THEME = TerminalTheme(
    (30, 34, 42),
    (220, 223, 228),
    [(0, 0, 0), (240, 110, 116), (140, 200, 120), (229, 192, 100), (98, 160, 240), (200, 130, 225), (86, 190, 200),
     (220, 223, 228)],
    [(130, 137, 151), (255, 128, 135), (160, 220, 140), (245, 210, 120), (120, 180, 255), (220, 150, 245),
     (110, 210, 220), (255, 255, 255)],
)  # fmt: skip

# rich's own format, without the fonts that it would load from another site and without a window's buttons.
_FORMAT = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-label="pulumi preview">
<style>
.{unique_id}-matrix {{
  font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: {char_height}px; line-height: {line_height}px;
}}
{styles}
</style>
<defs>
{lines}
</defs>
<rect fill="#1e222a" width="{width}" height="{height}" rx="8"/>
<g transform="translate({terminal_x}, 25)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def preview() -> str:
    """Return the output of a preview, in colours: a new share, a share revoked by hand, and a share that is removed.

    Each line is in it once.

    Raises:
        EngineError: there is no engine and none can be installed.
        CommandError: a command failed.
    """
    with tempfile.TemporaryDirectory() as folder, LocalCloud() as cloud:
        stack = Stack(Path(folder, "program"), environment_in(Path(folder)))
        stack.environment |= {**cloud.credentials(), "AWS_ENDPOINT_URL": cloud.url}
        stack.color = "always"

        def declare(**accounts: str) -> None:
            # Each share depends on the previous one, so that the lines are always in the same order.
            (stack.folder / "__main__.py").write_text(
                "from pulumi import ResourceOptions\nfrom pulumi_workspaces_images import ImageShare\nlast = None\n"
                f"for name, account in {accounts!r}.items():\n"
                f"    opts = ResourceOptions(depends_on=last)\n"
                f"    last = ImageShare(f'golden-{{name}}', {_IMAGE!r}, account, opts=opts)\n"
            )

        cloud.create_image(image_id=_IMAGE)
        (stack.folder / "Pulumi.yaml").write_text("name: images\nruntime: python\n")
        stack.pulumi("stack", "init", "prod")
        stack.configure("prod", {"aws:region": REGION})
        declare(sales=SALES, legal=LEGAL)
        stack.pulumi("up", "--yes", "--skip-preview")
        cloud.unshare(_IMAGE, SALES)
        declare(sales=SALES, finance=_FINANCE)
        return "\n".join(_once(stack.pulumi("preview", "--suppress-progress").splitlines()))


def _once(lines: Iterable[str]) -> Iterator[str]:
    """Yield the lines of a preview without the rows and messages that Pulumi prints twice."""
    rows = False
    for line in lines:
        if "Previewing update" in line:
            rows = True
        elif "Diagnostics:" in line:
            rows = False
            yield ""
        change = _CHANGE.fullmatch(line)
        if change:
            yield change[1]
        elif not rows or "pulumi" not in line:
            yield line


def draw(output: str) -> str:
    """Return a terminal's `output` as SVG, complete and in its colours."""
    with open(os.devnull, "w") as nowhere:
        console = Console(record=True, width=_COLUMNS, file=nowhere, force_terminal=True, color_system="truecolor")
        console.print(Text("$ pulumi preview", style="bold"))
        for line in Text.from_ansi(output.rstrip()).split(allow_blank=True):
            for number, part in enumerate(line.wrap(console, _COLUMNS - 6)):
                console.print(Text("      " if number else "") + part)
        return console.export_svg(title="", theme=_THEME, code_format=_FORMAT, unique_id="preview")


if __name__ == "__main__":
    try:
        PICTURE.write_text(draw(preview()))
    except CommandError as error:
        sys.exit(f"error: {error}")
