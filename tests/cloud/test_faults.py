"""What a test can make go wrong, and the log of calls."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError

from local.cloud import AwsError, Call, LocalCloud, Response
from tests.cloud.helpers import OWNER, SALES, refused

Client = Callable[..., Any]


def share(workspaces: Any, image: str) -> None:
    workspaces.update_workspace_image_permission(ImageId=image, AllowCopyImage=True, SharedAccountId=SALES)


def test_every_call_is_logged(cloud: LocalCloud, client: Client) -> None:
    """Who asked for what, where, with which result."""
    image = cloud.create_image(region="eu-west-1")
    share(client(region="eu-west-1"), image)
    with refused("ResourceNotFoundException"):
        share(client(account=SALES), image)
    client("sts").get_caller_identity()
    good, bad, identity = cloud.calls
    assert (good.action, good.account, good.region) == (
        "workspaces:UpdateWorkspaceImagePermission",
        OWNER,
        "eu-west-1",
    )
    assert good.parameters == {"ImageId": image, "AllowCopyImage": True, "SharedAccountId": SALES}
    assert (good.status, good.error) == (200, None)
    assert (bad.account, bad.status, bad.error) == (SALES, 400, "ResourceNotFoundException")
    assert (identity.action, identity.status) == ("sts:GetCallerIdentity", 200)


def test_counting_calls(cloud: LocalCloud, client: Client) -> None:
    """By operation, by action, by pattern; writes apart; controls are not calls."""
    image = cloud.create_image()
    share(client(), image)
    client().describe_workspace_images()
    cloud.unshare(image, SALES)
    assert cloud.count("DescribeWorkspaceImages") == cloud.count("workspaces:DescribeWorkspaceImages") == 1
    assert cloud.count("workspaces:*") == 2
    assert [write.parameters["SharedAccountId"] for write in cloud.writes()] == [SALES]
    cloud.forget_calls()
    assert cloud.count("*") == 0
    assert cloud.writes() == []


def test_throttled_until_unthrottled(cloud: LocalCloud, client: Client) -> None:
    """As AWS says it, with no effect; other operations go on."""
    image = cloud.create_image()
    cloud.throttle("UpdateWorkspaceImagePermission")
    for _ in range(3):
        with refused("ThrottlingException", "Rate exceeded"):
            share(client(), image)
    assert client().describe_workspace_image_permissions(ImageId=image)["ImagePermissions"] == []
    cloud.unthrottle()
    share(client(), image)


def test_throttled_a_number_of_times(cloud: LocalCloud, client: Client) -> None:
    """boto3's own retries get through, and each try is in the log."""
    cloud.throttle("DescribeWorkspaceImages", times=1)
    client(attempts=2).describe_workspace_images()
    assert [call.error for call in cloud.calls] == ["ThrottlingException", None]


def test_failing_with_any_code(cloud: LocalCloud, client: Client) -> None:
    """So many times, with this status and message."""
    image = cloud.create_image()
    cloud.fail("UpdateWorkspaceImagePermission", "InternalServerException", 500, times=2, message="Oops")
    for _ in range(2):
        with refused("InternalServerException", "Oops", status=500):
            share(client(), image)
    share(client(), image)


def test_a_lost_response(cloud: LocalCloud, client: Client) -> None:
    """The effect took place, the caller is told nothing, and the next call works."""
    image, workspaces = cloud.create_image(), client()
    cloud.lose_response("UpdateWorkspaceImagePermission")
    with pytest.raises(ConnectionClosedError):
        share(workspaces, image)
    assert cloud.shared_with(image) == {SALES}
    [write] = cloud.writes()
    assert (write.status, write.error) == (0, None)
    share(workspaces, image)


def test_latency(cloud: LocalCloud, client: Client) -> None:
    """Every call takes at least as long."""
    workspaces = client()
    cloud.latency = 0.2
    start = time.monotonic()
    workspaces.describe_workspace_images()
    assert time.monotonic() - start >= 0.2


def test_interceptors(cloud: LocalCloud, client: Client) -> None:
    """A test's own fault sees the call, and acts before or after it."""
    image = cloud.create_image()
    seen: list[tuple[Call, int]] = []

    def after(call: Call, proceed: Callable[[], Response]) -> Response:
        seen.append((call, proceed().status))
        raise AwsError("InternalServerException", "after the effect", 500)

    cloud.interceptors.append(after)
    with refused("InternalServerException", status=500):
        share(client(), image)
    assert cloud.shared_with(image) == {SALES}
    assert [(call.operation, status) for call, status in seen] == [("UpdateWorkspaceImagePermission", 200)]


def test_a_bug_in_the_cloud_is_a_500(cloud: LocalCloud, client: Client, caplog: pytest.LogCaptureFixture) -> None:
    """An operation that moto does not know fails at once and says so; it does not hang."""
    with refused("InternalFailure", "NotImplementedError", status=500):
        client().describe_account()
    assert "DescribeAccount" in caplog.text
