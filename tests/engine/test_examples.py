"""The examples, unchanged, as their READMEs tell to run them: the commands, and what the preview says."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from local.cloud import LocalCloud
from local.environment import ROOT
from tests.engine.harness import COMMAND_TIMEOUT, LEGAL, OWNER, SALES, Run, Stack

IMAGE = "wsi-0a1b2c3d4"
STRANGER = "999999999999"


def follow_readme(stack: Stack, example: str) -> None:
    """Let the stack be an example, and run every command of its README.

    The preview says what the README says that it does, and writes nothing.
    """
    stack.folder = Path(stack.environment["HOME"], example)
    stack.keep_configuration_file = True
    del stack.environment["PULUMI_STACK"]  # the README makes its own
    stack.environment["AWS_ENDPOINT_URL"] = stack.cloud.url
    shutil.copytree(ROOT / "examples" / example, stack.folder, ignore=shutil.ignore_patterns(".venv", "Pulumi.*.yaml"))
    for command in readme(stack, "sh").splitlines():
        if command == "pulumi install":
            (stack.folder / ".venv").symlink_to(sys.prefix)  # what it would make, from a package registry
        elif command == "pulumi preview":
            output = stack.preview().output
            said, shown = readme(stack, "text").splitlines(), " ".join(output.split())
            assert said
            assert [line for line in said if " ".join(line.split()) not in shown] == [], output
            assert stack.cloud.writes() == []
        elif command == "pulumi up":
            stack.up()
        else:
            done = shell(stack, command)
            assert done.code == 0, f"{command}\n{done.output}"


def readme(stack: Stack, language: str) -> str:
    """The README's blocks in a language."""
    return "".join(re.findall(rf"^```{language}\n(.*?)^```", (stack.folder / "README.md").read_text(), re.M | re.S))


def shell(stack: Stack, command: str) -> Run:
    """Run a command as a shell does."""
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=stack.folder,
        env=stack.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=COMMAND_TIMEOUT,
    )
    return Run(done.returncode, done.stdout)


def test_one_share_and_the_drift_check_of_the_pipelines(stack: Stack, cloud: LocalCloud) -> None:
    """The check passes after an up, fails once a share was revoked by hand, and names it."""
    cloud.create_image(image_id=IMAGE)
    follow_readme(stack, "one-share-py")
    assert cloud.shared_with(IMAGE) == {SALES}
    assert (stack.output("imageId"), stack.output("salesShare")) == (IMAGE, f"{IMAGE}/{SALES}")
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "drift.yml").read_text())
    check = workflow["jobs"]["drift"]["steps"][-1]["run"]
    stack.environment["PULUMI_STACK"] = "prod"
    assert shell(stack, check).code == 0
    cloud.unshare(IMAGE, SALES)
    drifted = shell(stack, check)
    assert drifted.code != 0
    assert drifted.line("warning:", f"image {IMAGE} is no longer shared with {SALES}")


def test_golden_image(stack: Stack, cloud: LocalCloud) -> None:
    """Who is not in the configuration loses the share."""
    cloud.create_image(image_id=IMAGE)
    cloud.share(IMAGE, STRANGER)
    follow_readme(stack, "golden-image-py")
    assert cloud.shared_with(IMAGE) == {SALES, LEGAL}
    assert stack.output("shares") == {"sales": f"{IMAGE}/{SALES}", "legal": f"{IMAGE}/{LEGAL}"}
    assert stack.preview("--expect-no-changes").clean


def test_two_regions_with_an_assumed_role(stack: Stack, cloud: LocalCloud) -> None:
    """The caller's own account may do nothing but assume the role."""
    images = {"us-east-1": IMAGE, "eu-west-1": "wsi-0e5f6g7h8"}
    for region, image in images.items():
        cloud.create_image(region=region, image_id=image)
    cloud.allow_only(["sts:AssumeRole"], STRANGER)
    stack.credentials(STRANGER)
    follow_readme(stack, "two-regions-py")
    for region, image in images.items():
        assert cloud.shared_with(image, region) == {SALES, LEGAL}
    assert {call.account for call in cloud.calls if call.service == "workspaces"} == {OWNER}
    assert stack.preview("--expect-no-changes").clean


def test_adopt(stack: Stack, cloud: LocalCloud) -> None:
    """What was shared by hand is declared afterwards, and nothing else has changed."""
    cloud.create_image(image_id=IMAGE, name="golden")
    for account in (SALES, LEGAL):
        cloud.share(IMAGE, account)
    follow_readme(stack, "adopt-py")
    assert (stack.folder / "Pulumi.prod.yaml").read_text().endswith(readme(stack, "yaml"))
    assert cloud.shared_with(IMAGE) == {SALES, LEGAL}
    assert all(write.parameters["AllowCopyImage"] for write in cloud.writes())
    assert sorted(stack.declared().values()) == [SALES, LEGAL]
    assert stack.preview("--expect-no-changes").clean
