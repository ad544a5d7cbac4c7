"""Permissions on an image: who may grant and revoke them, and how the listing is split into pages."""

from collections.abc import Callable
from typing import Any

import pytest

from local.accounts import LEGAL, OWNER, SALES
from local.cloud import LocalCloud
from local.cloud.assumptions import ASSUMPTIONS
from tests.cloud.helpers import accounts, refused

Client = Callable[..., Any]


def update(workspaces: Any, image: str, allow: bool, account: str) -> None:
    workspaces.update_workspace_image_permission(ImageId=image, AllowCopyImage=allow, SharedAccountId=account)


def listed(workspaces: Any, image: str, **page: Any) -> list[str]:
    answer = workspaces.describe_workspace_image_permissions(ImageId=image, **page)
    return [permission["SharedAccountId"] for permission in answer["ImagePermissions"]]


def test_granting_listing_and_revoking(cloud: LocalCloud, client: Client) -> None:
    """A permission is listed once after two grants, and no longer after a revoke."""
    image, workspaces = cloud.create_image(), client()
    update(workspaces, image, True, SALES)
    update(workspaces, image, True, SALES)
    update(workspaces, image, True, LEGAL)
    assert listed(workspaces, image) == [SALES, LEGAL]
    update(workspaces, image, False, SALES)
    assert listed(workspaces, image) == [LEGAL]
    assert cloud.shared_with(image) == {LEGAL}


def test_a_page_holds_25_permissions(cloud: LocalCloud, client: Client) -> None:
    """Each page has a token for the next one, and the last page has none."""
    image, workspaces = cloud.create_image(), client()
    for account in accounts(60):
        cloud.share(image, account)
    sizes: list[int] = []
    seen: list[str] = []
    token: dict[str, str] = {}
    while True:
        answer = workspaces.describe_workspace_image_permissions(ImageId=image, **token)
        seen += [permission["SharedAccountId"] for permission in answer["ImagePermissions"]]
        sizes.append(len(answer["ImagePermissions"]))
        if "NextToken" not in answer:
            break
        token = {"NextToken": answer["NextToken"]}
    assert sizes == [25, 25, 10]
    assert seen == accounts(60)


def test_a_full_last_page_has_no_token(cloud: LocalCloud, client: Client) -> None:
    """25 permissions make one page, without an empty second page."""
    image = cloud.create_image()
    for account in accounts(25):
        cloud.share(image, account)
    assert "NextToken" not in client().describe_workspace_image_permissions(ImageId=image)


def test_maxresults_over_25_is_refused(cloud: LocalCloud, client: Client) -> None:
    image = cloud.create_image()
    with refused("ValidationException", "maxResults"):
        listed(client(), image, MaxResults=26)


def test_changes_between_pages_hide_nothing(cloud: LocalCloud, client: Client) -> None:
    """If a permission of the first page is revoked, the second page still shows all others."""
    image, workspaces = cloud.create_image(), client()
    for account in accounts(4):
        cloud.share(image, account)
    first = workspaces.describe_workspace_image_permissions(ImageId=image, MaxResults=2)
    cloud.unshare(image, accounts(1)[0])
    assert listed(workspaces, image, NextToken=first["NextToken"]) == accounts(4)[2:]


@pytest.mark.parametrize("token", ["garbage", "Z2FyYmFnZQ==", "é"])
def test_a_bad_token_is_refused(cloud: LocalCloud, client: Client, token: str) -> None:
    """It is an error. The first page is not returned instead."""
    image = cloud.create_image()
    with refused("InvalidParameterValuesException", "NextToken"):
        listed(client(), image, NextToken=token)


def test_a_token_of_another_image_is_refused(cloud: LocalCloud, client: Client) -> None:
    image, other = cloud.create_image(), cloud.create_image()
    for account in accounts(2):
        cloud.share(image, account)
        cloud.share(other, account)
    token = client().describe_workspace_image_permissions(ImageId=image, MaxResults=1)["NextToken"]
    with refused("InvalidParameterValuesException"):
        listed(client(), other, NextToken=token)


@pytest.mark.parametrize("image", ["wsi-1234567", "wsi-ABCDEFGHI", "ami-123456789", "wsi-" + "0" * 64])
def test_a_malformed_image_id_is_refused(cloud: LocalCloud, client: Client, image: str) -> None:
    """Image ids are `wsi-` and 9 to 63 lowercase letters and digits."""
    with refused("InvalidParameterValuesException", image):
        listed(client(), image)
    with refused("InvalidParameterValuesException", image):
        update(client(), image, True, SALES)


def test_an_unknown_image_is_not_found(cloud: LocalCloud, client: Client) -> None:
    """The answer is neither an empty listing nor a server error."""
    with refused("ResourceNotFoundException", "wsi-000000000"):
        listed(client(), "wsi-000000000")
    with refused("ResourceNotFoundException", "wsi-000000000"):
        update(client(), "wsi-000000000", True, SALES)


