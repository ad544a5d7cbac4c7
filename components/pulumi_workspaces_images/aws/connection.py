"""AWS as the stack configures it: Regions, clients and the caller.

This imports no pulumi, and botocore's session only when it is needed. Precedence: a resource's argument, the `aws:`
keys of the stack configuration, the environment, the profile. Below that, botocore's own chain finds the credentials:
environment, profiles, SSO, web identity, container and instance roles.
"""

import os
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from botocore.exceptions import ClientError, ConfigParseError, InvalidRegionError, ProfileNotFound, UnknownRegionError

from ..configuration.aws import read_aws
from ..errors import ConfigurationError, ExpectedError, NoRegion, NoSuchRegion, Refused, Unanswered, without_passwords
from .failures import AWS_ERRORS, from_aws
from .regions import region_problem

if TYPE_CHECKING:
    from botocore.client import BaseClient
    from mypy_boto3_organizations import OrganizationsClient
    from mypy_boto3_sts import STSClient
    from mypy_boto3_workspaces import WorkSpacesClient

    from .session import ConfiguredSession

T = TypeVar("T")

# Seconds for one call with all its retries: after an hour of throttling a user wants a message, not a hanging pipeline.
DEADLINE = 300.0

_NO_LIMITS = float("inf"), None
_READING = "reading the AWS profile"


@dataclass(frozen=True)
class Caller:
    """The caller's identity according to AWS (sts:GetCallerIdentity).

    Attributes:
        account: the account id, 12 digits.
        arn: the ARN of the user or of the role's session.
    """

    account: str
    arn: str


