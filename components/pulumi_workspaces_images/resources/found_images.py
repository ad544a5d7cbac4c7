"""`find_images`: the golden images by name, newest first, looked up by a Pulumi program while it runs."""

from dataclasses import dataclass
from datetime import datetime, timezone
from fnmatch import fnmatchcase

import pulumi

from ..errors import ConfigurationError, ExpectedError, NoSuchRegion
from .explicit_provider import Provider
from .program import current_run

_OLDEST = datetime.min.replace(tzinfo=timezone.utc)


@dataclass(frozen=True)
class FoundImage:
    """An image that `find_images` has found: owned by the caller, and AVAILABLE.

    Attributes:
        image_id: its id, e.g. `wsi-0a1b2c3d4`; what `ImageShare` and `ImageShares` take.
        name: its name, e.g. `golden-2024-05`. Several images may have the same.
        created: when AWS created it, in UTC; None where AWS does not say.
        region: the Region it is in, e.g. `us-east-1`.
    """

    image_id: str
    name: str
    created: datetime | None
    region: str


def find_images(name: str, region: str | None = None, provider: Provider | None = None) -> list[FoundImage]:
    """Find the caller's own images by name, newest first.

    For golden images that get a new id every month. It asks AWS at once, in each preview and each up, as whom and
    where the `aws:` keys of the stack's configuration say: the same that the shares go by. So the preview in which a
    newer image first appears shows which share is added and which one goes. Only images in state AVAILABLE are found,
    as no other can be shared, and never those that other accounts share with the caller. However often it is called,
    a Region's images are listed once per run of the program (once in five minutes, in one that runs for longer).

    A unit test with `pulumi.runtime.set_mocks` replaces it before the program is imported, as mocks know resources and
    invokes only:

        image = FoundImage("wsi-0a1b2c3d4", "golden-2024-05", None, "us-east-1")
        with unittest.mock.patch("pulumi_workspaces_images.find_images", return_value=[image]):
            import my_program

    Args:
        name: the image's name as a glob, e.g. `golden-*`: `*` is any text, `?` one character, `[ab]` one of these;
            upper and lower case differ. A name without any of them is that very name. It must be known when the
            program runs: an Output is not.
        region: where to look. Default: `aws:region` of the stack's configuration, else the AWS environment.
        provider: as whom to look: a `Provider` with plain arguments. Default: as the `aws:` keys say.

    Returns:
        What was found, by AWS's date of creation (and by id where two are the same); empty where nothing matches, and
        whether that is an error is for the program to say.

    Raises:
        pulumi.RunError: an argument or a configuration key that cannot be honoured, or AWS could not be asked; one
            line, with which Pulumi ends the program without a traceback. The typed error is its `__cause__`.

    See https://docs.aws.amazon.com/workspaces/latest/api/API_DescribeWorkspaceImages.html
    """
    try:
        return _find(name, region, provider)
    except ExpectedError as error:
        raise pulumi.RunError(str(error)) from error


def _find(name: object, region: object, provider: object) -> list[FoundImage]:
    # mypy does not check the programs of most users.
    for argument, value in (("name", name), ("region", region)):
        if isinstance(value, pulumi.Output):
            raise ConfigurationError(
                f"find_images: {argument} must be a plain text: it looks while the program runs, and an Output has no "
                "value yet"
            )
    if not isinstance(name, str) or not name:
        raise ConfigurationError(f"find_images: name must be a text, e.g. 'golden-*'; it is {name!r}")
    if region is not None and not isinstance(region, str):
        raise ConfigurationError(
            f"find_images: region must be the name of a Region, e.g. 'us-east-1'; it is {region!r}"
        )
    if provider is not None and not isinstance(provider, Provider):
        raise ConfigurationError("find_images: provider must be a pulumi_workspaces_images.Provider")
    command = current_run().command_of(provider)
    if command is None:
        raise ConfigurationError(
            "find_images: provider has arguments that are Outputs, which have no value while the program runs: give it "
            "plain ones"
        )
    try:
        where = command.connection.valid_region(region or None)
    except NoSuchRegion as error:
        raise NoSuchRegion(f"looking for images named {name!r}: {error}") from None
    found = [
        FoundImage(image.image_id, image.name, image.created, where)
        for image in command.permissions.owned_images(where)
        if image.state == "AVAILABLE" and fnmatchcase(image.name, name)
    ]
    return sorted(found, key=lambda image: (image.created or _OLDEST, image.image_id), reverse=True)
