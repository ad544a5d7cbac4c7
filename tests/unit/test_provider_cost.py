"""The number of AWS calls in previews and updates of many shares."""

import json
import math
import random
import threading
from collections import Counter
from collections.abc import Sequence

import pytest

from local.cloud import LocalCloud
from pulumi_workspaces_images.share import Share
from tests.unit.helpers import DESCRIBE, GRANT, LEGAL, LIST, REGION, SALES, UNKNOWN, Command


def cost(cloud: LocalCloud) -> dict[str, int]:
    """Return the number of calls since the last reset, by operation."""
    return dict(Counter(call.operation for call in cloud.calls))


def no_op(command: Command, shares: Sequence[Share]) -> None:
    """Make the engine's calls in a preview of existing shares, in a random order."""
    images = json.dumps([[image_id, None] for image_id in dict.fromkeys(share.image_id for share in shares)])
    for share in random.Random(0).sample(shares, len(shares)):
        inputs = {**share._asdict(), "__provider": "reference"}
        checked = command.provider.check(inputs, {**inputs, "region": None, "_images": images})
        assert (checked.inputs, checked.failures) == (share._asdict(), [])
        assert not command.diff(share).changes


@pytest.mark.parametrize("shares", [1, 25, 26, 500])
def test_cost_of_a_preview_without_changes(cloud: LocalCloud, command: Command, image: str, shares: int) -> None:
    """There is one call for the caller, one for the image and one for every 25 shares. A refresh needs no more."""
    declared = [Share(image, f"{700000000000 + number}", REGION) for number in range(shares)]
    for share in declared:
        cloud.share(image, share.shared_account_id)
    no_op(command, declared)
    assert all(command.read(share).id == share.id for share in declared)
    assert cost(cloud) == {"GetCallerIdentity": 1, DESCRIBE: 1, LIST: math.ceil(shares / 25)}


def test_cost_of_a_preview_of_many_images(cloud: LocalCloud, command: Command) -> None:
    """All images are described in one call, and each declared image is listed once, for five hundred shares."""
    images = [cloud.create_image() for _ in range(40)]
    declared = [Share(image, f"{700000000000 + number}", REGION) for image in images[:10] for number in range(50)]
    for share in declared:
        cloud.share(share.image_id, share.shared_account_id)
    no_op(command, declared)
    assert cost(cloud) == {"GetCallerIdentity": 1, DESCRIBE: 1, LIST: 20}


def test_cost_of_new_shares(cloud: LocalCloud, command: Command) -> None:
    """Each needs one grant. Their images need one call, and are not listed."""
    images = [cloud.create_image() for _ in range(2)]
    declared = [Share(image, f"{700000000000 + number}", REGION) for image in images for number in range(30)]
    for share in declared:
        news = {
            **share._asdict(),
            "__provider": "reference",
            "_images": json.dumps([[image, REGION] for image in images]),
        }
        assert command.provider.check({}, news).failures == []
        command.create(share)
    assert cost(cloud) == {"GetCallerIdentity": 1, DESCRIBE: 1, GRANT: 60}


def prefetched() -> None:
    """Wait for the requests in the background."""
    for thread in threading.enumerate():
        if thread.name == "prefetch":
            thread.join(10)


@pytest.mark.parametrize(
    ("new", "recheck", "calls"),
    [
        (True, "strict", {"GetCallerIdentity": 1, DESCRIBE: 1}),
        (False, "strict", {"GetCallerIdentity": 1, DESCRIBE: 1, LIST: 1}),
        (False, "off", {}),
    ],
)
@pytest.mark.parametrize(("argument", "configured"), [("eu-west-1", REGION), (None, "eu-west-1")])
def test_calls_that_a_check_starts_in_the_background(
    cloud: LocalCloud, new: bool, recheck: str, calls: dict[str, int], argument: str | None, configured: str
) -> None:
    """It reads the image in its Region. If the share exists, it also lists the image for the diff that follows."""
    share = Share(cloud.create_image(region="eu-west-1"), SALES, "eu-west-1")
    command = Command(cloud, region=configured, recheck=recheck)
    command.provider.check({} if new else share._asdict(), {**share._asdict(), "region": argument})
    prefetched()
    assert cost(cloud) == calls
    assert {call.region for call in cloud.calls if call.service == "workspaces"} <= {"eu-west-1"}


def test_preview_of_a_changed_share_lists_its_image_in_the_background(
    cloud: LocalCloud, command: Command, share: Share
) -> None:
    """The check of the replacement then knows whether the account has access already."""
    command.provider.check(share._replace(shared_account_id=LEGAL)._asdict(), {**share._asdict(), "_preview": True})
    prefetched()
    assert cloud.count(LIST) == 1


@pytest.mark.parametrize(
    "hint",
    [
        *(None, 7.0, [], UNKNOWN, "", "x", "null", "7", "[null]", '[["x", null]]', '[["wsi-0a1b2c3d4"]]'),
        *('[["wsi-0a1b2c3d4", "mars"]]', "[[5, 5]]", '[["wsi-0a1b2c3d4", 5]]', '{"ab": 1}'),
    ],
)
def test_invalid_hint_is_ignored(cloud: LocalCloud, command: Command, image: str, hint: object) -> None:
    """The hint names the program's other images. An invalid one causes no failure and no request."""
    share = Share(image, SALES, REGION)
    checked = command.provider.check({}, {**share._asdict(), "__provider": "reference", "_images": hint})
    assert (checked.inputs, checked.failures) == (share._asdict(), [])
    assert [call.parameters for call in cloud.calls if call.operation == DESCRIBE] == [{"ImageIds": [image]}]
