"""One story: some rounds of chaos on one stack, and the invariants that must hold after each round."""

import json
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from local.cloud import LocalCloud
from local.cloud.faults import FAULTS
from tests.chaos.faults import some_faults
from tests.chaos.kills import Kill, Watched, some_kill
from tests.chaos.program import short, shown, text
from tests.engine.harness import OWNER, SHARE_TYPE, Run, Stack
from tests.model.steps import IMAGES, Program, Share, some_program, some_share

EXCLUSIVE_TYPE = "pulumi-python:dynamic/workspaces:ImageSharesExclusive"
# The key of a call tells the cloud whether it comes from the command with faults or from the commands after it.
CHAOS_KEY, CALM_KEY = (f"AKIA{OWNER}{who}" for who in ("WILD", "CALM"))
# Seconds. The `lag` fault delays listings by less.
LOOK_AGAIN = (0.8, 1.6)
UNLISTED = [digit * 12 for digit in "09"]

_COMMANDS = {
    ("up", "--yes", "--skip-preview"): 11,
    ("up", "--yes", "--skip-preview", "--refresh"): 2,
    ("up", "--yes", "--skip-preview", "--continue-on-error"): 2,
    ("up", "--yes"): 1,
    ("preview",): 2,
    ("refresh", "--yes", "--skip-preview"): 2,
    ("destroy", "--yes", "--skip-preview"): 2,
    ("destroy", "--yes", "--skip-preview", "--run-program"): 1,
}


class Broken(Exception):
    """An invariant does not hold."""


class Known(NamedTuple):
    """The resources in the state, and the number of operations whose result Pulumi does not know (`interrupted`)."""

    shares: list[tuple[str, Share]]
    lists: list[tuple[str, list[str], bool]]
    interrupted: int

    @property
    def all_shares(self) -> set[Share]:
        return {share for _, share in self.shares}

    def __str__(self) -> str:
        return f"{self.shares}, {self.lists}, {self.interrupted} interrupted operations"


@dataclass
class Tally:
    """The events and failures of some rounds."""

    counts: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    failures: list[str] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        self.counts += other.counts
        self.seconds += other.seconds
        self.failures += other.failures


