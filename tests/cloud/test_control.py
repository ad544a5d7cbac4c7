"""The address that turns faults on and off while the cloud runs."""

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest

from local.cloud import LocalCloud
from local.cloud.faults import CONTROL
from tests.cloud.helpers import refused

Client = Callable[..., Any]


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
