"""A model of the Pulumi engine: which calls it makes to a provider, in which order, and how its state changes.

It models the step generator, the executor and the snapshot of engine 3.250:

- It calls Check and Diff for the resources of the program, one resource after the other.
- Meanwhile a pool of threads creates, updates and replaces resources.
- A failed check ends the update. A failed step ends it too, unless `--continue-on-error` is given.
- Deletes come last, if the update has not ended.

Each provider of the program (the default one, explicit ones, those of other versions) has its own process. A resource
that moves to another provider is not replaced: the new provider compares it. The provider that the state names deletes
a resource.
"""

import random
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

from pulumi.dynamic import ResourceProvider

from tests.driver import DriverError
from tests.model.processes import Processes

Provider = type[ResourceProvider]


@dataclass(frozen=True)
class Resource:
    """A resource as a program declares it.

    Attributes:
        provider: the class of its provider.
        process: the name of its provider in the program.
    """

    provider: Provider
    name: str
    arguments: dict[str, Any]
    process: str
    delete_before_replace: bool = False

    @property
    def urn(self) -> str:
        return f"{self.provider.__name__}::{self.name}"


@dataclass(eq=False)
class Entry:
    """A resource in the state.

    Attributes:
        delete: whether it was replaced and must still be deleted.
        deleted: whether it was deleted and must still be replaced ("pending replacement").
    """

    resource: Resource
    id: str
    inputs: dict[str, Any]
    outputs: dict[str, Any]
    delete: bool = False
    deleted: bool = False


@dataclass(frozen=True)
class Order:
    """How the steps of one update are interleaved, which users cannot control.

    Attributes:
        workers: how many steps run at once. With one worker the order is always the same.
        pace: when a step runs: before the next resource is checked ("wait"), after the last one ("hold"), or at any
            time ("race").
        seed: the seed of the order in which resources are deleted.
    """

    workers: int = 1
    pace: Literal["wait", "hold", "race"] = "wait"
    seed: int = 0


IN_ORDER = Order()


