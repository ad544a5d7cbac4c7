"""What a test can make go wrong, and the log of calls."""

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError
from botocore.parsers import ResponseParserError

from local.accounts import LEGAL, OWNER, SALES
from local.cloud import AwsError, Call, LocalCloud, Response
from tests.cloud.helpers import accounts, refused

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


def test_throttled_beyond_a_rate(cloud: LocalCloud, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token bucket: a second's worth at once, then so many a second, whoever asks how often."""
    now = 0.0
    monkeypatch.setattr("local.cloud.faults.time", SimpleNamespace(monotonic=lambda: now))
    workspaces = client()
    cloud.throttle("DescribeWorkspaceImages", rate=20)
    for later, asked, served in ((0.0, 25, 20), (0.5, 15, 10), (0.0, 1, 0), (100.0, 25, 20)):
        now += later
        cloud.forget_calls()
        for _ in range(asked):
            with contextlib.suppress(workspaces.exceptions.ClientError):
                workspaces.describe_workspace_images()
        assert Counter(call.error for call in cloud.calls) == Counter(
            {None: served, "ThrottlingException": asked - served}
        )
    (fault,) = cloud.faults()
    assert fault["struck"] == 5 + 5 + 1 + 5


def test_a_burst_of_its_own(cloud: LocalCloud, client: Client) -> None:
    """What the bucket holds; other operations, accounts and Regions have other buckets."""
    cloud.throttle("DescribeWorkspaceImages", rate=0.01, burst=2)
    client().describe_workspaces()
    for caller in (client(), client(account=SALES), client(region="eu-west-1")):
        caller.describe_workspace_images()
        caller.describe_workspace_images()
        with refused("ThrottlingException", "Rate exceeded"):
            caller.describe_workspace_images()


def test_throttled_as_the_query_protocol_says_it(cloud: LocalCloud, client: Client) -> None:
    """STS spells the code in its own way."""
    cloud.throttle("GetCallerIdentity")
    with refused("Throttling", "Rate exceeded"):
        client("sts").get_caller_identity()


@pytest.mark.parametrize(
    ("code", "status"),
    [("InternalServerException", 500), ("ServiceUnavailableException", 503), ("OperationNotSupportedException", 400)],
)
def test_failing_with_any_code(cloud: LocalCloud, client: Client, code: str, status: int) -> None:
    """So many times, with this status and message, and without an effect."""
    image = cloud.create_image()
    cloud.fail("UpdateWorkspaceImagePermission", code, status, times=2, message="Oops")
    for _ in range(2):
        with refused(code, "Oops", status=status):
            share(client(), image)
    assert cloud.shared_with(image) == set()
    share(client(), image)


def test_a_connection_reset(cloud: LocalCloud, client: Client) -> None:
    """Nothing took effect, the caller is told nothing, and the next call works."""
    image, workspaces = cloud.create_image(), client()
    cloud.reset_connection("UpdateWorkspaceImagePermission")
    with pytest.raises(ConnectionClosedError):
        share(workspaces, image)
    assert cloud.shared_with(image) == set()
    [write] = cloud.writes()
    assert (write.status, write.error) == (0, None)
    share(workspaces, image)


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


@pytest.mark.parametrize("late", [False, True])
def test_a_slow_answer(cloud: LocalCloud, client: Client, late: bool) -> None:
    """It comes in the end; the effect is there before or after the wait."""
    image, workspaces = cloud.create_image(), client()
    cloud.slow("UpdateWorkspaceImagePermission", 0.5, late=late)
    start = time.monotonic()
    worker = threading.Thread(target=share, args=(workspaces, image))
    worker.start()
    time.sleep(0.25)
    assert cloud.shared_with(image) == (set() if late else {SALES})
    worker.join()
    assert time.monotonic() - start >= 0.5
    assert cloud.shared_with(image) == {SALES}


def test_a_time_out(cloud: LocalCloud, client: Client) -> None:
    """Slower than the caller is patient; who is kept waiting is answered when the faults are cleared."""
    impatient = client(timeout=0.2)
    cloud.slow("DescribeWorkspaceImages", 3600)
    with pytest.raises(ReadTimeoutError):
        impatient.describe_workspace_images()
    worker = threading.Thread(target=client().describe_workspace_images)
    worker.start()
    while cloud.faults()[0]["struck"] < 2:
        time.sleep(0.01)
    cloud.clear_faults()
    worker.join(timeout=2)
    assert not worker.is_alive()


def test_listings_that_lag(cloud: LocalCloud, client: Client) -> None:
    """They show what was written, by whomever, so many seconds later; the writes themselves know better."""
    image, workspaces = cloud.create_image(), client()

    def listed() -> set[str]:
        answer = workspaces.describe_workspace_image_permissions(ImageId=image)
        return {permission["SharedAccountId"] for permission in answer["ImagePermissions"]}

    cloud.share(image, LEGAL)
    cloud.lag(0.5)
    time.sleep(0.6)
    share(workspaces, image)
    cloud.unshare(image, LEGAL)
    assert listed() == {LEGAL}
    assert cloud.shared_with(image) == {SALES}
    with refused("OperationNotSupportedException"):
        workspaces.update_workspace_image_permission(ImageId=image, AllowCopyImage=False, SharedAccountId=LEGAL)
    time.sleep(0.6)
    assert listed() == {SALES}
    cloud.unshare(image, SALES)
    assert listed() == {SALES}
    cloud.clear_faults("lag")
    assert listed() == set()


def test_credentials_that_expire_on_the_way(cloud: LocalCloud, client: Client) -> None:
    """After so many calls of theirs, in the middle of whatever the caller does; others go on."""
    cloud.expire(cloud.credentials(OWNER)["AWS_ACCESS_KEY_ID"], after=2)
    client(account=SALES).describe_workspace_images()
    client().describe_workspace_images()
    client("sts").get_caller_identity()
    for _ in range(2):
        with refused("ExpiredTokenException", "security token included in the request is expired"):
            client().describe_workspace_images()
    with refused("ExpiredToken", "security token included in the request is expired", status=403):
        client("sts").get_caller_identity()
    client(account=SALES).describe_workspace_images()


def test_access_denied_for_one_operation_only(cloud: LocalCloud, client: Client) -> None:
    """As IAM says it; the rest of the service goes on."""
    image = cloud.create_image()
    cloud.deny("workspaces:UpdateWorkspaceImagePermission", OWNER)
    with refused("AccessDeniedException", "not authorized to perform: workspaces:UpdateWorkspaceImagePermission"):
        share(client(), image)
    assert client().describe_workspace_image_permissions(ImageId=image)["ImagePermissions"] == []


def test_malformed_bodies(cloud: LocalCloud, client: Client) -> None:
    """A JSON body that is none is an empty result to botocore, and an XML body that is none is an error."""
    image = cloud.create_image()
    cloud.share(image, SALES)
    cloud.garble("DescribeWorkspaceImagePermissions")
    answer = client().describe_workspace_image_permissions(ImageId=image)
    assert set(answer) == {"ResponseMetadata"}
    cloud.garble("UpdateWorkspaceImagePermission", body="<html>proxy</html>")
    client().update_workspace_image_permission(ImageId=image, AllowCopyImage=False, SharedAccountId=SALES)
    assert cloud.shared_with(image) == set()
    cloud.garble("GetCallerIdentity")
    with pytest.raises(ResponseParserError):
        client("sts").get_caller_identity()
    client("sts").get_caller_identity()


def test_a_page_token_that_expires(cloud: LocalCloud, client: Client) -> None:
    """The first page comes, the next does not; from the start again it goes through."""
    image, workspaces = cloud.create_image(), client()
    for account in accounts(30):
        cloud.share(image, account)
    cloud.expire_page_token()
    token = workspaces.describe_workspace_image_permissions(ImageId=image)["NextToken"]
    with refused("InvalidParameterValuesException", "NextToken"):
        workspaces.describe_workspace_image_permissions(ImageId=image, NextToken=token)
    assert len(workspaces.describe_workspace_image_permissions(ImageId=image, NextToken=token)["ImagePermissions"]) == 5


def test_clearing_some_faults(cloud: LocalCloud, client: Client) -> None:
    """By name; nothing else is touched, a test's own interceptors least of all."""
    cloud.throttle("DescribeWorkspaceImages")
    cloud.fail("DescribeTags", "ServiceUnavailableException", 503, times=None)
    cloud.interceptors.append(lambda call, proceed: proceed())
    cloud.clear_faults("throttle")
    client().describe_workspace_images()
    assert [fault["fault"] for fault in cloud.faults()] == ["fail"]
    cloud.clear_faults()
    assert (cloud.faults(), len(cloud.interceptors)) == ([], 1)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "missing a required argument: 'operation'"),
        ({"operation": "*", "pace": 3}, "unexpected keyword argument 'pace'"),
        ({"operation": "*", "rate": "3"}, 'rate cannot be "3"'),
        ({"operation": "*", "times": True}, "times cannot be true"),
        ({"operation": "*", "rate": -1}, "rate cannot be negative"),
        ({"operation": None}, "operation cannot be null"),
    ],
)
def test_bad_arguments(cloud: LocalCloud, arguments: dict[str, Any], said: str) -> None:
    """Nothing is let loose; the message says what it takes."""
    with pytest.raises(ValueError, match="throttle: ") as caught:
        cloud.throttle(**arguments)
    assert said in str(caught.value)
    assert cloud.faults() == []


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
