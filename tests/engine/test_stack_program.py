"""The stack program of this repository, unchanged: the stack configuration declares the shares."""

import shutil

import pytest

from local.cloud import LocalCloud
from local.environment import ROOT
from tests.engine.harness import LEGAL, OWNER, REGION, SALES, Stack

KEY = "workspaces-images:shares"
CALLER = f"account {OWNER} (arn:aws:iam::{OWNER}:user/TEST)"
GROUPS = "workspaces-images:accountGroups"
UNLISTED = "999999999999"


@pytest.fixture(autouse=True)
def _program(stack: Stack) -> None:
    shutil.copy(ROOT / "__main__.py", stack.folder)


def test_shares_from_configuration(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """The images and accounts of the configuration become shares, and the stack output lists them."""
    irish = cloud.create_image(region="eu-west-1")
    stack.configuration[GROUPS] = {"emea": {"sales": SALES}}
    stack.configuration[KEY] = {
        "golden": {"imageId": image, "groups": ["emea"], "accounts": {"legal": LEGAL}},
        "irish": {"imageId": irish, "region": "eu-west-1", "accounts": [SALES]},
        "unshared": {"imageId": image, "accounts": {}},
    }
    stack.up()
    assert cloud.shared_with(image) == {SALES, LEGAL}
    assert cloud.shared_with(irish) == {SALES}
    assert stack.declared() == {"golden-sales": SALES, "golden-legal": LEGAL, f"irish-{SALES}": SALES}
    assert stack.output("shares") == {
        "golden": {
            "imageId": image,
            "region": REGION,
            "accounts": {"sales": SALES, "legal": LEGAL},
        },
        "irish": {
            "imageId": irish,
            "region": "eu-west-1",
            "accounts": {SALES: SALES},
        },
        "unshared": {"imageId": image, "accounts": {}},
    }
    assert stack.preview().clean


@pytest.mark.nightly
def test_image_that_appears_after_the_preview_is_not_in_its_plan(stack: Stack, cloud: LocalCloud) -> None:
    """Up with the plan of the preview refuses to share the new image, as docs/how-to/golden-images.md says."""
    cloud.create_image(name="golden-05")
    stack.configuration[KEY] = {"golden": {"imageName": "golden-*", "accounts": {"sales": SALES}}}
    stack.preview("--save-plan", "plan.json")
    june = cloud.create_image(name="golden-06")
    assert stack.up("--plan", "plan.json", ok=False).line("create is not allowed by the plan")
    assert cloud.shared_with(june) == set()


def test_all_mistakes_in_one_run(stack: Stack) -> None:
    """Each mistake has one line."""
    stack.configuration[KEY] = {
        "golden": {"imageName": "golden-*", "accounts": {"sales": "22"}},
        "unit": {"imageId": "wsi-0a1b2c3d4", "organizationalUnitId": "ou-ab12-cd34ef56"},
    }
    run = stack.preview(ok=False)
    assert run.line("error:", f"{KEY}.golden.accounts.sales must be a string of 12 digits")
    assert run.line(f"{KEY}.golden.imageName cannot be used: {CALLER} owns no AVAILABLE image named 'golden-*'")
    assert run.line(f"{KEY}.unit.organizationalUnitId needs the plugin of pulumi-aws")
    assert "Traceback" not in run.output