def test_an_image_of_another_account_is_not_found(cloud: LocalCloud, client: Client) -> None:
    """Not even the recipient of a share may list or change permissions."""
    image = cloud.create_image()
    cloud.share(image, SALES)
    with refused("ResourceNotFoundException"):
        listed(client(account=SALES), image)
    with refused("ResourceNotFoundException"):
        update(client(account=SALES), image, True, LEGAL)
    assert cloud.shared_with(image) == {SALES}


def test_an_image_of_another_region_is_not_found(cloud: LocalCloud, client: Client) -> None:
    image = cloud.create_image(region="eu-west-1")
    with refused("ResourceNotFoundException"):
        listed(client(), image)
    assert listed(client(region="eu-west-1"), image) == []


@pytest.mark.parametrize("account", ["1234", "12345678901a", "1234-5678-9012", "1234567890123"])
def test_a_malformed_account_is_refused(cloud: LocalCloud, client: Client, account: str) -> None:
    """An account id has 12 digits."""
    image = cloud.create_image()
    with refused("InvalidParameterValuesException", account):
        update(client(), image, True, account)
    assert cloud.shared_with(image) == set()


def test_sharing_with_the_owner_is_refused(cloud: LocalCloud, client: Client) -> None:
    image = cloud.create_image()
    with refused("InvalidParameterValuesException", "owns"):
        update(client(), image, True, OWNER)


def test_revoking_what_was_never_granted_is_refused(cloud: LocalCloud, client: Client) -> None:
    """AWS documents that a permission can be revoked only after it was granted."""
    image = cloud.create_image()
    with refused("OperationNotSupportedException", SALES):
        update(client(), image, False, SALES)


def test_the_answer_to_revoking_what_was_never_granted_can_be_set(cloud: LocalCloud, client: Client) -> None:
    """AWS does not document the error code, so callers are tested with several codes, and with success."""
    image = cloud.create_image()
    cloud.answers["revoke_ungranted"] = "InvalidParameterValuesException"
    with refused("InvalidParameterValuesException"):
        update(client(), image, False, SALES)
    cloud.answers["revoke_ungranted"] = "success"
    update(client(), image, False, SALES)


@pytest.mark.parametrize(
    ("state", "code"),
    [("PENDING", "ResourceUnavailableException"), ("ERROR", "OperationNotSupportedException")],
)
def test_an_image_that_is_not_available_is_refused(cloud: LocalCloud, client: Client, state: str, code: str) -> None:
    """Only an AVAILABLE image can be shared; its permissions can still be listed."""
    image = cloud.create_image(state=state)
    with refused(code, image):
        update(client(), image, True, SALES)
    assert listed(client(), image) == []
    cloud.set_image(image, state="AVAILABLE")
    update(client(), image, True, SALES)


def test_byol_is_refused_in_govcloud_only(cloud: LocalCloud, client: Client) -> None:
    """A BYOL image can be shared in a commercial Region. In GovCloud only other images can."""
    update(client(), cloud.create_image(tenancy="DEDICATED"), True, SALES)
    govcloud = client(region="us-gov-west-1")
    update(govcloud, cloud.create_image(region="us-gov-west-1"), True, SALES)
    with refused("OperationNotSupportedException", "BYOL"):
        update(govcloud, cloud.create_image(region="us-gov-west-1", tenancy="DEDICATED"), True, SALES)


def test_the_answer_to_a_second_grant_can_be_set(cloud: LocalCloud, client: Client) -> None:
    """AWS does not document the answer."""
    image = cloud.create_image()
    cloud.share(image, SALES)
    cloud.answers["grant_granted"] = "OperationNotSupportedException"
    with refused("OperationNotSupportedException", SALES):
        update(client(), image, True, SALES)


def test_the_page_size_can_be_set(cloud: LocalCloud, client: Client) -> None:
    """Pages can be larger or smaller than requested, and a full last page can have a token."""
    image, workspaces = cloud.create_image(), client()
    for account in accounts(4):
        cloud.share(image, account)
    cloud.answers |= {"page_size": 4, "smallest_page": 2, "token_after_full_page": "yes"}
    assert listed(workspaces, image, MaxResults=1) == accounts(2)
    full = workspaces.describe_workspace_image_permissions(ImageId=image, MaxResults=25)
    assert len(full["ImagePermissions"]) == 4
    assert listed(workspaces, image, NextToken=full["NextToken"]) == []


def test_reset_restores_the_assumptions(cloud: LocalCloud) -> None:
    cloud.answers["page_size"] = 1
    cloud.reset()
    assert cloud.answers == {name: assumed.answer for name, assumed in ASSUMPTIONS.items()}
