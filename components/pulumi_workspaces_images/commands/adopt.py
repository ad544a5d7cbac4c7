"""`adopt`: the shares that exist in an AWS account, as configuration of the stack program."""

import argparse
import json
import re
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Sequence

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


_NO_SHARES = "workspaces-images:shares: {}"


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
        help="the id of an image, e.g. wsi-0a1b2c3d4; default: all images that the account owns in the Region",
    )
    parser.add_argument("--region", help="the images' Region; default: AWS_REGION, AWS_DEFAULT_REGION, the profile's")
    parser.add_argument("--profile", help="a profile of the AWS configuration files; default: the environment")
    parser.set_defaults(run=_run)


def adopt(connection: Connection, region: str, image_ids: Collection[str] = ()) -> str:
    """Return the live shares of images as YAML, two blanks deep, to be pasted under `config:`.

    Every entry names its Region, so it means the same image whatever `aws:region` of the stack is. The accounts are a
    plain list: resources are then named after the account, which AWS never changes.

    Args:
        connection: AWS as the owner of the images.
        region: the images' Region, e.g. `us-east-1`.
        image_ids: which images; all that the caller owns in the Region, if empty.

    Raises:
        NotFound: the caller does not own an image of that id in the Region; all such ids are named.
        ConfigurationError, AccessDenied, CredentialsError, Refused, Unanswered: AWS could not be asked.
    """
    caller = connection.caller(region)
    permissions = Permissions(connection)
    owned = permissions.owned_images(region)
    unknown = sorted(set(image_ids) - {image.image_id for image in owned})
    account = f"account {caller.account}" if caller else "the caller's account"
    if unknown:
        asked = f"{account} ({caller.arn})" if caller else account
        raise NotFound(f"{asked} owns no image {', '.join(unknown)} in {region}; check the id, the Region, the profile")
    images = [image for image in owned if not image_ids or image.image_id in image_ids]
    images.sort(key=lambda image: (image.name, image.image_id))
    shares = {image.image_id: permissions.shared_with(image.image_id, region) for image in images}
    head = printable(f"# The shares of WorkSpaces images of {account} in {region}, as they are.")
    # Labels are made of all owned images, so that they do not depend on which ones are asked for.
    return "\n".join(f"  {line}" for line in [head, *_lines(images, shares, labels(owned), region)])


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


def _lines(
    images: Sequence[Image], shares: dict[str, frozenset[str]], label: dict[str, str], region: str
) -> Iterable[str]:
    ready = [image for image in images if image.state == "AVAILABLE" and shares[image.image_id]]
    yield "workspaces-images:shares:" if ready else _NO_SHARES
    for image in images:
        # A name may hold whatever AWS lets it: as a literal it stays on its line, and in its comment.
        title, accounts = printable(f"{image.name!a} ({image.image_id})"), sorted(shares[image.image_id])
        if not accounts:
            yield f"  # left out: {title} is shared with nobody"
        elif image not in ready:
            those = ascii(", ".join(accounts))
            yield f"  # left out: {title} is {image.state!a}, only an AVAILABLE image can be shared; it has {those}"
        else:
            yield f"  {_scalar(label[image.image_id])}:  # {title}"
            yield f"    imageId: {_scalar(image.image_id)}"
            yield f"    region: {_scalar(region)}"
            yield "    accounts:"
            yield from (f"      - {_scalar(account)}" for account in accounts)


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
        region = connection.valid_region(options.region)
    except NoSuchRegion:
        raise
    except ConfigurationError as error:
        raise ConfigurationError(f"{error}; for this command, with --region") from None
    text = adopt(connection, region, options.images)
    if text.endswith(_NO_SHARES):  # no image was left out either
        note = f"note: the caller owns no image in {region}; is it the owner's account, and the Region right?"
        print(note, file=sys.stderr)
    return text


def _image_id(text: str) -> str:
    problem = image_id_problem(text)
    if problem:
        raise argparse.ArgumentTypeError(problem)
    return text
