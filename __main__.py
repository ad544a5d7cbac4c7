"""The stack program: share WorkSpaces images with the accounts that the stack's configuration names.

    config:
      workspaces-images:accountGroups:  # optional: accounts for several images
        emea:                           # a name of your choice
          sales: "222222222222"         # label: account; or a list of accounts
          legal: "333333333333"
      workspaces-images:shares:
        golden:                         # a label of your choice
          imageId: wsi-0a1b2c3d4
          region: eu-west-1             # optional; default: aws:region
          exclusive: true               # optional; for unlisted accounts: true revokes their shares, report only
                                        # names them, and with fail the preview fails
          groups: [emea]                # groups, accounts or both
          accounts:                     # label: account; or a list of accounts
            pilot: "444444444444"
        monthly:
          imageName: golden-*           # instead of imageId: the newest image of that name
          keep: 2                       # optional; default 1: how many of the newest
          organizationalUnitId: ou-ab12-cd34ef56    # instead of groups and accounts: every account in it and below
                                                    # it; r-ab12: every account of the organization

Every account becomes a resource named IMAGE LABEL-ACCOUNT LABEL (golden-sales), whether a group or the image names it.
In a list, each account is its own label. If the image is found by name, IMAGE LABEL includes the image's id
(monthly-wsi-0a1b2c3d4-222222222222). The stack output `shares` lists the shares of each image.

All mistakes of the configuration are shown at once, one line each, before anything is declared.
"""

import functools
import json
import os
import re
import shutil
from collections import defaultdict
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import pulumi
import pulumi_aws as aws

from pulumi_workspaces_images import FoundImage, ImageShares, find_image, find_images
from pulumi_workspaces_images.configuration.own import unread_keys
from pulumi_workspaces_images.errors import ExpectedError, NoSuchRegion, printable
from pulumi_workspaces_images.resources.program import current_run, refusals
from pulumi_workspaces_images.share import account_id_problem, as_account_id, image_id_problem

NAMESPACE = "workspaces-images"
GROUPS = "accountGroups"
SHARES = "shares"
SETTINGS = {"imageId", "imageName", "keep", "region", "groups", "accounts", "organizationalUnitId", "exclusive"}
VALUES = {"imageId", "imageName", "region", "accounts", "organizationalUnitId"}
EITHER = [
    ("imageId", "imageName"),
    ("imageId", "keep"),
    ("accounts", "organizationalUnitId"),
    ("groups", "organizationalUnitId"),
]
EXCLUSIVE = {"true": True, "false": False, "report": "report", "fail": "fail"}
NO_PLUGINS = "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"

mistakes: list[str] = []


class Recipient(NamedTuple):
    """An account to share with.

    Attributes:
        label: its name among the accounts of the image.
        account: its id; empty if the configuration does not give a valid one, which is in `mistakes` then.
        path: where the configuration names it.
    """

    label: str
    account: str
    path: str


UNKNOWN = Recipient("", "", "")


class Image(NamedTuple):
    """What becomes one `ImageShares`, named `component`.

    Attributes:
        path: the entry of the configuration that it comes from.
        name: the image's name if it was found by name. For an image given by its id, AWS would have to be asked.
    """

    path: str
    component: str
    image_id: str
    name: str
    region: str | None
    exclusive: Any
    recipients: list[Recipient]


def is_secret() -> bool:
    """Tell whether anything in the two keys was set with `--secret`. Pulumi does not say which part."""
    return any(pulumi.runtime.is_config_secret(f"{NAMESPACE}:{key}") for key in (GROUPS, SHARES))


def hide(value: Any) -> None:
    """Hide a value, or all values in a list or mapping, in messages if the configuration is secret."""
    if is_secret():
        current_run().secrets.add(value)


def mistake(path: str, problem: str) -> None:
    """Note a mistake as one line that names its path. The program continues, to find all mistakes."""
    mistakes.append(printable(f"{NAMESPACE}:{path} {problem}"))


