"""The examples work unchanged, with the commands and previews of their READMEs."""

import pytest
import yaml

from local.cloud import LocalCloud
from local.environment import ROOT
from tests.engine.follow import follow, shell
from tests.engine.harness import LEGAL, OWNER, SALES, Stack
from tests.pages import blocks, policies

IMAGE = "wsi-0a1b2c3d4"
OTHER = "999999999999"
OTHER_OWNER = "444444444444"


def follow_readme(stack: Stack, name: str) -> None:
    """Copy an example into the stack, and do what its README says."""
    stack.copy_example(name)
    follow(stack, f"examples/{name}/README.md")


def test_one_share_and_the_drift_check_of_the_pipelines(stack: Stack, cloud: LocalCloud) -> None:
    """The check passes after an up, and needs only read permissions. It fails and names a share revoked by hand."""
    cloud.create_image(image_id=IMAGE)
    follow_readme(stack, "one-share-py")
    assert cloud.shared_with(IMAGE) == {SALES}
    assert (stack.output("imageId"), stack.output("salesShare")) == (IMAGE, f"{IMAGE}/{SALES}")
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "drift.yml").read_text())
    check = workflow["jobs"]["drift"]["steps"][-1]["run"]
    stack.environment["PULUMI_STACK"] = "prod"
    of_previews, _ = policies()
    cloud.allow_only(of_previews)
    assert shell(stack, check).code == 0
    cloud.unshare(IMAGE, SALES)
    drifted = shell(stack, check)
    assert drifted.code != 0
    assert drifted.line("warning:", f"image {IMAGE} is no longer shared with {SALES}")


@pytest.mark.nightly
def test_golden_image(stack: Stack, cloud: LocalCloud) -> None:
    """An account that is not in the configuration loses its share."""
    cloud.create_image(image_id=IMAGE)
    cloud.share(IMAGE, OTHER)
    follow_readme(stack, "golden-image-py")
    assert cloud.shared_with(IMAGE) == {SALES, LEGAL}
    assert stack.output("shares") == {"sales": f"{IMAGE}/{SALES}", "legal": f"{IMAGE}/{LEGAL}"}
    assert stack.preview("--expect-no-changes").clean


@pytest.mark.nightly
def test_two_regions_with_an_assumed_role(stack: Stack, cloud: LocalCloud) -> None:
    """The caller may only assume the role, and has no other permission."""
    images = {"us-east-1": IMAGE, "eu-west-1": "wsi-0e5f6g7h8"}
    for region, image in images.items():
        cloud.create_image(region=region, image_id=image)
    cloud.allow_only(["sts:AssumeRole"], OTHER)
    stack.credentials(OTHER)
    follow_readme(stack, "two-regions-py")
    for region, image in images.items():
        assert cloud.shared_with(image, region) == {SALES, LEGAL}
    assert {call.account for call in cloud.calls if call.service == "workspaces"} == {OWNER}
    assert stack.preview("--expect-no-changes").clean


@pytest.mark.nightly
def test_two_owners_and_two_regions_in_one_stack(stack: Stack, cloud: LocalCloud) -> None:
    """The owner of each image shares it."""
    images = {(OWNER, "us-east-1"): IMAGE, (OTHER_OWNER, "eu-west-1"): "wsi-0e5f6g7h8"}
    for (owner, region), image in images.items():
        cloud.create_image(owner, region, image_id=image)
    cloud.allow_only(["sts:AssumeRole"], OTHER)
    stack.credentials(OTHER)
    follow_readme(stack, "two-owners-py")
    for (_, region), image in images.items():
        assert cloud.shared_with(image, region) == {SALES, LEGAL}
    assert {call.account for call in cloud.calls if call.service == "workspaces"} == {OWNER, OTHER_OWNER}
    assert stack.preview("--expect-no-changes").clean


@pytest.mark.nightly
def test_adopt(stack: Stack, cloud: LocalCloud) -> None:
    """The existing shares are declared, and no access changes."""
    cloud.create_image(image_id=IMAGE, name="golden")
    for account in (SALES, LEGAL):
        cloud.share(IMAGE, account)
    follow_readme(stack, "adopt-py")
    assert (
        (stack.folder / "Pulumi.prod.yaml")
        .read_text()
        .endswith(next(block.text for block in blocks("examples/adopt-py/README.md") if block.language == "yaml"))
    )
    assert cloud.shared_with(IMAGE) == {SALES, LEGAL}
    assert all(write.parameters["AllowCopyImage"] for write in cloud.writes())
    assert sorted(stack.declared().values()) == [SALES, LEGAL]
    assert stack.preview("--expect-no-changes").clean
