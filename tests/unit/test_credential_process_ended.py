"""A provider process that is interrupted, or killed, while it waits for a credential process."""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import empty_pb2

from pulumi_workspaces_images.provider import ImageShareProvider
from tests.credential_process import Tool, runs, wait_for
from tests.driver import Driver, DriverError, Engine
from tests.unit.connections import write
from tests.unit.helpers import REGION, SHARE


@pytest.fixture
def tool(home: Path) -> Iterator[Tool]:
    """Return a credential process that never ends."""
    tool = Tool(home)
    tool.will_hang()
    write(home, "config", f"[default]\ncredential_process = {tool.command}\n")
    yield tool
    tool.kill()


@dataclass(frozen=True)
class Checking:
    """A provider process whose check of a share waits for the credential process."""

    engine: Engine
    pid: int
    stub: Any
    answer: Future[Any]


@pytest.fixture
def checking(tool: Tool) -> Iterator[Checking]:
    """Return a provider process whose check of a share is waiting."""
    with Engine() as engine, Driver(engine, {"aws:region": REGION}) as driver, ThreadPoolExecutor(1) as pool:
        answer = pool.submit(driver.check, ImageShareProvider, {}, {**SHARE._asdict()})
        tool.wait_until_it_hangs()
        yield Checking(engine, driver.pid, driver.stub, answer)
        engine.kill()  # this ends the check, even if a test has failed


def test_cancelled_command(tool: Tool, checking: Checking) -> None:
    """On Ctrl-C or SIGTERM the engine sends Cancel and waits for the check, which ends and says why."""
    checking.stub.Cancel(empty_pb2.Empty())
    with pytest.raises(DriverError, match=r"the credential_process .* was stopped because the command was interrupted"):
        checking.answer.result(60)
    tool.wait_until_it_is_gone()
    assert runs(checking.pid)


# SIGINT is left out because Python can lose one that arrives during a fork. The engine does not send it, and kills a
# provider that does not end.
@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGKILL, marks=pytest.mark.nightly)])
def test_provider_ended_by_a_signal_leaves_no_process(tool: Tool, checking: Checking, number: signal.Signals) -> None:
    os.kill(checking.pid, number)
    tool.wait_until_it_is_gone()
    wait_for(lambda: not runs(checking.pid), "the end of the provider")


@pytest.mark.nightly
def test_provider_whose_engine_ends_leaves_no_process(tool: Tool, checking: Checking) -> None:
    checking.engine.kill()
    tool.wait_until_it_is_gone()
    wait_for(lambda: not runs(checking.pid), "the end of the provider")
