"""The package does not disturb other code in the same process."""

import pytest

from local.cloud import LocalCloud
from tests.engine.harness import SALES, Stack

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
