"""The stack configuration as typed values: what the `aws:` keys of pulumi-aws 7 say, and this package's own.

The provider process is handed the configuration raw: keys with their namespace, every value a text, objects
and lists as JSON text. Values of their own type are taken as well. A message names the key and what it should
be, and never quotes the value: any key may hold a secret.
"""

import difflib
import enum
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

from .errors import ConfigurationError

T = TypeVar("T")

_OWN_KEYS = ("recheck", "allowedAccountIds", "requireOrganization")

# What pulumi-aws 7 knows (its `config` module), by what becomes of it here.
_HONOURED = {
    "accessKey",
    "allowedAccountIds",
    "assumeRoleWithWebIdentity",
    "assumeRoles",
    "customCaBundle",
    "ec2MetadataServiceEndpoint",
    "ec2MetadataServiceEndpointMode",
    "endpoints",
    "forbiddenAccountIds",
    "httpProxy",
    "httpsProxy",
    "insecure",
    "maxRetries",
    "noProxy",
    "profile",
    "region",
    "retryMode",
    "secretKey",
    "sharedConfigFiles",
    "sharedCredentialsFiles",
    "skipCredentialsValidation",
    "skipMetadataApiCheck",
    "skipRegionValidation",
    "skipRequestingAccountId",
    "stsRegion",
    "token",
    "useDualstackEndpoint",
    "useFipsEndpoint",
    "userAgents",
}
# They are about tags and about S3; the last two choose the pulumi-aws plugin, and are the engine's own.
_WITHOUT_CONCERN = {
    "defaultTags",
    "ignoreTags",
    "s3UsEast1RegionalEndpoint",
    "s3UsePathStyle",
    "tagPolicyCompliance",
    "pluginDownloadURL",
    "version",
}
_REFUSED = {"tokenBucketRateLimiterCapacity": "cannot be honoured, as botocore's retry quota is fixed"}

# The services that are asked, the last one for a profile's credentials; no other endpoint can concern us.
_ENDPOINTS = ("workspaces", "sts", "organizations", "sso")
_OTHER_ENDPOINTS = ("workspacesweb",)  # of those, one that reads like a misspelt name

_ROLE_KEYS = ("roleArn", "sessionName", "duration", "policy", "policyArns")
_CHAINED_ROLE_KEYS = (*_ROLE_KEYS, "externalId", "sourceIdentity", "tags", "transitiveTagKeys")
_WEB_ROLE_KEYS = (*_ROLE_KEYS, "webIdentityToken", "webIdentityTokenFile")
_SESSION_NAME = "pulumi-workspaces-images"

# Session names and source identities, as sts:AssumeRole has them.
_SESSION_NAMES = r"[\w+=,.@-]{2,64}"

