"""The faults that a test can turn on, by a method or while the cloud runs."""

import contextlib
import json
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError

from local.accounts import SALES
from local.cloud import LocalCloud
from local.cloud.faults import CONTROL, FAULTS
from tests.cloud.helpers import refused

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


# The address that turns faults on and off while the cloud runs.


def ask(cloud: LocalCloud, method: str, body: Any = None) -> tuple[int, str]:
    data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(cloud.url + CONTROL, data, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_a_fault_is_turned_on_listed_and_turned_off(cloud: LocalCloud, client: Client) -> None:
    """The call log does not contain these requests."""
    status, body = ask(cloud, "POST", {"fault": "throttle", "operation": "DescribeWorkspaceImages"})
    assert status == 200
    with refused("ThrottlingException", "Rate exceeded"):
        client().describe_workspace_images()
    [fault] = json.loads(ask(cloud, "GET")[1])["faults"]
    assert fault == {
        "fault": "throttle",
        "operation": "DescribeWorkspaceImages",
        "times": None,
        "rate": None,
        "struck": 1,
    }
    assert json.loads(body) == {"faults": [{**fault, "struck": 0}]}
    assert ask(cloud, "DELETE") == (200, '{"faults": []}\n')
    client().describe_workspace_images()
    assert cloud.count("*") == 2


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"fault=throttle", 'a fault is a JSON object, such as {"fault": "throttle"'),
        ({"fault": "explode"}, '"fault" must be one of'),
        ({"fault": "slow", "operation": "*"}, "slow: missing a required argument: 'seconds'; it takes operation: str"),
        ({"fault": "throttle", "operation": "*", "self": 1}, "throttle: multiple values for argument 'self'"),
        ({"fault": "throttle", "operation": "*", "pace": 3}, "throttle: got an unexpected keyword argument 'pace'"),
        ({"fault": "throttle", "operation": "*", "rate": "3"}, 'throttle: rate cannot be "3"'),
        ({"fault": "throttle", "operation": "*", "times": True}, "throttle: times cannot be true"),
        ({"fault": "throttle", "operation": "*", "rate": -1}, "throttle: rate cannot be negative"),
        ({"fault": "lag", "seconds": None}, "lag: seconds cannot be null"),
    ],
)
def test_bad_input_is_one_line(cloud: LocalCloud, body: Any, said: str) -> None:
    """The answer is HTTP 400 and names the mistake, and no fault is turned on."""
    status, answer = ask(cloud, "POST", body)
    assert (status, answer.count("\n")) == (400, 1)
    assert said in answer
    assert cloud.faults() == []


def test_the_address_is_on_the_loopback_interface_only(cloud: LocalCloud) -> None:
    port = urlsplit(cloud.url).port or 0
    listening = [
        c.laddr.ip
        for c in psutil.Process().net_connections("inet")
        if c.status == psutil.CONN_LISTEN and c.laddr.port == port
    ]
    assert listening == ["127.0.0.1"]