def read_configuration() -> list[Image]:
    """Return what to declare.

    Raises:
        pulumi.RunError: the configuration is wrong; one line for each mistake.
    """
    mistakes.extend(unread_keys(current_run().configuration))
    try:
        current_run().command_of(None)  # report a wrong key of `aws:` once, and not for each image
    except ExpectedError as error:
        mistakes.append(str(error))
    groups = read_groups(read_mapping(GROUPS, "group name -> accounts") or {})
    entries = read_mapping(SHARES, "image label -> {imageId, accounts, ...}")
    if entries is None and not mistakes:  # otherwise it may be set under a misspelt name, which is a mistake already
        mistake(
            SHARES,
            "is not set, so there is no image to share; set it with `pulumi config set --path`, as "
            "docs/reference/configuration.md shows",
        )
    images = [image for label, entry in (entries or {}).items() for image in read_entry(label, entry, groups)]
    if entries is not None:
        refuse_unused(groups, entries)
    refuse_doubles(images)
    refuse_contradictions(images)
    refuse_recipients(images)
    if mistakes:
        raise pulumi.RunError(current_run().secrets.hide("\n".join(dict.fromkeys(mistakes))))
    return images


def read_mapping(key: str, shape: str) -> dict[str, Any] | None:
    """Return the mapping in a key; None if it is not set, or wrong."""
    text = pulumi.Config(NAMESPACE).get(key)
    if text is None:
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict):
        return {name: item for name, item in value.items() if is_label(key, name)}
    mistake(key, f"must be a mapping ({shape}), in YAML in the stack's configuration file or as JSON")
    return None


def is_label(path: str, label: str) -> bool:
    """Tell whether a label can be part of a resource's name."""
    if not label or not label.isprintable():
        mistake(path, f"has the label {label!a}: a label must be one or more printable characters")
        return False
    return True


def at(path: str, label: str) -> str:
    """Return the path of a label, as `pulumi config set --path` takes it."""
    return f"{path}[{json.dumps(label)}]" if set(label) & set('.[]"') else f"{path}.{label}"


def read_groups(groups: dict[str, Any]) -> dict[str, list[Recipient]]:
    """Return the accounts of each group."""
    for name, accounts in groups.items():
        if accounts in ({}, []):
            mistake(at(GROUPS, name), "is empty: add accounts to the group, or remove it")
    return {name: read_accounts(at(GROUPS, name), accounts) for name, accounts in groups.items()}


def refuse_unused(groups: dict[str, list[Recipient]], entries: dict[str, Any]) -> None:
    """Note the groups that no image names: their accounts seem to have access, but have none."""
    lists = [entry["groups"] for entry in entries.values() if isinstance(entry, dict) and "groups" in entry]
    named = [name for names in lists if isinstance(names, list) for name in names]
    if any(not isinstance(name, str) or name not in groups for name in named):
        return  # a misspelt name is a mistake already, and the group that it means is used
    for name, recipients in groups.items():
        if recipients and name not in named:
            mistake(at(GROUPS, name), "is not used: name the group in the groups of an image, or remove it")


def read_entry(label: str, entry: Any, groups: dict[str, list[Recipient]]) -> list[Image]:
    """Return the images of one label: one if it gives an id, or those that its name finds."""
    path = at(SHARES, label)
    if not isinstance(entry, dict):
        mistake(path, "must be a mapping with imageId and accounts")
        return []
    hide([entry[name] for name in VALUES & entry.keys()])
    for name in sorted(entry.keys() - SETTINGS):
        mistake(f"{path}.{name}", f"is not a setting; the settings are {', '.join(sorted(SETTINGS))}")
    for one, other in EITHER:
        if one in entry and other in entry:
            mistake(f"{path}.{other}", f"cannot be combined with {one}: remove one of them")
    exclusive = read_exclusive(f"{path}.exclusive", entry.get("exclusive", False))
    recipients = read_recipients(path, entry, groups)
    # If neither names a Region, an existing share stays in the Region of the state, even if AWS_REGION differs.
    region = read_region(f"{path}.region", entry["region"]) if "region" in entry else configured_region()
    if "imageName" not in entry:
        return [Image(path, label, id_, "", region, exclusive, recipients) for id_ in read_image_id(path, entry)]
    # The name includes the id, so that a new image adds and removes resources, and does not change those of the others.
    return [
        Image(path, f"{label}-{found.image_id}", found.image_id, found.name, region, exclusive, recipients)
        for found in read_image_name(path, entry, region)
    ]


