"""Law 13 on the engine: AWS is asked again before drift is reported, with real waits."""

import os
import signal

import pytest

from local.cloud import LocalCloud
from tests.engine.harness import LEGAL, SALES, Stack
from tests.engine.test_engine_killed import wait_for
from tests.unit.helpers import LIST


@pytest.mark.nightly
def test_listing_that_lags_behind_an_up(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """A preview and a refresh right after the up find nothing to do, and the share stays in the state (case 12)."""
    stack.looks_again(5, 10)
    cloud.lag(8)
    program = "ImageShares('golden', {!r}, {!r}, exclusive=True)"
    stack.program(program.format(image, [SALES, LEGAL]))
    stack.up()
    assert stack.refresh().clean
    assert stack.preview().clean
    stack.program(program.format(image, [SALES]))
    stack.up()
    assert LEGAL not in stack.preview().output, "a revoked account is reported as unlisted"
    assert stack.refresh().clean
    assert stack.declared() == {f"golden-{SALES}": SALES}
    assert cloud.shared_with(image) == {SALES}


@pytest.mark.nightly
def test_ctrl_c_while_it_waits_to_ask_aws_again(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """The command ends with one line, and the state keeps the share."""
    stack.shares(image, sales=SALES)
    stack.up()
    cloud.unshare(image, SALES)
    cloud.forget_calls()
    stack.looks_again(1000)
    running = stack.start("refresh", "--yes", "--skip-preview")
    wait_for(lambda: cloud.count(LIST) == 1, "the first listing")
    os.kill(running.pid, signal.SIGINT)
    output, _ = running.communicate(timeout=60)
    assert running.returncode != 0
    assert "ExpectedError: the command was interrupted" in output
    assert stack.declared() == {"sales": SALES}
