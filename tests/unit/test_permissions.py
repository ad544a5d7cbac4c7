"""Answers of Amazon WorkSpaces about images and their permissions: pages, missing members, and errors."""

import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from botocore.stub import Stubber

from pulumi_workspaces_images.aws.connection import Caller
from pulumi_workspaces_images.aws.permissions import PAGE_SIZE, Image, Permissions
from pulumi_workspaces_images.errors import AccessDenied, ConfigurationError, NotFound, Unanswered
from pulumi_workspaces_images.share import Share
from tests.unit.helpers import (
    CALLER,
    DESCRIBE,
    GRANT,
    IMAGE,
    LEGAL,
    LIST,
    OWNER,
    REGION,
    SALES,
    SHARE,
    FakeConnection,
    Wire,
    listing,
)
from tests.unit.workspaces import (
    GRANTING,
    IMAGES,
    LISTING,
    LOOKING,
    PERMISSIONS,
    REVOKING,
    UPDATE,
    grant,
    permissions,
    revoke,
    stands_alone,
    stub_list,
    stub_update,
)

# Listing.


def test_listing_reads_all_pages(stubber: Stubber, stubbed: Permissions) -> None:
    """Each page is requested with the token of the one before, even if that page was empty."""
    stub_list(stubber, listing("444444444444", token="one"))
    stub_list(stubber, listing(token="two"), "one")
    stub_list(stubber, listing(SALES, token="three"), "two")
    stub_list(stubber, listing(LEGAL), "three")
    accounts = ["444444444444", SALES, LEGAL, "555555555555"]
    assert [stubbed.is_shared(Share(IMAGE, account, REGION)) for account in accounts] == [True, True, True, False]


def test_listing_that_repeats_a_page_fails(stubber: Stubber, stubbed: Permissions) -> None:
    """Each page has its own deadline, so no deadline would end the listing."""
    stub_list(stubber, listing(SALES, token="again"))
    stub_list(stubber, listing(SALES, token="again"), token="again")
    with pytest.raises(Unanswered, match=f"^{LISTING}: AWS returned the same page twice; try again later$"):
        stubbed.shared_with(IMAGE, REGION)


def test_listing_of_an_image_without_shares(stubber: Stubber, stubbed: Permissions) -> None:
    """AWS may leave out the list, or the account of an entry."""
    stubber.add_response(PERMISSIONS, {"NextToken": "one"})
    stub_list(stubber, {"ImagePermissions": [{}]}, "one")
    assert not stubbed.is_shared(SHARE)


def test_images_and_regions_are_listed_separately(wire: Wire, make_client: Callable[..., Any]) -> None:
    """The same image id in another Region is another image."""
    asked = permissions(make_client)
    wire.will(listing(SALES), listing(), listing())
    assert asked.is_shared(SHARE)
    assert not asked.is_shared(SHARE._replace(region="eu-west-1"))
    assert not asked.is_shared(SHARE._replace(image_id="wsi-999999999"))
    assert wire.log == [LIST] * 3


# Describing.


@pytest.mark.parametrize(
    ("answer", "image"),
    [
        (
            {"State": "AVAILABLE", "RequiredTenancy": "DEFAULT", "OwnerAccountId": OWNER},
            Image(IMAGE, "AVAILABLE", byol=False, owner_account_id=OWNER),
        ),
        ({"RequiredTenancy": "DEDICATED"}, Image(IMAGE, "", byol=True, owner_account_id=None)),
    ],
)
def test_image_is_described(stubber: Stubber, stubbed: Permissions, answer: dict[str, Any], image: Image) -> None:
    """Every member is optional. Dedicated tenancy makes it a BYOL image. The answer may contain other images."""
    other = {"ImageId": "wsi-999999999", "State": "ERROR", "OwnerAccountId": SALES}
    stubber.add_response(IMAGES, {"Images": [{}, other, {"ImageId": IMAGE, **answer}]}, {"ImageIds": [IMAGE]})
    assert stubbed.describe(IMAGE, REGION) == image


@pytest.mark.parametrize("answer", [{}, {"Images": []}, {"Images": [{"ImageId": "wsi-999999999"}]}])
def test_image_that_is_not_in_the_answer(stubber: Stubber, stubbed: Permissions, answer: dict[str, Any]) -> None:
    """It is not found: for an unknown image AWS answers with an empty list."""
    stubber.add_response(IMAGES, answer)
    with pytest.raises(NotFound, match=f"^{LOOKING}: not found$"):
        stubbed.describe(IMAGE, REGION)


