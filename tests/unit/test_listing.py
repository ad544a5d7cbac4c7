"""The listing of an image's shares: each page is read once, and only if it is needed."""

import traceback

import pytest

from pulumi_workspaces_images.aws.listing import Listing, Page
from pulumi_workspaces_images.aws.once import MAX_AGE
from pulumi_workspaces_images.errors import Unanswered
from tests.unit.helpers import Clock

PAGES: dict[str | None, Page] = {None: (["a", "b"], "1"), "1": ([], "2"), "2": (["c"], "3"), "3": (["d"], None)}


class Book:
    """Pages that record each read, and may fail."""

    def __init__(self, *errors: Exception) -> None:
        self.read: list[str | None] = []
        self._errors = list(errors)

    def __call__(self, token: str | None) -> Page:
        self.read.append(token)
        if self._errors and token:
            raise self._errors.pop(0)
        return PAGES[token]


def test_pages_are_read_until_the_account_is_found() -> None:
    """The next search continues after the last page read. An empty page does not end it."""
    book = Book()
    listing = Listing(book)
    assert book.read == []
    assert listing.holds("b")
    assert listing.holds("a")
    assert book.read == [None]
    assert listing.holds("c")
    assert book.read == [None, "1", "2"]


def test_failed_page_is_not_requested_again() -> None:
    """Everything that needs it fails with the same error. The pages before it can still be used."""
    book = Book(Unanswered("no"))
    listing = Listing(book)
    for _ in range(2):
        with pytest.raises(Unanswered, match=r"^no$"):
            listing.holds("d")
        with pytest.raises(Unanswered, match=r"^no$"):
            listing.accounts()
    assert listing.holds("a")
    assert book.read == [None, "1"]


def test_traceback_of_a_repeated_failure_does_not_grow() -> None:
    """Each caller gets its own exception, because a shared one would collect the traceback of every raise."""
    listing = Listing(Book(Unanswered("no")))
    depths = set()
    for _ in range(50):
        with pytest.raises(Unanswered) as caught:
            listing.accounts()
        depths.add(len(list(traceback.walk_tb(caught.value.__traceback__))))
    assert max(depths) <= 4


def test_age_counts_from_the_newest_page() -> None:
    """So a listing that takes long to read is not started again before it is complete."""
    clock, book = Clock(), Book()
    listing = Listing(book, clock)
    assert listing.holds("a")
    clock.now += MAX_AGE
    assert not listing.is_old()
    assert listing.holds("c")
    clock.now += MAX_AGE
    assert not listing.is_old()
    clock.now += 1
    assert listing.is_old()
