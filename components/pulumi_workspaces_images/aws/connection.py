"""AWS as the stack configuration says: Regions, clients and the caller.

No pulumi in here, and botocore's session only when it is needed. Precedence: a resource's argument, the `aws:` keys of
the stack configuration, the environment, the profile. Beneath is botocore's own chain of credentials:
environment, profiles, SSO, web identity, container and instance roles.
"""

import difflib
import os
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, overload

from botocore.exceptions import ConfigParseError, InvalidRegionError, ProfileNotFound, UnknownRegionError

from ..configuration.aws import read_aws
from ..errors import ConfigurationError, ExpectedError, without_passwords
from .failures import AWS_ERRORS, from_aws

if TYPE_CHECKING:
    from botocore.client import BaseClient
    from mypy_boto3_organizations import OrganizationsClient
    from mypy_boto3_sts import STSClient
    from mypy_boto3_workspaces import WorkSpacesClient

    from .session import ConfiguredSession

_READING = "reading the AWS profile"

_NAMES = {"workspaces": "WorkSpaces"}


@dataclass(frozen=True)
class Caller:
    """Who AWS takes the caller for (sts:GetCallerIdentity).

    Attributes:
        account: the account id, 12 digits.
        arn: the ARN of the user or of the role's session.
    """

    account: str
    arn: str


