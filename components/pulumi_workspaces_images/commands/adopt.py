"""`adopt`: print the shares of an AWS account's images as configuration of the stack program."""

import argparse
import json
import re
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from ..aws.connection import Connection
from ..aws.permissions import Image, Permissions
from ..errors import ConfigurationError, NoRegion, NotFound, printable
from ..share import image_id_problem

_DESCRIPTION = """\
Print the existing shares of WorkSpaces images as `workspaces-images:shares`, the
configuration of the stack program. Paste it under `config:` of Pulumi.STACK.yaml.
Nothing is changed, and the next `pulumi up` adopts the shares as they are. The
caller must be the account that owns the images."""

_EXAMPLE = """\
example, for a new stack:
  pulumi stack init prod
  pulumi config set aws:region us-east-1
  python -m pulumi_workspaces_images adopt --region us-east-1 >> Pulumi.prod.yaml
  pulumi preview

exit code: 0; 1 if the shares cannot be listed (stderr says why, and nothing is
printed); 2 for invalid arguments"""


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `adopt` to the commands of a parser. `run` of the parsed options runs it, and returns the text to print."""
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
    """Return the existing shares of images as YAML, indented by two spaces, to be pasted under `config:`.

    Every entry names its Region, so `aws:region` of the stack does not matter. The label of each account is the account
    id, which never changes.

    Args:
        connection: AWS, with the owner of the images as the caller.
        regions: the images' Regions, e.g. `us-east-1`.
        image_ids: the images; if empty, all that the caller owns in the Regions.

    Returns:
        The YAML, and the Regions in which the caller owns no image.

    Raises:
        NotFound: the caller does not own some of the images in the Regions; the message names them all.
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
        raise NotFound(
            f"{asked} owns no image {', '.join(unknown)} in {where}; check the id, the Region and the profile"
        )
    shares = [
        _Shares(image, region, sorted(permissions.shared_with(image.image_id, region)))
        for region, images in by_region.items()
        for image in sorted(images, key=lambda image: (image.name, image.image_id))
        if not image_ids or image.image_id in image_ids
    ]
    head = printable(f"# The shares of WorkSpaces images of {account} in {where}, as they are.")
    # Labels are made from all owned images, so that they do not depend on the images that are requested.
    text = "\n".join(f"  {line}" for line in [head, *_lines(shares, labels(owned))])
    return text, [region for region, images in by_region.items() if not images]


def labels(images: Iterable[Image]) -> dict[str, str]:
    """Return a label for each image, by image id: its name, followed by its id if the name is not unique.

    A label becomes part of resource names and of `pulumi config set --path` paths, so it has only letters, digits, `_`
    and `-`.
    """
    names = {image.image_id: re.sub(r"[^A-Za-z0-9_]+", "-", image.name).strip("-") for image in images}
    count = Counter(names.values())
    made = {id_: name if count[name] == 1 else f"{name}-{id_}" for id_, name in names.items()}
    # An image may have no name, or a name that is another image's label. Its id is then a unique label, because a name
    # that looks like an id is never used as one.
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
        # An image's name may contain anything that AWS allows. As a literal it stays on one line, in the comment.
        title = printable(f"{one.image.name!a} ({one.image.image_id})")
        if not one.accounts:
            yield f"  # left out: {title} is not shared"
        elif not one.can_be_declared:
            state, those = ascii(one.image.state), ascii(", ".join(one.accounts))
            yield f"  # left out: {title} is {state}, only an AVAILABLE image can be shared; it is shared with {those}"
        else:
            yield f"  {_scalar(label[one.image.image_id])}:  # {title}"
            yield f"    imageId: {_scalar(one.image.image_id)}"
            yield f"    region: {_scalar(one.region)}"
            yield "    accounts:"
            yield from (f"      {_scalar(account)}: {_scalar(account)}" for account in one.accounts)


def _scalar(text: str) -> str:
    """Return `text` as YAML. JSON is valid YAML, and with quotes an account is not read as a number."""
    return json.dumps(text)


def _run(options: argparse.Namespace) -> str:
    try:
        return _adopt(options)
    except ConfigurationError as error:
        # This command reads no stack: name the option instead of the key.
        raise ConfigurationError(str(error).replace("aws:profile", "--profile")) from None


def _adopt(options: argparse.Namespace) -> str:
    connection = Connection({"aws:profile": options.profile}, project="")
    try:
        regions = [connection.valid_region(region) for region in options.regions or [None]]
    except NoRegion:
        raise NoRegion("no AWS Region is set: use --region, or set AWS_REGION in the environment") from None
    text, empty = adopt(connection, list(dict.fromkeys(regions)), options.images)
    for region in empty:
        note = f"note: the caller owns no image in {region}; check that the account and the Region are right"
        print(note, file=sys.stderr)
    return text


def _image_id(text: str) -> str:
    problem = image_id_problem(text)
    if problem:
        raise argparse.ArgumentTypeError(problem)
    return text
