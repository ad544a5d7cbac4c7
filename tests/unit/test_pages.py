"""The pages: links work, snippets are tested, and the site builds without a warning."""

import contextvars
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml

import pulumi_workspaces_images
from local.environment import ROOT
from pulumi_workspaces_images import FoundImage
from pulumi_workspaces_images.configuration import aws as configuration
from tests.pages import PAGES, anchors, blocks, policies, prose
from tests.unit.test_stack_program import Organization, run

FOLLOWED = re.findall(
    r"follow\(stack, f?\"([^\"]+)\"",
    "".join((ROOT / "tests" / "engine" / name).read_text() for name in ("test_pages.py", "test_examples.py")),
)
"""Pages that the engine tests follow. `{name}` stands for any example."""


def is_followed(page: str) -> bool:
    return page in FOLLOWED or (page.startswith("examples/") and "examples/{name}/README.md" in FOLLOWED)


def find(name: str, region: str | None = None) -> list[FoundImage]:
    return [FoundImage("wsi-0a1b2c3d4", "golden-2026-11", None, region or "us-east-1")]


@pytest.fixture(autouse=True)
def _quiet(quiet_environment: None) -> None: ...


@pytest.mark.parametrize("page", PAGES)
def test_links_work(page: str) -> None:
    """The files and headings in the repository exist. Links to other sites are not checked."""
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"https?://", target):
            continue
        name, _, anchor = target.partition("#")
        path = PAGES[page].parent / name if name else PAGES[page]
        assert path.exists(), f"{page}: {target}"
        assert not anchor or anchor in anchors(path), f"{page}: {target}"


@pytest.mark.parametrize("page", PAGES)
def test_every_snippet_is_tested(page: str) -> None:
    """Tests follow the pages with commands, outputs and files. The tests below run the other snippets."""
    # Tested below, and in tests/engine/test_troubleshooting.py and test_many_accounts.py.
    elsewhere = {
        "CONTRIBUTING.md": "sh",
        "docs/troubleshooting.md": "text",
        "docs/how-to/many-accounts.md": "console",
    }
    for block in blocks(page):
        if block.language in ("sh", "text", "console") or (block.title and not block.title.startswith("Pulumi.")):
            assert is_followed(page) or elsewhere.get(page) == block.language, f"{page}: {block.text}"
        else:
            assert block.language in ("python", "yaml", "json"), f"{page}: {block.text}"


@pytest.mark.parametrize("page", PAGES)
def test_no_command_can_empty_a_file(page: str) -> None:
    """With `>` a command that fails leaves an empty file. With `>>` the file keeps its contents."""
    commands = [
        line for block in blocks(page) if block.language in ("sh", "console") for line in block.text.splitlines()
    ]
    assert [line for line in commands if re.search(r"(?<![>=-])>(?![>&])", line)] == []


def test_commands_of_contributors() -> None:
    """Their targets and tests exist. They are not run here, because they would run this test."""
    (block,) = blocks("CONTRIBUTING.md")
    for command in block.text.splitlines():
        words = shlex.split(command, comments=True)
        if words[0] == "python":
            collected = subprocess.run(
                [sys.executable, *words[1:], "--collect-only", "-q"], cwd=ROOT, capture_output=True
            )
            assert collected.returncode == 0, command
        else:
            (target,) = re.findall(r"make (?:-\w )?(\w+)", command)
            assert f"\n{target}: " in (ROOT / "Makefile").read_text(), command


def test_every_message_shown_on_troubleshooting_appears_in_an_engine_test() -> None:
    tests = "".join(path.read_text() for path in (ROOT / "tests" / "engine").glob("test_*.py"))
    parts = re.findall(r"explained\(.*, \"(.*)\"\)", tests)
    shown = [" ".join(block.text.split()) for block in blocks("docs/troubleshooting.md")]
    assert [message for message in shown if not any(part in message for part in parts)] == []


UNIT_TESTS = "docs/how-to/unit-tests.md"


