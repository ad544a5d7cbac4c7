"""Images: who sees them, which fields they have, and how they are copied."""

from collections.abc import Callable
from typing import Any

import pytest

from local.accounts import LEGAL, OWNER, SALES
from local.cloud import LocalCloud
from tests.cloud.helpers import refused

Client = Callable[..., Any]


def ids(workspaces: Any, **query: Any) -> list[str]:
    return [image["ImageId"] for image in workspaces.describe_workspace_images(**query)["Images"]]


def test_the_owner_sees_its_image(cloud: LocalCloud, client: Client) -> None:
    """It has the fields that AWS returns, and none of the empty fields that moto adds."""
    image = cloud.create_image(name="golden")
    [shown] = client().describe_workspace_images()["Images"]
    expected = {
        "ImageId": image,
        "Name": "golden",
        "State": "AVAILABLE",
        "RequiredTenancy": "DEFAULT",
        "OwnerAccountId": OWNER,
    }
    assert expected.items() <= shown.items()
    assert "ErrorCode" not in shown


def test_state_tenancy_and_owner_are_shown_as_set(cloud: LocalCloud, client: Client) -> None:
    image = cloud.create_image(state="PENDING", tenancy="DEDICATED")
    [shown] = client().describe_workspace_images(ImageIds=[image])["Images"]
    assert (shown["State"], shown["RequiredTenancy"]) == ("PENDING", "DEDICATED")
    cloud.set_image(image, owner=SALES)
    [shown] = client().describe_workspace_images(ImageIds=[image])["Images"]
    assert (shown["State"], shown["OwnerAccountId"]) == ("PENDING", SALES)


def test_the_owner_can_be_absent(cloud: LocalCloud, client: Client) -> None:
    """OwnerAccountId is optional. Without it the image still belongs to its account."""
    image = cloud.create_image(owner=None)
    [shown] = client().describe_workspace_images(ImageType="OWNED")["Images"]
    assert "OwnerAccountId" not in shown
    client().update_workspace_image_permission(ImageId=image, AllowCopyImage=True, SharedAccountId=SALES)


def test_a_recipient_sees_what_is_shared_with_it(cloud: LocalCloud, client: Client) -> None:
    """It sees the image and its owner in the image's Region, while the image is shared."""
    image = cloud.create_image()
    sales = client(account=SALES)
    assert ids(sales, ImageType="SHARED") == []
    cloud.share(image, SALES)
    [shown] = sales.describe_workspace_images(ImageType="SHARED")["Images"]
    assert (shown["ImageId"], shown["OwnerAccountId"]) == (image, OWNER)
    assert ids(client(account=LEGAL), ImageType="SHARED") == []
    assert ids(client(account=SALES, region="eu-west-1"), ImageType="SHARED") == []
    cloud.unshare(image, SALES)
    assert ids(sales, ImageType="SHARED") == []


def test_owned_shared_and_both(cloud: LocalCloud, client: Client) -> None:
    """OWNED and SHARED split what a listing without ImageType shows."""
    own = cloud.create_image(SALES, image_id="wsi-aaaaaaaaa")
    received = cloud.create_image(image_id="wsi-bbbbbbbbb")
    cloud.share(received, SALES)
    sales = client(account=SALES)
    assert ids(sales, ImageType="OWNED") == [own]
    assert ids(sales, ImageType="SHARED") == [received]
    assert ids(sales) == [own, received]
    assert ids(client(), ImageType="SHARED") == []


def test_more_than_25_image_ids_are_refused(cloud: LocalCloud, client: Client) -> None:
    with refused("ValidationException", "imageIds"):
        ids(client(), ImageIds=["wsi-000000000"] * 26)


def test_images_come_in_pages_too(cloud: LocalCloud, client: Client) -> None:
    """The paginator of botocore finds all of them."""
    made = sorted(cloud.create_image() for _ in range(30))
    assert len(ids(client())) == 25
    pages = client().get_paginator("describe_workspace_images").paginate()
    assert [image["ImageId"] for page in pages for image in page["Images"]] == made


def test_regions_are_isolated(cloud: LocalCloud, client: Client) -> None:
    """Two Regions may have images of one id. Then a test must name the Region."""
    image = "wsi-aaaaaaaaa"
    for region in ("us-east-1", "eu-west-1"):
        cloud.create_image(region=region, image_id=image)
    with pytest.raises(LookupError, match="2 images"):
        cloud.share(image, SALES)
    cloud.share(image, SALES, region="eu-west-1")
    assert cloud.shared_with(image, region="us-east-1") == set()
    assert ids(client(account=SALES, region="eu-west-1")) == [image]


def test_an_image_can_be_removed_while_it_is_shared(cloud: LocalCloud, client: Client) -> None:
    image = cloud.create_image()
    cloud.share(image, SALES)
    cloud.remove_image(image)
    assert ids(client()) == []
    with pytest.raises(LookupError, match="0 images"):
        cloud.shared_with(image)


def test_a_recipient_can_copy_an_image(cloud: LocalCloud, client: Client) -> None:
    """It can copy to another Region. It owns the copy, which stays after the share is revoked."""
    image = cloud.create_image()
    sales = client(account=SALES, region="eu-west-1")
    source = {"SourceImageId": image, "SourceRegion": "us-east-1"}
    with refused("ResourceNotFoundException"):
        sales.copy_workspace_image(Name="copy", **source)
    cloud.share(image, SALES)
    copy = sales.copy_workspace_image(Name="copy", **source)["ImageId"]
    cloud.unshare(image, SALES)
    assert ids(sales, ImageType="OWNED") == [copy]


def test_a_region_without_workspaces_is_refused(cloud: LocalCloud, client: Client) -> None:
    """It must not look like a Region without images."""
    with refused("InvalidSignatureException"):
        ids(client(region="moon-north-1"))


def test_reset_forgets_everything(cloud: LocalCloud, client: Client) -> None:
    """Images, faults and logged calls are gone."""
    cloud.create_image()
    cloud.deny("*:*")
    with refused("AccessDeniedException"):
        ids(client())
    cloud.reset()
    assert cloud.calls == []
    assert ids(client()) == []
