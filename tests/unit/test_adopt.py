"""`adopt` prints the existing shares as valid YAML, for any image name, or fails with one line."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from local.cloud import LocalCloud
from pulumi_workspaces_images.__main__ import main
from pulumi_workspaces_images.aws.permissions import Image
from pulumi_workspaces_images.commands.adopt import labels
from tests.unit.helpers import DESCRIBE, LEGAL, LIST, OWNER, REGION, SALES

KEY = "workspaces-images:shares"


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str

    @property
    def shares(self) -> Any:
        """The shares that a stack's configuration holds after its user has pasted the output under `config:`."""
        whole = yaml.safe_load(f"config:\n  aws:region: eu-west-1\n{self.out}  other:key: value\n")["config"]
        assert set(whole) == {"aws:region", KEY, "other:key"}
        # The output is also valid on its own.
        assert yaml.safe_load(self.out) == {KEY: whole[KEY]}
        return whole[KEY]


def by_account(*accounts: str) -> dict[str, str]:
    """Return a mapping in which each account is its own label."""
    return {account: account for account in accounts}


class Shell:
    """Run commands on the local cloud."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def adopt(self, *arguments: str, region: str | None = REGION) -> Ended:
        given: Sequence[str] = ["adopt", *(["--region", region] if region else []), *arguments]
        try:
            code = main(given)
        except SystemExit as end:
            code = int(end.code or 0)
        said = self._capsys.readouterr()
        return Ended(code, said.out, said.err)

    def refused(self, *arguments: str, region: str | None = REGION) -> str:
        """Run a command that must fail with one line and no other output; return the line."""
        ended = self.adopt(*arguments, region=region)
        assert ended.code == 1
        assert ended.out == ""
        (line,) = ended.err.splitlines()
        assert line.startswith("error: ")
        return line


@pytest.fixture
def shell(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    """Return the owner's shell."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", cloud.url)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    for name, value in cloud.credentials(OWNER).items():
        monkeypatch.setenv(name, value)
    return Shell(capsys)


def test_all_owned_images(shell: Shell, cloud: LocalCloud) -> None:
    """Each is printed with its Region and its accounts, as quoted strings under labels. AWS is not changed."""
    golden, silver = cloud.create_image(name="golden-2024.05"), cloud.create_image(name="silver")
    for account in (SALES, LEGAL, "012345678901"):
        cloud.share(golden, account)
    cloud.share(silver, SALES)
    cloud.share(cloud.create_image(name="elsewhere", region="eu-west-1"), SALES)
    cloud.share(cloud.create_image(name="theirs", account=SALES), OWNER)
    ended = shell.adopt()
    assert (ended.code, ended.err) == (0, "")
    assert ended.shares == {
        "golden-2024-05": {"imageId": golden, "region": REGION, "accounts": by_account("012345678901", SALES, LEGAL)},
        "silver": {"imageId": silver, "region": REGION, "accounts": by_account(SALES)},
    }
    assert list(ended.shares) == ["golden-2024-05", "silver"]
    assert f"account {OWNER} in {REGION}" in ended.out
    assert "'golden-2024.05'" in ended.out
    assert cloud.writes() == []


def test_several_regions(shell: Shell, cloud: LocalCloud) -> None:
    """All images are printed in one mapping. If a name exists in two Regions, the labels contain the image ids."""
    images = {region: cloud.create_image(name="golden", region=region) for region in ("us-east-1", "eu-west-1")}
    silver = cloud.create_image(name="silver", region="eu-west-1")
    for region, image in images.items():
        cloud.share(image, SALES, region=region)
    cloud.share(silver, LEGAL, region="eu-west-1")
    ended = shell.adopt("--region", "eu-west-1", "--region", "us-east-1")
    assert (ended.code, ended.err) == (0, "")
    assert ended.shares == {
        f"golden-{image}": {"imageId": image, "region": region, "accounts": by_account(SALES)}
        for region, image in images.items()
    } | {"silver": {"imageId": silver, "region": "eu-west-1", "accounts": by_account(LEGAL)}}
    assert list(ended.shares) == [f"golden-{images['us-east-1']}", f"golden-{images['eu-west-1']}", "silver"]
    assert "# The shares of WorkSpaces images of account 111111111111 in us-east-1, eu-west-1, as" in ended.out
    assert cloud.count(LIST) == 3


