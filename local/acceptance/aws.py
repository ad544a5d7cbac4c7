"""Call WorkSpaces with plain boto3, and keep the error code of every call."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import boto3
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError

from local.cloud.assumptions import SUCCESS
from pulumi_workspaces_images.aws.failures import _THROTTLING_CODES as THROTTLING_CODES
from pulumi_workspaces_images.aws.failures import AWS_ERRORS, from_aws
from pulumi_workspaces_images.errors import ExpectedError, without_passwords

UPDATE = "UpdateWorkspaceImagePermission"
LIST = "DescribeWorkspaceImagePermissions"
DESCRIBE = "DescribeWorkspaceImages"

# Seconds between the attempts of a call that AWS throttles.
_PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0)


class Answer(NamedTuple):
    """What AWS answers to one call.

    Attributes:
        code: the error code, or `SUCCESS`.
        status: the HTTP status.
        error: the error itself.
        body: the answer itself; empty after an error.
    """

    code: str
    status: int
    error: ClientError | None
    body: dict[str, Any]


class Listing(NamedTuple):
    """The shares of an image.

    Attributes:
        accounts: the recipients.
        pages: how many shares each page of the listing held.
    """

    accounts: frozenset[str]
    pages: tuple[int, ...]


class Aws:
    """WorkSpaces, as an account in a Region.

    Attributes:
        calls: the error codes of all calls so far, in order; `SUCCESS` for calls without an error.
        endpoint: the URL that is called, without a password.
        wait: waits a number of seconds.
    """

    def __init__(self, region: str, profile: str | None = None, wait: Callable[[float], None] = time.sleep) -> None:
        """Connect with the credentials of the environment, or of a profile of the AWS configuration files.

        Args:
            region: the Region.
            profile: the profile.
            wait: waits a number of seconds.

        Raises:
            ExpectedError: there is no such profile, or the configuration has another mistake.
        """
        self.calls: list[str] = []
        self._region = region
        self.wait = wait
        # One attempt, because a second one would hide the first answer.
        config = Config(
            retries={"total_max_attempts": 1, "mode": "standard"},
            connect_timeout=10,
            read_timeout=30,
            user_agent_extra="pulumi-workspaces-images/acceptance",
        )
        try:
            session = boto3.Session(profile_name=profile, region_name=region)
            self._client: Any = session.client("workspaces", config=config)
        except AWS_ERRORS as error:
            raise from_aws(error, f"connecting to workspaces in {region}", "") from None
        self.endpoint = without_passwords(self._client.meta.endpoint_url)

    def ask(self, operation: str, **parameters: Any) -> Answer:
        """Make one call, and repeat it while AWS throttles it.

        Raises:
            ExpectedError: AWS did not answer, or throttled every attempt.
        """
        doing, action = f"calling {operation} in {self._region}", f"workspaces:{operation}"
        for pause in (*_PAUSES, None):
            try:
                body = getattr(self._client, xform_name(operation))(**parameters)
            except ClientError as error:
                code = str(error.response.get("Error", {}).get("Code", ""))
                status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
                self.calls.append(code)
                if code not in THROTTLING_CODES:
                    return Answer(code, status, error, {})
                if pause is None:
                    raise from_aws(error, doing, action) from None
                self.wait(pause)
            except AWS_ERRORS as error:
                raise from_aws(error, doing, action) from None
            else:
                self.calls.append(SUCCESS)
                return Answer(SUCCESS, body["ResponseMetadata"]["HTTPStatusCode"], None, body)
        raise AssertionError("unreachable")

    def need(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """Make one call that must succeed, and return its answer.

        Raises:
            ExpectedError: the call failed.
        """
        answer = self.ask(operation, **parameters)
        if answer.error:
            raise from_aws(answer.error, f"calling {operation} in {self._region}", f"workspaces:{operation}")
        return answer.body

    def shares(self, image_id: str) -> Listing:
        """List the shares of an image, all pages.

        Raises:
            ExpectedError: a call failed.
        """
        accounts: set[str] = set()
        pages: list[int] = []
        token: dict[str, str] = {}
        while True:
            page = self.need(LIST, ImageId=image_id, MaxResults=25, **token)
            found = [permission["SharedAccountId"] for permission in page["ImagePermissions"]]
            accounts.update(found)
            pages.append(len(found))
            if not page.get("NextToken"):
                return Listing(frozenset(accounts), tuple(pages))
            token = {"NextToken": page["NextToken"]}


class Reports:
    """The calls of the provider processes, which botocore reports to a port of this machine if it is asked to.

    A report holds the access key's id and the session token, which are useless without the secret key. Only the error
    code of a report is kept.

    Attributes:
        calls: the error codes of the calls to WorkSpaces so far; `SUCCESS` for calls without an error.
        environment: the variables that make botocore report.
    """

    def __init__(self) -> None:
        self.calls: list[str] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.environment = {
            "AWS_CSM_ENABLED": "true",
            "AWS_CSM_HOST": "127.0.0.1",
            "AWS_CSM_PORT": str(self._socket.getsockname()[1]),
            "AWS_CSM_CLIENT_ID": "acceptance",
        }
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            with contextlib.suppress(ValueError):
                report = json.loads(self._socket.recv(65_535))
                if (report.get("Type"), report.get("Service")) == ("ApiCallAttempt", "WorkSpaces"):
                    self.calls.append(report.get("AwsException") or report.get("SdkException") or SUCCESS)


def is_throttled(code: str) -> bool:
    """Tell whether an error code says that AWS throttles."""
    return code in THROTTLING_CODES


def refused(error: ClientError | None) -> str:
    """Return AWS's error message, on one line."""
    return str(ExpectedError(str(error)))
