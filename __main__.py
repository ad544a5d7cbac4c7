"""The stack: WorkSpaces images shared with the accounts that the stack's configuration names.

    config:
      workspaces-images:shares:
        golden:                       # a label of your choice
          imageId: wsi-0a1b2c3d4
          region: eu-west-1           # optional; default: aws:region
          exclusive: true             # optional; nobody else: true revokes foreign accounts, report only names them
          accounts:                   # label: account, or a list of accounts
            sales: "222222222222"
            legal: "333333333333"
        monthly:
          imageName: golden-*         # instead of imageId: the newest image of such a name
          keep: 2                     # optional; default 1: how many of the newest
          organizationalUnitId: ou-ab12-cd34ef56    # instead of accounts: all in it and below it; r-ab12: in the root

Every account becomes a resource named IMAGE LABEL-ACCOUNT LABEL (golden-sales), where IMAGE LABEL has the image's id in
it if the image was found by name (monthly-wsi-0a1b2c3d4-222222222222). The stack output `shares` says who has what.
"""

import functools
import json
import re
from typing import Any, NoReturn

import pulumi
import pulumi_aws as aws

from pulumi_workspaces_images import ImageShares, find_images
from pulumi_workspaces_images.configuration.own import unread_keys
from pulumi_workspaces_images.resources.program import current_run

KEY = "workspaces-images:shares"
SETTINGS = {"imageId", "imageName", "keep", "region", "accounts", "organizationalUnitId", "exclusive"}
VALUES = {"imageId", "imageName", "region", "accounts", "organizationalUnitId"}
EXCLUSIVE = {"true": True, "false": False, "report": "report"}


def is_secret() -> bool:
    """Tell whether anything in the key was set with `--secret`: Pulumi does not say what."""
    return pulumi.runtime.is_config_secret(KEY)


def refuse(path: str, problem: str) -> NoReturn:
    """End the program with one line that names the configuration key."""
    raise pulumi.RunError(current_run().secrets.hide(f"{KEY}{path} {problem}"))


def read_shares() -> list[tuple[str, dict[str, Any]]]:
    """Return the name and the other arguments of every `ImageShares` that is configured."""
    unread = unread_keys(current_run().configuration)
    if unread:
        raise pulumi.RunError("; ".join(unread))
    text = pulumi.Config("workspaces-images").get("shares")
    if text is None:
        refuse(
            "",
            "is not set: which images to share, and with whom; set it with `pulumi config set --path`, as "
            "docs/reference/configuration.md shows",
        )
    try:
        images = json.loads(text)
    except (ValueError, RecursionError):
        refuse("", "must be a mapping of image labels, in YAML in the stack's configuration file or as JSON text")
    if not isinstance(images, dict):
        refuse("", "must be a mapping: image label -> {imageId, accounts, ...}")
    return [named for label, image in images.items() for named in read_image(label, image)]


def read_image(label: str, image: Any) -> list[tuple[str, dict[str, Any]]]:
    """Return the same for one label: one image that is given by its id, or those that its name finds."""
    path = f".{label}"
    if not label or not label.isprintable():
        refuse("", f"has the image label {label!a}; a label must be a text")
    if not isinstance(image, dict):
        refuse(path, "must be a mapping with imageId and accounts")
    if is_secret():
        for name in VALUES & image.keys():
            current_run().secrets.add(image[name])
    for name in sorted(image.keys() - SETTINGS):
        refuse(f"{path}.{name}", f"is not a setting; there are {', '.join(sorted(SETTINGS))}")
    for name in ("imageId", "imageName", "region"):
        if name in image and not (isinstance(image[name], str) and image[name]):
            refuse(f"{path}.{name}", "must be a text, in quotes if it looks like a number")
    for one, other in (("imageId", "imageName"), ("imageId", "keep"), ("accounts", "organizationalUnitId")):
        if one in image and other in image:
            refuse(f"{path}.{other}", f"cannot be combined with {one}: remove one of them")
    if "imageId" not in image and "imageName" not in image:
        refuse(f"{path}.imageId", "is not set: the id of the image, e.g. wsi-0a1b2c3d4; or set imageName")
    arguments = {
        # Where neither names one, a share that exists stays in the Region of the state, whatever AWS_REGION says.
        "region": image.get("region", pulumi.Config("aws").get("region")),
        "exclusive": read_exclusive(f"{path}.exclusive", image.get("exclusive", False)),
        "accounts": accounts_in(f"{path}.organizationalUnitId", image["organizationalUnitId"])
        if "organizationalUnitId" in image
        else read_accounts(f"{path}.accounts", image.get("accounts")),
    }
    if "imageId" in image:
        return [(label, {"image_id": image["imageId"], **arguments})]
    keep = read_keep(f"{path}.keep", image.get("keep", 1))
    found = newest(f"{path}.imageName", image["imageName"], keep, arguments["region"])
    # The id is in the name, so that a rotation adds resources and removes some, and leaves those of the others alone.
    return [(f"{label}-{image_id}", {"image_id": image_id, **arguments}) for image_id in found]


