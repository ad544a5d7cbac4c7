"""Regions: which setting names the Region, which Regions exist, and to which partition they belong."""

from pathlib import Path

import pytest

from pulumi_workspaces_images.errors import ConfigurationError, NoSuchRegion
from tests.unit.connections import REGION, connect, write

pytestmark = pytest.mark.usefixtures("home")


def test_precedence_of_the_region(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The argument comes first, then aws:region, AWS_REGION, AWS_DEFAULT_REGION and the profile."""
    write(home, "config", "[default]\nregion = eu-west-3\n[profile other]\nregion = sa-east-1\n")
    assert connect().region() == "eu-west-3"
    assert connect(profile="other").region() == "sa-east-1"
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


def test_profile_from_the_environment(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS_PROFILE selects the profile unless aws:profile is set."""
    write(home, "config", "[profile one]\nregion = eu-west-3\n[profile two]\nregion = sa-east-1\n")
    monkeypatch.setenv("AWS_PROFILE", "one")
    assert connect().region() == "eu-west-3"
    assert connect(profile="two").region() == "sa-east-1"


def test_profile_that_does_not_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the key or variable that names the profile."""
    for connection, key in [
        (connect(profile="absent"), "aws:profile"),
        (connect(), "AWS_PROFILE or AWS_DEFAULT_PROFILE"),
    ]:
        monkeypatch.setenv("AWS_PROFILE", "missing")
        with pytest.raises(ConfigurationError, match=rf"^{key} names a profile"):
            connection.region()
        with pytest.raises(ConfigurationError, match=rf"^{key} names a profile"):
            connection.client("workspaces", REGION)


def test_unreadable_profile_file(home: Path) -> None:
    """The message is one line."""
    write(home, "config", "region = eu-west-1\n")
    with pytest.raises(ConfigurationError, match=r"^reading the AWS profile: Unable to parse"):
        connect().region()


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-3", "cn-northwest-1", "us-gov-west-1", "us-gov-east-1"])
def test_region_with_workspaces_is_valid(region: str) -> None:
    """This holds in every partition."""
    assert connect().valid_region(region) == region


def test_number_of_regions_with_workspaces() -> None:
    """AWS documents 17 Regions in the partition aws, one in China and two in GovCloud."""
    connection = connect()
    counts: dict[str, int] = {}
    for region in connection._regions("workspaces"):
        partition = connection.partition(region)
        counts[partition] = counts.get(partition, 0) + 1
    assert (counts["aws"], counts["aws-cn"], counts["aws-us-gov"]) == (17, 1, 2)


@pytest.mark.parametrize(
    ("region", "problem"),
    [
        ("us-esat-1", "'us-esat-1' is not a Region where WorkSpaces exists; did you mean us-east-1,"),
        ("useast1", "'useast1' is not a Region where WorkSpaces exists; did you mean us-east-1,"),
        ("us-east-3", "'us-east-3' is not a Region where WorkSpaces exists; did you mean us-east-"),
        ("us-east-1a", "'us-east-1a' is not a Region where WorkSpaces exists; did you mean us-east-1,"),
        ("EU-WEST-1", "'EU-WEST-1' is not a Region where WorkSpaces exists"),
        ("eu-north-1", "WorkSpaces does not exist in eu-north-1; the nearest Regions are eu-central-1, eu-west-1,"),
        (
            "us-west-1",
            "WorkSpaces does not exist in us-west-1; the nearest Regions are us-east-1, us-east-2, us-west-2",
        ),
        ("cn-north-1", "WorkSpaces does not exist in cn-north-1; the nearest Regions are cn-northwest-1"),
        ("me-south-1", "WorkSpaces does not exist in me-south-1; the nearest Regions are "),
    ],
)
def test_region_that_does_not_exist_or_has_no_workspaces(region: str, problem: str) -> None:
    """The message suggests Regions with a similar name, or the nearest ones."""
    with pytest.raises(NoSuchRegion) as caught:
        connect().valid_region(region)
    assert str(caught.value).startswith(problem)


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


@pytest.mark.parametrize("ask", ["partition", "valid_region"])
def test_unreadable_profile_file_when_a_region_is_checked(home: Path, ask: str) -> None:
    """Checking a Region reads the profile, and fails in one line too."""
    write(home, "config", "region = eu-west-1\n")
    with pytest.raises(ConfigurationError, match=r"^reading the AWS profile: Unable to parse"):
        getattr(connect(), ask)(REGION)


@pytest.mark.parametrize(
    ("region", "partition"),
    [
        ("us-east-1", "aws"),
        ("cn-north-1", "aws-cn"),
        ("us-gov-west-1", "aws-us-gov"),
        ("eu-new-7", "aws"),
        ("mars", "aws"),
    ],
)
def test_partition(region: str, partition: str) -> None:
    """A Region's partition follows from its name. An unknown Region is treated as one of aws."""
    assert connect().partition(region) == partition
