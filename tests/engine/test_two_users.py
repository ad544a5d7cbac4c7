"""Two users of one machine share a PULUMI_HOME. Neither can read the other's records or has to wait for them."""

import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local.cloud import Call, LocalCloud, Response
from tests.engine.harness import OWNER, SALES, Stack
from tests.engine.test_engine_killed import wait_for
from tests.engine.test_provider_processes import program

pytestmark = pytest.mark.nightly

GRANT = "UpdateWorkspaceImagePermission"
USERS = (54321, 54322)


def as_user(user: int, *options: str) -> list[str]:
    """Return the prefix of a command that runs as a user."""
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", *options]


def may(user: int, *command: str | Path) -> bool:
    """Tell whether a command succeeds when it is run as a user."""
    return subprocess.run([*as_user(user), *command], capture_output=True).returncode == 0


@pytest.fixture
def homes() -> Iterator[Path]:
    """Return a folder that all users may enter. The folders of pytest are private."""
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        pytest.skip("only root can run a command as another user, with setpriv of util-linux")
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


@pytest.fixture
def stacks(homes: Path, cloud: LocalCloud) -> list[Stack]:
    """Return a stack of each user. Both use the PULUMI_HOME `homes/pulumi`, where all users may write."""
    shared = homes / "pulumi"
    shared.mkdir()
    shared.chmod(0o1777)
    stacks = []
    for user in USERS:
        stack = Stack(homes / str(user), cloud)
        engine = shutil.which("pulumi", path=stack.environment["PATH"])
        # Only root may be able to read Python and the engine. So each user gets the right to read all files.
        command = as_user(user, "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")
        tried = subprocess.run(
            [*command, str(engine), "version"], env=stack.environment, capture_output=True, text=True
        )
        if tried.returncode:
            pytest.skip(f"another user cannot run the engine: {tried.stderr}")
        launcher = homes / str(user) / "bin" / "pulumi"
        launcher.parent.mkdir()
        launcher.write_text(f'#!/bin/sh\nexec {" ".join(command)} {engine} "$@"\n')
        launcher.chmod(0o755)
        stack.environment["PATH"] = f"{launcher.parent}{os.pathsep}{stack.environment['PATH']}"
        stack.environment["PULUMI_HOME"] = str(shared)
        stack.environment["USER"] = str(user)  # the engine needs it for the lock of a stack
        stack.environment["AWS_ACCESS_KEY_ID"] = f"AKIA{OWNER}{user % 10000}"
        stack.configure("test", {})
        for path in (homes / str(user), *(homes / str(user)).rglob("*")):
            os.chown(path, user, user)
        stack.run("stack", "init", "test", "--no-select")  # both cannot write the selected stack
        stacks.append(stack)
    return stacks


def test_two_users_with_one_home(stacks: list[Stack], homes: Path, cloud: LocalCloud, image: str) -> None:
    """One user runs two updates and moves a share to another provider, while the other is in the middle of a grant."""
    one, two = stacks
    program(one, image, ("sales", SALES, "provider=one"))
    program(two, image, ("old", SALES, ""))
    granting, over = threading.Event(), threading.Event()

    def wait(call: Call, proceed: Callable[[], Response]) -> Response:
        if call.access_key_id == one.environment["AWS_ACCESS_KEY_ID"] and call.operation == GRANT:
            granting.set()
            over.wait(120)
        return proceed()

    cloud.interceptors.append(wait)
    running = one.start("up", "--yes", "--skip-preview")
    try:
        wait_for(granting.is_set, "the grant of the first user")
        two.up()
        program(two, image, ("new", SALES, "provider=one"))
        assert two.up().line("stays shared", SALES)
        own, other = (homes / "pulumi" / f"workspaces-images-{user}" for user in USERS)
        for user, mine, theirs in zip(USERS, (own, other), (other, own), strict=True):
            assert (mine.stat().st_uid, mine.stat().st_mode & 0o777) == (user, 0o700)
            assert may(user, "ls", mine)
            assert not may(user, "ls", theirs)
            assert not may(user, "touch", theirs / "events")
            assert not may(user, "mv", theirs, theirs.with_name("gone"))
        assert len(list(own.iterdir())) == 1
    finally:
        over.set()
        output, _ = running.communicate(timeout=60)
    assert running.returncode == 0, output
    assert cloud.shared_with(image) == {SALES}
    assert one.preview().clean
    assert two.preview().clean
