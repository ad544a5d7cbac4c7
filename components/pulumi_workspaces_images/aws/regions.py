"""Which names are Regions where WorkSpaces exists."""

import difflib
from collections.abc import Callable, Sequence

# These are enabled for every account. Regions launched since March 2019 must be enabled for an account first.
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
    """Tell whether a Region may not be enabled for an account. Other partitions have no such Regions."""
    return bool(region) and region not in _ENABLED_BY_DEFAULT and not region.startswith(("cn-", "us-gov-"))


def region_problem(
    region: str, workspaces: Sequence[str], everywhere: Sequence[str], partition: Callable[[str], str]
) -> str | None:
    """Return, in one clause, why WorkSpaces is not available in a Region; None if it is.

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
    # The name is right, so suggest the Regions of the same area, e.g. `eu` for `eu-north-1`.
    area = region.split("-")[0]
    near = [r for r in workspaces if r.split("-")[0] == area and partition(r) == partition(region)] or near
    return f"WorkSpaces does not exist in {region}; the nearest Regions are {', '.join(near)}"