# Go's notation, in which pulumi-aws takes durations; in seconds.
_DURATION_UNITS = {"h": 3600, "m": 60, "s": 1, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ns": 1e-9}
_DURATION_PART = re.compile(r"(\d+\.?\d*|\.\d+)(h|ms|m|s|us|µs|μs|ns)")


class Recheck(enum.Enum):
    """What `workspaces-images:recheck` says about every look at AWS in check and diff."""

    STRICT = "strict"
    """A look that fails is an error; the default."""
    WARN = "warn"
    """A look that fails is a warning."""
    OFF = "off"
    """AWS is not asked."""


def read_recheck(configuration: Mapping[str, object]) -> Recheck:
    """Return what `workspaces-images:recheck` says.

    Raises:
        ConfigurationError: it says something else, or a key there is a misspelling of it. (Other keys there
            may be the program's own: its project can have that name.)
    """
    at = "workspaces-images:"
    for key in configuration:
        name = key.removeprefix(at)
        if key.startswith(at) and name not in _OWN_KEYS:
            near = difflib.get_close_matches(name, _OWN_KEYS, n=1, cutoff=0.8)
            if near:
                raise ConfigurationError(f"{key} is not a configuration key; did you mean {at}{near[0]}?")
    said = choice([r.value for r in Recheck])(configuration, f"{at}recheck", "")
    return Recheck(said) if said else Recheck.STRICT


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


@dataclass(frozen=True, repr=False, eq=False)
class AwsConfiguration:
    """What the `aws:` keys say, each under its name in snake case; None where a key is not set (or is empty).

    It has no repr, as it holds secrets.

    Attributes:
        assume_roles: for each role, in order, the arguments of sts:AssumeRole.
        endpoints: URL by botocore's name of the service.
        http_proxy, https_proxy: the empty text means no proxy, whatever the environment says.
    """

    region: str | None
    profile: str | None
    access_key: str | None
    secret_key: str | None
    token: str | None
    sts_region: str | None
    retry_mode: str | None
    max_retries: int | None
    custom_ca_bundle: str | None
    http_proxy: str | None
    https_proxy: str | None
    no_proxy: str | None
    skip_credentials_validation: bool | None
    skip_requesting_account_id: bool | None
    skip_metadata_api_check: bool | None
    skip_region_validation: bool | None
    ec2_metadata_service_endpoint: str | None
    ec2_metadata_service_endpoint_mode: str | None
    insecure: bool | None
    use_fips_endpoint: bool | None
    use_dualstack_endpoint: bool | None
    allowed_account_ids: tuple[str, ...] | None
    forbidden_account_ids: tuple[str, ...] | None
    shared_config_file: str | None
    shared_credentials_file: str | None
    endpoints: dict[str, str] | None
    assume_roles: tuple[dict[str, Any], ...] | None
    assume_role_with_web_identity: WebIdentity | None
    user_agents: tuple[str, ...] | None


def read_aws(configuration: Mapping[str, object]) -> AwsConfiguration:
    """Return what the `aws:` keys say, with the meaning that pulumi-aws 7 gives them.

    Raises:
        ConfigurationError: keys that cannot be honoured, all of them in one message, each with its name.
    """
    aws_keys = [key for key in configuration if key.startswith("aws:")]
    values = {key.removeprefix("aws:"): configuration[key] for key in aws_keys}
    problems = [problem for key in values if (problem := _key_problem(key))]

    def read(reader: Callable[[Mapping[str, object], str, str], T], key: str) -> T | None:
        try:
            return reader(values, key, "aws:")
        except ConfigurationError as error:
            problems.append(str(error))
            return None

    aws = AwsConfiguration(
        region=read(text, "region"),
        profile=read(text, "profile"),
        access_key=read(text, "accessKey"),
        secret_key=read(text, "secretKey"),
        token=read(text, "token"),
        sts_region=read(text, "stsRegion"),
        retry_mode=read(choice(["standard", "adaptive"]), "retryMode"),
        # pulumi-aws takes 0 as not set.
        max_retries=read(whole_number, "maxRetries") or None,
        custom_ca_bundle=read(_file, "customCaBundle"),
        http_proxy=read(_proxy, "httpProxy"),
        https_proxy=read(_proxy, "httpsProxy"),
        no_proxy=read(text, "noProxy"),
        skip_credentials_validation=read(flag, "skipCredentialsValidation"),
        skip_requesting_account_id=read(flag, "skipRequestingAccountId"),
        skip_metadata_api_check=read(flag, "skipMetadataApiCheck"),
        skip_region_validation=read(flag, "skipRegionValidation"),
        ec2_metadata_service_endpoint=read(_url, "ec2MetadataServiceEndpoint"),
        ec2_metadata_service_endpoint_mode=read(choice(["IPv4", "IPv6"]), "ec2MetadataServiceEndpointMode"),
        insecure=read(flag, "insecure"),
        use_fips_endpoint=read(flag, "useFipsEndpoint"),
        use_dualstack_endpoint=read(flag, "useDualstackEndpoint"),
        allowed_account_ids=read(account_ids, "allowedAccountIds"),
        forbidden_account_ids=read(account_ids, "forbiddenAccountIds"),
        shared_config_file=read(_single_file, "sharedConfigFiles"),
        shared_credentials_file=read(_single_file, "sharedCredentialsFiles"),
        endpoints=read(_endpoints, "endpoints"),
        assume_roles=read(_assume_roles, "assumeRoles"),
        assume_role_with_web_identity=read(_web_identity, "assumeRoleWithWebIdentity"),
        user_agents=read(texts, "userAgents"),
    )
    if not problems:
        problems = _contradictions(aws)
    if problems:
        raise ConfigurationError("; ".join(problems))
    return aws


def text(values: Mapping[str, object], key: str, at: str) -> str | None:
    """Return a text, None where it is not set or empty. `at` is what precedes `key` in its full name."""
    value = values.get(key)
    if value is not None and not (isinstance(value, str) and _can_be_sent(value)):
        raise ConfigurationError(f"{at}{key} must be a text")
    return value or None


def flag(values: Mapping[str, object], key: str, at: str) -> bool | None:
    """Return a boolean, written `true` or `false`; None where it is not set."""
    value = values.get(key)
    if value is None or value == "":
        return None
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if isinstance(value, bool):
        return value
    raise ConfigurationError(f"{at}{key} must be true or false")


def whole_number(values: Mapping[str, object], key: str, at: str) -> int | None:
    """Return a whole number from 0; None where it is not set."""
    value = values.get(key)
    if value is None or value == "":
        return None
    # Python turns no more than some thousand digits into a number.
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        return int(value)
    # JSON, and with it Pulumi's property values, may make a float of a whole number.
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if isinstance(value, float) and value.is_integer() and value >= 0:
        return int(value)
    raise ConfigurationError(f"{at}{key} must be a whole number, 0 or more")


def choice(allowed: list[str]) -> Callable[[Mapping[str, object], str, str], str | None]:
    """Return a reader of one of the texts `allowed`; it returns None where the key is not set."""

    def read(values: Mapping[str, object], key: str, at: str) -> str | None:
        value = values.get(key)
        if value is None or value == "":
            return None
        if not isinstance(value, str) or value not in allowed:
            raise ConfigurationError(f"{at}{key} must be {', '.join(allowed[:-1])} or {allowed[-1]}")
        return value

    return read


def texts(values: Mapping[str, object], key: str, at: str) -> tuple[str, ...] | None:
    """Return a list of texts; None where it is not set or empty."""
    items = _items(values, key, at, "a list of texts")
    if not all(isinstance(item, str) and item for item in items):
        raise ConfigurationError(f"{at}{key} must be a list of texts (as JSON)")
    return tuple(str(item) for item in items) or None


def objects(values: Mapping[str, object], key: str, at: str) -> tuple[dict[str, object], ...] | None:
    """Return a list of objects; None where it is not set or empty."""
    items = _items(values, key, at, "a list of objects")
    if not all(isinstance(item, dict) for item in items):
        raise ConfigurationError(f"{at}{key} must be a list of objects (as JSON)")
    return tuple(dict(item) for item in items) or None


def an_object(values: Mapping[str, object], key: str, at: str) -> dict[str, object] | None:
    """Return an object; None where it is not set or empty."""
    value = _from_json(values, key)
    if value is not None and not isinstance(value, dict):
        raise ConfigurationError(f"{at}{key} must be an object (as JSON)")
    return value or None


def _can_be_sent(value: object) -> bool:
    """Tell whether all texts in `value` are in fact texts: JSON can hold half a surrogate pair."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _items(values: Mapping[str, object], key: str, at: str, what: str) -> list[Any]:
    value = _from_json(values, key)
    if value is None:
        return []
    if not isinstance(value, list | tuple):
        raise ConfigurationError(f"{at}{key} must be {what} (as JSON)")
    return list(value)


def _from_json(values: Mapping[str, object], key: str) -> object:
    value = values.get(key)
    if not isinstance(value, str):
        return value
    try:
        parsed = json.loads(value) if value else None
    except (ValueError, RecursionError):
        return value  # a text, which the caller refuses by its type
    return parsed if _can_be_sent(parsed) else value


def _key_problem(key: str) -> str | None:
    if key == "assumeRole":
        return "invalid config key 'aws:assumeRole', should be 'aws:assumeRoles'"  # pulumi-aws's own words
    if key in _REFUSED:
        return f"aws:{key} {_REFUSED[key]}"
    known = _HONOURED | _WITHOUT_CONCERN
    if key in known:
        return None
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.7)
    hint = f"did you mean aws:{near[0]}?" if near else "use another namespace for what is not meant for it"
    return f"aws:{key} is not a configuration key of the aws provider; {hint}"


def _contradictions(aws: AwsConfiguration) -> list[str]:
    problems = []
    if bool(aws.access_key) != bool(aws.secret_key):
        there, missing = ("accessKey", "secretKey") if aws.access_key else ("secretKey", "accessKey")
        problems.append(f"aws:{there} is set without aws:{missing}")
    elif aws.token and not aws.access_key:
        problems.append("aws:token is set without aws:accessKey and aws:secretKey")
    if aws.access_key and aws.assume_role_with_web_identity:
        problems.append("aws:assumeRoleWithWebIdentity and aws:accessKey contradict each other")
    accounts = [
        f"aws:{name}"
        for name, ids in [
            ("allowedAccountIds", aws.allowed_account_ids),
            ("forbiddenAccountIds", aws.forbidden_account_ids),
        ]
        if ids
    ]
    if len(accounts) == 2:
        problems.append("aws:allowedAccountIds and aws:forbiddenAccountIds contradict each other")
    if accounts and aws.skip_requesting_account_id:
        keys = " and ".join(accounts)
        problems.append(f"{keys} cannot be checked while aws:skipRequestingAccountId is true")
    return problems


def _is_url(value: str) -> bool:
    try:
        parts = urlsplit(value)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _is_host(name: str) -> bool:
    """Tell whether botocore takes `name` for the host of an endpoint."""
    label = r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)"
    return ":" in name or bool(re.fullmatch(rf"({label}\.)*{label}\.?", name))


def _url(values: Mapping[str, object], key: str, at: str) -> str | None:
    value = text(values, key, at)
    if value and not (_is_url(value) and _is_host(urlsplit(value).hostname or "")):
        raise ConfigurationError(f"{at}{key} must be a URL that starts with http:// or https://")
    if value and "@" in urlsplit(value).netloc:
        # It would be printed with every failure to connect, and AWS takes no password there.
        raise ConfigurationError(f"{at}{key} must be a URL without a user or password")
    return value


def _proxy(values: Mapping[str, object], key: str, at: str) -> str | None:
    if values.get(key) == "":
        return ""
    value = text(values, key, at)
    url = value if not value or "://" in value else f"http://{value}"
    if url and not (_is_url(url) and url.endswith((urlsplit(url).netloc, f"{urlsplit(url).netloc}/"))):
        raise ConfigurationError(f"{at}{key} must be the URL of a proxy, e.g. http://proxy.example.com:3128")
    return value


def _file(values: Mapping[str, object], key: str, at: str) -> str | None:
    value = text(values, key, at)
    return _existing_file(value, f"{at}{key}") if value else None


def _single_file(values: Mapping[str, object], key: str, at: str) -> str | None:
    files = texts(values, key, at)
    if files and len(files) > 1:
        raise ConfigurationError(f"{at}{key} cannot be honoured with more than one file: botocore reads one")
    return _existing_file(files[0], f"{at}{key}") if files else None


def _existing_file(path: str, name: str) -> str:
    path = _expanded(path)
    if not os.path.isfile(path):
        raise ConfigurationError(f"{name} must name a file that exists")
    return path


def _expanded(path: str) -> str:
    try:
        return os.path.expanduser(path)
    except ValueError:  # a NUL in it: no file can have that name
        return path


def account_ids(values: Mapping[str, object], key: str, at: str) -> tuple[str, ...] | None:
    """Return a list of AWS accounts, 12 digits each; None where it is not set or empty."""
    # `pulumi config set --path` makes a number of an id that does not start with 0.
    ids = tuple(str(item) for item in _items(values, key, at, "a list of account ids"))
    if not all(re.fullmatch(r"[0-9]{12}", account_id) for account_id in ids):
        raise ConfigurationError(f"{at}{key} must be a list of account ids of 12 digits (as JSON)")
    return ids or None


def _endpoints(values: Mapping[str, object], key: str, at: str) -> dict[str, str] | None:
    endpoints: dict[str, str] = {}
    for index, element in enumerate(objects(values, key, at) or ()):
        for service in element.keys() - set(_ENDPOINTS):
            near = difflib.get_close_matches(service, _ENDPOINTS, n=1, cutoff=0.75)
            if near and service not in _OTHER_ENDPOINTS:
                raise ConfigurationError(f"{at}{key}[{index}].{service} is not a service; did you mean {near[0]}?")
        for service in _ENDPOINTS:
            url = _url(element, service, f"{at}{key}[{index}].")
            if url:
                endpoints[service] = url
    return endpoints or None


def _assume_roles(values: Mapping[str, object], key: str, at: str) -> tuple[dict[str, Any], ...] | None:
    roles = []
    for index, role in enumerate(objects(values, key, at) or ()):
        inside = f"{at}{key}[{index}]."
        request = _role_request(role, inside, _CHAINED_ROLE_KEYS)
        tags = an_object(role, "tags", inside) or {}
        optional = {
            "ExternalId": _matching(r"[\w+=,.@:/-]{2,1224}")(role, "externalId", inside),
            "SourceIdentity": _matching(_SESSION_NAMES)(role, "sourceIdentity", inside),
            "Tags": [{"Key": name, "Value": text(tags, name, f"{inside}tags.") or ""} for name in tags],
            "TransitiveTagKeys": list(texts(role, "transitiveTagKeys", inside) or ()),
        }
        roles.append(request | {name: value for name, value in optional.items() if value})
    return tuple(roles) or None


def _web_identity(values: Mapping[str, object], key: str, at: str) -> WebIdentity | None:
    role = an_object(values, key, at)
    if not role:
        return None
    inside = f"{at}{key}."
    # As pulumi-aws has it, the environment stands in for what this block leaves open.
    environment = {"roleArn": "AWS_ROLE_ARN", "sessionName": "AWS_ROLE_SESSION_NAME"}
    if not role.get("webIdentityToken"):
        environment["webIdentityTokenFile"] = "AWS_WEB_IDENTITY_TOKEN_FILE"
    for name, variable in environment.items():
        role[name] = role.get(name) or os.environ.get(variable)
    request = _role_request(role, inside, _WEB_ROLE_KEYS)
    token, token_file = text(role, "webIdentityToken", inside), text(role, "webIdentityTokenFile", inside)
    if bool(token) == bool(token_file):
        raise ConfigurationError(f"{inside}webIdentityToken or webIdentityTokenFile must be set, and not both")
    return WebIdentity(request, token, _expanded(token_file) if token_file else None)


def _role_request(role: Mapping[str, object], at: str, known: tuple[str, ...]) -> dict[str, Any]:
    """Return the arguments that sts:AssumeRole and sts:AssumeRoleWithWebIdentity have in common."""
    for name in role:
        if name not in known:
            raise ConfigurationError(f"{at}{name} is not a key of a role; it has {', '.join(known)}")
    role_arn = text(role, "roleArn", at)
    if not role_arn or not re.fullmatch(r"arn:[\w-]+:iam::[0-9]{12}:role/\S+", role_arn):
        example = "arn:aws:iam::123456789012:role/name"
        raise ConfigurationError(f"{at}roleArn must be the ARN of an IAM role, e.g. {example}")
    request: dict[str, Any] = {
        "RoleArn": role_arn,
        "RoleSessionName": _matching(_SESSION_NAMES)(role, "sessionName", at) or _SESSION_NAME,
    }
    optional = {
        "DurationSeconds": _duration(role, "duration", at),
        "Policy": _policy(role, "policy", at),
        "PolicyArns": [{"arn": policy} for policy in _policy_arns(role, "policyArns", at)],
    }
    return request | {name: value for name, value in optional.items() if value}


def _matching(pattern: str) -> Callable[[Mapping[str, object], str, str], str | None]:
    def read(values: Mapping[str, object], key: str, at: str) -> str | None:
        value = text(values, key, at)
        if value and not re.fullmatch(pattern, value, re.ASCII):
            raise ConfigurationError(f"{at}{key} must match {pattern}")
        return value

    return read


def _policy_arns(values: Mapping[str, object], key: str, at: str) -> tuple[str, ...]:
    arns = texts(values, key, at) or ()
    if not all(re.fullmatch(r"arn:[\w-]+:iam::([0-9]{12}|aws):policy/\S+", arn) for arn in arns):
        raise ConfigurationError(f"{at}{key} must be a list of the ARNs of IAM policies (as JSON)")
    return arns


def _duration(values: Mapping[str, object], key: str, at: str) -> int | None:
    value = text(values, key, at)
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
