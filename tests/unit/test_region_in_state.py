"""An existing share stays in its Region if only the environment names another one (case 6)."""

import json

import pytest

from local.cloud import LocalCloud
from pulumi_workspaces_images.share import Share
from tests.unit.helpers import DESCRIBE, LEGAL, SALES, Command, found, state

HOME, AWAY = "us-east-1", "eu-west-1"


@pytest.fixture
def command(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Return a command whose environment names another Region than the state."""
    monkeypatch.setenv("AWS_REGION", AWAY)
    return Command(cloud, region=None)


def check(command: Command, share: Share, olds: Share | None, hint: str = "") -> tuple[str, list[tuple[str, str]]]:
    news = {**share._asdict(), "region": None, "__provider": "reference", "_images": hint}
    result = command.provider.check(state(olds) if olds else {}, news)
    return result.inputs["region"], found(result)


def test_existing_share_stays_in_its_region(cloud: LocalCloud, command: Command, shared: Share) -> None:
    """This holds even if its image or account changes. The check of a replacement does not see the state."""
    cloud.create_image(region=HOME, image_id="wsi-golden002")
    assert check(command, shared, shared) == (HOME, [])
    for changed in (shared._replace(image_id="wsi-golden002"), shared._replace(shared_account_id=LEGAL)):
        assert check(command, changed, shared) == (HOME, [])
        assert check(command, changed, None) == (HOME, [])
    assert {call.region for call in cloud.calls if call.operation == DESCRIBE} == {HOME}


def test_new_share_of_an_image_in_the_state(command: Command, shared: Share) -> None:
    """It gets the Region of the image."""
    check(command, shared, shared)
    assert check(command, shared._replace(shared_account_id=LEGAL), None) == (HOME, [])
    exclusive = {"image_id": shared.image_id, "shared_account_ids": [SALES], "report_only": True}
    assert command.exclusive.check({}, exclusive).inputs["region"] == HOME


def test_new_share_of_a_new_image(cloud: LocalCloud, command: Command, shared: Share) -> None:
    """It gets the Region of the environment, and an error names the Region in the state."""
    check(command, shared, shared)
    new = Share(cloud.create_image(region=AWAY), SALES, AWAY)
    assert check(command, new, None) == (AWAY, [])
    missing = cloud.create_image(region=HOME)
    region, failures = check(command, new._replace(image_id=missing), None)
    assert region == AWAY
    assert failures[0][1].startswith(f"image {missing} was not found in {AWAY}")
    assert failures[0][1].endswith(
        f"({AWAY} comes from AWS_REGION, AWS_DEFAULT_REGION or the AWS profile; the state has other shares in {HOME})"
    )


def test_region_that_does_not_exist(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says where it may come from, unless the resource names it."""
    monkeypatch.setenv("AWS_REGION", "us-esat-1")
    command = Command(cloud, region=None)
    source = " (it comes from aws:region, AWS_REGION, AWS_DEFAULT_REGION or the AWS profile)"
    share = {"image_id": cloud.create_image(), "shared_account_id": SALES}
    for region, end in ((None, source), ("us-esat-1", "")):
        (failure,) = found(command.provider.check({}, {**share, "region": region}))
        assert failure[0] == "region"
        assert failure[1].startswith("'us-esat-1' is not a Region where WorkSpaces exists")
        assert failure[1].endswith(f"?{end}")


def test_image_that_is_not_in_the_region_of_the_state(cloud: LocalCloud, command: Command, shared: Share) -> None:
    """The error says that the Region comes from the state, not from the environment."""
    elsewhere = cloud.create_image(region=AWAY)
    region, failures = check(command, shared._replace(image_id=elsewhere), shared)
    assert region == HOME
    assert failures[0][1].endswith(
        f"({HOME} is the Region in the state; to move the share, give the resource a region)"
    )


def test_other_images_of_the_program_are_read_in_their_region(
    cloud: LocalCloud, command: Command, shared: Share
) -> None:
    """The preview needs no additional call."""
    other = Share(cloud.create_image(region=HOME), SALES, HOME)
    cloud.share(other.image_id, SALES)
    hint = json.dumps([[shared.image_id, None], [other.image_id, None]])
    for share in (shared, other):
        assert check(command, share, share, hint) == (HOME, [])
        assert not command.diff(share).changes
    assert {call.region for call in cloud.calls if call.operation != "GetCallerIdentity"} == {HOME}
    assert cloud.count(DESCRIBE) == 1


def test_region_of_the_configuration_moves_a_share(
    cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch, shared: Share
) -> None:
    """A change of the configuration is intended."""
    monkeypatch.setenv("AWS_REGION", HOME)
    assert check(Command(cloud, region=AWAY), shared, shared)[0] == AWAY
