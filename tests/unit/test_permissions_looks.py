"""Read requests: made once for all threads, remembered for five minutes, and for many images in one call."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.stub import Stubber

from pulumi_workspaces_images.aws.once import MAX_AGE
from pulumi_workspaces_images.aws.permissions import Permissions
from pulumi_workspaces_images.errors import AccessDenied, NotFound
from pulumi_workspaces_images.share import Share
from tests.unit.helpers import (
    DESCRIBE,
    GRANT,
    IMAGE,
    LEGAL,
    LIST,
    REGION,
    SALES,
    SHARE,
    Answer,
    Clock,
    FakeConnection,
    Wire,
    four_at_once,
    listing,
)
from tests.unit.workspaces import DENIED, GONE, IMAGES, LOOKING, OK, permissions

# One request for all callers.


def test_write_is_remembered_until_the_command_ends(wire: Wire, make_client: Callable[..., Any], clock: Clock) -> None:
    asked = permissions(make_client, clock=clock)
    wire.will(OK)
    asked.grant(SHARE)
    clock.now += 10 * MAX_AGE
    assert asked.is_shared(SHARE)
    assert wire.log == [GRANT]


def test_failed_request_is_not_repeated_for_five_minutes(
    wire: Wire, make_client: Callable[..., Any], clock: Clock
) -> None:
    """If access is denied, all shares of the image fail with one call."""
    asked = permissions(make_client, clock=clock)
    wire.will(DENIED, GONE, DENIED)
    for account in (SALES, LEGAL, SALES):
        with pytest.raises(AccessDenied, match="DescribeWorkspaceImagePermissions"):
            asked.is_shared(Share(IMAGE, account, REGION))
        with pytest.raises(NotFound):
            asked.describe(IMAGE, REGION)
        with pytest.raises(AccessDenied, match="listing the images"):
            asked.owned_images(REGION)
    assert wire.log == [LIST, DESCRIBE, DESCRIBE]
    clock.now += MAX_AGE + 1
    wire.will(listing(SALES), described(IMAGE), described(IMAGE))
    assert asked.is_shared(SHARE)
    assert asked.describe(IMAGE, REGION).state == IMAGE
    assert asked.owned_images(REGION)


def test_request_that_fails_because_of_a_bug_is_made_again(wire: Wire, make_client: Callable[..., Any]) -> None:
    asked = permissions(make_client)
    wire.will({"ImagePermissions": 5})
    with pytest.raises(TypeError):
        asked.is_shared(SHARE)
    wire.will(listing(SALES))
    assert asked.is_shared(SHARE)


@pytest.mark.parametrize("answer", [listing(SALES, LEGAL), DENIED], ids=["answered", "failed"])
def test_concurrent_threads_wait_for_the_request_in_progress(
    wire: Wire, make_client: Callable[..., Any], answer: Answer
) -> None:
    """One of four threads asks AWS. The others get its answer or its error."""
    asked = permissions(make_client)
    answered = threading.Event()

    def ask() -> bool | None:
        try:
            return asked.is_shared(SHARE)
        except AccessDenied:
            return None

    wire.arrived = lambda _: answered.wait(5)
    wire.will(answer, *[listing()] * 3)
    assert four_at_once(ask, answered) == [None if answer is DENIED else True] * 4
    assert wire.log == [LIST]


def test_threads_that_start_at_the_same_moment_make_one_request(wire: Wire, make_client: Callable[..., Any]) -> None:
    go_on = threading.Event()

    def clock() -> float:
        assert go_on.wait(5)
        return 0.0

    asked = permissions(make_client, clock=clock)
    wire.will(*[listing(SALES)] * 4)
    assert four_at_once(lambda: asked.is_shared(SHARE), go_on) == [True] * 4
    assert wire.log == [LIST]


def test_threads_share_one_client(make_client: Callable[..., Any]) -> None:
    """Two threads never create clients at once."""
    barrier = threading.Barrier(4)
    connection = FakeConnection(make_client)

    def connect(_: int) -> None:
        barrier.wait(5)
        connection.client("workspaces", REGION)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(connect, range(4)))
    assert connection.made == [("workspaces", REGION)]


def test_requests_for_different_images_do_not_wait_for_each_other(wire: Wire, make_client: Callable[..., Any]) -> None:
    """A slow listing of one image does not delay the others."""
    asked = permissions(make_client)
    both = threading.Barrier(2)

    def arrived(_: str) -> None:
        both.wait(5)

    wire.arrived = arrived
    wire.will(listing(), listing())
    with ThreadPoolExecutor(2) as pool:
        shares = [SHARE, SHARE._replace(image_id="wsi-999999999")]
        assert list(pool.map(asked.is_shared, shares)) == [False, False]


def test_accounts_can_be_listed_while_another_thread_grants_shares(wire: Wire, make_client: Callable[..., Any]) -> None:
    """The next listing contains the new accounts."""
    asked = permissions(make_client)
    accounts = [f"{700000000000 + number}" for number in range(100)]
    wire.will(listing())
    assert asked.shared_with(IMAGE, REGION) == set()
    wire.will(*[OK] * len(accounts))
    with ThreadPoolExecutor(1) as pool:
        writing = [pool.submit(asked.grant, Share(IMAGE, account, REGION)) for account in accounts]
        while not writing[-1].done():
            asked.shared_with(IMAGE, REGION)
    assert not any(each.exception() for each in writing)
    assert asked.shared_with(IMAGE, REGION) == set(accounts)


# Many images.


def described(*images: str) -> dict[str, Any]:
    return {"Images": [{"ImageId": image, "State": image} for image in images]}


def test_announced_images_are_described_in_one_call(stubber: Stubber, stubbed: Permissions) -> None:
    """The call is made when the first of them is needed. It contains what was announced, and each image once."""
    others = ["wsi-222222222", "wsi-111111111"]
    assert stubbed.describe_together([IMAGE, *others, IMAGE], REGION) == [IMAGE]
    stubber.add_response(IMAGES, described(*others, IMAGE), {"ImageIds": [IMAGE, *others[::-1]]})
    stubber.add_response(IMAGES, described("wsi-333333333"), {"ImageIds": ["wsi-333333333"]})
    for image in [*others, IMAGE, "wsi-333333333", IMAGE]:
        assert stubbed.describe(image, REGION).state == image


def test_at_most_25_images_are_described_in_one_call(stubber: Stubber, stubbed: Permissions) -> None:
    """This is the service's limit. More images need more calls, but an image is never described twice."""
    images = [f"wsi-{n:09}" for n in range(60)]
    assert stubbed.describe_together(images[:30], REGION) == [images[0], images[25]]
    assert stubbed.describe_together(images, REGION) == [images[30], images[55]]
    assert stubbed.describe_together(images, REGION) == []
    for lot in (images[:25], images[25:30], images[30:55], images[55:]):
        stubber.add_response(IMAGES, described(*lot), {"ImageIds": lot})
        assert [stubbed.describe(image, REGION).image_id for image in lot] == lot


