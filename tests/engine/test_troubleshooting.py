"""The messages on the troubleshooting page are those that a user sees.

test_engine_killed tests the messages after a killed command.
"""

import sys
import sysconfig
from pathlib import Path

import pytest

from local.cloud import LocalCloud
from tests.engine.harness import LEGAL, SALES, Stack
from tests.pages import explained

IMAGE = "wsi-0a1b2c3d4"


@pytest.fixture(autouse=True)
def _image(cloud: LocalCloud) -> None:
    cloud.create_image(image_id=IMAGE)


def test_access_denied(stack: Stack, cloud: LocalCloud) -> None:
    """The caller may read but not grant."""
    cloud.allow_only(["workspaces:Describe*"])
    stack.shares(IMAGE, legal=LEGAL)
    assert explained(stack.up(ok=False).output, "sharing image wsi-0a1b2c3d4 with 333333333333")


@pytest.mark.nightly
def test_package_is_not_installed(stack: Stack, cloud: LocalCloud, tmp_path: Path) -> None:
    """Destroy fails, and keeps the share and its state entry."""
    stack.shares(IMAGE, sales=SALES)
    stack.up()
    without_package = tmp_path / "bin" / "python3"  # -S: the package is found through a .pth file
    without_package.parent.mkdir()
    site_packages = sysconfig.get_path("purelib")
    without_package.write_text(f'#!/bin/sh\nPYTHONPATH={site_packages} exec {sys.executable} -S "$@"\n')
    without_package.chmod(0o755)
    stack.environment["PATH"] = f"{without_package.parent}:{stack.environment['PATH']}"
    stack.environment["VIRTUAL_ENV"] = str(tmp_path)
    assert explained(stack.destroy(ok=False).output, "No module named 'pulumi_workspaces_images'")
    assert (stack.declared(), cloud.shared_with(IMAGE)) == ({"sales": SALES}, {SALES})


@pytest.mark.nightly
def test_target(stack: Stack, cloud: LocalCloud) -> None:
    """A share whose other resource `--target` leaves out is revoked, and the next preview names it."""
    stack.shares(IMAGE, one=SALES, two=SALES)
    stack.up()
    stack.shares(IMAGE, one=SALES)
    stack.up("--target", "**::two")
    assert cloud.shared_with(IMAGE) == set()
    assert explained(stack.preview().output, "is no longer shared with")


def test_import(stack: Stack) -> None:
    """`import_` fails in Pulumi's SDK."""
    options = f"ResourceOptions(import_='{IMAGE}/{SALES}')"
    stack.program(f"ImageShare('sales', image_id={IMAGE!r}, shared_account_id={SALES!r}, opts={options})")
    assert explained(stack.preview(ok=False).output, "__provider")
