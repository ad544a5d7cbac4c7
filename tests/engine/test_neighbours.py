"""The package does not disturb other code in the same process."""

import sys

import pytest

from local.cloud import LocalCloud
from local.stack import finish, start
from tests.engine.harness import LEGAL, REGION, SALES, Stack

pytestmark = pytest.mark.nightly


def test_users_own_dynamic_provider_keeps_its_traceback(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """The failure of the share is still one line, though one process serves both."""
    cloud.fail("UpdateWorkspaceImagePermission", "AccessDeniedException", times=None)
    stack.program(
        f"""
        from pulumi.dynamic import CreateResult, Resource, ResourceProvider

        class Own(ResourceProvider):
            def create(self, props):
                return CreateResult(props["missing"])

        class OwnResource(Resource):
            def __init__(self, name):
                super().__init__(Own(), name, {{}})

        share = ImageShare("sales", {image!r}, {SALES!r})
        OwnResource("own")
        """
    )
    run = stack.up("--continue-on-error", ok=False)
    assert run.line("error:", "AccessDenied: sharing image")
    assert run.line("KeyError: 'missing'")
    assert run.line("in create")
    assert "in _grant" not in run.output


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
    """They do not contradict each other, though the SDK gives both the same empty configuration."""
    (stack.folder / "programs.py").write_text(PROGRAMS.format(image=image, sales=SALES, legal=LEGAL))
    environment = {**stack.environment, "AWS_REGION": REGION, "AWS_ENDPOINT_URL": cloud.url}
    code, output = finish(start([sys.executable, "programs.py"], stack.folder, environment))
    assert code == 0, output
