"""`find_image`, `find_images`: look up golden images by name while a Pulumi program runs."""

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timezone
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi import Input, Output

from ..errors import ConfigurationError, ExpectedError, NoSuchRegion, NotFound
from .explicit_provider import Provider
from .program import awaited, current_run

# The AWS modules are imported when they are needed: most programs only declare shares.
if TYPE_CHECKING:
    from ..aws.connection import Connection
    from ..aws.permissions import Image

_OLDEST = datetime.min.replace(tzinfo=timezone.utc)


@dataclass(frozen=True)
class FoundImage:
    """An image found by `find_image` or `find_images`: the caller owns it, and it is AVAILABLE.

    Pass it to a share in place of an image id. The share then uses the Region where the image was found.

    Attributes:
        image_id: its id, e.g. `wsi-0a1b2c3d4`.
        name: its name, e.g. `golden-2024-05`. Several images may have the same name.
        created: when AWS created it, in UTC; None if AWS does not say.
        region: its Region, e.g. `us-east-1`.
    """

    image_id: str
    name: str
    created: datetime | None
    region: str


def find_image(name: str, region: str | None = None, provider: Provider | None = None) -> FoundImage:
    """Find the newest AVAILABLE image that the caller owns and whose name matches.

    Anyone who can create an image with such a name in the owner's account decides what is shared. To share one
    particular image, use its id instead.

    Examples:
        >>> ImageShare("sales", find_image("golden-*"), "222222222222")

    Args:
        name: the image's name as a glob, e.g. `golden-*`; see `find_images`.
        region: the Region to search. Default: that of `provider` or of `aws:region`, else of the AWS environment.
        provider: a `Provider` with plain arguments, whose settings are used. Default: the `aws:` keys of the stack.

    Returns:
        The newest image, by its creation date in AWS.

    Raises:
        pulumi.RunError: there is no such image, or a reason of `find_images`; one line.
    """
    try:
        connection, where, images = _look("find_image", name, region, provider)
        found = _newest_first(images, where)
        if not found:
            raise NotFound(_nothing(connection, where, name, images))
    except ExpectedError as error:
        raise pulumi.RunError(str(error)) from error
    return found[0]


def find_images(name: str, region: str | None = None, provider: Provider | None = None) -> list[FoundImage]:
    """Find the AVAILABLE images that the caller owns and whose name matches, newest first.

    Use it for golden images that get a new id every month. It asks AWS at once, in each preview and each up, so the
    preview in which a newer image first appears shows which share is added and which one is removed. Images that other
    accounts share with the caller are not found. However often this is called, a Region's images are listed once per
    run of the program (once in five minutes if a run takes longer).

    Pulumi's mocks cover only resources and invokes. So a unit test with `pulumi.runtime.set_mocks` must replace this
    function, and likewise `find_image`, before it imports the program:

        image = FoundImage("wsi-0a1b2c3d4", "golden-2024-05", None, "us-east-1")
        with unittest.mock.patch("pulumi_workspaces_images.find_images", return_value=[image]):
            import my_program

    Args:
        name: the image's name as a glob, e.g. `golden-*`: `*` matches any text, `?` one character, `[ab]` one of these
            characters; upper and lower case differ. A name without these characters matches only itself. It cannot be
            an Output, because AWS is asked at once.
        region: the Region to search. Default: that of `provider` or of `aws:region`, else of the AWS environment.
        provider: a `Provider` with plain arguments, whose settings are used. Default: the `aws:` keys of the stack.

    Returns:
        The images, newest first by their creation date in AWS, then by id. The list is empty if nothing matches: the
            program decides whether that is an error. (For `find_image` it is.)

    Raises:
        pulumi.RunError: an argument or a configuration key is invalid, or AWS could not be asked. Pulumi shows it as
            one line, without a traceback. The typed error is its `__cause__`.

    See https://docs.aws.amazon.com/workspaces/latest/api/API_DescribeWorkspaceImages.html
    """
    try:
        _, where, images = _look("find_images", name, region, provider)
    except ExpectedError as error:
        raise pulumi.RunError(str(error)) from error
    return _newest_first(images, where)