class Connection:
    """AWS, as the stack configuration says; one per provider process, shared by its threads."""

    def __init__(self, configuration: Mapping[str, object], *, project: str = "") -> None:
        """Read the `aws:` keys. AWS is not asked, and no session made, before it is needed.

        Args:
            configuration: the raw stack configuration, keys with their namespace, e.g. `aws:region`.
            project: the Pulumi project, named in the user agent.

        Raises:
            ConfigurationError: keys that cannot be honoured, all of them, each with its name.
        """
        self._aws = read_aws(configuration)
        self._project = project
        self._lock = threading.RLock()
        self._session: ConfiguredSession | None = None
        self._clients: dict[tuple[str, str], BaseClient] = {}
        self._known_regions: dict[str, list[str]] = {}
        self._caller: Caller | None = None
        self._asking: Future[Caller] | None = None

    def region(self, argument: str | None = None) -> str:
        """Return the Region: the argument, `aws:region`, AWS_REGION, AWS_DEFAULT_REGION, or the profile's.

        Raises:
            ConfigurationError: there is none, or the profile or its file cannot be read.
        """
        region = (
            argument
            or self._aws.region
            or os.environ.get("AWS_REGION")
            or os.environ.get("AWS_DEFAULT_REGION")
            or self._profile().get("region")
        )
        if not region:
            raise ConfigurationError(
                "no AWS Region is set: give the resource a region, or set one for the stack with "
                "`pulumi config set aws:region us-east-1`, or AWS_REGION in the environment"
            )
        return str(region)

    def region_problem(self, region: str, service: str = "workspaces") -> str | None:
        """Say in one clause why `service` cannot be in `region`; None where it can, as far as botocore knows.

        With `aws:skipRegionValidation` any Region will do, by its own name: botocore has second ones for FIPS
        endpoints, and a second name would make a second share of the same one.
        """
        if "fips" in region.split("-"):
            return f"{region!r} is an endpoint, not a Region; name the Region, and set aws:useFipsEndpoint"
        if self._aws.skip_region_validation:
            return None
        name = _NAMES.get(service, service)
        regions = self._regions(service)
        if region in regions:
            return None
        near = difflib.get_close_matches(region, regions, n=3)
        if region not in self._regions("sts"):
            problem = f"{region!r} is not a Region where {name} exists"
            return f"{problem}; did you mean {', '.join(near)}?" if near else problem
        # A good name: what is near is then a matter of geography, `eu` for `eu-north-1`.
        partition, area = self.partition(region), region.split("-")[0]
        near = [r for r in regions if r.split("-")[0] == area and self.partition(r) == partition] or near
        return f"{name} does not exist in {region}; near it are {', '.join(near)}"

    def partition(self, region: str) -> str:
        """Return a Region's partition: `aws`, `aws-cn`, `aws-us-gov`, ...; `aws` for a name nobody knows."""
        with self._lock:
            try:
                return self._connected().get_partition_for_region(region)
            except UnknownRegionError:
                return "aws"
            except AWS_ERRORS as error:
                raise self._translated(error, _READING) from None

    @overload
    def client(self, service: Literal["workspaces"], region: str) -> "WorkSpacesClient": ...
    @overload
    def client(self, service: Literal["sts"], region: str) -> "STSClient": ...
    @overload
    def client(self, service: Literal["organizations"], region: str) -> "OrganizationsClient": ...
    @overload
    def client(self, service: str, region: str) -> "BaseClient": ...
    def client(self, service: str, region: str) -> "BaseClient":
        """Return the client for a service in a Region; one for all threads.

        With `aws:allowedAccountIds` or `aws:forbiddenAccountIds` AWS is first asked who the caller is: nobody
        gets a client for an account that is not meant.

        Raises:
            ConfigurationError: the caller's account is not meant, or there is no such profile or Region name.
            CredentialsError: the credentials are incomplete or cannot be loaded. (That there are none shows
                in a call.)
            ExpectedError: AWS was asked who the caller is, and did not say.
        """
        if service != "sts" and (self._aws.allowed_account_ids or self._aws.forbidden_account_ids):
            self.caller(region)
        with self._lock:
            client = self._clients.get((service, region))
            if client is None:
                try:
                    client = self._connected().create_client(service, region)
                except AWS_ERRORS as error:
                    raise self._translated(error, f"connecting to {service} in {region}") from None
                except ValueError as error:  # an endpoint or a number from the environment
                    said = without_passwords(str(error))
                    raise ConfigurationError(
                        f"connecting to {service} in {region}: {said}; check the AWS_ variables of the environment"
                    ) from None
                self._clients[service, region] = client
            return client

    def caller(self, region: str | None = None) -> Caller | None:
        """Return who AWS takes the caller for; it is asked once, by whichever thread comes first.

        A failure is not kept: who waits for the answer meets it too, who comes later asks anew.

        Args:
            region: where to ask; `aws:stsRegion` comes first, and without either it is `region()`.

        Returns:
            None where `aws:skipRequestingAccountId` is true.

        Raises:
            ConfigurationError: the account is forbidden, or not allowed, by `aws:forbiddenAccountIds` or
                `aws:allowedAccountIds`; or no Region is set.
            AccessDenied, CredentialsError, Refused, Unanswered: AWS did not say.
        """
        if self._aws.skip_requesting_account_id:
            return None
        with self._lock:
            asking = self._asking
            if asking is None:
                asking = self._asking = Future()
                mine = True
            else:
                mine = False
        if mine:
            try:
                self._caller = self._ask_caller(region)
                asking.set_result(self._caller)
            except BaseException as error:
                self._asking = None
                asking.set_exception(error)
        caller = asking.result()
        self._check_account(caller)
        return caller

    def known_caller(self) -> Caller | None:
        """Return the caller if AWS has said already; it is never asked."""
        return self._caller

    def _ask_caller(self, region: str | None) -> Caller:
        client = self.client("sts", self._aws.sts_region or region or self.region())
        try:
            answer = client.get_caller_identity()
        except AWS_ERRORS as error:
            raise self._translated(error, "asking AWS who the caller is", "sts:GetCallerIdentity") from None
        return Caller(answer["Account"], answer["Arn"])

    def _check_account(self, caller: Caller) -> None:
        if caller.account in (self._aws.forbidden_account_ids or ()):
            raise ConfigurationError(
                f"aws:forbiddenAccountIds lists the caller's account {caller.account} ({caller.arn})"
            )
        if caller.account not in (self._aws.allowed_account_ids or (caller.account,)):
            raise ConfigurationError(
                f"aws:allowedAccountIds does not list the caller's account {caller.account} ({caller.arn})"
            )

    def _connected(self) -> "ConfiguredSession":
        with self._lock:
            if self._session is None:
                from .session import ConfiguredSession

                self._session = ConfiguredSession(self._aws, self._project)
            return self._session

    def _profile(self) -> dict[str, Any]:
        with self._lock:
            try:
                return self._connected().get_scoped_config()
            except AWS_ERRORS as error:
                raise self._translated(error, _READING) from None

    def _regions(self, service: str) -> list[str]:
        with self._lock:
            if service not in self._known_regions:  # every check of every share asks
                session = self._connected()
                try:
                    partitions = session.get_available_partitions()
                    regions = [r for p in partitions for r in session.get_available_regions(service, p)]
                except AWS_ERRORS as error:
                    raise self._translated(error, _READING) from None
                self._known_regions[service] = regions
            return self._known_regions[service]

    def _translated(self, error: Exception, doing: str, action: str = "") -> ExpectedError:
        if isinstance(error, ProfileNotFound):
            key = "aws:profile" if self._aws.profile else "AWS_PROFILE or AWS_DEFAULT_PROFILE"
            return ConfigurationError(f"{key} names a profile that is not in the AWS configuration files: {error}")
        if isinstance(error, ConfigParseError | InvalidRegionError):
            return ConfigurationError(f"{doing}: {error}")
        return from_aws(error, doing, action)
