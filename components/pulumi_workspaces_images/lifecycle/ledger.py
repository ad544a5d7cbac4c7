"""What the running update declares and has done: how a delete knows that its share is still wanted.

The engine creates first and deletes last, and one provider process serves the whole update. A resource that was
renamed, moved or swapped is, to the engine, one create and one delete of the same share: a delete that simply revokes
would end such an update with the share gone and the state claiming that it is there.
"""

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from ..share import Share


@dataclass
class _Record:
    """What is known of one share.

    Attributes:
        declared: a resource of the program declares it.
        failed: checking or granting it failed, and no grant has succeeded since.
        revoked: this process has revoked it, and not granted it again.
        kept: a resource of it was deleted without a revoke, so only another one can hold it now.
        serial: held while the share is granted, revoked or checked again.
    """

    declared: bool = False
    failed: bool = False
    revoked: bool = False
    kept: bool = False
    serial: threading.Lock = field(default_factory=threading.Lock)


class Ledger:
    """One record per share, and the exclusive list of each image. Safe for threads: one lock guards every record."""

    def __init__(self) -> None:
        """Start with nothing declared."""
        self._guard = threading.Lock()
        self._records: defaultdict[Share, _Record] = defaultdict(_Record)
        self._exclusive: dict[tuple[str, str], frozenset[str]] = {}

    @contextmanager
    def serialized(self, share: Share) -> Iterator[None]:
        """Let one thread at a time grant, revoke or re-check `share`.

        With `delete_before_replace` the engine deletes while later resources are still being checked: whoever is second
        must see what the first has done.
        """
        with self._guard:
            serial = self._records[share].serial
        with serial:
            yield

    def declare(self, share: Share) -> str | None:
        """Note that the program declares `share`; for check alone, as read and diff see what is no longer declared.

        Returns:
            What contradicts it: an exclusive list of the image without the account; None if nothing does.
        """
        with self._guard:
            self._records[share].declared = True
            listed = self._exclusive.get((share.image_id, share.region))
        if listed is None or share.shared_account_id in listed:
            return None
        return _contradiction(share)

    def declare_exclusive(self, image_id: str, region: str, accounts: frozenset[str]) -> list[str]:
        """Note that the program wants an image shared with nobody but `accounts`; for check alone.

        Returns:
            What contradicts it: declared shares of the image with other accounts, or another such list.
        """
        with self._guard:
            other = self._exclusive.setdefault((image_id, region), accounts)
            unlisted = sorted(
                share
                for share, record in self._records.items()
                if record.declared
                and (share.image_id, share.region) == (image_id, region)
                and share.shared_account_id not in accounts
            )
        contradictions = [_contradiction(share) for share in unlisted]
        if other != accounts:
            contradictions.append(
                f"two ImageSharesExclusive of image {image_id} in {region} list different accounts, "
                f"{', '.join(sorted(other ^ accounts))} not in both: each would revoke what the other allows; keep one"
            )
        return contradictions

    def is_declared(self, share: Share) -> bool:
        """Tell whether a resource of the running program declares `share`."""
        with self._guard:
            return share in self._records and self._records[share].declared

    def granted(self, share: Share) -> None:
        """Note that `share` was granted by this process."""
        with self._guard:
            self._records[share].revoked = self._records[share].failed = False

    def revoked(self, share: Share) -> None:
        """Note that `share` was revoked by this process."""
        with self._guard:
            self._records[share].revoked = True

    def was_revoked(self, share: Share) -> bool:
        """Tell whether this process has revoked `share` and not granted it again."""
        with self._guard:
            return share in self._records and self._records[share].revoked

    def kept(self, share: Share) -> None:
        """Note that a resource of `share` was deleted without a revoke, as another one declares the share."""
        with self._guard:
            self._records[share].kept = True

    def was_kept(self, share: Share) -> bool:
        """Tell whether a resource of `share` was deleted without a revoke: only the other one can hold it now."""
        with self._guard:
            return share in self._records and self._records[share].kept

    @contextmanager
    def taking_over(self, share: Share | None) -> Iterator[None]:
        """Note it if checking or granting the declared `share` fails in this context, for whatever reason."""
        try:
            yield
        except BaseException:
            self.failed(share)
            raise

    def failed(self, share: Share | None) -> None:
        """Note that checking or granting the declared `share` failed; None is nothing."""
        if share is not None:
            with self._guard:
                self._records[share].failed = True

    def has_failed(self, share: Share) -> bool:
        """Tell whether checking or granting `share` failed and no grant has succeeded since."""
        with self._guard:
            return share in self._records and self._records[share].failed


def _contradiction(share: Share) -> str:
    return (
        f"an ImageShare shares image {share.image_id} in {share.region} with {share.shared_account_id}, and the list "
        "of its ImageSharesExclusive does not hold that account; put it on the list, or remove the ImageShare"
    )