def test_owned_images(stubber: Stubber, stubbed: Permissions) -> None:
    """All pages are read, and only once. Members that AWS leaves out stay empty."""
    created = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=2)))
    golden = {"ImageId": IMAGE, "Name": "golden", "Created": created, "State": "AVAILABLE", "OwnerAccountId": OWNER}
    request = {"ImageType": "OWNED", "MaxResults": PAGE_SIZE}
    stubber.add_response(IMAGES, {"Images": [golden, {}], "NextToken": "next"}, request)
    stubber.add_response(IMAGES, {"Images": [{"ImageId": "wsi-999999999"}]}, {**request, "NextToken": "next"})
    images = stubbed.owned_images(REGION)
    assert images == (
        Image(IMAGE, "AVAILABLE", byol=False, owner_account_id=OWNER, name="golden", created=created),
        Image("wsi-999999999", "", byol=False, owner_account_id=None),
    )
    assert images[0].created is not None
    assert images[0].created.tzinfo is timezone.utc
    assert stubbed.owned_images(REGION) == images


def test_caller_without_images(stubber: Stubber, stubbed: Permissions) -> None:
    """AWS may leave out the list."""
    stubber.add_response(IMAGES, {})
    assert stubbed.owned_images(REGION) == ()


def test_own_writes_update_the_listing(stubber: Stubber, stubbed: Permissions) -> None:
    """Each is one call, and AWS is listed once. Only writes for the same image in the same Region count."""
    stub_list(stubber, listing(LEGAL, SALES))
    assert stubbed.shared_with(IMAGE, REGION) == {LEGAL, SALES}
    stub_update(stubber, False)
    assert stubbed.revoke(SHARE)  # AWS has accepted it
    assert not stubbed.is_shared(SHARE)
    assert stubbed.shared_with(IMAGE, REGION) == {LEGAL}
    stub_update(stubber, True)
    stubbed.grant(SHARE)
    assert stubbed.is_shared(SHARE)
    for other in (Share("wsi-999999999", "444444444444", REGION), Share(IMAGE, LEGAL, "eu-west-1")):
        stubber.add_response(UPDATE, {})
        stubbed.grant(other) if other.image_id != IMAGE else stubbed.revoke(other)
    assert stubbed.shared_with(IMAGE, REGION) == {LEGAL, SALES}


# Errors.


def look(asked: Permissions) -> None:
    asked.is_shared(SHARE)


def describe(asked: Permissions) -> None:
    asked.describe(IMAGE, REGION)


@pytest.mark.parametrize("caller", [None, CALLER], ids=["unknown caller", "known caller"])
@pytest.mark.parametrize(
    ("operation", "method", "doing", "iam"),
    [
        (grant, UPDATE, GRANTING, GRANT),
        (revoke, UPDATE, REVOKING, GRANT),
        (look, PERMISSIONS, LISTING, LIST),
        (describe, IMAGES, LOOKING, DESCRIBE),
    ],
)
def test_error_of_an_operation(
    stubber: Stubber,
    operation: Callable[[Permissions], None],
    method: str,
    doing: str,
    iam: str,
    caller: Caller | None,
) -> None:
    """The message says what was being done, where, as which caller, and which IAM action is missing."""
    stubber.add_client_error(method, "AccessDeniedException", "AWS said so.")
    with pytest.raises(AccessDenied) as caught:
        operation(permissions(lambda _: stubber.client, caller))
    line = str(caught.value)
    assert line.startswith(f"{doing} as {CALLER.arn}: " if caller else f"{doing}: ")
    assert "AWS said so" in line
    assert f"the caller needs workspaces:{iam} " in line
    assert stands_alone(caught.value)


def test_type_stubs_of_boto3_are_not_needed() -> None:
    """Only mypy uses them, and users do not have them."""
    stubs = [f"mypy_boto3_{service}" for service in ("organizations", "sts", "workspaces")]
    code = f"import sys; sys.modules |= dict.fromkeys({stubs}); import pulumi_workspaces_images.aws.permissions"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_client_that_could_not_be_created_is_created_by_the_next_call(make_client: Callable[..., Any]) -> None:
    """The failure is raised unchanged."""
    failures = [ConfigurationError("aws:profile names no profile")]

    def make(region: str) -> Any:
        if failures:
            raise failures.pop()
        return make_client(region)

    connection = FakeConnection(make)
    with pytest.raises(ConfigurationError, match=r"^aws:profile names no profile$"):
        connection.client("workspaces", REGION)
    assert connection.client("workspaces", REGION).meta.region_name == REGION
