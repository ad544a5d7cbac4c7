"""The faults of the local cloud while a command of a round runs. The next up can heal all of them."""

import random
from typing import Any

WRITE = "UpdateWorkspaceImagePermission"
LOOKS = ("DescribeWorkspaceImagePermissions", "DescribeWorkspaceImages", "GetCallerIdentity")


def some_faults(rng: random.Random, access_key_id: str) -> list[dict[str, Any]]:
    """Return up to two faults in the format of the local cloud's control address."""
    return [_fault(rng, access_key_id) for _ in range(rng.choices((0, 1, 2), (3, 5, 3))[0])]


def _fault(rng: random.Random, access_key_id: str) -> dict[str, Any]:
    # About half of the faults concern writes.
    operation = rng.choice((WRITE, WRITE, WRITE, *LOOKS, "*"))
    times = rng.choice((1, 1, 2, 3, 5))
    seconds = round(rng.uniform(0.1, 1.5), 1)
    made: list[dict[str, Any]] = [
        {"fault": "throttle", "operation": operation, "times": times},
        {"fault": "throttle", "operation": operation, "rate": rng.choice((2, 5, 10))},
        {"fault": "fail", "operation": operation, "code": "InternalServerException", "status": 500, "times": times},
        {"fault": "fail", "operation": operation, "code": "ServiceUnavailableException", "status": 503, "times": times},
        {"fault": "fail", "operation": WRITE, "code": "OperationNotSupportedException", "times": times},
        {"fault": "reset_connection", "operation": operation, "times": times},
        {"fault": "lose_response", "operation": WRITE, "times": times},
        {"fault": "lose_response", "operation": operation, "times": times},
        {"fault": "slow", "operation": operation, "seconds": seconds, "times": times},
        {"fault": "slow", "operation": WRITE, "seconds": seconds, "times": times, "late": True},
        {"fault": "lag", "seconds": seconds},
        {"fault": "expire", "access_key_id": access_key_id, "after": rng.randint(1, 12)},
        {"fault": "deny", "action": f"workspaces:{rng.choice((WRITE, WRITE, *LOOKS[:2]))}"},
        {"fault": "garble", "operation": operation, "times": times},
        {"fault": "garble", "operation": operation, "times": times, "body": "<html>No service.</html>"},
        {"fault": "expire_page_token", "times": 1},
    ]
    return rng.choice(made)
