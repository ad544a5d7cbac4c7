"""The parts of a plan: programs, and the steps that use them."""

import random
from dataclasses import dataclass
from typing import Literal, NamedTuple

from pulumi.output import UNKNOWN

from local.accounts import LEGAL, OWNER, REGION, SALES
from pulumi_workspaces_images.exclusive_provider import ImageSharesExclusiveProvider
from pulumi_workspaces_images.provider import ImageShareProvider
from tests.model.engine import IN_ORDER, Order, Resource

OTHER = "999999999999"
ACCOUNTS = (SALES, LEGAL, "444444444444")
IMAGES = {"wsi-golden001": REGION, "wsi-silver002": "eu-west-1"}
WRITE = "UpdateWorkspaceImagePermission"

Share = tuple[str, str]
"""An image and an account."""

PROVIDERS = ("default", "one", "two")
"""The providers of a program, each in its own process. One that `version=` creates behaves like any other."""

NAMES = ("a", "b", "c", "X", "Y")


class Named(NamedTuple):
    """An `ImageShare`.

    Attributes:
        name: its name, in capitals if it has `delete_before_replace`.
        share: its image and account.
        provider: its provider.
    """

    name: str
    share: Share
    provider: str = PROVIDERS[0]


@dataclass(frozen=True)
class Exclusive:
    """An `ImageSharesExclusive` of the accounts that the program shares the image with.

    Attributes:
        report_only: whether it only reports unlisted accounts.
        extra: more accounts on its list.
        without: accounts to leave out of its list. If the program shares the image with one, it contradicts itself.
        provider: its provider.
    """

    report_only: bool = False
    extra: frozenset[str] = frozenset()
    without: frozenset[str] = frozenset()
    provider: str = PROVIDERS[0]


@dataclass(frozen=True)
class Program:
    """The declarations of a program.

    Attributes:
        shares: the shares, in the order of the program.
        exclusives: the exclusive lists, by image.
        exclusives_first: whether the lists come before the shares.
    """

    shares: tuple[Named, ...] = ()
    exclusives: tuple[tuple[str, Exclusive], ...] = ()
    exclusives_first: bool = False

    @property
    def declared(self) -> set[Share]:
        return {named.share for named in self.shares}

    @property
    def images(self) -> set[str]:
        return {image for image, _ in self.declared} | {image for image, _ in self.exclusives}

    def listed(self, image: str) -> set[str]:
        """Return the accounts on the exclusive list of an image."""
        exclusive = dict(self.exclusives)[image]
        return {account for i, account in self.declared if i == image} - exclusive.without | exclusive.extra

    @property
    def contradicts_itself(self) -> bool:
        return any(account not in self.listed(i) for i, account in self.declared if i in dict(self.exclusives))

    def revokes(self, image: str) -> bool:
        """Tell whether the shares of an image with unlisted accounts are revoked."""
        exclusive = dict(self.exclusives).get(image)
        return exclusive is not None and not exclusive.report_only

    def leaves(self, share: Share) -> bool:
        """Tell whether the program keeps a share that neither it nor the state contains."""
        image, account = share
        return not self.revokes(image) or account in self.listed(image)

    def resources(self, unknown: frozenset[str] = frozenset()) -> list[Resource]:
        """Return the resources. The image of those in `unknown` is not known yet."""
        shares = [
            Resource(
                ImageShareProvider,
                name,
                {
                    "image_id": UNKNOWN if name in unknown else image,
                    "shared_account_id": account,
                    # An argument and the configured Region are equivalent, so the other Region is given as an argument.
                    **({"region": IMAGES[image]} if IMAGES[image] != REGION else {}),
                },
                provider,
                delete_before_replace=name.isupper(),
            )
            for name, (image, account), provider in self.shares
        ]
        exclusives = [
            Resource(
                ImageSharesExclusiveProvider,
                f"only-{image}",
                {
                    "image_id": image,
                    "shared_account_ids": sorted(self.listed(image)),
                    "report_only": exclusive.report_only,
                    "region": IMAGES[image],
                },
                exclusive.provider,
            )
            for image, exclusive in self.exclusives
        ]
        return [*exclusives, *shares] if self.exclusives_first else [*shares, *exclusives]


def some_share(rng: random.Random) -> Share:
    """Return a random share, mostly of the same image, because shares of different images do not affect each other."""
    return rng.choice((*[min(IMAGES)] * 4, max(IMAGES))), rng.choice(ACCOUNTS)


def some_program(rng: random.Random, *, may_contradict: bool = False) -> Program:
    """Return a random program of few names, images and accounts, so that its resources affect each other."""
    shares = tuple(
        Named(name, some_share(rng), rng.choice(PROVIDERS)) for name in rng.sample(NAMES, rng.choice((0, 2, 3, 4)))
    )
    exclusive = Exclusive(
        report_only=rng.choice((False, True)),
        extra=frozenset(rng.sample(ACCOUNTS, rng.choice((0, 1, 2)))),
        without=frozenset(rng.sample(ACCOUNTS, 1) if may_contradict and rng.choice((False, True)) else ()),
        provider=rng.choice(PROVIDERS),
    )
    exclusives = rng.choice(((), ((some_share(rng)[0], exclusive),)))
    return Program(shares, exclusives, exclusives_first=rng.choice((False, True)))


@dataclass(frozen=True)
class Fault:
    """A fault of AWS.

    Attributes:
        what: the call has no effect, and the caller is throttled, is refused, gets a server error (`fail`) or no answer
            (`drop`), or its process is killed. Or the call takes effect, and the caller gets no answer (`lose`), or its
            process is killed (`kill late`).
        operation: the operation that fails.
        first: the number of calls that succeed before the fault.
        times: the number of calls that fail.
    """

    what: Literal["throttle", "refuse", "fail", "drop", "kill", "lose", "kill late"]
    operation: str = WRITE
    first: int = 0
    times: int = 1


@dataclass(frozen=True)
class Up:
    program: Program
    order: Order = IN_ORDER
    fault: Fault | None = None
    continue_on_error: bool = False
    account: str = OWNER


@dataclass(frozen=True)
class Preview:
    program: Program
    unknown: frozenset[str] = frozenset()
    account: str = OWNER


@dataclass(frozen=True)
class Refresh:
    account: str = OWNER


@dataclass(frozen=True)
class Drift:
    """A share is granted or revoked by hand."""

    share: Share
    shared: bool


@dataclass(frozen=True)
class Image:
    """An image is deleted, or created again with the same id."""

    image: str
    exists: bool


@dataclass(frozen=True)
class Killed:
    """An up whose engine is killed at a write, and the next up, after which the provider of the first up continues.

    Attributes:
        program: the program of the first up.
        first: the number of writes that succeed before the kill.
        lands: whether the write at the kill takes effect.
        hold: whether no step starts before everything is checked.
        then: the program of the next up.
    """

    program: Program
    first: int
    lands: bool
    hold: bool
    then: Program


Step = Up | Preview | Refresh | Drift | Image | Killed
