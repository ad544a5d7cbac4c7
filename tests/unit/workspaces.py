"""Helpers of the tests of permissions: calls and answers of Amazon WorkSpaces, and the beginnings of messages."""

import time
import traceback
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ReadTimeoutError
from botocore.stub import Stubber

from pulumi_workspaces_images.aws.connection import Caller
from pulumi_workspaces_images.aws.permissions import PAGE_SIZE, Permissions
from tests.unit.helpers import IMAGE, REGION, SALES, SHARE, Answer, FakeConnection

URL = "https://workspaces.us-east-1.amazonaws.com/"
GRANTING = f"sharing image {IMAGE} with {SALES} in {REGION}"
REVOKING = f"unsharing image {IMAGE} from {SALES} in {REGION}"
LISTING = f"listing the shares of image {IMAGE} in {REGION}"
LOOKING = f"describing image {IMAGE} in {REGION}"

UPDATE = "update_workspace_image_permission"
PERMISSIONS = "describe_workspace_image_permissions"
IMAGES = "describe_workspace_images"

LOST: Answer = ReadTimeoutError(endpoint_url=URL)
THROTTLED: Answer = (400, "ThrottlingException", "Rate exceeded")
UNAVAILABLE: Answer = (400, "ResourceUnavailableException", "The image is being created.")
DENIED: Answer = (400, "AccessDeniedException", "No.")
GONE: Answer = (400, "ResourceNotFoundException", "No such image.")
OK: Answer = {}


def permissions(
    make: Callable[[str], Any],
    caller: Caller | None = None,
    clock: Callable[[], float] = time.monotonic,
    **options: Any,
) -> Permissions:
    return Permissions(FakeConnection(make, caller, clock), **options)


def grant(asked: Permissions) -> None:
    asked.grant(SHARE)


def revoke(asked: Permissions) -> None:
    asked.revoke(SHARE)


def stands_alone(error: BaseException) -> bool:
    """Tell whether the traceback hides the error that caused it: botocore's error may show a signature."""
    return "".join(traceback.format_exception(error)).count("Traceback (most recent call last)") == 1


def stub_list(stubber: Stubber, page: dict[str, Any], token: str | None = None) -> None:
    expected: dict[str, Any] = {"ImageId": IMAGE, "MaxResults": PAGE_SIZE}
    stubber.add_response(PERMISSIONS, page, expected if token is None else {**expected, "NextToken": token})


def stub_update(stubber: Stubber, allow: bool) -> None:
    request = {"ImageId": IMAGE, "AllowCopyImage": allow, "SharedAccountId": SALES}
    stubber.add_response(UPDATE, {}, request)
