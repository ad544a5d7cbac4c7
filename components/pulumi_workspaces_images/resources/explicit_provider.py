"""`Provider`: another owner account or Region in the same stack. Also finds out which provider serves a resource."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pulumi
from pulumi import Input, Output, ProviderResource, Resource, ResourceOptions

from ..lifecycle.record import SHARED

PACKAGE = "pulumi-python"

_SECRET = ("access_key", "secret_key", "token")


class Provider(ProviderResource):
    """Another owner account or Region in the same stack.

    A share with a `Provider` uses its settings and none of the stack's `aws:` keys. The stack's own keys,
    `workspaces-images:...`, apply under every provider.

    Examples:
        >>> europe = Provider("europe", region="eu-west-1", profile="europe-owner")
        >>> ImageShare("sales", "wsi-0a1b2c3d4", "222222222222", opts=ResourceOptions(provider=europe))
    """

    def __init__(
        self,
        resource_name: str,
        region: Input[str] | None = None,
        profile: Input[str] | None = None,
        assume_roles: Input[Sequence[Mapping[str, Any]]] | None = None,
        *,
        access_key: Input[str] | None = None,
        secret_key: Input[str] | None = None,
        token: Input[str] | None = None,
        assume_role_with_web_identity: Input[Mapping[str, Any]] | None = None,
        allowed_account_ids: Input[Sequence[str]] | None = None,
        forbidden_account_ids: Input[Sequence[str]] | None = None,
        endpoints: Input[Sequence[Mapping[str, Input[str]]]] | None = None,
        shared_config_files: Input[Sequence[str]] | None = None,
        shared_credentials_files: Input[Sequence[str]] | None = None,
        sts_region: Input[str] | None = None,
        retry_mode: Input[str] | None = None,
        max_retries: Input[int] | None = None,
        custom_ca_bundle: Input[str] | None = None,
        http_proxy: Input[str] | None = None,
        https_proxy: Input[str] | None = None,
        no_proxy: Input[str] | None = None,
        ec2_metadata_service_endpoint: Input[str] | None = None,
        ec2_metadata_service_endpoint_mode: Input[str] | None = None,
        insecure: Input[bool] | None = None,
        skip_credentials_validation: Input[bool] | None = None,
        skip_metadata_api_check: Input[bool] | None = None,
        skip_region_validation: Input[bool] | None = None,
        skip_requesting_account_id: Input[bool] | None = None,
        use_dualstack_endpoint: Input[bool] | None = None,
        use_fips_endpoint: Input[bool] | None = None,
        user_agents: Input[Sequence[str]] | None = None,
        opts: ResourceOptions | None = None,
    ) -> None:
        """Configure a provider. Each argument has the meaning and the default of the `aws:` key of the same name.

        If a setting is an Output that is not known at preview, Pulumi does not call the provider, so the preview checks
        nothing about its shares. The update checks everything.

        Args:
            resource_name: the name of the provider.
            region: the Region of shares that have no `region` of their own, e.g. `eu-west-1`.
            profile: a profile of the AWS configuration files.
            assume_roles: roles to assume, one after the other: objects with `roleArn`, `sessionName`, `externalId`,
                `duration`, `policy`, `policyArns`, `sourceIdentity`, `tags`, `transitiveTagKeys`.
            access_key: an access key id; secret in the state.
            secret_key: the secret access key; secret in the state.
            token: the session token; secret in the state.
            assume_role_with_web_identity: a role to assume with a token: `roleArn`, `sessionName`, `webIdentityToken`
                or `webIdentityTokenFile`, ...; secret in the state.
            allowed_account_ids: accounts that the caller may belong to, 12 digits each.
            forbidden_account_ids: accounts that the caller must not belong to.
            endpoints: objects that map a service to a URL, e.g. `[{"workspaces": "http://localhost:5005"}]`.
            shared_config_files: a list of one AWS configuration file.
            shared_credentials_files: a list of one AWS credentials file.
            sts_region: the Region of STS.
            retry_mode: `standard` or `adaptive` (default).
            max_retries: attempts for each call, the first included. Default: 25.
            custom_ca_bundle: a file of CA certificates.
            http_proxy: the proxy for HTTP.
            https_proxy: the proxy for HTTPS.
            no_proxy: hosts that are reached without a proxy.
            ec2_metadata_service_endpoint: the URL of the instance metadata service.
            ec2_metadata_service_endpoint_mode: `IPv4` or `IPv6`.
            insecure: True: TLS certificates are not verified.
            skip_credentials_validation: accepted and ignored, because credentials are never validated beforehand.
            skip_metadata_api_check: True: instance roles are not used.
            skip_region_validation: True: Regions that botocore does not know are accepted.
            skip_requesting_account_id: True: AWS is not asked who the caller is.
            use_dualstack_endpoint: True: dual-stack endpoints are used.
            use_fips_endpoint: True: FIPS endpoints are used.
            user_agents: products added to the user agent.
            opts: Pulumi's resource options.

        See https://www.pulumi.com/registry/packages/aws/installation-configuration/
        """
        given: dict[str, object] = {
            "region": region,
            "profile": profile,
            "assume_roles": assume_roles,
            "access_key": access_key,
            "secret_key": secret_key,
            "token": token,
            "assume_role_with_web_identity": assume_role_with_web_identity,
            "allowed_account_ids": allowed_account_ids,
            "forbidden_account_ids": forbidden_account_ids,
            "endpoints": endpoints,
            "shared_config_files": shared_config_files,
            "shared_credentials_files": shared_credentials_files,
            "sts_region": sts_region,
            "retry_mode": retry_mode,
            "max_retries": max_retries,
            "custom_ca_bundle": custom_ca_bundle,
            "http_proxy": http_proxy,
            "https_proxy": https_proxy,
            "no_proxy": no_proxy,
            "ec2_metadata_service_endpoint": ec2_metadata_service_endpoint,
            "ec2_metadata_service_endpoint_mode": ec2_metadata_service_endpoint_mode,
            "insecure": insecure,
            "skip_credentials_validation": skip_credentials_validation,
            "skip_metadata_api_check": skip_metadata_api_check,
            "skip_region_validation": skip_region_validation,
            "skip_requesting_account_id": skip_requesting_account_id,
            "use_dualstack_endpoint": use_dualstack_endpoint,
            "use_fips_endpoint": use_fips_endpoint,
            "user_agents": user_agents,
        }
        settings = {f"aws:{_camel_case(name)}": value for name, value in given.items() if value is not None}
        self.plain_settings: dict[str, object] | None = None if any(map(_is_output, settings.values())) else settings
        """The settings under their `aws:` keys; None if one of them is an Output."""
        if not SHARED:
            pulumi.log.warn(
                "on Windows provider processes do not know of each other's shares: do not rename a share and move it "
                "to another provider in the same update"
            )
        secret = {f"aws:{_camel_case(name)}" for name in (*_SECRET, "assume_role_with_web_identity")}
        super().__init__(
            PACKAGE,
            resource_name,
            {key: Output.secret(value) if key in secret else value for key, value in settings.items()},
            opts,
        )


def provider_of(opts: ResourceOptions | None, type_: str) -> Provider | None:
    """Return the `Provider` that a resource has in its options or inherits; None for the default provider.

    Args:
        opts: the resource's options.
        type_: its type.

    Raises:
        pulumi.RunError: a provider of another kind would serve it; one line.
    """
    ours = _given_provider(opts)
    if ours:
        return ours
    parent = opts.parent if opts else None
    inherited = parent.get_provider(type_) if isinstance(parent, Resource) else None
    if inherited is not None and not isinstance(inherited, Provider):
        raise pulumi.RunError(_refusal(inherited))
    return inherited


def _given_provider(opts: ResourceOptions | None) -> Provider | None:
    """Return the `Provider` in the options of a resource or component, and refuse providers that would have no effect.

    Beside a `Provider`, providers of other packages are accepted, for other resources.

    Raises:
        pulumi.RunError: none of them is a `Provider`, one of package `pulumi-python` is not a `Provider`, or there are
            several; one line.
    """
    given = list(dict.fromkeys(_given(opts)))
    ours = [provider for provider in given if isinstance(provider, Provider)]
    for provider in given:
        if not isinstance(provider, Provider) and (not ours or provider.package == PACKAGE):
            raise pulumi.RunError(_refusal(provider))
    # Pulumi selects by the package's name: it would ignore ours under another name, and all but one of several.
    named = opts.providers if opts and isinstance(opts.providers, Mapping) else {}
    misnamed = [name for name, provider in named.items() if isinstance(provider, Provider) and name != PACKAGE]
    if misnamed or len(ours) > 1:
        raise pulumi.RunError(
            f"providers must be a list with one pulumi_workspaces_images.Provider; it has "
            f"{', '.join(repr(provider._name) for provider in ours)}"
            f"{f' under the name {misnamed[0]!r}' if misnamed else ''}"
        )
    return ours[0] if ours else None


def _given(opts: ResourceOptions | None) -> Iterator[ProviderResource]:
    if opts is None:
        return
    for given in (opts.provider, opts.providers):
        if isinstance(given, Mapping):
            yield from given.values()
        elif isinstance(given, Sequence):
            yield from given
        elif given is not None:
            yield given


def _refusal(provider: ProviderResource) -> str:
    return (
        f"the provider {provider._name!r} of package {provider.package!r} cannot share images: give the resource a "
        "pulumi_workspaces_images.Provider"
    )


def _is_output(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(map(_is_output, value.values()))
    if isinstance(value, (list, tuple)):
        return any(map(_is_output, value))
    return isinstance(value, Output) or inspect.isawaitable(value)


def _camel_case(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)
