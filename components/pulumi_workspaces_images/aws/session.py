"""A botocore session as the stack configures it: credentials, roles, endpoints and proxies.

Importing this module imports all of botocore, which takes a tenth of a second, so `connection` imports it when AWS is
first needed.
"""

import ipaddress
import os
import re
import threading
import urllib.request
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any, TypeVar
from urllib.parse import urlsplit

from botocore import UNSIGNED
from botocore.client import BaseClient
from botocore.config import Config
from botocore.configprovider import ConfigChainFactory, ConstantProvider
from botocore.credentials import Credentials, DeferredRefreshableCredentials, create_credential_resolver
from botocore.exceptions import CredentialRetrievalError, NoCredentialsError
from botocore.session import Session

from ..configuration.aws import AwsConfiguration
from ..configuration.roles import WebIdentity
from ..configuration.values import choice, whole_number
from ..errors import ConfigurationError
from .attempts import MAX_ATTEMPTS, watch
from .credential_process import CredentialProcesses, ProcessProvider

_PACKAGE = "pulumi-workspaces-images"

# A role's session is renewed this many seconds before it ends. botocore's own 15 minutes are also the shortest session
# that STS grants: such a session would be renewed before every request.
_RENEWAL = 300

_CHAIN = "the AWS environment or profile"

_RETRY_MODES = ["legacy", "standard", "adaptive"]
_INSTANCE_METADATA = [
    ("metadata_service_timeout", "AWS_METADATA_SERVICE_TIMEOUT", 10),
    ("metadata_service_num_attempts", "AWS_METADATA_SERVICE_NUM_ATTEMPTS", 5),
]

T = TypeVar("T")


