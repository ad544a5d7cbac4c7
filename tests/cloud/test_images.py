"""Which calls the local cloud refuses, and what the others return, where moto has no rule."""

from collections.abc import Callable
from typing import Any

import pytest

from local.accounts import OWNER, REGION, SALES
from local.cloud import LocalCloud
from local.cloud.assumptions import ASSUMPTIONS
from tests.cloud.helpers import refused

Client = Callable[..., Any]


def share(workspaces: Any, image: str, account: str = SALES) -> None:
    workspaces.update_workspace_image_permission(ImageId=image, AllowCopyImage=True, SharedAccountId=account)


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
            share(client(region=region), refusing, account)
    with refused("ResourceNotFoundException"):
        client().delete_workspace_image(ImageId="wsi-000000000")
    share(client(), cloud.create_image(tenancy="DEDICATED"))
    share(client(region=gov), cloud.create_image(region=gov))


def test_the_page_size_can_be_set(cloud: LocalCloud, client: Client) -> None:
    """Pages can be larger or smaller than requested, and a full last page can have a token."""

    def page(**request: Any) -> tuple[list[str], dict[str, str]]:
        answer = client().describe_workspace_image_permissions(ImageId=image, **request)
        token = {name: value for name, value in answer.items() if name == "NextToken"}
        return [permission["SharedAccountId"] for permission in answer["ImagePermissions"]], token

    image, accounts = cloud.create_image(), [f"{700000000000 + number}" for number in range(4)]
    for account in accounts:
        cloud.share(image, account)
    cloud.answers |= {"page_size": 4, "smallest_page": 2, "token_after_full_page": "yes"}
    assert page(MaxResults=1)[0] == accounts[:2]
    full, token = page(MaxResults=25)
    assert full == accounts
    assert page(**token) == ([], {})


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
    assert [each["ImageId"] for each in sales.describe_workspace_images(ImageType="OWNED")["Images"]] == [copy]


def test_a_region_without_workspaces_is_refused(client: Client) -> None:
    """It must not look like a Region without images."""
    with refused("InvalidSignatureException"):
        client(region="moon-north-1").describe_workspace_images()


@pytest.mark.parametrize(("region", "partition"), [("cn-northwest-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")])
def test_arns_and_roles_are_in_the_partition_of_the_region(
    cloud: LocalCloud, client: Client, region: str, partition: str
) -> None:
    sts = client("sts", OWNER, region)
    assert sts.get_caller_identity()["Arn"] == f"arn:{partition}:iam::{OWNER}:user/TEST"
    role = f"arn:{partition}:iam::{SALES}:role/sharer"
    assumed = sts.assume_role(RoleArn=role, RoleSessionName="pulumi")["Credentials"]
    keys = {
        "aws_access_key_id": assumed["AccessKeyId"],
        "aws_secret_access_key": assumed["SecretAccessKey"],
        "aws_session_token": assumed["SessionToken"],
    }
    identity = client("sts", region=region, **keys).get_caller_identity()
    assert identity["Arn"] == f"arn:{partition}:sts::{SALES}:assumed-role/sharer/pulumi"
    cloud.create_image(SALES, region)
    assert len(client(region=region, **keys).describe_workspace_images()["Images"]) == 1


def test_a_policy_allows_what_it_lists_and_nothing_else(cloud: LocalCloud, client: Client) -> None:
    """GetCallerIdentity needs no permission, as in AWS."""
    image = cloud.create_image()
    cloud.allow_only(["workspaces:Describe*"])
    client().describe_workspace_images()
    client("sts").get_caller_identity()
    with refused("AccessDeniedException", "no identity-based policy allows"):
        share(client(), image)
    assert cloud.shared_with(image) == set()
    cloud.allow_everything()
    share(client(), image)