class Story:
    """A stack in `folder` on `cloud`, which is emptied first. The same seed and number give the same story."""

    def __init__(self, seed: str, number: int, cloud: LocalCloud, folder: Path, say: Callable[[str], None]) -> None:
        self.tally = Tally()
        self.seed = seed
        self.number = number
        self._cloud = cloud
        self._say = say
        self._told: list[str] = []
        self._runs: list[str] = []
        self._unmanaged: set[Share] = set()
        self._unknown: set[Share] = set()
        self._meddled = False
        self._program = Program()
        cloud.reset()
        for image, region in IMAGES.items():
            cloud.create_image(OWNER, region, image_id=image)
        self._stack = Stack(folder, cloud)
        self._stack.looks_again(*LOOK_AGAIN)
        # The file backend also keeps a file of metadata for each stack, which it writes in place. An engine that is
        # killed during this write leaves the file empty. After that, every command fails ("failed to load checkpoint:
        # EOF", 3.250.0). No other backend has this file, and nothing needs it.
        self._stack.environment["PULUMI_BACKEND_URL"] += "?metadata=skip"
        self._state = folder / "state" / ".pulumi"
        self._stack.create()

        rng = random.Random(f"{seed}/{number}")
        if rng.random() < 0.25:  # more than a page
            for account in range(30):
                self._share((min(IMAGES), f"{900000000000 + account}"))
        self._stack.environment["PULUMI_PARALLEL_DIFF"] = rng.choice(("true", "false"))
        self._stack.configuration |= {
            "aws:maxRetries": rng.choice(("2", "3", "4")),
            "aws:retryMode": rng.choice(("standard", "adaptive")),
        }
        self._recheck = rng.choice(("strict", "strict", "strict", "warn"))
        self._stack.configuration["workspaces-images:recheck"] = self._recheck

    def tell(self, rounds: int) -> str | None:
        """Run this many rounds; return the failure, if any, with everything that is needed to repeat it."""
        for number in range(rounds):
            begin, line = time.monotonic(), f"story {self.number} round {number}: "
            rng = random.Random(f"{self.seed}/{self.number}/{number}")
            self._runs.clear()
            self._cloud.forget_calls()
            try:
                try:
                    self._round(rng)
                finally:
                    seconds = time.monotonic() - begin
                    self.tally.counts["rounds"] += 1
                    self.tally.seconds += seconds
                    line += " | ".join(self._told)
                    self._told = []
            except Broken as broken:
                self._say(f"{line} | BROKEN ({seconds:.1f} s)")
                self.tally.failures.append(f"story {self.number} round {number}: {str(broken).splitlines()[0]}")
                return "\n".join(
                    [
                        f"{line} | BROKEN: {broken}",
                        f"repeat: python -m tests.chaos --seed {self.seed} --story {self.number} --rounds {number + 1}",
                        "configuration: "
                        + json.dumps({k: v for k, v in self._stack.configuration.items() if k != "aws:endpoints"})
                        + f", PULUMI_PARALLEL_DIFF={self._stack.environment['PULUMI_PARALLEL_DIFF']}",
                        *self._runs,
                    ]
                )
            self._say(f"{line} | ok ({seconds:.1f} s)")
        return None

    def _round(self, rng: random.Random) -> None:
        before = self._program
        self._declare(some_program(rng))
        self._meddle(rng)

        command = rng.choices(list(_COMMANDS), list(_COMMANDS.values()))[0]
        if "--continue-on-error" in command and (_deletes_first(before) or _deletes_first(self._program)):
            command = command[:-1]  # the engine (3.250.0) hangs once a delete fails
        faults, kill = some_faults(rng, CHAOS_KEY), some_kill(rng, writes=command[0] not in ("preview", "refresh"))
        self._tell("; ".join(_shown(fault) for fault in faults))
        self._tell(
            f"{' '.join(command).replace(' --yes', '').replace(' --skip-preview', '')}" + (f", {kill}" if kill else "")
        )
        was = self._known()

        watched = Watched(self._stack, self._cloud, CHAOS_KEY, kill)
        try:
            for fault in faults:
                arguments = dict(fault)
                FAULTS[arguments.pop("fault")](self._cloud, **arguments)
            self._stack.environment["AWS_ACCESS_KEY_ID"] = CHAOS_KEY
            run = watched.run(*command)
            struck = Counter({fault["fault"]: fault["struck"] for fault in self._cloud.faults() if fault["struck"]})
            self._cloud.clear_faults()
            watched.settle()
            self._count(command, struck, watched, kill)
            if run is None:
                raise Broken("the command did not end")
            self._log("with faults", command, run)
            self._after_command(command, run, watched, struck, was)

            self._stack.environment["AWS_ACCESS_KEY_ID"] = CALM_KEY
            if rng.random() < 0.3:
                self._declare(some_program(rng))
            self._heal(rng)
        finally:
            self._cloud.clear_faults()
            late = watched.finish()
        if late:
            raise Broken(f"writes arrived after the engine had died: {[dict(call.parameters) for call in late]}")

    def _declare(self, program: Program) -> None:
        self._program = program
        self._tell(shown(program))
        self._stack.program(text(program))

    def _meddle(self, rng: random.Random) -> None:
        """Grant and revoke shares outside Pulumi."""
        times = rng.choices((0, 1, 2), (5, 3, 2))[0]
        self._meddled = times > 0
        for _ in range(times):
            declared = sorted(self._program.declared & self._actual())
            if declared and rng.random() < 0.4:
                share = rng.choice(declared)
                self._cloud.unshare(*share)
                self._unmanaged.discard(share)
                self._tell(f"revoke {short(share)}")
            else:
                image, account = some_share(rng)
                share = (image, rng.choice((account, *UNLISTED)))
                self._share(share)
                self._tell(f"grant {short(share)}")

    def _share(self, share: Share) -> None:
        self._cloud.share(*share)
        if share not in self._known().all_shares:
            self._unmanaged.add(share)

    def _after_command(
        self, command: tuple[str, ...], run: Run, watched: Watched, struck: Counter[str], was: Known
    ) -> None:
        """Check the invariants right after the command, whether it succeeded or failed."""
        if command[0] in ("preview", "refresh") and watched.writes:
            raise Broken(f"a {command[0]} has written: {[dict(call.parameters) for _, call in watched.writes]}")

        known, actual = self._known(), self._actual()
        declared = self._program.declared
        self._unmanaged -= known.all_shares
        for share in sorted(self._unmanaged - actual):
            if command[0] != "up" or self._program.leaves(share):
                raise Broken(f"the unmanaged share {short(share)} is gone")
        self._unmanaged &= actual

        # The provider cannot see a change during a lag, and with `warn` it ignores failed checks.
        blind = (struck["lag"] and self._meddled) or (self._recheck == "warn" and struck)
        if run.code == 0 and not blind:
            wanted = declared if command[0] == "up" else set()
            if command[0] == "up" and not declared <= actual:
                raise Broken(f"a successful up has not granted {_list(declared - actual)}")
            if command[0] in ("up", "destroy") and was.all_shares & actual - wanted:
                raise Broken(f"a successful {command[0]} has not revoked {_list(was.all_shares & actual - wanted)}")

        # Shares that were granted but never reached the state. From now on they are unmanaged.
        unknown = actual - known.all_shares - self._unmanaged
        granted = {
            (c.parameters["ImageId"], c.parameters["SharedAccountId"])
            for _, c in watched.writes
            if c.parameters["AllowCopyImage"]
        }
        if run.code == 0 and not blind and unknown:
            raise Broken(f"a successful {command[0]} has lost {_list(unknown)} from the state")
        if not watched.killed and "--continue-on-error" not in command and not blind and unknown - granted:
            raise Broken(f"{_list(unknown - granted)} has dropped out of the state but still exists")
        self._unknown = unknown

    def _heal(self, rng: random.Random) -> None:
        """Do what Pulumi asks for, run one up, and compare the cloud, the state, the program and the next preview."""
        if any((self._state / "locks").rglob("*.json")):
            self._pulumi("cancel", "--yes")
        known = self._known()
        if known.interrupted and rng.random() < 0.5:
            self._tell("clear pending creates")
            self._pulumi("refresh", "--yes", "--skip-preview", "--clear-pending-creates")
            known = self._known()

        program, actual = self._program, self._actual()
        declared = program.declared
        # A documented limit: a create granted them and then failed or was killed, and the program has dropped them.
        orphans = self._unknown - declared - known.all_shares
        self.tally.counts["shares that are not in the state (a documented limit)"] += len(orphans)
        self._unmanaged |= orphans
        self._unmanaged -= known.all_shares
        expected = declared | {share for share in self._unmanaged & actual if program.leaves(share)}

        self._pulumi("up", "--yes", "--skip-preview")
        actual, known = self._actual(), self._known()
        if actual != expected:
            raise Broken(f"after the up, missing: {_list(expected - actual)}; unexpected: {_list(actual - expected)}")
        shares = sorted((name, share) for name, share, _ in program.shares)
        lists = [(f"only-{i}", sorted(program.listed(i)), exclusive.report_only) for i, exclusive in program.exclusives]
        if (sorted(known.shares), known.lists) != (shares, lists):
            raise Broken(f"the state contains {known} instead of {shares} and {lists}")
        self._unmanaged &= actual - declared
        written = len(self._cloud.writes())
        if not self._pulumi("preview").clean:
            raise Broken("the next preview is not clean")
        if len(self._cloud.writes()) != written:
            raise Broken("the next preview has written")

    def _pulumi(self, *arguments: str) -> Run:
        run = self._stack.run(*arguments, ok=None)
        self._log("afterwards", arguments, run)
        if run.code != 0:
            raise Broken(f"pulumi {arguments[0]} has failed")
        return run

    def _actual(self) -> set[Share]:
        return {
            (image, account) for image, region in IMAGES.items() for account in self._cloud.shared_with(image, region)
        }

    def _known(self) -> Known:
        state = self._state / "stacks" / "workspaces-images" / "test.json"
        latest = json.loads(state.read_text())["checkpoint"]["latest"] if state.exists() else None
        shares, lists = [], []
        for resource in (latest or {}).get("resources") or ():
            name = resource["urn"].rsplit("::", 1)[1] + (" (to be deleted)" if resource.get("delete") else "")
            values = resource.get("outputs") or resource.get("inputs")
            if resource["type"] == SHARE_TYPE:
                shares.append((name, (values["image_id"], values["shared_account_id"])))
            elif resource["type"] == EXCLUSIVE_TYPE:
                lists.append((name, sorted(values["shared_account_ids"]), values["report_only"]))
        return Known(shares, lists, len((latest or {}).get("pending_operations") or ()))

    def _tell(self, what: str) -> None:
        if what:
            self._told.append(what)

    def _log(self, when: str, command: tuple[str, ...], run: Run) -> None:
        self._runs += [
            f"--- {when}: pulumi {' '.join(command)} exited {run.code}, with the program",
            text(self._program),
            "--- it printed",
            run.output[-8000:].strip(),
            "--- and left",
            f"shared: {_list(self._actual())}",
            f"unmanaged: {_list(self._unmanaged)}",
            f"in the state: {self._known()}",
        ]

    def _count(self, command: tuple[str, ...], struck: Counter[str], watched: Watched, kill: Kill | None) -> None:
        counts = self.tally.counts
        counts[f"command {command[0]}"] += 1
        counts.update({f"fault {name}": 1 for name in struck})
        if kill:
            counts[f"kill of the {kill.victim}, {'done' if watched.killed else 'came too late'}"] += 1
        if kill and not watched.killed:
            self._tell("no process was killed")


def _deletes_first(program: Program) -> bool:
    return any(resource.delete_before_replace for resource in program.resources())


def _list(shares: set[Share]) -> str:
    return ", ".join(map(short, sorted(shares))) or "nothing"


def _shown(fault: dict[str, Any]) -> str:
    return " ".join(str(value) for key, value in fault.items() if key != "access_key_id")
