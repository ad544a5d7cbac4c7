"""Callers: which account a request acts for, and which callers are refused."""

from collections.abc import Callable
from typing import Any

import pytest

from local.accounts import OWNER, SALES
from local.cloud import LocalCloud
from tests.cloud.helpers import refused, session

Client = Callable[..., Any]


def role(account: str, partition: str = "aws") -> dict[str, str]:
    return {"RoleArn": f"arn:{partition}:iam::{account}:role/sharer", "RoleSessionName": "pulumi"}


@pytest.mark.parametrize(("region", "partition"), [("cn-northwest-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")])
def test_arns_and_roles_are_in_the_partition_of_the_region(
    cloud: LocalCloud, client: Client, region: str, partition: str
) -> None:
    sts = client("sts", OWNER, region)
    assert sts.get_caller_identity()["Arn"] == f"arn:{partition}:iam::{OWNER}:user/TEST"
    assumed = session(sts.assume_role(**role(SALES, partition))["Credentials"])
    identity = client("sts", region=region, **assumed).get_caller_identity()
    assert identity["Arn"] == f"arn:{partition}:sts::{SALES}:assumed-role/sharer/pulumi"
    cloud.create_image(SALES, region)
    assert len(client(region=region, **assumed).describe_workspace_images()["Images"]) == 1


def test_a_temporary_key_needs_its_session_token(cloud: LocalCloud, client: Client) -> None:
    assumed = session(client("sts").assume_role(**role(SALES))["Credentials"])
    del assumed["aws_session_token"]
    with refused("UnrecognizedClientException"):
        client(**assumed).describe_workspace_images()


def test_unknown_access_keys_are_refused(cloud: LocalCloud, client: Client) -> None:
    """Each protocol has its own error code for them."""
    unknown = {"aws_access_key_id": "AKIAIOSFODNN7EXAMPLE", "aws_secret_access_key": "x"}
    with refused("UnrecognizedClientException", "invalid"):
        client(**unknown).describe_workspace_images()
    with refused("InvalidClientTokenId", "invalid", status=403):
        client("sts", **unknown).get_caller_identity()


def test_a_denied_action_is_refused(cloud: LocalCloud, client: Client) -> None:
    """The message names the caller, the action and the resource, as AWS's does."""
    image = cloud.create_image()
    cloud.deny("workspaces:DescribeWorkspaceImagePermissions", OWNER)
    message = (
        f"User: arn:aws:iam::{OWNER}:user/TEST is not authorized to perform: "
        "workspaces:DescribeWorkspaceImagePermissions on resource: "
        f"arn:aws:workspaces:us-east-1:{OWNER}:workspaceimage/{image}"
    )
    with refused("AccessDeniedException", message):
        client().describe_workspace_image_permissions(ImageId=image)
    client().describe_workspace_images()
    with refused("ResourceNotFoundException"):
        client(account=SALES).describe_workspace_image_permissions(ImageId=image)


def test_a_policy_allows_what_it_lists_and_nothing_else(cloud: LocalCloud, client: Client) -> None:
    """GetCallerIdentity needs no permission, as in AWS."""
    image = cloud.create_image()
    cloud.allow_only(["workspaces:Describe*"])
    client().describe_workspace_images()
    client("sts").get_caller_identity()
    with refused("AccessDeniedException", "no identity-based policy allows"):
        client().update_workspace_image_permission(ImageId=image, AllowCopyImage=True, SharedAccountId=SALES)
    assert cloud.shared_with(image) == set()
    cloud.allow_everything()
    client().update_workspace_image_permission(ImageId=image, AllowCopyImage=True, SharedAccountId=SALES)
