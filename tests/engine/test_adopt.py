"""Shares that were granted by hand are adopted, and images are found by name, on a real engine."""

import shutil
import subprocess
import sys

import pytest
import yaml

from local.cloud import LocalCloud
from local.environment import ROOT
from tests.engine.harness import LEGAL, REGION, SALES, Stack

KEY = "workspaces-images:shares"


def adopt(stack: Stack, *arguments: str) -> str:
    """Return what `adopt` prints in the owner's shell."""
    return subprocess.run(
        [sys.executable, "-m", "pulumi_workspaces_images", "adopt", *arguments],
        env={**stack.environment, "AWS_ENDPOINT_URL": stack.cloud.url},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_adopt_then_up_changes_nothing_in_the_cloud(stack: Stack, cloud: LocalCloud) -> None:
    """The printed configuration declares exactly the existing shares, even if `aws:region` is another Region."""
    shared = {
        cloud.create_image(name="golden-2024.05"): {SALES, LEGAL, "012345678901"},
        cloud.create_image(name="golden/2024 05"): {SALES},
        cloud.create_image(name="secure"): {LEGAL},
        cloud.create_image(name="unshared"): set(),
    }
    for image, accounts in shared.items():
        for account in accounts:
            cloud.share(image, account)
    shutil.copy(ROOT / "__main__.py", stack.folder)
    stack.configuration["aws:region"] = "eu-west-1"
    stack.keep_configuration_file = True
    configuration = yaml.safe_dump({"config": stack.configuration}) + adopt(stack, "--region", REGION)
    (stack.folder / "Pulumi.test.yaml").write_text(configuration)
    stack.up()
    assert {image: cloud.shared_with(image) for image in shared} == shared
    declared = {(write.parameters["ImageId"], write.parameters["SharedAccountId"]) for write in cloud.writes()}
    assert declared <= {(image, account) for image, accounts in shared.items() for account in accounts}
    assert all(write.parameters["AllowCopyImage"] for write in cloud.writes())
    assert sorted(stack.declared().values()) == sorted([SALES, LEGAL, "012345678901", SALES, LEGAL])
    assert stack.preview().clean


@pytest.mark.nightly
def test_failed_search_for_an_image_ends_the_program_in_one_line(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """Existing shares are not revoked."""
    stack.program(f"""
        ImageShare("sales", image_id=find_image("golden"), shared_account_id={SALES!r})
    """)
    stack.up()
    cloud.deny("workspaces:DescribeWorkspaceImages")
    run = stack.up(ok=False)
    assert run.line("error:", f"listing the images in {REGION}", "access denied", "workspaces:DescribeWorkspaceImages")
    assert "Traceback" not in run.output
    assert cloud.shared_with(image) == {SALES}
