"""A stack's program that changes at random."""

import random
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from pulumi_workspaces_images.share import Share


class Place(NamedTuple):
    """Where shares are: an image in a Region."""

    image_id: str
    region: str


# The same ids in both Regions: whoever mixes up two places is found out.
PLACES = [Place(image, region) for image in ("wsi-goldenone", "wsi-goldentwo") for region in ("us-east-1", "eu-west-1")]
ACCOUNTS = [digit * 12 for digit in "2345678"]
MOST_SHARES = 8
# Each is a process of its own: two explicit providers, and the default one.
PROVIDERS = ["", "one", "two"]
HEAD = """import json
aws, made = pulumi.Config("aws"), {}
def provider(name):
    return Provider(
        name,
        region=aws.require("region"),
        endpoints=json.loads(aws.require("endpoints")),
        max_retries=int(aws.require("maxRetries")),
        retry_mode=aws.require("retryMode"),
    )"""


@dataclass(frozen=True)
class Declaration:
    """One share in the program, and how it is written."""

    place: Place
    account: str
    delete_first: bool = False
    after: str | None = None
    alias: str | None = None
    default_region: bool = False
    provider: str = ""  # the default one

    @property
    def share(self) -> Share:
        return Share(self.place.image_id, self.account, self.place.region)


class Exclusive(NamedTuple):
    """One exclusive list in the program."""

    place: Place
    accounts: frozenset[str]
    report_only: bool