def read_exclusive(path: str, value: Any) -> Any:
    """Return True, False or "report"; a boolean in quotes is one, too."""
    if str(value).lower() not in EXCLUSIVE:
        refuse(path, f"must be true, false or report; it is {json.dumps(value)}")
    return EXCLUSIVE[str(value).lower()]


def read_keep(path: str, value: Any) -> int:
    """Return how many of the images found are shared."""
    if not re.fullmatch("[1-9][0-9]{0,3}", str(value)):
        refuse(path, f"must be a whole number from 1 to 9999: how many of the newest; it is {json.dumps(value)}")
    return int(value)


def newest(path: str, name: str, keep: int, region: str | None) -> list[str]:
    """Return the ids of the newest images of that name."""
    try:
        found = find_images(name, region)
    except pulumi.RunError as error:
        refuse(path, f"cannot be looked up: {error}")
    if not found:
        # Not "nothing to share": a misspelt name would revoke every share of the images that it used to find.
        refuse(path, f"finds no AVAILABLE image named {name!r} of the caller's own{f' in {region}' if region else ''}")
    return [image.image_id for image in found[:keep]]


def read_accounts(path: str, accounts: Any) -> dict[str, str] | list[str]:
    """Return the accounts as `ImageShares` takes them; in a list, each is its own label."""
    if isinstance(accounts, list):
        return [account_id(f"{path}[{index}]", account) for index, account in enumerate(accounts)]
    if isinstance(accounts, dict):
        return {label: account_id(f"{path}.{label}", account) for label, account in accounts.items()}
    refuse(
        path,
        "must be a mapping (label: account) or a list of accounts, empty to share the image with nobody; "
        "or set organizationalUnitId",
    )


def account_id(path: str, account: Any) -> str:
    """Return an account id. `pulumi config set --path` stores one as a number, which is fine while no zero is lost."""
    if isinstance(account, (int, str)) and re.fullmatch("[0-9]{12}", str(account)):
        return str(account)
    refuse(path, f"must be an AWS account of 12 digits in quotes, e.g. '222222222222'; it is {json.dumps(account)}")


def accounts_in(path: str, unit: Any) -> list[str]:
    """Return the accounts in an organizational unit and below it: the ACTIVE ones, less the owner of the images."""
    if not re.fullmatch("(ou-[0-9a-z]{4,32}-[0-9a-z]{8,32})|(r-[0-9a-z]{4,32})", str(unit)):
        refuse(path, f"must be the id of an organizational unit (ou-...) or a root (r-...); it is {json.dumps(unit)}")
    try:
        accounts = list_accounts(unit)
    except Exception as error:  # what pulumi.runtime.invoke raises has no class of its own
        reason = " ".join("".join(c if c.isprintable() else " " for c in str(error)).split())
        refuse(path, f"cannot be resolved with pulumi-aws, as organization administrators can: {reason}")
    if not accounts:
        # Not "share with nobody": that would revoke every share of the images.
        refuse(path, f"finds no ACTIVE account in {unit} but the owner's; to share with nobody, set accounts to {{}}")
    return accounts


@functools.cache
def list_accounts(unit: str) -> list[str]:
    """Ask AWS, once for each unit. Not with an Output: its labels, so its resources, would be unknown at preview."""
    accounts = aws.organizations.get_organizational_unit_descendant_accounts(parent_id=unit).accounts
    # An image cannot be shared with its owner, who is the caller: `aws:` configures pulumi-aws and the shares alike.
    owner = aws.get_caller_identity().account_id
    # The first releases of pulumi-aws 7 know `status` only, which AWS retires.
    return [a.id for a in accounts if (getattr(a, "state", None) or a.status) == "ACTIVE" and a.id != owner]


shares = {}
names: dict[str, str] = {}
problems: list[str] = []
for component, settings in read_shares():
    for account_label in settings["accounts"]:
        name = f"{component}-{account_label}"
        if names.setdefault(name, component) != component:
            refuse(
                f".{component}", f"makes a second resource named {name}, after {names[name]}: change one of the labels"
            )
    if is_secret():
        settings["image_id"] = pulumi.Output.secret(settings["image_id"])
        settings["region"] = settings["region"] and pulumi.Output.secret(settings["region"])
        by_label = settings["accounts"]
        by_label = by_label if isinstance(by_label, dict) else dict(zip(by_label, by_label, strict=True))
        settings["accounts"] = {label: pulumi.Output.secret(account) for label, account in by_label.items()}
    try:
        image = ImageShares(component, **settings)
    except pulumi.RunError as error:
        problems.append(str(error))
        continue
    shares[component] = {
        "imageId": settings["image_id"],
        "accounts": {label: share.shared_account_id for label, share in image.shares.items()},
    }
    first = next(iter(image.shares.values()), image.exclusive)
    if first:
        shares[component]["region"] = first.region

if problems:
    refuse("", f"cannot be declared: {'; '.join(dict.fromkeys(problems))}")
pulumi.export("shares", pulumi.Output.secret(shares) if is_secret() else shares)
