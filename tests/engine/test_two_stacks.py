"""Two stacks and one image: in AWS an account has one permission, even if two stacks declare it."""

import shutil
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from local.cloud import Call, LocalCloud, Response
from local.stack import finish, start
from tests.engine.harness import LEGAL, OWNER, REGION, SALES, Stack
from tests.engine.test_provider_processes import FINANCE, program

pytestmark = pytest.mark.nightly

IT = "555555555555"


@pytest.fixture
def other(tmp_path: Path, cloud: LocalCloud, stack: Stack) -> Stack:
    """Return a second stack of the same owner, with a state of its own."""
    folder = tmp_path / "other"
    shutil.copytree(tmp_path / "state", folder / "state")
    return Stack(folder, cloud)


def test_same_share_in_both(stack: Stack, other: Stack, cloud: LocalCloud, image: str) -> None:
    """Both adopt it. When one revokes it, the next preview of the other one names it, and up grants it again."""
    for each in (stack, other):
        each.shares(image, sales=SALES)
        each.up()
        assert each.preview().clean
    other.destroy()
    assert cloud.shared_with(image) == set()
    assert "revoked outside Pulumi" in stack.preview().output
    stack.up()
    assert cloud.shared_with(image) == {SALES}


def test_exclusive_list_of_one_revokes_the_shares_of_the_other(
    stack: Stack, other: Stack, cloud: LocalCloud, image: str
) -> None:
    """The list covers the whole image: the preview names the account of the other stack, and up revokes its share."""
    other.shares(image, legal=LEGAL)
    other.up()
    stack.program(f"ImageShares('golden', image_id={image!r}, accounts={{'sales': {SALES!r}}}, exclusive=True)")
    assert LEGAL in stack.preview().line("is shared with", "not on the list")
    stack.up()
    assert cloud.shared_with(image) == {SALES}
    assert "revoked outside Pulumi" in other.preview().output


def test_two_ups_at_the_same_time_in_one_home(stack: Stack, other: Stack, cloud: LocalCloud, image: str) -> None:
    """Each up uses its own record: one revokes `legal`, which it no longer declares, though the other one does.

    Meanwhile one moves a share to another provider, and the other one removes a share and adds one.
    """
    other.environment["PULUMI_HOME"] = stack.environment["PULUMI_HOME"]
    program(stack, image, ("sales", SALES, ""), ("legal", LEGAL, ""))
    program(other, image, ("legal", LEGAL, ""), ("finance", FINANCE, ""))
    both, together = (stack, other), threading.Barrier(2, timeout=60)
    for number, each in enumerate(both):
        each.environment["AWS_ACCESS_KEY_ID"] = f"AKIA{OWNER}000{number}"
        each.up()
    waited: set[str] = set()
    engines: set[str] = set()

    def wait_for_the_other(call: Call, proceed: Callable[[], Response]) -> Response:
        """Hold the first write of each stack until the other stack has sent its own."""
        if call.operation == "UpdateWorkspaceImagePermission" and call.access_key_id not in waited:
            waited.add(call.access_key_id)
            if together.wait() == 0:
                engines.update(record.name.split("-")[2] for record in stack.records())
            together.wait()
        return proceed()

    cloud.interceptors.append(wait_for_the_other)
    program(stack, image, ("moved", SALES, "provider=one"))
    program(other, image, ("legal", LEGAL, ""), ("it", IT, "provider=one"))
    running = [each.start("up", "--yes", "--skip-preview") for each in both]
    outputs = [process.communicate(timeout=120)[0] for process in running]
    assert [process.returncode for process in running] == [0, 0], outputs
    assert cloud.shared_with(image) == {SALES, IT}
    assert engines == {str(process.pid) for process in running}
    assert stack.preview().clean
    assert len(stack.records()) == 1
    assert other.preview().line("warning:", "is no longer shared with", LEGAL)
    other.up()
    assert cloud.shared_with(image) == {SALES, LEGAL, IT}


# Two programs in one process.

PROGRAMS = """
import threading
from concurrent.futures import ThreadPoolExecutor
from pulumi import automation
from pulumi_workspaces_images import ImageShares

side_by_side = threading.Barrier(2)

def preview(name, account):
    def program():
        side_by_side.wait(60)
        ImageShares(name, {image!r}, {{"account": account}}, exclusive=True)
        side_by_side.wait(60)

    automation.create_or_select_stack(name, project_name="inline", program=program).preview()

with ThreadPoolExecutor() as pool:
    list(pool.map(preview, ["sales", "legal"], [{sales!r}, {legal!r}]))
"""


def test_two_programs_of_the_automation_api_side_by_side(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """Without any configuration the SDK gives both the same, empty one. They do not contradict each other."""
    (stack.folder / "programs.py").write_text(PROGRAMS.format(image=image, sales=SALES, legal=LEGAL))
    environment = {**stack.environment, "AWS_REGION": REGION, "AWS_ENDPOINT_URL": cloud.url}
    code, output = finish(start([sys.executable, "programs.py"], stack.folder, environment))
    assert code == 0, output
