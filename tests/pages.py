"""The pages of the documentation: their code blocks, headings and links."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from local.environment import ROOT

PAGES = {
    str(path.relative_to(ROOT)): path
    for pattern in ("*.md", "docs/**/*.md", "examples/**/*.md", "benchmarks/*.md", ".github/**/*.md")
    for path in sorted(ROOT.glob(pattern))
}

_BLOCK = re.compile(r"^```(\w*)(?: title=\"([^\"\n]+)\")?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A code block: its language, its title (the name of a file, or empty), and its text."""

    language: str
    title: str
    text: str


def blocks(page: str) -> list[Block]:
    """Return the code blocks of a page, in order."""
    return [Block(*found) for found in _BLOCK.findall(PAGES[page].read_text())]


def policies() -> tuple[list[str], list[str]]:
    """Return the IAM actions on the security page: those for previews, and those that up also needs."""
    written = [json.loads(block.text) for block in blocks("docs/security.md") if block.language == "json"]
    preview, up = [[statement["Action"] for statement in policy["Statement"]] for policy in written]
    return preview, up


def explained(output: str, part: str) -> bool:
    """Tell whether `output` has the message on the troubleshooting page with this part; `...` in it is anything."""
    (message,) = (b.text for b in blocks("docs/troubleshooting.md") if part in " ".join(b.text.split()))
    shown = " ".join(output.split())
    return all(" ".join(fragment.split()) in shown for fragment in message.split("..."))


def prose(page: str) -> str:
    """Return a page without its code."""
    return re.sub(r"`[^`\n]*`", "", _BLOCK.sub("", PAGES[page].read_text()))


def anchors(path: Path) -> set[str]:
    """Return the anchors of a page's headings, which links name after the `#`."""
    headings = re.findall(r"^#+ (.*)$", _BLOCK.sub("", path.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
