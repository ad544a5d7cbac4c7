"""A changed AWS_REGION does not move existing shares (case 6)."""

import pytest

from local.cloud import LocalCloud
from tests.engine.harness import LEGAL, SALES, Stack


@pytest.mark.nightly
def test_pipeline_with_another_aws_region(stack: Stack, cloud: LocalCloud) -> None:
    """Previews are clean, and a changed account or image is replaced in the Region of the old share."""
    del stack.configuration["aws:region"]
    stack.environment["AWS_REGION"] = "us-east-1"
    one, two = cloud.create_image(), cloud.create_image()
    stack.program(f"ImageShares('golden', {one!r}, {{'sales': {SALES!r}}}, exclusive=True)")
    stack.up()
    stack.environment["AWS_REGION"] = "eu-west-1"
    assert stack.preview().clean
    assert stack.refresh("--run-program").clean
    stack.program(f"ImageShares('golden', {one!r}, {{'sales': {LEGAL!r}}}, exclusive=True)")
    stack.up()
    assert cloud.shared_with(one) == {LEGAL}
    stack.program(f"ImageShares('golden', {two!r}, {{'sales': {LEGAL!r}}}, exclusive=True)")
    stack.up()
    assert (cloud.shared_with(one), cloud.shared_with(two)) == (set(), {LEGAL})


@pytest.mark.nightly
def test_stack_program_with_another_aws_region(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """The stack program passes a Region only if its configuration names one."""
    del stack.configuration["aws:region"]
    stack.environment["AWS_REGION"] = "us-east-1"
    (stack.folder / "Pulumi.yaml").unlink()
    stack.copy_stack_program()
    stack.configuration["workspaces-images:shares"] = {"golden": {"imageId": image, "accounts": [SALES]}}
    stack.up()
    stack.environment["AWS_REGION"] = "eu-west-1"
    assert stack.preview().clean