def read_string(path: str, value: Any) -> str | None:
    """Return a string; None if it is wrong."""
    if isinstance(value, str) and value:
        return value
    mistake(path, "must be a string, in quotes if it looks like a number")
    return None


def read_region(path: str, value: Any) -> str | None:
    """Return the Region that an entry names; None if it is wrong."""
    region = read_string(path, value)
    return valid_region(f"{NAMESPACE}:{path}", region) if region else None


def configured_region() -> str | None:
    """Return `aws:region`, and note it as a mistake if WorkSpaces does not exist there."""
    region = pulumi.Config("aws").get("region")
    if region:
        valid_region("aws:region", region)
    return region


def valid_region(key: str, region: str) -> str | None:
    """Return a Region. If WorkSpaces does not exist there, note that the key is a mistake, and return None."""
    try:
        command = current_run().command_of(None)
        return command.connection.valid_region(region) if command else None
    except NoSuchRegion as error:
        mistakes.append(printable(f"{key} cannot be used: {error}"))
    except ExpectedError as error:
        mistakes.append(str(error))
    return None


def read_image_id(path: str, entry: dict[str, Any]) -> list[str]:
    """Return the image that an entry names by its id, in a list that is empty if the id is missing."""
    if "imageId" not in entry:
        mistake(f"{path}.imageId", "is not set: the id of the image, e.g. wsi-0a1b2c3d4; or set imageName")
        return []
    image_id = read_string(f"{path}.imageId", entry["imageId"])
    problem = image_id_problem(image_id) if image_id else None
    if problem:
        mistake(f"{path}.imageId", problem)
    return [image_id] if image_id else []


def read_image_name(path: str, entry: dict[str, Any], region: str | None) -> list[FoundImage]:
    """Return the newest images of the name that an entry has; an empty list if something is wrong."""
    name = read_string(f"{path}.imageName", entry["imageName"])
    keep = read_keep(f"{path}.keep", entry.get("keep", 1))
    if not name or ("region" in entry and not region):
        return []
    try:
        # To find none must be an error, as in find_image: a misspelt name would otherwise revoke every share of the
        # images that it used to find.
        return (find_images(name, region) or [find_image(name, region)])[:keep]
    except pulumi.RunError as error:
        if str(error) not in mistakes:  # a wrong key of `aws:` has been noted already
            mistake(f"{path}.imageName", f"cannot be used: {error}")
        return []


def read_keep(path: str, value: Any) -> int:
    """Return how many of the found images to share."""
    if re.fullmatch("[1-9][0-9]{0,3}", str(value)):
        return int(value)
    mistake(path, f"must be a whole number from 1 to 9999: how many of the newest images to share{it_is(value)}")
    return 1


def read_exclusive(path: str, value: Any) -> Any:
    """Return True, False, "report" or "fail". A boolean in quotes is accepted, too."""
    if str(value).lower() not in EXCLUSIVE:
        mistake(path, f"must be true, false, report or fail{it_is(value)}")
    return EXCLUSIVE.get(str(value).lower())


def read_recipients(path: str, entry: dict[str, Any], groups: dict[str, list[Recipient]]) -> list[Recipient]:
    """Return the recipients of an entry's image."""
    if "organizationalUnitId" in entry:
        return accounts_of_unit(f"{path}.organizationalUnitId", entry["organizationalUnitId"])
    if not entry.keys() & {"accounts", "groups"}:
        mistake(
            f"{path}.accounts",
            "is not set: set it to a mapping (label: account) or a list of accounts, which may be empty; or set groups "
            "or organizationalUnitId",
        )
        return [UNKNOWN]
    named = accounts_of_groups(f"{path}.groups", entry["groups"], groups) if "groups" in entry else []
    return named + (read_accounts(f"{path}.accounts", entry["accounts"]) if "accounts" in entry else [])


