"""The stack: WorkSpaces images shared with the accounts that the stack's configuration names.

    config:
      workspaces-images:shares:
        golden:                       # a label of your choice
          imageId: wsi-0a1b2c3d4
          region: eu-west-1           # optional; default: aws:region
          accounts:                   # label: account, or a list of accounts
            sales: "222222222222"
            legal: "333333333333"

Every account becomes a resource named IMAGE LABEL-ACCOUNT LABEL; the stack output `shares` says who has what.
"""

import json
import re
from typing import Any, NoReturn

import pulumi
import pulumi_aws as aws

from pulumi_workspaces_images import ImageShare

KEY = "workspaces-images:shares"
SETTINGS = {"imageId", "accounts", "region"}


def refuse(path: str, problem: str) -> NoReturn:
    """End the program with one line that names the configuration key."""
    raise pulumi.RunError(f"{KEY}{path} {problem}")


def read_shares() -> dict[str, dict[str, Any]]:
    """Return the configured images by label, each with `imageId`, `accounts` (label: account) and perhaps `region`."""
    text = pulumi.Config("workspaces-images").get("shares")
    if text is None:
        refuse("", "is not set: which images to share, and with whom; the README shows how")
    try:
        images = json.loads(text)
    except ValueError:
        refuse("", "must be a mapping of image labels, in YAML in the stack's configuration file or as JSON text")
    if not isinstance(images, dict):
        refuse("", "must be a mapping: image label -> {imageId, accounts, region}")
    return {label: read_image(label, image) for label, image in images.items()}


def read_image(label: str, image: Any) -> dict[str, Any]:
    """Return the settings of one image, its accounts as a mapping."""
    if not isinstance(image, dict):
        refuse(f".{label}", "must be a mapping with imageId and accounts")
    for name in image.keys() - SETTINGS:
        refuse(f".{label}.{name}", f"is not a setting; there are {', '.join(sorted(SETTINGS))}")
    for name in ("imageId", "region"):
        if name in image and not isinstance(image[name], str):
            refuse(f".{label}.{name}", "must be a text")
    if "imageId" not in image:
        refuse(f".{label}.imageId", "is not set: the id of the image, e.g. wsi-0a1b2c3d4")
    return {**image, "accounts": read_accounts(f".{label}.accounts", image.get("accounts"))}


def read_accounts(path: str, accounts: Any) -> dict[str, str]:
    """Return accounts by label; an account that came without a label is its own."""
    if isinstance(accounts, list):
        ids = [account_id(f"{path}[{index}]", account) for index, account in enumerate(accounts)]
        for account in ids:
            if ids.count(account) > 1:
                refuse(path, f"lists account {account} twice")
        return {account: account for account in ids}
    if isinstance(accounts, dict):
        return {label: account_id(f"{path}.{label}", account) for label, account in accounts.items()}
    refuse(path, "must be a mapping (label: account) or a list of accounts; empty shares the image with nobody")


def account_id(path: str, account: Any) -> str:
    """Return an account id. `pulumi config set --path` stores one as a number, which is fine while no zero is lost."""
    if isinstance(account, (int, str)) and re.fullmatch(r"\d{12}", str(account)):
        return str(account)
    refuse(
        path,
        f"must be an AWS account of 12 digits in quotes, e.g. '222222222222'; it is {json.dumps(account)}",
    )


shares = {}
for image_label, settings in read_shares().items():
    declared = {
        label: ImageShare(
            f"{image_label}-{label}",
            image_id=settings["imageId"],
            shared_account_id=account,
            # pulumi-aws's own answer: a share is in the Region where the stack's other AWS resources are.
            region=settings.get("region", aws.config.region),
        )
        for label, account in settings["accounts"].items()
    }
    shares[image_label] = {
        "imageId": settings["imageId"],
        "accounts": {label: share.shared_account_id for label, share in declared.items()},
    }
    if declared:
        first = next(iter(declared.values()))
        shares[image_label] |= {"region": first.region, "ownerAccountId": first.owner_account_id}

pulumi.export("shares", shares)
