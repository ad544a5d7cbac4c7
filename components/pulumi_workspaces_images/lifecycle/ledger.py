"""What the running update declares and has done, so that a delete knows whether its share is still declared.

The engine creates first and deletes last. If a resource was renamed, moved or swapped, the engine sees one create and
one delete of the same share. A delete that simply revokes would leave the share revoked at the end of the update, while
the state says that it exists. Create and delete may run in different provider processes, which share a record.
"""

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace

from ..errors import ExpectedError
from ..share import Share
from .processes import Process, this_process
from .record import Event, Record


@dataclass
class _Entry:
    """What is known about one share.

    Attributes:
        declared_by: the processes in whose check a resource of the program declared it.
        held: a declared resource has it: the grant succeeded, or the diff found the share or was told not to check.
        failed: its check or grant failed, and no grant has succeeded since.
        revoked: this update has started to revoke it, and has not granted it again.
        gone: this update has revoked it successfully, and has not granted it again.
        kept: a resource for it was deleted without a revoke, so only another resource can hold it now.
    """

    declared_by: set[Process] = field(default_factory=set)
    held: bool = False
    failed: bool = False
    revoked: bool = False
    gone: bool = False
    kept: bool = False


class Ledger:
    """One entry per share, and the exclusive list of each image.

    Thread-safe: one lock guards all entries. With a record, the processes of one engine share it.
    """

    def __init__(self, record: Record | None = None, unwritable: str = "") -> None:
        """Start with nothing declared.

        Args:
            record: the record shared with other processes; None for a ledger of this process alone.
            unwritable: why the record cannot be written; nothing may be revoked then.
        """
        self._record = record
        self._unwritable = unwritable
        self._me = this_process()
        self._guard = threading.Lock()
        self._locks: defaultdict[Share, threading.Lock] = defaultdict(threading.Lock)
        self._entries: defaultdict[Share, _Entry] = defaultdict(_Entry)
        self._exclusive: defaultdict[str, dict[str, frozenset[str]]] = defaultdict(dict)

    @contextmanager
    def serialized(self, share: Share) -> Iterator[None]:
        """Let one thread of one process at a time grant, revoke or re-check `share`.

        With `delete_before_replace` the engine deletes while later resources are still being checked. The second
        operation must see what the first has done.
        """
        with ExitStack() as locked:
            if self._record:
                try:
                    locked.enter_context(self._record.lock(share))
                except OSError as error:
                    raise _unwritable(error) from None
            else:
                with self._guard:
                    lock = self._locks[share]
                locked.enter_context(lock)
            yield

    def declare(self, share: Share) -> str | None:
        """Note that the program declares `share`. Only for check, because read and diff also see undeclared resources.

        Returns:
            The contradiction with an exclusive list of the image that lacks the account; None if there is none.
        """
        with self._noting(["declared", *share, *self._me]):
            known = self._exclusive.get(share.image_id, {})
            lists = [accounts for region, accounts in known.items() if may_be(region, share.region)]
        if all(share.shared_account_id in accounts for accounts in lists):
            return None
        return _contradiction(share)

    def declare_exclusive(self, image_id: str, region: str, accounts: frozenset[str]) -> list[str]:
        """Note that only `accounts` may have a share of an image. Only for check.

        Returns:
            The contradictions with declared shares of other accounts, and with another exclusive list of the image.
        """
        with self._noting(["exclusive", image_id, region, *sorted(accounts)]):
            others = [a for where, a in self._exclusive[image_id].items() if may_be(where, region) and a != accounts]
            unlisted = sorted(
                share
                for share, entry in self._entries.items()
                if entry.declared_by
                and share.image_id == image_id
                and may_be(share.region, region)
                and share.shared_account_id not in accounts
            )
        contradictions = [_contradiction(share) for share in unlisted]
        for other in others:
            unlike = ", ".join(sorted(other ^ accounts))
            contradictions.append(
                f"two ImageSharesExclusive of image {image_id} in {region} list different accounts, "
                f"{unlike} not in both: each would revoke what the other allows; keep one"
            )
        return contradictions

    def is_declared(self, share: Share) -> bool:
        """Tell whether a resource of the running program declares `share`."""
        return bool(self._entry(share).declared_by)

    def keeps(self, share: Share) -> bool:
        """Tell whether a deletion leaves `share` alone because another resource of this update declares it.

        Call it with the share `serialized`. A declared share that no resource holds yet is left to the process that
        declared it while that process runs.

        Raises:
            ExpectedError: the resource must stay in the state because no other resource has taken the share over.
        """
        entry = self._entry(share)
        if not entry.declared_by:
            return False
        if entry.failed or not (entry.held or any(process.runs() for process in entry.declared_by)):
            raise ExpectedError(
                f"{_kept(share)} because another resource declares the share and could not take it over; "
                "run `pulumi up` again"
            )
        self._note(["kept", *share])
        return True

    def found(self, share: Share) -> None:
        """Note that the diff of a resource found `share`, or was told not to check.

        Only declared resources count: a refresh also diffs resources that are no longer declared, before any check.
        """
        if self._me in self._entry(share).declared_by:
            self._note(["held", *share])

    def granting(self, share: Share) -> None:
        """Note that `share` is being granted, so that a process killed during the grant does not hold the share.

        What a diff found before does not count: the engine also diffs a resource that is going to be replaced, and that
        diff finds a share that another resource has.
        """
        self._note(["granting", *share])

    def granted(self, share: Share) -> None:
        """Note that `share` was granted."""
        self._note(["granted", *share])

    @contextmanager
    def revoking(self, share: Share) -> Iterator[None]:
        """Note that `share` is being revoked, and at the end of this context that it has been.

        Raises:
            ExpectedError: without a record, another process may have declared the share.
        """
        if self._unwritable:
            raise ExpectedError(f"{_kept(share)} because {self._unwritable}")
        self._note(["revoked", *share])  # before the outcome is known: a later check or grant corrects it
        yield
        self._note(["gone", *share])

    def is_held(self, share: Share) -> bool:
        """Tell whether a resource of this update is known to have `share`."""
        return self._entry(share).held

    def was_revoked(self, share: Share) -> bool:
        """Tell whether this update may have revoked `share`, and has not granted it again."""
        return self._entry(share).revoked

    def is_gone(self, share: Share) -> bool:
        """Tell whether this update has revoked `share`, and has not granted it again."""
        return self._entry(share).gone

    def was_kept(self, share: Share) -> bool:
        """Tell whether a resource for `share` was deleted without a revoke, so that only another one can hold it."""
        return self._entry(share).kept

    @contextmanager
    def taking_over(self, share: Share | None) -> Iterator[None]:
        """Note any failure to check or grant the declared `share` in this context."""
        try:
            yield
        except BaseException:
            self.failed(share)
            raise

    def failed(self, share: Share | None) -> None:
        """Note that checking or granting the declared `share` failed; with None, do nothing."""
        if share is not None:
            self._note(["failed", *share])

    def _entry(self, share: Share) -> _Entry:
        with self._noting():
            entry = self._entries.get(share) or _Entry()
            return replace(entry, declared_by=set(entry.declared_by))

    def _note(self, event: Event) -> None:
        with self._noting(event):
            pass

    @contextmanager
    def _noting(self, *events: Event) -> Iterator[None]:
        """Note events, and read those of other processes. Inside this context the entries are up to date."""
        with self._guard:
            try:
                news = self._record.exchange(events) if self._record else events
            except OSError as error:
                raise _unwritable(error) from None
            for event in news:
                self._apply(event)
            yield

    def _apply(self, event: Event) -> None:
        match event:
            case ["declared", image_id, account, region, pid, start]:
                self._entries[Share(image_id, account, region)].declared_by.add(Process(pid, start))
            case ["held", image_id, account, region]:
                self._entries[Share(image_id, account, region)].held = True
            case ["granting", image_id, account, region]:
                self._entries[Share(image_id, account, region)].held = False
            case ["granted", image_id, account, region]:
                entry = self._entries[Share(image_id, account, region)]
                entry.held, entry.failed, entry.revoked, entry.gone = True, False, False, False
            case ["revoked", image_id, account, region]:
                entry = self._entries[Share(image_id, account, region)]
                entry.held, entry.revoked = False, True
            case ["gone", image_id, account, region]:
                self._entries[Share(image_id, account, region)].gone = True
            case ["failed", image_id, account, region]:
                self._entries[Share(image_id, account, region)].failed = True
            case ["kept", image_id, account, region]:
                self._entries[Share(image_id, account, region)].kept = True
            case ["exclusive", image_id, region, *accounts]:
                self._exclusive[image_id].setdefault(region, frozenset(accounts))


def _unwritable(error: OSError) -> ExpectedError:
    return ExpectedError(
        f"the record of what this update declares can no longer be written ({error}); free some disk space, and run "
        "`pulumi up` again"
    )


def _kept(share: Share) -> str:
    return f"unsharing image {share.image_id} from {share.shared_account_id} in {share.region}: kept"


def may_be(region: str, other: str) -> bool:
    """Tell whether two Regions may be the same. A program looks none up: what it does not name is told in words."""
    return region == other or " " in region or " " in other


def _contradiction(share: Share) -> str:
    return (
        f"an ImageShare shares image {share.image_id} in {share.region} with {share.shared_account_id}, but that "
        "account is not on the list of its ImageSharesExclusive; put it on the list, or remove the ImageShare"
    )