class ConfiguredSession(Session):
    """A botocore session that configures all its clients, also those that botocore creates for credentials."""

    def __init__(
        self,
        aws: AwsConfiguration,
        project: str,
        before_attempt: Callable[..., None],
        why_end: Callable[[], str] = lambda: "",
    ) -> None:
        """Ask nothing and read no file yet.

        Args:
            aws: the `aws:` keys of the stack configuration.
            project: the Pulumi project, for the user agent; may be empty.
            before_attempt: called before each attempt of each call; an exception that it raises ends the call.
            why_end: called while a credential process runs: returns why it must stop; empty if it may continue.
        """
        super().__init__()
        self._aws = aws
        self._before_attempt = before_attempt
        self._proxies = _proxies(aws)
        self._processes = CredentialProcesses(why_end)
        # Creating clients is not thread-safe (boto3's guide), and renewing a role's session creates one.
        self._creating = threading.RLock()
        self._first_region: str | None = None
        settings = {
            "profile": aws.profile,
            "config_file": aws.shared_config_file,
            "credentials_file": aws.shared_credentials_file,
            "ca_bundle": False if aws.insecure else aws.custom_ca_bundle,
            "use_fips_endpoint": aws.use_fips_endpoint,
            "use_dualstack_endpoint": aws.use_dualstack_endpoint,
            "ec2_metadata_service_endpoint": aws.ec2_metadata_service_endpoint,
            "ec2_metadata_service_endpoint_mode": aws.ec2_metadata_service_endpoint_mode,
            # The mode `auto` would ask the instance metadata service. All settings of a mode are set here explicitly.
            "defaults_mode": "legacy",
        }
        for name, value in settings.items():
            if value is not None:
                self.set_config_variable(name, value)
        # Empty variables count as not set, as in pulumi-aws. In botocore they count as set, and override the profile.
        self._environment = {name: value for name, value in os.environ.items() if value}
        self._hide_empty_variables()
        self.set_default_client_config(
            Config(
                connect_timeout=10,
                read_timeout=30,
                max_pool_connections=10,
                tcp_keepalive=True,
                proxies=self._proxies,
                user_agent_extra=_user_agent(aws, project),
            )
        )
        self.register_component("credential_provider", self)

    def create_client(
        self, service_name: str, region_name: str | None = None, *args: Any, **options: Any
    ) -> BaseClient:
        """Create a client as botocore does, with the configured endpoint, and for STS in `aws:stsRegion`."""
        if service_name == "sts":
            region_name = self._aws.sts_region or region_name
        options["endpoint_url"] = options.get("endpoint_url") or (self._aws.endpoints or {}).get(service_name)
        with self._creating:
            attempts = self._aws.max_retries or self._setting(whole_number, "max_attempts", "AWS_MAX_ATTEMPTS")
            retries: Any = {"mode": self._retry_mode(), "total_max_attempts": attempts or MAX_ATTEMPTS}
            options["config"] = Config(retries=retries).merge(options.get("config") or Config())
            self._first_region = self._first_region or region_name
            client = super().create_client(service_name, region_name, *args, **options)
            if self._proxies and _bypasses_proxy(client.meta.endpoint_url, self._proxies.get("no", "")):
                # botocore configures proxies per client, and the host is known only now.
                options["config"] = options["config"].merge(Config(proxies={}))
                client = super().create_client(service_name, region_name, *args, **options)
        watch(client, self._before_attempt, for_every_failure=bool(attempts))
        return client

    def _hide_empty_variables(self) -> None:
        store = self.get_component("config_store")
        chains = ConfigChainFactory(self, self._environment)
        for name, (key, variables, default, convert) in self.SESSION_VARIABLES.items():
            if any(os.environ.get(variable) == "" for variable in _listed(variables)):
                store.set_config_provider(name, chains.create_config_chain(name, variables, key, default, convert))
        if os.environ.get("REQUESTS_CA_BUNDLE") == "":
            store.get_config_provider("ca_bundle").set_default_provider(ConstantProvider(True))

    def _retry_mode(self) -> Any:
        mode = self._aws.retry_mode or self._setting(choice(_RETRY_MODES), "retry_mode", "AWS_RETRY_MODE")
        # The waits of `legacy` double without a limit, so no deadline would hold.
        return "standard" if mode == "legacy" else mode or "adaptive"

    def _setting(self, read: Callable[[Mapping[str, object], str, str], T], key: str, variable: str) -> T:
        """Read a setting from the environment, else from the profile. botocore's errors would not name the place.

        Raises:
            ConfigurationError: the value is wrong.
        """
        if variable in self._environment:
            return read(self._environment, variable, "")
        return read(self.get_scoped_config(), key, f"the AWS profile {self.profile_name}: ")

    @property
    def profile_name(self) -> str:
        """The profile in use; `default` if none is named."""
        return self.profile or "default"

    def load_credentials(self) -> Credentials | None:
        """Find the credentials: keys, else web identity, else botocore's chain. Then assume the roles, one by one.

        With this method the session is its own `credential_provider`. botocore calls it for the first client.
        """
        aws = self._aws
        credentials: Credentials | None
        if aws.access_key and aws.secret_key:
            credentials = Credentials(aws.access_key, aws.secret_key, aws.token)
        elif aws.assume_role_with_web_identity:
            credentials = _RoleCredentials(self._assume_with_web_identity(aws.assume_role_with_web_identity))
        else:
            credentials = self._chain_credentials()
        for request in aws.assume_roles or ():
            credentials = _RoleCredentials(self._assume(request, credentials))
        return credentials

    def _chain_credentials(self) -> Credentials | None:
        # Limit the time to find an instance role: about three requests, all of them within the deadline.
        for name, variable, most in _INSTANCE_METADATA:
            self.set_config_variable(name, min(self._setting(whole_number, name, variable) or 1, most))
        chain = create_credential_resolver(self, region_name=self._first_region)
        for provider in chain.providers:
            if hasattr(provider, "_environ"):
                provider._environ = self._environment
        assume_role: Any = chain.get_provider("assume-role")
        assume_role._prompter = _refuse_to_prompt
        assume_role._profile_provider_builder._create_process_provider = self._process_provider
        chain.insert_after(ProcessProvider.METHOD, self._process_provider(self.profile_name))
        chain.remove(ProcessProvider.METHOD)  # botocore's own, the first of that name
        if self._aws.skip_metadata_api_check:
            # The same provider object serves profiles with `credential_source = Ec2InstanceMetadata`.
            instance_metadata: Any = chain.get_provider("iam-role")
            instance_metadata.load = lambda: None
        credentials: Any = _reported(chain.load_credentials, _CHAIN)()
        if credentials is not None:
            credentials.get_frozen_credentials = _reported(credentials.get_frozen_credentials, _CHAIN)
        return credentials  # type: ignore[no-any-return]

    def _process_provider(self, profile_name: str) -> ProcessProvider:
        return ProcessProvider(profile_name, lambda: self.full_config, self._processes)

    def _assume(self, request: dict[str, Any], source: Credentials | None) -> Callable[[], dict[str, Any]]:
        def assume() -> dict[str, Any]:
            if source is None:
                raise NoCredentialsError
            keys = source.get_frozen_credentials()
            client: Any = self.create_client(
                "sts",
                self._first_region,
                aws_access_key_id=keys.access_key,
                aws_secret_access_key=keys.secret_key,
                aws_session_token=keys.token,
            )
            return _refreshed(client.assume_role(**request))

        return assume

    def _assume_with_web_identity(self, identity: WebIdentity) -> Callable[[], dict[str, Any]]:
        def assume() -> dict[str, Any]:
            token = identity.token
            if identity.token_file:
                try:
                    with open(identity.token_file, encoding="utf-8") as file:
                        token = file.read()
                except (OSError, ValueError):
                    name = "aws:assumeRoleWithWebIdentity.webIdentityTokenFile"
                    raise ConfigurationError(f"{name} cannot be read") from None
            config = Config(signature_version=UNSIGNED)
            client: Any = self.create_client("sts", self._first_region, config=config)
            request = identity.request | {"WebIdentityToken": token}
            return _refreshed(client.assume_role_with_web_identity(**request))

        return assume