@dataclass
class Program:
    """What is declared: by name, by place, and which places are written as one `ImageShares` component."""

    shares: dict[str, Declaration] = field(default_factory=dict)
    exclusive: dict[Place, bool] = field(default_factory=dict)  # whether it only reports
    grouped: set[Place] = field(default_factory=set)
    names: int = 0

    def copy(self) -> "Program":
        return deepcopy(self)

    @property
    def deletes_first(self) -> bool:
        return any(declaration.delete_first for declaration in self.shares.values())

    def declared(self) -> dict[str, Share]:
        """Return the shares by the name of their resource."""
        groups = self._groups()
        return {
            f"{_group(d.place)}-{name}" if name in groups.get(d.place, ()) else name: d.share
            for name, d in self.shares.items()
        }

    def lists(self) -> dict[str, Exclusive]:
        """Return the exclusive lists by the name of their resource."""
        groups = self._groups()
        return {
            f"{_group(place)}-exclusive" if groups.get(place) else f"only{PLACES.index(place)}": Exclusive(
                place, frozenset(d.account for d in self.shares.values() if d.place == place), report_only
            )
            for place, report_only in self.exclusive.items()
        }

    def text(self) -> str:
        """Return the program's text."""
        lines, groups = [HEAD], self._groups()
        alone = [name for name, d in self.shares.items() if name not in groups.get(d.place, ())]
        # Only those that are needed: a process more costs a second in each command.
        used = sorted({self.shares[name].provider for name in alone} - {""})
        lines += [f"{name} = provider({name!r})" for name in used]
        for name in alone:
            d = self.shares[name]
            options = ["delete_before_replace=True"] if d.delete_first else []
            if d.after in alone[: alone.index(name)]:
                options.append(f"depends_on=[made[{d.after!r}]]")
            if d.provider:
                options.append(f"provider={d.provider}")
            if d.alias:
                options.append(f"aliases=[pulumi.Alias(name={d.alias!r})]")
            region = "" if d.default_region and d.place.region == "us-east-1" else f", region={d.place.region!r}"
            opts = f", opts=ResourceOptions({', '.join(options)})" if options else ""
            lines.append(
                f"made[{name!r}] = ImageShare({name!r}, image_id={d.place.image_id!r}, "
                f"shared_account_id={d.account!r}{region}{opts})"
            )
        for place, names in groups.items():
            accounts = {name: self.shares[name].account for name in names}
            mode = {None: False, False: True, True: "report"}[self.exclusive.get(place)]
            lines.append(
                f"ImageShares({_group(place)!r}, {place.image_id!r}, {accounts!r}, exclusive={mode!r}, "
                f"region={place.region!r})"
            )
        for name, (place, listed, report_only) in self.lists().items():
            if place not in groups:
                lines.append(
                    f"ImageSharesExclusive({name!r}, image_id={place.image_id!r}, "
                    f"shared_account_ids={sorted(listed)!r}, report_only={report_only}, region={place.region!r})"
                )
        return "\n".join(lines)

    def change(self, rng: random.Random, changes: int) -> str:
        """Change something, so many times; return what was done."""
        done: list[str] = []
        while len(done) < changes:
            what = rng.choices(list(_CHANGES), list(_CHANGES.values()))[0](self, rng)
            if what:
                done.append(what)
        for name, d in self.shares.items():
            if d.after and d.after not in self.shares:
                self.shares[name] = replace(d, after=None)
        return ", ".join(done)

    def _groups(self) -> dict[Place, list[str]]:
        """Return which shares a place's component holds; it refuses an account under two labels."""
        groups: dict[Place, list[str]] = {}
        for place in sorted(self.grouped):
            names: dict[str, str] = {}
            for name, d in self.shares.items():
                if d.place == place:
                    names.setdefault(d.account, name)
            if names:
                groups[place] = list(names.values())
        return groups

    # The changes: each returns what it did, None if there was nothing to do.

    def _add(self, rng: random.Random) -> str | None:
        if len(self.shares) >= MOST_SHARES:
            return None
        self.names += 1
        place = self._place(rng)
        d = Declaration(
            place,
            rng.choice(ACCOUNTS),
            delete_first=rng.random() < 0.2,
            after=rng.choice(sorted(self.shares)) if self.shares and rng.random() < 0.2 else None,
            default_region=rng.random() < 0.5,
            provider=rng.choice(PROVIDERS),
        )
        self.shares[f"s{self.names}"] = d
        return f"add s{self.names} {_shown(d)}"

    def _remove(self, rng: random.Random) -> str | None:
        if not self.shares:
            return None
        name = rng.choice(list(self.shares))
        return f"remove {name} {_shown(self.shares.pop(name))}"

    def _rename(self, rng: random.Random) -> str | None:
        if not self.shares:
            return None
        old = rng.choice(list(self.shares))
        self.names += 1
        new = f"s{self.names}"
        alias = old if rng.random() < 0.3 else None
        # In its place: what depends on it still comes later.
        self.shares = {
            new if name == old else name: replace(d, alias=alias)
            if name == old
            else replace(d, after=_renamed(d, old, new))
            for name, d in self.shares.items()
        }
        return f"rename {old} to {new}{' by an alias' if alias else ''}"

    def _swap(self, rng: random.Random) -> str | None:
        if len(self.shares) < 2:
            return None
        a, b = rng.sample(list(self.shares), 2)
        x, y = self.shares[a], self.shares[b]
        self.shares[a] = replace(x, place=y.place, account=y.account)
        self.shares[b] = replace(y, place=x.place, account=x.account)
        return f"swap {a} and {b}"

    def _duplicate(self, rng: random.Random) -> str | None:
        if not 0 < len(self.shares) < MOST_SHARES:
            return None
        self.names += 1
        old = rng.choice(list(self.shares))
        self.shares[f"s{self.names}"] = replace(self.shares[old], alias=None, after=None)
        return f"duplicate {old} as s{self.names}"

    def _move(self, rng: random.Random) -> str | None:
        if not self.shares:
            return None
        name = rng.choice(list(self.shares))
        d = self.shares[name]
        other = [p for p in PLACES if p != d.place and (p.image_id == d.place.image_id or rng.random() < 0.3)]
        self.shares[name] = replace(d, place=rng.choice(other))
        return f"move {name} to {_shown(self.shares[name])}"

    def _give_to_another(self, rng: random.Random) -> str | None:
        if not self.shares:
            return None
        name = rng.choice(list(self.shares))
        self.shares[name] = replace(self.shares[name], account=rng.choice(ACCOUNTS))
        return f"change {name} to {_shown(self.shares[name])}"

    def _toggle_exclusive(self, rng: random.Random) -> str | None:
        place = self._place(rng)
        now = rng.choice([mode for mode in (None, False, False, True) if mode != self.exclusive.get(place)])
        if now is None:
            self.exclusive.pop(place)
        else:
            self.exclusive[place] = now
        return f"exclusive of {_where(place)} {({None: 'off', False: 'on', True: 'report'})[now]}"

    def _toggle_group(self, rng: random.Random) -> str | None:
        place = self._place(rng)
        self.grouped ^= {place}
        return f"{_where(place)} {'into' if place in self.grouped else 'out of'} a component"

    def _give_to_another_provider(self, rng: random.Random) -> str | None:
        if not self.shares:
            return None
        name = rng.choice(list(self.shares))
        d = self.shares[name] = replace(self.shares[name], provider=rng.choice(PROVIDERS))
        return f"give {name} to {d.provider or 'the default provider'}"

    def _toggle_delete_first(self, rng: random.Random) -> str | None:
        if not self.shares:
            return None
        name = rng.choice(list(self.shares))
        d = self.shares[name] = replace(self.shares[name], delete_first=not self.shares[name].delete_first)
        return f"delete_before_replace of {name} {'on' if d.delete_first else 'off'}"

    def _place(self, rng: random.Random) -> Place:
        # Mostly the same: what happens to one image at once is what can go wrong.
        return rng.choices(PLACES, (5, 2, 2, 1))[0]


_CHANGES: dict[Callable[[Program, random.Random], str | None], int] = {
    Program._add: 6,
    Program._remove: 3,
    Program._rename: 3,
    Program._swap: 3,
    Program._duplicate: 2,
    Program._move: 2,
    Program._give_to_another: 2,
    Program._toggle_exclusive: 2,
    Program._toggle_group: 2,
    Program._toggle_delete_first: 1,
    Program._give_to_another_provider: 5,
}


def _renamed(d: Declaration, old: str, new: str) -> str | None:
    return new if d.after == old else d.after


def _where(place: Place) -> str:
    return f"{place.image_id.removeprefix('wsi-golden')}@{place.region}"


def _shown(d: Declaration) -> str:
    return f"({d.account[0]} at {_where(d.place)})"


def _group(place: Place) -> str:
    return f"group{PLACES.index(place)}"
