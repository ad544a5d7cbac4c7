"""The model: what must be true of cloud and state after each step, whatever came before it.

It knows three sets of (image, account): what the program declares, what the cloud has (`live`) and what the state holds
(`held`); and of what the cloud has, what this stack has nothing to do with (`foreign`).
"""

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

from local.accounts import OWNER
from local.cloud import AwsError, Call, ConnectionLostError, LocalCloud, Response
from local.cloud.faults import Interceptor, Proceed
from pulumi_workspaces_images.aws import permissions
from pulumi_workspaces_images.provider import ImageShareProvider
from tests.model.engine import Entry, Order, State
from tests.model.processes import Processes
from tests.model.steps import (
    IMAGES,
    STRANGER,
    WRITE,
    Drift,
    Fault,
    Image,
    Killed,
    Preview,
    Program,
    Refresh,
    Share,
    Step,
    Up,
)

_DRIFT = re.compile(r"image (\S+) is no longer shared with (\d+)")
SECONDS = 20.0  # to wait for what comes at once
LAG = 0.05  # seconds
LOOK_AGAIN = (0.6 * LAG, 1.2 * LAG)


@dataclass
class Pauses:
    """What stands for every wait between two attempts: none, or until somebody opens the gate."""

    gate: threading.Event | None = None
    arrived: threading.Event = field(default_factory=threading.Event)

    def sleep(self, _seconds: float) -> None:
        gate = self.gate
        if gate:
            self.arrived.set()
            gate.wait(SECONDS)


