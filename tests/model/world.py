"""The model: what must be true of cloud and state after each step, whatever came before it.

It compares sets of (image, account): the shares that the program declares, those that exist in the cloud (`live`) and
those in the state (`held`). The existing shares that the stack never managed are `unmanaged`.
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
    OTHER,
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
SECONDS = 20.0  # the longest wait for an event; only a failing test waits this long
LAG = 0.05  # seconds
LOOK_AGAIN = (0.6 * LAG, 1.2 * LAG)


@dataclass
class Pauses:
    """Replaces every wait between two attempts: it returns at once, or when the gate is opened."""

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
        self.unmanaged: set[Share] = set()
        self.existing: set[str] = set()
        cloud.reset()
        if lags:
            cloud.lag(LAG)
        for image in IMAGES:
            self.image(Image(image, True))

    def take(self, *steps: Step) -> None:
        """Take steps, and check the laws after each."""
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

    # The facts.

    @property
    def live(self) -> set[Share]:
        return {(i, account) for i in self.existing for account in self.cloud.shared_with(i, IMAGES[i])}

    @property
    def held(self) -> set[Share]:
        return {share for entry in self.state.entries if not entry.deleted for share in _shares(entry)}

    # The steps.

    def image(self, step: Image) -> None:
        if step.exists and step.image not in self.existing:
            self.cloud.create_image(OWNER, IMAGES[step.image], image_id=step.image)
            self.existing.add(step.image)
        elif not step.exists and step.image in self.existing:
            self.cloud.remove_image(step.image, IMAGES[step.image])
            self.existing.remove(step.image)
            self.unmanaged &= self.live

    def drift(self, step: Drift) -> None:
        image, account = step.share
        if image not in self.existing:
            return
        if step.shared:
            if step.share not in self.live | self.held:
                self.unmanaged.add(step.share)
            self.cloud.share(image, account, IMAGES[image])
        else:
            self.cloud.unshare(image, account, IMAGES[image])
            self.unmanaged.discard(step.share)
        self._catch_up()

    def preview(self, step: Preview) -> None:
        self._look(step.program, step.account, step.unknown)

    def refresh(self, step: Refresh) -> None:
        live, held, writes = self.live, self.held, len(self.cloud.writes())
        with self._processes(step.account) as processes:
            errors = self.state.refresh(processes)
        assert len(self.cloud.writes()) == writes, "law 3: a refresh wrote to AWS"
        if step.account == OWNER:
            assert not errors
            assert self.held == held & live, "a refresh leaves what exists"
        else:
            assert self.held == held, "another account's refresh changed the state"

    def up(self, step: Up) -> None:
        before = _Before(self.live, self.held)
        with self._processes(step.account) as processes, self._fault(step.fault, processes):
            errors = self.state.up(processes, step.program.resources(), step.order, step.continue_on_error)
        possible = step.program.images <= self.existing and not step.program.contradicts_itself
        if step.account == OTHER:
            assert self.live == before.live, "another account changed a share"
            assert errors or not (step.program.images or before.held), "another account's up succeeded"
        if step.account == OWNER and not step.fault:
            assert bool(errors) != possible, errors
            drift = {share for _, text in processes.engine.messages for share in _DRIFT.findall(text)}
            assert not drift & before.live, "an existing share was reported as drift"
        if not errors and possible:
            self._assert_settled(step.program)
        else:
            self._assert_nothing_lost(step.program, before, killed=bool(processes.killed))
        if processes.killed:
            self._catch_up()

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
                    assert self.pauses.arrived.wait(SECONDS), "the orphaned provider did not try again"
                self.pauses.gate = None
                if errors:
                    self._assert_nothing_lost(step.program, before, killed=died.is_set())
                else:
                    self._assert_settled(step.program)
                before = _Before(self.live, self.held)
                self._catch_up()
                with self._processes() as processes:
                    errors = self.state.up(processes, step.then.resources())
            finally:
                self.pauses.gate = None
                gate.set()
        # All calls of the orphaned provider have ended by now.
        possible = step.then.images <= self.existing and not step.then.contradicts_itself
        assert bool(errors) != possible, errors
        if errors:
            self._assert_nothing_lost(step.then, before)
        else:
            self._assert_settled(step.then)

    # The checks.

    def _assert_settled(self, program: Program) -> None:
        """Assert that cloud, state and program agree after a successful up."""
        unmanaged = {share for share in self.unmanaged if program.leaves(share)} - program.declared
        assert program.declared <= self.live, "law 1: a declared share is gone"
        assert self.live == program.declared | unmanaged, "law 2: revoke what is not declared, and nothing else"
        assert not any(entry.delete or entry.deleted for entry in self.state.entries)
        assert sorted((e.resource.urn, e.resource.process, e.id) for e in self.state.entries) == sorted(
            (
                r.urn,
                r.process,
                "/".join((r.arguments["image_id"], *filter(None, [r.arguments.get("shared_account_id")]))),
            )
            for r in program.resources()
        ), "the state does not contain exactly the declared resources"
        assert all(entry.outputs["owner_account_id"] == OWNER for entry in self.state.entries)
        self.unmanaged = unmanaged
        assert self._look(program) == ([], []), "the next preview shows changes or messages"

    def _assert_nothing_lost(self, program: Program, before: "_Before", killed: bool = False) -> None:
        """Assert that after a failed up the next one can still complete everything."""
        live, held = self.live, self.held
        assert live - before.live <= program.declared, "law 2: a share that is not declared was granted"
        revoked = before.live - live
        kept = {share for share in self.unmanaged if not program.revokes(share[0])}
        assert not revoked & kept, "law 2: a share that was never declared was revoked"
        unknown = live - held - self.unmanaged
        if killed:
            unknown -= live - before.live  # granted just before the process was killed; the next up adopts it
        # With delete_before_replace a share may be revoked before the resource that declares it is checked, or be kept
        # for a resource that then fails. The next up of the same program heals this.
        first = {share for entry in self.state.deleted_first for share in _shares(entry)}
        assert unknown <= first & program.declared, "law 1: an existing share dropped out of the state"
        if not program.contradicts_itself:
            assert revoked & program.declared <= first, "law 1: a declared share was revoked"
        self.unmanaged = live - held

    def _look(
        self, program: Program, account: str = OWNER, unknown: frozenset[str] = frozenset()
    ) -> tuple[list[str], list[str]]:
        writes = len(self.cloud.writes())
        with self._processes(account) as processes:
            found = self.state.preview(processes, program.resources(unknown))
        assert len(self.cloud.writes()) == writes, "law 3: a preview wrote to AWS"
        return found

    # Helpers.

    def _catch_up(self) -> None:
        """Wait until the listing shows a revoke that no process of the next command knows.

        Before that it shows what the state expects, so nobody can see that the share is gone.
        """
        if self.lags:
            time.sleep(LAG)

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
    """Return the share of a state entry, or nothing if the entry is an exclusive list."""
    is_share = entry.resource.provider is ImageShareProvider
    return [(entry.outputs["image_id"], entry.outputs["shared_account_id"])] if is_share else []


@dataclass(frozen=True)
class _Before:
    """The shares in the cloud and in the state before a step."""

    live: set[Share]
    held: set[Share]


@contextmanager
def without_waiting() -> Iterator[Pauses]:
    """Replace botocore's waits between two attempts by the pauses that this returns."""
    pauses = Pauses()
    with (
        mock.patch("botocore.endpoint.time", pauses),
        mock.patch("botocore.retries.bucket.TokenBucket.acquire"),
        mock.patch.object(permissions, "LOOK_AGAIN", LOOK_AGAIN),
    ):
        yield pauses
