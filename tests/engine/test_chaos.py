"""A few rounds of `make chaos`, which runs as many rounds as there is time for."""

import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from local.cloud import LocalCloud
from local.environment import ROOT
from local.stack import start
from tests.chaos.story import CALM_KEY, Story
from tests.engine.test_engine_killed import wait_for
from tests.nightly import nightly_but_first

SEED = "make test"


@pytest.mark.parametrize(("number", "rounds"), nightly_but_first([(0, 2), (0, 5), (1, 5)]))
def test_one_up_heals_every_round_of_chaos(cloud: LocalCloud, tmp_path: Path, number: int, rounds: int) -> None:
    """After random changes, faults and kills one more up brings everything to what is declared."""
    failure = Story(SEED, number, cloud, tmp_path, print).tell(rounds)
    assert failure is None, failure


def running_in(folder: Path) -> list[psutil.Process]:
    """Return the processes that have `folder` for their temporary files."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get("TMPDIR") == str(folder) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("number", "kill"),
    [
        pytest.param(signal.SIGINT, os.killpg, id="Ctrl-C"),
        pytest.param(signal.SIGTERM, os.kill, id="SIGTERM"),
        pytest.param(signal.SIGTERM, os.killpg, id="SIGTERM to all"),
    ],
)
def test_interrupted_chaos_leaves_nothing_running(
    tmp_path: Path, number: signal.Signals, kill: Callable[[int, int], None]
) -> None:
    """It is interrupted while one of its stories runs the up that heals."""

    def has_calmed_down() -> bool:
        assert chaos.poll() is None
        for process in running_in(tmp_path):
            with suppress(psutil.Error):
                if "pulumi.dynamic" in process.cmdline() and process.environ().get("AWS_ACCESS_KEY_ID") == CALM_KEY:
                    return True
        return False

    command = [sys.executable, "-m", "tests.chaos", "--seed", SEED]
    chaos = start(command, ROOT, {**os.environ, "TMPDIR": str(tmp_path)})
    try:
        wait_for(has_calmed_down, "a provider process in a calm command")
        kill(chaos.pid, number)
        output, _ = chaos.communicate(timeout=60)
        assert "interrupted" in output
        assert running_in(tmp_path) == []
    finally:
        for process in running_in(tmp_path):
            process.kill()