def _listed(names: str | list[str] | None) -> list[str]:
    return [names] if isinstance(names, str) else names or []


class _RoleCredentials(DeferredRefreshableCredentials):
    """Credentials of an assumed role: requested when first needed, and renewed in time."""

    _advisory_refresh_timeout = _RENEWAL

    def __init__(self, assume: Callable[[], dict[str, Any]]) -> None:
        super().__init__(assume, "assume-role")
        self.get_frozen_credentials = _reported(self.get_frozen_credentials, "the configured role")  # type: ignore[method-assign]


def _reported(load: Callable[[], Any], provider: str) -> Callable[[], Any]:
    """Make `load` raise an error of botocore where botocore lets other errors through, for example from files."""

    def reporting() -> Any:
        try:
            return load()
        except (OSError, RuntimeError, ValueError) as error:
            raise CredentialRetrievalError(provider=provider, error_msg=str(error)) from None

    return reporting


def _refreshed(answer: Any) -> dict[str, Any]:
    """Return the answer of STS as botocore's refreshable credentials take it."""
    credentials = answer["Credentials"]
    return {
        "access_key": credentials["AccessKeyId"],
        "secret_key": credentials["SecretAccessKey"],
        "token": credentials["SessionToken"],
        "expiry_time": credentials["Expiration"].isoformat(),
    }


def _refuse_to_prompt(_prompt: str) -> str:
    raise ConfigurationError(
        "the AWS profile asks for an MFA code (mfa_serial), which cannot be typed here: "
        "sign in beforehand and put the session's credentials into the environment"
    )


def _proxies(aws: AwsConfiguration) -> dict[str, str] | None:
    """Return the proxies by scheme, and under `no` the hosts without a proxy; None leaves the choice to botocore."""
    if aws.http_proxy is None and aws.https_proxy is None and aws.no_proxy is None:
        return None
    environment = urllib.request.getproxies_environment()
    # Like pulumi-aws, use the HTTP proxy for HTTPS as well, unless that has its own, or an empty one.
    https = environment.get("https") or aws.http_proxy if aws.https_proxy is None else aws.https_proxy
    proxies = {
        "http": environment.get("http") if aws.http_proxy is None else aws.http_proxy,
        "https": https,
        "no": aws.no_proxy or environment.get("no"),
    }
    return {name: value for name, value in proxies.items() if value}


def _bypasses_proxy(url: str, no_proxy: str) -> bool:
    """Tell whether to reach `url` without a proxy, by the rules of pulumi-aws (Go's httpproxy package)."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        address = None
    if host == "localhost" or (address and address.is_loopback):
        return True
    for entry in no_proxy.lower().replace(" ", "").split(","):
        if entry == "*":
            return True
        if address and _contains(entry, address):
            return True
        name, _, of_port = entry.removeprefix("*").partition(":")
        # `.example.com` matches only subdomains.
        domain = name if name.startswith(".") else f".{name}"
        if name and of_port in ("", str(port)) and (host == name or host.endswith(domain)):
            return True
    return False


def _contains(network: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    try:
        return address in ipaddress.ip_network(network, strict=False)
    except ValueError:  # a name
        return False


def _user_agent(aws: AwsConfiguration, project: str) -> str:
    try:
        products = [f"{_PACKAGE}/{version(_PACKAGE)}"]
    except PackageNotFoundError:  # run from a source tree
        products = [_PACKAGE]
    if project:
        products.append(f"pulumi-project/{_sanitized(project)}")
    products += [_sanitized(product, besides="/ ()") for product in aws.user_agents or ()]
    return " ".join(products)


def _sanitized(text: str, besides: str = "") -> str:
    """Replace the characters that a product of the User-Agent header cannot have (RFC 9110, section 5.6.2)."""
    return re.sub(rf"[^A-Za-z0-9!#$%&'*+.^_`|~\-{re.escape(besides)}]", "-", text)
