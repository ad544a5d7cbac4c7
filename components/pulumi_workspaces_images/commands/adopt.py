"""`adopt`: the shares that exist in an AWS account, as configuration of the stack program."""

import argparse
import json
import re
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from ..aws.connection import Connection
from ..aws.permissions import Image, Permissions
from ..errors import ConfigurationError, NoSuchRegion, NotFound, printable
from ..share import image_id_problem

_DESCRIPTION = """\
Print the shares that WorkSpaces images have now as `workspaces-images:shares`,
the configuration of the stack program, to be pasted under `config:` of
Pulumi.STACK.yaml. Nothing is changed, and the next `pulumi up` takes the shares
over as they are. The caller must be the account that owns the images."""

_EXAMPLE = """\
example, for a new stack:
  pulumi stack init prod
  pulumi config set aws:region us-east-1
  python -m pulumi_workspaces_images adopt --region us-east-1 >> Pulumi.prod.yaml
  pulumi preview

exit code: 0; 1 if the shares cannot be listed (stderr says why, and nothing is
printed); 2 for arguments that make no sense"""


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `adopt` to the commands of a parser; `run` of what it parses does it, and returns what to print."""
    parser = commands.add_parser(
        "adopt",
        help="print the shares that exist as configuration of the stack program",
        description=_DESCRIPTION,
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "images",
        metavar="IMAGE",
        nargs="*",
        type=_image_id,
        help="the id of an image, e.g. wsi-0a1b2c3d4; default: all images that the account owns in the Regions",
    )
    parser.add_argument(
        "--region",
        dest="regions",
        metavar="REGION",
        action="append",
        help="a Region of the images; may be repeated; default: AWS_REGION, AWS_DEFAULT_REGION, the profile's",
    )
    parser.add_argument("--profile", help="a profile of the AWS configuration files; default: the environment")
    parser.set_defaults(run=_run)


def adopt(connection: Connection, regions: Sequence[str], image_ids: Collection[str] = ()) -> tuple[str, list[str]]:
    """Return the live shares of images as YAML, two blanks deep, to be pasted under `config:`.

    Every entry names its Region, so it means the same image whatever `aws:region` of the stack is. The label of each
    account is the account itself, which AWS never changes.

    Args:
        connection: AWS as the owner of the images.
        regions: the images' Regions, e.g. `us-east-1`.
        image_ids: which images; all that the caller owns in the Regions, if empty.

    Returns:
        The YAML, and those Regions in which the caller owns no image.

    Raises:
        NotFound: the caller does not own an image of that id in the Regions; all such ids are named.
        ConfigurationError, AccessDenied, CredentialsError, Refused, Unanswered: AWS could not be asked.
    """
    caller = connection.caller(regions[0])
    account = f"account {caller.account}" if caller else "the caller's account"
    permissions = Permissions(connection)
    by_region = {region: permissions.owned_images(region) for region in regions}
    owned = [image for images in by_region.values() for image in images]
    unknown = sorted(set(image_ids) - {image.image_id for image in owned})
    where = ", ".join(regions)
    if unknown:
        asked = f"{account} ({caller.arn})" if caller else account
        raise NotFound(f"{asked} owns no image {', '.join(unknown)} in {where}; check the id, the Region, the profile")
    shares = [
        _Shares(image, region, sorted(permissions.shared_with(image.image_id, region)))
        for region, images in by_region.items()
        for image in sorted(images, key=lambda image: (image.name, image.image_id))
        if not image_ids or image.image_id in image_ids
    ]
    head = printable(f"# The shares of WorkSpaces images of {account} in {where}, as they are.")
    # Labels are made of all owned images, so that they do not depend on which ones are asked for.
    text = "\n".join(f"  {line}" for line in [head, *_lines(shares, labels(owned))])
    return text, [region for region, images in by_region.items() if not images]


def labels(images: Iterable[Image]) -> dict[str, str]:
    """Return a label for each image, by image id: its name, and where that is not unique, its id as well.

    A label becomes part of resource names and of `pulumi config set --path` paths, so it is made of letters, digits,
    `_` and `-` only.
    """
    names = {image.image_id: re.sub(r"[^A-Za-z0-9_]+", "-", image.name).strip("-") for image in images}
    count = Counter(names.values())
    made = {id_: name if count[name] == 1 else f"{name}-{id_}" for id_, name in names.items()}
    # An image may have no name, or that of another one's label: its id is nobody else's, as no name may look like one.
    count = Counter(made.values())
    return {
        id_: id_ if count[label] > 1 or not names[id_] or label.startswith("wsi-") else label
        for id_, label in made.items()
    }


class _Shares(NamedTuple):
    """An image, and the accounts that it is shared with."""

    image: Image
    region: str
    accounts: list[str]

    @property
    def can_be_declared(self) -> bool:
        return bool(self.accounts) and self.image.state == "AVAILABLE"


def _lines(shares: Sequence[_Shares], label: dict[str, str]) -> Iterable[str]:
    none = not any(one.can_be_declared for one in shares)
    yield "workspaces-images:shares: {}" if none else "workspaces-images:shares:"
    for one in shares:
        # A name may hold whatever AWS lets it: as a literal it stays on its line, and in its comment.
        title = printable(f"{one.image.name!a} ({one.image.image_id})")
        if not one.accounts:
            yield f"  # left out: {title} is shared with nobody"
        elif not one.can_be_declared:
            state, those = ascii(one.image.state), ascii(", ".join(one.accounts))
            yield f"  # left out: {title} is {state}, only an AVAILABLE image can be shared; it has {those}"
        else:
            yield f"  {_scalar(label[one.image.image_id])}:  # {title}"
            yield f"    imageId: {_scalar(one.image.image_id)}"
            yield f"    region: {_scalar(one.region)}"
            yield "    accounts:"
            yield from (f"      {_scalar(account)}: {_scalar(account)}" for account in one.accounts)


def _scalar(text: str) -> str:
    """Return `text` as YAML. JSON is YAML, and quotes keep an account from being read as a number."""
    return json.dumps(text)


def _run(options: argparse.Namespace) -> str:
    try:
        return _adopt(options)
    except ConfigurationError as error:
        # No stack is read: what a key would say is said by an option.
        raise ConfigurationError(str(error).replace("aws:profile", "--profile")) from None


def _adopt(options: argparse.Namespace) -> str:
    connection = Connection({"aws:profile": options.profile}, project="")
    try:
        regions = [connection.valid_region(region) for region in options.regions or [None]]
    except NoSuchRegion:
        raise
    except ConfigurationError as error:
        raise ConfigurationError(f"{error}; for this command, with --region") from None
    text, empty = adopt(connection, list(dict.fromkeys(regions)), options.images)
    for region in empty:
        note = f"note: the caller owns no image in {region}; is it the owner's account, and the Region right?"
        print(note, file=sys.stderr)
    return text


def _image_id(text: str) -> str:
    problem = image_id_problem(text)
    if problem:
        raise argparse.ArgumentTypeError(problem)
    return text