def accounts_of_groups(path: str, names: Any, groups: dict[str, list[Recipient]]) -> list[Recipient]:
    """Return the accounts of the groups that an entry names."""
    if not isinstance(names, list) or not names:
        mistake(path, f"must be a list of one or more names of accountGroups{it_is(names)}")
        return [UNKNOWN]
    found = []
    for index, name in enumerate(names):
        where = f"{path}[{index}]"
        if not isinstance(name, str) or name not in groups:
            mistake(where, f"must be one of accountGroups ({', '.join(groups) or 'there are none'}){it_is(name)}")
            found.append(UNKNOWN)
        elif name in names[:index]:
            mistake(where, f"repeats {path}[{names.index(name)}]: remove one of them")
        else:
            found += groups[name]
    return found


def read_accounts(path: str, accounts: Any) -> list[Recipient]:
    """Return the accounts of a mapping or a list. In a list, each account is its own label."""
    if isinstance(accounts, dict):
        return [
            Recipient(label, account_id(at(path, label), account), at(path, label))
            for label, account in accounts.items()
            if is_label(path, label)
        ]
    if isinstance(accounts, list):
        ids = [account_id(f"{path}[{index}]", account) for index, account in enumerate(accounts)]
        return [Recipient(id_, id_, f"{path}[{index}]") for index, id_ in enumerate(ids)]
    mistake(path, "must be a mapping (label: account) or a list of accounts")
    return [UNKNOWN]


def account_id(path: str, account: Any) -> str:
    """Return an account id; an empty string if it is wrong."""
    account = as_account_id(account)
    problem = account_id_problem(account)
    if problem:
        mistake(path, "must be a string of 12 digits" if is_secret() else problem)
    return "" if problem else str(account)


def it_is(value: Any) -> str:
    """Quote a wrong value, cut to 80 characters, unless it may be a secret."""
    text = json.dumps(value)
    return "" if is_secret() else f"; it is {text if len(text) <= 80 else text[:77] + '...'}"


def accounts_of_unit(path: str, unit: Any) -> list[Recipient]:
    """Return the ACTIVE accounts in an organizational unit and below it, without the owner of the images."""
    if not re.fullmatch("(ou-[0-9a-z]{4,32}-[0-9a-z]{8,32})|(r-[0-9a-z]{4,32})", str(unit)):
        mistake(path, f"must be the id of an organizational unit (ou-...) or a root (r-...){it_is(unit)}")
        return [UNKNOWN]
    if lacks_plugin():
        install = f"pulumi plugin install resource aws v{metadata.version('pulumi-aws')}"
        mistake(
            path,
            f"needs the plugin of pulumi-aws, which is not installed, and Pulumi does not install it because "
            f"{NO_PLUGINS} is set, as in the local environment: run `{install}`, or set accounts instead",
        )
        return [UNKNOWN]
    try:
        accounts = list_accounts(unit)
    except Exception as error:  # pulumi.runtime.invoke raises plain exceptions
        reason = " ".join("".join(c if c.isprintable() else " " for c in str(error)).split())
        mistake(path, f"cannot be resolved with pulumi-aws, which only an organization administrator can do: {reason}")
        return [UNKNOWN]
    if not accounts:
        # This must be an error: to share with no account would revoke every share of the images.
        mistake(
            path, f"finds no ACTIVE account in {unit} except the owner's; to revoke all shares, set accounts to {{}}"
        )
        return [UNKNOWN]
    return [Recipient(account, account, path) for account in accounts]


def lacks_plugin() -> bool:
    """Tell whether the plugin of pulumi-aws is missing. The engine's own error names neither the key nor the reason."""
    if os.environ.get(NO_PLUGINS, "").lower() not in ("1", "true"):
        return False
    plugins = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi", "plugins")
    return not shutil.which("pulumi-resource-aws") and not any(plugins.glob("resource-aws-v*/pulumi-resource-aws*"))


