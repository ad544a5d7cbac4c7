"""The roles in the `aws:` keys of pulumi-aws 7, as arguments for STS."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import ConfigurationError
from .values import an_object, expanded, made_of, objects, string, strings

_ROLE_KEYS = ("roleArn", "sessionName", "duration", "policy", "policyArns")
_CHAINED_ROLE_KEYS = (*_ROLE_KEYS, "externalId", "sourceIdentity", "tags", "transitiveTagKeys")
_WEB_ROLE_KEYS = (*_ROLE_KEYS, "webIdentityToken", "webIdentityTokenFile")
_SESSION_NAME = "pulumi-workspaces-images"

# The rules of sts:AssumeRole for session names, source identities and external ids.
_session_name = made_of("+=,.@-", 64)
_external_id = made_of("+=,.@:/-", 1224)

# Seconds by unit of Go's notation, which pulumi-aws uses for durations.
_DURATION_UNITS = {"h": 3600, "m": 60, "s": 1, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ns": 1e-9}
_DURATION_PART = re.compile(r"(\d+\.?\d*|\.\d+)(h|ms|m|s|us|µs|μs|ns)")


@dataclass(frozen=True, repr=False, eq=False)
class WebIdentity:
    """`aws:assumeRoleWithWebIdentity`; exactly one of `token` and `token_file` is set.

    Attributes:
        request: the arguments of sts:AssumeRoleWithWebIdentity, except the token.
        token: the token itself.
        token_file: the path of a file that holds it, read again for every session.
    """

    request: dict[str, Any]
    token: str | None
    token_file: str | None


def assume_roles(values: Mapping[str, object], key: str, at: str) -> tuple[dict[str, Any], ...] | None:
    """Return the arguments of sts:AssumeRole for each role of a list; None if the key is not set or empty."""
    roles = []
    for index, role in enumerate(objects(values, key, at) or ()):
        inside = f"{at}{key}[{index}]."
        request = _role_request(role, inside, _CHAINED_ROLE_KEYS)
        tags = an_object(role, "tags", inside) or {}
        optional = {
            "ExternalId": _external_id(role, "externalId", inside),
            "SourceIdentity": _session_name(role, "sourceIdentity", inside),
            "Tags": [{"Key": name, "Value": string(tags, name, f"{inside}tags.") or ""} for name in tags],
            "TransitiveTagKeys": list(strings(role, "transitiveTagKeys", inside) or ()),
        }
        roles.append(request | {name: value for name, value in optional.items() if value})
    return tuple(roles) or None


def web_identity(values: Mapping[str, object], key: str, at: str) -> WebIdentity | None:
    """Return the role of an object and the token to assume it with; None if the key is not set or empty."""
    role = an_object(values, key, at)
    if not role:
        return None
    inside = f"{at}{key}."
    # As in pulumi-aws, the environment supplies what this object does not set.
    environment = {"roleArn": "AWS_ROLE_ARN", "sessionName": "AWS_ROLE_SESSION_NAME"}
    if not role.get("webIdentityToken"):
        environment["webIdentityTokenFile"] = "AWS_WEB_IDENTITY_TOKEN_FILE"
    for name, variable in environment.items():
        role[name] = role.get(name) or os.environ.get(variable)
    request = _role_request(role, inside, _WEB_ROLE_KEYS)
    token, token_file = string(role, "webIdentityToken", inside), string(role, "webIdentityTokenFile", inside)
    if bool(token) == bool(token_file):
        raise ConfigurationError(f"{inside}webIdentityToken or webIdentityTokenFile must be set, but not both")
    return WebIdentity(request, token, expanded(token_file) if token_file else None)


def _role_request(role: Mapping[str, object], at: str, known: tuple[str, ...]) -> dict[str, Any]:
    """Return the arguments that sts:AssumeRole and sts:AssumeRoleWithWebIdentity have in common."""
    for name in role:
        if name not in known:
            raise ConfigurationError(f"{at}{name} is not a key of a role; the keys are {', '.join(known)}")
    role_arn = string(role, "roleArn", at)
    if not role_arn or not re.fullmatch(r"arn:[\w-]+:iam::[0-9]{12}:role/\S+", role_arn):
        example = "arn:aws:iam::123456789012:role/name"
        raise ConfigurationError(f"{at}roleArn must be the ARN of an IAM role, e.g. {example}")
    request: dict[str, Any] = {
        "RoleArn": role_arn,
        "RoleSessionName": _session_name(role, "sessionName", at) or _SESSION_NAME,
    }
    optional = {
        "DurationSeconds": _duration(role, "duration", at),
        "Policy": _policy(role, "policy", at),
        "PolicyArns": [{"arn": policy} for policy in _policy_arns(role, "policyArns", at)],
    }
    return request | {name: value for name, value in optional.items() if value}


def _policy_arns(values: Mapping[str, object], key: str, at: str) -> tuple[str, ...]:
    arns = strings(values, key, at) or ()
    if not all(re.fullmatch(r"arn:[\w-]+:iam::([0-9]{12}|aws):policy/\S+", arn) for arn in arns):
        raise ConfigurationError(f"{at}{key} must be a list of the ARNs of IAM policies (as JSON)")
    return arns


def _duration(values: Mapping[str, object], key: str, at: str) -> int | None:
    value = string(values, key, at)
    if not value:
        return None
    seconds = sum(float(number) * _DURATION_UNITS[unit] for number, unit in _DURATION_PART.findall(value))
    # The limits are those of STS.
    if _DURATION_PART.sub("", value) or not 900 <= seconds <= 43200:
        raise ConfigurationError(f"{at}{key} must be a duration from 15m to 12h, e.g. 1h30m")
    return int(seconds)


def _policy(values: Mapping[str, object], key: str, at: str) -> str | None:
    policy = an_object(values, key, at)
    if policy is None:
        return None
    value = values[key]
    return value if isinstance(value, str) else json.dumps(policy)
