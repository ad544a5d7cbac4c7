"""The address that turns faults on and off while the cloud runs."""

import json
import socket
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest

from local.cloud import LocalCloud
from local.cloud.faults import CONTROL, FAULTS
from tests.cloud.helpers import refused

Client = Callable[..., Any]

# Each fault, with arguments that all of them take one way or another.
EXAMPLES: dict[str, dict[str, Any]] = {
    "throttle": {"operation": "*", "rate": 5},
    "fail": {"operation": "*", "code": "ServiceUnavailableException", "status": 503},
    "deny": {"action": "workspaces:UpdateWorkspaceImagePermission"},
    "expire": {"access_key_id": "AKIA111111111111TEST", "after": 3},
    "reset_connection": {"operation": "Update*"},
    "lose_response": {"operation": "Update*"},
    "slow": {"operation": "Update*", "seconds": 0.5, "late": True},
    "lag": {"seconds": 2},
    "garble": {"operation": "*", "body": "<html>"},
    "expire_page_token": {},
}


def ask(cloud: LocalCloud, method: str, body: Any = None) -> tuple[int, str]:
    data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(cloud.url + CONTROL, data, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_a_fault_is_let_loose_listed_and_cleared(cloud: LocalCloud, client: Client) -> None:
    """Over the address, as by a test; asking for it is no call to AWS."""
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
        "burst": None,
        "struck": 1,
    }
    assert json.loads(body) == {"faults": [{**fault, "struck": 0}]}
    assert ask(cloud, "DELETE") == (200, '{"faults": []}\n')
    client().describe_workspace_images()
    assert cloud.count("*") == 2


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_has_the_same_name_and_arguments(cloud: LocalCloud, name: str) -> None:
    """What a test calls is what the address takes."""
    getattr(cloud, name)(**EXAMPLES[name])
    by_test = cloud.faults()
    cloud.clear_faults()
    status, body = ask(cloud, "POST", {"fault": name, **EXAMPLES[name]})
    assert (status, json.loads(body)["faults"]) == (200, by_test)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"fault=throttle", 'a fault is a JSON object, such as {"fault": "throttle"'),
        (b"\xff", "a fault is a JSON object"),
        (["throttle"], "a fault is a JSON object"),
        ({"operation": "*"}, '"fault" must be one of throttle, fail, deny,'),
        ({"fault": "explode"}, '"fault" must be one of'),
        ({"fault": ["throttle"]}, '"fault" must be one of'),
        ({"fault": "slow", "operation": "*"}, "slow: missing a required argument: 'seconds'; it takes operation: str"),
        ({"fault": "throttle", "operation": "*", "self": 1}, "throttle: multiple values for argument 'self'"),
        ({"fault": "lag", "seconds": None}, "lag: seconds cannot be null"),
    ],
)
def test_bad_input_is_one_line(cloud: LocalCloud, body: Any, said: str) -> None:
    """HTTP 400, what is wrong, and nothing is let loose."""
    status, answer = ask(cloud, "POST", body)
    assert (status, answer.count("\n")) == (400, 1)
    assert said in answer
    assert cloud.faults() == []


def test_other_methods_are_refused(cloud: LocalCloud) -> None:
    """Also in one line."""
    assert ask(cloud, "PUT", {}) == (400, "PUT is none of GET, POST, DELETE\n")


def test_the_address_is_on_the_loopback_interface_only(cloud: LocalCloud) -> None:
    """No other address of this machine answers, and no other socket of the cloud listens."""
    port = urlsplit(cloud.url).port or 0
    listening = [
        c.laddr.ip
        for c in psutil.Process().net_connections("inet")
        if c.status == psutil.CONN_LISTEN and c.laddr.port == port
    ]
    assert listening == ["127.0.0.1"]
    others = {
        address.address
        for addresses in psutil.net_if_addrs().values()
        for address in addresses
        if address.family == socket.AF_INET and not address.address.startswith("127.")
    }
    for address in others:
        with pytest.raises(OSError, match=r"refused|unreachable|timed out"):
            socket.create_connection((address, port), timeout=1).close()