class State:
    """The state of one stack, and the commands on it. Each command gets its own provider processes."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.deleted_first: list[Entry] = []  # whose delete the last up began before their replacement
        self.lock = threading.Lock()

    def current(self, urn: str) -> Entry | None:
        for entry in self.entries:
            if entry.resource.urn == urn and not entry.delete:
                return entry
        return None

    def preview(self, processes: Processes, program: Iterable[Resource]) -> tuple[list[str], list[str]]:
        """Return the names of the resources that would change, and the errors."""
        changes = []
        try:
            for resource in program:
                old = self.current(resource.urn)
                inputs = _check(processes, resource, old)
                if old is None or old.deleted:
                    changes.append(resource.name)
                    continue
                diff = processes[resource.process].diff(resource.provider, old.id, old.outputs, inputs)
                if diff.replaces:
                    _check(processes, resource, None)
                if diff.changes:
                    changes.append(resource.name)
        except DriverError as error:
            return changes, [str(error)]
        return changes, []

    def up(
        self,
        processes: Processes,
        program: Sequence[Resource],
        order: Order = IN_ORDER,
        continue_on_error: bool = False,
    ) -> list[str]:
        """Update the stack; return the errors."""
        return _Update(self, processes, order, continue_on_error).run(program)

    def refresh(self, processes: Processes) -> list[str]:
        """Refresh the state; return the errors."""
        errors = []

        def read(entry: Entry) -> None:
            try:
                id_, outputs = processes[entry.resource.process].read(entry.resource.provider, entry.id, entry.outputs)
                if not id_:
                    with self.lock:
                        self.entries.remove(entry)
                    return
                processes[entry.resource.process].diff(entry.resource.provider, id_, outputs, entry.inputs)
            except DriverError as error:
                errors.append(str(error))
            else:
                entry.outputs = outputs

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(read, [entry for entry in self.entries if not entry.deleted]))
        return errors


class _Update:
    def __init__(self, state: State, processes: Processes, order: Order, continue_on_error: bool) -> None:
        self._state = state
        self._processes = processes
        self._order = order
        self._continue_on_error = continue_on_error
        self._errors: list[str] = []
        self._ended = False
        self._seen: set[str] = set()
        self._held: list[Sequence[Callable[[], None]]] = []
        self._running: list[Future[None]] = []

    def run(self, program: Sequence[Resource]) -> list[str]:
        before = list(self._state.entries)
        self._state.deleted_first = []
        with ThreadPoolExecutor(self._order.workers) as self._pool:
            for resource in program:
                if self._ended:
                    break
                try:
                    chain = self._register(resource)
                except DriverError as error:
                    self._errors.append(str(error))
                    self._ended = True  # even with --continue-on-error
                    break
                self._seen.add(resource.urn)
                self._submit(chain)
            for chain in self._held:
                self._start(chain)
            self._wait()
            deletes = [entry for entry in before if entry.delete or entry.resource.urn not in self._seen]
            random.Random(self._order.seed).shuffle(deletes)
            for entry in deletes:
                self._start([self._forget(entry) if entry.deleted else self._delete(entry)])
            self._wait()
        return self._errors

    def _register(self, resource: Resource) -> Sequence[Callable[[], None]]:
        old = self._state.current(resource.urn)
        inputs = _check(self._processes, resource, old)
        if old is None:
            return [self._create(resource, inputs, None)]
        diff = self._processes[resource.process].diff(resource.provider, old.id, old.outputs, inputs)
        if diff.replaces or old.deleted:
            inputs = _check(self._processes, resource, None)
            create = self._create(resource, inputs, old)
            if resource.delete_before_replace and not old.deleted:
                return [self._delete(old, to_be_replaced=True), create]
            return [create]
        if diff.changes:
            return [self._update(old, resource, inputs)]
        old.resource, old.inputs = resource, inputs
        return []

    def _submit(self, chain: Sequence[Callable[[], None]]) -> None:
        if self._order.pace == "hold":
            self._held.append(chain)
            return
        self._start(chain)
        if self._order.pace == "wait":
            self._wait()

    def _start(self, chain: Sequence[Callable[[], None]]) -> None:
        self._running.append(self._pool.submit(self._work, chain))

    def _wait(self) -> None:
        while self._running:
            self._running.pop().result()

    def _work(self, chain: Sequence[Callable[[], None]]) -> None:
        for step in chain:
            if self._ended:
                return
            try:
                step()
            except DriverError as error:
                self._errors.append(str(error))
                if not self._continue_on_error:
                    self._ended = True
                return

    def _create(self, resource: Resource, inputs: dict[str, Any], old: Entry | None) -> Callable[[], None]:
        def step() -> None:
            id_, outputs = self._processes[resource.process].create(resource.provider, inputs)
            with self._state.lock:
                self._state.entries.append(Entry(resource, id_, inputs, outputs))
                if old and old.deleted:
                    self._state.entries.remove(old)
                elif old:
                    old.delete = True

        return step

    def _update(self, old: Entry, resource: Resource, inputs: dict[str, Any]) -> Callable[[], None]:
        def step() -> None:
            outputs = self._processes[resource.process].update(resource.provider, old.id, old.outputs, inputs)
            old.resource, old.inputs, old.outputs = resource, inputs, outputs

        return step

    def _delete(self, entry: Entry, to_be_replaced: bool = False) -> Callable[[], None]:
        def step() -> None:
            if to_be_replaced:
                self._state.deleted_first.append(entry)
            self._processes[entry.resource.process].delete(entry.resource.provider, entry.id, entry.outputs)
            if to_be_replaced:
                entry.deleted = True
            else:
                self._forget(entry)()

        return step

    def _forget(self, entry: Entry) -> Callable[[], None]:
        def step() -> None:
            with self._state.lock:
                self._state.entries.remove(entry)

        return step


def _check(processes: Processes, resource: Resource, old: Entry | None) -> dict[str, Any]:
    inputs, failures = processes[resource.process].check(
        resource.provider, old.inputs if old else {}, resource.arguments
    )
    if failures:
        raise DriverError("; ".join(f"{resource.name}: {name}: {reason}" for name, reason in failures))
    return inputs
