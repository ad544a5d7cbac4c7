"""Follow a page as a reader does: write every file, run every command, compare every output."""

import sys
from collections.abc import Callable, Mapping
from typing import Any

from local.environment import ROOT
from local.stack import finish, start
from tests.engine.harness import REGION, Run, Stack
from tests.pages import blocks

# Neither command runs: everything that they would install or build exists already.
_SHELL = f"""
make() {{ for word; do [[ $word == -* ]] || grep -q "^$word:" {ROOT}/Makefile || return 1; done; }}
pulumi() {{ [[ $1 == install ]] || command pulumi "$@"; }}
"""


def follow(
    stack: Stack, page: str, *, stacks: Mapping[str, Any] | None = None, then: Callable[[], object] = lambda: None
) -> None:
    """Do what a page says in the folder of `stack`, with the credentials of its environment.

    A block with a title is written as a file. The lines of an `sh` block are run one by one, and a preview must write
    nothing. Every line of a `text` block must be in the output of the commands above it, apart from spaces and line
    ends.

    Args:
        stack: the stack. Files in its folder are kept.
        page: the page's path.
        stacks: the stacks to create first, by name: the `workspaces-images:shares` of each stack, if any.
        then: called after that, before the page is followed.
    """
    stack.keep_configuration_file = True
    stack.environment.pop("PULUMI_STACK", None)  # the page names its own
    stack.environment["AWS_ENDPOINT_URL"] = stack.cloud.url
    stack.environment["COLUMNS"] = "80"  # for the output of `--help`
    if not (stack.folder / ".venv").exists():
        (stack.folder / ".venv").symlink_to(sys.prefix)  # what `pulumi install` would make, from a package registry
    for name, shares in (stacks or {}).items():
        stack.run("stack", "init", name)
        if shares:
            stack.configure(name, {"aws:region": REGION, "workspaces-images:shares": shares})
            stack.up("--stack", name)
    then()
    printed = ""
    for block in blocks(page):
        if block.title:
            (stack.folder / block.title).write_text(block.text)
        elif block.language == "sh":
            printed = "".join(_run(stack, command) for command in block.text.splitlines())
        elif block.language == "text":
            shown = " ".join(printed.split())
            missing = [line for line in block.text.splitlines() if " ".join(line.split()) not in shown]
            assert not missing, f"{page} shows lines that were not printed: {missing}\n{printed}"


def shell(stack: Stack, command: str) -> Run:
    """Run a command as a shell does."""
    return Run(*finish(start(["bash", "-c", _SHELL + command], stack.folder, stack.environment)))


def _run(stack: Stack, command: str) -> str:
    writes = len(stack.cloud.writes())
    # Without --yes it would ask for confirmation.
    done = shell(stack, command.replace("pulumi up", "pulumi up --yes --skip-preview"))
    assert done.code == 0, f"{command}\n{done.output}"
    if command.startswith("pulumi preview"):
        assert len(stack.cloud.writes()) == writes
    return done.output
