"""Ctrl-C and SIGTERM during a credential process: the command ends, and no process is left running."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.stack import finish
from tests.credential_process import Tool
from tests.engine.harness import SALES, Stack

pytestmark = pytest.mark.nightly


@pytest.fixture
def tool(stack: Stack, tmp_path: Path) -> Iterator[Tool]:
    """Let the stack's credentials come from a process that never ends."""
    tool = Tool(tmp_path)
    tool.will_hang()
    for name in [name for name in stack.environment if name.startswith("AWS_")]:
        del stack.environment[name]
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "config").write_text(f"[default]\ncredential_process = {tool.command}\n")
    yield tool
    tool.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_interrupted_command_ends(stack: Stack, image: str, tool: Tool, number: signal.Signals) -> None:
    """The share's check was waiting for the credential process, and says why it stopped."""
    stack.shares(image, sales=SALES)
    running = stack.start("up", "--yes", "--skip-preview")
    tool.wait_until_it_hangs()
    os.kill(running.pid, number)
    code, output = finish(running)
    assert code != 0
    assert "was stopped because the command was interrupted" in output
    assert len(tool.runs) == 2
    tool.wait_until_it_is_gone()


def test_interrupted_program_ends(stack: Stack, tool: Tool) -> None:
    """The program's own process was waiting for the credential process, in `find_images`."""
    stack.program("find_images('golden-*')")
    running = stack.start("preview")
    tool.wait_until_it_hangs()
    os.kill(running.pid, signal.SIGTERM)
    code, _ = finish(running)
    assert code != 0
    tool.wait_until_it_is_gone()
