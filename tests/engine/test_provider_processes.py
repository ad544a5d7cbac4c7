"""Law 1 across provider processes: each explicit provider and each version has a process of its own."""

import os
import shutil
import signal
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from local.cloud import LocalCloud
from tests.engine.harness import SALES, Stack
from tests.engine.test_engine_killed import wait_for
from tests.nightly import nightly_but_first

FINANCE = "444444444444"

HEAD = """
import json
region, endpoints = pulumi.Config("aws").require("region"), json.loads(pulumi.Config("aws").require("endpoints"))
one, two = (Provider(name, region=region, endpoints=endpoints) for name in ("one", "two"))
"""

MOVES = {
    "default to explicit": ("", "provider=one"),
    "explicit to default": ("provider=one", ""),
    "explicit to explicit": ("provider=one", "provider=two"),
    "to another version": ("", "version='9.9.9'"),
}


def program(stack: Stack, image: str, *shares: tuple[str, str, str]) -> None:
    """Set the program to shares, each with a name, an account and options."""
    stack.program(
        HEAD
        + "\n".join(
            f"ImageShare({name!r}, {image!r}, {account!r}, opts=ResourceOptions({options}))"
            for name, account, options in shares
        )
    )


@pytest.mark.parametrize(
    ("before", "after"), nightly_but_first(pytest.param(*move, id=name) for name, move in MOVES.items())
)
def test_share_that_is_renamed_and_moved_stays_shared(
    stack: Stack, cloud: LocalCloud, image: str, before: str, after: str
) -> None:
    program(stack, image, ("old", SALES, before))
    stack.up()
    program(stack, image, ("new", SALES, after))
    run = stack.up()
    assert cloud.shared_with(image) == {SALES}
    assert run.line("stays shared", SALES)
    assert not {"create", "delete", "replace"} & set(stack.preview().counts)


@pytest.mark.nightly
def test_share_that_moves_into_a_component_with_providers_stays_shared(
    stack: Stack, cloud: LocalCloud, image: str
) -> None:
    program(stack, image, ("sales", SALES, ""))
    stack.up()
    accounts = {"sales": SALES}
    stack.program(HEAD + f"ImageShares('golden', {image!r}, {accounts!r}, opts=ResourceOptions(providers=[one]))")
    stack.up()
    assert cloud.shared_with(image) == {SALES}


def test_share_stays_if_the_process_that_takes_it_over_is_killed(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """The killed process records no failure. The other one still refuses to revoke, because that process has ended."""
    program(stack, image, ("old", SALES, ""))
    stack.up()
    program(stack, image, ("new", SALES, "provider=one"))
    cloud.throttle("UpdateWorkspaceImagePermission")
    cloud.forget_calls()
    running = stack.start("up", "--yes", "--skip-preview", "--continue-on-error")
    wait_for(lambda: len(cloud.writes()) >= 2, "a grant that is tried again")
    os.kill(writer(running.pid, cloud), signal.SIGKILL)
    cloud.clear_faults("throttle")
    output, _ = running.communicate(timeout=60)
    assert running.returncode != 0
    assert "could not take it over; run `pulumi up` again" in " ".join(output.split())
    assert cloud.shared_with(image) == {SALES}
    stack.up()
    assert cloud.shared_with(image) == {SALES}
    assert stack.declared() == {"new": SALES}


def writer(engine: int, cloud: LocalCloud) -> int:
    """Return the process below an engine that is connected to the cloud."""
    port = urlsplit(cloud.url).port
    for process in psutil.Process(engine).children(recursive=True):
        with suppress(psutil.Error):
            if port in {getattr(c.raddr, "port", None) for c in process.net_connections()}:
                return process.pid
    raise AssertionError("no process is connected")


def test_record_that_cannot_be_written(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """Previews show a warning. A command that would revoke a share fails in one line and keeps the share."""
    stack.shares(image, sales=SALES)
    stack.up()
    records = Path(stack.environment["PULUMI_HOME"], f"workspaces-images-{os.getuid()}")
    shutil.rmtree(records)
    records.write_text("in the way")
    preview = stack.preview()
    assert preview.clean
    assert preview.line("warning:", "no share can be revoked", "set PULUMI_HOME to a writable folder")
    run = stack.destroy(ok=False)
    assert run.line("error:", f"unsharing image {image} from {SALES}", "kept", "set PULUMI_HOME")
    assert "Traceback" not in run.output
    assert cloud.shared_with(image) == {SALES}
    records.unlink()
    stack.destroy()
    assert cloud.shared_with(image) == set()
