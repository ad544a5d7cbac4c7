"""Following a page as a reader does: every file written, every command run, every output compared."""

import sys
from collections.abc import Callable, Mapping
from typing import Any

from local.environment import ROOT
from local.stack import finish, start
from tests.engine.harness import REGION, Run, Stack
from tests.pages import blocks

# What these would install or build is there, or no test would run.
_SHELL = f"""
make() {{ for word; do [[ $word == -* ]] || grep -q "^$word:" {ROOT}/Makefile || return 1; done; }}
pulumi() {{ [[ $1 == install ]] || command pulumi "$@"; }}
"""


def follow(
    stack: Stack, page: str, *, stacks: Mapping[str, Any] | None = None, then: Callable[[], object] = lambda: None
) -> None:
    """Do what a page says in the folder of `stack`, with the credentials of its environment.

    A block with a title is a file. `sh` is run, one line after the other; a preview must write nothing. Every line of
    `text` must be in what the commands above it have printed, blanks and the ends of lines aside.

    Args:
        stack: where; what its folder holds is taken as it is.
        page: the page's path.
        stacks: what is there before, by name: the `workspaces-images:shares` that the stack has, if any.
        then: what happens after that, before the page is followed.
    """
    stack.keep_configuration_file = True
    stack.environment.pop("PULUMI_STACK", None)  # the page names its own
    stack.environment["AWS_ENDPOINT_URL"] = stack.cloud.url
    stack.environment["COLUMNS"] = "80"  # of `--help`
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
            assert not missing, f"{page} shows what was not printed: {missing}\n{printed}"


def shell(stack: Stack, command: str) -> Run:
    """Run a command as a shell does."""
    return Run(*finish(start(["bash", "-c", _SHELL + command], stack.folder, stack.environment)))


def _run(stack: Stack, command: str) -> str:
    writes = len(stack.cloud.writes())
    # Nobody is there to answer its question.
    done = shell(stack, command.replace("pulumi up", "pulumi up --yes --skip-preview"))
    assert done.code == 0, f"{command}\n{done.output}"
    if command.startswith("pulumi preview"):
        assert len(stack.cloud.writes()) == writes
    return done.output
