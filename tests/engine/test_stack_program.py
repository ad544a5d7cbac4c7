"""The stack program of this repository, used unchanged: shares declared in stack configuration."""

import shutil
from typing import Any

import pytest

from local.cloud import LocalCloud
from local.environment import ROOT
from tests.engine.harness import LEGAL, OWNER, REGION, SALES, Stack

KEY = "workspaces-images:shares"


@pytest.fixture(autouse=True)
def _program(stack: Stack) -> None:
    shutil.copy(ROOT / "__main__.py", stack.folder)


def test_shares_from_configuration(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """Images with their accounts become shares, and the stack output says who has what."""
    irish = cloud.create_image(region="eu-west-1")
    stack.configuration[KEY] = {
        "golden": {"imageId": image, "accounts": {"sales": SALES, "legal": LEGAL}},
        "irish": {"imageId": irish, "region": "eu-west-1", "accounts": [SALES]},
        "nobody": {"imageId": image, "accounts": {}},
    }
    stack.up()
    assert cloud.shared_with(image) == {SALES, LEGAL}
    assert cloud.shared_with(irish) == {SALES}
    assert stack.declared() == {"golden-sales": SALES, "golden-legal": LEGAL, f"irish-{SALES}": SALES}
    assert stack.output("shares") == {
        "golden": {
            "imageId": image,
            "region": REGION,
            "ownerAccountId": OWNER,
            "accounts": {"sales": SALES, "legal": LEGAL},
        },
        "irish": {
            "imageId": irish,
            "region": "eu-west-1",
            "ownerAccountId": OWNER,
            "accounts": {SALES: SALES},
        },
        "nobody": {"imageId": image, "accounts": {}},
    }
    assert stack.preview().clean


def test_configuration_as_the_command_line_sets_it(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """`pulumi config set --path` works for all of it, though it stores an account as a number."""
    stack.keep_configuration_file = True
    stack.run("config", "set", "aws:region", REGION)
    for service, index in (("workspaces", 0), ("sts", 1)):
        stack.run("config", "set", "--path", f"aws:endpoints[{index}].{service}", cloud.url)
    stack.run("config", "set", "--path", f"{KEY}.golden.imageId", image)
    stack.run("config", "set", "--path", f"{KEY}.golden.accounts.sales", SALES)
    stack.up()
    assert cloud.shared_with(image) == {SALES}


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        pytest.param(None, f"{KEY} is not set", id="not set"),
        pytest.param("golden", f"{KEY} must be a mapping", id="text"),
        pytest.param([1], f"{KEY} must be a mapping", id="list"),
        pytest.param({"golden": "wsi-0a1b2c3d4"}, f"{KEY}.golden must be a mapping", id="image is a text"),
        pytest.param({"golden": {"accounts": [SALES]}}, f"{KEY}.golden.imageId is not set", id="no image"),
        pytest.param(
            {"golden": {"imageId": 5, "accounts": []}},
            f"{KEY}.golden.imageId must be a text",
            id="image number",
        ),
        pytest.param({"golden": {"imageId": "wsi-0a1b2c3d4"}}, f"{KEY}.golden.accounts must be", id="no accounts"),
        pytest.param(
            {"golden": {"imageId": "wsi-0a1b2c3d4", "accounts": {"sales": "22"}}},
            f"{KEY}.golden.accounts.sales must be an AWS account of 12 digits",
            id="account too short",
        ),
        pytest.param(
            {"golden": {"imageId": "wsi-0a1b2c3d4", "accounts": [SALES, SALES]}},
            f"{KEY}.golden.accounts lists account {SALES} twice",
            id="account twice",
        ),
        pytest.param(
            {"golden": {"imageID": "wsi-0a1b2c3d4", "accounts": []}},
            f"{KEY}.golden.imageID is not a setting",
            id="misspelt",
        ),
    ],
)
def test_bad_configuration_is_one_line_that_names_the_key(stack: Stack, shares: Any, said: str) -> None:
    """The program ends with one line, without a traceback."""
    if shares is not None:
        stack.configuration[KEY] = shares
    run = stack.preview(ok=False)
    assert run.line("error:", said)
    assert "Traceback" not in run.output
