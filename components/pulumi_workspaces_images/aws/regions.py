"""Which names are Regions where WorkSpaces exists."""

import difflib
from collections.abc import Callable, Sequence

# Every account has these. Regions that AWS has launched since March 2019 must be enabled for an account first.
_ENABLED_BY_DEFAULT = {
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
}


def may_be_disabled(region: str) -> bool:
    """Tell whether an account may not have a Region; other partitions have no such Regions."""
    return bool(region) and region not in _ENABLED_BY_DEFAULT and not region.startswith(("cn-", "us-gov-"))


def region_problem(
    region: str, workspaces: Sequence[str], everywhere: Sequence[str], partition: Callable[[str], str]
) -> str | None:
    """Say in one clause why WorkSpaces cannot be in a Region; None if it can.

    Args:
        region: the Region's name.
        workspaces: the Regions where WorkSpaces exists, as botocore knows them.
        everywhere: all Regions that botocore knows.
        partition: returns the partition of a Region.
    """
    if region in workspaces:
        return None
    near = difflib.get_close_matches(region, workspaces, n=3)
    if region not in everywhere:
        problem = f"{region!r} is not a Region where WorkSpaces exists"
        return f"{problem}; did you mean {', '.join(near)}?" if near else problem
    # A good name: what is near is then a matter of geography, `eu` for `eu-north-1`.
    area = region.split("-")[0]
    near = [r for r in workspaces if r.split("-")[0] == area and partition(r) == partition(region)] or near
    return f"WorkSpaces does not exist in {region}; near it are {', '.join(near)}"