class World:
    """A cloud, a stack, and the model of both."""

    def __init__(self, cloud: LocalCloud, pauses: Pauses, *, lags: bool = False) -> None:
        self.cloud = cloud
        self.lags = lags
        self.pauses = pauses
        self.state = State()
        self.foreign: set[Share] = set()
        self.existing: set[str] = set()
        cloud.reset()
        if lags:
            cloud.lag(LAG)
        for image in IMAGES:
            self.image(Image(image, True))

    def take(self, *steps: Step) -> None:
        """Take steps, and assert what must be true after each."""
        known: dict[type, Callable[[Any], None]] = {
            Up: self.up,
            Preview: self.preview,
            Refresh: self.refresh,
            Drift: self.drift,
            Image: self.image,
            Killed: self.killed,
        }
        for step in steps:
            known[type(step)](step)

    # What is so.

    @property
    def live(self) -> set[Share]:
        return {(i, account) for i in self.existing for account in self.cloud.shared_with(i, IMAGES[i])}

    @property
    def held(self) -> set[Share]:
        return {share for entry in self.state.entries if not entry.deleted for share in _shares(entry)}

    # What is done.

    def image(self, step: Image) -> None:
        if step.exists and step.image not in self.existing:
            self.cloud.create_image(OWNER, IMAGES[step.image], image_id=step.image)
            self.existing.add(step.image)
        elif not step.exists and step.image in self.existing:
            self.cloud.remove_image(step.image, IMAGES[step.image])
            self.existing.remove(step.image)
            self.foreign &= self.live

    def drift(self, step: Drift) -> None:
        image, account = step.share
        if image not in self.existing:
            return
        if step.shared:
            if step.share not in self.live | self.held:
                self.foreign.add(step.share)
            self.cloud.share(image, account, IMAGES[image])
        else:
            self.cloud.unshare(image, account, IMAGES[image])
            self.foreign.discard(step.share)
        if self.lags:
            time.sleep(LAG)  # a look that shows what was expected a moment ago is no surprise

    def preview(self, step: Preview) -> None:
        self._look(step.program, step.account, step.unknown)

    def refresh(self, step: Refresh) -> None:
        live, held, writes = self.live, self.held, len(self.cloud.writes())
        with self._processes(step.account) as processes:
            errors = self.state.refresh(processes)
        assert len(self.cloud.writes()) == writes, "a refresh wrote"
        if step.account == OWNER:
            assert not errors
            assert self.held == held & live, "a refresh leaves what exists"
        else:
            assert self.held == held, "a stranger's refresh leaves everything"

    def up(self, step: Up) -> None:
        before = _Before(self.live, self.held)
        with self._processes(step.account) as processes, self._fault(step.fault, processes):
            errors = self.state.up(processes, step.program.resources(), step.order, step.continue_on_error)
        possible = step.program.images <= self.existing and not step.program.contradicts_itself
        if step.account == STRANGER:
            assert self.live == before.live, "a stranger changed something"
            assert errors or not (step.program.images or before.held), "a stranger's up succeeded"
        if step.account == OWNER and not step.fault:
            assert bool(errors) != possible, errors
            drift = {share for _, text in processes.engine.messages for share in _DRIFT.findall(text)}
            assert not drift & before.live, "a warning of drift that is none"
        if not errors and possible:
            self._assert_settled(step.program)
        else:
            self._assert_nothing_lost(step.program, before, killed=bool(processes.killed))

    def killed(self, step: Killed) -> None:
        before = _Before(self.live, self.held)
        gate = threading.Event()
        with self._processes() as dying:
            died = threading.Event()

            def die(_call: Call, proceed: Proceed) -> Response:
                if step.lands:
                    proceed()
                dying.engine.kill()
                died.set()
                raise AwsError("ThrottlingException", "Rate exceeded")

            try:
                self.pauses.arrived.clear()
                self.pauses.gate = gate
                with self._strike(WRITE, step.first, 1, die):
                    order = Order(pace="hold" if step.hold else "wait")
                    errors = self.state.up(dying, step.program.resources(), order)
                if died.is_set():
                    assert errors
                    assert self.pauses.arrived.wait(SECONDS), "the orphan goes on"
                self.pauses.gate = None
                if errors:
                    self._assert_nothing_lost(step.program, before, killed=died.is_set())
                else:
                    self._assert_settled(step.program)
                before = _Before(self.live, self.held)
                with self._processes() as processes:
                    errors = self.state.up(processes, step.then.resources())
            finally:
                self.pauses.gate = None
                gate.set()
        # Whatever the orphan had in mind is done now.
        possible = step.then.images <= self.existing and not step.then.contradicts_itself
        assert bool(errors) != possible, errors
        if errors:
            self._assert_nothing_lost(step.then, before)
        else:
            self._assert_settled(step.then)

    # What must be so.

    def _assert_settled(self, program: Program) -> None:
        """Assert that after a successful up cloud, state and program agree."""
        foreign = {share for share in self.foreign if program.leaves(share)} - program.declared
        assert program.declared <= self.live, "law 1: a declared share is gone"
        assert self.live == program.declared | foreign, "law 2: revoke what is not declared, and nothing that never was"
        assert not any(entry.delete or entry.deleted for entry in self.state.entries)
        assert sorted((e.resource.urn, e.resource.process, e.id) for e in self.state.entries) == sorted(
            (
                r.urn,
                r.process,
                "/".join((r.arguments["image_id"], *filter(None, [r.arguments.get("shared_account_id")]))),
            )
            for r in program.resources()
        ), "the state names what is declared"
        assert all(entry.outputs["owner_account_id"] == OWNER for entry in self.state.entries)
        self.foreign = foreign
        assert self._look(program) == ([], []), "the next preview is clean"

    def _assert_nothing_lost(self, program: Program, before: "_Before", killed: bool = False) -> None:
        """Assert that after a failed up the next one can know everything that there is to do."""
        live, held = self.live, self.held
        assert live - before.live <= program.declared, "law 2: granted without being declared"
        revoked = before.live - live
        kept = {share for share in self.foreign if not program.revokes(share[0])}
        assert not revoked & kept, "law 2: a foreign share is gone"
        unknown = live - held - self.foreign
        if killed:
            unknown -= live - before.live  # granted in the process's last moment: the next up takes it over
        # What is deleted before it is replaced may be revoked before a resource that declares it is checked, or be kept
        # for one that then fails: the next up of the same program puts it right.
        first = {share for entry in self.state.deleted_first for share in _shares(entry)}
        assert unknown <= first & program.declared, "law 1: dropped out of the state, and lives on"
        if not program.contradicts_itself:
            assert revoked & program.declared <= first, "law 1: a declared share was revoked"
        self.foreign = live - held

    def _look(
        self, program: Program, account: str = OWNER, unknown: frozenset[str] = frozenset()
    ) -> tuple[list[str], list[str]]:
        writes = len(self.cloud.writes())
        with self._processes(account) as processes:
            found = self.state.preview(processes, program.resources(unknown))
        assert len(self.cloud.writes()) == writes, "law 3: a preview wrote"
        return found

    # Means.

    def _processes(self, account: str = OWNER) -> Processes:
        return Processes(self.cloud, account)

    @contextmanager
    def _fault(self, fault: Fault | None, processes: Processes) -> Iterator[None]:
        if not fault:
            yield
            return

        def strike(call: Call, proceed: Proceed) -> Response:
            if fault.what in ("lose", "kill late"):
                proceed()
            if fault.what in ("kill", "kill late"):
                processes.kill(call.access_key_id)
            if fault.what in ("lose", "drop", "kill", "kill late"):
                raise ConnectionLostError
            codes = {"throttle": "ThrottlingException", "refuse": "AccessDeniedException", "fail": "InternalFailure"}
            raise AwsError(codes[fault.what], "Made to fail.", 500 if fault.what == "fail" else 400)

        with self._strike(fault.operation, fault.first, fault.times, strike):
            yield

    @contextmanager
    def _strike(self, operation: str, first: int, times: int, strike: Interceptor) -> Iterator[None]:
        numbers = iter(range(1_000_000))

        def intercept(call: Call, proceed: Proceed) -> Response:
            if call.operation == operation and first <= next(numbers) < first + times:
                return strike(call, proceed)
            return proceed()

        self.cloud.interceptors.append(intercept)
        try:
            yield
        finally:
            self.cloud.interceptors.remove(intercept)


def _shares(entry: Entry) -> list[Share]:
    """Return the share that an entry of the state holds; none if it is a list."""
    is_share = entry.resource.provider is ImageShareProvider
    return [(entry.outputs["image_id"], entry.outputs["shared_account_id"])] if is_share else []


@dataclass(frozen=True)
class _Before:
    """How it was before a step: the cloud and the state."""

    live: set[Share]
    held: set[Share]


@contextmanager
def without_waiting() -> Iterator[Pauses]:
    """Let botocore's waits between two attempts end as the result says."""
    pauses = Pauses()
    with (
        mock.patch("botocore.endpoint.time", pauses),
        mock.patch("botocore.retries.bucket.TokenBucket.acquire"),
        mock.patch.object(permissions, "LOOK_AGAIN", LOOK_AGAIN),
    ):
        yield pauses