def test_named_image_is_found_in_any_of_the_regions(shell: Shell, cloud: LocalCloud) -> None:
    cloud.share(cloud.create_image(), SALES)
    there = cloud.create_image(region="eu-west-1")
    cloud.share(there, SALES, region="eu-west-1")
    assert [share["imageId"] for share in shell.adopt(there, "--region", "eu-west-1").shares.values()] == [there]
    assert "owns no image wsi-unknown00 in us-east-1, eu-west-1;" in shell.refused(
        "wsi-unknown00", "--region", "eu-west-1"
    )


def test_region_without_images_among_several(shell: Shell, cloud: LocalCloud) -> None:
    """A note names it. An invalid Region makes the command fail."""
    cloud.share(cloud.create_image(), SALES)
    ended = shell.adopt("--region", "eu-west-1")
    assert (ended.code, list(ended.shares)) == (0, ["golden"])
    assert ended.err == "note: the caller owns no image in eu-west-1; check that the account and the Region are right\n"
    assert "'us-esat-1' is not a Region" in shell.refused("--region", "us-esat-1")


def test_named_images(shell: Shell, cloud: LocalCloud) -> None:
    """The shares of other images are not requested."""
    first, second = cloud.create_image(name="first"), cloud.create_image(name="second")
    for image in (first, second, cloud.create_image(name="third")):
        cloud.share(image, SALES)
    assert list(shell.adopt(second, first, second).shares) == ["first", "second"]
    assert cloud.count(LIST) == 2


def test_image_without_shares(shell: Shell, cloud: LocalCloud) -> None:
    """It is left out, and a comment says so."""
    shared, unshared = cloud.create_image(name="shared"), cloud.create_image(name="unshared")
    cloud.share(shared, SALES)
    ended = shell.adopt()
    assert list(ended.shares) == ["shared"]
    assert f"# left out: 'unshared' ({unshared}) is not shared" in ended.out


def test_nothing_is_shared(shell: Shell, cloud: LocalCloud) -> None:
    """The command succeeds and prints an empty mapping. A note says if the Region has no image at all."""
    cloud.create_image()
    note = "note: the caller owns no image in eu-west-1; check that the account and the Region are right\n"
    for region, said in (("us-east-1", ""), ("eu-west-1", note)):
        ended = shell.adopt(region=region)
        assert (ended.code, ended.shares, ended.err) == (0, {}, said)


def test_image_that_is_not_available(shell: Shell, cloud: LocalCloud) -> None:
    """It is left out because every preview would refuse it. A comment names its state and its accounts."""
    image = cloud.create_image()
    cloud.share(image, SALES)
    cloud.set_image(image, state="PENDING")
    ended = shell.adopt()
    assert ended.shares == {}
    assert all(part in ended.out for part in ("# left out", image, "PENDING", SALES))


@pytest.mark.parametrize(
    "name",
    [
        "a: b",
        "a\n  workspaces-images:recheck: off",
        "a\x1b[2Jb\x00\x7f",
        "a\x85b\u2028c\u2029d\ufeffe\u202ef",
        "true",
        "",
    ],
)
def test_image_name_is_escaped(shell: Shell, cloud: LocalCloud, name: str) -> None:
    """No image name breaks the YAML or sends control characters to the terminal. tests/fuzz tries more names."""
    for called in (name, f"un{name}shared"):
        image = cloud.create_image(name=called)
        if called == name:
            shared = image
    cloud.share(shared, SALES)
    ended = shell.adopt()
    ((label, share),) = ended.shares.items()
    assert share == {"imageId": shared, "region": REGION, "accounts": by_account(SALES)}
    assert isinstance(label, str)
    assert set(label) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
    assert label
    assert ended.out.isascii()
    assert ended.out.replace("\n", "").isprintable()


def make(image_id: str, name: str) -> Image:
    return Image(image_id, "AVAILABLE", byol=False, owner_account_id=OWNER, name=name)


def test_labels() -> None:
    """A label is the image's name. If two images would get the same label, their ids are appended."""
    images = {
        "wsi-000000001": ("golden", "golden"),
        "wsi-000000002": ("silver", "silver-wsi-000000002"),
        "wsi-000000003": ("silver", "silver-wsi-000000003"),
        "wsi-000000004": ("win/11", "win-11-wsi-000000004"),
        "wsi-000000005": ("win.11", "win-11-wsi-000000005"),
        "wsi-000000006": ("Golden", "Golden"),
        "wsi-000000007": ("", "wsi-000000007"),
        "wsi-000000008": ("(/.)", "wsi-000000008"),
        "wsi-000000009": ("my_image (1)", "my_image-1"),
    }
    given = [make(image_id, name) for image_id, (name, _) in images.items()]
    expected = {image_id: label for image_id, (_, label) in images.items()}
    assert labels(given) == expected
    assert labels(reversed(given)) == expected