def test_page_on_unit_tests(tmp_path: Path) -> None:
    """Its test passes unchanged, and fails for another account."""
    (block,) = blocks(UNIT_TESTS)
    for account, code in (("222222222222", 0), ("333333333333", 1)):
        (tmp_path / "test_it.py").write_text(
            block.text.replace('{"sales": "222222222222"}', f'{{"sales": "{account}"}}')
        )
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
        ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert ran.returncode == code, ran.stdout


@pytest.mark.parametrize(
    ("page", "text"),
    [(page, b.text) for page in PAGES if page != UNIT_TESTS for b in blocks(page) if b.language == "python"],
)
def test_program_on_a_page(monkeypatch: pytest.MonkeyPatch, page: str, text: str) -> None:
    """It runs, and declares a share."""
    monkeypatch.setattr(pulumi_workspaces_images, "find_image", lambda name: find(name)[0])
    engine = Organization()

    def run_mocked() -> None:
        pulumi.runtime.set_all_config({"aws:region": "us-east-1"}, [])
        pulumi.runtime.set_mocks(engine, project="images", stack="prod", preview=True)
        wait_for: Any = pulumi.runtime.test
        wait_for(lambda: exec(text, {"__name__": "__main__"}))()

    contextvars.copy_context().run(run_mocked)
    assert engine.shared()


@pytest.mark.parametrize(
    ("page", "text"),
    [(page, b.text) for page in PAGES for b in blocks(page) if b.language == "yaml" and b.text.startswith("config:")],
)
def test_configuration_on_a_page(monkeypatch: pytest.MonkeyPatch, page: str, text: str) -> None:
    """The provider and the stack program accept it, and it declares a share."""
    values = yaml.safe_load(text)["config"]
    given = {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}
    configuration.read_aws(given)
    monkeypatch.setattr(pulumi_workspaces_images, "find_images", find)
    engine = Organization()
    groups = values.get("workspaces-images:accountGroups")
    run(engine, values["workspaces-images:shares"], values.get("aws:region"), accountGroups=groups)
    assert engine.shared()


def test_policies_of_the_security_page() -> None:
    """The engine tests run with exactly these permissions."""
    assert policies() == (
        ["workspaces:DescribeWorkspaceImages", "workspaces:DescribeWorkspaceImagePermissions"],
        ["workspaces:UpdateWorkspaceImagePermission"],
    )


def test_every_configuration_key_is_in_the_reference() -> None:
    page = (ROOT / "docs" / "reference" / "configuration.md").read_text()
    keys = configuration._SUPPORTED | configuration._IGNORED
    assert {key for key in keys if f"`{key}`" not in page} == set()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Build the site without a warning, and return its pages by name."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}  # as in the Makefile
    built = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert (built.returncode, built.stdout + built.stderr) == (0, "")
    return {str(page.relative_to(folder)): page.read_text() for page in folder.rglob("*.html")}


def test_site_loads_nothing_from_other_sites(site: dict[str, str]) -> None:
    loaded = r"<(?:script|img|iframe)\b[^>]*src=\"?(?:https?:)?//[^ >]*|<link\b[^>]*href=\"?(?:https?:)?//[^ >]*"
    assert {name: found for name, page in site.items() if (found := re.findall(loaded, page))} == {}


def test_no_list_of_the_site_runs_into_a_paragraph(site: dict[str, str]) -> None:
    """Python-Markdown needs an empty line before a list, and four spaces before the contents of an item."""
    paragraph = r"<p>(?:(?!</p>).)*?\n\s*(?:[-*]|\d+\.|\|) (?:(?!</p>).)*"
    assert {name: found for name, page in site.items() if (found := re.findall(paragraph, page, re.DOTALL))} == {}


def test_diagrams_follow_the_theme_of_the_site(site: dict[str, str]) -> None:
    """They are part of the page, and have no rules for the theme of the system."""
    assert 'class="diagram"' in site["concepts.html"]
    assert '[data-md-color-scheme="slate"] .diagram {' in site["concepts.html"]
    assert "prefers-color-scheme: dark) {" not in site["concepts.html"]
