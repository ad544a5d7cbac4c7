"""The shares that exist as configuration: complete, valid YAML whatever images are called, and one line if it fails."""

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
        """What a stack's configuration holds after its user has pasted the output under `config:`."""
        whole = yaml.safe_load(f"config:\n  aws:region: eu-west-1\n{self.out}  other:key: value\n")["config"]
        assert set(whole) == {"aws:region", KEY, "other:key"}
        # And it is a whole on its own.
        assert yaml.safe_load(self.out) == {KEY: whole[KEY]}
        return whole[KEY]


def by_account(*accounts: str) -> dict[str, str]:
    """Return accounts, each under itself as its label."""
    return {account: account for account in accounts}


class Shell:
    """A command line on the local cloud."""

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
        """Return the one line of a command that must fail, and print nothing else."""
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
    """Each with its accounts as quoted strings under labels, and its Region; nothing is written."""
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
    """One mapping of all; images of one name in two Regions have their ids in their labels."""
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


def test_named_image_is_in_one_of_several_regions(shell: Shell, cloud: LocalCloud) -> None:
    cloud.share(cloud.create_image(), SALES)
    there = cloud.create_image(region="eu-west-1")
    cloud.share(there, SALES, region="eu-west-1")
    assert [share["imageId"] for share in shell.adopt(there, "--region", "eu-west-1").shares.values()] == [there]
    assert "owns no image wsi-unknown00 in us-east-1, eu-west-1;" in shell.refused(
        "wsi-unknown00", "--region", "eu-west-1"
    )


def test_region_without_images_among_several(shell: Shell, cloud: LocalCloud) -> None:
    """It is noted on its own; what is wrong with one of them ends the command."""
    cloud.share(cloud.create_image(), SALES)
    ended = shell.adopt("--region", "eu-west-1")
    assert (ended.code, list(ended.shares)) == (0, ["golden"])
    assert ended.err == "note: the caller owns no image in eu-west-1; check that the account and the Region are right\n"
    assert "'us-esat-1' is not a Region" in shell.refused("--region", "us-esat-1")


def test_named_images(shell: Shell, cloud: LocalCloud) -> None:
    """The others are not even asked for their shares."""
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
    """That is an answer, not a failure, and still configuration; that there is no image at all is worth a note."""
    cloud.create_image()
    note = "note: the caller owns no image in eu-west-1; check that the account and the Region are right\n"
    for region, said in (("us-east-1", ""), ("eu-west-1", note)):
        ended = shell.adopt(region=region)
        assert (ended.code, ended.shares, ended.err) == (0, {}, said)


@pytest.mark.parametrize("state", ["PENDING", "ERROR"])
def test_image_that_is_not_available(shell: Shell, cloud: LocalCloud, state: str) -> None:
    """Declared it would fail every preview, so a comment says what it has."""
    image = cloud.create_image()
    cloud.share(image, SALES)
    cloud.set_image(image, state=state)
    ended = shell.adopt()
    assert ended.shares == {}
    assert all(part in ended.out for part in ("# left out", image, state, SALES))


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
def test_image_name_is_data(shell: Shell, cloud: LocalCloud, name: str) -> None:
    """Whatever an image is called, it stays a label and a comment, and reaches no terminal raw. tests/fuzz has more."""
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
    """A unique name alone; names that are the same, or become the same, bring the id along."""
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


def test_labels_of_names_that_imitate_labels() -> None:
    """They stay unique."""
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


def test_label_does_not_depend_on_what_is_asked_for(shell: Shell, cloud: LocalCloud) -> None:
    """Two of one name, adopted one by one, do not meet under one label."""
    images = [cloud.create_image(name="golden") for _ in range(2)]
    for image in images:
        cloud.share(image, SALES)
    assert [*shell.adopt(images[0]).shares, *shell.adopt(images[1]).shares] == [f"golden-{image}" for image in images]


def test_unknown_images(shell: Shell, cloud: LocalCloud) -> None:
    """All that the caller does not own are named: those that do not exist, or are elsewhere, or another account's."""
    known = cloud.create_image()
    theirs = cloud.create_image(account=SALES)
    cloud.share(theirs, OWNER)
    elsewhere = cloud.create_image(region="eu-west-1")
    line = shell.refused(known, theirs, elsewhere, "wsi-unknown00")
    assert all(part in line for part in (theirs, elsewhere, "wsi-unknown00", REGION, OWNER, "arn:aws:"))
    assert known not in line


def test_image_that_is_no_id(shell: Shell) -> None:
    """That is a wrong argument."""
    ended = shell.adopt("golden")
    assert (ended.code, ended.out) == (2, "")
    assert "must be wsi- followed by 9 to 63 lower-case letters or digits" in ended.err


@pytest.mark.parametrize("operation", [DESCRIBE, LIST])
def test_access_denied(shell: Shell, cloud: LocalCloud, operation: str) -> None:
    """The missing IAM action and the caller are named, and half a listing is not printed."""
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
    """Without one there is an error; the environment's will do; a misspelt one is named."""
    cloud.share(cloud.create_image(region="eu-west-1"), SALES)
    assert "no AWS Region is set" in shell.refused(region=None)
    assert "'us-esat-1' is not a Region" in shell.refused(region="us-esat-1")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    assert shell.adopt(region=None).shares["golden"]["region"] == "eu-west-1"


def test_profile(shell: Shell, cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """Its credentials and its Region come before the environment's credentials; an unknown one is named."""
    theirs = cloud.create_image(account=SALES, region="eu-west-1")
    cloud.share(theirs, OWNER)
    keys = "\n".join(f"{name.lower()} = {value}" for name, value in cloud.credentials(SALES).items())
    (tmp_path / "config").write_text(f"[profile sales]\nregion = eu-west-1\n{keys}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    assert shell.adopt("--profile", "sales", region=None).shares["golden"]["imageId"] == theirs
    assert "nobody" in shell.refused("--profile", "nobody", region=None)


def test_help(shell: Shell) -> None:
    """It says what to do with the output, by example."""
    ended = shell.adopt("--help", region=None)
    assert ended.code == 0
    assert "python -m pulumi_workspaces_images adopt --region us-east-1 >> Pulumi.prod.yaml" in ended.out


def test_as_a_module() -> None:
    """Without a command there is nothing to do."""
    done = subprocess.run([sys.executable, "-m", "pulumi_workspaces_images"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "usage: python -m pulumi_workspaces_images" in done.stderr
