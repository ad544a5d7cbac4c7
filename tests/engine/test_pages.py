"""The commands on the pages work, and print what the pages show."""

import functools
import itertools
import re
import subprocess
import sys

import pytest

from local import picture
from local.cloud import LocalCloud
from tests.cloud.helpers import printed_until_ready
from tests.engine.follow import follow, shell
from tests.engine.harness import LEGAL, SALES, Stack
from tests.pages import policies

IMAGE, OTHER_IMAGE, THIRD_IMAGE = "wsi-0a1b2c3d4", "wsi-0e5f6g7h8", "wsi-0i9j0k1l2"
OTHER_OWNER = "444444444444"


@pytest.mark.nightly
def test_picture_is_what_a_preview_prints() -> None:
    """The order of its lines may differ, because Pulumi's SDK registers resources in parallel."""
    drawn, printed = (
        sorted(re.findall(r">([^<>]+)</text>", svg))
        for svg in (picture.PICTURE.read_text(), picture.draw(picture.preview()))
    )
    assert drawn == printed, "run `make docs` to draw it again"


def test_readme(stack: Stack, cloud: LocalCloud) -> None:
    cloud.create_image(image_id=IMAGE)
    stack.copy_stack_program()
    follow(stack, "README.md")
    assert cloud.shared_with(IMAGE) == {SALES}


@pytest.mark.nightly
def test_home_page(stack: Stack, cloud: LocalCloud) -> None:
    cloud.create_image(image_id=IMAGE)
    follow(stack, "docs/index.md")
    assert cloud.shared_with(IMAGE) == {SALES, LEGAL}


@pytest.mark.nightly
def test_commands_that_the_local_cloud_prints(stack: Stack) -> None:
    """They work as they are printed."""
    stack.copy_stack_program()
    del stack.environment["PULUMI_STACK"]
    stack.keep_configuration_file = True
    with subprocess.Popen(
        [sys.executable, "-m", "local.cloud", "--port", "0"], stdout=subprocess.PIPE, text=True
    ) as cloud:
        try:
            assert cloud.stdout
            printed = printed_until_ready(cloud.stdout)
            typed = [
                line.replace("pulumi up", "pulumi up --yes --skip-preview") for line in printed if line.startswith(" ")
            ]
            done = shell(stack, "set -e\n" + "\n".join(typed))
        finally:
            cloud.terminate()
    assert done.code == 0, done.output
    assert done.counts == {"create": 3}


@pytest.mark.nightly
def test_existing_shares(stack: Stack, cloud: LocalCloud) -> None:
    """No account loses access, and only the account that the page adds gets access."""
    cloud.create_image(image_id=IMAGE, name="golden")
    for account in (SALES, LEGAL):
        cloud.share(IMAGE, account)
    stack.copy_stack_program()
    follow(stack, "docs/how-to/existing-shares.md")
    assert cloud.shared_with(IMAGE) == {SALES, LEGAL, "444444444444"}
    assert all(write.parameters["AllowCopyImage"] for write in cloud.writes())


@pytest.mark.nightly
def test_many_accounts(stack: Stack, cloud: LocalCloud) -> None:
    cloud.create_image(image_id=IMAGE)
    stack.copy_stack_program()
    follow(stack, "docs/how-to/many-accounts.md", stacks={"prod": None})
    assert cloud.shared_with(IMAGE) == {SALES, LEGAL}


@pytest.mark.nightly
def test_regions_and_roles(stack: Stack, cloud: LocalCloud) -> None:
    cloud.create_image(image_id=IMAGE)
    cloud.create_image(region="eu-west-1", image_id=OTHER_IMAGE)
    cloud.create_image(OTHER_OWNER, "eu-west-1", image_id=THIRD_IMAGE)
    cloud.allow_only([*itertools.chain(*policies()), "sts:AssumeRole"])
    stack.copy_stack_program()
    follow(stack, "docs/how-to/regions-and-roles.md", stacks={"prod": None})
    assert (cloud.shared_with(IMAGE), cloud.shared_with(THIRD_IMAGE)) == ({SALES}, {SALES})


@pytest.mark.nightly
def test_moving_shares(stack: Stack, cloud: LocalCloud) -> None:
    """No account loses access, even for a moment."""
    both = {"golden": {"imageId": IMAGE, "accounts": {"sales": SALES, "legal": LEGAL}}}
    cloud.create_image(image_id=IMAGE)
    stack.copy_stack_program()
    follow(stack, "docs/how-to/moving-shares.md", stacks={"old": both, "new": None})
    assert cloud.shared_with(IMAGE) == {SALES, LEGAL}
    assert all(write.parameters["AllowCopyImage"] for write in cloud.writes())


@pytest.mark.nightly
def test_deleting_an_image(stack: Stack, cloud: LocalCloud) -> None:
    images = {"golden-2026-10": IMAGE, "golden-2026-11": OTHER_IMAGE}
    for name, image in images.items():
        cloud.create_image(image_id=image, name=name)
    both = {name: {"imageId": image, "accounts": {"sales": SALES}} for name, image in images.items()}
    stack.copy_stack_program()
    follow(stack, "docs/how-to/deleting-an-image.md", stacks={"prod": both})
    assert (cloud.shared_with(IMAGE), cloud.shared_with(OTHER_IMAGE)) == (set(), {SALES})


@pytest.mark.nightly
def test_golden_images(stack: Stack, cloud: LocalCloud) -> None:
    """The images of September and October are shared, then the image of November appears."""
    for month, image in {"09": IMAGE, "10": OTHER_IMAGE}.items():
        cloud.create_image(image_id=image, name=f"golden-2026-{month}")
    stack.copy_stack_program()
    shares = {"golden": {"imageName": "golden-*", "keep": 2, "accounts": {"sales": SALES}}}
    appear = functools.partial(cloud.create_image, image_id=THIRD_IMAGE, name="golden-2026-11")
    follow(stack, "docs/how-to/golden-images.md", stacks={"prod": shares}, then=appear)
    assert [cloud.shared_with(image) for image in (IMAGE, OTHER_IMAGE)] == [set(), set()]
    assert cloud.shared_with(THIRD_IMAGE) == {SALES, LEGAL, "444444444444"}


def test_command_line(stack: Stack) -> None:
    follow(stack, "docs/reference/command-line.md")