@pytest.mark.parametrize("announced", [True, False])
def test_images_of_the_same_id_in_two_regions_are_described_separately(
    wire: Wire, make_client: Callable[..., Any], announced: bool
) -> None:
    asked = permissions(make_client)
    places = [(IMAGE, REGION), (IMAGE, "eu-west-1")]
    for image, region in places if announced else []:
        asked.describe_together([image, "wsi-222222222"], region)
    wire.will(*[{"Images": [{"ImageId": image, "State": region}]} for image, region in places])
    assert [asked.describe(*place).state for place in places] == [REGION, "eu-west-1"]


@pytest.mark.parametrize(
    "answer",
    [
        described("wsi-222222222"),
        (400, "ResourceNotFoundException", "no"),
        (400, "InvalidParameterValuesException", "no"),
    ],
)
def test_unknown_image_does_not_affect_the_others(wire: Wire, make_client: Callable[..., Any], answer: Answer) -> None:
    """AWS may omit the image or reject the whole call. Then each image is described in a call of its own."""
    asked = permissions(make_client)
    asked.describe_together([IMAGE, "wsi-222222222", "wsi-333333333"], REGION)
    wire.will(answer, described(), described("wsi-333333333"))
    with pytest.raises(NotFound, match=f"^{LOOKING}: not found$"):
        asked.describe(IMAGE, REGION)
    assert asked.describe("wsi-333333333", REGION).state == "wsi-333333333"
    assert wire.log == [DESCRIBE] * 3


def test_images_are_not_described_one_by_one_if_access_is_denied(wire: Wire, make_client: Callable[..., Any]) -> None:
    """All images fail with the one error."""
    asked = permissions(make_client)
    asked.describe_together([IMAGE, "wsi-222222222"], REGION)
    wire.will((400, "AccessDeniedException", "no"))
    for image in (IMAGE, "wsi-222222222", IMAGE):
        with pytest.raises(AccessDenied, match=f"^describing images {IMAGE}, wsi-222222222 in {REGION}: "):
            asked.describe(image, REGION)
    assert wire.log == [DESCRIBE]
