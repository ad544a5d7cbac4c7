"""Find every problem of a resource that a preview can know. All are reported at once, each with its property."""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pulumi.dynamic import CheckFailure
from pulumi.output import Unknown

from ..errors import ConfigurationError, NoSuchRegion, NotFound
from ..share import account_id_problem, image_id_problem, shown

if TYPE_CHECKING:
    from ..aws.connection import Caller
    from ..aws.permissions import Image
    from .command import Command


def find_region(command: "Command", news: Mapping[str, Any], olds: Mapping[str, Any]) -> Any:
    """Return the Region of a resource: argument, configuration, state, environment; unknown stays unknown.

    Args:
        command: the command.
        news: the resource's arguments.
        olds: its inputs in the state.

    Raises:
        ConfigurationError: there is no Region, or it does not exist.
    """
    region = news.get("region")
    if isinstance(region, Unknown):
        return region
    if region is not None and not isinstance(region, str):
        raise ConfigurationError(f"must be the name of a Region, e.g. 'us-east-1'; it is {shown(region)}")
    try:
        return command.connection.valid_region(region or command.kept_region(news.get("image_id"), olds))
    except NoSuchRegion as error:
        if region:
            raise
        source = " (it comes from aws:region, AWS_REGION, AWS_DEFAULT_REGION or the AWS profile)"
        raise ConfigurationError(str(error) + source) from None


def region_or_failure(
    command: "Command", news: Mapping[str, Any], olds: Mapping[str, Any], failures: list[CheckFailure]
) -> Any:
    """Return what `find_region` returns. If it fails, add the failure to `failures` and return None."""
    try:
        return find_region(command, news, olds)
    except ConfigurationError as error:
        failures.append(CheckFailure("region", str(error)))
        return None


def format_failures(image_id: Any, account_id: Any) -> list[CheckFailure]:
    """Return what is wrong with the format of a share's ids. Unknown values are skipped."""
    return _format_failures(
        ("image_id", image_id_problem, image_id), ("shared_account_id", account_id_problem, account_id)
    )


def list_format_failures(image_id: Any, account_ids: Any) -> list[CheckFailure]:
    """Return what is wrong with the format of an image id and a list of accounts. Unknown values are skipped."""
    name = "shared_account_ids"
    failures = _format_failures(("image_id", image_id_problem, image_id))
    if isinstance(account_ids, Unknown):
        return failures
    if not isinstance(account_ids, list):
        return [*failures, CheckFailure(name, f"must be a list of AWS accounts; it is {shown(account_ids)}")]
    return failures + _format_failures(
        *((f"{name}[{index}]", account_id_problem, account) for index, account in enumerate(account_ids))
    )


def _format_failures(*found: tuple[str, Callable[[object], str | None], Any]) -> list[CheckFailure]:
    problems = [(name, None if isinstance(value, Unknown) else problem(value)) for name, problem, value in found]
    return [CheckFailure(name, problem) for name, problem in problems if problem]


def live_failures(
    command: "Command",
    image_id: str | None,
    shared_account_id: str | None,
    region: str | None,
    *,
    region_is_written: bool,
) -> list[CheckFailure]:
    """Return the problems of a share that AWS knows about.

    Args:
        command: the command.
        image_id: the image; None if it is unknown, or found wrong already.
        shared_account_id: the recipient; None likewise.
        region: the Region; None likewise.
        region_is_written: whether the program names the Region.

    Raises:
        ExpectedError: AWS could not be asked (access, credentials, no answer).
    """
    if not region:
        return []
    caller = command.caller(region)
    image = None
    failures = []
    if image_id:
        try:
            image = command.permissions.describe(image_id, region)
        except NotFound:
            asked = f" for account {caller.account} ({caller.arn})" if caller else ""
            reason = (
                f"image {image_id} was not found in {region}{asked}; only its owner can share it: check the "
                "credentials, the Region and the id, and whether it was deleted"
            )
            if not region_is_written:
                reason += _source_of_region(command, image_id, region)
            failures.append(CheckFailure("image_id", reason))
        else:
            partition = command.connection.partition(region)
            failures += [CheckFailure("image_id", p) for p in _image_problems(image, region, partition, caller)]
    owner = image.owner_account_id if image and image.owner_account_id else caller.account if caller else None
    if shared_account_id and shared_account_id == owner:
        reason = f"account {shared_account_id} owns the image itself; share it with another account"
        failures.append(CheckFailure("shared_account_id", reason))
    return failures


def _source_of_region(command: "Command", image_id: str, region: str) -> str:
    """Say where the Region of a resource that names none comes from; nothing if the configuration names it."""
    if command.connection.configured_region:
        return ""
    if region == command.kept_region(image_id, {}):
        return f" ({region} is the Region in the state; to move the share, give the resource a region)"
    others = [other for other in command.regions_of_others() if other != region]
    state = f"; the state has other shares in {', '.join(others)}" if others else ""
    return f" ({region} comes from AWS_REGION, AWS_DEFAULT_REGION or the AWS profile{state})"


def organization_failures(command: "Command", shared_account_id: str | None, region: str | None) -> list[CheckFailure]:
    """Return the failure if the recipient is not a member of the organization, and has to be.

    This is separate from `live_failures`: an account that is not a member is refused even if AWS does not answer about
    the image.

    Args:
        command: the command.
        shared_account_id: the recipient; None if it is unknown, or found wrong already.
        region: the Region; None likewise.

    Raises:
        ExpectedError: the organization could not be asked.
    """
    if not shared_account_id or not region:
        return []
    problem = command.recipients.organization_problem(shared_account_id, region)
    return [CheckFailure("shared_account_id", problem)] if problem else []


def _image_problems(image: "Image", region: str, partition: str, caller: "Caller | None") -> Iterator[str]:
    if caller and image.owner_account_id not in (None, caller.account):
        yield (
            f"image {image.image_id} in {region} is owned by account {image.owner_account_id}, and the caller is "
            f"{caller.account} ({caller.arn}); only its owner can share it"
        )
    if image.state != "AVAILABLE":
        yield f"image {image.image_id} in {region} is {image.state}; only an AVAILABLE image can be shared"
    if image.byol and partition == "aws-us-gov":
        yield (
            f"image {image.image_id} in {region} is a BYOL image, which cannot be shared with other accounts in "
            "AWS GovCloud (US); contact AWS Support"
        )
