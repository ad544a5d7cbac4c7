"""The package as a package index gets it. `make dist` builds and tries the same."""

import re
import subprocess
import sys
import zipfile
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest

from local.environment import ROOT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    (built,) = folder.iterdir()
    return zipfile.ZipFile(built)


@pytest.fixture
def metadata(wheel: zipfile.ZipFile) -> Message:
    (name,) = (name for name in wheel.namelist() if name.endswith("/METADATA"))
    return message_from_bytes(wheel.read(name))


def test_links_of_the_readme_work_on_an_index(metadata: Message) -> None:
    """They are absolute, because the index has only the text of README.md."""
    description = metadata.get_payload()
    assert isinstance(description, str)
    assert "The smallest program" in description
    assert re.findall(r"\]\((?!https?://)[^)]*\)", description) == []


def test_licence_is_named_and_included(wheel: zipfile.ZipFile, metadata: Message) -> None:
    assert (metadata["License-Expression"], metadata["Author"]) == (
        "Apache-2.0",
        "The pulumi-workspaces-images authors",
    )
    (licence,) = (name for name in wheel.namelist() if name.endswith("/LICENSE"))
    assert wheel.read(licence) == Path(ROOT, "LICENSE").read_bytes()


def test_wheel_contains_only_the_package(wheel: zipfile.ZipFile) -> None:
    packaged = {name.split("/")[0] for name in wheel.namelist() if ".dist-info/" not in name}
    assert packaged == {"pulumi_workspaces_images"}
    assert "pulumi_workspaces_images/py.typed" in wheel.namelist()
