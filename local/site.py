"""Change the pages of the site: diagrams follow the chosen theme, and nothing is loaded from other sites."""

import re
from pathlib import Path
from typing import Any

_IMAGE = re.compile(r'<img alt="([^"]*)" src="([^"/]*\.svg)" ?/?>')
_SHIM = re.compile(r'<script src="[^"]*/iframe-worker/shim"></script>')
_DARK = re.compile(r"@media \(prefers-color-scheme: dark\) \{(.*?)\n  \}", re.DOTALL)


def on_page_content(html: str, page: Any, config: Any, **_: Any) -> str:
    """Replace the images of diagrams by their SVG code (an event of MkDocs).

    Args:
        html: the page's content.
        page: the page.
        config: MkDocs' configuration.
    """
    folder = Path(config.docs_dir, page.file.src_uri).parent
    return _IMAGE.sub(lambda found: _diagram(found, (folder / found[2]).read_text()), html)


def _diagram(found: re.Match[str], svg: str) -> str:
    dark = _DARK.search(svg)
    if not dark:
        return found[0]  # it has a background of its own
    light = svg.replace(dark[0], "").replace("<svg ", '<svg class="diagram" ', 1)
    rules = f'}} [data-md-color-scheme="slate"] .diagram {{{dark[1]}}}</style>'
    return light.replace("<style>", "<style>.diagram {").replace("</style>", rules)


def on_post_page(output: str, page: Any, **_: Any) -> str:
    """Let the search load nothing from other sites when a page is opened from a folder (an event of MkDocs).

    Args:
        output: the page's text.
        page: the page.
    """
    return _SHIM.sub(f'<script src="{"../" * page.url.count("/")}assets/search-in-a-folder.js"></script>', output)


def on_post_template(output_content: str, **_: Any) -> str:
    """Do the same for 404.html, which only a server shows."""
    return _SHIM.sub("", output_content)
