"""What is measured: the contestants, the sizes, the works, and which of them a run is about."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterable
from dataclasses import dataclass

from local.accounts import OWNER

PAGE = 25  # permissions in one answer of DescribeWorkspaceImagePermissions
REGION_HOLDS = 40  # images in the Region of each contestant, shared or not: the service's default quota
DRIFT = 0.01
SEED = 20240229


class PlanError(Exception):
    """Nothing is known by that name; one line."""


@dataclass(frozen=True)
class Contestant:
    """One way to have the shares.

    Attributes:
        name: how files and options call it.
        label: how people read it.
        owner: the account that owns its images: everybody has a Region to himself.
        grants: whether it asks AWS for anything.
        notices: whether it sees that a share is gone.
        slow: measured with 100 shares only, and in rounds after the first only in the works that targets are about.
    """

    name: str
    label: str
    owner: str
    grants: bool = True
    notices: bool = True
    slow: bool = False


@dataclass(frozen=True)
class Size:
    """So many images, and so many shares in all, evenly spread."""

    images: int
    shares: int

    @property
    def name(self) -> str:
        return f"{self.shares}-on-{self.images}"

    @property
    def label(self) -> str:
        return f"{self.shares} on {'one image' if self.images == 1 else f'{self.images} images'}"

    @property
    def listing(self) -> int:
        """How many calls list all permissions."""
        return self.images * math.ceil(self.shares / self.images / PAGE)

    @property
    def drift(self) -> int:
        """How many shares somebody revokes by hand."""
        return max(1, round(self.shares * DRIFT))


@dataclass(frozen=True)
class Share:
    """One declared share."""

    name: str
    image_id: str
    account: str


CONTESTANTS = (
    Contestant("this", "this provider", OWNER),
    Contestant("null", "null provider", "111111111112", grants=False, notices=False),
    Contestant("naive", "naive provider", "111111111113", slow=True),
    Contestant("terraform", "terraform_data + AWS CLI", "111111111114", notices=False, slow=True),
)

SIZES = (Size(1, 100), Size(1, 500), Size(10, 500))
QUICK_SIZES = (Size(1, 10), Size(2, 20))

WORKS = {
    "up": "first up",
    "preview": "no-op preview",
    "preview-parallel": "no-op preview, PULUMI_PARALLEL_DIFF=true",
    "drift-preview": "preview, 1 % drift",
    "drift-up": "up, 1 % drift",
    "refresh": "refresh",
    "destroy": "destroy",
}
_TARGETED_WORKS = ("up", "preview")

PARTS = ("commands", "growth", "imports")


@dataclass(frozen=True)
class Plan:
    """What one run measures."""

    contestants: tuple[Contestant, ...]
    sizes: tuple[Size, ...]
    works: tuple[str, ...]
    parts: tuple[str, ...]
    rounds: int
    latency: float
    quick: bool = False

    def measures(self, contestant: Contestant, size: Size, work: str, round_: int) -> bool:
        """Tell whether a work of a contestant is measured in a round, counted from 0."""
        if work not in self.works:
            return False
        if work == "preview-parallel":
            return contestant.name in ("this", "null") and (self.quick or size.shares >= 500)
        return not contestant.slow or round_ == 0 or work in _TARGETED_WORKS

    def contestants_of(self, size: Size) -> list[Contestant]:
        """Return who takes part in a size: in the first everybody, in the others all but the slow ones."""
        return [c for c in self.contestants if not c.slow or size == self._sizes_of_all[0]]

    @property
    def _sizes_of_all(self) -> tuple[Size, ...]:
        return QUICK_SIZES if self.quick else SIZES


def make(only: Iterable[str], rounds: int, latency: float, quick: bool) -> Plan:
    """Return the plan of a run.

    Args:
        only: names of contestants, sizes, works and parts; of each kind all, if none of it is named.
        rounds: how often everything is measured.
        latency: seconds that each call to AWS takes.
        quick: small sizes.

    Raises:
        PlanError: a name is unknown.
    """
    sizes = QUICK_SIZES if quick else SIZES
    named = set(only)
    kinds = ([c.name for c in CONTESTANTS], [s.name for s in sizes], list(WORKS), list(PARTS))
    unknown = named.difference(*kinds)
    if unknown:
        raise PlanError(f"--only {' '.join(sorted(unknown))}: there are {', '.join(itertools.chain(*kinds))}")

    def chosen(names: list[str]) -> list[str]:
        return [name for name in names if name in named] or names

    contestants, size_names, works, parts = map(chosen, kinds)
    if named and not named & set(PARTS):
        parts = ["commands"]
    return Plan(
        tuple(c for c in CONTESTANTS if c.name in contestants),
        tuple(s for s in sizes if s.name in size_names),
        tuple(works),
        tuple(parts),
        rounds,
        latency,
        quick,
    )


def image_ids(owner: str) -> list[str]:
    """Return the ids of all images of a contestant."""
    return [f"wsi-{owner}{index:06}" for index in range(REGION_HOLDS)]


def account_ids(count: int) -> list[str]:
    """Return recipients in another order than the listing's."""
    accounts = [f"{200000000000 + 137 * index}" for index in range(count)]
    random.Random(SEED).shuffle(accounts)
    return accounts


def shares_of(owner: str, size: Size) -> list[Share]:
    """Return the shares in the order of their declaration: image by image, each image's accounts shuffled."""
    # Evenly spread over a listing of all images, up to its last one: none gets off with the first page.
    every = REGION_HOLDS // size.images
    images = image_ids(owner)[every - 1 :: every]
    per_image = size.shares // size.images
    return [
        Share(f"share-{account}", images[index // per_image], account)
        for index, account in enumerate(account_ids(size.shares))
    ]


def drifted(shares: list[Share], size: Size) -> list[Share]:
    """Return the shares that somebody revokes by hand."""
    return random.Random(SEED).sample(shares, size.drift)
