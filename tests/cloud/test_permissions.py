"""Permissions on an image: which grants are refused, and how the listing is split into pages."""

from collections.abc import Callable
from typing import Any

from local.accounts import OWNER, REGION, SALES
from local.cloud import LocalCloud
from local.cloud.assumptions import ASSUMPTIONS
from tests.cloud.helpers import accounts, refused

Client = Callable[..., Any]


def update(workspaces: Any, image: str, allow: bool, account: str) -> None:
    workspaces.update_workspace_image_permission(ImageId=image, AllowCopyImage=allow, SharedAccountId=account)


def listed(workspaces: Any, image: str, **page: Any) -> list[str]:
    answer = workspaces.describe_workspace_image_permissions(ImageId=image, **page)
    return [permission["SharedAccountId"] for permission in answer["ImagePermissions"]]


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


def test_changes_between_pages_hide_nothing(cloud: LocalCloud, client: Client) -> None:
    """If a permission of the first page is revoked, the second page still shows all others."""
    image, workspaces = cloud.create_image(), client()
    for account in accounts(4):
        cloud.share(image, account)
    first = workspaces.describe_workspace_image_permissions(ImageId=image, MaxResults=2)
    cloud.unshare(image, accounts(1)[0])
    assert listed(workspaces, image, NextToken=first["NextToken"]) == accounts(4)[2:]


def test_a_token_of_another_image_is_refused(cloud: LocalCloud, client: Client) -> None:
    image, other = cloud.create_image(), cloud.create_image()
    for account in accounts(2):
        cloud.share(image, account)
        cloud.share(other, account)
    token = client().describe_workspace_image_permissions(ImageId=image, MaxResults=1)["NextToken"]
    with refused("InvalidParameterValuesException"):
        listed(client(), other, NextToken=token)


def test_questions_that_are_not_asked_of_aws_have_the_assumed_answers(cloud: LocalCloud, client: Client) -> None:
    """`make acceptance` asks the others. A BYOL image can be shared in a commercial Region, and others in GovCloud."""
    image, gov = cloud.create_image(), "us-gov-west-1"
    grants = {
        "malformed_image": (REGION, "wsi-1234567", SALES),
        "malformed_account": (REGION, image, "1234"),
        "grant_to_owner": (REGION, image, OWNER),
        "pending_image": (REGION, cloud.create_image(state="PENDING"), SALES),
        "failed_image": (REGION, cloud.create_image(state="ERROR"), SALES),
        "byol_in_govcloud": (gov, cloud.create_image(region=gov, tenancy="DEDICATED"), SALES),
    }
    assert {*grants, "delete_unknown_image"} == {name for name, assumed in ASSUMPTIONS.items() if not assumed.asked}
    for name, (region, refusing, account) in grants.items():
        cloud.answers[name] = f"{name}_answered"  # so that only this rule can have refused it
        with refused(f"{name}_answered"):
            update(client(region=region), refusing, True, account)
    with refused("ResourceNotFoundException"):
        client().delete_workspace_image(ImageId="wsi-000000000")
    update(client(), cloud.create_image(tenancy="DEDICATED"), True, SALES)
    update(client(region=gov), cloud.create_image(region=gov), True, SALES)


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
