"""The faults that a test can turn on."""

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError

from local.accounts import SALES
from local.cloud import LocalCloud
from local.cloud.faults import FAULTS
from tests.cloud.helpers import accounts, refused

Client = Callable[..., Any]


def share(workspaces: Any, image: str) -> None:
    workspaces.update_workspace_image_permission(ImageId=image, AllowCopyImage=True, SharedAccountId=SALES)


def test_throttled_beyond_a_rate(cloud: LocalCloud, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The calls of one second are served at once, and later calls at the given rate, as with a token bucket."""
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


def test_sts_has_its_own_code_for_throttling(cloud: LocalCloud, client: Client) -> None:
    cloud.throttle("GetCallerIdentity")
    with refused("Throttling", "Rate exceeded"):
        client("sts").get_caller_identity()


@pytest.mark.parametrize(("fault", "effect"), [("reset_connection", set()), ("lose_response", {SALES})])
def test_a_connection_that_is_reset(cloud: LocalCloud, client: Client, fault: str, effect: set[str]) -> None:
    """The call has no answer, with or without its effect, and the next call works."""
    image, workspaces = cloud.create_image(), client()
    FAULTS[fault](cloud, "UpdateWorkspaceImagePermission")
    with pytest.raises(ConnectionClosedError):
        share(workspaces, image)
    assert cloud.shared_with(image) == effect
    [write] = cloud.writes()
    assert (write.status, write.error) == (0, None)
    share(workspaces, image)


def test_a_page_token_that_expires(cloud: LocalCloud, client: Client) -> None:
    """The second page is refused once, and is served at the next attempt."""
    image, workspaces = cloud.create_image(), client()
    for account in accounts(30):
        cloud.share(image, account)
    cloud.expire_page_token()
    token = workspaces.describe_workspace_image_permissions(ImageId=image)["NextToken"]
    with refused("InvalidParameterValuesException", "NextToken"):
        workspaces.describe_workspace_image_permissions(ImageId=image, NextToken=token)
    assert len(workspaces.describe_workspace_image_permissions(ImageId=image, NextToken=token)["ImagePermissions"]) == 5


def test_faults_are_turned_off_by_name(cloud: LocalCloud) -> None:
    """Other faults and a test's own interceptors stay."""
    cloud.throttle("*")
    cloud.deny("*")
    cloud.interceptors.append(lambda call, proceed: proceed())
    cloud.clear_faults("throttle")
    assert [fault["fault"] for fault in cloud.faults()] == ["deny"]
    cloud.clear_faults()
    assert (cloud.faults(), len(cloud.interceptors)) == ([], 1)


def test_a_bug_in_the_cloud_is_a_500(cloud: LocalCloud, client: Client, caplog: pytest.LogCaptureFixture) -> None:
    """An operation that moto does not know fails at once, with a message that names the operation."""
    with refused("InternalFailure", "NotImplementedError", status=500):
        client().describe_account()
    assert "DescribeAccount" in caplog.text


def test_a_time_out(cloud: LocalCloud, client: Client) -> None:
    """A call that is too slow times out. When the faults are turned off, waiting callers get their answers."""
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
