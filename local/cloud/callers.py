"""Find the account of a caller by the access key in its request.

moto knows the accounts of the access keys that its own IAM or STS has issued, and assigns any other key to one default
account. A key of the local cloud contains its account (`AKIA` + account + four more characters). Such a key is added to
moto's IAM at its first use, so that moto knows its account and the ARN of its user.
"""

from __future__ import annotations

import json
import re
import threading
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

from moto.iam.models import iam_backends
from moto.sts.models import sts_backends
from moto.utilities.utils import get_partition

from .wire import Call, Request, access_key_id

UNSIGNED_OPERATION = "AssumeRoleWithWebIdentity"

_SIGNATURE = re.compile(r"Credential=([^/,\s]+)/\d+/([^/]+)/([^/]+)/aws4_request")
_PLAIN_KEY = re.compile(r"AKIA([0-9]{12})([0-9A-Z]{4})")
_ROLE_ARN = re.compile(r"arn:(aws[a-z-]*):iam::(\d{12}):role/.+")
_HOME_REGIONS = {"aws": "us-east-1", "aws-cn": "cn-northwest-1", "aws-us-gov": "us-gov-west-1"}
_lock = threading.Lock()


def signed(request: Request) -> Request:
    """Sign an unsigned request as the account of its role, in the partition of the role.

    moto would answer it for its default account, and always in the partition `aws`.
    """
    if "authorization" in request.headers:
        return request
    form = _form(request)
    role = _ROLE_ARN.fullmatch(form.get("RoleArn", ""))
    if form.get("Action") != UNSIGNED_OPERATION or not role:
        return request
    region = _HOME_REGIONS.get(role[1], "us-east-1")
    scope = f"{access_key_id(role[2])}/20200101/{region}/sts/aws4_request"
    header = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"
    return replace(request, headers={**request.headers, "authorization": header})


def identify(request: Request) -> Call | None:
    """Return the AWS call that a request makes, or None if it is not an AWS call."""
    target = request.headers.get("x-amz-target", "")
    form = {} if target else _form(request)
    signature = _SIGNATURE.search(request.headers.get("authorization", ""))
    if signature:
        key, region, service = signature.groups()
    elif target or "Action" in form:
        key, region, service = "", "us-east-1", "unsigned"
    else:
        return None
    operation = target.rpartition(".")[2] or form.get("Action") or f"{request.method} {request.path}"
    return Call(
        service=service,
        operation=operation,
        account=_account(key, region, request),
        region=region,
        parameters=(json.loads(request.body or b"{}") if target else form),
        access_key_id=key,
        json=bool(target),
    )


def arn(call: Call) -> str:
    """Return the ARN of the caller, as sts:GetCallerIdentity does."""
    partition = get_partition(call.region)
    identity: tuple[str, str, str] = sts_backends[call.account][partition].get_caller_identity(
        call.access_key_id, call.region
    )
    return identity[1]


def resource(call: Call) -> str:
    """Return the resource of a call, as an access denied message names it."""
    if call.service == "workspaces" and "ImageId" in call.parameters:
        partition, image_id = get_partition(call.region), call.parameters["ImageId"]
        return f"arn:{partition}:workspaces:{call.region}:{call.account}:workspaceimage/{image_id}"
    return str(call.parameters.get("RoleArn", "*"))


def _form(request: Request) -> dict[str, str]:
    content_type = request.headers.get("content-type", "")
    if not content_type.startswith("application/x-www-form-urlencoded"):
        return {}
    return dict(parse_qsl(request.body.decode()))


def _account(key: str, region: str, request: Request) -> str:
    plain = _PLAIN_KEY.fullmatch(key)
    if plain:
        _enter_user(plain[1], plain[2], key, get_partition(region))
        return plain[1]
    if key.startswith("ASIA") and "x-amz-security-token" not in request.headers:
        return ""  # a temporary key is not valid without its session token
    for account, partitions in list(iam_backends.items()):
        for backend in list(partitions.values()):
            if key in backend.access_keys:
                return str(account)
    return ""


def _enter_user(account: str, name: str, key: str, partition: str) -> None:
    backend: Any = iam_backends[account][partition]
    with _lock:
        if key in backend.access_keys:
            return
        user = backend.create_user(region_name=partition, user_name=name)
        entry = user.create_access_key(prefix="AKIA")
        entry.access_key_id = key
        backend.access_keys[key] = entry
