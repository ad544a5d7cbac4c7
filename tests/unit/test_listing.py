"""One image's listing: pages are read as far as somebody needs to know, once for all who ask."""

import traceback

import pytest

from pulumi_workspaces_images.aws.listing import Listing, Page
from pulumi_workspaces_images.aws.once import MAX_AGE
from pulumi_workspaces_images.errors import Unanswered
from tests.unit.helpers import Clock

PAGES: dict[str | None, Page] = {None: (["a", "b"], "1"), "1": ([], "2"), "2": (["c"], "3"), "3": (["d"], None)}


class Book:
    """Pages that are counted as they are read, and may fail."""

    def __init__(self, *errors: Exception) -> None:
        self.read: list[str | None] = []
        self._errors = list(errors)

    def __call__(self, token: str | None) -> Page:
        self.read.append(token)
        if self._errors and token:
            raise self._errors.pop(0)
        return PAGES[token]


def test_pages_are_read_until_the_account_is_found() -> None:
    """Who is on the first page costs one call; who comes later goes on from there, over an empty page as well."""
    book = Book()
    listing = Listing(book)
    assert book.read == []
    assert listing.holds("b")
    assert listing.holds("a")
    assert book.read == [None]
    assert listing.holds("c")
    assert book.read == [None, "1", "2"]


def test_failed_page_is_not_asked_for_again() -> None:
    """What was read before it counts; everybody who needs more meets the same failure, for one call."""
    book = Book(Unanswered("no"))
    listing = Listing(book)
    for _ in range(2):
        with pytest.raises(Unanswered, match=r"^no$"):
            listing.holds("d")
        with pytest.raises(Unanswered, match=r"^no$"):
            listing.accounts()
    assert listing.holds("a")
    assert book.read == [None, "1"]


def test_failure_that_is_met_many_times_does_not_grow() -> None:
    """Each caller gets an exception of its own: a shared one would collect the traceback of every raise."""
    listing = Listing(Book(Unanswered("no")))
    depths = set()
    for _ in range(50):
        with pytest.raises(Unanswered) as caught:
            listing.accounts()
        depths.add(len(list(traceback.walk_tb(caught.value.__traceback__))))
    assert max(depths) <= 4


def test_age_counts_from_the_newest_page() -> None:
    """A listing that takes long to read is not begun anew before it is done."""
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
