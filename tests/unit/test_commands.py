"""`local.stack`: an interrupted command leaves no process running."""

import sys
from contextlib import suppress
from pathlib import Path

import pytest

from local.stack import killed_on_failure, processes_of, start

# Like an engine and its provider: the second process is in its own process group.
TWO = (
    "import os, subprocess, time\n"
    "nowhere = subprocess.DEVNULL\n"
    "subprocess.Popen(['sleep', '60'], preexec_fn=os.setpgrp, stdout=nowhere, stderr=nowhere)\n"
    "print('ready', flush=True)\n"
)


@pytest.mark.parametrize("waits", [True, False], ids=["running", "ended"])
def test_interrupted_command_leaves_no_process_running(tmp_path: Path, waits: bool) -> None:
    """This holds even if the command itself has already ended."""
    process = start([sys.executable, "-c", TWO + "time.sleep(60)" * waits], tmp_path, {})
    assert process.stdout
    with suppress(KeyboardInterrupt), killed_on_failure(process):
        assert process.stdout.readline() == "ready\n"
        if not waits:
            process.wait(10)
        assert processes_of(process)
        raise KeyboardInterrupt
    assert processes_of(process) == []