def id_and_region(
    what: str, image: Input[str | FoundImage], region: Input[str] | None
) -> tuple[Input[str], Input[str] | None]:
    """Return a resource's image id and Region. A FoundImage has a Region of its own.

    Args:
        what: the resource, for messages.
        image: the image.
        region: the resource's Region, if it is given one.

    Raises:
        pulumi.RunError: the image was found in another Region, or it is a list of images; one line. If one of the two
            is an Output, this is raised once both are known.
    """
    region, given = awaited(region), awaited(image)
    if isinstance(image, (list, tuple)):
        raise pulumi.RunError(f"{what}: image_id is a list: pass one image, e.g. the newest, which find_image returns")
    if isinstance(image, FoundImage):
        agreed = functools.partial(_agreed, what, image)
        plain = region is None or isinstance(region, str)
        return image.image_id, agreed(region) if plain else Output.from_input(region).apply(agreed)
    if not isinstance(given, Output):
        return given, region
    known: Output[Any] = given

    async def where() -> Any:
        # Without `apply`, so that the Region is not unknown or secret only because the image is.
        found = await known.future()
        if not isinstance(found, FoundImage):
            return region
        agreed = Output.from_input(region).apply(functools.partial(_agreed, what, found))
        return Output.secret(agreed) if await known.is_secret() else agreed

    id_ = known.apply(lambda value: value.image_id if isinstance(value, FoundImage) else value)
    return id_, Output.from_input(where())


def _agreed(what: str, image: FoundImage, region: object) -> str:
    if region and region != image.region:
        # No value is shown because either may be a secret.
        raise pulumi.RunError(f"{what}: region is not the Region where the image was found: remove region")
    return image.region


def _look(function: str, name: object, region: object, provider: object) -> "tuple[Connection, str, list[Image]]":
    """Return AWS, the Region, and the caller's images with a name there, in any state."""
    # The arguments are checked here because most users do not run mypy.
    for argument, value in (("name", name), ("region", region)):
        if isinstance(value, Output):
            raise ConfigurationError(
                f"{function}: {argument} must be a plain string: AWS is asked while the program runs, and an "
                "Output has no value yet"
            )
    if not isinstance(name, str) or not name:
        raise ConfigurationError(f"{function}: name must be a string, e.g. 'golden-*'; it is {name!r}")
    if region is not None and not isinstance(region, str):
        raise ConfigurationError(f"{function}: region must be the name of a Region, e.g. 'us-east-1'; it is {region!r}")
    if provider is not None and not isinstance(provider, Provider):
        raise ConfigurationError(f"{function}: provider must be a pulumi_workspaces_images.Provider")
    command = current_run().command_of(provider)
    if command is None:
        raise ConfigurationError(
            f"{function}: provider has arguments that are Outputs, which have no value while the program runs: pass "
            "plain values"
        )
    try:
        where = command.connection.valid_region(region or None)
    except NoSuchRegion as error:
        raise NoSuchRegion(f"looking for images named {name!r}: {error}") from None
    owned = command.permissions.owned_images(where)
    return command.connection, where, [image for image in owned if fnmatchcase(image.name, name)]


def _newest_first(images: "Iterable[Image]", region: str) -> list[FoundImage]:
    """Return the images that can be shared, newest first."""
    found = [FoundImage(i.image_id, i.name, i.created, region) for i in images if i.state == "AVAILABLE"]
    return sorted(found, key=lambda image: (image.created or _OLDEST, image.image_id), reverse=True)


def _nothing(connection: "Connection", region: str, name: str, images: "Iterable[Image]") -> str:
    """Return the message that no image with a name is AVAILABLE."""
    caller = connection.caller(region)
    who = f"account {caller.account} ({caller.arn})" if caller else "the caller"
    others = "".join(f"; {image.image_id} is {image.state}" for image in images)
    return (
        f"{who} owns no AVAILABLE image named {name!r} in {region}{others}; check the name (upper and "
        "lower case differ), the Region and the credentials"
    )
