"""The stack program of this repository, unchanged: the stack configuration declares the shares."""

import shutil
from typing import Any

import pytest

from local.cloud import LocalCloud
from local.environment import ROOT
from tests.engine.harness import LEGAL, OWNER, REGION, SALES, Stack
from tests.nightly import nightly_but_first

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
def test_rotation_to_a_new_image(stack: Stack, cloud: LocalCloud) -> None:
    """The shares move from the oldest image to the new one of the same name, and the preview names both."""
    april, may = (cloud.create_image(name=name) for name in ("golden-04", "golden-05"))
    cloud.create_image(name="silver-05")
    stack.configuration[KEY] = {"golden": {"imageName": "golden-*", "keep": 2, "accounts": {"sales": SALES}}}
    stack.up()
    assert stack.declared() == {f"golden-{april}-sales": SALES, f"golden-{may}-sales": SALES}
    assert cloud.shared_with(april) == cloud.shared_with(may) == {SALES}

    june = cloud.create_image(name="golden-06", state="PENDING")
    assert stack.preview().clean
    cloud.set_image(june, state="AVAILABLE")
    preview = stack.preview()
    assert preview.line("ImageShare ", f"golden-{june}-sales", "create")
    assert preview.line("ImageShare ", f"golden-{april}-sales", "delete")
    assert preview.counts == {"create": 2, "delete": 2, "same": 3}  # the shares and their components; not those of May
    stack.up()
    assert stack.declared() == {f"golden-{may}-sales": SALES, f"golden-{june}-sales": SALES}
    assert cloud.shared_with(april) == set()
    assert cloud.shared_with(may) == cloud.shared_with(june) == {SALES}
    names = {label: image["imageName"] for label, image in stack.output("shares").items()}
    assert names == {f"golden-{may}": "golden-05", f"golden-{june}": "golden-06"}
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


@pytest.mark.nightly
def test_configuration_as_the_command_line_sets_it(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """`pulumi config set --path` works for all keys, even though it stores an account as a number."""
    cloud.share(image, UNLISTED)
    stack.keep_configuration_file = True
    stack.run("config", "set", "aws:region", REGION)
    for service, index in (("workspaces", 0), ("sts", 1)):
        stack.run("config", "set", "--path", f"aws:endpoints[{index}].{service}", cloud.url)
    stack.run("config", "set", "--path", f"{GROUPS}.emea.legal", LEGAL)
    settings = {
        "imageName": "golden",
        "keep": "1",
        "groups[0]": "emea",
        "accounts.sales": SALES,
        "exclusive": "true",
    }
    for name, value in settings.items():
        stack.run("config", "set", "--path", f"{KEY}.golden.{name}", value)
    stack.up()
    assert stack.declared() == {f"golden-{image}-sales": SALES, f"golden-{image}-legal": LEGAL}
    assert cloud.shared_with(image) == {SALES, LEGAL}


@pytest.mark.parametrize(
    ("shares", "said"),
    nightly_but_first(
        [
            pytest.param(None, f"{KEY} is not set", id="not set"),
            pytest.param(
                {"golden": {"imageId": "wsi-0a1b2c3d4", "accounts": {"sales": "22"}}},
                f"{KEY}.golden.accounts.sales must be a string of 12 digits",
                id="account too short",
            ),
            pytest.param(
                {"golden": {"imageName": "golden-*", "accounts": [SALES]}},
                f"{KEY}.golden.imageName cannot be used: {CALLER} owns no AVAILABLE image named 'golden-*'",
                id="no such image",
            ),
            pytest.param(
                {"golden": {"imageId": "wsi-0a1b2c3d4", "organizationalUnitId": "ou-ab12-cd34ef56"}},
                f"{KEY}.golden.organizationalUnitId needs the plugin of pulumi-aws",
                id="no plugin",
            ),
        ]
    ),
)
def test_bad_configuration_is_one_line_that_names_the_key(stack: Stack, shares: Any, said: str) -> None:
    """There is no traceback. The unit tests cover many more mistakes."""
    if shares is not None:
        stack.configuration[KEY] = shares
    run = stack.preview(ok=False)
    assert run.line("error:", said)
    assert "Traceback" not in run.output


@pytest.mark.nightly
def test_all_mistakes_in_one_run(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """Each mistake has one line."""
    stack.configuration["workspaces-images:allowedAccountIds"] = [SALES, UNLISTED]
    stack.configuration[KEY] = {
        "golden": {"imageId": image, "accounts": [SALES], "exclusive": True},
        "monthly": {"imageName": "golden", "accounts": {"legal": LEGAL}, "keep": 0},
        "silver": {"imageName": "silver", "accounts": ["22"]},
    }
    run = stack.preview(ok=False)
    shown = run.output.partition("    error: ")[2].splitlines()
    expected = [
        f"{KEY}.monthly.keep must be a whole number",
        f"{KEY}.silver.accounts[0] must be a string of 12 digits",
        f"{KEY}.silver.imageName cannot be used: {CALLER} owns no AVAILABLE image named 'silver'",
        f"{KEY}.golden.exclusive contradicts shares.monthly",
        f"{KEY}.monthly.accounts.legal is refused: account {LEGAL} is not in",
    ]
    assert [line.strip()[: len(said)] for line, said in zip(shown, expected, strict=False)] == expected
    assert shown[len(expected)] == ""
    assert "Traceback" not in run.output
