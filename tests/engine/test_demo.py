"""`make demo` shows the main use case, fails if the cloud does not obey, and leaves nothing behind."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from local.environment import ROOT

# Every Python process of the demo, including its providers, holds the lock until it ends.
HOLD_THE_LOCK = """
import fcntl
alive = open(%r, "a")
fcntl.flock(alive, fcntl.LOCK_SH)
"""

ON_A_CLOUD_THAT_IGNORES_GRANTS = """
import sys
from local.cloud import LocalCloud, Response
from local.demo import main

def ignore(call, proceed):
    return Response(200, {}, b"{}") if call.operation == "UpdateWorkspaceImagePermission" else proceed()

class Cloud(LocalCloud):
    def start(self):
        super().start()
        self.interceptors.append(ignore)

sys.exit(main(Cloud()))
"""

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Return a function that starts Python in an environment with a user's settings, which the demo must ignore."""
    (tmp_path / "temporary").mkdir()
    (tmp_path / "sitecustomize.py").write_text(HOLD_THE_LOCK % str(tmp_path / "lock"))
    environment = {k: v for k, v in os.environ.items() if not k.startswith("COV")} | {
        "PYTHONPATH": str(tmp_path),
        "TMPDIR": str(tmp_path / "temporary"),
        "AWS_PROFILE": "of-the-user",
        "AWS_REGION": "eu-west-1",
        "PULUMI_STACK": "of-the-user",
        "PULUMI_CONFIG_PASSPHRASE_FILE": "/nowhere",
        "HTTP_PROXY": "http://127.0.0.1:1",
    }

    def start(*arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


def assert_nothing_is_left(folder: Path) -> None:
    assert not list((folder / "temporary").iterdir())
    assert not (ROOT / "Pulumi.demo.yaml").exists()
    with (folder / "lock").open() as lock:
        for _ in range(30):
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(0.1)
            else:
                return
    raise AssertionError("a process of the demo is still running")


def test_shows_all_steps_in_sixty_lines(start: Start, tmp_path: Path) -> None:
    demo = start("-m", "local.demo")
    screen, errors = demo.communicate(timeout=240)
    assert demo.returncode == 0, screen + errors
    assert_nothing_is_left(tmp_path)
    assert "the share was revoked outside Pulumi" in screen.replace("\n      ", " ")
    assert "\x1b" not in screen
    lines = screen.splitlines()
    assert len(lines) <= 60
    assert max(map(len, lines)) <= 100


@pytest.mark.nightly
def test_fails_on_a_cloud_that_ignores_grants(start: Start, tmp_path: Path) -> None:
    demo = start("-c", ON_A_CLOUD_THAT_IGNORES_GRANTS)
    screen, errors = demo.communicate(timeout=240)
    assert demo.returncode == 1, screen + errors
    assert_nothing_is_left(tmp_path)
    assert (
        "The demo failed. `pulumi up --yes --skip-preview`: expected an image shared with "
        "sales (222222222222) and legal (333333333333); it is shared with no account\n"
    ) in errors
    assert "Updating (demo):" in errors  # the full output of the command


@pytest.mark.nightly
def test_interrupted_in_the_middle_of_an_update(start: Start, tmp_path: Path) -> None:
    with start("-m", "local.demo") as demo:
        assert demo.stdout
        while "$ pulumi up" not in demo.stdout.readline():
            assert demo.poll() is None
        time.sleep(1)  # the engine has started its language host, and perhaps the provider
        demo.send_signal(signal.SIGINT)
        demo.communicate(timeout=60)
    assert demo.returncode == 130
    assert_nothing_is_left(tmp_path)
