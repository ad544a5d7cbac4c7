"""The accounts that may copy one image, read page by page, and only as far as needed."""

import threading
import time
from collections.abc import Callable, Iterable

from ..errors import ExpectedError
from .once import MAX_AGE

Page = tuple[Iterable[str], str | None]
"""The accounts of one page, and the token of the next one; None on the last."""


class Listing:
    """One image's listing, shared by all callers. Thread-safe. A request that failed is not repeated.

    Attributes:
        began: when this listing began, in seconds of the clock.
        first_look: when the first of a series of listings that confirm each other began.
    """

    def __init__(
        self,
        read_page: Callable[[str | None], Page],
        clock: Callable[[], float] = time.monotonic,
        first_look: float | None = None,
    ) -> None:
        """Read nothing yet.

        Args:
            read_page: reads the page of a token, or the first page for None.
            clock: the time in seconds.
            first_look: when the first listing began that this one is to confirm. Default: this one is the first.
        """
        self._clock = clock
        self.began = clock()
        self.first_look = self.began if first_look is None else first_look
        self._read_page = read_page
        self._lock = threading.Lock()
        self._accounts: set[str] = set()
        self._token: str | None = None
        self._complete = False
        self._error: ExpectedError | None = None
        self._read_at = self.began

    def holds(self, account: str) -> bool:
        """Tell whether `account` is listed; pages are read until it is found.

        Raises:
            ExpectedError: what `read_page` raised, now or for another caller.
        """
        while not self._read_on(account):
            pass
        return account in self._accounts

    def accounts(self) -> frozenset[str]:
        """Return all accounts that are listed. A partial listing is never returned.

        Raises:
            ExpectedError: what `read_page` raised, now or for another caller.
        """
        while not self._read_on():
            pass
        return frozenset(self._accounts)

    def is_old(self) -> bool:
        """Tell whether it is too old to use: `MAX_AGE` seconds have passed since its newest page was read.

        The newest page counts, not the first one, because under throttling many pages may take longer than `MAX_AGE`.
        """
        return self._clock() - self._read_at > MAX_AGE

    def _read_on(self, until: str | None = None) -> bool:
        """Read the next page, unless `until` is listed already; return whether no more is needed."""
        with self._lock:
            if self._complete or until in self._accounts:
                return True
            if self._error:
                raise self._error.again()
            try:
                accounts, self._token = self._read_page(self._token)
            except ExpectedError as error:
                self._error = error.again()
                raise
            finally:
                self._read_at = self._clock()
            self._accounts.update(accounts)
            self._complete = not self._token
            return self._complete or until in self._accounts