class Connection:
    """AWS as the stack configures it. One per provider process, shared by its threads.

    Every request goes through `ask`.
    """

    def __init__(
        self,
        configuration: Mapping[str, object],
        *,
        project: str = "",
        clock: Callable[[], float] = time.monotonic,
        interrupted: Callable[[], bool] = lambda: False,
    ) -> None:
        """Read the `aws:` keys. AWS is asked, and a session created, only when it is needed.

        Args:
            configuration: the raw stack configuration, keys with their namespace, e.g. `aws:region`.
            project: the Pulumi project, named in the user agent.
            clock: the time in seconds, for deadlines and for the age of answers.
            interrupted: whether the user has interrupted the command, which stops a credential process.

        Raises:
            ConfigurationError: keys are wrong or unsupported; one message names them all.
        """
        self.clock = clock
        self._aws = read_aws(configuration)
        self._project = project
        self._call = threading.local()
        self._interrupted = interrupted
        self._lock = threading.RLock()
        self._session: ConfiguredSession | None = None
        self._clients: dict[tuple[str, str], BaseClient] = {}
        self._known_regions: dict[str, tuple[str, ...]] = {}
        self._caller: Caller | None = None
        self._asking: Future[Caller] | None = None

    @property
    def configured_region(self) -> str | None:
        """The Region that the configuration names; None if it is left to the environment."""
        return self._aws.region

    def region(self, argument: str | None = None) -> str:
        """Return the Region: the argument, `aws:region`, AWS_REGION, AWS_DEFAULT_REGION, or the profile's.

        Raises:
            NoRegion: there is none.
            ConfigurationError: the profile or its file cannot be read.
        """
        region = (
            argument
            or self._aws.region
            or os.environ.get("AWS_REGION")
            or os.environ.get("AWS_DEFAULT_REGION")
            or self._profile().get("region")
        )
        if not region:
            raise NoRegion(
                "no AWS Region is set: give the resource a region, set one for the stack with "
                "`pulumi config set aws:region us-east-1`, or set AWS_REGION in the environment"
            )
        return str(region)

    def valid_region(self, argument: str | None = None) -> str:
        """Return the Region as `region` does, if botocore knows that WorkSpaces exists there.

        With `aws:skipRegionValidation` any Region is accepted, but only by its own name. botocore also knows FIPS
        endpoints as Regions, and a second name for a Region would create a second resource for the same share.

        Raises:
            NoSuchRegion: WorkSpaces does not exist there.
            NoRegion: there is none.
            ConfigurationError: the profile or its file cannot be read.
        """
        region = self.region(argument)
        if "fips" in region.split("-"):
            raise NoSuchRegion(f"{region!r} is an endpoint, not a Region; name the Region, and set aws:useFipsEndpoint")
        if not self._aws.skip_region_validation:
            problem = region_problem(region, self._regions("workspaces"), self._regions("sts"), self.partition)
            if problem:
                raise NoSuchRegion(problem)
        return region

    def partition(self, region: str) -> str:
        """Return a Region's partition: `aws`, `aws-cn`, `aws-us-gov`, ...; `aws` for an unknown Region."""
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
    def client(self, service: str, region: str) -> "BaseClient":
        """Return the client for a service in a Region; all threads share it. Call this within `ask`.

        With `aws:allowedAccountIds` or `aws:forbiddenAccountIds`, AWS is first asked who the caller is, so that no
        client is created for the wrong account.

        Raises:
            ConfigurationError: the caller's account is not allowed, or there is no such profile or Region name.
            CredentialsError: the credentials are incomplete or cannot be loaded. (Missing credentials are only found
                when the client makes a call.)
            ExpectedError: AWS could not be asked who the caller is.
        """
        if service != "sts" and (self._aws.allowed_account_ids or self._aws.forbidden_account_ids):
            self.caller(region)
        with self._lock:
            client = self._clients.get((service, region))
            if client is None:
                doing = f"connecting to {service} in {region}"
                try:
                    client = self._create_client(service, region)
                except AWS_ERRORS as error:
                    failure = self._translated(error, doing)
                    raise self._misconfigured(failure) if type(failure) is Refused else failure from None
                except ValueError as error:  # for example an endpoint that is not a URL
                    raise self._misconfigured(f"{doing}: {without_passwords(str(error))}") from None
                self._clients[service, region] = client
            return client

    def caller(self, region: str | None = None) -> Caller | None:
        """Return the caller's identity. AWS is asked once, by the first thread that needs it.

        A failure is raised in all threads that wait for the answer, and is not kept: a later call asks again.

        Args:
            region: the Region to ask in. `aws:stsRegion` takes precedence; without either it is `region()`.

        Returns:
            The caller; None if `aws:skipRequestingAccountId` is true.

        Raises:
            ConfigurationError: `aws:forbiddenAccountIds` or `aws:allowedAccountIds` excludes the account, or no Region
                is set.
            AccessDenied, CredentialsError, Refused, Unanswered: the request failed.
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

    def ask(
        self,
        doing: str,
        action: str,
        call: Callable[[], T],
        *,
        region: str = "",
        before_attempt: Callable[[], None] | None = None,
    ) -> T:
        """Make a request to AWS. All requests go through here: one deadline, and one translation of failures.

        Args:
            doing: what is being done, for messages, e.g. `listing the images in us-east-1`.
            action: the IAM action behind it, e.g. `workspaces:DescribeWorkspaceImages`.
            call: creates the client and calls its method. `DEADLINE` limits all of it: all attempts, finding the
                credentials, and assuming roles.
            region: the Region to ask in; empty for a global service.
            before_attempt: called before each attempt; an exception that it raises ends the call.

        Returns:
            What `call` returned.

        Raises:
            NotFound, AccessDenied, CredentialsError, Refused, Unanswered: AWS refused the request or did not answer.
        """
        outer = getattr(self._call, "limits", _NO_LIMITS)
        # Requests made on the way, such as asking who the caller is, belong to the same call.
        self._call.limits = min(outer[0], self.clock() + DEADLINE), before_attempt
        try:
            return call()
        except _TooLate:
            raise Unanswered(
                f"{doing}: AWS throttled or failed every attempt for {DEADLINE:.0f} s; try again later"
            ) from None
        except AWS_ERRORS as error:
            caller = self._caller
            doing = f"{doing} as {caller.arn}" if caller else doing
            raise self._translated(error, doing, action, region) from None
        finally:
            self._call.limits = outer

    def _before_attempt(self, event_name: str, **_: Any) -> None:
        """Handle botocore's event before a request is sent."""
        deadline, before_attempt = getattr(self._call, "limits", _NO_LIMITS)
        if self.clock() > deadline:
            raise _TooLate
        # Not before assuming a role on the way.
        if before_attempt and event_name.startswith("before-send.workspaces."):
            before_attempt()

    def _why_end(self) -> str:
        """Return why the credential process of the current call must stop; empty if it may continue."""
        # An interrupted Python waits for its threads before it ends, and has no public API that says so.
        if self._interrupted() or getattr(threading, "_SHUTTING_DOWN", False):
            return "was stopped because the command was interrupted"
        deadline, _ = getattr(self._call, "limits", _NO_LIMITS)
        if self.clock() > deadline:
            return f"did not end in {DEADLINE:.0f} s and was stopped; run it by hand to see what it waits for"
        return ""

    def _create_client(self, service: str, region: str) -> "BaseClient":
        return self._connected().create_client(service, region)

    def _misconfigured(self, problem: object) -> ConfigurationError:
        """Return the error for a setting that botocore refuses before it asks AWS, mostly without naming its place."""
        profile = self._connected().profile_name
        return ConfigurationError(
            f"{problem}; check the AWS_ variables of the environment and the AWS profile {profile}"
        )

    def _ask_caller(self, region: str | None) -> Caller:
        where = self._aws.sts_region or region or self.region()
        answer = self.ask(
            "asking AWS who the caller is",
            "sts:GetCallerIdentity",
            lambda: self.client("sts", where).get_caller_identity(),
            region=where,
        )
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

                self._session = ConfiguredSession(self._aws, self._project, self._before_attempt, self._why_end)
            return self._session

    def _profile(self) -> dict[str, Any]:
        with self._lock:
            try:
                return self._connected().get_scoped_config()
            except AWS_ERRORS as error:
                raise self._translated(error, _READING) from None

    def _regions(self, service: str) -> tuple[str, ...]:
        with self._lock:
            if service not in self._known_regions:  # every check of every share calls this
                session = self._connected()
                try:
                    partitions = session.get_available_partitions()
                    regions = [r for p in partitions for r in session.get_available_regions(service, p)]
                except AWS_ERRORS as error:
                    raise self._translated(error, _READING) from None
                self._known_regions[service] = tuple(regions)
            return self._known_regions[service]

    def _translated(self, error: Exception, doing: str, action: str = "", region: str = "") -> ExpectedError:
        if isinstance(error, ProfileNotFound):
            key = "aws:profile" if self._aws.profile else "AWS_PROFILE or AWS_DEFAULT_PROFILE"
            return ConfigurationError(f"{key} names a profile that is not in the AWS configuration files: {error}")
        if isinstance(error, ConfigParseError | InvalidRegionError):
            return ConfigurationError(f"{doing}: {error}")
        if isinstance(error, ClientError) and error.operation_name.startswith("AssumeRole"):
            region = self._aws.sts_region or region
        return from_aws(error, doing, action, region)


class _TooLate(Exception):
    """The call's deadline has passed."""
