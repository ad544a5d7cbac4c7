"""Images: their pages, their Regions, and how they are copied."""

from collections.abc import Callable
from typing import Any

import pytest

from local.accounts import SALES
from local.cloud import LocalCloud
from tests.cloud.helpers import refused

Client = Callable[..., Any]


def ids(workspaces: Any, **query: Any) -> list[str]:
    return [image["ImageId"] for image in workspaces.describe_workspace_images(**query)["Images"]]


def test_an_image_has_no_empty_fields(cloud: LocalCloud, client: Client) -> None:
    """AWS leaves out what moto sends as empty strings and lists, and may leave out the owner of an image."""
    cloud.create_image(owner=None)
    [shown] = client().describe_workspace_images(ImageType="OWNED")["Images"]
    assert not {"OwnerAccountId", "ErrorCode"} & shown.keys()


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
