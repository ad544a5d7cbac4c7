"""The `aws:` keys of the stack configuration as typed values, with the meaning that pulumi-aws 7 gives them.

A message names the key and what its value should be, and never quotes the value: any key may hold a secret.
"""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from ..errors import ConfigurationError
from .roles import WebIdentity, assume_roles, web_identity
from .values import (
    account_ids,
    choice,
    file,
    flag,
    flat_key_problem,
    objects,
    proxy,
    set_without_path,
    single_file,
    string,
    strings,
    url,
    whole_number,
)

T = TypeVar("T")

# The keys of pulumi-aws 7 (its `config` module), by what this package does with them.
_SUPPORTED = {
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
# Accepted and ignored. They are about tags and S3. The last two select the plugin of pulumi-aws, for the engine.
_IGNORED = {
    "defaultTags",
    "ignoreTags",
    "s3UsEast1RegionalEndpoint",
    "s3UsePathStyle",
    "tagPolicyCompliance",
    "pluginDownloadURL",
    "version",
}
_REFUSED = {"tokenBucketRateLimiterCapacity": "is not supported because botocore's retry quota is fixed; remove it"}

# The services that are asked, the last one for the credentials of a profile. Other endpoints are ignored.
_ENDPOINTS = ("workspaces", "sts", "organizations", "sso")
_OTHER_ENDPOINTS = ("workspacesweb",)  # another service, whose name looks like a misspelling of `workspaces`


@dataclass(frozen=True, repr=False, eq=False)
class AwsConfiguration:
    """The values of the `aws:` keys, each under its name in snake case; None if a key is not set or empty.

    It has no repr because it holds secrets.

    Attributes:
        assume_roles: for each role, in order, the arguments of sts:AssumeRole.
        endpoints: URL by botocore's name of the service.
        http_proxy, https_proxy: an empty string means no proxy, even if the environment sets one.
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
    """Return the values of the `aws:` keys, with the meaning that pulumi-aws 7 gives them.

    Raises:
        ConfigurationError: keys are wrong or unsupported; one message names them all.
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
        region=read(string, "region"),
        profile=read(string, "profile"),
        access_key=read(string, "accessKey"),
        secret_key=read(string, "secretKey"),
        token=read(string, "token"),
        sts_region=read(string, "stsRegion"),
        retry_mode=read(choice(["standard", "adaptive"]), "retryMode"),
        # pulumi-aws treats 0 as not set.
        max_retries=read(whole_number, "maxRetries") or None,
        custom_ca_bundle=read(file, "customCaBundle"),
        http_proxy=read(proxy, "httpProxy"),
        https_proxy=read(proxy, "httpsProxy"),
        no_proxy=read(string, "noProxy"),
        skip_requesting_account_id=read(flag, "skipRequestingAccountId"),
        skip_metadata_api_check=read(flag, "skipMetadataApiCheck"),
        skip_region_validation=read(flag, "skipRegionValidation"),
        ec2_metadata_service_endpoint=read(url, "ec2MetadataServiceEndpoint"),
        ec2_metadata_service_endpoint_mode=read(choice(["IPv4", "IPv6"]), "ec2MetadataServiceEndpointMode"),
        insecure=read(flag, "insecure"),
        use_fips_endpoint=read(flag, "useFipsEndpoint"),
        use_dualstack_endpoint=read(flag, "useDualstackEndpoint"),
        allowed_account_ids=read(account_ids, "allowedAccountIds"),
        forbidden_account_ids=read(account_ids, "forbiddenAccountIds"),
        shared_config_file=read(single_file, "sharedConfigFiles"),
        shared_credentials_file=read(single_file, "sharedCredentialsFiles"),
        endpoints=read(_endpoints, "endpoints"),
        assume_roles=read(assume_roles, "assumeRoles"),
        assume_role_with_web_identity=read(web_identity, "assumeRoleWithWebIdentity"),
        user_agents=read(strings, "userAgents"),
    )
    read(flag, "skipCredentialsValidation")  # nothing to skip: credentials are never validated beforehand
    if not problems:
        problems = _contradictions(aws)
    if problems:
        raise ConfigurationError("; ".join(problems))
    return aws


def _key_problem(key: str) -> str | None:
    root = set_without_path(key)
    if key == "assumeRole" or root == "assumeRole":
        # The first half is the message of pulumi-aws.
        return (
            "invalid config key 'aws:assumeRole', should be 'aws:assumeRoles'; it is a list: "
            "`pulumi config set --path 'aws:assumeRoles[0].roleArn' ARN`"
        )
    if root in _SUPPORTED | _IGNORED:
        return flat_key_problem(f"aws:{key}")
    if key in _REFUSED:
        return f"aws:{key} {_REFUSED[key]}"
    known = _SUPPORTED | _IGNORED
    if key in known:
        return None
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.7)
    hint = f"did you mean aws:{near[0]}?" if near else "put settings of your own program in another namespace"
    return f"aws:{key} is not a configuration key of the aws provider; {hint}"


def _contradictions(aws: AwsConfiguration) -> list[str]:
    problems = []
    if bool(aws.access_key) != bool(aws.secret_key):
        there, missing = ("accessKey", "secretKey") if aws.access_key else ("secretKey", "accessKey")
        problems.append(f"aws:{there} is set without aws:{missing}")
    elif aws.token and not aws.access_key:
        problems.append("aws:token is set without aws:accessKey and aws:secretKey")
    if aws.access_key and aws.assume_role_with_web_identity:
        problems.append("aws:assumeRoleWithWebIdentity and aws:accessKey cannot be combined: remove one of them")
    accounts = [
        f"aws:{name}"
        for name, ids in [
            ("allowedAccountIds", aws.allowed_account_ids),
            ("forbiddenAccountIds", aws.forbidden_account_ids),
        ]
        if ids
    ]
    if len(accounts) == 2:
        problems.append("aws:allowedAccountIds and aws:forbiddenAccountIds cannot be combined: remove one of them")
    if accounts and aws.skip_requesting_account_id:
        keys = " and ".join(accounts)
        problems.append(f"{keys} cannot be checked while aws:skipRequestingAccountId is true")
    return problems


def _endpoints(values: Mapping[str, object], key: str, at: str) -> dict[str, str] | None:
    endpoints: dict[str, str] = {}
    for index, element in enumerate(objects(values, key, at) or ()):
        for service in element.keys() - set(_ENDPOINTS):
            near = difflib.get_close_matches(service, _ENDPOINTS, n=1, cutoff=0.75)
            if near and service not in _OTHER_ENDPOINTS:
                raise ConfigurationError(f"{at}{key}[{index}].{service} is not a service; did you mean {near[0]}?")
        for service in _ENDPOINTS:
            endpoint = url(element, service, f"{at}{key}[{index}].")
            if endpoint:
                endpoints[service] = endpoint
    return endpoints or None