@functools.cache
def list_accounts(unit: str) -> list[str]:
    """Ask AWS once for each unit. An Output would not do: its labels, and so its resources, are unknown at preview."""
    accounts = aws.organizations.get_organizational_unit_descendant_accounts(parent_id=unit).accounts
    # An image cannot be shared with its owner, who is the caller: `aws:` configures pulumi-aws and the shares alike.
    owner = aws.get_caller_identity().account_id
    # The first releases of pulumi-aws 7 have only `status`, which AWS is replacing.
    return [a.id for a in accounts if (getattr(a, "state", None) or a.status) == "ACTIVE" and a.id != owner]


def refuse_doubles(images: list[Image]) -> None:
    """Note accounts and labels that an image has twice, and resource names that are used twice."""
    doubles: dict[str, set[str]] = {}
    names: dict[str, str] = {}
    for image in images:
        accounts: dict[str, str] = {}
        labels: dict[str, str] = {}
        for label, account, path in image.recipients:
            name = f"{image.component}-{label}"
            if not account:
                continue
            if accounts.setdefault(account, path) != path:
                doubles.setdefault(f"{path} repeats the account of {accounts[account]}", set()).add(image.path)
            elif labels.setdefault(label, path) != path:
                doubles.setdefault(f"{path} repeats the label of {labels[label]}", set()).add(image.path)
            elif names.setdefault(name, image.path) != image.path:
                mistake(
                    image.path, f"creates a second resource named {name}, after {names[name]}: change one of the labels"
                )
    for double, paths in doubles.items():  # one line for two groups, even if many images have both
        mistake(double, f"in {', '.join(sorted(paths))}: change or remove one of them")


def refuse_contradictions(images: list[Image]) -> None:
    """Note the exclusive entries that do not list an account with which another entry shares the same image."""
    by_id: defaultdict[str, list[Image]] = defaultdict(list)
    for image in images:
        by_id[image.image_id].append(image)
    for image in images:
        listed = {recipient.account for recipient in image.recipients}
        if not image.exclusive or "" in listed:
            continue
        for other in by_id[image.image_id]:
            left_out = [r.path for r in other.recipients if r.account and r.account not in listed]
            if left_out and (image.region == other.region or None in (image.region, other.region)):
                mistake(
                    f"{image.path}.exclusive",
                    f"contradicts {other.path}, which shares the same image with accounts that {image.path} does not "
                    f"list ({', '.join(dict.fromkeys(left_out))}): add them to {image.path}, or remove them from "
                    f"{other.path}",
                )


def refuse_recipients(images: list[Image]) -> None:
    """Note the accounts that the stack's other keys refuse. The provider does that for secret ones, and hides them."""
    for image in [] if is_secret() else images:
        try:
            if refusals([recipient.account for recipient in image.recipients], image.region):  # a few at a time
                for recipient in image.recipients:
                    for refusal in refusals([recipient.account], image.region):
                        mistake(recipient.path, f"is refused: {refusal}")
        except pulumi.RunError as error:
            mistakes.append(str(error))


shares: dict[str, dict[str, Any]] = {}
for image in read_configuration():
    given: Any = pulumi.Output.secret if is_secret() else lambda value: value
    accounts = {recipient.label: given(recipient.account) for recipient in image.recipients}
    region = image.region and given(image.region)
    made = ImageShares(image.component, given(image.image_id), accounts, image.exclusive, region)
    shares[image.component] = {
        "imageId": image.image_id,
        "accounts": {label: share.shared_account_id for label, share in made.shares.items()},
    }
    first = next(iter(made.shares.values()), made.exclusive)
    if first:
        shares[image.component]["region"] = first.region
    if image.name:
        shares[image.component]["imageName"] = image.name
pulumi.export("shares", pulumi.Output.secret(shares) if is_secret() else shares)