def test_labels_are_unique_even_if_image_names_look_like_labels() -> None:
    given = [
        make("wsi-000000001", "silver"),
        make("wsi-000000002", "silver"),
        make("wsi-000000003", "silver-wsi-000000001"),
        make("wsi-000000004", "wsi-000000001"),
        make("wsi-000000005", "wsi-000000004"),
        make("wsi-000000006", ""),
    ]
    made = labels(given)
    assert len(set(made.values())) == len(given)


def test_label_does_not_depend_on_the_images_that_are_named(shell: Shell, cloud: LocalCloud) -> None:
    """Two images with the same name get different labels, even if they are adopted one by one."""
    images = [cloud.create_image(name="golden") for _ in range(2)]
    for image in images:
        cloud.share(image, SALES)
    assert [*shell.adopt(images[0]).shares, *shell.adopt(images[1]).shares] == [f"golden-{image}" for image in images]


def test_unknown_images(shell: Shell, cloud: LocalCloud) -> None:
    """The line names all images that do not exist, are in another Region or belong to another account."""
    known = cloud.create_image()
    theirs = cloud.create_image(account=SALES)
    cloud.share(theirs, OWNER)
    elsewhere = cloud.create_image(region="eu-west-1")
    line = shell.refused(known, theirs, elsewhere, "wsi-unknown00")
    assert all(part in line for part in (theirs, elsewhere, "wsi-unknown00", REGION, OWNER, "arn:aws:"))
    assert known not in line


def test_argument_that_is_not_an_image_id(shell: Shell) -> None:
    """It is a usage error."""
    ended = shell.adopt("golden")
    assert (ended.code, ended.out) == (2, "")
    assert "must be wsi- followed by 9 to 63 lower-case letters or digits" in ended.err


@pytest.mark.parametrize("operation", [DESCRIBE, LIST])
def test_access_denied(shell: Shell, cloud: LocalCloud, operation: str) -> None:
    """The line names the missing IAM action and the caller. A partial listing is never printed."""
    for name in ("one", "two"):
        cloud.share(cloud.create_image(name=name), SALES)
    cloud.deny(f"workspaces:{operation}")
    line = shell.refused()
    assert f"access denied; the caller needs workspaces:{operation}" in line
    assert "arn:aws:" in line


def test_no_credentials(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    assert "no usable AWS credentials" in shell.refused()


def test_region(shell: Shell, cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may come from the environment. A missing or misspelt Region is an error."""
    cloud.share(cloud.create_image(region="eu-west-1"), SALES)
    no_region = "error: no AWS Region is set: use --region, or set AWS_REGION in the environment"
    assert shell.refused(region=None) == no_region
    assert "'us-esat-1' is not a Region" in shell.refused(region="us-esat-1")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    assert shell.adopt(region=None).shares["golden"]["region"] == "eu-west-1"


def test_profile(shell: Shell, cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """Its credentials and Region take precedence over the environment. The line names an unknown profile."""
    theirs = cloud.create_image(account=SALES, region="eu-west-1")
    cloud.share(theirs, OWNER)
    keys = "\n".join(f"{name.lower()} = {value}" for name, value in cloud.credentials(SALES).items())
    (tmp_path / "config").write_text(f"[profile sales]\nregion = eu-west-1\n{keys}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    assert shell.adopt("--profile", "sales", region=None).shares["golden"]["imageId"] == theirs
    unknown = shell.refused("--profile", "nobody", region=None)
    assert "nobody" in unknown
    assert "--region" not in unknown


def test_help(shell: Shell) -> None:
    """It shows an example of how to use the output."""
    ended = shell.adopt("--help", region=None)
    assert ended.code == 0
    assert "python -m pulumi_workspaces_images adopt --region us-east-1 >> Pulumi.prod.yaml" in ended.out


def test_module_without_a_command_prints_its_usage() -> None:
    done = subprocess.run([sys.executable, "-m", "pulumi_workspaces_images"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "usage: python -m pulumi_workspaces_images" in done.stderr
