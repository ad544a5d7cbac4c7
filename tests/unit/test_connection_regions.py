"""Regions: which setting names the Region, which Regions exist, and to which partition they belong."""

from pathlib import Path

import pytest

from pulumi_workspaces_images.errors import ConfigurationError, NoSuchRegion
from tests.unit.connections import REGION, connect, write

pytestmark = pytest.mark.usefixtures("home")


def test_precedence_of_the_region(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The argument comes first, then aws:region, AWS_REGION, AWS_DEFAULT_REGION and the profile.

    That is the one of aws:profile, else of AWS_PROFILE.
    """
    write(home, "config", "[default]\nregion = eu-west-3\n[profile other]\nregion = sa-east-1\n")
    assert connect().region() == "eu-west-3"
    assert connect(profile="other").region() == "sa-east-1"
    monkeypatch.setenv("AWS_PROFILE", "other")
    assert connect().region() == "sa-east-1"
    assert connect(profile="default").region() == "eu-west-3"
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    assert connect(profile="other").region() == "us-west-2"
    monkeypatch.setenv("AWS_REGION", "us-east-2")
    assert connect().region() == "us-east-2"
    assert connect(region="eu-central-1").region() == "eu-central-1"
    assert connect(region="eu-central-1").region("eu-west-2") == "eu-west-2"


def test_no_region() -> None:
    """The message says how to set one."""
    with pytest.raises(ConfigurationError, match=r"pulumi config set aws:region .* AWS_REGION"):
        connect().region()


def test_profile_that_does_not_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the key or variable that names the profile."""
    monkeypatch.setenv("AWS_PROFILE", "missing")
    for profile, key in [("absent", "aws:profile"), (None, "AWS_PROFILE or AWS_DEFAULT_PROFILE")]:
        connection = connect(profile=profile)
        with pytest.raises(ConfigurationError, match=rf"^{key} names a profile"):
            connection.region()
        with pytest.raises(ConfigurationError, match=rf"^{key} names a profile"):
            connection.client("workspaces", REGION)


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-3", "cn-northwest-1", "us-gov-west-1", "us-gov-east-1"])
def test_region_with_workspaces_is_valid(region: str) -> None:
    """This holds in every partition."""
    assert connect().valid_region(region) == region


@pytest.mark.parametrize(
    ("region", "near"),
    [
        ("us-west-1", "us-east-1, us-east-2, us-west-2"),
        ("me-south-1", "ap-south-1"),  # no other Region's name begins with me
    ],
)
def test_region_without_workspaces(region: str, near: str) -> None:
    """The message suggests Regions of the same area and partition."""
    with pytest.raises(NoSuchRegion) as caught:
        connect().valid_region(region)
    message = str(caught.value)
    assert message.startswith(f"WorkSpaces does not exist in {region}; the nearest Regions are {near}")
    assert "gov" not in message


@pytest.mark.parametrize(
    ("region", "hint"), [("us-esat-1", "; did you mean us-east-1, us-west-2, us-east-2?"), ("EU-WEST-1", "")]
)
def test_region_that_does_not_exist(region: str, hint: str) -> None:
    """The message suggests Regions with a similar name."""
    with pytest.raises(NoSuchRegion) as caught:
        connect().valid_region(region)
    assert str(caught.value) == f"{region!r} is not a Region where WorkSpaces exists{hint}"


@pytest.mark.parametrize("region", ["us-esat-1", "eu-north-1", "mars-1"])
def test_skip_region_validation(region: str) -> None:
    """With aws:skipRegionValidation every Region is accepted."""
    assert connect(skipRegionValidation="true").valid_region(region) == region
    with pytest.raises(NoSuchRegion):
        connect(skipRegionValidation="false").valid_region(region)


@pytest.mark.parametrize("region", ["fips-us-east-1", "us-east-1-fips", "fips-us-gov-west-1"])
@pytest.mark.parametrize("skip", ["true", "false"])
def test_fips_name_of_a_region_is_refused(region: str, skip: str) -> None:
    """With a second name of a Region a share could exist twice. aws:skipRegionValidation does not allow it."""
    with pytest.raises(NoSuchRegion) as caught:
        connect(skipRegionValidation=skip).valid_region(region)
    assert str(caught.value) == f"{region!r} is an endpoint, not a Region; name the Region, and set aws:useFipsEndpoint"


@pytest.mark.parametrize(("ask", "region"), [("region", None), ("partition", REGION), ("valid_region", REGION)])
def test_unreadable_profile_file(home: Path, ask: str, region: str | None) -> None:
    """The message is one line. Checking a Region reads the profile, too."""
    write(home, "config", "region = eu-west-1\n")
    with pytest.raises(ConfigurationError, match=r"^reading the AWS profile: Unable to parse"):
        getattr(connect(), ask)(region)


@pytest.mark.parametrize(
    ("region", "partition"),
    [("us-east-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov"), ("mars", "aws")],
)
def test_partition(region: str, partition: str) -> None:
    """A Region's partition follows from its name. An unknown Region is treated as one of aws."""
    assert connect().partition(region) == partition
